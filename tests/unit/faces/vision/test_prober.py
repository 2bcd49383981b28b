"""Probes and samples: enough frames of one face, bona fide, or nothing at all."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.domain.evidence import PadVerdict, Reason
from kiosk.domain.identification import (
    Candidate,
    Decision,
    ImpostorTail,
    SearchPolicy,
    decide,
    thresholds,
)
from kiosk.domain.ids import PersonId
from kiosk.faces.vision.enrolment import EnrolmentRefusal, EnrolmentSampler, EnrolmentSamples
from kiosk.faces.vision.judgement import FrameJudgement
from kiosk.faces.vision.pad.passive import PadRule
from kiosk.faces.vision.prober import FusionRule, Prober, ProbeState
from kiosk.faces.vision.quality import Quality

RULE = PadRule(bona_fide_min=0.3, attack_max=0.1)
TAILS = (ImpostorTail("made", 0.3, -0.2, 0.06, 1000, 100, 1e-7, ((5e-2, 0.4), (1e-6, 0.7))),)
POLICY = SearchPolicy()
LIMITS = thresholds(2, POLICY, TAILS)
GOOD = Quality(70.0, 0.0, 0.57, 0.0, 0.4, 120.0, 40.0)
ANN = np.array([1, 0, 0, 0], np.float32)
BOB = np.array([0, 1, 0, 0], np.float32)
GALLERY = {PersonId("ann"): ANN, PersonId("bob"): BOB}


def like(vector, score, other=(0, 0, 0, 1)):
    """A vector whose similarity to `vector` is `score`."""
    rest = np.array(other, np.float32)
    return (score * vector + np.sqrt(1 - score**2) * rest).astype(np.float32)


def search(embedding):
    return [Candidate(person, float(vector @ embedding)) for person, vector in GALLERY.items()]


def verdict(probe, claimed=None):
    return decide(
        probe.candidates,
        gallery_size=len(GALLERY),
        policy=POLICY,
        tails=TAILS,
        claimed=claimed,
        frames_agree=probe.frames_agree,
    )


def prober():
    return Prober(search=search, decide=verdict, pad=RULE)


def frame(k, embedding=None, *, pad=0.9, reason=None, track=1):
    return FrameJudgement(
        index=k,
        at_ms=100 * k,
        track=track,
        reason=reason,
        quality=GOOD,
        pad_score=pad,
        embedding=None if embedding is None else embedding.copy(),
    )


def feed(target, embeddings, **values):
    progress = None
    for k, embedding in enumerate(embeddings):
        progress = target.add(frame(k, embedding, **values))
        if progress.state is not ProbeState.GATHERING:
            break
    return progress


def test_a_clear_bona_fide_face_is_decided_as_soon_as_both_are_known():
    """Five frames: three would do for the face, PAD wants five."""
    progress = feed(prober(), [ANN] * 8)

    assert progress.state is ProbeState.DECIDED
    assert progress.identification.decision is Decision.IDENTIFIED
    assert progress.identification.person == "ann"
    assert progress.frames_seen == RULE.frames_min


def test_doubt_waits_for_more_frames_where_they_could_help():
    """Just below enough, a few more frames may spare the customer the digits; not for ever."""
    nearly = like(ANN, LIMITS.open - FusionRule().reach / 2)

    progress = feed(prober(), [nearly] * 20)

    assert progress.identification.decision is Decision.NEEDS_DIGITS
    assert progress.n_frames == FusionRule().frames_enough


def test_doubt_that_no_frame_will_settle_is_told_at_once():
    """Far below enough, waiting would only cost the customer time."""
    doubtful = like(ANN, (LIMITS.digits + LIMITS.open) / 2)

    progress = feed(prober(), [doubtful] * 20)

    assert progress.identification.decision is Decision.NEEDS_DIGITS
    assert progress.frames_seen == RULE.frames_min


def test_digits_given_later_are_decided_on_the_same_probe():
    """The probe is kept, so that nobody has to stand there again."""
    gathering = prober()
    feed(gathering, [like(ANN, (LIMITS.digits + LIMITS.open) / 2)] * 20)

    assert verdict(gathering.fused, claimed=[PersonId("ann")]).decision is Decision.IDENTIFIED
    assert verdict(gathering.fused, claimed=[PersonId("bob")]).decision is Decision.UNKNOWN


def test_a_print_is_refused_with_a_pad_reason_even_if_it_matches():
    """The right face on paper is an attack, and stays one."""
    progress = feed(prober(), [ANN] * 20, pad=0.02)

    assert progress.state is ProbeState.REFUSED
    assert progress.reason is Reason.PAD_TEXTURE


def test_undecided_pad_fails_closed():
    """Between the limits until the end: refused, with the PAD reason."""
    gathering = prober()
    feed(gathering, [ANN] * 20, pad=0.2)

    progress = gathering.finish()

    assert progress.state is ProbeState.REFUSED
    assert progress.reason is Reason.PAD_UNDECIDED


def test_without_a_pad_score_nobody_is_identified():
    """PAD that never ran is not a pass."""
    gathering = prober()
    feed(gathering, [ANN] * 20, pad=None)

    assert gathering.finish().state is ProbeState.REFUSED


def test_two_frames_are_too_few():
    """At the end of a short recording there is no decision to make."""
    gathering = prober()
    feed(gathering, [ANN, ANN])

    progress = gathering.finish()

    assert progress.state is ProbeState.REFUSED
    assert progress.identification is None


def test_the_most_frequent_quality_reason_is_told():
    """Who only showed blurred frames hears about blur."""
    gathering = prober()
    for k in range(4):
        gathering.add(frame(k, reason=Reason.BLURRED))
    gathering.add(frame(5, reason=Reason.TOO_FAR))

    assert gathering.finish().reason is Reason.BLURRED


def test_a_face_swap_starts_the_probe_anew():
    """Frames of two faces are never fused."""
    gathering = prober()
    for k in range(2):
        gathering.add(frame(k, ANN))
    for k in range(2, 5):
        progress = gathering.add(frame(k, BOB, track=2))

    assert progress.n_frames == 3
    assert gathering.fused.n_frames == 3
    assert float(gathering.fused.embedding @ BOB) == pytest.approx(1.0)


def test_frames_that_disagree_on_rank_one_do_not_identify():
    """A mean between two people is never charged to either by face alone."""
    mixed = [like(ANN, 0.8), like(BOB, 0.8)] * 8

    progress = feed(prober(), mixed)

    assert progress.state is ProbeState.DECIDED
    assert progress.identification.decision is not Decision.IDENTIFIED


def test_wipe_overwrites_the_embeddings():
    """Nothing of the face is left in the arrays that were handed in."""
    mine = ANN.copy()
    gathering = prober()
    gathering.add(
        FrameJudgement(index=0, at_ms=0, track=1, reason=None, quality=GOOD, embedding=mine)
    )

    gathering.wipe()

    assert not mine.any()
    assert gathering.fused is None


def test_no_embedding_shows_in_a_repr():
    """Logs and tracebacks cannot show a face."""
    gathering = prober()
    judged = frame(0, ANN)
    feed(gathering, [ANN] * 4)

    assert "embedding" not in repr(judged)
    assert "embedding" not in repr(gathering.fused)
    assert "candidates" not in repr(gathering.fused)


def sampled(embeddings, **values):
    sampler = EnrolmentSampler(pad=RULE)
    for k, embedding in enumerate(embeddings):
        sampler.add(frame(k, embedding, **values))
        if sampler.is_complete:
            break
    return sampler


def test_samples_become_a_reference():
    """The mean has length 1, and the samples kept beside it differ."""
    spread = [like(ANN, 0.9, other) for other in np.eye(4)[1:]] * 4

    result = sampled(spread).finish()

    assert isinstance(result, EnrolmentSamples)
    assert result.n_samples == 12
    assert np.linalg.norm(result.mean) == pytest.approx(1.0, abs=1e-5)
    kept = np.stack(result.templates[:3])
    assert (kept @ kept.T)[np.triu_indices(3, 1)].max() < 0.95


def test_sampling_stops_when_more_would_add_nothing():
    """Sixteen samples are enough."""
    assert sampled([ANN] * 40).n_samples == 16


@pytest.mark.parametrize(
    ("embeddings", "values", "reason"),
    [
        ([ANN] * 2, {}, Reason.TOO_FEW_FRAMES),
        ([ANN] * 20, {"pad": 0.02}, Reason.PAD_TEXTURE),
        ([ANN] * 20, {"pad": 0.2}, Reason.PAD_UNDECIDED),
        ([ANN] * 20, {"pad": None}, Reason.PAD_UNDECIDED),
        ([None] * 20, {"reason": Reason.BLURRED}, Reason.BLURRED),
        ([ANN, BOB, like(ANN, -0.6)] * 3, {}, Reason.FRAMES_DISAGREE),
    ],
)
def test_what_cannot_be_vouched_for_is_not_enrolled(embeddings, values, reason):
    """Each refusal names its reason."""
    result = sampled(embeddings, **values).finish()

    assert isinstance(result, EnrolmentRefusal)
    assert result.reason is reason


def test_pad_state_is_reported_on_the_way():
    """The screen can follow the verdict."""
    gathering = prober()

    assert gathering.add(frame(0, ANN)).pad is PadVerdict.UNDECIDED
