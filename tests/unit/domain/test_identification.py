"""The decision of a search: bands that only ever get stricter, and doubt that always asks."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.identification import (
    ALIKE_FACTOR,
    DIGITS_SHARE,
    GALLERY_SIZE_FLOOR,
    Candidate,
    Decision,
    DecisionReason,
    ImpostorTail,
    SearchPolicy,
    decide,
    duplicate_threshold,
    may_improve,
    rate_with_digits,
    same_person_threshold,
    thresholds,
)
from kiosk.domain.ids import PersonId

ANN, BOB, CAT = PersonId("p1"), PersonId("p2"), PersonId("p3")
POLICY = SearchPolicy()
WEAK = ImpostorTail("weak", 0.3, -0.1, 0.04, 100_000, 100, 1e-7, ((1e-2, 0.3), (1e-6, 0.5)))
STRONG = ImpostorTail(
    "strong", 0.3, -0.2, 0.08, 3_760, 376, 0.04, ((5e-2, 0.45), (1e-4, 0.6), (1e-6, 0.7))
)
TAILS = (WEAK, STRONG)
LIMITS = thresholds(4, POLICY, TAILS)


def search(*scores, claimed=None, frames_agree=True, gallery_size=4):
    people = (ANN, BOB, CAT)
    return decide(
        [Candidate(person, score) for person, score in zip(people, scores, strict=False)],
        gallery_size=gallery_size,
        policy=POLICY,
        tails=TAILS,
        claimed=claimed,
        frames_agree=frames_agree,
    )


def test_a_clear_face_is_enough_by_itself():
    """At the open threshold, with nobody close, nothing is asked."""
    verdict = search(LIMITS.open, 0.1)

    assert verdict.decision is Decision.IDENTIFIED
    assert verdict.person == ANN
    assert verdict.reason is DecisionReason.CLEAR


@pytest.mark.parametrize(
    ("score", "decision"),
    [
        (LIMITS.open - 1e-6, Decision.NEEDS_DIGITS),
        (LIMITS.digits, Decision.NEEDS_DIGITS),
        (LIMITS.digits - 1e-6, Decision.NEEDS_DIGITS_AND_PIN),
        (LIMITS.pin, Decision.NEEDS_DIGITS_AND_PIN),
        (LIMITS.pin - 1e-6, Decision.UNKNOWN),
    ],
)
def test_each_band_asks_what_it_should(score, decision):
    """Just above and just below each threshold the question changes."""
    assert search(score).decision is decision


@pytest.mark.parametrize(
    ("score", "decision"),
    [
        (LIMITS.digits, Decision.IDENTIFIED),
        (LIMITS.digits - 1e-6, Decision.NEEDS_DIGITS_AND_PIN),
        (LIMITS.pin - 1e-6, Decision.UNKNOWN),
    ],
)
def test_digits_move_the_bands_down_but_not_away(score, decision):
    """With the right digits given, doubt asks for the PIN and a stranger stays unknown."""
    assert search(score, claimed=[ANN]).decision is decision


@pytest.mark.parametrize(
    ("scores", "improves"),
    [
        ((LIMITS.open, 0.1), False),
        ((LIMITS.open - 0.02, 0.1), True),
        ((LIMITS.open - 0.06, 0.1), False),
        ((LIMITS.digits - 0.02, 0.1), True),
        ((LIMITS.pin + 0.01, 0.1), LIMITS.digits - LIMITS.pin - 0.01 <= 0.04),
        ((LIMITS.open, LIMITS.open - 0.01), True),
        ((0.0, -0.1), True),
    ],
)
def test_only_a_verdict_within_reach_may_improve(scores, improves):
    """Near the next band, ambiguous or unknown: look on. Far from it, or done: do not."""
    assert may_improve(search(*scores), 0.04) is improves


def test_two_close_candidates_are_nobody():
    """Without a margin nobody is named, however high both score."""
    verdict = search(0.99, 0.99 - POLICY.margin_min / 2)

    assert verdict.decision is Decision.AMBIGUOUS
    assert verdict.person is None


def test_look_alikes_with_digits_need_the_pin():
    """Digits alone do not part two people who look alike."""
    verdict = search(0.99, 0.98, claimed=[BOB])

    assert verdict.decision is Decision.NEEDS_DIGITS_AND_PIN
    assert verdict.reason is DecisionReason.LOOK_ALIKE
    assert verdict.person == BOB


def test_who_looks_like_somebody_else_cannot_use_other_digits():
    """An enrolled person who types another's digits is refused, even above the threshold."""
    verdict = search(0.99, LIMITS.digits + 0.01, claimed=[BOB])

    assert verdict.decision is Decision.UNKNOWN
    assert verdict.reason is DecisionReason.LIKE_SOMEBODY_ELSE


