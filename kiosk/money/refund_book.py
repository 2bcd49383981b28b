"""What the journal's records say of refunds: which there are, and how much of a payment is left.

Pure: the book (kiosk/money/book.py) asks for objections first and applies after, with the running
process and with a replay alike.

Invariants: what went back or may still go back of one attempt never exceeds what it took; an ended
refund stays as it ended, unless the bank takes back that it was done; a request id names one
refund for ever; numbers count up from 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from kiosk.domain.ids import IdempotencyKey, OrderId, PaymentRef, reference_of
from kiosk.domain.money import Money
from kiosk.domain.refund import RefundState, RefundWay, Witness
from kiosk.money.records import RefundEnded, RefundOpened, RefundReversed


@dataclass(frozen=True, slots=True)
class RefundEntry:
    """One refund. `number` is what staff call it: the number of its task."""

    number: int
    request_id: str
    key: IdempotencyKey
    """The attempt whose money goes back."""
    refund_key: IdempotencyKey
    order_id: OrderId
    amount: Money
    way: RefundWay
    staff: str
    why: str
    opened_at: datetime
    state: RefundState = RefundState.PENDING
    reason: str = ""
    ended_at: datetime | None = None
    by: Witness | None = None
    closed_by: str = ""
    refund_ref: PaymentRef | None = None

    @property
    def reference(self) -> str:
        """What the outgoing transfer shows."""
        return reference_of(self.refund_key)

    @property
    def payment_reference(self) -> str:
        """What the incoming payment shows on the statement."""
        return reference_of(self.key)


@dataclass(slots=True)
class RefundBook:
    """All refunds that the records so far tell of."""

    entries: dict[int, RefundEntry] = field(default_factory=dict)
    by_request: dict[str, int] = field(default_factory=dict)
    of_attempt: dict[IdempotencyKey, tuple[int, ...]] = field(default_factory=dict)
    open: dict[int, None] = field(default_factory=dict)
    """Numbers of refunds without an end, oldest first (an ordered set)."""
    came_back: dict[int, int] = field(default_factory=dict)
    """Refunds that were done and are not, oldest first, about which staff have said nothing; with
    the number of the first refund after that: such a one may have replaced it."""

    @property
    def next_number(self) -> int:
        """The number that the next refund gets."""
        return len(self.entries) + 1

    def of(self, keys: Iterable[IdempotencyKey]) -> list[RefundEntry]:
        """Return the refunds of these attempts, oldest first."""
        numbers = sorted(number for key in keys for number in self.of_attempt.get(key, ()))
        return [self.entries[number] for number in numbers]

    def owed_again(self) -> list[tuple[RefundEntry, int]]:
        """Return what came back and what of it, in minor units, no later refund gives again."""
        found = []
        used: dict[IdempotencyKey, int] = {}
        for number, since in self.came_back.items():
            entry = self.entries[number]
            later = sum(
                it.amount.minor_units
                for it in self.of([entry.key])
                if it.number >= since and it.state.holds_money
            )
            again = min(later - used.get(entry.key, 0), entry.amount.minor_units)
            used[entry.key] = used.get(entry.key, 0) + again
            if again < entry.amount.minor_units:
                found.append((entry, entry.amount.minor_units - again))
        return found

    def held(self, key: IdempotencyKey) -> int:
        """Return the minor units of an attempt that went back or may still go back."""
        return sum(it.amount.minor_units for it in self.of([key]) if it.state.holds_money)


def opened_objection(book: RefundBook, record: RefundOpened, paid: Money | None) -> str | None:
    """Say why a refund cannot be opened, or None if it can.

    Args:
        book: The refunds so far.
        record: The refund.
        paid: What the attempt took, or None if it took nothing for certain.
    """
    if record.number != book.next_number:
        return "the refund has another number"
    if record.request_id in book.by_request:
        return "the refund was asked for before"
    if paid is None:
        return "there is no payment to refund"
    if record.amount.currency != paid.currency or not record.amount.minor_units:
        return "the refund is of no sum of the payment's currency"
    if book.held(record.key) + record.amount.minor_units > paid.minor_units:
        return "more would go back than was paid"
    return None


def ended_objection(book: RefundBook, record: RefundEnded, paid: Money | None) -> str | None:
    """Say why a refund cannot end like this, or None if it can.

    Args:
        book: The refunds so far.
        record: How it ended.
        paid: What its attempt took, or None if it took nothing for certain.
    """
    entry = book.entries.get(record.number)
    if entry is not None and record.number in book.came_back:
        if record.state.is_open or record.by is not Witness.STAFF:
            return "only staff say what became of a refund that came back"
        units = entry.amount.minor_units
        if record.state is RefundState.DONE and (
            paid is None or book.held(entry.key) + units > paid.minor_units
        ):
            return "more would go back than was paid"
        return None
    if entry is None or not entry.state.is_open:
        return "there is no such open refund"
    if record.state is RefundState.PENDING or record.state is entry.state:
        return "the refund does not come further"
    return None


def reversed_objection(book: RefundBook, record: RefundReversed) -> str | None:
    """Say why a refund cannot have come back, or None if it can."""
    entry = book.entries.get(record.number)
    is_done = entry is not None and entry.state is RefundState.DONE
    return None if is_done else "there is no such refund that was done"


def apply_opened(book: RefundBook, record: RefundOpened) -> None:
    """Take a new refund in."""
    # The sealed request stays in the file: a refund is sent once, by the process that opened it.
    book.entries[record.number] = RefundEntry(
        number=record.number,
        request_id=record.request_id,
        key=record.key,
        refund_key=record.refund_key,
        order_id=record.order_id,
        amount=record.amount,
        way=record.way,
        staff=record.staff,
        why=record.reason,
        opened_at=record.time,
    )
    book.by_request[record.request_id] = record.number
    book.of_attempt[record.key] = (*book.of_attempt.get(record.key, ()), record.number)
    book.open[record.number] = None


def apply_ended(book: RefundBook, record: RefundEnded) -> None:
    """Take in how a refund ended, or that its end is unknown."""
    entry = book.entries[record.number]
    book.entries[record.number] = replace(
        entry,
        state=record.state,
        reason=record.reason,
        ended_at=None if record.state.is_open else record.time,
        by=record.by,
        closed_by=record.staff,
        refund_ref=record.refund_ref or entry.refund_ref,
    )
    if not record.state.is_open:
        book.open.pop(record.number, None)
        book.came_back.pop(record.number, None)


def apply_reversed(book: RefundBook, record: RefundReversed) -> None:
    """Take in that a refund was not done after all: its sum may go back again."""
    book.entries[record.number] = replace(
        book.entries[record.number],
        state=RefundState.NOT_DONE,
        reason=record.reason,
        ended_at=record.time,
        by=record.by,
        closed_by="",
    )
    book.came_back[record.number] = book.next_number
