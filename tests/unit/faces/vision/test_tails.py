"""The tail fit gives back what it was fed, and a bound that people pull up."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.faces.vision.tails import RATES, Scores, extended, fit_tail


def made(subjects, shape, scale, seed, per_pair=40):
    """Scores whose upper tenth follows a generalised Pareto law above .3."""
    rng = np.random.default_rng(seed)
    probe, reference = (np.repeat(i, per_pair) for i in np.nonzero(~np.eye(subjects, dtype=bool)))
    n = len(probe)
    tail = rng.random(n) < 0.1
    excess = scale * (rng.random(n) ** -shape - 1) / shape
    score = np.where(tail, 0.3 + excess, 0.3 - rng.random(n))
    return Scores(score, probe, reference, subjects)


@pytest.mark.parametrize("shape", [-0.3, -0.1])
def test_the_law_is_recovered(shape):
    """Shape and scale come back within sampling error."""
    fit = fit_tail(made(40, shape, 0.05, 1), tail_share=0.1, seed=1)

    assert fit.quantile_score == pytest.approx(0.3, abs=0.005)
    assert fit.shape == pytest.approx(shape, abs=0.06)
    assert fit.scale == pytest.approx(0.05, rel=0.08)


def test_the_bound_never_falls_and_is_deterministic():
    """Rarer is higher; the same seed gives the same bound."""
    scores = made(8, -0.2, 0.08, 2)
    fit = fit_tail(scores, tail_share=0.1, seed=3)
    bounds = [score for _, score in fit.upper95]

    assert [rate for rate, _ in fit.upper95] == sorted({*RATES, scores.rate_min}, reverse=True)
    assert bounds == sorted(bounds)
    assert fit == fit_tail(scores, tail_share=0.1, seed=3)


def test_one_look_alike_pair_lifts_the_bound_above_the_fit():
    """A bound by subject knows that eight people are few."""
    scores = made(8, -0.2, 0.05, 4)
    alike = (scores.probe < 2) & (scores.reference < 2)
    lifted = Scores(scores.score + 0.3 * alike, scores.probe, scores.reference, scores.subjects)
    fit = fit_tail(lifted, tail_share=0.1, seed=5)
    plain = fit_tail(scores, tail_share=0.1, seed=5)

    assert fit.shape == 0.0
    point = fit.quantile_score + fit.scale * np.log(0.1 / 1e-2)
    assert dict(fit.upper95)[1e-2] > dict(plain.upper95)[1e-2]
    assert dict(fit.upper95)[1e-2] > point


def test_a_tail_never_gets_heavier_than_exponential():
    """A cosine is bounded, so a heavy tail is an accident of the sample."""
    fit = fit_tail(made(40, 0.3, 0.05, 6), tail_share=0.1, seed=6)

    assert fit.shape == 0.0


def test_a_small_set_goes_on_as_the_large_one():
    """Down to its own support it speaks for itself, below it borrows the growth."""
    small, large = made(8, -0.2, 0.08, 7), made(60, -0.1, 0.04, 8)
    rates = (*RATES, small.rate_min, large.rate_min)
    few = fit_tail(small, tail_share=0.1, seed=7, rates=rates)
    many = fit_tail(large, tail_share=0.1, seed=7, rates=rates)

    bound, own, growth = (dict(f.upper95) for f in (extended(few, many), few, many))

    at = small.rate_min
    assert bound[at] == own[at]
    assert bound[1e-1] == own[1e-1]
    assert bound[1e-6] == pytest.approx(own[at] + growth[1e-6] - growth[at])
    assert list(bound) == sorted(bound, reverse=True)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_scores_that_are_all_the_same_have_no_tail(level):
    """It is said, not computed around."""
    scores = made(8, -0.2, 0.05, 7)
    same = Scores(np.full_like(scores.score, level), scores.probe, scores.reference, 8)

    with pytest.raises(ValueError, match="no tail"):
        fit_tail(same, tail_share=0.1, seed=7)
