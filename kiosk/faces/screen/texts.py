"""What the screen says, by key and by reason code, in the languages there are.

Every reason code has two sentences: what happened, and what to do about it
(tests/screen/test_texts.py finds every code that the code can produce).
A language is a module with two plain dictionaries; nothing is translated at run time.
"""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.domain.money import Money
from kiosk.faces.screen import texts_de, texts_en

LANGUAGES = {
    "en": (texts_en.WORDS, texts_en.REASONS),
    "de": (texts_de.WORDS, texts_de.REASONS),
}
DEFAULT_LANGUAGE = "en"
_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}


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
        self.words, self._reasons = LANGUAGES[self.language]

    def reason(self, code: str) -> Sentences:
        """Return the sentences of a reason code; an unknown one sends to staff."""
        what, mend = self._reasons.get(code) or self._reasons["other"]
        return Sentences(what, mend)

    def amount(self, money: Money) -> str:
        """Write a sum as people of this language write it."""
        whole, cents = divmod(money.minor_units, 100)
        symbol = _SYMBOLS.get(money.currency, money.currency)
        if self.language == "de":
            thousands = f"{whole:,}".replace(",", ".")
            return f"{thousands},{cents:02d}\N{NO-BREAK SPACE}{symbol}"
        gap = "" if len(symbol) == 1 else "\N{NO-BREAK SPACE}"
        return f"{symbol}{gap}{whole:,}.{cents:02d}"
