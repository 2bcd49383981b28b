"""Guided enrolment: each pose by its own rule and with its own time, none that blocks for ever."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.domain.evidence import Reason
from kiosk.faces.vision.enrolment import EnrolmentRefusal, EnrolmentSamples
from kiosk.faces.vision.guided import GuidedRule, GuidedSampler, Pose
from kiosk.faces.vision.judgement import FrameJudgement
from kiosk.faces.vision.pad.passive import PadRule
from kiosk.faces.vision.quality import Quality

RULE = GuidedRule()
PAD = PadRule(bona_fide_min=0.3, attack_max=0.1)
STEP_MS = 100
RANDOM = np.random.default_rng(3)
DIMENSION = 64


def unit(vector):
    return (vector / np.linalg.norm(vector)).astype(np.float32)


FACE = unit(RANDOM.normal(size=DIMENSION))
OTHER = unit(RANDOM.normal(size=DIMENSION))


def looks(similarity: float, face=FACE):
    """Return an embedding with this similarity to a face."""
    across = RANDOM.normal(size=DIMENSION)
    across = unit(across - (across @ face) * face)
    return unit(similarity * face + (1 - similarity**2) ** 0.5 * across)


class Booth:
    """Feeds frames and keeps the time."""

    def __init__(self) -> None:
        self.sampler = GuidedSampler(pad=PAD)
        self.now_ms = 0

    def see(self, count, *, offset=0.0, similarity=0.97, face=FACE, track=1, pad=0.9, reason=None):
        for _ in range(count):
            quality = Quality(70.0, offset, 0.57, 0.0, 0.4, 120.0, 40.0)
            self.sampler.add(
                FrameJudgement(
                    index=self.now_ms // STEP_MS,
                    at_ms=self.now_ms,
                    track=track,
                    reason=reason,
                    quality=quality,
                    pad_score=pad,
                    embedding=None if reason else looks(similarity, face),
                )
            )
            self.now_ms += STEP_MS
        return self

    def plain(self):
        return self.see(RULE.plain_enough)

    def counts(self):
        return {pose: (count, why) for pose, count, why in self.sampler.outcomes()}


def test_the_poses_are_asked_for_one_after_the_other():
    """Straight, turned, glasses; then it is complete, with vectors of all of them."""
    booth = Booth()
    assert Pose.PLAIN is booth.sampler.asks_for
    booth.plain()
    assert Pose.TURN is booth.sampler.asks_for
    booth.see(RULE.turn_enough, offset=0.2, similarity=0.85)
    assert Pose.GLASSES is booth.sampler.asks_for
    booth.see(RULE.glasses_enough, similarity=0.8)

    assert booth.sampler.asks_for is None
    assert booth.sampler.is_complete
    made = booth.sampler.finish()
    assert isinstance(made, EnrolmentSamples)
    assert RULE.plain_enough + RULE.turn_enough + RULE.glasses_enough == made.n_samples
    assert 3 <= len(made.templates) <= RULE.templates_max


def test_a_pose_that_does_not_show_is_skipped_after_its_time():
    """Who cannot turn, or wears no glasses, is asked for the next thing, with the reason kept."""
    booth = Booth().plain()
    frames = RULE.pose_ms_max // STEP_MS + 2
    booth.see(frames)
    assert Pose.GLASSES is booth.sampler.asks_for
    booth.see(frames)

    assert booth.sampler.is_complete
    assert {
        Pose.PLAIN: (RULE.plain_enough, ""),
        Pose.TURN: (0, "not_seen"),
        Pose.GLASSES: (0, "not_seen"),
    } == booth.counts()
    assert isinstance(booth.sampler.finish(), EnrolmentSamples)


def test_without_the_straight_look_there_is_no_reference():
    """It ends within its time and says why, in the words of the eyes."""
    booth = Booth()
    booth.see(RULE.plain_ms_max // STEP_MS + 2, reason=Reason.TOO_DARK)

    assert booth.sampler.is_complete
    made = booth.sampler.finish()
    assert isinstance(made, EnrolmentRefusal)
    assert Reason.TOO_DARK is made.reason


def test_a_folder_follows_no_prompts_and_fails_nothing():
    """What has not shown when the frames end is skipped with that reason."""
    booth = Booth().plain()
    booth.sampler.end("camera_ended")

    assert isinstance(booth.sampler.finish(), EnrolmentSamples)
    assert (0, "camera_ended") == booth.counts()[Pose.TURN]


def test_a_turn_that_comes_early_counts_all_the_same():
    """A frame counts for the pose it shows."""
    booth = Booth().plain().see(RULE.glasses_enough, similarity=0.8)
    assert Pose.TURN is booth.sampler.asks_for
    booth.see(RULE.turn_enough, offset=-0.2)

    assert booth.sampler.is_complete


def test_turned_samples_do_not_move_the_searched_reference():
    """Comparisons are calibrated for frontal faces."""
    plain, turned = Booth().plain(), Booth().plain()
    turned.see(RULE.turn_enough, offset=0.2, similarity=0.6)
    frontal, with_turn = (booth.sampler.finish() for booth in (plain, turned))

    assert float(frontal.mean @ FACE) == pytest.approx(float(with_turn.mean @ FACE), abs=0.02)
    assert with_turn.n_samples > frontal.n_samples


def test_another_face_gives_no_sample():
    """An accomplice cannot add poses to somebody's reference."""
    booth = Booth().plain().see(8, offset=0.2, face=OTHER, track=2)

    assert (0, "") == booth.counts()[Pose.TURN]


def test_a_picture_first_and_a_living_face_after_make_nobody():
    """What a track gave that never proved bona fide goes when the track ends."""
    booth = Booth()
    booth.see(RULE.plain_enough, pad=None)
    booth.see(20, face=OTHER, track=2, pad=0.9)
    made = booth.sampler.finish()

    assert isinstance(made, EnrolmentSamples)  # of the second face alone
    assert float(made.mean @ OTHER) > 0.9
    assert abs(float(made.mean @ FACE)) < 0.5


def test_a_face_that_comes_back_must_be_bona_fide_again():
    """Taking glasses off breaks the track; a picture held up meanwhile is refused."""
    honest = Booth().plain().see(RULE.glasses_enough + 8, similarity=0.8, track=2)
    assert isinstance(honest.sampler.finish(), EnrolmentSamples)

    attack = Booth().plain().see(20, similarity=0.8, track=2, pad=0.02)
    made = attack.sampler.finish()
    assert isinstance(made, EnrolmentRefusal)
    assert Reason.PAD_TEXTURE is made.reason


def test_wiping_overwrites_the_samples():
    """Nothing of a face is left in what was held."""
    booth = Booth().plain()
    held = booth.sampler._kept[Pose.PLAIN].vectors
    booth.sampler.wipe()

    assert all(not vector.any() for vector in held)
    assert 0 == booth.sampler.n_samples
