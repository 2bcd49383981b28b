"""What the good frames of one visit could teach of somebody: a reference as an enrolment makes it.

The same rules as at enrolment: so many good samples of one track, all alike, bona fide. Whether
anything is learned of it is decided elsewhere. The vectors are copies: who has them wipes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from kiosk.faces.vision.encoder import pooled
from kiosk.faces.vision.enrolment import EnrolmentRule, different
from kiosk.faces.vision.unified_quality import unified_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.domain.ids import PackId
    from kiosk.faces.vision.detector import Face
    from kiosk.faces.vision.quality import Quality


@dataclass(frozen=True, slots=True)
class Sample:
    """One encoded frame; it has passed the gates of quality."""

    at_ms: int
    vector: NDArray[np.float32] = field(repr=False, compare=False)
    quality: Quality


@dataclass(frozen=True, slots=True)
class Lesson:
    """A reference of one visit: float32 vectors of length 1.

    Args:
        pack: Which pack made it.
        mean: The pooled samples.
        kept: n x d: the samples that differ most.
        count: Samples that were pooled.
        quality: Their mean unified quality, 0 to 100.
        proven: Whether all PAD layers together called the face bona fide, and not texture alone.
    """

    pack: PackId
    mean: NDArray[np.float32] = field(repr=False, compare=False)
    kept: NDArray[np.float32] = field(repr=False, compare=False)
    count: int
    quality: int
    proven: bool

    def wipe(self) -> None:
        """Overwrite the vectors."""
        self.mean.fill(0.0)
        self.kept.fill(0.0)


def lesson_of(pack: PackId, samples: Sequence[Sample], *, proven: bool = False) -> Lesson | None:
    """Make a reference of bona fide samples of one track, or none where an enrolment would not."""
    rule = EnrolmentRule()
    if len(samples) < rule.samples_min:
        return None
    vectors = [sample.vector for sample in samples]
    mean = pooled(vectors)
    if float((np.stack(vectors) @ mean).min()) < rule.same_face_min:
        return None
    return Lesson(
        pack=pack,
        mean=mean,
        kept=np.stack(different(vectors, mean, rule.templates_max)),
        count=len(samples),
        quality=round(float(np.mean([unified_score(sample.quality) for sample in samples]))),
        proven=proven,
    )


def overlap(one: Face, other: Face) -> float:
    """Return how much two boxes are the same place: intersection over union, 0 to 1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (one.width * one.height + other.width * other.height - both)
