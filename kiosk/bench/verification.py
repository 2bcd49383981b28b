"""Error rates of one-to-one comparisons and their intervals: numbers in, numbers out.

Genuine pairs are capped a person, so that a much photographed few do not decide; impostors are all
pairs of different people. Intervals are by subject bootstrap: people are drawn, with all their
pictures, because comparisons of one person are alike.
Deterministic for a seed; reads no files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

GENUINE_MAX = 10
"""Genuine pairs of one person."""

RATES = {"1e-3": 1e-3, "1e-4": 1e-4, "1e-5": 1e-5}

BOOTSTRAP_ROUNDS = 200

TAIL_SHARE = 0.15
"""About this share of impostor scores is kept one by one; rates above it are not computed."""

SAMPLE_PICTURES = 500
"""Pictures from which the score that bounds that share is estimated."""

BLOCK = 512
"""Rows of the comparison matrix that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Comparisons:
    """All comparisons of one set of pictures.

    Args:
        genuine: Score of each genuine pair.
        person: Whose pair it is.
        high: The highest impostor scores, falling.
        one: One person of each of them.
        other: The other.
        impostors: How many impostor comparisons there are in all.
        pictures: How many pictures with an embedding each person has.
        failed: Genuine pairs that could not be compared, for want of an embedding.
    """

    genuine: Floats
    person: Ints
    high: Floats
    one: Ints
    other: Ints
    impostors: int
    pictures: Ints
    failed: int


@dataclass(frozen=True, slots=True)
class Verification:
    """TAR at each of `RATES` and EER, each with its 95 % interval."""

    tar: dict[str, float]
    tar_interval: dict[str, tuple[float, float]]
    eer: float
    eer_interval: tuple[float, float]


def compare_all(
    vectors: Sequence[NDArray[np.float32] | None], person: Ints, *, seed: int
) -> Comparisons:
    """Compare every picture with every other.

    Args:
        vectors: Each picture's embedding of length 1, or None where it failed; at least one.
        person: Whose it is, numbered from 0.
        seed: Chooses the genuine pairs of people who have more than `GENUINE_MAX`; the choice does
            not depend on which pictures failed, so that two ways can be compared pair by pair.
    """
    made = np.array([vector is not None for vector in vectors])
    matrix = np.stack([vector for vector in vectors if vector is not None])
    place = np.cumsum(made) - 1
    first, second = _genuine_pairs(person, seed)
    both = made[first] & made[second]
    a, b = place[first[both]], place[second[both]]
    high, one, other, impostors = _impostors(matrix, person[made])
    return Comparisons(
        genuine=(matrix[a] * matrix[b]).sum(axis=1).astype(np.float64),
        person=person[first[both]],
        high=high,
        one=one,
        other=other,
        impostors=impostors,
        pictures=np.bincount(person[made], minlength=int(person.max()) + 1),
        failed=int((~both).sum()),
    )


def _genuine_pairs(person: Ints, seed: int) -> tuple[Ints, Ints]:
    """Return pairs of pictures of one person, at most `GENUINE_MAX` each."""
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for number in np.flatnonzero(np.bincount(person) > 1):
        rows = np.flatnonzero(person == number)
        a, b = np.triu_indices(len(rows), 1)
        if len(a) > GENUINE_MAX:
            rng = np.random.default_rng((seed, int(number)))
            chosen = rng.choice(len(a), GENUINE_MAX, replace=False)
            a, b = a[chosen], b[chosen]
        first.append(rows[a])
        second.append(rows[b])
    return np.concatenate(first), np.concatenate(second)


