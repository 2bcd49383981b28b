"""What the eyes hand over of a visit: one track, one face for both packs, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from kiosk.domain.identification import Decision
from kiosk.domain.ids import PersonId
from kiosk.faces.eyes import Eyes
from kiosk.faces.paired_eyes import PairedEyes
from tests.fakes.judging import PICTURE, Pipeline, eyes_of

ADA = PersonId("ada")


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
    seeing = eyes_of("old@1", Pipeline(), ADA)
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
    seeing = eyes_of("old@1", pipeline, ADA)
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
    paired = PairedEyes([eyes_of("new@1", other), eyes_of("old@1", Pipeline(), ADA)])
    for k in range(10):
        paired.look(SimpleNamespace(image=PICTURE, at_ms=100 * k))
    paired.finish()

    told = paired.lessons(ADA)
    if not told:
        pytest.fail("nobody was chosen")
    assert packs == [lesson.pack for lesson in told]
