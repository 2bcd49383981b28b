"""The back office's messages: refunds, staff decisions, bank statements. All go to money.

They are part of the protocol (kiosk/link/protocol.py) and hold no name but a staff id.
"""

from __future__ import annotations

from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.domain.refund import LineFate, RefundState, RefundWay
from kiosk.link.message import Message


class RefundOrder(Message, frozen=True, tag="refund_order"):
    """Give money of a payment back; the same request id is the same refund, with the same answer.

    `amount` None is all that is left. `reference` names one payment of an order that was paid
    twice; without it, what is due back comes first, then what paid the order.
    """

    request_id: str
    order_id: OrderId
    staff: str
    reason: str
    amount: Money | None = None
    reference: str = ""


class CloseRefund(Message, frozen=True, tag="close_refund"):
    """Staff say of an open refund that the transfer was made, or that none will be."""

    number: int
    done: bool
    staff: str


class ListRefunds(Message, frozen=True, tag="list_refunds"):
    """List the refunds of one order, or all that are open; the newest 500."""

    order_id: OrderId | None = None


class Refund(Message, frozen=True, tag="refund"):
    """One refund. A manual one is a task: transfer `amount` and write `reference` on it."""

    number: int
    request_id: str
    order_id: OrderId
    amount: Money
    way: RefundWay
    state: RefundState
    reason: str
    reference: str
    payment_reference: str
    staff: str
    opened_at: str


class RefundAnswer(Message, frozen=True, tag="refund_answer"):
    """The refund as it stands, or why there is none; and what is left of the order's payments."""

    refund: Refund | None
    refusal: str = ""
    refundable: Money | None = None


class Refunds(Message, frozen=True, tag="refunds"):
    """A list of refunds, oldest first."""

    refunds: tuple[Refund, ...]


class DecideUnknown(Message, frozen=True, tag="decide_unknown"):
    """Staff say whether a payment whose end is unknown was paid; `reason` is one word."""

    order_id: OrderId
    paid: bool
    staff: str
    reason: str


class Decided(Message, frozen=True, tag="decided"):
    """Whether the decision was taken, or why not; and the order as it stands."""

    taken: bool
    refusal: str
    order_id: OrderId
    state: OrderState
    order_reason: str


class StatementLine(Message, frozen=True, tag="statement_line"):
    """One line of a statement that names references of ours; its text stays where it was read.

    `line` names it in every import: 32 hex digits.
    """

    line: str
    references: tuple[str, ...]
    is_credit: bool
    amount: Money
    is_reversal: bool = False


class TakeStatement(Message, frozen=True, tag="take_statement"):
    """Take lines of the restaurant's own account statement in, at most 500 at a time."""

    statement: str
    staff: str
    lines: tuple[StatementLine, ...]


class StatementTaken(Message, frozen=True, tag="statement_taken"):
    """What became of each line, in their order."""

    fates: tuple[LineFate, ...]


class CloseConflict(Message, frozen=True, tag="close_conflict"):
    """Staff have looked at a conflict: the id of a line, or the reference of a payment.

    Answered by `Done`.
    """

    item: str
    staff: str
    reason: str
