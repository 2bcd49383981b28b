"""One question of staff to faces, with its progress: enrol, list, show, erase.

It knows the messages and nothing of how faces is reached; the command line and the window hand it
a connection. Answers come back as plain dictionaries with the keys of the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import PersonId
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateLimits
from kiosk.domain.money import parse_amount
from kiosk.link.named_camera import named_camera
from kiosk.link.protocol import (
    AnyMessage,
    CameraSpec,
    Enrolled,
    EnrolPerson,
    EnrolRefused,
    Erased,
    ErasePerson,
    ListPeople,
    People,
    PersonSummary,
    Progress,
    ShowPerson,
)
from kiosk.link.staff_desk import CapturedPose, Reenrolled, ReenrolPerson

SILENCE_S_MAX = 120.0
"""Seconds between two lines of faces: a bank that sets up a mandate is the slowest step."""

PAGES_MAX = 10_000
"""Pages of the list of people; a hundred thousand people are 250."""

Answer = TypeVar("Answer")
OnProgress = Callable[[Progress], None]


class FacesClient(Protocol):
    """A connection to faces, as staff."""

    def call(
        self,
        message: AnyMessage,
        expect: type[Answer],
        *,
        timeout_s: float = ...,
        on_progress: OnProgress | None = None,
    ) -> Answer:
        """Ask, and return the answer; errors of the other side are raised."""
        ...


OpenFaces = Callable[[Path], AbstractContextManager[FacesClient]]
"""Connects to the faces process of an installation; how, is the command line's business."""


def camera_spec(device: int | None, video: Path | None, frames: Path | None) -> CameraSpec:
    """Return the one camera that was named.

    Raises:
        BadInputError: None was named, or more than one, or the number is negative.
    """
    spec = named_camera(device, video, frames)
    if spec is None:
        raise BadInputError(
            "Which camera to use is not clear.",
            code="camera_not_named",
            mend="Give exactly one of --camera, --video and --frames.",
        )
    return spec


def limits(per_payment: str | None, per_day: str | None) -> MandateLimits | None:
    """Return the limits that were typed, or None for the default ones.

    Raises:
        BadInputError: One is no amount, or a day allows less than a payment.
    """
    if per_payment is None and per_day is None:
        return None
    payment = parse_amount(per_payment) if per_payment else DEFAULT_LIMITS.per_payment
    day = parse_amount(per_day) if per_day else max(DEFAULT_LIMITS.per_day, payment)
    if per_payment is None:
        payment = min(payment, day)
    if payment.exceeds(day):
        raise BadInputError(
            "The limit per day is below the limit per payment.",
            code="limits_bad",
            mend="Raise the one or lower the other.",
        )
    return MandateLimits(payment, day)


def add(client: FacesClient, person: EnrolPerson, on_progress: OnProgress) -> dict[str, Any]:
    """Enrol one person.

    Returns:
        `person`, `samples`, `quality`, `mandate`, `account_hint`; or `person` None with `reason`
        and `detail`. Where there is more to say also `poses`, `pin_always` and `rehearsal`; or
        who looks the same: `looks_like`, `score`, `threshold`.
    """
    either = cast("type[Enrolled | EnrolRefused]", Enrolled | EnrolRefused)
    answer = client.call(person, either, timeout_s=SILENCE_S_MAX, on_progress=on_progress)
    match answer:
        case EnrolRefused(reason, detail):
            found: dict[str, Any] = {"person": None, "reason": reason, "detail": detail}
            if answer.person is not None:
                found |= {
                    "looks_like": answer.person,
                    "score": answer.score,
                    "threshold": answer.threshold,
                }
            return found
        case Enrolled():
            return {
                "person": answer.person,
                "samples": answer.samples,
                "quality": answer.quality,
                "mandate": answer.mandate.value,
                "account_hint": answer.account_hint,
                **_more(answer),
            }


def again(client: FacesClient, question: ReenrolPerson, on_progress: OnProgress) -> dict[str, Any]:
    """Take new samples of somebody; `person`, `samples`, `quality`, `score`, or a refusal."""
    either = cast("type[Reenrolled | EnrolRefused]", Reenrolled | EnrolRefused)
    answer = client.call(question, either, timeout_s=SILENCE_S_MAX, on_progress=on_progress)
    match answer:
        case EnrolRefused(reason, detail):
            return {"person": None, "reason": reason, "detail": detail}
        case Reenrolled():
            found = {
                "person": answer.person,
                "samples": answer.samples,
                "quality": answer.quality,
                "score": answer.score,
            }
            return found | _poses(answer.poses)


def _poses(poses: tuple[CapturedPose, ...]) -> dict[str, Any]:
    told = [{"pose": it.pose, "samples": it.samples, "skipped": it.skipped} for it in poses]
    return {"poses": told} if told else {}


def _more(answer: Enrolled) -> dict[str, Any]:
    """Return what only some enrolments have to say."""
    more = _poses(answer.poses)
    if answer.pin_always:
        more["pin_always"] = answer.pin_always
    if answer.rehearsal is not None:
        tried = answer.rehearsal
        more["rehearsal"] = {
            "recognised": tried.recognised,
            "reason": tried.reason,
            "asked": list(tried.asked),
            "why": list(tried.why),
            "score": tried.score,
            "seconds": tried.seconds,
        }
    return more


def everybody(client: FacesClient) -> list[dict[str, Any]]:
    """Return what staff may see of all people, in order of enrolment."""
    found: list[dict[str, Any]] = []
    skip = 0
    for _ in range(PAGES_MAX):
        answer = client.call(ListPeople(skip), People, timeout_s=SILENCE_S_MAX)
        found += [_visible(person) for person in answer.people]
        if answer.rest <= skip:
            break
        skip = answer.rest
    return found


def show(client: FacesClient, person: str) -> dict[str, Any]:
    """Return what staff may see of one person."""
    question = ShowPerson(PersonId(person))
    return _visible(client.call(question, PersonSummary, timeout_s=SILENCE_S_MAX))


def erase(client: FacesClient, person: str, on_progress: OnProgress) -> dict[str, Any]:
    """Erase one person; return `erased`, `bytes_found`, `mandate_revoked`, `certificate`."""
    question = ErasePerson(PersonId(person))
    answer = client.call(question, Erased, timeout_s=SILENCE_S_MAX, on_progress=on_progress)
    return {
        "erased": answer.erased,
        "bytes_found": answer.bytes_found,
        "mandate_revoked": answer.mandate_revoked,
        "certificate": answer.certificate,
    }


def _visible(person: PersonSummary) -> dict[str, Any]:
    return {
        "person": person.person,
        "name": person.name,
        "phone_hint": person.phone_hint,
        "pack": person.pack,
        "samples": person.samples,
        "consent_version": person.consent_version,
        "enrolled_at": person.enrolled_at,
        "state": person.state,
        "pin_always": person.pin_always,
        "look_alikes": list(person.look_alikes),
        "warned_at": person.warned_at,
    }
