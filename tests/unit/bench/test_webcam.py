"""Webcam people who pay: who is counted as what, and that a wrong payment could not hide."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from kiosk.bench.ends import End
from kiosk.bench.liveness import Recording
from kiosk.bench.rates import interval95
from kiosk.bench.webcam import Seen, play
from kiosk.bench.webcam_report import in_words, plot, report
from kiosk.domain.identification import ImpostorTail, SearchPolicy, thresholds
from kiosk.faces.vision.judgement import FrameJudgement
from kiosk.faces.vision.quality import Quality

TAILS = (ImpostorTail("made", 0.3, -0.2, 0.06, 1000, 100, 1e-7, ((5e-2, 0.4), (1e-6, 0.7))),)
LIMITS = thresholds(3, SearchPolicy(), TAILS)
GOOD = Quality(70.0, 0.0, 0.57, 0.0, 0.4, 120.0, 40.0)
PACK = SimpleNamespace(
    id="made@1",
    name="made",
    thresholds={"pad_bona_fide_min": 0.3, "pad_attack_max": 0.1},
)
FRAMES = 8
WITH_DIGITS = (LIMITS.digits + LIMITS.open) / 2 - 0.01
WITH_PIN = (LIMITS.pin + LIMITS.digits) / 2


def axis(place):
    vector = np.zeros(16, np.float32)
    vector[place] = 1.0
    return vector


def like(vector, score, place):
    """A vector whose similarity to `vector` is `score`."""
    return (score * vector + np.sqrt(1 - score**2) * axis(place)).astype(np.float32)


@pytest.fixture
def seen_of(tmp_path):
    """Make a judged sequence: ten frames a second, all of one face."""

    def make(subject, session, vector, *, template=None, pad=0.9):
        folder = tmp_path / f"{subject}_{session}"
        folder.mkdir()
        for k in range(FRAMES):
            cv2.imwrite(str(folder / f"{k:04}.png"), np.full((96, 128, 3), 10 + k, np.uint8))
        judged = tuple(
            FrameJudgement(
                index=k,
                at_ms=100 * k,
                track=1,
                reason=None,
                quality=GOOD,
                pad_score=pad,
                embedding=vector.copy(),
            )
            for k in range(FRAMES)
        )
        return Seen(
            Recording("bona_fide", folder, subject),
            judged,
            vector if template is None else template,
        )

    return make


def told_of(seen):
    return report(play(PACK, seen, TAILS, progress=False), seed=1)


def test_owners_are_counted_by_what_they_were_asked(seen_of):
    """Face alone, digits, digits and PIN, and refused: each from the score of another session."""
    seen = []
    for place, score in enumerate((LIMITS.open + 0.02, WITH_DIGITS, WITH_PIN, LIMITS.pin - 0.05)):
        home = axis(place)
        seen.append(seen_of(f"s{place}", "a", home))
        # The second session is no reference of the first one's: only the first turn counts here.
        seen.append(seen_of(f"s{place}", "b", like(home, score, 8 + place)))
    owners = told_of(seen)["owners"]

    assert (owners["n"], owners["people"]) == (8, 4)
    assert [owners[kind.value]["n"] for kind in End] == [2, 2, 2, 2]
    assert owners["without_pin"]["share"] == 0.5
    assert owners["face"]["interval95"] == [
        pytest.approx(end, abs=1e-4) for end in interval95(2, 8)
    ]


def test_a_look_alike_with_the_digits_is_counted_as_charged(seen_of):
    """What must never happen is seen where it does, in sum and by pair of people."""
    twin = like(axis(0), WITH_DIGITS, 8)
    seen = [seen_of("s0", "a", axis(0)), seen_of("s1", "a", twin), seen_of("s2", "a", axis(2))]
    told = told_of(seen)
    strangers = told["strangers_with_somebodys_digits"]

    assert told["wrong_payments"] == strangers["charged"] == 2
    assert (strangers["n"], strangers["pairs"]) == (6, 6)
    assert strangers["refused"] == 4
    assert strangers["highest_score"] == pytest.approx(WITH_DIGITS, abs=0.01)
    assert told["strangers_alone"]["charged"] == 0
    assert "2 of 6 charged" in in_words(told)


def test_a_stranger_is_asked_for_the_pin_below_the_digits_band(seen_of):
    """Alike, but short of enough with digits: a question, no payment."""
    twin = like(axis(0), WITH_PIN, 8)
    told = told_of([seen_of("s0", "a", axis(0)), seen_of("s1", "a", twin)])

    assert told["wrong_payments"] == 0
    assert told["strangers_with_somebodys_digits"]["asked_for_the_pin"] == 2


def test_enrolled_people_are_kept_apart_by_who_they_look_like_more(seen_of):
    """Who is enrolled and types another's digits is refused, though the score would do."""
    twin = like(axis(0), WITH_DIGITS, 8)
    seen = [
        seen_of("s0", "a", axis(0)),
        seen_of("s1", "a", twin),
        seen_of("s1", "b", like(twin, WITH_DIGITS, 9)),
        seen_of("s2", "a", axis(2)),
        seen_of("s2", "b", axis(2)),
    ]
    others = told_of(seen)["enrolled_with_others_digits"]

    # Equally like both: the PIN is asked for. The third pays by face alone, before any digits.
    assert (others["n"], others["charged"], others["refused"]) == (8, 0, 3)
    assert (others["asked_for_the_pin"], others["paid_as_themselves"]) == (1, 4)


def test_a_print_pays_nothing_and_whoever_cannot_enrol_is_named(seen_of):
    """An attack ends the session; a sequence without a template is listed, and still a probe."""
    print_ = seen_of("s0", "b", axis(0), pad=0.0)
    unusable = Seen(print_.recording, print_.judged, None)
    told = told_of([seen_of("s0", "a", axis(0)), seen_of("s1", "a", axis(1)), unusable])

    assert told["not_acquired"] == ["s0_b"]
    assert told["owners"]["refused"]["n"] == told["owners"]["n"] == 1


def test_the_report_is_deterministic_and_is_drawn(seen_of, tmp_path):
    """The same sequences give the same report; the picture is a PNG of scores."""
    seen = [seen_of("s0", "a", axis(0)), seen_of("s0", "b", axis(0)), seen_of("s1", "a", axis(1))]
    found = play(PACK, seen, TAILS, progress=False)
    plot(found, tmp_path / "scores.png")

    assert told_of(seen) == report(found, seed=1)
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")


def test_an_interval_has_two_ends():
    """Clopper and Pearson, against published values; nothing is known without trials."""
    assert interval95(0, 16) == (0.0, pytest.approx(0.2059, abs=1e-4))
    assert interval95(16, 16) == (pytest.approx(0.7941, abs=1e-4), 1.0)
    assert interval95(5, 10) == (pytest.approx(0.1871, abs=1e-4), pytest.approx(0.8129, abs=1e-4))
    assert interval95(0, 0) == (0.0, 1.0)
