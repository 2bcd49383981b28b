"""What the window says, by key and by reason code, in the languages there are.

Every reason code has two sentences: what happened, and what to do about it. A code that the window
does not know is said in the words of whoever sent it; nothing is hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from enrollment import words
from enrollment.model.result import Result
from enrollment.qt import texts_de, texts_en
from kiosk.domain.money import Money

LANGUAGES = {
    "en": (texts_en.WORDS, texts_en.PROBLEMS, texts_en.REASONS, texts_en.HINTS),
    "de": (texts_de.WORDS, texts_de.PROBLEMS, texts_de.REASONS, texts_de.HINTS),
}
DEFAULT_LANGUAGE = "en"
_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Sentences:
    """What happened, and what to do."""

    what: str
    mend: str


class Texts:
    """One language."""

    def __init__(self, language: str) -> None:
        """Take a language, or the default where that is not known."""
        self.language = language if language in LANGUAGES else DEFAULT_LANGUAGE
        self.words, self._problems, self._reasons, self._hints = LANGUAGES[self.language]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text. A key without one is our mistake, or a state of a newer faces."""
        text = self.words.get(key)
        if text is None:
            return key.rsplit("_", 1)[-1].replace("_", " ")
        return text.format(**values) if values else text

    def day(self, stamp: str) -> str:
        """Write the date of an ISO time stamp as people of this language do."""
        try:
            day = date.fromisoformat(stamp[:10])
        except ValueError:
            return stamp[:10]
        if self.language == "de":
            return f"{day.day:02d}.{day.month:02d}.{day.year}"
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def amount(self, money: Money) -> str:
        """Write a sum as people of this language do."""
        whole, cents = divmod(money.minor_units, 100)
        symbol = _SYMBOLS.get(money.currency, money.currency)
        if self.language == "de":
            thousands = f"{whole:,}".replace(",", ".")
            return f"{thousands},{cents:02d}\N{NO-BREAK SPACE}{symbol}"
        gap = "" if len(symbol) == 1 else "\N{NO-BREAK SPACE}"
        return f"{symbol}{gap}{whole:,}.{cents:02d}"

    def other(self) -> str:
        """Return the language after this one."""
        codes = list(LANGUAGES)
        return codes[(codes.index(self.language) + 1) % len(codes)]

    def problem(self, code: str) -> str:
        """Return what is wrong with an entry, in one sentence."""
        known = self._problems.get(code)
        if known:
            return known
        reason = self._reasons.get(code)
        return f"{reason[0]} {reason[1]}" if reason else code.replace("_", " ")

    def hint(self, code: str) -> str:
        """Return what the customer shall do so that the next frame is of use."""
        return self._hints.get(code, code.replace("_", " "))

    def trouble(self, code: str, message: str = "", mend: str = "") -> Sentences:
        """Return the sentences of a reason code; an unknown one keeps those it came with."""
        known = self._reasons.get(code)
        if known is not None:
            return Sentences(*known)
        if code in self._hints:
            return Sentences(self._reasons["frames_bad"][0], self._hints[code])
        if code in self._problems:
            return Sentences(self._problems[code], "")
        if message:
            return Sentences(message, mend)
        spoken = words.REFUSALS.get(code) or words.RIGHTS_REFUSED.get(code)
        if spoken:
            return Sentences(spoken, "")  # in English: better than that something went wrong
        return Sentences(*self._reasons["other"])

    def rehearsal(self, result: Result) -> str:
        """Return how the rehearsal went, in one sentence."""
        if not result.rehearsed:
            return self("not_rehearsed")
        if result.recognised:
            asked = [self(f"asked_{factor}") for factor in result.asked]
            if not asked:
                return self("rehearsed", seconds=result.seconds)
            return self("rehearsed_asked", seconds=result.seconds, asked=self("and").join(asked))
        return self("rehearsal_failed", why=self.problem(result.rehearsal_reason))
