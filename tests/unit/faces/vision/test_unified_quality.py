"""The quality of a face picture as numbers: each component falls when its fault grows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kiosk.domain.evidence import Reason
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.detector import Face
from kiosk.faces.vision.quality import Quality, QualityLimits, light_reason, measure
from kiosk.faces.vision.unified_quality import components, unified_score

GOOD = Quality(70.0, 0.0, 0.55, 0.0, 0.4, 120.0, 40.0)


@pytest.fixture(scope="module")
def texture():
    """An aligned "face" of smooth grey patches: no person, but light, edges and contrast."""
    rng = np.random.default_rng(7)
    rough = rng.integers(70, 190, (14, 14, 3), dtype=np.uint8)
    return cv2.resize(rough, (112, 112), interpolation=cv2.INTER_CUBIC)


def measured(image, frame=(480, 640, 3), x=240.0):
    middle = np.array([x + 80, 220.0])
    points = middle + np.array([[-35, 0], [35, 0], [0, 40], [-24, 70], [24, 70]])
    return measure(Face(x, 140, 160, 200, 0.9, points.astype(np.float32)), image, frame)


def test_a_good_picture_is_worth_a_hundred():
    """Nothing is wrong with it, and nothing is held against it."""
    assert unified_score(GOOD) == 100
    assert set(components(GOOD).values()) == {100}


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("inter_eye_distance", {"eye_distance_px": 25.0}),
        ("yaw", {"nose_offset": -0.3}),
        ("pitch", {"nose_height": 0.40}),
        ("roll", {"roll_deg": -25.0}),
        ("sharpness", {"sharpness": 0.02}),
        ("overexposure", {"overexposed": 0.5}),
        ("underexposure", {"underexposed": 0.5}),
        ("dynamic_range", {"dynamic_range_bits": 4.0}),
        ("contrast", {"contrast": 12.0}),
        ("darkness", {"luminance": 40.0}),
        ("brightness", {"luminance": 238.0}),
        ("learned", {"learned": 0.35}),
    ],
)
def test_each_fault_lowers_its_component_and_the_whole(name, fault):
    """One bad component is enough to pull the score down to about half."""
    worse = dataclasses.replace(GOOD, **fault)

    assert components(worse)[name] < 50
    assert unified_score(worse) < 75


def test_burnt_and_black_faces_are_told_apart(texture):
    """Half a face in window light is bright, half of one in the dark is dark."""
    burnt, black = texture.copy(), texture.copy()
    burnt[:, :56], black[:, :56] = 255, 5

    assert measured(burnt).overexposed == pytest.approx(0.5, abs=0.05)
    assert measured(black).underexposed == pytest.approx(0.5, abs=0.05)
    assert measured(texture).overexposed == 0.0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"overexposed": 0.9}, Reason.TOO_BRIGHT),
        ({"underexposed": 0.7}, Reason.TOO_DARK),
        ({"dynamic_range_bits": 2.0}, Reason.LOW_CONTRAST),
    ],
)
def test_light_that_leaves_no_face_is_refused_with_what_to_do(fault, reason):
    """The mean may be fine where half is burnt and half is black; the shares are not."""
    assert light_reason(dataclasses.replace(GOOD, **fault), QualityLimits()) is reason


def test_covered_eyes_and_mouths_lose_detail(texture):
    """A band without texture is a hint of glasses, a mask or a hand."""
    glasses, mask = texture.copy(), texture.copy()
    glasses[38:66] = 30
    mask[78:106] = 200

    assert measured(glasses).eye_detail < 0.3 < measured(texture).eye_detail
    assert measured(mask).mouth_detail < 0.3 < measured(texture).mouth_detail


def test_the_place_in_the_frame_is_measured(texture):
    """Margins count in face widths and are negative where the face is cut."""
    assert measured(texture).margin == pytest.approx(140 / 160)
    assert measured(texture, x=-16.0).margin == pytest.approx(-0.1)
    assert measured(texture).face_width_share == pytest.approx(0.25)
