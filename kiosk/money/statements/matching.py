"""Knows payments again in a statement: finds references in texts, and says what a line means.

Pure. Two halves: `reduce_lines` runs where the file was read and lets nothing but references,
sums and a digest go on; `judge` runs where the book is and decides each line's fate.
Exactness is all: a line counts only with our 18 characters and the very sum and currency.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import assert_never

from kiosk.domain.ids import REFERENCE_LENGTH, IdempotencyKey, reference_of
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.refund import LineFate, RefundState, RefundWay
from kiosk.link.back_office import StatementLine
from kiosk.money.book import Attempt, Book
from kiosk.money.refund_book import RefundEntry
from kiosk.money.statements.line import RawLine, RawStatement


@dataclass(frozen=True, slots=True)
class Reduced:
    """A statement's lines that name references of ours, and how many do not."""

    lines: tuple[StatementLine, ...]
    unknown: int


def references_of(book: Book) -> set[str]:
    """Return every reference that a statement could show: of payments and of refunds."""
    refunds = {refund.reference for refund in book.refunds.entries.values()}
    return refunds | {reference_of(key) for key in book.attempts}


def references_in(text: str, known: Container[str]) -> tuple[str, ...]:
    """Return the known references in a text, in order, each once.

    Banks break long texts and put words around: blanks are taken out and every place is tried.
    18 characters of base 32 are 90 bits, so no other text is taken for one by chance.
    """
    dense = "".join(text.split()).upper()
    found: dict[str, None] = {}
    for start in range(len(dense) - REFERENCE_LENGTH + 1):
        piece = dense[start : start + REFERENCE_LENGTH]
        if piece in known:
            found[piece] = None
    return tuple(found)


def reduce_lines(statement: RawStatement, known: Container[str]) -> Reduced:
    """Keep of a statement what names a payment or refund of ours.

    A line's name is a digest of what it says of the money, of its booking date and of how many like
    it stood above it: the same in every export of the same account, as CSV or as camt.053.
    """
    lines: list[StatementLine] = []
    seen: Counter[str] = Counter()
    for raw in statement.lines:
        references = references_in(raw.text, known)
        if references and raw.amount.minor_units:
            says = _says(raw, references)
            seen[says] += 1
            lines.append(
                StatementLine(
                    line=hashlib.sha256(f"{says}|{seen[says]}".encode()).hexdigest()[:32],
                    references=references,
                    is_credit=raw.is_credit,
                    amount=raw.amount,
                    is_reversal=raw.is_reversal,
                )
            )
    return Reduced(tuple(lines), len(statement.lines) - len(lines))


def _says(raw: RawLine, references: tuple[str, ...]) -> str:
    direction = ("credit" if raw.is_credit else "debit") + ("-reversal" if raw.is_reversal else "")
    return "|".join([direction, str(raw.amount), raw.date, *sorted(references)])


def judge(
    book: Book,
    line: StatementLine,
    refunds: Mapping[str, RefundEntry],
    payments: Mapping[str, IdempotencyKey],
) -> LineFate:
    """Say what a line means. Nothing is changed here.

    Args:
        book: What the journal says.
        line: The line.
        refunds: Refunds by reference.
        payments: Keys of attempts by reference.
    """
    if line.line in book.statements.lines:
        return LineFate.KNOWN_LINE
    ours = [it for it in line.references if it in refunds or it in payments]
    if not ours:
        return LineFate.UNKNOWN_REFERENCE
    if len(ours) > 1:
        return LineFate.AMBIGUOUS
    refund = refunds.get(ours[0])
    is_expected = line.is_credit is (refund is None) and not line.is_reversal
    amount = book.attempts[payments[ours[0]]].amount if refund is None else refund.amount
    if not is_expected:
        return LineFate.UNEXPECTED
    if line.amount != amount:
        return LineFate.AMOUNT_DIFFERS
    if (ours[0], line.is_credit) in book.statements.settled_by:
        return LineFate.TWICE
    if refund is not None:
        return _fate_of_refund(refund)
    return _fate_of_payment(book.attempts[payments[ours[0]]])


def _fate_of_payment(attempt: Attempt) -> LineFate:
    match attempt.end:
        case None:
            return LineFate.IN_FLIGHT
        case AttemptEnd.SETTLED:
            return LineFate.AGREES
        case AttemptEnd.UNKNOWN:
            # What the bank took back was there before: the line may be the older of the two.
            return LineFate.UNEXPECTED if attempt.is_reversed else LineFate.SETTLED
        case AttemptEnd.DECLINED | AttemptEnd.NOT_SENT | AttemptEnd.NEVER_ARRIVED:
            return LineFate.NOT_PAID_HERE
        case _ as never:
            assert_never(never)


def _fate_of_refund(refund: RefundEntry) -> LineFate:
    match refund.state:
        case RefundState.DONE:
            return LineFate.AGREES
        case RefundState.NOT_DONE:
            return LineFate.UNEXPECTED
        case RefundState.PENDING if refund.way is RefundWay.API:
            return LineFate.IN_FLIGHT
        case RefundState.PENDING | RefundState.UNKNOWN:
            return LineFate.REFUND_DONE
        case _ as never:
            assert_never(never)
