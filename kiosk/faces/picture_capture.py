"""Take the samples of an import: from pictures, without a camera and without a proof of life.

The gates on place are open, because such pictures are often cut close to the face; those on size,
light, sharpness and pose hold. It says nothing about whether the person was there: a photograph of
a photograph passes. Whoever uses the samples must not let them pay without their PIN.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kiosk.domain.evidence import Reason
from kiosk.domain.ids import PackId
from kiosk.faces.camera.pictures import PICTURE_SUFFIXES, read_picture
from kiosk.faces.camera.port import Frame
from kiosk.faces.desk.ports import CaptureRefusal, Samples
from kiosk.faces.vision.encoder import pooled
from kiosk.faces.vision.enrolment import EnrolmentRule
from kiosk.faces.vision.pipeline import Pipeline, PipelineLimits
from kiosk.faces.vision.quality import QualityLimits
from kiosk.faces.vision.room import VisionRoom
from kiosk.link.protocol import Progress

PICTURES_MAX = 64
"""Pictures of one person; the first of a longer folder are taken."""
FEW_SAMPLES_QUALITY = 50
"""Quality of fewer samples than an enrolment needs: they cannot show that they are consistent."""
ALIKE_MIN = 0.35
"""Least similarity of a picture to the person's other ones: less than between frames of a moment,
for pictures may be years apart. One stranger in a thousand reaches 0.39 (mobileface, LFW)."""
PICTURE_LIMITS = PipelineLimits(
    quality=QualityLimits(face_width_share_max=math.inf, outside_share_max=math.inf)
)


def take_pictures(
    room: VisionRoom, places: Sequence[str], pack: PackId
) -> Generator[Progress, None, Samples | CaptureRefusal]:
    """Make a reference of one person's pictures.

    Yields:
        Progress: `looking`, with the pictures so far.

    Raises:
        SmileTillError: The pack cannot be used.
    """
    paths = [path for place in places for path in _files(Path(place))][:PICTURES_MAX]
    if not paths:
        return CaptureRefusal("no_picture", "no picture is there")
    vectors: list[NDArray[np.float32]] = []
    reasons: Counter[str] = Counter()
    with room.visit(pack, limits=PICTURE_LIMITS) as sight:
        for number, path in enumerate(paths, 1):
            yield Progress("looking", number, len(paths))
            vector = _sample(sight.pipeline, path)
            if isinstance(vector, str):
                reasons[vector] += 1
            else:
                vectors.append(vector)
    try:
        return _as_samples(vectors, reasons, len(paths))
    finally:
        for vector in vectors:
            vector.fill(0.0)


def _sample(pipeline: Pipeline, path: Path) -> NDArray[np.float32] | str:
    """Return the embedding of one picture, or why there is none."""
    image = read_picture(path)
    if image is None:
        return "picture_unreadable"
    pipeline.wipe()  # each picture stands alone: no track, no spacing in time
    judgement = pipeline.judge(Frame(image, 0, 0))
    if judgement.embedding is None:
        return (judgement.reason or Reason.NO_FACE).value
    return judgement.embedding


def _as_samples(
    vectors: list[NDArray[np.float32]], reasons: Counter[str], pictures: int
) -> Samples | CaptureRefusal:
    detail = f"{len(vectors)} of {pictures} pictures"
    if not vectors:
        return CaptureRefusal(max(reasons, key=lambda it: (reasons[it], it)), detail)
    rule = EnrolmentRule()
    mean = pooled(vectors)
    lowest = float(min(vector @ mean for vector in vectors))
    if _least_alike(vectors) < ALIKE_MIN:
        return CaptureRefusal(Reason.FRAMES_DISAGREE.value, detail)
    consistent = round(100 * min(1.0, lowest))
    few = len(vectors) < rule.samples_min
    return Samples(
        template=mean,
        kept=np.stack(vectors[: rule.templates_max]),
        count=len(vectors),
        quality=min(consistent, FEW_SAMPLES_QUALITY) if few else consistent,
    )


def _least_alike(vectors: list[NDArray[np.float32]]) -> float:
    """Return how little the most different picture is like all the others together.

    Not like the mean of all, which is half each of two: no track binds pictures to one person.
    """
    if len(vectors) == 1:
        return 1.0
    return float(
        min(
            vector @ pooled([other for other in vectors if other is not vector])
            for vector in vectors
        )
    )


def _files(place: Path) -> list[Path]:
    """Return the pictures of a folder in order, or the one file; an absent one is unreadable."""
    if not place.is_dir():
        return [place]
    return sorted(path for path in place.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