def verify(found: Comparisons, *, seed: int) -> Verification:
    """Return the rates of a set and their intervals.

    Raises:
        ValueError: There is no genuine or no impostor comparison.
    """
    if not len(found.genuine) or not len(found.high):
        message = "error rates need genuine and impostor comparisons"
        raise ValueError(message)
    tar, eer = _rates(found, np.ones(len(found.pictures)))
    rng = np.random.default_rng(seed)
    people = len(found.pictures)
    tars, eers = [], []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn = np.bincount(rng.integers(0, people, people), minlength=people).astype(np.float64)
        if (drawn[found.person]).sum() > 0 and (drawn[found.one] * drawn[found.other]).sum() > 0:
            again, equal = _rates(found, drawn)
            tars.append([again[name] for name in RATES])
            eers.append(equal)
    low, up = np.quantile(np.array(tars), (0.025, 0.975), axis=0)
    return Verification(
        tar=tar,
        tar_interval={n: (float(low[i]), float(up[i])) for i, n in enumerate(RATES)},
        eer=eer,
        eer_interval=(float(np.quantile(eers, 0.025)), float(np.quantile(eers, 0.975))),
    )


def auc(positive: Floats, negative: Floats) -> float:
    """Return the chance that a positive scores above a negative; ties count half."""
    both = np.concatenate([positive, negative])
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))


def det_curve(found: Comparisons, points: int = 200) -> tuple[Floats, Floats]:
    """Return FMR and FNMR at thresholds through the kept impostor scores."""
    places = np.unique(np.geomspace(1, len(found.high), points).astype(int)) - 1
    fnmr = np.searchsorted(np.sort(found.genuine), found.high[places], "right")
    return (places + 1) / found.impostors, fnmr / len(found.genuine)


def _impostors(vectors: NDArray[np.float32], person: Ints) -> tuple[Floats, Ints, Ints, int]:
    """Return the highest scores of different people, falling, with the people, and the count."""
    few = slice(None, None, max(1, len(person) // SAMPLE_PICTURES))
    sample, _, _ = _strangers(vectors[few], person[few], 0)
    cut = np.quantile(sample, 1.0 - TAIL_SHARE) if len(sample) else -np.inf
    total = 0
    kept: list[tuple[NDArray[np.float32], Ints, Ints]] = []
    for at in range(0, len(person), BLOCK):
        score, one, other = _strangers(vectors, person, at)
        total += len(score)
        high = score >= cut
        kept.append((score[high], one[high], other[high]))
    scores: Floats = np.concatenate([k[0] for k in kept]).astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    one, other = (np.concatenate([k[i] for k in kept])[order] for i in (1, 2))
    return scores[order], one, other, total


def _strangers(
    vectors: NDArray[np.float32], person: Ints, at: int
) -> tuple[NDArray[np.float32], Ints, Ints]:
    """Compare a block of pictures with the later pictures of other people."""
    rows = np.arange(at, min(at + BLOCK, len(person)))
    later = np.arange(at, len(person))[None] > rows[:, None]
    a, b = np.nonzero(later & (person[rows][:, None] != person[at:][None]))
    scores = vectors[rows] @ vectors[at:].T
    return scores[a, b], person[rows[a]], person[at + b]


def _rates(found: Comparisons, drawn: Floats) -> tuple[dict[str, float], float]:
    """Return TAR at the rates and EER with each person counted `drawn` times."""
    of_person = drawn * found.pictures
    everything = (of_person.sum() ** 2 - (of_person**2).sum()) / 2
    fmr = np.cumsum(drawn[found.one] * drawn[found.other]) / everything
    order = np.argsort(found.genuine, kind="stable")
    weight = drawn[found.person][order]
    below = np.concatenate([[0.0], np.cumsum(weight)]) / weight.sum()
    fnmr_at = below[np.searchsorted(found.genuine[order], found.high, "right")]
    tar = {}
    for name, rate in RATES.items():
        # The strictest threshold that lets at most this share of impostors pass it.
        last = int(np.searchsorted(fmr, rate, "right"))
        tar[name] = float(1.0 - fnmr_at[min(last, len(fmr) - 1)])
    crossing = int(np.argmax(fmr >= fnmr_at)) if (fmr >= fnmr_at).any() else len(fmr) - 1
    return tar, float((fmr[crossing] + fnmr_at[crossing]) / 2)
