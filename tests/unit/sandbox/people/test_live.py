"""The live scene: real time by a clock that tests turn, one frame a tick, words that change it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kiosk.domain.errors import BadInputError
from kiosk.sandbox.people.live import LiveScene


class Time:
    def __init__(self):
        self.now_s = 100.0

    def clock(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def live(crowd, time):
    return LiveScene(crowd, clock=time.clock, sleep=time.sleep)


def test_two_watchers_see_the_same_newest_frame(live, time):
    """A frame is drawn once a tick, and who is late gets the newest and not the next."""
    time.now_s += 1.0
    first = live.after(-1)

    assert first is live.after(-1)
    assert 30 == first.index
    assert 1000 == first.at_ms
    time.now_s += 0.5
    assert 45 == live.after(first.index).index


def test_waiting_for_the_next_frame_takes_a_tick(live, time):
    """Who has the newest frame waits until there is another."""
    first = live.after(-1)
    second = live.after(first.index)

    assert first.index < second.index
    assert time.now_s == pytest.approx(100.0 + second.index / 30, abs=0.01)


def test_words_change_what_is_seen(live, time):
    """Somebody comes, smiles, shows a photo and leaves; each looks different."""
    seen = [live.after(-1).image]
    for word, person in (("person", 0), ("smile", None), ("show_photo", None), ("leave", None)):
        live.tell(word, person)
        for _ in range(20):
            time.now_s += 1 / 30
            picture = live.after(-1)
        seen.append(picture.image)

    for before, after in itertools.pairwise(seen):
        different = np.abs(before.astype(int) - after).mean()
        assert different > 1.0


def test_a_smile_takes_its_time_in_both_directions(live, time):
    """The mouth does not jump."""
    live.tell("person", 0)
    live.after(-1)
    levels = []
    for word in ("smile", "neutral"):
        live.tell(word, None)
        for _ in range(12):
            time.now_s += 1 / 30
            live.after(-1)
            levels.append(live._smile)

    assert 1.0 == max(levels)
    assert 0.0 == levels[-1]
    assert max(np.abs(np.diff(levels))) < 0.15


@pytest.mark.parametrize(("word", "way"), [("turn_left", 1), ("turn_right", -1)])
def test_a_turn_goes_to_the_persons_own_side_and_back(live, time, word, way):
    """Their left is the picture's right; the head does not jump, and looks ahead again."""
    live.tell("person", 0)
    live.after(-1)
    live.tell(word, None)
    angles = []
    for _ in range(60):
        time.now_s += 1 / 30
        angles.append(live._turned(live.after(-1).at_ms))

    assert max(way * angle for angle in angles) == pytest.approx(0.47, abs=0.01)
    assert min(way * angle for angle in angles) == 0.0
    assert angles[-1] == 0.0
    assert max(np.abs(np.diff(angles))) < 0.06
    live.tell("person", 1)
    assert live._turned(live.after(-1).at_ms) == 0.0


def test_a_person_nobody_knows_is_refused(live):
    """And the scene stays as it was."""
    before = live._scene
    with pytest.raises(BadInputError) as caught:
        live.tell("person", 6)

    assert "person_unknown" == caught.value.code
    assert before is live._scene
