"""From a frame to a judgement: detect, pick the payer, gate, align, PAD, quality, smile, encode.

A stage runs only when the earlier one passed, and PAD and encoder only on frames that are due.
Both leave out frames whose exposure is being changed on command.
PAD also runs on frames too blurred, turned or cut for the encoder, so that a print is called a
print; it does not run in the dark, where its answer would mean nothing.

It never searches the gallery, decides or keeps a frame. One thread; deterministic but for the
measured times.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import numpy as np

from kiosk.domain.errors import SetupError
from kiosk.domain.evidence import Reason
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.detector import Detector
from kiosk.faces.vision.encoder import Encoder, align
from kiosk.faces.vision.expression import Facing, SmileScorer
from kiosk.faces.vision.judgement import FrameJudgement
from kiosk.faces.vision.learned_quality import LearnedQuality
from kiosk.faces.vision.pad.passive import PassivePad
from kiosk.faces.vision.payer import choose_payer
from kiosk.faces.vision.quality import (
    QualityLimits,
    backlit_or,
    light_reason,
    measure,
    place_reason,
    pose_reason,
)
from kiosk.faces.vision.runtime import quiet_upstream
from kiosk.faces.vision.tracker import Tracker, TrackRule

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

    from kiosk.faces.camera.port import Frame
    from kiosk.faces.vision.detector import Face
    from kiosk.faces.vision.quality import Quality
    from models.manifest import Pack


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """Which frames are due, and the gates of the stages."""

    encode_spacing_ms: int = 100
    """Between two embeddings of a track: closer frames are nearly the same picture."""
    doubt_spacing_ms: int = 60
    """The same, after one that was unlike the others."""
    pad_spacing_ms: int = 60
    """Between two PAD scores: every second frame at 30 a second."""
    quality: QualityLimits = field(default_factory=QualityLimits)
    track: TrackRule = field(default_factory=TrackRule)


class Pipeline:
    """All networks of one pack, and the payer's track.

    A context manager: leaving it drops the networks and wipes what it holds.

    Args:
        pack: A pack whose files have been verified.
        limits: Spacings and gates.

    Raises:
        SetupError: A network cannot be loaded, or the pack lacks a threshold.
    """

    def __init__(self, pack: Pack, *, limits: PipelineLimits | None = None) -> None:
        """Load the networks, single-threaded."""
        quiet_upstream()
        self._limits = limits or PipelineLimits()
        self._detector = Detector(pack.detector, score_min=pack_threshold(pack, "detector_score"))
        self._encoder = Encoder(pack.encoder)
        self._pad = PassivePad(pack.pad)
        self._smile = None if pack.expression is None else SmileScorer(pack.expression)
        self._learned = (
            None
            if pack.quality is None
            else LearnedQuality(pack.quality, least=pack_threshold(pack, "quality_min"))
        )
        self._tracker = Tracker(self._limits.track)
        self._facing = Facing()
        self._encoded_ms: int | None = None
        self._counted_ms: int | None = None
        self._pad_ms: int | None = None

    def __enter__(self) -> Self:
        """Return the pipeline; its networks are already loaded."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wipe what is held of a person."""
        self.wipe()

    @property
    def searched(self) -> tuple[int, int]:
        """Width and height of the picture that the detector searched last, after shrinking."""
        return self._detector.searched

    def wipe(self) -> None:
        """Forget the current face: end of a session."""
        self._tracker.wipe()
        self._detector.wipe()
        self._change_face()

    def judge(self, frame: Frame) -> FrameJudgement:
        """Judge one frame of one camera; frames must come in order of time."""
        clock = _StageClock()
        with clock.stage("detect"):
            faces = self._detector.detect(frame.image)
        choice = choose_payer(faces, frame.image.shape[1])
        # Around one face only while nobody else stands there: a rival must not fall out of sight.
        self._detector.follow(choice.face if choice.reason is None else None)
        if choice.face is None:
            return self._without_face(frame, choice.reason, clock)
        face = choice.face
        before = self._tracker.track
        if self._tracker.place(face, frame.at_ms) != before:
            self._change_face()
        place = choice.reason or place_reason(face, frame.image.shape, self._limits.quality)
        with clock.stage("align"):
            aligned = align(frame.image, face)
            grey = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)
        with clock.stage("quality"):
            quality = measure(face, grey, frame.image.shape)
            light = backlit_or(
                light_reason(quality, self._limits.quality),
                quality,
                frame.image,
                self._limits.quality,
            )
            reason = place or light or pose_reason(quality, self._limits.quality)
        pad_score = self._pad_if_due(frame, face, clock) if light is None else None
        smile_score, embedding = None, None
        spacing_ms = self._encode_spacing_ms
        due = reason is None and frame.is_steady
        due = due and _due(self._encoded_ms, frame.at_ms, spacing_ms)
        if due:
            self._encoded_ms = frame.at_ms
            quality = self._with_learned(quality, aligned, clock)
        if reason is None and self._learned is not None and self._learned.is_poor:
            reason = Reason.POOR_PICTURE
        if reason is None:
            smile_score = self._smile_of(grey, clock)
            if smile_score is not None and not self._facing.counts(
                smile_score, quality.nose_offset
            ):
                smile_score = None
            embedding = self._embedding_of(aligned, clock) if due else None
            if embedding is not None and not self._tracker.recognise(embedding):
                # The first of a new track, or a frame left out; its PAD score goes with it.
                reason = Reason.FACE_CHANGED
                embedding = None
                pad_score = None
            elif embedding is not None and not self._counts(frame.at_ms):
                embedding = None
            if self._tracker.is_unsure:
                # It may be somebody else's face, so nobody agrees with it until it is compared.
                smile_score = None
        return FrameJudgement(
            index=frame.index,
            at_ms=frame.at_ms,
            track=self._tracker.track,
            reason=reason,
            face=face,
            quality=quality,
            pad_score=pad_score,
            smile_score=smile_score,
            embedding=embedding,
            unsure=self._tracker.is_unsure,
            grey=grey,
            stages_ms=clock.report(),
        )

    def _without_face(
        self, frame: Frame, reason: Reason | None, clock: _StageClock
    ) -> FrameJudgement:
        dark = float(frame.image[::8, ::8].mean())
        if dark <= self._limits.quality.dark_frame_luminance_max:
            reason = Reason.TOO_DARK
        return FrameJudgement(
            index=frame.index,
            at_ms=frame.at_ms,
            track=self._tracker.track,
            reason=reason,
            unsure=self._tracker.is_unsure,
            stages_ms=clock.report(),
        )

    def _pad_if_due(self, frame: Frame, face: Face, clock: _StageClock) -> float | None:
        if not (frame.is_steady and _due(self._pad_ms, frame.at_ms, self._limits.pad_spacing_ms)):
            return None
        self._pad_ms = frame.at_ms
        with clock.stage("pad"):
            return self._pad.score(frame.image, face)

    def _smile_of(self, grey: NDArray[np.uint8], clock: _StageClock) -> float | None:
        if self._smile is None:
            return None
        with clock.stage("smile"):
            return self._smile.score(grey)

    def _with_learned(
        self, quality: Quality, aligned: NDArray[np.uint8], clock: _StageClock
    ) -> Quality:
        if self._learned is None:
            return quality
        with clock.stage("learned_quality"):
            return replace(quality, learned=self._learned.score(aligned))

    def _embedding_of(self, aligned: NDArray[np.uint8], clock: _StageClock) -> NDArray[np.float32]:
        with clock.stage("encode"):
            return self._encoder.encode(aligned)

    def _counts(self, at_ms: int) -> bool:
        """Say whether an embedding is far enough from the last that counted, and take note.

        One that came sooner, to know the face, is no new picture of it.
        """
        counts = _due(self._counted_ms, at_ms, self._limits.encode_spacing_ms)
        if counts:
            self._counted_ms = at_ms
        return counts

    @property
    def _encode_spacing_ms(self) -> int:
        """Return how long an embedding may wait: hardly, where it may be somebody else's face."""
        if self._tracker.jumped:
            return 0
        usual = self._limits.encode_spacing_ms
        return min(usual, self._limits.doubt_spacing_ms) if self._tracker.is_in_doubt else usual

    def _change_face(self) -> None:
        self._encoded_ms = self._counted_ms = self._pad_ms = None
        self._facing.forget()
        if self._learned is not None:
            self._learned.forget()


def pack_threshold(pack: Pack, name: str) -> float:
    """Return a figure of the pack's manifest.

    Raises:
        SetupError: `pack_threshold_missing`.
    """
    value = pack.thresholds.get(name)
    if value is None:
        raise SetupError(
            f"The pack {pack.name!r} does not say its {name}.",
            code="pack_threshold_missing",
            mend="Install the pack again, or use another.",
        )
    return float(value)


def _due(last_ms: int | None, now_ms: int, spacing_ms: int) -> bool:
    return last_ms is None or now_ms - last_ms >= spacing_ms


class _StageClock:
    """Measures the stages of one frame: `with clock.stage("detect"): …`, one at a time."""

    def __init__(self) -> None:
        self._times_ms: dict[str, float] = {}
        self._name = ""
        self._begun_ns = 0

    def stage(self, name: str) -> Self:
        self._name = name
        return self

    def __enter__(self) -> None:
        self._begun_ns = time.perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        self._times_ms[self._name] = (time.perf_counter_ns() - self._begun_ns) / 1e6

    def report(self) -> MappingProxyType[str, float]:
        return MappingProxyType(self._times_ms)
