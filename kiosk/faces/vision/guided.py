"""A guided enrolment: looks straight, then a slight turn, then glasses off or on.

Each pose has its own rule, made of measures that there are anyway, and a time of its own; a pose
that does not show in it is skipped with the reason, and only the straight look is needed. A frame
counts for whichever pose it shows, not only for the one that was asked for.
The searched reference is the normalised mean of the frontal samples, with and without glasses
(comparisons are calibrated for frontal ones); turned samples are kept beside it.

Taking glasses off hides the face for a moment, which ends its track. The face that comes back must
be the one that looked straight, and prove anew to be bona fide; what a track gave that never proved
it is dropped when the track ends.
It stores nothing and asks no gallery.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.evidence import PadVerdict, Reason
from kiosk.faces.vision.encoder import pooled
from kiosk.faces.vision.enrolment import (
    EnrolmentRefusal,
    EnrolmentSamples,
    different,
    summary_of,
)
from kiosk.faces.vision.pad.passive import PadRule, PadSequence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.judgement import FrameJudgement
    from kiosk.faces.vision.quality import Quality


class Pose(enum.Enum):
    """What is asked for, in this order."""

    PLAIN = "plain"
    TURN = "turn"
    GLASSES = "glasses"


@dataclass(frozen=True, slots=True)
class GuidedRule:
    """How many samples of each pose, what counts as one, and how long to wait for it."""

    plain_enough: int = 12
    plain_min: int = 3
    """The contract's least number of good samples."""
    turn_enough: int = 4
    glasses_enough: int = 4
    frontal_offset_max: float = 0.25
    """Nose from the middle of the eyes, in eye distances, of a straight look.

    Live people at a webcam who were asked for nothing stay below (NUAA, largest .20)."""
    turn_offset_min: float = 0.14
    """Least change of that offset against the person's own straight look: about 10 degrees.

    It must be asked for: on NUAA 95 % of the frames of a sequence change by less than .12."""
    glasses_change_min: float = 0.12
    """How far below the least similarity among the straight samples a frame with or without
    glasses lies: something about the face has changed, and it is still the same face."""
    same_face_min: float = 0.5
    """Least similarity of every sample to the straight ones; the track rule's number."""
    plain_ms_max: int = 20_000
    """Milliseconds of the camera's clock for the straight look."""
    pose_ms_max: int = 8_000
    """Milliseconds for each other pose: to hear, to move, and half a second of good frames."""
    templates_max: int = 8

    def enough(self, pose: Pose) -> int:
        """Return how many samples of a pose are wanted."""
        match pose:
            case Pose.PLAIN:
                return self.plain_enough
            case Pose.TURN:
                return self.turn_enough
            case Pose.GLASSES:
                return self.glasses_enough


@dataclass(slots=True)
class _Kept:
    """The samples of one pose, and in which track each was taken."""

    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    qualities: list[Quality] = field(default_factory=list)
    tracks: list[int] = field(default_factory=list)
    skipped: str = ""

    def drop(self, track: int) -> None:
        """Overwrite and forget what was taken in one track."""
        left = [i for i, of in enumerate(self.tracks) if of != track]
        for i, vector in enumerate(self.vectors):
            if i not in left:
                vector.fill(0.0)
        self.vectors = [self.vectors[i] for i in left]
        self.qualities = [self.qualities[i] for i in left]
        self.tracks = [self.tracks[i] for i in left]


