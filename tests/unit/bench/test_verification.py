"""Error rates of comparisons with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.bench.verification import (
    GENUINE_MAX,
    Comparisons,
    auc,
    compare_all,
    det_curve,
    verify,
)


def made(genuine, impostor, people=10):
    """Comparisons with these scores; ten people with one picture each have 45 impostor pairs."""
    order = np.argsort(-np.asarray(impostor))
    count = len(impostor)
    one, other = np.triu_indices(people, 1)
    pick = np.arange(count) % len(one)
    return Comparisons(
        genuine=np.asarray(genuine, float),
        person=np.arange(len(genuine)) % people,
        high=np.asarray(impostor, float)[order],
        one=one[pick][order],
        other=other[pick][order],
        impostors=count,
        pictures=np.ones(people, np.int64),
        failed=0,
    )


def unit(rng, count, size=16):
    vectors = rng.normal(size=(count, size)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_separate_scores_make_no_error():
    """Every genuine score above every impostor score: TAR 1 everywhere, EER 0."""
    found = verify(made([0.8, 0.9] * 20, np.linspace(-0.2, 0.5, 45)), seed=1)

    assert found.tar == {"1e-3": 1.0, "1e-4": 1.0, "1e-5": 1.0}
    assert found.eer == pytest.approx(0.0, abs=0.03)
    assert found.tar_interval["1e-3"] == (1.0, 1.0)


def test_tar_counts_genuine_scores_above_the_strictest_threshold():
    """Fewer impostors than one in the rate: the threshold is the highest impostor score."""
    found = verify(made([0.4, 0.6, 0.7, 0.8], [0.5, 0.1, 0.0] * 15), seed=1)

    assert found.tar["1e-5"] == 0.75


def test_eer_is_where_both_errors_meet():
    """A ninth of the genuine scores below a ninth of the impostor scores: EER 1 / 9."""
    genuine = [0.2] * 10 + [0.9] * 80
    impostor = np.concatenate([np.linspace(0.3, 0.5, 5), np.linspace(0, 0.1, 40)])

    assert verify(made(genuine, impostor), seed=1).eer == pytest.approx(1 / 9)


def test_all_strangers_are_compared_and_genuine_pairs_are_capped():
    """Six pictures of one person give 15 pairs, of which ten count; each stranger pair counts."""
    rng = np.random.default_rng(5)
    person = np.array([0] * 6 + [1] * 2 + [2, 3])
    vectors = unit(rng, len(person))
    found = compare_all(list(vectors), person, seed=3)

    assert len(found.genuine) == GENUINE_MAX + 1
    assert found.impostors == 6 * 4 + 2 * 2 + 1
    assert list(found.high) == sorted(found.high, reverse=True)
    again = compare_all(list(vectors), person, seed=3)
    assert np.array_equal(found.genuine, again.genuine)


def test_a_failed_picture_costs_its_pairs_and_moves_no_other():
    """Pairs are chosen before failures are known, so two ways meet in the same pairs."""
    rng = np.random.default_rng(6)
    person = np.repeat(np.arange(6), 8)
    vectors = list(unit(rng, len(person)))
    whole = compare_all(vectors, person, seed=3)
    holed = compare_all([None, *vectors[1:]], person, seed=3)

    assert holed.failed > 0
    assert len(holed.genuine) + holed.failed == len(whole.genuine)
    assert set(holed.genuine) <= set(whole.genuine)


def test_the_highest_impostor_scores_are_kept_exactly():
    """Blocks and the bound on memory leave out no score above the one they estimate."""
    rng = np.random.default_rng(7)
    person = np.arange(1_300)
    vectors = unit(rng, len(person))
    found = compare_all(list(vectors), person, seed=1)
    every = np.sort((vectors @ vectors.T)[np.triu_indices(len(person), 1)])[::-1]

    assert found.impostors == len(every)
    assert found.high == pytest.approx(every[: len(found.high)], abs=1e-5)
    assert 0.1 < len(found.high) / len(every) < 0.2


def test_without_two_pictures_of_anybody_there_are_no_rates():
    """No genuine pair: an error, not a number."""
    found = compare_all(list(unit(np.random.default_rng(1), 5)), np.arange(5), seed=1)

    with pytest.raises(ValueError, match="genuine"):
        verify(found, seed=1)


def test_auc_counts_ties_as_half():
    """The chance that a positive scores above a negative."""
    assert auc(np.array([0.9, 0.8]), np.array([0.1, 0.2])) == 1.0
    assert auc(np.array([0.5, 0.5]), np.array([0.5])) == 0.5
    assert auc(np.array([0.1, 0.9]), np.array([0.5])) == 0.5


def test_det_curve_trades_one_error_for_the_other():
    """FMR rises and FNMR falls along the curve."""
    rng = np.random.default_rng(2)
    fmr, fnmr = det_curve(made(rng.normal(0.6, 0.1, 100), rng.normal(0, 0.2, 900)))

    assert (np.diff(fmr) > 0).all()
    assert (np.diff(fnmr) <= 0).all()
