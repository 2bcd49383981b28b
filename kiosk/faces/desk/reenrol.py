"""Take new samples of somebody who is enrolled: the same person, the same mandate, a new reference.

For people who have changed, or whose first samples were poor. Nobody gets at another one's account
this way: the new samples must be as alike to the old ones as another session of the same person is
(`look_alike_from`), and to nobody else who is not a known look-alike. What was agreed to, the name
and the mandate stay as they are; the old vectors are gone when this has answered.
"""

from __future__ import annotations

from collections.abc import Generator

from kiosk.faces.desk import look_alikes
from kiosk.faces.desk.ports import CaptureRefusal, DeskTools, Samples
from kiosk.faces.vault.errors import PersonStateError
from kiosk.faces.vault.records import PersonState, Reference
from kiosk.link.protocol import EnrolRefused, Progress
from kiosk.link.staff_desk import Reenrolled, ReenrolPerson

STEPS = 3


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
    if head.state is not PersonState.ACTIVE:
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
        known = {message.person, *head.look_alikes}
        stranger = next((it for it in found.alike if it.person not in known), None)
        if stranger is not None:
            return EnrolRefused(
                look_alikes.REASON,
                f"{stranger.person} looks the same (score {stranger.score:.2f}).",
                stranger.person,
                round(stranger.score, 3),
                round(found.look_alike_from, 3),
            )
        yield Progress("keeping", 3, STEPS)
        _exchange(tools, message, captured)
        return Reenrolled(
            message.person, captured.count, captured.quality, round(own.score, 3), captured.poses
        )
    finally:
        captured.wipe()


def _exchange(tools: DeskTools, message: ReenrolPerson, captured: Samples) -> None:
    pack = tools.vault.head(message.person).pack
    tools.vault.retemplate(
        message.person,
        Reference(pack, captured.template, captured.kept, captured.count, captured.quality),
    )
    # Frozen or paused meanwhile, by a right that does not wait for us: then they stay out.
    if tools.vault.head(message.person).state is PersonState.ACTIVE:
        tools.gallery.add(tools.vault.get(message.person))
