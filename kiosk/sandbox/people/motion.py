"""How people move when they stand still: slow wandering, blinks, breath. Deterministic by seed.

Times are milliseconds of the scene's own clock; the value at a time does not depend on which
times were asked for before.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

SMILE_RISE_MS = 350
"""From a neutral mouth to a full smile; posed smiles take 0.3 to 0.5 s."""
BLINK_MS = 220
BLINK_EVERY_MS = (1_800, 5_000)
HORIZON_MS = 120_000
"""Longest scene for which blinks are drawn up; then there are none."""


@dataclass(frozen=True, slots=True)
class Wander:
    """A value that drifts smoothly around zero: three sines of unrelated periods."""

    amplitude: float
    rates: tuple[float, ...]
    phases: tuple[float, ...]

    @classmethod
    def drawn(
        cls, rng: np.random.Generator, amplitude: float, periods_s: tuple[float, float]
    ) -> Wander:
        """Draw the periods and phases."""
        periods = rng.uniform(*periods_s, 3)
        phases = rng.uniform(0.0, 2 * math.pi, 3)
        rates = tuple(float(2 * math.pi / (1000.0 * period)) for period in periods)
        return cls(amplitude, rates, tuple(float(phase) for phase in phases))

    def at(self, at_ms: float) -> float:
        """Return the value at a time; at most `amplitude` away from zero."""
        sines = [math.sin(r * at_ms + p) for r, p in zip(self.rates, self.phases, strict=True)]
        return self.amplitude * sum(sines) / len(sines)


class Blinks:
    """When the eyes are closed, and how much."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw the times."""
        steps = rng.uniform(*BLINK_EVERY_MS, HORIZON_MS // BLINK_EVERY_MS[0])
        self._starts = [float(start) for start in np.cumsum(steps)]

    def at(self, at_ms: float) -> float:
        """Return how closed the eyes are, 0 to 1."""
        before = bisect_right(self._starts, at_ms) - 1
        if before < 0:
            return 0.0
        done = (at_ms - self._starts[before]) / BLINK_MS
        return max(0.0, 1.0 - abs(2.0 * done - 1.0) ** 2) if done < 1.0 else 0.0


TURN_ANGLE = 0.47
"""Radians, 27 degrees: as far as somebody turns who is asked to turn a little."""
TURN_RISE_MS = 350.0
TURN_HELD_MS = 450.0


def turn_level(
    since_ms: float, *, rise_ms: float = TURN_RISE_MS, held_ms: float = TURN_HELD_MS
) -> float:
    """Return how much of a turn of the head is there, 0 to 1: there, a moment, and back.

    Args:
        since_ms: Since it began.
        rise_ms: How long each way takes.
        held_ms: How long it is held.
    """
    there = _eased(since_ms / rise_ms)
    back = _eased((since_ms - rise_ms - held_ms) / rise_ms)
    return there - back


def _eased(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return share * share * (3.0 - 2.0 * share)


def smile_level(at_ms: int, smile_at_ms: int | None) -> float:
    """Return how much of the smile is there, 0 to 1, when it begins at a time (None: never)."""
    if smile_at_ms is None or at_ms <= smile_at_ms:
        return 0.0
    return _eased((at_ms - smile_at_ms) / SMILE_RISE_MS)
