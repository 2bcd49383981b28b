"""A customer's rights, for the command line and the window: one function for each.

Answers are plain dictionaries. What is handed to a customer (`export`) holds all that is kept of
them and the reasons for it, and never the template: a face that was handed out cannot be replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enrollment import flow
from enrollment.flow import SILENCE_S_MAX, FacesClient, OnProgress
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.ids import OrderId, PersonId
from kiosk.domain.mandate import MandateLimits
from kiosk.domain.money import Money, parse_amount
from kiosk.link.back_office import Refund
from kiosk.link.desk_rights import (
    ChangePin,
    CorrectPerson,
    ExportPerson,
    FreezePerson,
    LiftReport,
    LimitPerson,
    ListPersonPayments,
    PausePerson,
    PersonKept,
    ReportLifted,
    ReportWrong,
    ResumePerson,
    RightTaken,
    ShowRights,
    UnfreezePerson,
    WrongReported,
)
from kiosk.link.protocol import AnyMessage
from kiosk.link.rights import PayerPayment, PayerPayments

EXPORT_FORMAT = "smiletill-export-1"
PAYMENTS_MAX = 100_000
"""Payments of one export: a customer who pays thirty times a day reaches it after nine years."""
AGE_CONFIRMED = {
    "asked": "confirmed_to_staff",
    "text": "stated_in_the_text",
    "": "not_recorded",
}
_MOVES: dict[str, Callable[[PersonId], AnyMessage]] = {
    "freeze": FreezePerson,
    "unfreeze": UnfreezePerson,
    "pause": PausePerson,
}


def kept(client: FacesClient, person: str) -> dict[str, Any]:
    """Return what is kept of a person, for staff to show: the number's end, the newest payments."""
    told = client.call(ShowRights(PersonId(person)), PersonKept, timeout_s=SILENCE_S_MAX)
    return _as_dict(told, [_payment(it) for it in told.payments])


def export(client: FacesClient, person: str) -> dict[str, Any]:
    """Return all that is kept of a person but the template, to be handed to them.

    Raises:
        BadInputError: Nobody has this id.
        SmileTillError: Money cannot be asked: an export without the payments is none.
    """
    told = client.call(ExportPerson(PersonId(person)), PersonKept, timeout_s=SILENCE_S_MAX)
    found = [_payment(it) for it in told.payments]
    while len(found) < min(told.payments_total, PAYMENTS_MAX) or not told.money_asked:
        question = ListPersonPayments(told.person, skip=len(found))
        page = client.call(question, PayerPayments, timeout_s=SILENCE_S_MAX)
        if not page.payments:
            break
        found += [_payment(it) for it in page.payments]
    return {"format": EXPORT_FORMAT, **_as_dict(told, found)}


def move(client: FacesClient, person: str, what: str) -> dict[str, Any]:
    """Freeze, unfreeze or pause a person; return how they stand."""
    return _taken(client, _MOVES[what](PersonId(person)))


def resume(client: FacesClient, person: str, pin: str = "") -> dict[str, Any]:
    """End a customer's own pause, by their PIN or as a manager."""
    return _taken(client, ResumePerson(PersonId(person), pin))


def set_limits(
    client: FacesClient,
    person: str,
    per_payment: str | None,
    per_day: str | None,
    pin: str = "",
) -> dict[str, Any]:
    """Set one limit or both; what is left out stays, but a payment never exceeds its day.

    Raises:
        BadInputError: Neither is named, one is no amount, or a day allows less than a payment.
        SmileTillError: Money cannot be asked for what holds now.
    """
    if per_payment is None and per_day is None:
        raise BadInputError(
            "No limit is named.",
            code="limits_missing",
            mend="Name the limit of a payment, of a day, or both.",
        )
    told = client.call(ShowRights(PersonId(person)), PersonKept, timeout_s=SILENCE_S_MAX)
    if told.limits is None:
        raise SetupError(
            "The limits that hold cannot be asked for now.",
            code="limits_unknown",
            mend="See that money runs: smiletill doctor.",
        )
    now, currency = told.limits, told.limits.per_payment.currency
    day = now.per_day if per_day is None else parse_amount(per_day, currency)
    payment = min(now.per_payment, day)
    if per_payment is not None:
        payment = parse_amount(per_payment, currency)
    limits = MandateLimits(payment, day)
    return _taken(client, LimitPerson(PersonId(person), limits, pin))


