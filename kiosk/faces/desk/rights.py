"""A customer's rights at the desk: see, export, limits, PIN, pause; and freezing by staff.

What protects takes effect here first and in money second; what opens again, the other way round: so
whichever part is away, nobody can be charged who should not be.
Withdrawing consent is erasing (erase.py). The template is in no answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kiosk.domain.errors import SetupError
from kiosk.domain.ids import PayerAlias, PersonId
from kiosk.domain.mandate import MandateFacts
from kiosk.domain.pin import check_new_pin
from kiosk.faces.desk.enrol import phone_is_taken
from kiosk.faces.desk.people import HINT_DIGITS, check_name, check_phone
from kiosk.faces.desk.ports import AskMoney, DeskTools
from kiosk.faces.vault.errors import PersonStateError, PersonUnknownError
from kiosk.faces.vault.records import Person, PersonState
from kiosk.link.desk_rights import (
    ChangePin,
    CorrectPerson,
    FreezePerson,
    LimitPerson,
    PausePerson,
    PersonKept,
    ResumePerson,
    RightTaken,
    UnfreezePerson,
)
from kiosk.link.protocol import Facts, GetFacts
from kiosk.link.rights import (
    ListPayments,
    PayerPayments,
    PinProven,
    ProvePin,
    ResumeMandate,
    RightDone,
    SetLimits,
    SetPin,
    SuspendMandate,
)

MONEY_S_MAX = 10.0
"""Seconds that money gets for one question: a PIN takes a fifth of one, the bank is not asked."""
STAFF_WORD_MAX = 40

RightChange = (
    FreezePerson | UnfreezePerson | PausePerson | ResumePerson | LimitPerson | ChangePin
    | CorrectPerson
)  # fmt: skip


def staff_word(actor: str) -> str:
    """Return who acts (`uid:1000`, `staff:name`) as one word that money may journal."""
    name = actor.removeprefix("staff:")
    word = re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip("._-")
    return word[:STAFF_WORD_MAX] or "staff"


def known(tools: DeskTools, person: PersonId) -> Person:
    """Return an enrolled person.

    Raises:
        PersonUnknownError: Nobody has this id, or their enrolment is not done.
    """
    found = tools.vault.get(person)
    if found.state is PersonState.PENDING:
        raise PersonUnknownError
    return found


def kept(tools: DeskTools, person: PersonId, *, full: bool) -> PersonKept:
    """Return all that is kept of a person but the template.

    Args:
        tools: What the desk works with.
        person: Who.
        full: With the whole number, for the person; else its last digits, for staff.

    Raises:
        PersonUnknownError: Nobody has this id.
    """
    found = known(tools, person)
    told = PersonKept(
        person=found.person,
        name=found.name,
        phone=found.phone if full else f"••{found.phone[-HINT_DIGITS:]}",
        state=found.state.value,
        pack=found.pack,
        enrolled_at=found.enrolled_at,
        samples=found.sample_count,
        quality=found.quality,
        consent_version=found.consent.version,
        consent_language=found.consent.language,
        consent_sha256=found.consent.sha256,
        consent_given_at=found.consent.given_at,
        signature_kind=found.consent.signature_kind,
        age_confirmed="asked" if found.adult_confirmed else found.consent.age_confirmed,
        pin_always=found.pin_always,
        look_alikes=len(found.look_alikes),
        last_used=found.last_used,
        warned_at=found.warned_at,
        adaptive=len(found.adaptive),
    )
    try:
        with tools.money(None) as money:
            return _with_money(told, found.alias, money)
    except SetupError:
        return told  # what the vault keeps can be shown while money is away, and says so


def _with_money(told: PersonKept, alias: PayerAlias, money: AskMoney) -> PersonKept:
    facts = money.ask(GetFacts(alias), Facts, MONEY_S_MAX).facts
    page = money.ask(ListPayments(alias), PayerPayments, MONEY_S_MAX)
    values = {name: getattr(told, name) for name in told.__struct_fields__}
    values |= {"money_asked": True, "payments": page.payments, "payments_total": page.total}
    if facts is not None:
        values |= {
            "mandate": facts.state,
            "account_hint": facts.account_hint,
            "limits": facts.limits,
            "granted": facts.granted,
            "spent_today": facts.spent_today,
            "paused": facts.paused,
        }
    return PersonKept(**values)


def payments(tools: DeskTools, person: PersonId, skip: int) -> PayerPayments:
    """Return what a person was charged, newest first, from a place on.

    Raises:
        PersonUnknownError: Nobody has this id.
        SmileTillError: Money cannot be asked.
    """
    alias = known(tools, person).alias
    with tools.money(None) as money:
        return money.ask(ListPayments(alias, skip), PayerPayments, MONEY_S_MAX)


def change(tools: DeskTools, message: RightChange, staff: str) -> RightTaken:
    """Carry out one right.

    Args:
        tools: What the desk works with.
        message: What is to be done.
        staff: The word of who acts; empty where the customer acts alone, at the screen.

    Raises:
        PersonUnknownError: Nobody has this id.
        PersonStateError: Not in this state of the record.
        BadInputError: A PIN or a limit cannot be used.
        SmileTillError: Money cannot be asked, or the disk refuses.
    """
    person = known(tools, message.person)
    match message:
        case FreezePerson():
            tools.gallery.remove(person.person)
            tools.vault.freeze(person.person)
            return _taken(tools, person.person, None)
        case UnfreezePerson():
            return _unfreeze(tools, person)
        case PausePerson():
            return _pause(tools, person, staff)
        case ResumePerson():
            return _resume(tools, person, message, staff)
        case LimitPerson() | ChangePin():
            return _set(tools, person, message, staff)
        case CorrectPerson():
            return _correct(tools, person, message)


def _correct(tools: DeskTools, person: Person, message: CorrectPerson) -> RightTaken:
    """Correct name or number; a number that is somebody else's is refused as at enrolment."""
    name = check_name(message.name) if message.name else person.name
    phone = person.phone
    if message.phone:
        phone = check_phone(message.phone, tools.gallery.country_code)
        if phone != tools.gallery.normalise(person.phone) and phone_is_taken(tools, phone):
            return RightTaken(person.person, person.state.value, "phone_taken")
    tools.vault.change_identity(person.person, name=name, phone=phone)
    if person.state is PersonState.ACTIVE:
        let_search(tools, person.person)  # by the new number, and no more by the old one
    return RightTaken(person.person, person.state.value)


