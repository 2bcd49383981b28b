"""The smile as consent: a change from not smiling to smiling, after the amount appeared, held.

A smile that is already there does not count, and a lost face starts it all over.
This rule says nothing of who it is or whether they are alive.
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass


class ConsentKind(enum.Enum):
    """How the customer agreed to the amount on the screen; both count the same."""

    SMILE = "smile"
    TAP = "tap"


class Basis(enum.Enum):
    """What an authorisation stands on."""

    FACE = "face"
    """Identified and judged bona fide by faces."""
    PHONE_AND_PIN = "phone_and_pin"
    """Full phone number, and a PIN that money itself verified."""


@dataclass(frozen=True, slots=True)
class SmileRule:
    """Limits of the gesture."""

    smiling_min: float = 0.6
    """Expression score from which a face counts as smiling.

    The starter network is right in 94 % of LFW's labelled faces at .5; a band of ±.1 around it
    keeps a score that trembles at .5 from counting as a change."""
    neutral_max: float = 0.4
    """Expression score up to which it counts as not smiling."""
    hold_ms: int = 500
    """How long the smile must last (ARCHITECTURE.md, "How a payment flows", 6)."""
    gap_ms_max: int = 400
    """Longest silence between two scores; a longer one is a lost face."""
    alive_min: float = 0.75
    """Score that a smile must keep, for `alive_ms`, to be a sign of life. Simulated people keep .77
    and more for half a second; a mask that is turned wavers between .3 and .89."""
    alive_ms: int = 300
    """A mask that was turned kept it for 200 ms once; a smile takes some 100 ms to come up."""
    reaction_ms_min: int = 200
    """A smile that begins sooner after the amount appeared was not an answer to it: simple visual
    reactions take 200 ms and more. It still is a consent, but no sign of life."""


@dataclass(frozen=True, slots=True)
class SmileGauge:
    """What has been seen since the amount appeared; times in milliseconds of the session."""

    last_at_ms: int | None = None
    neutral_seen: bool = False
    smiling_since_ms: int | None = None
    clear_since_ms: int | None = None
    """Since when every frame's score has been clear enough for a sign of life."""

    def after(self, score: float | None, at_ms: int, rule: SmileRule) -> SmileGauge:
        """Take one more expression score (None: no face in this frame) and return the new gauge."""
        lost = self.last_at_ms is not None and at_ms - self.last_at_ms > rule.gap_ms_max
        seen = SmileGauge() if lost else self
        if score is None:
            return dataclasses.replace(seen, clear_since_ms=None)
        if score <= rule.neutral_max:
            return SmileGauge(at_ms, neutral_seen=True)
        smiles = score >= rule.smiling_min and seen.neutral_seen
        is_clear = smiles and score >= rule.alive_min
        return dataclasses.replace(
            seen,
            last_at_ms=at_ms,
            smiling_since_ms=_since(seen.smiling_since_ms, at_ms) if smiles else None,
            clear_since_ms=_since(seen.clear_since_ms, at_ms) if is_clear else None,
        )

    def answers(self, shown_ms: int, rule: SmileRule) -> bool:
        """Say whether it is a clear smile, begun no sooner after the amount than people react."""
        since, clear = self.smiling_since_ms, self.clear_since_ms
        if since is None or clear is None or self.last_at_ms is None:
            return False
        in_time = since - shown_ms >= rule.reaction_ms_min
        return in_time and self.last_at_ms - clear >= rule.alive_ms

    def held(self, rule: SmileRule) -> float:
        """Tell how much of the hold has been reached, 0 to 1; at 1 the customer has agreed."""
        if self.smiling_since_ms is None or self.last_at_ms is None:
            return 0.0
        return min(1.0, (self.last_at_ms - self.smiling_since_ms) / rule.hold_ms)


def _since(before_ms: int | None, at_ms: int) -> int:
    return at_ms if before_ms is None else before_ms
