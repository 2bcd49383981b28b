"""Enrol one person: everything is there at the end, or nothing is.

The order is what protects: consent and input before the first frame, the face before the record,
a pending record before the mandate, the mandate before anybody can be recognised. Where the bank
wants the payer's own approval, it is waited for, within a bound, and its link is told to staff.
A rehearsal, where it is asked for, comes before that too. Whatever ends it early - a refusal, an
error, staff hanging up, a power cut - leaves no record, and the mandate that may have come about is
revoked through the outbox.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from datetime import UTC

from kiosk.domain.errors import SetupError
from kiosk.domain.ids import PackId, PayerAlias
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateState
from kiosk.domain.pin import check_new_pin
from kiosk.faces.desk import agreement, look_alikes, people
from kiosk.faces.desk.consent import OWN_FOLDER, consent_text
from kiosk.faces.desk.erase import deliver_outbox
from kiosk.faces.desk.errors import PackDiffersError
from kiosk.faces.desk.ports import CaptureRefusal, DeskTools, Samples
from kiosk.faces.vault.records import NewPerson, PersonState
from kiosk.link.protocol import (
    CheckMandate,
    Enrolled,
    EnrolPerson,
    EnrolRefused,
    MandateOpened,
    OpenMandate,
    Progress,
)

MANDATE_S_MAX = 60.0
"""Seconds that money and the bank get to set up a mandate; staff and customer wait."""
APPROVAL_S_MAX = 300
"""Seconds that a payer gets to approve the mandate at their bank (payments.md, 1.6)."""
APPROVAL_EVERY_S = 2
"""Seconds between two questions whether they have."""
STEPS = 5


def enrol(
    tools: DeskTools, message: EnrolPerson
) -> Generator[Progress, None, Enrolled | EnrolRefused]:
    """Enrol one person.

    Args:
        tools: What the desk works with.
        message: Who, with which camera, and what they agreed to.

    Yields:
        Progress: `checking`, then the capture's own, `comparing`, `keeping`, `mandate`,
            `approve_mandate` with the link in `detail` while the payer's approval is waited for,
            and `rehearsing` with the hints of the eyes.

    Raises:
        BadInputError: Something that was typed cannot be used; no frame was read for most of them.
        SmileTillError: Camera, vault or money failed; nothing was kept.
    """
    yield Progress("checking", 1, STEPS)
    text = consent_text(message.consent_version, message.language, tools.data_dir / OWN_FOLDER)
    lacking = agreement.refused(message)
    if lacking is not None:
        return lacking
    consent = agreement.record_of(text, message, _now(tools))
    name = people.check_name(message.name)
    phone = people.check_phone(message.phone, tools.gallery.country_code)
    check_new_pin(message.pin, phone)  # money asks again; here so that nobody is filmed in vain
    pack = pack_for(tools, message.pack)
    if phone_is_taken(tools, phone):
        return EnrolRefused("phone_taken", "Somebody is enrolled with this number already.")
    captured = yield from tools.capture(message.camera, pack, guided=message.guided)
    if isinstance(captured, CaptureRefusal):
        return EnrolRefused(captured.reason, captured.detail)
    try:
        yield Progress("comparing", 2, STEPS)
        found = look_alikes.likeness(tools, pack, captured.template)
        double = found.refusal(message.look_alike_of)
        if double is not None:
            return double
        yield Progress("keeping", 3, STEPS)
        new = NewPerson(
            name=name,
            phone=phone,
            alias=PayerAlias(f"a{secrets.token_hex(8)}"),
            pack=pack,
            template=captured.template,
            samples=captured.kept,
            sample_count=captured.count,
            quality=captured.quality,
            consent=consent,
            enrolled_at=consent.given_at,
            adult_confirmed=message.adult,
            pin_always=look_alikes.REASON if found.alike else "",
            look_alikes=found.people,
        )
        return (yield from keep(tools, message, new, captured))
    finally:
        captured.wipe()


def keep(
    tools: DeskTools, message: EnrolPerson, new: NewPerson, captured: Samples
) -> Generator[Progress, None, Enrolled | EnrolRefused]:
    """Keep a pending record, open the mandate, and only then let the person be recognised."""
    person = tools.vault.begin(new)
    kept = False
    try:
        yield Progress("mandate", 4, STEPS)
        limits = message.limits or DEFAULT_LIMITS
        question = OpenMandate(new.alias, limits, message.pin)
        with tools.money(message.camera.kind) as money:
            opened = money.ask(question, MandateOpened, MANDATE_S_MAX)
        if opened.state is MandateState.PENDING:
            opened = yield from _approval(tools, message, new.alias, opened)
        if opened.state is not MandateState.ACTIVE:
            return EnrolRefused(f"mandate_{opened.state.value}", "The bank did not agree.")
        rehearsal = None
        if message.rehearse and tools.rehearse is not None:
            rehearsal = yield from tools.rehearse(message.camera, tools.vault.get(person))
        look_alikes.link(tools.vault, person, new.look_alikes)
        tools.vault.activate(person)
        kept = True
    finally:
        if not kept:
            tools.vault.erase(person)
            look_alikes.unlink(tools.vault, person, new.look_alikes)
            deliver_outbox(tools)
    tools.gallery.add(tools.vault.get(person))
    return Enrolled(
        person,
        captured.count,
        captured.quality,
        opened.state,
        opened.account_hint,
        captured.poses,
        new.pin_always,
        rehearsal,
    )


def _approval(
    tools: DeskTools, message: EnrolPerson, alias: PayerAlias, opened: MandateOpened
) -> Generator[Progress, None, MandateOpened]:
    """Wait until the payer has approved, or has not; return how the mandate stands then."""
    begun = tools.now()
    link = opened.approval_url
    for asked_s in range(0, APPROVAL_S_MAX, APPROVAL_EVERY_S):
        yield Progress("approve_mandate", asked_s, APPROVAL_S_MAX, link)
        tools.pause(APPROVAL_EVERY_S)
        try:
            with tools.money(message.camera.kind) as money:
                opened = money.ask(CheckMandate(alias), MandateOpened, MANDATE_S_MAX)
        except SetupError:
            pass  # one question that is lost is no answer: the next one may arrive
        waited = (tools.now() - begun).total_seconds()
        if opened.state is not MandateState.PENDING or waited >= APPROVAL_S_MAX:
            break
    return opened


def recover(tools: DeskTools) -> int:
    """Roll back the enrolments that a crash has cut off; return how many there were.

    What money may have made of them is revoked when the outbox is delivered.
    """
    pending = tools.vault.ids(PersonState.PENDING)
    for person in pending:
        tools.vault.erase(person)
    look_alikes.settle(tools.vault)
    return len(pending)


def pack_for(tools: DeskTools, asked: str | None) -> PackId:
    """Return the pack to enrol with; the first person's pack is the installation's.

    Raises:
        PackDiffersError: The installation works with another one.
    """
    enrolled_with = tools.vault.pack()
    own = enrolled_with if tools.packs is None else tools.packs.current()
    if asked is None:
        return tools.resolve_pack(None) if own is None else own
    wanted = tools.resolve_pack(asked)
    if wanted == own:
        return wanted
    if enrolled_with is not None:
        raise PackDiffersError(own or enrolled_with)
    if tools.packs is not None:
        tools.packs.choose(asked)
    return wanted


def phone_is_taken(tools: DeskTools, phone: str) -> bool:
    """Say whether anybody who is kept has this number, searched or not."""
    if tools.gallery.by_phone(phone) is not None:
        return True
    # Whoever is frozen or has paused is not in the gallery and keeps their number.
    states = (PersonState.FROZEN, PersonState.PAUSED)
    hidden = [person for state in states for person in tools.vault.ids(state)]
    return any(tools.gallery.normalise(tools.vault.get(person).phone) == phone for person in hidden)


def _now(tools: DeskTools) -> str:
    return tools.now().astimezone(UTC).isoformat(timespec="seconds")
