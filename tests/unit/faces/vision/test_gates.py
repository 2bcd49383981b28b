"""Payer, place, light, pose and track: each refusal has the reason a customer can act on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.evidence import PadVerdict, Reason
from kiosk.faces.vision.detector import Face
from kiosk.faces.vision.pad.passive import PadRule, PadSequence, crop_scaled
from kiosk.faces.vision.payer import choose_payer
from kiosk.faces.vision.quality import (
    Quality,
    QualityLimits,
    light_reason,
    measure,
    place_reason,
    pose_reason,
)
from kiosk.faces.vision.tracker import Tracker, TrackRule

LIMITS = QualityLimits()
FRAME = (480, 640, 3)
GOOD = Quality(
    eye_distance_px=70.0,
    nose_offset=0.0,
    nose_height=0.57,
    roll_deg=0.0,
    sharpness=0.4,
    luminance=120.0,
    contrast=40.0,
)
RULE = PadRule(bona_fide_min=0.3, attack_max=0.1)


def face(x=240.0, y=140.0, width=160.0, height=200.0, score=0.9, eyes=70.0):
    middle = np.array([x + width / 2, y + height * 0.4])
    landmarks = middle + np.array(
        [[-eyes / 2, 0], [eyes / 2, 0], [0, 0.57 * eyes], [-eyes / 3, eyes], [eyes / 3, eyes]]
    )
    return Face(x, y, width, height, score, landmarks.astype(np.float32))


def changed(**values):
    return Quality(**({f: getattr(GOOD, f) for f in GOOD.__dataclass_fields__} | values))


def test_the_nearest_face_pays_and_people_behind_are_ignored():
    """Somebody further back does not stop a payment."""
    near, far = face(), face(x=20, width=60, height=75, eyes=26)

    choice = choose_payer((near, far), 640)

    assert choice.face is near
    assert choice.reason is None


def test_who_looks_at_the_till_is_the_payer():
    """A somewhat nearer neighbour in profile does not become the payer; two are still asked."""
    looking = face(x=330, width=120, height=150, eyes=52)
    neighbour = face(x=90, width=140, height=175, eyes=61)
    neighbour.landmarks[2, 0] += 0.5 * 61

    choice = choose_payer((neighbour, looking), 640)

    assert choice.face is looking
    assert choice.reason is Reason.TWO_FACES


def test_two_people_at_the_till_are_asked_to_be_one():
    """Two faces of about the same size: nobody is picked silently."""
    assert choose_payer((face(x=60), face(x=400)), 640).reason is Reason.TWO_FACES


def test_a_second_box_around_the_same_face_is_not_a_second_person():
    """Detectors sometimes report one face twice."""
    assert choose_payer((face(), face(x=250, width=120, height=150)), 640).reason is None


def test_no_face_is_a_reason():
    """An empty frame is refused, with a word."""
    assert choose_payer((), 640).reason is Reason.NO_FACE


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (face(), None),
        (face(eyes=30), Reason.TOO_FAR),
        (face(x=50, width=500, height=460, eyes=200), Reason.TOO_CLOSE),
        (face(x=-60), Reason.NOT_CENTRED),
        (face(y=400), Reason.NOT_CENTRED),
    ],
)
def test_place(seen, reason):
    """Too far, too close and cut off are told apart."""
    assert place_reason(seen, FRAME, LIMITS) is reason


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, None),
        ({"luminance": 20.0}, Reason.TOO_DARK),
        ({"luminance": 250.0}, Reason.TOO_BRIGHT),
        ({"contrast": 5.0}, Reason.LOW_CONTRAST),
    ],
)
def test_light(values, reason):
    """Light is judged on the face, not on the room."""
    assert light_reason(changed(**values), LIMITS) is reason


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, None),
        ({"nose_offset": 0.5}, Reason.TURNED_AWAY),
        ({"nose_offset": -0.5}, Reason.TURNED_AWAY),
        ({"nose_height": 0.2}, Reason.TURNED_AWAY),
        ({"roll_deg": 45.0}, Reason.TURNED_AWAY),
        ({"sharpness": 0.001}, Reason.BLURRED),
    ],
)
def test_pose_and_sharpness(values, reason):
    """A turned or blurred face is named as such."""
    assert pose_reason(changed(**values), LIMITS) is reason


def test_measures_are_right_on_a_drawn_face():
    """Landmarks of a known geometry give the numbers worked out by hand."""
    aligned = np.full((112, 112, 3), 90, np.uint8)
    aligned[::2] = 110

    quality = measure(face(eyes=80), aligned)

    assert quality.eye_distance_px == pytest.approx(80)
    assert quality.nose_offset == pytest.approx(0, abs=1e-6)
    assert quality.nose_height == pytest.approx(0.57, abs=1e-3)
    assert quality.luminance == pytest.approx(100)
    assert quality.contrast == pytest.approx(10)


def unit(*values):
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)


def test_a_track_survives_a_short_loss_but_not_a_jump_or_a_long_one():
    """Place and time decide whether it is the same presence."""
    tracker = Tracker(TrackRule())
    first = tracker.place(face(), 0)

    assert tracker.place(face(x=260), 600) == first
    assert tracker.place(face(x=20, width=100, height=120), 633) == first + 1
    assert tracker.place(face(x=20, width=100, height=120), 2_000) == first + 2


def test_a_face_swapped_in_place_starts_a_new_track():
    """Another embedding in the same place resets, the same one goes on."""
    tracker = Tracker(TrackRule())
    track = tracker.place(face(), 0)

    assert tracker.recognise(unit(1, 0, 0))
    assert tracker.recognise(unit(1, 0.4, 0))
    assert not tracker.recognise(unit(0, 0, 1))
    assert tracker.track == track + 1


def test_one_frame_that_is_little_like_the_face_is_left_out_and_two_are_another_face():
    """Eyes caught half shut cost a frame; somebody who looks a little like the customer does not
    stay.
    """
    tracker = Tracker(TrackRule())
    track = tracker.place(face(), 0)
    assert tracker.recognise(unit(1, 0, 0))

    assert not tracker.recognise(unit(0.4, 1, 0))
    assert tracker.recognise(unit(1, 0.1, 0))
    assert tracker.track == track
    assert not tracker.recognise(unit(0.4, 1, 0))
    assert not tracker.recognise(unit(0.4, 1, 0))
    assert tracker.track == track + 1


def test_a_smile_that_comes_little_by_little_is_the_same_face():
    """Unlike the mean of a serious face, but like the frame before."""
    tracker = Tracker(TrackRule())
    track = tracker.place(face(), 0)
    for degrees in (0, 0, 0, 0, 40, 70):
        angle = np.radians(degrees)
        assert tracker.recognise(unit(np.cos(angle), np.sin(angle), 0))

    assert tracker.track == track


def pad_after(*scores):
    sequence = PadSequence(RULE)
    for score in scores:
        sequence.add(score)
    return sequence


def test_too_few_frames_are_never_bona_fide():
    """Four perfect frames are not five."""
    assert pad_after(*[1.0] * 4).verdict is PadVerdict.UNDECIDED
    assert pad_after(*[1.0] * 5).verdict is PadVerdict.BONA_FIDE


def test_an_attack_stays_an_attack():
    """A print followed by a live face is refused for the whole probe."""
    assert pad_after(*[0.0] * 5, *[1.0] * 40).verdict is PadVerdict.ATTACK


def test_an_attack_is_seen_across_changes_of_face():
    """A print waved about loses its track and is still counted."""
    sequence = PadSequence(RULE)
    for _ in range(5):
        sequence.change_face()
        sequence.add(0.01)

    assert sequence.verdict is PadVerdict.ATTACK


def test_another_face_must_prove_itself_again():
    """A bona fide verdict does not pass to the next face."""
    sequence = pad_after(*[1.0] * 10)
    sequence.change_face()

    assert sequence.verdict is PadVerdict.UNDECIDED


@given(st.lists(st.floats(0, 1), max_size=40))
def test_between_the_limits_nothing_is_decided(scores):
    """Bona fide always means enough frames with a sufficient mean."""
    sequence = pad_after(*scores)

    if sequence.verdict is PadVerdict.BONA_FIDE:
        assert len(scores) >= RULE.frames_min
        assert np.mean(scores[-RULE.frames_window :]) >= RULE.bona_fide_min - 1e-9


@given(
    st.floats(-50, 600),
    st.floats(-50, 440),
    st.floats(20, 400),
    st.floats(20, 400),
    st.sampled_from([1.0, 2.7, 4.0]),
)
def test_the_pad_crop_lies_inside_the_frame(x, y, width, height, scale):
    """Whatever the box, the crop is a part of the frame and never empty."""
    frame = np.zeros(FRAME, np.uint8)

    crop = crop_scaled(frame, face(x, y, width, height), scale)

    assert crop.size > 0
    assert crop.shape[0] <= 480
    assert crop.shape[1] <= 640
