"""What the journal's records say of bank statements: lines taken in, and conflicts still open.

Pure, like kiosk/money/refund_book.py.
A line is named by a digest (kiosk/money/statements), never by its text, which may hold a name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from kiosk.money.records import ConflictClosed, NotedLine, StatementNoted


@dataclass(frozen=True, slots=True)
class Noted:
    """One line that was taken in, and when."""

    line: NotedLine
    at: datetime


@dataclass(slots=True)
class StatementBook:
    """All lines that were taken in."""

    lines: dict[str, Noted] = field(default_factory=dict)
    settled_by: dict[tuple[str, bool], str] = field(default_factory=dict)
    """By reference and direction (credit: True): the line that answers for it."""
    conflicts: dict[str, None] = field(default_factory=dict)
    """Lines that a person has to look at, oldest first (an ordered set)."""


def noted_objection(book: StatementBook, record: StatementNoted) -> str | None:
    """Say why these lines cannot be taken in, or None if they can."""
    names = [line.line for line in record.lines]
    if len(set(names)) != len(names) or any(name in book.lines for name in names):
        return "a line of the statement was taken in before"
    return None


def closed_objection(book: StatementBook, record: ConflictClosed) -> str | None:
    """Say why a conflict cannot be closed, or None if it can."""
    return None if record.item in book.conflicts else "there is no such open conflict"


def apply_noted(book: StatementBook, record: StatementNoted) -> None:
    """Take lines in."""
    for line in record.lines:
        book.lines[line.line] = Noted(line, record.time)
        if line.fate.is_conflict:
            book.conflicts[line.line] = None
        else:
            book.settled_by.setdefault((line.reference, line.is_credit), line.line)


def apply_closed(book: StatementBook, record: ConflictClosed) -> None:
    """Take in that somebody has looked at a conflict."""
    book.conflicts.pop(record.item, None)
