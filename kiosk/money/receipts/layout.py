"""A receipt as rows from top to bottom, the same for every kind of paper.

`rows_of` says what stands where; renderers only say how a row looks. Fitting a row into a width is
here too (`wrap`, `pair_lines`), by a renderer's own measure: characters on paper rolls, points in
a PDF. Text from outside is made harmless first (`clean`): a till's line must not be able to send
commands to a printer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from kiosk.money.receipts.model import Copy, Receipt
from kiosk.money.receipts.texts import WORDS, Language, Words

Measure = Callable[[str], float]
IsAllowed = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Heading:
    """Who is paid."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence in the middle."""

    text: str


@dataclass(frozen=True, slots=True)
class Banner:
    """What nobody may overlook."""

    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Something on the left and its value on the right."""

    left: str
    right: str
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across."""


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code; left out where none can be drawn."""

    content: str


Row = Heading | Note | Banner | Pair | Rule | Code


def rows_of(receipt: Receipt, language: Language, *, with_code: bool = False) -> tuple[Row, ...]:
    """Say what a receipt shows, from top to bottom.

    Args:
        receipt: The facts.
        language: The words.
        with_code: Also show the reference as a QR code, if there is one.
    """
    words = WORDS[language]
    rows: list[Row] = [Heading(receipt.payee), Note(words.title), Note(words.copies[receipt.copy])]
    if receipt.reprint:
        rows.append(Banner(words.reprint.format(number=receipt.reprint)))
    rows.append(Rule())
    rows += [Pair(it.text, words.amount(it.amount, bare=True)) for it in receipt.lines]
    if receipt.lines:
        rows.append(Rule())
    rows.append(Pair(words.total, words.amount(receipt.total), is_strong=True))
    for refund in receipt.refunds:
        form = words.refund if refund.is_done else words.refund_pending
        said = form.format(time=words.moment(refund.at.astimezone(receipt.at.tzinfo)))
        rows.append(Pair(said, f"-{words.amount(refund.amount)}"))
    rows += [Banner(words.states[receipt.state]), *_notes(receipt, words), Rule()]
    rows += _details(receipt, words)
    if with_code and receipt.reference:
        rows.append(Code(receipt.reference))
    return tuple(rows)


def _notes(receipt: Receipt, words: Words) -> list[Row]:
    said = [words.notes[receipt.state]]
    if receipt.is_unresolved:
        said.append(words.unresolved)
    return [Note(text) for text in said if text]


def _details(receipt: Receipt, words: Words) -> list[Row]:
    found = [
        (words.order, receipt.order_id),
        (words.time, words.moment(receipt.at)),
        (words.account, receipt.account_hint),
        (words.reference, receipt.reference),
        (words.terminal, receipt.terminal),
    ]
    if receipt.copy is Copy.MERCHANT:
        if receipt.authorisation is not None:
            found.append((words.authorised, words.authorisation(receipt.authorisation)))
        found.append((words.bank_id, receipt.payment_ref or ""))
    return [Pair(left, right) for left, right in found if right]


_PLAIN = dict(zip("\u2022\u2013\u2014\u2018\u2019\u201c\u201d\u201e", '*--\'\'"""', strict=True))
"""What stands in for a character that a printer or a font does not have."""


def clean(text: str, is_allowed: IsAllowed) -> str:
    """Make a text of anywhere fit to be shown: one line, no control, only characters there are.

    A character that there is not becomes the plain one it is made of, else a question mark.
    """
    shown = []
    for char in unicodedata.normalize("NFC", text):
        if char.isspace() or unicodedata.category(char).startswith("C"):
            shown.append(" ")
        elif is_allowed(char):
            shown.append(char)
        else:
            plain = _PLAIN.get(char) or unicodedata.normalize("NFKD", char)[:1]
            # A mark that stands alone is dropped with the letter it cannot be joined to.
            is_mark = unicodedata.category(char).startswith("M")
            shown.append("" if is_mark else plain if plain.isascii() else "?")
    return " ".join("".join(shown).split())


def wrap(text: str, width: float, measure: Measure) -> list[str]:
    """Break a text into lines not wider than `width`, at spaces where there are any.

    A single character that is wider than that stands alone on its line.
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if measure(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while measure(line) > width and len(line) > 1:
            fits = _fitting(line, width, measure)
            lines.append(line[:fits])
            line = line[fits:]
    return [*lines, line] if line else lines


def _fitting(word: str, width: float, measure: Measure) -> int:
    fits = len(word)
    while fits > 1 and measure(word[:fits]) > width:
        fits -= 1
    return fits


def pair_lines(
    left: str, right: str, width: float, gap: float, measure: Measure
) -> list[tuple[str, str]]:
    """Fit a pair into a width: one line if it can be, never a part of an amount cut off.

    Args:
        left: May take several lines; the value stands on its first.
        right: Gets lines of its own where there is too little room beside it.
        width: Of the whole line.
        gap: Least distance between the two.
        measure: Width of a text, in the same unit.
    """
    room = width - measure(right) - gap
    if measure(left) > room and room < width / 4:
        below = [("", line) for line in wrap(right, width, measure)]
        return [*((line, "") for line in wrap(left, width, measure)), *below]
    first, *rest = wrap(left, room, measure) or [""]
    return [(first, right), *((line, "") for line in rest)]
