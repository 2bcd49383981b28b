"""A pipeline that sees one good face on every frame, and eyes that look through it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from kiosk.domain.identification import Candidate, ImpostorTail, SearchPolicy
from kiosk.domain.ids import PersonId
from kiosk.faces.eyes import RECORDED, Eyes
from kiosk.faces.vision.detector import Face
from kiosk.faces.vision.judgement import FrameJudgement
from kiosk.faces.vision.pad.sight import CameraFacts
from kiosk.faces.vision.quality import Quality

FACE = np.array([1, 0, 0, 0], np.float32)
GOOD = Quality(70.0, 0.0, 0.57, 0.0, 0.4, 120.0, 40.0)
TAILS = (ImpostorTail("made", 0.3, -0.2, 0.06, 1000, 100, 1e-7, ((5e-2, 0.4), (1e-6, 0.7))),)
PICTURE = np.zeros((240, 320, 3), np.uint8)


class Pipeline:
    """Judges each frame as the test has it: track, left edge of the box, PAD score."""

    def __init__(self, track: int = 1, left: float = 100.0, pad: float = 0.9) -> None:
        self.track, self.left, self.pad = track, left, pad

    def judge(self, frame):
        box = Face(self.left, 60.0, 80.0, 80.0, 0.9, np.full((5, 2), 100.0, np.float32))
        return FrameJudgement(
            index=0,
            at_ms=frame.at_ms,
            track=self.track,
            reason=None,
            face=box,
            quality=GOOD,
            pad_score=self.pad,
            embedding=FACE.copy(),
        )

    def wipe(self):
        pass


def eyes_of(
    pack: str, pipeline: Pipeline, *people: PersonId, facts: CameraFacts = RECORDED
) -> Eyes:
    """Return eyes to which the face is like these people's, and like nobody else's."""
    gallery = SimpleNamespace(
        search=lambda _pack, _probe, **_: [Candidate(person, 1.0) for person in people],
        size=lambda _pack: max(1, len(people)),
    )
    made = SimpleNamespace(
        id=pack, name=pack, thresholds={"pad_bona_fide_min": 0.3, "pad_attack_max": 0.1}
    )
    return Eyes(made, pipeline, gallery, policy=SearchPolicy(), tails=TAILS, facts=facts)
