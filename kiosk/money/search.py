"""Finds payments by order, reference, time or amount: newest first, never more than asked for.

Pure, and no name anywhere: money has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import OrderId, reference_of
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.money.book import Attempt, Book, OrderEntry
from kiosk.money.open_items import due_back, refundable, settled_keys
from kiosk.money.refund_book import RefundEntry

FOUND_MAX = 200
"""As many as a person can look through; more says that the question was too wide."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; what is None is not asked. Times: from `since` on, before `until`."""

    order_id: str | None = None
    """The beginning of an order's id."""
    reference: str | None = None
    """Of a payment or of a refund, as the statement shows it."""
    amount: Money | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50

    def __post_init__(self) -> None:
        """Refuse a question that has no answer or no end."""
        times = (self.since, self.until)
        if any(time is not None and time.tzinfo is None for time in times):
            message = "a time without a zone means nothing in a journal"
            raise ValueError(message)
        if not 0 < self.limit <= FOUND_MAX:
            raise BadInputError(
                "That many payments are not listed at once.",
                code="limit_bad",
                mend=f"Ask for 1 to {FOUND_MAX}.",
            )


@dataclass(frozen=True, slots=True)
class Found:
    """One order with its attempts and refunds, oldest first each."""

    order_id: OrderId
    amount: Money
    state: OrderState
    reason: str
    opened_at: datetime
    attempts: tuple[Attempt, ...]
    refunds: tuple[RefundEntry, ...]
    refundable: int
    """Minor units that could still be given back."""
    due_back: int
    """Minor units that must be given back."""


def find_payments(book: Book, query: Query) -> tuple[Found, ...]:
    """Return the orders that fit, newest first."""
    found: list[Found] = []
    for entry in _candidates(book, query):
        if _fits(book, entry, query):
            found.append(look_at(book, entry))
            if len(found) == query.limit:
                break
    return tuple(found)


def look_at(book: Book, entry: OrderEntry) -> Found:
    """Return an order with everything that happened to its money."""
    return Found(
        order_id=entry.order.order_id,
        amount=entry.order.amount,
        state=entry.state,
        reason=entry.reason,
        opened_at=entry.opened_at,
        attempts=tuple(book.attempts[key] for key in entry.keys),
        refunds=tuple(book.refunds.of(entry.keys)),
        refundable=sum(refundable(book, key) for key in settled_keys(book, entry)),
        due_back=sum(due_back(book, key) for key in settled_keys(book, entry)),
    )


def _candidates(book: Book, query: Query) -> Iterator[OrderEntry]:
    if query.reference is None:
        yield from reversed(book.orders.values())
        return
    asked = query.reference.strip().upper()
    for key, attempt in book.attempts.items():
        if reference_of(key) == asked:
            yield book.orders[attempt.order_id]
            return
    for refund in book.refunds.entries.values():
        if refund.reference == asked:
            yield book.orders[refund.order_id]
            return


def _fits(book: Book, entry: OrderEntry, query: Query) -> bool:
    if query.order_id is not None and not entry.order.order_id.startswith(query.order_id):
        return False
    if query.amount is not None and entry.order.amount != query.amount:
        return False
    times = [entry.opened_at, *(book.attempts[key].at for key in entry.keys)]
    return any(_within(time, query) for time in times)


def _within(time: datetime, query: Query) -> bool:
    after = query.since is None or time >= query.since
    return after and (query.until is None or time < query.until)
