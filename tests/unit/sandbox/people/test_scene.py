"""Scenes: the same for the same seed, moving, noisy, and of the size that was promised."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from kiosk.domain.errors import SetupError
from kiosk.sandbox.people import sample
from kiosk.sandbox.people.cast import BYSTANDERS, EVERYBODY, FIGURES
from kiosk.sandbox.people.expression import GESTURES
from kiosk.sandbox.people.motion import Blinks, smile_level
from kiosk.sandbox.people.scene import Crowd, CustomerScene, EmptyScene, PhotoScene

# The slowest scene takes 15 ms on an idle core; on a crowded one twice that must do.
FRAME_MS_MAX = 33.0


def scenes(crowd: Crowd, seed: int):
    return {
        "customer": CustomerScene(crowd, 0, seed),
        "turning": CustomerScene(crowd, 2, seed, turning=True),
        "photo": PhotoScene(crowd, 1, seed),
        "empty": EmptyScene(crowd, seed),
    }


def test_the_cast_is_the_six_people_of_the_photograph(crowd: Crowd):
    """Everybody has a head and a gesture, and is either a customer or a bystander."""
    assert EVERYBODY == len(crowd.heads) == len(GESTURES)
    assert set(range(EVERYBODY)) == {*FIGURES, *BYSTANDERS}
    assert len(FIGURES) >= 4


@pytest.mark.parametrize("kind", ["customer", "turning", "photo", "empty"])
def test_the_same_seed_gives_the_same_frames(crowd: Crowd, kind: str):
    """Frame by frame, whatever was drawn before; another seed gives others."""
    one, two = scenes(crowd, 7)[kind], scenes(crowd, 7)[kind]
    other = scenes(crowd, 8)[kind]
    two.frame(3, 100, 0.0)

    first, again = one.frame(40, 1333, 0.5), two.frame(40, 1333, 0.5)

    assert (480, 640, 3) == first.shape
    assert np.uint8 == first.dtype
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other.frame(40, 1333, 0.5))


@pytest.mark.parametrize("kind", ["customer", "photo", "empty"])
def test_no_frame_is_repeated(crowd: Crowd, kind: str):
    """Noise is new in each frame, also where nothing moves."""
    scene = scenes(crowd, 3)[kind]
    frames = [scene.frame(index, 0, 0.0) for index in range(4)]

    for before, after in itertools.pairwise(frames):
        changed = np.mean(before != after)
        assert changed > 0.3


@pytest.mark.parametrize("kind", ["customer", "photo"])
def test_a_frame_is_drawn_faster_than_the_camera_takes_it(crowd: Crowd, kind: str):
    """The median frame fits into 30 frames a second on one thread, in processor time."""
    scene = scenes(crowd, 3)[kind]
    scene.frame(0, 0, 0.0)
    spent = []
    for index in range(1, 16):
        began = time.thread_time()
        scene.frame(index, index * 33, 0.0)
        spent.append((time.thread_time() - began) * 1000)

    assert np.median(spent) < FRAME_MS_MAX


def test_a_head_turns_like_a_head_and_a_photo_like_a_plane(crowd: Crowd):
    """Turning moves the nose against the rim of the head: there is depth."""
    scene = CustomerScene(crowd, 0, 5, turning=True)
    depth = scene._figure._depth
    nose, eyes = crowd.heads[0].landmarks[2], crowd.heads[0].landmarks[:2].mean(axis=0)

    at_nose, at_eyes = (depth[int(p[1]), int(p[0])] for p in (nose, eyes))
    assert at_nose > at_eyes + 5 > depth[10, 10] + 50


def test_eyes_close_and_open_again():
    """In ten seconds everybody blinks, and most of the time does not."""
    blinks = Blinks(np.random.default_rng(1))
    closed = np.array([blinks.at(t) for t in range(0, 10_000, 10)])

    assert closed.max() > 0.9
    assert np.mean(closed > 0.1) < 0.2


def test_a_smile_begins_when_it_was_asked_for():
    """Nothing before, all of it half a second later, rising in between."""
    levels = [smile_level(t, 3000) for t in range(2500, 4000, 10)]

    assert 0.0 == smile_level(3000, 3000) == smile_level(9000, None)
    assert 1.0 == smile_level(3500, 3000)
    assert levels == sorted(levels)


def test_another_picture_is_an_error_and_not_another_crowd(monkeypatch):
    """When the dependency ships another picture one day, the people say so."""
    blank = np.zeros((100, 100, 3), np.uint8)
    monkeypatch.setattr(sample, "get_image", lambda _: blank)

    with pytest.raises(SetupError) as caught:
        sample.load_people()

    assert "sample_picture_unusable" == caught.value.code


def test_a_missing_detector_is_an_error_with_a_mend(tmp_path):
    """Half a checkout is reported, not traced."""
    with pytest.raises(SetupError) as caught:
        sample.load_people(tmp_path / "none.onnx")

    assert "sample_picture_unusable" == caught.value.code
    assert caught.value.mend