def test_digits_nobody_has_find_nobody():
    """Wrong digits cannot fall back to a search of everybody."""
    assert search(0.99, claimed=[]).decision is Decision.UNKNOWN


def test_frames_that_disagree_are_never_enough():
    """A probe whose frames looked like different people is not decided by its mean."""
    assert search(0.99, frames_agree=False).decision is Decision.AMBIGUOUS
    claimed = search(0.99, claimed=[ANN], frames_agree=False)
    assert claimed.decision is Decision.NEEDS_DIGITS_AND_PIN


def test_an_empty_gallery_knows_nobody():
    """Before the first enrolment everybody is unknown."""
    verdict = search()

    assert verdict.decision is Decision.UNKNOWN
    assert verdict.score is None


def test_the_worst_set_sets_every_threshold():
    """A milder set beside the worst one changes nothing."""
    alone = thresholds(4, POLICY, [STRONG])

    assert alone == LIMITS
    assert LIMITS.worst_open == "strong"


def test_a_tail_without_bound_or_scale_is_refused():
    """Numbers that cannot be a tail never become a threshold."""
    for broken in (
        {"scale": 0.0},
        {"shape": math.nan},
        {"exceedances": 0},
        {"rate_min": 0.0},
        {"upper95": ((1e-2, 0.3),)},
        {"upper95": ((1e-6, 0.5), (1e-2, 0.3))},
    ):
        values = {
            "source": "x",
            "quantile_score": 0.3,
            "shape": 0.0,
            "scale": 0.05,
            "comparisons": 1000,
            "exceedances": 100,
            "rate_min": 1e-9,
            "upper95": ((1e-2, 0.3), (1e-6, 0.5)),
        }
        with pytest.raises(ValueError, match="impossible"):
            ImpostorTail(**(values | broken))


def test_the_fit_is_the_generalised_pareto_quantile():
    """The formula against numbers worked out by hand."""
    low = ((1e-2, -1.0), (1e-6, -1.0))
    exponential = ImpostorTail("e", 0.3, 0.0, 0.05, 1000, 100, 1e-9, low)
    bounded = ImpostorTail("b", 0.3, -0.5, 0.05, 1000, 100, 1e-9, low)

    assert exponential.score_at(1e-3) == pytest.approx(0.3 + 0.05 * math.log(100))
    assert bounded.score_at(1e-3) == pytest.approx(0.3 + 0.05 * (1 - 0.01**0.5) / 0.5)


def test_below_its_own_support_a_set_gives_only_its_bound():
    """Eight people say nothing of one in a million; the law is not stretched that far."""
    bound = ((1e-1, 0.3), (1e-6, 0.8))
    few = ImpostorTail("few", 0.3, 0.0, 0.1, 1000, 100, 0.04, bound)
    many = ImpostorTail("many", 0.3, 0.0, 0.1, 1000, 100, 1e-8, bound)

    assert few.score_at(1e-6) == pytest.approx(0.8)
    assert many.score_at(1e-6) > 1.0


tails = st.builds(
    lambda u, shape, scale, steps: ImpostorTail(
        "any",
        u,
        shape,
        scale,
        10_000,
        500,
        1e-6,
        tuple((10.0 ** -(k + 1), u + sum(steps[: k + 1])) for k in range(len(steps))),
    ),
    st.floats(0.1, 0.6),
    st.floats(-0.6, 0.3),
    st.floats(0.01, 0.1),
    st.lists(st.floats(-0.02, 0.1), min_size=2, max_size=8),
)


