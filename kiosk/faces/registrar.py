"""A customer's own data at the screen: the desk and money, as the screen's `Registrar`.

For the link thread only. What the customer does goes through the desk, like what staff do, and is
written into the audit log as the customer's own act; only the PIN goes to money directly, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, assert_never

from kiosk.domain.errors import SetupError
from kiosk.domain.ids import PayerAlias, PersonId
from kiosk.domain.own_data import OwnData
from kiosk.domain.own_data import effects as fx
from kiosk.domain.own_data import events as ev
from kiosk.link.desk_rights import (
    DeskRightsAsk,
    LimitPerson,
    PausePerson,
    PersonKept,
    ResumePerson,
    RightTaken,
    ShowRights,
)
from kiosk.link.protocol import AnyMessage, Erased, ErasePerson
from kiosk.link.rights import PinProven


class CustomerDesk(Protocol):
    """What the desk does for a customer at the screen."""

    def for_customer(self, message: DeskRightsAsk | ErasePerson) -> AnyMessage:
        """Do one thing; raises `SmileTillError`."""
        ...


class Owners(Protocol):
    """The vault's answers about whose record something is."""

    def alias(self, person: PersonId) -> PayerAlias:
        """Return the name that money knows this person by."""
        ...

    def paused_by_phone(self, phone: str) -> PersonId | None:
        """Return who has this full number and has paused, or None."""
        ...

    def decoy(self, phone: str) -> PayerAlias:
        """Return an alias that nobody has, so that an unknown number costs the same time."""
        ...


class DeskRegistrar:
    """Answers the questions of a session about one's own data.

    Args:
        desk: Carries out.
        owners: The vault's answers.
        prove: Has money compare a PIN, once.
    """

    def __init__(
        self,
        desk: CustomerDesk,
        owners: Owners,
        prove: Callable[[PayerAlias, str], PinProven],
    ) -> None:
        """Keep the parts."""
        self._desk = desk
        self._owners = owners
        self._prove = prove

    def answer(self, question: fx.Question) -> ev.Event:
        """Ask or carry out.

        Raises:
            SmileTillError: Desk, vault or money refuse.
        """
        match question:
            case fx.ProvePin(person=person, pin=pin):
                told = self._prove(self._owners.alias(person), pin)
                return ev.PinJudged(0, told.verified, told.reason, told.token)
            case fx.AskData(person=person):
                return ev.DataArrived(0, _shown(self._kept(person)))
            case fx.Lower(person=person, limits=limits):
                return self._carry_out(LimitPerson(person, limits))
            case fx.Pause(person=person):
                return self._carry_out(PausePerson(person))
            case fx.Resume(person=person, token=token):
                return self._carry_out(ResumePerson(person, token=token))
            case fx.ResumeByNumber(phone=phone, pin=pin):
                return self._resume_by_number(phone, pin)
            case fx.Erase(person=person):
                done = self._desk.for_customer(ErasePerson(person))
                assert isinstance(done, Erased)
                whole = done.mandate_revoked and not done.bytes_found
                return ev.Erased(0, done.certificate, whole)
            case _ as never:
                assert_never(never)

    def _resume_by_number(self, phone: str, pin: str) -> ev.PinJudged:
        """End a pause; an unknown number is answered like a wrong PIN, in the same time."""
        found = self._owners.paused_by_phone(phone)
        alias = self._owners.decoy(phone) if found is None else self._owners.alias(found)
        told = self._prove(alias, pin)
        if not told.verified or found is None:
            wrong = "phone_or_pin_wrong" if told.reason in {"", "pin_wrong"} else told.reason
            return ev.PinJudged(0, verified=False, reason=wrong)
        done = self._carry_out(ResumePerson(found, token=told.token))
        return ev.PinJudged(0, verified=not done.reason, reason=done.reason)

    def _kept(self, person: PersonId) -> PersonKept:
        kept = self._desk.for_customer(ShowRights(person))
        assert isinstance(kept, PersonKept)
        if not kept.money_asked:
            raise SetupError(
                "Money cannot be asked what it keeps.",
                code="money_unreachable",
                mend="See that money runs: smiletill doctor.",
            )
        return kept

    def _carry_out(self, message: LimitPerson | PausePerson | ResumePerson) -> ev.Answered:
        taken = self._desk.for_customer(message)
        assert isinstance(taken, RightTaken)
        return ev.Answered(0, taken.reason)


def _shown(kept: PersonKept) -> OwnData:
    return OwnData(
        state=kept.state,
        enrolled_at=kept.enrolled_at,
        last_used=kept.last_used,
        samples=kept.samples,
        consent_version=kept.consent_version,
        consent_given_at=kept.consent_given_at,
        pin_always=kept.pin_always,
        payments_total=kept.payments_total,
        account_hint=kept.account_hint,
        limits=kept.limits,
        spent_today=kept.spent_today,
        paused=kept.paused,
    )
