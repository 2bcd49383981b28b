"""Takes lines of a statement in: corrects, closes, lists conflicts, and remembers what it saw.

Each line is judged under the ledger's lock and its consequence journalled before the line itself
is, so that after a crash in between the same import finds the consequence done and agrees.
Importing the same lines again changes nothing.
"""

from __future__ import annotations

import re

from kiosk.domain.errors import BadInputError
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.refund import LineFate, RefundState, Witness
from kiosk.link.back_office import StatementTaken, TakeStatement
from kiosk.money.decisions import DecisionDesk, Resolve
from kiosk.money.ledger import Ledger
from kiosk.money.records import NotedLine, RefundEnded, StatementNoted
from kiosk.money.statements.matching import judge
from kiosk.money.words import check_word

LINES_IN_CALL_MAX = 400
"""Lines in one message, and so in one record: 90 KB, below the record's limit."""
_NAME = re.compile(r"[0-9a-f]{32}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_REFERENCE = re.compile(r"[A-Z2-7]{18}", re.ASCII)
REFERENCES_MAX = 32
"""In one line: more are a batch, which is ambiguous anyway."""

_NOT_NOTED = frozenset({LineFate.IN_FLIGHT, LineFate.UNKNOWN_REFERENCE, LineFate.KNOWN_LINE})


class StatementDesk:
    """Takes statements in. Safe to use from several threads."""

    def __init__(self, ledger: Ledger, decisions: DecisionDesk, resolve: Resolve) -> None:
        """Take what it works with."""
        self._ledger = ledger
        self._decisions = decisions
        self._resolve = resolve

    def take(self, ask: TakeStatement) -> StatementTaken:
        """Take lines in and say what became of each.

        Raises:
            BadInputError: The message is none that `reduce_lines` made.
            JournalWriteError: Some lines may have been taken in; import the statement again.
        """
        staff = check_word(ask.staff, "staff id")
        _check(ask)
        with self._ledger.lock:
            book = self._ledger.book
            refunds = {it.reference: it for it in book.refunds.entries.values()}
            noted: list[NotedLine] = []
            fates: list[LineFate] = []
            answered: set[tuple[str, bool]] = set()
            for line in ask.lines:
                fate = judge(book, line, refunds, book.by_reference)
                reference = next(
                    (it for it in line.references if it in book.by_reference or it in refunds),
                    line.references[0],
                )
                if fate in _ANSWERS and (reference, line.is_credit) in answered:
                    # A line above in this very call answers for it.
                    fate = LineFate.TWICE
                fate = self._follow(reference, fate, staff)
                if fate in _ANSWERS:
                    answered.add((reference, line.is_credit))
                if fate not in _NOT_NOTED:
                    noted.append(NotedLine(line.line, reference, line.is_credit, line.amount, fate))
                fates.append(fate)
            if noted:
                self._ledger.append(
                    StatementNoted(self._ledger.time(), ask.statement, staff, tuple(noted))
                )
        return StatementTaken(tuple(fates))

    def _follow(self, reference: str, fate: LineFate, staff: str) -> LineFate:
        """Journal what follows from a line, and return what became of it."""
        book = self._ledger.book
        match fate:
            case LineFate.SETTLED:
                key = book.by_reference[reference]
                taken = self._resolve(
                    key, AttemptEnd.SETTLED, "statement", Witness.STATEMENT, staff=staff
                )
                return fate if taken else LineFate.IN_FLIGHT
            case LineFate.NOT_PAID_HERE:
                self._decisions.contradicted(book.by_reference[reference], Witness.STATEMENT)
                return fate
            case LineFate.REFUND_DONE:
                number = next(
                    number
                    for number in book.refunds.open
                    if book.refunds.entries[number].reference == reference
                )
                self._ledger.append(
                    RefundEnded(
                        self._ledger.time(),
                        number,
                        RefundState.DONE,
                        "statement",
                        Witness.STATEMENT,
                        staff=staff,
                    )
                )
                return fate
            case _:
                return fate


_ANSWERS = frozenset(
    {LineFate.SETTLED, LineFate.AGREES, LineFate.REFUND_DONE, LineFate.NOT_PAID_HERE}
)
"""Fates of the one line that answers for its payment or refund."""


def _check(ask: TakeStatement) -> None:
    names = [line.line for line in ask.lines]
    fits = (
        len(ask.lines) <= LINES_IN_CALL_MAX
        and len(set(names)) == len(names)
        and _DIGEST.fullmatch(ask.statement)
        and all(_NAME.fullmatch(name) for name in names)
        and all(_are_references(line.references) for line in ask.lines)
    )
    if not fits:
        raise BadInputError(
            "These are no lines of a statement.",
            code="statement_lines_bad",
            mend="Import the file with smiletill money statement.",
        )


def _are_references(references: tuple[str, ...]) -> bool:
    return 0 < len(references) <= REFERENCES_MAX and all(
        _REFERENCE.fullmatch(it) for it in references
    )
