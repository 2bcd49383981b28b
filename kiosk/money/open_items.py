"""What is not finished, what is due back, and what somebody should do about each.

Pure: reads a book and decides nothing. An item appears here until the journal says that it is
settled, so a day can be closed when the list is empty, or when every line of it is explained.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from kiosk.domain.ids import IdempotencyKey, OrderId, reference_of
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.refund import LineFate, RefundState, RefundWay
from kiosk.money.book import Attempt, Book, OrderEntry
from kiosk.money.refund_book import RefundEntry


class OpenKind(enum.Enum):
    """What is open."""

    IN_FLIGHT = "in_flight"
    UNKNOWN = "unknown"
    REFUND_DUE = "refund_due"
    """Money came in for an order that has another end."""
    LATE_SETTLEMENT = "late_settlement"
    """Said not to be paid, and paid after all: the order is paid now, and somebody should look."""
    REFUND_TASK = "refund_task"
    """A transfer that somebody has to make."""
    REFUND_UNKNOWN = "refund_unknown"
    REFUND_CAME_BACK = "refund_came_back"
    """It was done, and then the bank took that back: the payer has nothing of it."""
    CONFLICT = "conflict"
    """A line of a statement that does not fit."""


@dataclass(frozen=True, slots=True)
class OpenItem:
    """One open item. `item` is what the words of the command line call it by."""

    kind: OpenKind
    item: str
    amount: Money
    since: datetime
    reference: str
    order_id: OrderId | None = None
    detail: str = ""

    @property
    def mend(self) -> str:
        """Say what to do about it."""
        match self.kind:
            case OpenKind.IN_FLIGHT:
                return "Wait: the bank is being asked this moment."
            case OpenKind.UNKNOWN:
                return (
                    "Wait for the bank, import the account statement, or decide:"
                    f" smiletill money decide {self.order_id} paid|not-paid --staff NAME."
                )
            case OpenKind.REFUND_DUE:
                return (
                    f"Give it back: smiletill money refund {self.order_id}"
                    f" --reference {self.reference} --staff NAME."
                )
            case OpenKind.LATE_SETTLEMENT:
                return (
                    "If the guest paid another way too, refund the order; else keep it:"
                    f" smiletill money close-conflict {self.item} --staff NAME."
                )
            case OpenKind.REFUND_TASK:
                return (
                    f"Transfer it back with the text {self.reference}, then import the statement"
                    f" or: smiletill money refund-close {self.item} done --staff NAME."
                )
            case OpenKind.REFUND_UNKNOWN:
                return "Wait for the bank, or look at the account's statement."
            case OpenKind.REFUND_CAME_BACK:
                return (
                    "The refund came back: refund again, or give the money another way and say so:"
                    f" smiletill money refund-close {self.item} done --staff NAME."
                )
            case OpenKind.CONFLICT:
                return (
                    "Compare with the bank, then:"
                    f" smiletill money close-conflict {self.item} --staff NAME."
                )


def open_items(book: Book) -> list[OpenItem]:
    """List everything that is open, oldest first."""
    items = [_of_attempt(book.attempts[key]) for key in book.open_keys]
    for entry in book.orders.values():
        items += _of_order(book, entry)
    items += [_of_refund(book, number) for number in book.refunds.open]
    items += [_of_returned(entry, units) for entry, units in book.refunds.owed_again()]
    items += [_of_line(book, name) for name in book.statements.conflicts]
    return sorted(items, key=lambda it: it.since)


def settled_keys(book: Book, entry: OrderEntry) -> list[IdempotencyKey]:
    """Return the keys of an order's attempts that took money: first the one that paid it."""
    found = [key for key in entry.keys if book.attempts[key].end is AttemptEnd.SETTLED]
    return sorted(found, key=lambda key: book.attempts[key].reason == "settled_after_not_paid")


def due_back(book: Book, key: IdempotencyKey) -> int:
    """Return the minor units of an attempt that are the payer's: nothing was bought with them.

    An order that is paid keeps one settled attempt; everything else that settled is due.
    """
    attempt = book.attempts[key]
    entry = book.orders[attempt.order_id]
    settled = settled_keys(book, entry)
    if key not in settled or (entry.state is OrderState.PAID and key == settled[0]):
        return 0
    return attempt.amount.minor_units - book.refunds.held(key)


def refundable(book: Book, key: IdempotencyKey) -> int:
    """Return the minor units of an attempt that could still be given back."""
    attempt = book.attempts[key]
    if attempt.end is not AttemptEnd.SETTLED:
        return 0
    return attempt.amount.minor_units - book.refunds.held(key)


def _of_attempt(attempt: Attempt) -> OpenItem:
    return OpenItem(
        kind=OpenKind.IN_FLIGHT if attempt.end is None else OpenKind.UNKNOWN,
        item=attempt.order_id,
        amount=attempt.amount,
        since=attempt.at,
        reference=reference_of(attempt.key),
        order_id=attempt.order_id,
        detail=attempt.reason,
    )


def _of_order(book: Book, entry: OrderEntry) -> list[OpenItem]:
    if entry.reason not in {"refund_due", "settled_after_not_paid"} and len(entry.keys) < 2:
        return []
    items = []
    for key in settled_keys(book, entry):
        attempt = book.attempts[key]
        due = due_back(book, key)
        late = key in book.contradicted and refundable(book, key) > 0
        if due == 0 and not late:
            continue
        kept = attempt.amount.minor_units if due == 0 else due
        items.append(
            OpenItem(
                kind=OpenKind.REFUND_DUE if due else OpenKind.LATE_SETTLEMENT,
                item=reference_of(key),
                amount=Money(kept, attempt.amount.currency),
                since=attempt.ended_at or attempt.at,
                reference=reference_of(key),
                order_id=attempt.order_id,
                detail=attempt.reason,
            )
        )
    return items


def _of_refund(book: Book, number: int) -> OpenItem:
    refund = book.refunds.entries[number]
    is_task = refund.way is RefundWay.MANUAL and refund.state is RefundState.PENDING
    return OpenItem(
        kind=OpenKind.REFUND_TASK if is_task else OpenKind.REFUND_UNKNOWN,
        item=str(number),
        amount=refund.amount,
        since=refund.opened_at,
        reference=refund.reference,
        order_id=refund.order_id,
        detail=f"pays back {refund.payment_reference}",
    )


def _of_returned(refund: RefundEntry, units: int) -> OpenItem:
    return OpenItem(
        kind=OpenKind.REFUND_CAME_BACK,
        item=str(refund.number),
        amount=Money(units, refund.amount.currency),
        since=refund.ended_at or refund.opened_at,
        reference=refund.reference,
        order_id=refund.order_id,
        detail=f"paid back {refund.payment_reference}",
    )


def _of_line(book: Book, name: str) -> OpenItem:
    noted = book.statements.lines[name]
    return OpenItem(
        kind=OpenKind.CONFLICT,
        item=name,
        amount=noted.line.amount,
        since=noted.at,
        reference=noted.line.reference,
        detail=_CONFLICT_WORDS[noted.line.fate],
    )


_CONFLICT_WORDS = {
    LineFate.AMOUNT_DIFFERS: "the statement has another amount than the journal",
    LineFate.TWICE: "the statement has this reference a second time",
    LineFate.UNEXPECTED: "money went out under a reference that does not call for it",
    LineFate.AMBIGUOUS: "one line of the statement names several payments",
}
