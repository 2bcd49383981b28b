"""The plain REST messages as types: one page for tills that do not speak nexo, and for the tablet.

Amounts are text like `12.50`, so that no float can round them; a JSON number is taken too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kiosk.domain.order import LINES_MAX
from kiosk.money.till.intake import LINE_TEXT_MAX
from kiosk.money.till.nexo_sent import Amount, NameText, OrderName, Sent
from kiosk.money.till.nexo_told import Told

StaffCode = Annotated[str, Field(pattern=r"^[0-9]{4,8}$", repr=False)]
RequestName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,17}$")]
AmountText = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{2}$")]


class NewLine(Sent):
    """One line of the bill."""

    text: Annotated[str, Field(min_length=1, max_length=LINE_TEXT_MAX)]
    amount: Amount


class NewOrder(Sent):
    """An order to be paid. With an `order_id` of your own it is safe to send twice."""

    order_id: OrderName | None = None
    amount: Amount
    lines: Annotated[tuple[NewLine, ...], Field(max_length=LINES_MAX)] = ()


class CloseOrder(Sent):
    """Staff were paid by cash or card."""

    staff: NameText
    code: StaffCode


class NewRefund(Sent):
    """Money to go back; all that is left where no amount is given. Safe to send twice."""

    request_id: RequestName
    staff: NameText
    code: StaffCode
    amount: Amount | None = None


class Problem(Told):
    """What is wrong, and what to do about it."""

    error: str
    message: str
    mend: str


class LineTold(Told):
    """One line of the bill."""

    text: str
    amount: AmountText


class RefundTold(Told):
    """One refund."""

    number: int
    request_id: str
    amount: AmountText
    way: Literal["api", "manual"]
    state: Literal["pending", "unknown", "done", "not_done"]
    reason: str
    reference: str
    staff: str


class OrderTold(Told):
    """An order as the journal knows it."""

    order_id: str
    amount: AmountText
    currency: str
    state: Literal["open", "in_flight", "paid", "unknown", "cancelled", "paid_elsewhere"]
    reason: str
    advice: str
    """What it means for the guest, in a sentence; empty where the state says it."""
    till: str
    opened_at: str
    attempts: int
    refunded: AmountText
    refundable: AmountText
    lines: list[LineTold]
    refunds: list[RefundTold]


class OrdersTold(Told):
    """Orders, newest first."""

    orders: list[OrderTold]


class RefundAnswerTold(Told):
    """The refund, and what could still be given back."""

    refund: RefundTold
    refundable: AmountText


class SumTold(Told):
    """How many, and how much."""

    count: int
    amount: AmountText


class OpenItemTold(Told):
    """Something that somebody has to look at, and what to do."""

    kind: str
    item: str
    amount: AmountText
    since: str
    mend: str


class TotalsTold(Told):
    """A day added up."""

    since: str
    until: str
    currency: str
    received: SumTold
    refunded: SumTold
    net: AmountText
    orders: dict[str, SumTold]
    refunds_open: SumTold
    open: list[OpenItemTold]


class MenuItemTold(Told):
    """One thing to sell."""

    item: str
    price: AmountText
    group: str


class MenuTold(Told):
    """The menu."""

    currency: str
    items: list[MenuItemTold]


class DiagnosisTold(Told):
    """How the kiosk is."""

    till: str
    role: Literal["till", "staff"]
    payee: str
    currency: str
    amount_max: AmountText
    ok: bool
    busy: bool
    in_progress: str
    staff_codes: bool
    failed_keys: int
    facts: dict[str, str]


class NewsTold(Told):
    """The data of one event of `/v1/events`."""

    record: int
    at: str
    order_id: str
    amount: AmountText
    currency: str
    state: str
    reason: str
    late: bool
    """It changes what was said before: a payment whose end was unknown has one now."""
    till: str