class GuidedSampler:
    """One guided attempt to enrol.

    Args:
        pad: The pack's PAD rule.
        rule: How many samples of what.
    """

    def __init__(self, *, pad: PadRule, rule: GuidedRule | None = None) -> None:
        """Start with nothing seen, asking for the straight look."""
        self._rule = rule or GuidedRule()
        self._pad = PadSequence(pad)
        self._track = 0
        self._reasons: Counter[Reason] = Counter()
        self._asked: Pose | None = None
        self._asked_ms = 0
        self._kept = {pose: _Kept() for pose in Pose}

    @property
    def asks_for(self) -> Pose | None:
        """The pose that is waited for; None: nothing more is."""
        if self._pad.verdict is PadVerdict.ATTACK:
            return None
        for pose, kept in self._kept.items():
            if not kept.skipped and len(kept.vectors) < self._rule.enough(pose):
                return pose
        return None

    @property
    def is_complete(self) -> bool:
        """Say whether more frames would add nothing."""
        if self._pad.verdict is PadVerdict.ATTACK or self._kept[Pose.PLAIN].skipped:
            return True
        return self.asks_for is None and self._pad.verdict is PadVerdict.BONA_FIDE

    @property
    def n_samples(self) -> int:
        """Good samples so far, of all poses."""
        return sum(len(kept.vectors) for kept in self._kept.values())

    @property
    def n_wanted(self) -> int:
        """Samples that would be enough, without those of skipped poses."""
        kept = self._kept.items()
        return sum(len(it.vectors) if it.skipped else self._rule.enough(p) for p, it in kept)

    def outcomes(self) -> tuple[tuple[Pose, int, str], ...]:
        """Return for each pose how many samples there are, and why there are none."""
        return tuple((pose, len(it.vectors), it.skipped) for pose, it in self._kept.items())

    def add(self, judgement: FrameJudgement) -> None:
        """Take one more frame."""
        if judgement.track != self._track:
            self._change_track(judgement)
        if judgement.reason is not None:
            self._reasons[judgement.reason] += 1
        if judgement.pad_score is not None:
            self._pad.add(judgement.pad_score)
        if judgement.embedding is not None and judgement.quality is not None:
            self._take(judgement.embedding, judgement.quality)
        self._watch_the_clock(judgement.at_ms)

    def end(self, reason: str) -> None:
        """No more frames will come: what has not shown is skipped."""
        for pose, kept in self._kept.items():
            if pose is not Pose.PLAIN and not kept.vectors and not kept.skipped:
                kept.skipped = reason

    def finish(self) -> EnrolmentSamples | EnrolmentRefusal:
        """Make the reference, or say why not. Fails closed."""
        refusal = self._refusal()
        if refusal is not None:
            return EnrolmentRefusal(refusal, self.n_samples)
        frontal = [*self._kept[Pose.PLAIN].vectors, *self._kept[Pose.GLASSES].vectors]
        mean = pooled(frontal)
        every = [*frontal, *self._kept[Pose.TURN].vectors]
        lowest = float((np.stack(every) @ mean).min())
        if lowest < self._rule.same_face_min:
            return EnrolmentRefusal(Reason.FRAMES_DISAGREE, self.n_samples)
        qualities = [quality for kept in self._kept.values() for quality in kept.qualities]
        return EnrolmentSamples(
            mean=mean,
            templates=tuple(v.copy() for v in different(every, mean, self._rule.templates_max)),
            n_samples=len(every),
            quality=summary_of(qualities, float((np.stack(frontal) @ mean).min())),
        )

    def wipe(self) -> None:
        """Forget everything, and overwrite the samples."""
        self._forget()

    def _take(self, embedding: NDArray[np.float32], quality: Quality) -> None:
        pose = self._pose_of(embedding, quality)
        if pose is None or len(self._kept[pose].vectors) >= self._rule.enough(pose):
            return
        if self._kept[pose].skipped:
            return
        self._kept[pose].vectors.append(embedding)
        self._kept[pose].qualities.append(quality)
        self._kept[pose].tracks.append(self._track)

    def _pose_of(self, embedding: NDArray[np.float32], quality: Quality) -> Pose | None:
        """Say which pose a good frame shows; None for one that is of no use."""
        plain = self._kept[Pose.PLAIN]
        frontal = abs(quality.nose_offset) <= self._rule.frontal_offset_max
        if len(plain.vectors) < self._rule.plain_enough:
            return Pose.PLAIN if frontal else None
        mean = pooled(plain.vectors)
        similarity = float(embedding @ mean)
        if similarity < self._rule.same_face_min:
            return None
        own = float(np.median([quality.nose_offset for quality in plain.qualities]))
        if abs(quality.nose_offset - own) >= self._rule.turn_offset_min:
            return Pose.TURN
        lowest = float((np.stack(plain.vectors) @ mean).min())
        if similarity <= lowest - self._rule.glasses_change_min:
            return Pose.GLASSES
        return None

    def _change_track(self, judgement: FrameJudgement) -> None:
        if self._pad.verdict is not PadVerdict.BONA_FIDE:
            for kept in self._kept.values():
                kept.drop(self._track)
        if len(self._kept[Pose.PLAIN].vectors) < self._rule.plain_enough:
            self._forget()
        # Else what follows is compared with the straight look, sample by sample.
        self._track = judgement.track
        self._pad.change_face()

    def _watch_the_clock(self, at_ms: int) -> None:
        pose = self.asks_for
        if pose is None or pose is not self._asked:
            self._asked, self._asked_ms = pose, at_ms
            return
        plain = pose is Pose.PLAIN
        if at_ms - self._asked_ms > (self._rule.plain_ms_max if plain else self._rule.pose_ms_max):
            self._kept[pose].skipped = "not_seen"

    def _refusal(self) -> Reason | None:
        enough = len(self._kept[Pose.PLAIN].vectors) >= self._rule.plain_min
        match self._pad.verdict:
            case PadVerdict.ATTACK:
                return Reason.PAD_TEXTURE
            case PadVerdict.BONA_FIDE if enough:
                return None
            case PadVerdict.UNDECIDED if enough or self._pad.is_doubtful:
                return Reason.PAD_UNDECIDED
            case PadVerdict.BONA_FIDE | PadVerdict.UNDECIDED:
                if self._reasons:
                    return max(self._reasons, key=lambda r: (self._reasons[r], r.value))
                return Reason.TOO_FEW_FRAMES

    def _forget(self) -> None:
        for kept in self._kept.values():
            for vector in kept.vectors:
                vector.fill(0.0)
        self._kept = {pose: _Kept() for pose in Pose}
