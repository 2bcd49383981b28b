"""Fits the tail of impostor scores: generalised Pareto above a quantile, bootstrap by subject.

Pure numpy and deterministic for a seed; no files. Calibrations use it on sets of pictures, the
faces process on the people of its own gallery.
Fitted by probability-weighted moments (Hosking and Wallis, 1987): closed form, stable for shapes
below one half, and quick enough to bootstrap. The shape is never above zero: a cosine cannot pass
1, so its tail ends, and the exponential law is the cautious limit.

A set of few people is believed down to one in as many comparisons as it has pairs of people;
`extended()` goes on from there as the tail of a large set does.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.identification import ImpostorTail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

RATES = (1e-1, 5e-2, 2e-2, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
"""Rates at which the upper bound is kept, besides the `rate_min` of the sets."""

EXCEEDANCES = 100
"""Scores that a tail is fitted to, where there are enough; a few dozen are too few to fit."""
TAIL_SHARES = (1e-3, 0.1)
"""The smallest and largest share of the scores that counts as the tail."""
BOOTSTRAP_ROUNDS = 400
SUBJECTS_MIN = 3
"""Different subjects that a resample must have; fewer give no impostor comparisons worth a fit."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Impostor comparisons of one set.

    Args:
        score: One number a comparison.
        probe: Index of the probe's subject.
        reference: Index of the reference's subject.
        subjects: How many subjects there are.
    """

    score: NDArray[np.float64]
    probe: NDArray[np.int64]
    reference: NDArray[np.int64]
    subjects: int

    @property
    def rate_min(self) -> float:
        """One in as many comparisons as there are pairs of people."""
        return 2.0 / (self.subjects * (self.subjects - 1))


@dataclass(frozen=True, slots=True)
class TailFit:
    """A fit and its bound; names as in `kiosk.domain.identification.ImpostorTail`."""

    quantile_score: float
    shape: float
    scale: float
    comparisons: int
    exceedances: int
    rate_min: float
    upper95: tuple[tuple[float, float], ...]

    def as_tail(self, source: str) -> ImpostorTail:
        """Return it as thresholds are computed from it; its people are a group of their own."""
        return ImpostorTail(
            source,
            self.quantile_score,
            self.shape,
            self.scale,
            self.comparisons,
            self.exceedances,
            self.rate_min,
            self.upper95,
        )


def largest(tails: Iterable[ImpostorTail]) -> ImpostorTail:
    """Return the tail of the set with the most comparisons, which says how others go on."""
    return max(tails, key=lambda tail: tail.comparisons)


def fit_tail(
    scores: Scores, *, tail_share: float, seed: int, rates: tuple[float, ...] = RATES
) -> TailFit:
    """Fit the highest `tail_share` of the scores.

    The quantile is held fixed in the bootstrap; the share above it, shape and scale vary.
    At rates in the body, from `tail_share` up, the bound is the plain quantile.

    Raises:
        ValueError: The scores have no tail: those above the quantile are all the same, or none.
    """
    rates = tuple(sorted({*rates, scores.rate_min}, reverse=True))
    u = float(np.quantile(scores.score, 1.0 - tail_share))
    above = scores.score > u
    excess = scores.score[above] - u
    probe, reference = scores.probe[above], scores.reference[above]
    order = np.argsort(excess, kind="stable")
    excess, probe, reference = excess[order], probe[order], reference[order]
    if len(excess) < 2:
        message = "these scores have no tail"
        raise ValueError(message)
    shape, scale = _moments(excess, np.ones(len(excess)))
    total = _pair_counts(scores)
    rng = np.random.default_rng(seed)
    found: list[list[float]] = []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn = np.bincount(
            rng.integers(0, scores.subjects, scores.subjects), minlength=scores.subjects
        ).astype(np.float64)
        weight = drawn[probe] * drawn[reference]
        everything = float(drawn @ total @ drawn)
        if np.count_nonzero(drawn) < SUBJECTS_MIN or weight.sum() <= 0 or everything <= 0:
            continue
        used = weight > 0
        if np.count_nonzero(used) < 2 or np.ptp(excess[used]) == 0:
            continue
        xi, sigma = _moments(excess[used], weight[used])
        share = float(weight.sum()) / everything
        found.append([_quantile(u, xi, sigma, share, rate) for rate in rates])
    if not found:
        message = "these scores have no tail"
        raise ValueError(message)
    bound = np.quantile(np.array(found), 0.95, axis=0)
    body = np.array(rates) >= tail_share
    bound[body] = np.quantile(scores.score, 1.0 - np.array(rates)[body])
    return TailFit(
        quantile_score=u,
        shape=shape,
        scale=scale,
        comparisons=len(scores.score),
        exceedances=int(above.sum()),
        rate_min=scores.rate_min,
        upper95=tuple(zip(rates, (float(b) for b in np.maximum.accumulate(bound)), strict=True)),
    )


def fit_beside(
    scores: Scores, large: ImpostorTail, seed: int, *, tail_share: float | None = None
) -> TailFit:
    """Fit the tail of a set of any size; below what its people support it goes on as `large`.

    Args:
        scores: Comparisons of different people.
        large: The calibration set with the most people.
        seed: Of the bootstrap.
        tail_share: Share that is fitted; None: as many scores as a fit needs.

    Raises:
        ValueError: As `fit_tail()`.
    """
    low, high = TAIL_SHARES
    if tail_share is None:
        tail_share = min(high, max(low, EXCEEDANCES / len(scores.score)))
    rates = (*RATES, scores.rate_min, large.rate_min)
    small = fit_tail(scores, tail_share=tail_share, seed=seed, rates=rates)
    goes_on = TailFit(
        quantile_score=large.quantile_score,
        shape=large.shape,
        scale=large.scale,
        comparisons=large.comparisons,
        exceedances=large.exceedances,
        rate_min=large.rate_min,
        upper95=tuple((rate, large.score_at(rate)) for rate, _ in small.upper95),
    )
    return extended(small, goes_on)


def extended(small: TailFit, large: TailFit) -> TailFit:
    """Let a small set's bound go on below its `rate_min` as a large set's bound does.

    Args:
        small: Must have been fitted at the same rates as `large`.
        large: A set with more people.
    """
    of_small, of_large = dict(small.upper95), dict(large.upper95)
    at = small.rate_min
    own = {rate: score for rate, score in of_small.items() if rate >= at}
    onward = {
        rate: of_small[at] + score - of_large[at] for rate, score in of_large.items() if rate < at
    }
    return dataclasses.replace(small, upper95=tuple((own | onward).items()))


def _pair_counts(scores: Scores) -> NDArray[np.float64]:
    counts = np.zeros((scores.subjects, scores.subjects))
    np.add.at(counts, (scores.probe, scores.reference), 1.0)
    return counts


def _moments(excess: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[float, float]:
    """Return shape (at most 0) and scale from weighted, sorted excesses."""
    total = weight.sum()
    position = (np.cumsum(weight) - 0.35 * weight) / total
    first = float((weight * excess).sum() / total)
    second = float((weight * excess * (1.0 - position)).sum() / total)
    gap = max(first - 2.0 * second, 1e-9)
    shape = 2.0 - first / gap
    if shape >= 0.0:
        return 0.0, max(first, 1e-9)
    return shape, max(2.0 * first * second / gap, 1e-9)


def _quantile(u: float, shape: float, scale: float, share: float, rate: float) -> float:
    """Return the score passed at `rate`; at or above the share, the quantile itself."""
    if rate >= share:
        return u
    excess_ratio = rate / share
    if abs(shape) < 1e-9:
        return u - scale * float(np.log(excess_ratio))
    return u + scale * float(np.expm1(-shape * np.log(excess_ratio))) / shape
