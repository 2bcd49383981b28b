"""Where the detector looks: everywhere at first, then around the payer, and how it aligns."""

from __future__ import annotations

import numpy as np
import pytest
from insightface.data import get_image
from insightface.utils import face_align

from kiosk.faces.vision import detector as module
from kiosk.faces.vision.detector import WHOLE_EVERY, Detector
from kiosk.faces.vision.encoder import similarity
from models.manifest import SHIPPED_DIR, load_pack


@pytest.fixture(scope="module")
def scene():
    """One person of the picture insightface ships, small in a frame of a webcam's size."""
    portrait = get_image("t1")[119:661, 521:1063].copy()
    portrait[:130, 370:] = 128  # the neighbour at the edge
    small = module.cv2.resize(portrait, (300, 300), interpolation=module.cv2.INTER_AREA)
    frame = np.full((480, 640, 3), 90, np.uint8)
    frame[60:360, 10:310] = small
    return frame


@pytest.fixture(scope="module")
def two_people(scene):
    frame = scene.copy()
    frame[60:360, 330:630] = scene[60:360, 10:310]
    return frame


@pytest.fixture
def detector():
    pack = load_pack(SHIPPED_DIR / "starter")
    return Detector(pack.detector, score_min=pack.thresholds["detector_score"])


def test_a_followed_face_is_found_where_the_whole_frame_shows_it(detector, scene):
    """Looking around the payer gives the same face: box and landmarks within a few pixels."""
    (whole,) = detector.detect(scene)
    detector.follow(whole)

    (near,) = detector.detect(scene)

    apart = np.linalg.norm(near.landmarks - whole.landmarks, axis=1).mean()
    assert apart < 0.08 * whole.eye_distance
    assert abs(near.centre[0] - whole.centre[0]) < 0.1 * whole.width


def test_somebody_who_steps_in_is_seen_within_five_frames(detector, scene, two_people):
    """Only the surroundings are searched in between, so the bound is what protects."""
    (payer,) = detector.detect(scene)
    counts = []
    for _ in range(2 * WHOLE_EVERY):
        detector.follow(payer)
        counts.append(len(detector.detect(two_people)))

    assert counts[0] == 1, "the frame after a whole one looks around the payer only"
    assert 2 in counts[:WHOLE_EVERY]
    assert counts.count(2) == 2


def test_a_face_that_has_gone_elsewhere_is_found_at_once(detector, scene):
    """Where the payer is not any more, the whole frame is searched in the same frame."""
    (payer,) = detector.detect(scene)
    detector.follow(payer)

    (moved,) = detector.detect(np.ascontiguousarray(scene[:, ::-1]))

    assert moved.centre[0] > 320


def test_after_a_wipe_it_looks_everywhere(detector, scene, two_people):
    """The next customer does not inherit where the last one stood."""
    (payer,) = detector.detect(scene)
    detector.follow(payer)
    detector.wipe()

    assert len(detector.detect(two_people)) == 2


def test_the_alignment_is_insightfaces_own():
    """The closed form is the transform that encoders are trained with, for any five points."""
    rng = np.random.default_rng(20261128)
    for _ in range(200):
        turn, size = rng.uniform(-1, 1), rng.uniform(0.3, 6)
        rotation = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        points = face_align.arcface_dst @ rotation.T + rng.uniform(0, 400, 2)
        landmarks = (points + rng.normal(0, 0.05 * 35 * size, (5, 2))).astype(np.float32)

        np.testing.assert_allclose(
            face_align.estimate_norm(landmarks), similarity(landmarks), atol=1e-4
        )
