"""Take the samples of an enrolment: camera, networks and sampler, for the desk."""

from __future__ import annotations

import secrets
from collections.abc import Generator

import numpy as np

from kiosk.domain.ids import PackId
from kiosk.faces.camera.choice import Cameras
from kiosk.faces.desk.ports import CaptureRefusal, Samples
from kiosk.faces.exposure import ExposureKeeper
from kiosk.faces.vision.enrolment import (
    EnrolmentRefusal,
    EnrolmentRule,
    EnrolmentSampler,
    QualitySummary,
)
from kiosk.faces.vision.guided import GuidedSampler, Pose
from kiosk.faces.vision.prober import pad_rule
from kiosk.faces.vision.room import Sight, VisionRoom
from kiosk.link.protocol import CameraSpec, Progress
from kiosk.link.staff_desk import CapturedPose

LOOKING_MS_MAX = 20_000
"""Milliseconds of the camera's clock: a person who moves and looks up gives 16 good frames in 3."""

TELL_EVERY_MS = 500
"""Milliseconds after which the same is said again: only who is spoken to is missed, and staff who
hang up end the capture within this time."""
GUIDED_MS_MAX = 45_000
"""Milliseconds for all poses together, whatever their own bounds come to."""


def capture(
    room: VisionRoom, spec: CameraSpec, pack: PackId, cameras: Cameras, *, guided: bool = False
) -> Generator[Progress, None, Samples | CaptureRefusal]:
    """Look until there are enough good samples, or none will follow.

    Yields:
        Progress: `looking` (guided: `pose_plain`, `pose_turn`, `pose_glasses`) with the samples so
            far, and the hints for the customer by their code.

    Raises:
        SmileTillError: The camera or the pack cannot be used.
    """
    with room.visit(pack) as sight:
        if guided:
            return (yield from _guided(sight, spec, cameras))
        make_camera = cameras.of(spec, pad_sandbox_only=sight.pack.sandbox_only)
        rule = EnrolmentRule()
        sampler = EnrolmentSampler(pad=pad_rule(sight.pack), rule=rule)
        try:
            last: Progress | None = None
            told_ms = 0
            with make_camera() as camera:
                exposure = ExposureKeeper(camera, (), secrets.randbelow)
                for frame in camera.frames():
                    judgement = sight.pipeline.judge(exposure.before(frame))
                    exposure.after(judgement)
                    sampler.add(judgement)
                    code = "" if judgement.reason is None else judgement.reason.value
                    code = "looking" if exposure.hides(code) else code or "looking"
                    step = Progress(code, sampler.n_samples, rule.samples_enough)
                    if step != last or frame.at_ms - told_ms >= TELL_EVERY_MS:
                        last, told_ms = step, frame.at_ms
                        yield step
                    if sampler.is_complete or frame.at_ms > LOOKING_MS_MAX:
                        break
            return _as_samples(sampler)
        finally:
            sampler.wipe()


def _guided(
    sight: Sight, spec: CameraSpec, cameras: Cameras
) -> Generator[Progress, None, Samples | CaptureRefusal]:
    """Ask for one pose after the other; each has its own bound (`GuidedRule`)."""
    make_camera = cameras.of(spec, pad_sandbox_only=sight.pack.sandbox_only)
    sampler = GuidedSampler(pad=pad_rule(sight.pack))
    try:
        last: Progress | None = None
        told_ms = 0
        with make_camera() as camera:
            exposure = ExposureKeeper(camera, (), secrets.randbelow)
            for frame in camera.frames():
                judgement = sight.pipeline.judge(exposure.before(frame))
                exposure.after(judgement)
                sampler.add(judgement)
                pose = sampler.asks_for
                code = "looking" if pose is None else f"pose_{pose.value}"
                steps = [Progress(code, sampler.n_samples, sampler.n_wanted)]
                if judgement.reason is not None and not exposure.hides(judgement.reason.value):
                    steps.append(
                        Progress(judgement.reason.value, sampler.n_samples, sampler.n_wanted)
                    )
                if steps[-1] != last or frame.at_ms - told_ms >= TELL_EVERY_MS:
                    last, told_ms = steps[-1], frame.at_ms
                    yield from steps
                if sampler.is_complete or frame.at_ms > GUIDED_MS_MAX:
                    break
        sampler.end("camera_ended")
        return _as_samples(sampler, sampler.outcomes())
    finally:
        sampler.wipe()


def _as_samples(
    sampler: EnrolmentSampler | GuidedSampler,
    outcomes: tuple[tuple[Pose, int, str], ...] = (),
) -> Samples | CaptureRefusal:
    made = sampler.finish()
    if isinstance(made, EnrolmentRefusal):
        return CaptureRefusal(made.reason.value, f"{made.n_samples} good samples")
    samples = Samples(
        template=made.mean.copy(),
        kept=np.stack(made.templates),
        count=made.n_samples,
        quality=quality_of(made.quality),
        poses=tuple(CapturedPose(pose.value, count, why) for pose, count, why in outcomes),
    )
    made.wipe()
    return samples


def quality_of(summary: QualitySummary) -> int:
    """Return the quality of an enrolment, 0 to 100.

    The lower of two: how well its worst sample fits the rest, since a reference is as good as it is
    consistent, and how good its pictures are.
    """
    consistent = round(100 * min(1.0, max(0.0, summary.similarity_min)))
    return min(consistent, summary.score)
