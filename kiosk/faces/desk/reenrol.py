"""Take new samples of somebody who is enrolled: the same person, the same mandate, a new reference.

For people who have changed, or whose first samples were poor. Nobody gets at another one's account
this way: the new samples must be as alike to the old ones as another session of the same person is
(`look_alike_from`), and to nobody else who is not a known look-alike. What was agreed to, the name
and the mandate stay as they are; the old vectors are gone when this has answered.
Where the installation works with another model pack by now, the old pack says whether it is the
same person, and the new reference is made with the new one. Whoever was imported from pictures, or
frozen because they came by too late after a pack change, has been seen live by then.
"""

from __future__ import annotations

from collections.abc import Generator

from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.desk import look_alikes
from kiosk.faces.desk.ports import CaptureRefusal, DeskTools, Samples
from kiosk.faces.vault.errors import PersonStateError
from kiosk.faces.vault.records import PersonState, Reference
from kiosk.link.protocol import EnrolRefused, Progress
from kiosk.link.staff_desk import Reenrolled, ReenrolPerson

STEPS = 3
EXPIRED = "pack_expired"
"""Why somebody was frozen: they did not come by within the grace period of a pack change."""
_SEEN_NOW = {"imported", EXPIRED}
"""Reasons for always needing the PIN that end when somebody has been enrolled live."""


def reenrol(
    tools: DeskTools, message: ReenrolPerson
) -> Generator[Progress, None, Reenrolled | EnrolRefused]:
    """Exchange somebody's samples.

    Yields:
        Progress: `checking`, then the capture's own, `comparing`, `keeping`.

    Raises:
        PersonUnknownError: Nobody has this id.
        PersonStateError: They are frozen or have paused.
        SmileTillError: Camera or vault failed; the old samples stand.
    """
    yield Progress("checking", 1, STEPS)
    head = tools.vault.head(message.person)
    expired = head.state is PersonState.FROZEN and head.pin_always == EXPIRED
    if head.state is not PersonState.ACTIVE and not expired:
        raise PersonStateError(head.state.value)
    captured = yield from tools.capture(message.camera, head.pack, guided=message.guided)
    if isinstance(captured, CaptureRefusal):
        return EnrolRefused(captured.reason, captured.detail)
    try:
        yield Progress("comparing", 2, STEPS)
        found = look_alikes.likeness(tools, head.pack, captured.template)
        own = next((it for it in found.alike if it.person == message.person), None)
        if own is None:
            return EnrolRefused("not_the_same", threshold=round(found.look_alike_from, 3))
        new = tools.vault.pack() if tools.packs is None else tools.packs.current()
        if new not in {None, head.pack}:
            return (yield from _with_new_pack(tools, message, PackId(str(new)), own.score))
        refusal = _somebody_else(tools, message.person, found)
        if refusal is not None:
            return refusal
        yield Progress("keeping", 3, STEPS)
        _exchange(tools, message.person, head.pack, captured)
        return Reenrolled(
            message.person, captured.count, captured.quality, round(own.score, 3), captured.poses
        )
    finally:
        captured.wipe()


def _with_new_pack(
    tools: DeskTools, message: ReenrolPerson, pack: PackId, score: float
) -> Generator[Progress, None, Reenrolled | EnrolRefused]:
    """Look once more, with the pack that the installation works with now, and keep that."""
    captured = yield from tools.capture(message.camera, pack, guided=message.guided)
    if isinstance(captured, CaptureRefusal):
        return EnrolRefused(captured.reason, captured.detail)
    try:
        found = look_alikes.likeness(tools, pack, captured.template)
        refusal = _somebody_else(tools, message.person, found)
        if refusal is not None:
            return refusal
        yield Progress("keeping", 3, STEPS)
        _exchange(tools, message.person, pack, captured)
        return Reenrolled(
            message.person, captured.count, captured.quality, round(score, 3), captured.poses
        )
    finally:
        captured.wipe()


def _somebody_else(
    tools: DeskTools, person: PersonId, found: look_alikes.Likeness
) -> EnrolRefused | None:
    """Refuse samples that are like somebody who is no known look-alike."""
    known = {person, *tools.vault.head(person).look_alikes}
    stranger = next((it for it in found.alike if it.person not in known), None)
    if stranger is None:
        return None
    return EnrolRefused(
        look_alikes.REASON,
        f"{stranger.person} looks the same (score {stranger.score:.2f}).",
        stranger.person,
        round(stranger.score, 3),
        round(found.look_alike_from, 3),
    )


def _exchange(tools: DeskTools, person: PersonId, pack: PackId, captured: Samples) -> None:
    vault = tools.vault
    vault.retemplate(
        person,
        Reference(pack, captured.template, captured.kept, captured.count, captured.quality),
    )
    head = vault.head(person)
    if head.pin_always in _SEEN_NOW:
        vault.amend(person, pin_always=look_alikes.REASON if head.look_alikes else "")
    if head.pin_always == EXPIRED and head.state is PersonState.FROZEN:
        vault.activate(person)
    # Frozen or paused meanwhile, by a right that does not wait for us: then they stay out.
    if vault.head(person).state is PersonState.ACTIVE:
        tools.gallery.add(vault.get(person))