def change_pin(client: FacesClient, person: str, new_pin: str, pin: str = "") -> dict[str, Any]:
    """Give a customer a new PIN, by their old one or as a manager."""
    return _taken(client, ChangePin(PersonId(person), new_pin, pin))


def correct(client: FacesClient, person: str, name: str = "", phone: str = "") -> dict[str, Any]:
    """Correct a customer's name or number; what is empty stays.

    Raises:
        BadInputError: Neither is given, or one cannot be used.
    """
    if not (name or phone):
        raise BadInputError(
            "Nothing to correct is named.",
            code="correction_missing",
            mend="Give the right name, the right number, or both.",
        )
    return _taken(client, CorrectPerson(PersonId(person), name, phone))


def withdraw(client: FacesClient, person: str, on_progress: OnProgress) -> dict[str, Any]:
    """Withdraw a customer's consent: everything is erased, with a certificate, as by `erase`."""
    return flow.erase(client, person, on_progress)


def report_wrong(
    client: FacesClient, order: str, person: str | None = None, really: str | None = None
) -> dict[str, Any]:
    """Report that an order charged the wrong person; return what was done about it."""
    question = ReportWrong(
        OrderId(order),
        None if person is None else PersonId(person),
        None if really is None else PersonId(really),
    )
    told = client.call(question, WrongReported, timeout_s=SILENCE_S_MAX)
    return {
        "order": told.order_id,
        "reported": told.amount is not None,
        "reason": told.reason,
        "person": told.person,
        "pin_always": list(told.frozen),
        "amount": _sum(told.amount),
        "charged_at": told.charged_at,
        "refund": None if told.refund is None else _refund(told.refund),
        "evidence": told.evidence,
    }


def lift_report(client: FacesClient, person: str) -> dict[str, Any]:
    """End the PIN at every payment that a wrong-person report brought, once it is closed."""
    told = client.call(LiftReport(PersonId(person)), ReportLifted, timeout_s=SILENCE_S_MAX)
    return {
        "person": told.person,
        "lifted": not told.reason,
        "reason": told.reason,
        "pin_always": told.pin_always,
    }


def _taken(client: FacesClient, question: AnyMessage) -> dict[str, Any]:
    told = client.call(question, RightTaken, timeout_s=SILENCE_S_MAX)
    return {
        "person": told.person,
        "done": not told.reason,
        "reason": told.reason,
        "state": told.state,
        "paused": told.paused,
        "limits": _limits(told.limits),
        "attempts_left": told.attempts_left,
    }


def _as_dict(told: PersonKept, payments: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "person": told.person,
        "name": told.name,
        "phone": told.phone,
        "state": told.state,
        "enrolled_at": told.enrolled_at,
        "last_used": told.last_used,
        "erasure_warned_at": told.warned_at,
        "face": {
            "what": "measurements only, no picture",
            "pack": told.pack,
            "samples": told.samples,
            "quality": told.quality,
            "look_alikes": told.look_alikes,
            "added_by_visits": told.adaptive,
        },
        "consent": {
            "version": told.consent_version,
            "language": told.consent_language,
            "text_sha256": told.consent_sha256,
            "given_at": told.consent_given_at,
            "signature": told.signature_kind,
            "age_18_or_older": AGE_CONFIRMED[told.age_confirmed],
        },
        "pin": {"always_asked": bool(told.pin_always), "why": told.pin_always},
        "mandate": {
            "asked": told.money_asked,
            "state": None if told.mandate is None else told.mandate.value,
            "account": told.account_hint,
            "paused": told.paused,
            "limits": _limits(told.limits),
            "most": _limits(told.granted),
            "spent_today": _sum(told.spent_today),
        },
        "payments": payments,
        "payments_total": told.payments_total,
    }


def _payment(told: PayerPayment) -> dict[str, Any]:
    return {
        "order": told.order_id,
        "at": told.at,
        "amount": _sum(told.amount),
        "outcome": told.outcome,
        "reason": told.reason,
        "refunded": _sum(told.refunded),
    }


def _refund(told: Refund) -> dict[str, Any]:
    return {
        "number": told.number,
        "state": told.state.value,
        "way": told.way.value,
        "amount": _sum(told.amount),
        "reference": told.reference,
    }


def _limits(limits: MandateLimits | None) -> dict[str, str | None] | None:
    if limits is None:
        return None
    return {"per_payment": _sum(limits.per_payment), "per_day": _sum(limits.per_day)}


def _sum(money: Money | None) -> str | None:
    return None if money is None else str(money)
