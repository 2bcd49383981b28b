"""What the eyes hand over of a visit: one track, one face for both packs, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from kiosk.domain.identification import Candidate, Decision, ImpostorTail, SearchPolicy
from kiosk.domain.ids import PersonId
from kiosk.faces.eyes import Eyes
from kiosk.faces.paired_eyes import PairedEyes
from kiosk.faces.vision.detector import Face
from kiosk.faces.vision.judgement import FrameJudgement
from kiosk.faces.vision.quality import Quality

ADA = PersonId("ada")
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


def eyes(pack: str, pipeline: Pipeline, *people: PersonId) -> Eyes:
    gallery = SimpleNamespace(
        search=lambda _pack, _probe, **_: [Candidate(person, 1.0) for person in people],
        size=lambda _pack: len(people),
    )
    made = SimpleNamespace(
        id=pack, name=pack, thresholds={"pad_bona_fide_min": 0.3, "pad_attack_max": 0.1}
    )
    return Eyes(made, pipeline, gallery, policy=SearchPolicy(), tails=TAILS)


def watch(seeing: Eyes, frames: int, since: int = 0) -> None:
    looks = [
        seeing.look(SimpleNamespace(image=PICTURE, at_ms=100 * k))
        for k in range(since, since + frames)
    ]
    assert {None, Decision.IDENTIFIED} >= {
        look.identification and look.identification.decision for look in looks
    }


def test_whoever_was_identified_is_handed_over_as_copies():
    """They alone, and nothing once the session is wiped."""
    seeing = eyes("old@1", Pipeline(), ADA)
    assert () == seeing.lessons(ADA)
    watch(seeing, 6)

    (lesson,) = seeing.lessons(ADA)
    assert ("old@1", 6, False) == (lesson.pack, lesson.count, lesson.proven)
    assert () == seeing.lessons(PersonId("ben"))
    seeing.wipe()
    assert 1.0 == pytest.approx(float(np.linalg.norm(lesson.mean)))
    assert () == seeing.lessons(ADA)


def test_another_track_teaches_nothing_of_who_was_identified():
    """Before the new face has been identified as well."""
    pipeline = Pipeline()
    seeing = eyes("old@1", pipeline, ADA)
    watch(seeing, 6)
    pipeline.track = 2
    watch(seeing, 6, since=6)

    assert () == seeing.lessons(ADA)


@pytest.mark.parametrize(
    ("other", "packs"),
    [
        (Pipeline(left=105.0), ["old@1", "new@1"]),
        (Pipeline(left=200.0), ["old@1"]),
        (Pipeline(pad=0.2), ["old@1"]),
    ],
    ids=["the same face", "a neighbour's face", "not bona fide"],
)
def test_the_new_pack_hands_over_the_same_face_only(other, packs):
    """Two detectors may pick two faces of one frame."""
    paired = PairedEyes([eyes("new@1", other), eyes("old@1", Pipeline(), ADA)])
    for k in range(10):
        paired.look(SimpleNamespace(image=PICTURE, at_ms=100 * k))
    paired.finish()

    told = paired.lessons(ADA)
    if not told:
        pytest.fail("nobody was chosen")
    assert packs == [lesson.pack for lesson in told]
