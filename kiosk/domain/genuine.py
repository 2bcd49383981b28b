"""How often the right person is missed at a threshold: measured curves, read like a table.

A rate of false alarms says nothing without the rate of misses beside it (ISO/IEC 19795-1), so
whoever prints a threshold's FPIR prints this with it.
It decides nothing: no threshold is set by it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class MissRate:
    """FNIR at one threshold and its 95 % interval; shares of genuine attempts."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GenuineCurve:
    """Misses of one calibration set at rising thresholds.

    Args:
        source: Name of the calibration set.
        subjects: Different people.
        attempts: Genuine probes.
        scores: Thresholds, rising; at least two.
        missed: Share of the probes below each.
        low: Lower end of its 95 % interval, by subject bootstrap.
        high: Upper end.
    """

    source: str
    subjects: int
    attempts: int
    scores: tuple[float, ...]
    missed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be a curve."""
        lengths = {len(self.scores), len(self.missed), len(self.low), len(self.high)}
        ordered = all(
            low <= miss <= high
            for low, miss, high in zip(self.low, self.missed, self.high, strict=False)
        )
        shares = (*self.missed, *self.low, *self.high)
        if (
            lengths != {len(self.scores)}
            or len(self.scores) < 2
            or any(later <= earlier for earlier, later in pairwise(self.scores))
            or any(later < earlier for earlier, later in pairwise(self.missed))
            or not ordered
            or not all(0 <= share <= 1 for share in shares)
            or min(self.subjects, self.attempts) < 1
        ):
            message = f"the genuine curve of {self.source} is impossible"
            raise ValueError(message)

    def at(self, threshold: float) -> MissRate:
        """Return the misses at a threshold, straight between two measured ones.

        Below the lowest measured threshold its own rate is given (too high, never too low), above
        the highest everybody is missed.
        """
        if threshold <= self.scores[0]:
            return MissRate(self.missed[0], self.low[0], self.high[0])
        if threshold > self.scores[-1]:
            return MissRate(1.0, 1.0, 1.0)
        upper = bisect_left(self.scores, threshold)
        left, right = self.scores[upper - 1], self.scores[upper]
        share = (threshold - left) / (right - left)

        def between(values: tuple[float, ...]) -> float:
            return values[upper - 1] + (values[upper] - values[upper - 1]) * share

        return MissRate(between(self.missed), between(self.low), between(self.high))
