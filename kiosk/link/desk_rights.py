"""A customer's rights at the desk, and the wrong-person report: messages of staff to faces.

They are part of the protocol (kiosk/link/protocol.py). Withdrawing consent is `ErasePerson`.
`pin`, where a message has it, is the customer's own, typed by them: with it a clerk may do what
otherwise takes a manager.
"""

from __future__ import annotations

import msgspec

from kiosk.domain.ids import OrderId, PackId, PersonId
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.link.back_office import Refund
from kiosk.link.message import Message, Private
from kiosk.link.rights import PayerPayment


class ShowRights(Message, frozen=True, tag="show_rights"):
    """Show all that is kept of a person but the template; answered by `PersonKept`."""

    person: PersonId


class ExportPerson(Message, frozen=True, tag="export_person"):
    """The same with the full number, to be handed to that person; answered by `PersonKept`."""

    person: PersonId


class PersonKept(Private, frozen=True, tag="person_kept"):
    """All that is kept of one person, never the template.

    `payments` are the newest; `ListPersonPayments` tells the others. Without an answer of money,
    `money_asked` is false and what only money knows is missing.
    """

    person: PersonId
    name: str
    phone: str
    state: str
    pack: PackId
    enrolled_at: str
    samples: int
    quality: int
    consent_version: str
    consent_language: str
    consent_sha256: str
    consent_given_at: str
    signature_kind: str
    age_confirmed: str
    """How it is known that they are 18 or older: `asked` by staff, by the `text` they agreed to;
    empty where an old record does not say."""
    pin_always: str
    look_alikes: int
    last_used: str
    warned_at: str
    money_asked: bool = False
    mandate: MandateState | None = None
    account_hint: str = ""
    limits: MandateLimits | None = None
    granted: MandateLimits | None = None
    spent_today: Money | None = None
    paused: bool = False
    payments: tuple[PayerPayment, ...] = ()
    payments_total: int = 0
    adaptive: int = 0
    """Templates that visits paid with the PIN have added (docs/adaptation.md)."""


class ListPersonPayments(Message, frozen=True, tag="list_person_payments"):
    """List what a person was charged, newest first; answered by `PayerPayments`."""

    person: PersonId
    skip: int = 0


class FreezePerson(Message, frozen=True, tag="freeze_person"):
    """Search a person no more until staff thaw them; answered by `RightTaken`, as all below."""

    person: PersonId


class UnfreezePerson(Message, frozen=True, tag="unfreeze_person"):
    """Search a frozen person again, unless they have paused themselves."""

    person: PersonId


class PausePerson(Message, frozen=True, tag="pause_person"):
    """The customer wants no payment until they say so."""

    person: PersonId


class ResumePerson(Private, frozen=True, tag="resume_person"):
    """End the customer's own pause; `token` stands for a PIN that money compared before."""

    person: PersonId
    pin: str = ""
    token: str = ""


class LimitPerson(Private, frozen=True, tag="limit_person"):
    """Set the customer's limits."""

    person: PersonId
    limits: MandateLimits
    pin: str = ""


class ChangePin(Private, frozen=True, tag="change_pin"):
    """Give the customer a new PIN."""

    person: PersonId
    new_pin: str
    pin: str = ""


class CorrectPerson(Private, frozen=True, tag="correct_person"):
    """Correct a name or a number; what is empty stays."""

    person: PersonId
    name: str = ""
    phone: str = ""


class RightTaken(Message, frozen=True, tag="right_taken"):
    """How the person stands now; `reason` says why nothing was changed, empty if it was."""

    person: PersonId
    state: str
    reason: str = ""
    limits: MandateLimits | None = None
    paused: bool = False
    attempts_left: int | None = None


class ReportWrong(Message, frozen=True, tag="report_wrong"):
    """An order charged `person`, who did not buy it; `really` is who did, where that is known.

    Without `person`, it is whoever the order has charged.
    """

    order_id: OrderId
    person: PersonId | None = None
    really: PersonId | None = None


class WrongReported(Message, frozen=True, tag="wrong_reported"):
    """What was done: who pays with PIN only from now on, and the refund, or why there is none.

    `evidence` holds what is known of the recognition, without anything biometric: time, rounded
    scores, thresholds, codes. Reported again, the same is told.
    """

    order_id: OrderId
    reason: str
    person: PersonId | None = None
    frozen: tuple[PersonId, ...] = ()
    refund: Refund | None = None
    amount: Money | None = None
    charged_at: str = ""
    evidence: dict[str, str] = msgspec.field(default_factory=dict)


class LiftReport(Message, frozen=True, tag="lift_report"):
    """End the PIN at every payment that a wrong-person report brought; answered by `ReportLifted`.

    Refused while a refund of a report on this person, or on whom it links them to, is open.
    """

    person: PersonId


class ReportLifted(Message, frozen=True, tag="report_lifted"):
    """Why a PIN is still always asked, empty if it is not; `reason` says why nothing was changed.

    Reasons: `not_reported`, `report_open`.
    """

    person: PersonId
    reason: str = ""
    pin_always: str = ""


DeskRightsAsk = (
    ShowRights | ExportPerson | ListPersonPayments | FreezePerson | UnfreezePerson | PausePerson
    | ResumePerson | LimitPerson | ChangePin | CorrectPerson | ReportWrong
    | LiftReport
)  # fmt: skip
DeskRightsMessage = DeskRightsAsk | PersonKept | RightTaken | WrongReported | ReportLifted
