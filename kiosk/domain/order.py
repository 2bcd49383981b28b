"""One bill: what is owed, to whom, and how far it has come."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money

LINES_MAX = 100
PAYEE_LENGTH_MAX = 70
"""Characters; the length of a creditor's name in the UK Open Banking VRP API."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of the bill, as the till wrote it."""

    text: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Order:
    """What the customer is asked to pay; it never changes once it is journalled."""

    order_id: OrderId
    amount: Money
    payee: str
    lines: tuple[OrderLine, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an order that no till would send."""
        if self.amount.minor_units == 0 or not self.payee or len(self.payee) > PAYEE_LENGTH_MAX:
            message = "an order needs an amount and a payee of sensible length"
            raise ValueError(message)
        if len(self.lines) > LINES_MAX:
            message = f"an order has at most {LINES_MAX} lines"
            raise ValueError(message)


class OrderState(enum.Enum):
    """How far an order has come, as the journal knows it."""

    OPEN = "open"
    """Waits to be paid; nothing is on its way to the bank."""
    IN_FLIGHT = "in_flight"
    """An intent is journalled and its end is not: no other way to pay is offered."""
    PAID = "paid"
    UNKNOWN = "unknown"
    """The bank's word is missing and the key is burnt: staff must look."""
    CANCELLED = "cancelled"
    PAID_ELSEWHERE = "paid_elsewhere"


class Outcome(enum.Enum):
    """The four ends of a session; the customer sees exactly one."""

    PAID = "paid"
    NOT_PAID = "not_paid"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
