"""Intervals of counted errors: exact, without a statistics library."""

from __future__ import annotations

import math

_STEPS = 60
"""Halvings of the interval from 0 to 1: far below what is printed."""


def upper95(errors: int, trials: int) -> float:
    """Return the largest rate that leaves 5 % chance of so few errors (Clopper and Pearson).

    Without any error it is about 3 / trials, the rule of three. Without trials nothing is known: 1.
    """
    return _upper(errors, trials, 0.05)


def interval95(found: int, trials: int) -> tuple[float, float]:
    """Return the two-sided 95 % interval of a counted share; without trials the whole of 0 to 1."""
    return 1.0 - _upper(trials - found, trials, 0.025), _upper(found, trials, 0.025)


def _upper(errors: int, trials: int, chance: float) -> float:
    """Return the largest rate that leaves this chance of so few errors."""
    if not 0 <= errors <= trials:
        message = "there cannot be more errors than trials"
        raise ValueError(message)
    if errors == trials:
        return 1.0
    low, high = errors / trials, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _at_most(errors, trials, middle) > chance:
            low = middle
        else:
            high = middle
    return high


def _at_most(errors: int, trials: int, rate: float) -> float:
    """Return the binomial chance of at most so many errors."""
    if rate <= 0.0:
        return 1.0
    if rate >= 1.0:
        return 0.0
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(rate)
        + (trials - k) * math.log1p(-rate)
        for k in range(errors + 1)
    ]
    return sum(math.exp(value) for value in logs)