def let_search(tools: DeskTools, person: PersonId) -> None:
    """Have a person searched as they stand now in the vault.

    Raises:
        PersonUnknownError: They were erased meanwhile, and are searched no more.
    """
    known_now = tools.vault.get(person)
    tools.gallery.remove(person)
    tools.gallery.add(known_now)
    try:
        tools.vault.get(person)
    except PersonUnknownError:
        tools.gallery.remove(person)  # erased between the two
        raise


def _unfreeze(tools: DeskTools, person: Person) -> RightTaken:
    if person.state is not PersonState.FROZEN:
        raise PersonStateError(person.state.value)
    with tools.money(None) as money:
        facts = money.ask(GetFacts(person.alias), Facts, MONEY_S_MAX).facts
    tools.vault.activate(person.person)
    if facts is not None and facts.paused:
        tools.vault.pause(person.person)
    else:
        let_search(tools, person.person)
    return _taken(tools, person.person, facts)


def _pause(tools: DeskTools, person: Person, staff: str) -> RightTaken:
    tools.vault.pause(person.person)
    tools.gallery.remove(person.person)
    with tools.money(None) as money:
        done = money.ask(SuspendMandate(person.alias, staff), RightDone, MONEY_S_MAX)
    return _taken(tools, person.person, done.facts, done.refusal)


def _resume(tools: DeskTools, person: Person, message: ResumePerson, staff: str) -> RightTaken:
    if person.state not in {PersonState.PAUSED, PersonState.ACTIVE}:
        raise PersonStateError(person.state.value)
    with tools.money(None) as money:
        proof = _Proof(token=message.token)
        if not message.token:
            proof = _prove(money, person.alias, message.pin, staff)
        if proof.reason:
            return _not_proven(tools, person.person, proof)
        question = ResumeMandate(person.alias, proof.token, proof.staff)
        done = money.ask(question, RightDone, MONEY_S_MAX)
    if not done.refusal:
        tools.vault.resume(person.person)
        let_search(tools, person.person)
    return _taken(tools, person.person, done.facts, done.refusal)


def _set(
    tools: DeskTools, person: Person, message: LimitPerson | ChangePin, staff: str
) -> RightTaken:
    if isinstance(message, ChangePin):
        check_new_pin(message.new_pin)  # before a try of the old one is spent
    with tools.money(None) as money:
        proof = _prove(money, person.alias, message.pin, staff)
        if proof.reason:
            return _not_proven(tools, person.person, proof)
        question: SetLimits | SetPin
        if isinstance(message, LimitPerson):
            question = SetLimits(person.alias, message.limits, proof.token, proof.staff)
        else:
            question = SetPin(person.alias, message.new_pin, proof.token, proof.staff)
        done = money.ask(question, RightDone, MONEY_S_MAX)
    return _taken(tools, person.person, done.facts, done.refusal)


@dataclass(frozen=True, slots=True)
class _Proof:
    """Who may do it: the customer by a token, or staff by their word; `reason`: neither."""

    token: str = ""
    staff: str = ""
    reason: str = ""
    attempts_left: int | None = None


def _prove(money: AskMoney, alias: PayerAlias, pin: str, staff: str) -> _Proof:
    if not pin:
        return _Proof(staff=staff)
    told = money.ask(ProvePin(alias, pin), PinProven, MONEY_S_MAX)
    if not told.verified:
        return _Proof(reason=told.reason, attempts_left=told.attempts_left)
    return _Proof(token=told.token)


def _not_proven(tools: DeskTools, person: PersonId, proof: _Proof) -> RightTaken:
    state = tools.vault.get(person).state.value
    return RightTaken(person, state, proof.reason, attempts_left=proof.attempts_left)


def _taken(
    tools: DeskTools, person: PersonId, facts: MandateFacts | None, reason: str = ""
) -> RightTaken:
    return RightTaken(
        person,
        tools.vault.get(person).state.value,
        reason,
        None if facts is None else facts.limits,
        paused=facts is not None and facts.paused,
    )