@given(tails, st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_larger_gallery_never_lowers_a_threshold(tail, one, other):
    """Growing from a few people to millions only makes every band stricter."""
    few, many = sorted((one, other))
    small, large = thresholds(few, POLICY, [tail]), thresholds(many, POLICY, [tail])

    assert small.open <= large.open
    assert small.digits <= large.digits
    assert small.pin <= large.pin
    assert large.pin <= large.digits <= large.open


@given(tails, st.floats(1e-9, 1.0), st.floats(1e-9, 1.0))
def test_a_rarer_impostor_scores_at_least_as_high(tail, one, other):
    """The score never falls when the rate falls."""
    rare, common = sorted((one, other))

    assert tail.score_at(rare) >= tail.score_at(common) - 1e-12


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from([None, (), (ANN,), (BOB,), (ANN, CAT)]),
    st.integers(0, 10**6),
)
def test_nobody_is_identified_below_the_bands(scores, agree, claimed, size):
    """IDENTIFIED always means: above its threshold, clear of the next, frames agreeing."""
    verdict = search(*scores, claimed=claimed, frames_agree=agree, gallery_size=size)

    if verdict.decision is Decision.IDENTIFIED:
        by_person = dict(zip((ANN, BOB, CAT), scores, strict=False))
        score = by_person.pop(verdict.person)
        limits = verdict.thresholds
        assert agree
        assert score >= (limits.open if claimed is None else limits.digits)
        assert all(score - other >= POLICY.margin_min for other in by_person.values())
        assert claimed is None or verdict.person in claimed
    if verdict.decision in {Decision.UNKNOWN, Decision.AMBIGUOUS}:
        assert verdict.person is None


@given(st.permutations([Candidate(ANN, 0.7), Candidate(BOB, 0.5), Candidate(CAT, 0.5)]))
def test_the_order_of_candidates_does_not_matter(candidates):
    """A gallery may answer in any order."""
    verdict = decide(candidates, gallery_size=3, policy=POLICY, tails=TAILS)

    assert verdict == search(0.7, 0.5, 0.5, gallery_size=3)


def test_the_duplicate_threshold_is_the_worst_sets_and_does_not_grow() -> None:
    """A double is caught at one score for every gallery, the worst calibration set's."""
    found = duplicate_threshold(POLICY, TAILS)

    assert found == max(tail.score_at(POLICY.fmr_duplicate) for tail in TAILS)
    assert LIMITS.pin <= found <= LIMITS.digits


@given(tails, tails, st.integers(0, 10**7))
def test_another_set_never_lowers_a_threshold(one, other, people):
    """What an owner measures can only make every band stricter."""
    alone, together = thresholds(people, POLICY, [one]), thresholds(people, POLICY, [one, other])

    assert alone.open <= together.open
    assert alone.digits <= together.digits
    assert alone.pin <= together.pin


@given(tails, st.integers(1, 10**7))
def test_a_stranger_with_their_own_digits_stays_within_the_rate(tail, people):
    """The people who share a stranger's digits, times the rate, is the policy's FPIR in any set."""
    people = max(people, GALLERY_SIZE_FLOOR)

    assert people * DIGITS_SHARE * rate_with_digits(people, POLICY, tail) <= POLICY.fpir_digits


@pytest.mark.parametrize(
    ("rate_min", "rate"), [(1e-7, 1e-4), (1e-4, 1e-4), (2e-3, 2e-3), (5e-3, 5e-3), (0.5, 5e-3)]
)
def test_who_knows_somebodys_digits_meets_what_the_set_supports(rate_min, rate):
    """FIDO's rate where the people suffice for it, else the rarest they do, at most 5e-3."""
    tail = dataclasses.replace(WEAK, rate_min=rate_min)

    assert rate_with_digits(GALLERY_SIZE_FLOOR, POLICY, tail) == rate


def test_a_mixed_set_is_not_believed_of_one_group():
    """People of one group are alike: a set of all kinds of people counts a hundred times over."""
    mixed = dataclasses.replace(WEAK, alike_factor=ALIKE_FACTOR)
    limits = thresholds(4, POLICY, [mixed])

    assert limits.digits == WEAK.score_at(POLICY.fmr_digits / ALIKE_FACTOR)
    assert limits.open == WEAK.score_at(POLICY.fpir_open / GALLERY_SIZE_FLOOR / ALIKE_FACTOR)
    with pytest.raises(ValueError, match="impossible"):
        dataclasses.replace(WEAK, alike_factor=0.5)


def test_the_same_person_is_told_by_a_rate_of_its_own():
    """What payments ask with digits may change; who looks the same at enrolment does not."""
    laxer = dataclasses.replace(POLICY, fmr_digits=1e-2, fmr_digits_few=2e-2)
    found = same_person_threshold(POLICY, TAILS)

    assert found == same_person_threshold(laxer, TAILS)
    assert found == max(tail.score_at(POLICY.fmr_same_person) for tail in TAILS)
    assert duplicate_threshold(POLICY, TAILS) <= found


@given(tails)
def test_whoever_could_use_anothers_digits_is_found_alike_at_enrolment(tail):
    """The score from which digits are enough never lies below the look-alikes'."""
    assert duplicate_threshold(POLICY, [tail]) <= thresholds(1, POLICY, [tail]).digits
