"""What a receipt says, taken from the journal's facts and from nothing else.

It says neither how it looks (`layout.py`) nor in which words (`texts.py`), and reads no file.

Invariants:

- a receipt never carries a name of the customer: money does not know one;
- only an attempt that settled is called paid; what is not known is never called anything but
  unknown, and an order that is on its way to the bank is not known yet;
- what was charged and is not owed is never passed over: until it has gone back, a refund is due.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import assert_never

from kiosk.domain.consent import Basis
from kiosk.domain.ids import OrderId, PaymentRef, reference_of
from kiosk.domain.money import Money
from kiosk.domain.order import OrderLine, OrderState
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.refund import RefundState
from kiosk.money.book import Attempt, Book, OrderEntry
from kiosk.money.errors import OrderUnknownError

REPRINTS_MAX = 99


class Copy(enum.Enum):
    """For whom a receipt is."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"


class ReceiptState(enum.Enum):
    """What a receipt says of the money, once and in large letters."""

    PAID = "paid"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    NOT_PAID = "not_paid"
    PAID_ELSEWHERE = "paid_elsewhere"
    """Paid by other means at the till; nothing was charged here, or it has gone back."""
    REFUND_DUE = "refund_due"
    """Charged though cancelled, paid by other means, or paid before: money has to go back."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that goes back, or went. One that came to nothing is not on a receipt."""

    amount: Money
    at: datetime
    """Aware; it is shown in the receipt's zone."""
    is_done: bool
    """The bank has executed it, or somebody has seen to it; else it is under way."""


@dataclass(frozen=True, slots=True)
class Authorisation:
    """How the payer was recognised; for the merchant's copy."""

    basis: Basis
    pin_verified: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt."""

    copy: Copy
    state: ReceiptState
    payee: str
    order_id: OrderId
    lines: tuple[OrderLine, ...]
    total: Money
    at: datetime
    """When the payment was authorised, or else when the order came; in the terminal's zone."""
    terminal: str
    reference: str = ""
    """What the payer's statement shows; empty if nothing was ever sent."""
    refunds: tuple[Refund, ...] = ()
    account_hint: str = ""
    """Masked, such as `••42`; empty if the person was erased since."""
    authorisation: Authorisation | None = None
    payment_ref: PaymentRef | None = None
    is_unresolved: bool = False
    """The order was closed while the bank's word on it was missing, and it still is."""
    reprint: int = 0
    """0: the original; else the how-manieth reprint it is."""

    def __post_init__(self) -> None:
        """Refuse a time without a zone, and a number of reprints that no paper bears."""
        assert self.at.tzinfo is not None, "a receipt's time has a zone"
        if not 0 <= self.reprint <= REPRINTS_MAX:
            message = f"reprint must be 0 to {REPRINTS_MAX}"
            raise ValueError(message)


def receipt_of(
    book: Book,
    order_id: OrderId,
    *,
    copy: Copy,
    terminal: str,
    zone: tzinfo | None = None,
    account_hint: str = "",
    authorisation: Authorisation | None = None,
    reprint: int = 0,
) -> Receipt:
    """Make a receipt of what the book says of an order now.

    Args:
        book: Read under the ledger's lock by who has one.
        order_id: Which order.
        copy: For whom.
        terminal: This terminal's name.
        zone: The terminal's time zone; None is the machine's.
        account_hint: Masked; it lies under the mandate's key, so it comes from who holds that.
        authorisation: How the deciding attempt (`deciding_attempt`) was authorised, if known.
        reprint: 0 for the original.

    Raises:
        OrderUnknownError: No order has this id.
    """
    entry = book.orders.get(order_id)
    if entry is None:
        raise OrderUnknownError
    attempts = [book.attempts[key] for key in entry.keys]
    deciding = deciding_attempt(attempts)
    is_charged = deciding is not None and deciding.counts_as_spent
    refunds = tuple(
        Refund(it.amount, it.ended_at or it.opened_at, is_done=it.state is RefundState.DONE)
        for it in book.refunds.of(entry.keys)
        if it.state.holds_money
    )
    state = _state(entry, _settled(attempts), _gone_back(refunds))
    return Receipt(
        copy=copy,
        state=state,
        payee=entry.order.payee,
        order_id=order_id,
        lines=entry.order.lines,
        total=entry.order.amount,
        at=(entry.opened_at if deciding is None else deciding.at).astimezone(zone),
        terminal=terminal,
        reference="" if deciding is None else reference_of(deciding.key),
        refunds=refunds,
        account_hint=account_hint if is_charged else "",
        authorisation=authorisation if is_charged else None,
        payment_ref=None if deciding is None else deciding.payment_ref,
        is_unresolved=state is not ReceiptState.UNKNOWN and any(it.is_open for it in attempts),
        reprint=reprint,
    )


def deciding_attempt(attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the attempt that a receipt is about: the first that settled, else the last."""
    settled = [attempt for attempt in attempts if attempt.end is AttemptEnd.SETTLED]
    return next(iter(settled or attempts[-1:]), None)


def _settled(attempts: Iterable[Attempt]) -> int:
    return sum(it.amount.minor_units for it in attempts if it.end is AttemptEnd.SETTLED)


def _gone_back(refunds: Iterable[Refund]) -> int:
    return sum(refund.amount.minor_units for refund in refunds if refund.is_done)


def _state(entry: OrderEntry, charged: int, back: int) -> ReceiptState:
    """Say what a receipt says of an order.

    Args:
        entry: The order.
        charged: Minor units that its attempts took for certain.
        back: Minor units that went back.
    """
    owed = entry.order.amount.minor_units if entry.state is OrderState.PAID else 0
    if charged - back > owed:
        return ReceiptState.REFUND_DUE
    match entry.state:
        case OrderState.PAID:
            kept = charged - back
            if kept == owed:
                return ReceiptState.PAID
            return ReceiptState.PARTLY_REFUNDED if kept else ReceiptState.REFUNDED
        case OrderState.UNKNOWN | OrderState.IN_FLIGHT:
            return ReceiptState.UNKNOWN
        case OrderState.OPEN | OrderState.CANCELLED:
            return ReceiptState.REFUNDED if charged else ReceiptState.NOT_PAID
        case OrderState.PAID_ELSEWHERE:
            return ReceiptState.PAID_ELSEWHERE
        case _ as never:
            assert_never(never)
