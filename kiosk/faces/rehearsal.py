"""Rehearse a payment with somebody who is just being enrolled: identify and liveness, no order.

The newcomer cannot be searched yet, so they stand in a gallery of their own beside the real one,
for this one look. Nothing is asked of money, charged, journalled or kept; the answer says whether
they were recognised and what a payment would have asked for.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import Candidate, Decision, Identification, SearchPolicy
from kiosk.domain.ids import PackId, PersonId
from kiosk.domain.session.look import Look
from kiosk.domain.stepup import Factor, Requirement, StepUpPolicy, rows_for_face, rows_for_person
from kiosk.faces.camera.choice import Cameras
from kiosk.faces.exposure import ExposureKeeper
from kiosk.faces.eyes import Eyes
from kiosk.faces.vault.gallery import DIGITS, Gallery
from kiosk.faces.vault.records import Person
from kiosk.faces.vision.room import VisionRoom
from kiosk.link.protocol import CameraSpec, Progress
from kiosk.link.staff_desk import Rehearsal

TELL_EVERY_MS = 500
"""Milliseconds after which the same is said again, so that staff who hang up are missed."""
LOOKING_MS_MAX = 8_000
"""Milliseconds of the camera's clock, as a paying customer gets (research/mission.md, R18)."""


class WithNewcomer:
    """The gallery as it would be with one more person, for searching only."""

    def __init__(self, gallery: Gallery, newcomer: Person) -> None:
        """Put the newcomer beside the others; `close()` overwrites them again."""
        self._others = gallery
        self._own = gallery.aside()
        self._own.add(newcomer)

    def search(
        self, pack: PackId, probe: NDArray[np.float32], *, digits: str | None = None, k: int = 2
    ) -> list[Candidate]:
        """As `Gallery.search`."""
        found = [
            *self._own.search(pack, probe, digits=digits, k=k),
            *self._others.search(pack, probe, digits=digits, k=k),
        ]
        return sorted(found, key=lambda candidate: (-candidate.score, candidate.person))

    def with_digits(self, pack: PackId, digits: str) -> frozenset[PersonId]:
        """As `Gallery.with_digits`."""
        return self._own.with_digits(pack, digits) | self._others.with_digits(pack, digits)

    def size(self, pack: PackId) -> int:
        """As `Gallery.size`."""
        return self._own.size(pack) + self._others.size(pack)

    def close(self) -> None:
        """Overwrite the newcomer's vector."""
        self._own.close()


def rehearse(
    room: VisionRoom,
    spec: CameraSpec,
    newcomer: Person,
    gallery: Gallery,
    policy: StepUpPolicy,
    cameras: Cameras,
) -> Generator[Progress, None, Rehearsal]:
    """Look as a payment would.

    Yields:
        Progress: `rehearsing`, and the hints for the customer by their code.

    Raises:
        SmileTillError: The camera or the pack cannot be used.
    """
    yield Progress("rehearsing")
    with room.visit(newcomer.pack) as sight:
        beside = WithNewcomer(gallery, newcomer)
        eyes = Eyes(sight.pack, sight.pipeline, beside, policy=SearchPolicy(), tails=sight.tails)
        started = time.monotonic()
        try:
            make = cameras.of(spec, pad_sandbox_only=sight.pack.sandbox_only)
            look: Look | None = None
            hint, told_ms = "rehearsing", 0
            with make() as camera:
                exposure = ExposureKeeper(camera, (), secrets.randbelow)
                for frame in camera.frames():
                    look = exposure.look(eyes, frame)
                    is_new = look.hint not in {"", hint}
                    hint = look.hint or hint
                    if is_new or frame.at_ms - told_ms >= TELL_EVERY_MS:
                        told_ms = frame.at_ms
                        yield Progress(hint)
                    if _is_decided(look) or frame.at_ms > LOOKING_MS_MAX:
                        break
            if look is None or not _is_decided(look):
                look = eyes.finish()
            told = _verdict(eyes, look, newcomer, policy)
        finally:
            eyes.wipe()
            beside.close()
    return Rehearsal(*told, seconds=round(time.monotonic() - started, 2))


def _is_decided(look: Look) -> bool:
    found = look.pad is PadVerdict.BONA_FIDE and look.identification is not None
    return found or look.pad is PadVerdict.ATTACK


def _verdict(
    eyes: Eyes, look: Look, newcomer: Person, policy: StepUpPolicy
) -> tuple[bool, str, tuple[str, ...], tuple[str, ...], float | None]:
    """Say what a payment would have made of it: recognised, reason, asked, why, score."""
    verdict = look.identification
    if look.pad is not PadVerdict.BONA_FIDE or verdict is None:
        attack = look.pad is PadVerdict.ATTACK
        return False, "pad_texture" if attack else look.hint or "no_face", (), (), None
    rows: tuple[Requirement, ...] = rows_for_face(verdict.decision)
    if policy.claim_first:
        rows = (Requirement(Factor.DIGITS, "always_asked"), *rows)
    if any(row.factor is Factor.DIGITS for row in rows):
        verdict = eyes.claim(newcomer.phone[-DIGITS:]) or verdict
        rows += _rows_after_digits(verdict)
    if verdict.person != newcomer.person:
        return False, "unknown_person", (), (), verdict.score
    rows += rows_for_person(newcomer.pin_always)
    asked = tuple(dict.fromkeys(row.factor.value for row in rows))
    why = tuple(dict.fromkeys(row.reason for row in rows))
    return True, "", asked, why, verdict.score


def _rows_after_digits(verdict: Identification) -> tuple[Requirement, ...]:
    if verdict.decision is Decision.NEEDS_DIGITS_AND_PIN:
        return (Requirement(Factor.PIN, "face_in_doubt"),)
    return ()
