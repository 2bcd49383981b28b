"""Bring in one person of a list: the rules of an enrolment, but for the camera.

No proof of life is in a picture, so whoever is brought in carries `pin_always` "imported": the face
is no more than a user name until they have been enrolled live. The consent's date is the list's;
that they really agreed is for whoever keeps the list to prove, and the signature comes with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from datetime import UTC, datetime

import msgspec

from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import PayerAlias
from kiosk.domain.pin import check_new_pin
from kiosk.faces.desk import agreement, look_alikes, people
from kiosk.faces.desk.consent import OWN_FOLDER, consent_text
from kiosk.faces.desk.enrol import STEPS, keep, pack_for, phone_is_taken
from kiosk.faces.desk.errors import ConsentDateBadError, ImportAwayError
from kiosk.faces.desk.ports import CaptureRefusal, DeskTools
from kiosk.faces.vault.records import NewPerson
from kiosk.link.importing import ImportPerson
from kiosk.link.protocol import CameraSpec, Enrolled, EnrolPerson, EnrolRefused, Progress

IMPORTED = "imported"
"""Why somebody always needs the PIN: nobody has seen them before the camera."""


def bring_in(
    tools: DeskTools, message: ImportPerson
) -> Generator[Progress, None, Enrolled | EnrolRefused]:
    """Enrol one person from pictures; everything is there at the end, or nothing is.

    Yields:
        Progress: As an enrolment's.

    Raises:
        BadInputError: Something in the list cannot be used.
        SmileTillError: Vault, pack or money failed; nothing was kept.
    """
    if tools.pictures is None:
        raise ImportAwayError
    yield Progress("checking", 1, STEPS)
    asked = _as_enrolment(message)
    text = consent_text(message.consent_version, message.language, tools.data_dir / OWN_FOLDER)
    consent = agreement.record_of(text, asked, _date(message.consent_given_at, tools.now()))
    name = people.check_name(message.name)
    phone = people.check_phone(message.phone, tools.gallery.country_code)
    check_new_pin(message.pin)
    pack = pack_for(tools, message.pack)
    if phone_is_taken(tools, phone):
        return EnrolRefused("phone_taken", "Somebody is enrolled with this number already.")
    captured = yield from tools.pictures(message.pictures, pack)
    if isinstance(captured, CaptureRefusal):
        return EnrolRefused(captured.reason, captured.detail)
    try:
        yield Progress("comparing", 2, STEPS)
        double = look_alikes.likeness(tools, pack, captured.template).refusal(None)
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
            enrolled_at=tools.now().astimezone(UTC).isoformat(timespec="seconds"),
            adult_confirmed=message.adult,
            pin_always=IMPORTED,
        )
        return (yield from keep(tools, asked, new, captured))
    finally:
        captured.wipe()


def _as_enrolment(message: ImportPerson) -> EnrolPerson:
    """Return what an enrolment would have been told; pictures are no live camera to money."""
    return EnrolPerson(
        name=message.name,
        phone=message.phone,
        pin=message.pin,
        consent_version=message.consent_version,
        camera=CameraSpec(CameraKind.FRAME_FOLDER),
        pack=message.pack,
        limits=message.limits,
        language=message.language,
        signature=message.signature,
        adult=message.adult,
    )


def _date(text: str, now: datetime) -> str:
    """Return when consent was given, in UTC.

    Raises:
        ConsentDateBadError: It is no date, or lies ahead.
    """
    try:
        at = msgspec.convert(text if "T" in text else f"{text}T00:00:00Z", datetime, strict=False)
    except msgspec.ValidationError:
        raise ConsentDateBadError from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    if at > now:
        raise ConsentDateBadError
    return at.astimezone(UTC).isoformat(timespec="seconds")
