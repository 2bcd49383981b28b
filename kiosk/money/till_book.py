"""What tills have asked for, and what they were answered: the book's part for the till interface.

Only values and their changes; what a request means is in kiosk/money/till.

Invariants: one request has one answer, which never changes; a request is known before anything
comes of it. At most `ANSWERS_KEPT` answers are at hand; older ones are in the journal alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kiosk.domain.ids import OrderId
from kiosk.money.records import TillAnswered, TillAsked

ANSWERS_KEPT = 2_000
"""Answers of some 2 KB each at hand: days of a busy till."""

RECONCILIATION = "Reconciliation"
"""The category that closes a till's shift."""

TICK = timedelta(microseconds=1)
"""The grain of a record's time; a shift begins after the record that ended the one before."""

TillKey = tuple[str, str]
"""Name of the till, id of its request."""


@dataclass(frozen=True, slots=True)
class TillEntry:
    """One request of a till, and its answer once there is one."""

    category: str
    order_id: OrderId
    digest: str
    is_answered: bool = False
    answer: str = ""
    """Empty although it is answered: an old one, which only the journal holds any more."""


@dataclass(slots=True)
class TillBook:
    """Everything that tills have asked for."""

    asked: dict[TillKey, TillEntry] = field(default_factory=dict)
    at_hand: deque[TillKey] = field(default_factory=deque)
    """Requests whose answers are in memory, oldest first."""
    owners: dict[OrderId, str] = field(default_factory=dict)
    """Which till asked for an order first."""
    shifts: dict[str, datetime] = field(default_factory=dict)
    """When each till's present shift began: at its last reconciliation."""


def till_objection(book: TillBook, record: TillAsked | TillAnswered) -> str | None:
    """Say why a record cannot follow what is in the book, or None if it can."""
    entry = book.asked.get((record.till, record.service_id))
    match record:
        case TillAsked():
            return None if entry is None else "the request was asked"
        case TillAnswered():
            fits = entry is not None and not entry.is_answered
            return None if fits else "there is nothing to answer"


def apply_till(book: TillBook, record: TillAsked | TillAnswered) -> None:
    """Take a record in. The caller has asked for objections."""
    name = (record.till, record.service_id)
    match record:
        case TillAsked():
            book.asked[name] = TillEntry(record.category, record.order_id, record.digest)
            if record.order_id:
                book.owners.setdefault(record.order_id, record.till)
        case TillAnswered():
            book.asked[name] = replace(book.asked[name], is_answered=True, answer=record.answer)
            book.at_hand.append(name)
            if book.asked[name].category == RECONCILIATION:
                book.shifts[record.till] = record.time + TICK
            if len(book.at_hand) > ANSWERS_KEPT:
                old = book.at_hand.popleft()
                book.asked[old] = replace(book.asked[old], answer="")
