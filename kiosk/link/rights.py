"""What a payer may have done to their own mandate, and what staff report for them: all to money.

They are part of the protocol (kiosk/link/protocol.py). Who asks is proven in one of two ways: by
the payer's PIN, whose proof is a `token` of this process, or by the id of a member of staff, whose
role the desk has checked. What only ever protects the payer (a lower limit, a pause) needs neither.
"""

from __future__ import annotations

from kiosk.domain.ids import OrderId, PayerAlias
from kiosk.domain.mandate import MandateFacts, MandateLimits
from kiosk.domain.money import Money
from kiosk.link.back_office import Refund
from kiosk.link.message import Message, Private


class ProvePin(Private, frozen=True, tag="prove_pin"):
    """Compare a PIN without an order, for what a payer does to their own data; it counts."""

    alias: PayerAlias
    pin: str


class PinProven(Private, frozen=True, tag="pin_proven"):
    """`token` proves the PIN for a few minutes, for this payer's own data and for no payment."""

    verified: bool
    reason: str = ""
    attempts_left: int = 0
    token: str = ""


class SetLimits(Private, frozen=True, tag="set_limits"):
    """Set what the payer allows: lower at once, higher by PIN or staff, never above the bank's."""

    alias: PayerAlias
    limits: MandateLimits
    token: str = ""
    staff: str = ""


class SetPin(Private, frozen=True, tag="set_pin"):
    """Give the payer another PIN: proven by the old one, or an act of staff."""

    alias: PayerAlias
    pin: str
    token: str = ""
    staff: str = ""


class SuspendMandate(Message, frozen=True, tag="suspend_mandate"):
    """Pause: no payment until it is resumed. Safe to send again."""

    alias: PayerAlias
    staff: str = ""


class ResumeMandate(Private, frozen=True, tag="resume_mandate"):
    """End a pause: proven by the PIN, or an act of staff. Safe to send again."""

    alias: PayerAlias
    token: str = ""
    staff: str = ""


class RightDone(Message, frozen=True, tag="right_done"):
    """How the mandate stands now; `refusal` says why nothing was changed."""

    facts: MandateFacts | None
    refusal: str = ""


class ListPayments(Message, frozen=True, tag="list_payments"):
    """List what a payer was charged, newest first, at most 500 at a time; `skip` passes over."""

    alias: PayerAlias
    skip: int = 0


class PayerPayment(Message, frozen=True, tag="payer_payment"):
    """One attempt to charge a payer; `refunded` is what went back, or is about to."""

    order_id: OrderId
    amount: Money
    at: str
    outcome: str
    reason: str
    refunded: Money


class PayerPayments(Message, frozen=True, tag="payer_payments"):
    """One page of them, and how many there are in all."""

    payments: tuple[PayerPayment, ...]
    total: int


class ReportWrongPerson(Message, frozen=True, tag="report_wrong_person"):
    """Staff report that an order charged somebody who did not buy: its refund is opened.

    Without an alias nothing is done and the answer tells whose order it was. Asked again, the same
    refund is told.
    """

    order_id: OrderId
    staff: str
    alias: PayerAlias | None = None


class WrongPersonTaken(Message, frozen=True, tag="wrong_person_taken"):
    """Who was charged, how much and when; the refund, or why there is none.

    Refusals: `order_unknown`, `nobody_charged`, `not_the_payer`, and those of a refund.
    """

    payer: PayerAlias | None
    refusal: str = ""
    refund: Refund | None = None
    amount: Money | None = None
    at: str = ""


class CountWrongReports(Message, frozen=True, tag="count_wrong_reports"):
    """Ask how many wrong-person reports on these payers still wait for their refund's end."""

    aliases: tuple[PayerAlias, ...]


class WrongReports(Message, frozen=True, tag="wrong_reports"):
    """That many."""

    open: int


RightsMessage = (
    ProvePin | PinProven | SetLimits | SetPin | SuspendMandate | ResumeMandate | RightDone
    | ListPayments | PayerPayments | ReportWrongPerson | WrongPersonTaken
    | CountWrongReports | WrongReports
)  # fmt: skip
