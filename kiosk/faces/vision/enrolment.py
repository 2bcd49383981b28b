"""Gathers good, different samples of one person and makes the reference templates of them.

The reference is the normalised mean of all samples (comparisons are calibrated for it) together
with a few samples that differ most from one another, kept for later checks.
It refuses what it cannot vouch for: too few samples, a face that changed, no bona fide verdict.
It stores nothing and asks no gallery; duplicates are the desk's business.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.evidence import PadVerdict, Reason
from kiosk.faces.vision.encoder import pooled
from kiosk.faces.vision.pad.passive import PadRule, PadSequence
from kiosk.faces.vision.unified_quality import unified_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.judgement import FrameJudgement
    from kiosk.faces.vision.quality import Quality


@dataclass(frozen=True, slots=True)
class EnrolmentRule:
    """How many samples, and how alike."""

    samples_min: int = 3
    """The contract's least number of good samples."""
    samples_enough: int = 16
    """Samples after which no more are needed (1.6 s of good frames)."""
    templates_max: int = 8
    """Single samples kept beside the mean."""
    same_face_min: float = 0.5
    """Least similarity of every sample to the mean; the track rule's number."""


@dataclass(frozen=True, slots=True)
class QualitySummary:
    """Means over the samples; units as in `QualityLimits`."""

    eye_distance_px: float
    sharpness: float
    luminance: float
    contrast: float
    similarity_min: float
    """Lowest similarity of a sample to the mean."""
    score: int
    """Mean unified quality of the samples, 0 to 100."""


@dataclass(frozen=True, slots=True)
class EnrolmentSamples:
    """A reference: float32 vectors of length 1."""

    mean: NDArray[np.float32] = field(repr=False, compare=False)
    templates: tuple[NDArray[np.float32], ...] = field(repr=False, compare=False)
    n_samples: int
    quality: QualitySummary

    def wipe(self) -> None:
        """Overwrite the vectors once they are in the vault."""
        for vector in (self.mean, *self.templates):
            vector.fill(0.0)


@dataclass(frozen=True, slots=True)
class EnrolmentRefusal:
    """Why there is no reference."""

    reason: Reason
    n_samples: int


class EnrolmentSampler:
    """One attempt to enrol.

    Args:
        pad: The pack's PAD rule.
        rule: How many samples.
    """

    def __init__(self, *, pad: PadRule, rule: EnrolmentRule | None = None) -> None:
        """Start with nothing seen."""
        self._pad = PadSequence(pad)
        self._rule = rule or EnrolmentRule()
        self._track = 0
        self._samples: list[NDArray[np.float32]] = []
        self._qualities: list[Quality] = []
        self._reasons: Counter[Reason] = Counter()

    @property
    def n_samples(self) -> int:
        """Good samples so far."""
        return len(self._samples)

    @property
    def is_complete(self) -> bool:
        """Say whether more frames would add nothing: enough samples, or an attack."""
        if self._pad.verdict is PadVerdict.ATTACK:
            return True
        enough = len(self._samples) >= self._rule.samples_enough
        return enough and self._pad.verdict is PadVerdict.BONA_FIDE

    def add(self, judgement: FrameJudgement) -> None:
        """Take one more frame."""
        if judgement.track != self._track:
            self._forget()
            self._track = judgement.track
            self._pad.change_face()
        if judgement.reason is not None:
            self._reasons[judgement.reason] += 1
        if judgement.pad_score is not None:
            self._pad.add(judgement.pad_score)
        full = len(self._samples) >= self._rule.samples_enough
        if judgement.embedding is not None and judgement.quality is not None and not full:
            self._samples.append(judgement.embedding)
            self._qualities.append(judgement.quality)

    def finish(self) -> EnrolmentSamples | EnrolmentRefusal:
        """Make the reference, or say why not. Fails closed."""
        refusal = self._refusal()
        if refusal is not None:
            return EnrolmentRefusal(refusal, len(self._samples))
        mean = pooled(self._samples)
        similarities = np.stack(self._samples) @ mean
        lowest = float(similarities.min())
        if lowest < self._rule.same_face_min:
            return EnrolmentRefusal(Reason.FRAMES_DISAGREE, len(self._samples))
        return EnrolmentSamples(
            mean=mean,
            templates=tuple(
                v.copy() for v in different(self._samples, mean, self._rule.templates_max)
            ),
            n_samples=len(self._samples),
            quality=summary_of(self._qualities, lowest),
        )

    def wipe(self) -> None:
        """Forget everything, and overwrite the samples."""
        self._forget()

    def _refusal(self) -> Reason | None:
        enough = len(self._samples) >= self._rule.samples_min
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
        for vector in self._samples:
            vector.fill(0.0)
        self._samples = []
        self._qualities = []


def different(
    vectors: list[NDArray[np.float32]], mean: NDArray[np.float32], most: int
) -> list[NDArray[np.float32]]:
    """Pick samples that differ: first the most typical, then always the furthest."""
    samples = np.stack(vectors)
    picked = [int(np.argmax(samples @ mean))]
    while len(picked) < min(most, len(samples)):
        nearest = (samples @ samples[picked].T).max(axis=1)
        nearest[picked] = np.inf
        picked.append(int(np.argmin(nearest)))
    return [vectors[i] for i in picked]


def summary_of(qualities: list[Quality], lowest: float) -> QualitySummary:
    """Return the means of some measures, and the lowest similarity of a sample to the mean."""

    def mean_of(name: str) -> float:
        return round(float(np.mean([getattr(q, name) for q in qualities])), 2)

    return QualitySummary(
        eye_distance_px=mean_of("eye_distance_px"),
        sharpness=mean_of("sharpness"),
        luminance=mean_of("luminance"),
        contrast=mean_of("contrast"),
        similarity_min=round(lowest, 2),
        score=round(float(np.mean([unified_score(quality) for quality in qualities]))),
    )
