"""The question for a turned head: to which side, and how long an answer counts.

The side is drawn by whoever has chance at hand, anew for every session; this module has none. One
of two sides is all the freshness that there is: a recording of the other side does not fit, one of
the same side does. So a turn stands in for nothing (docs/decisions/0030-head-turn.md).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

ANSWER_MS = 5_000
"""How long an answer is waited for: a sentence is read in two seconds, a slow turn takes one."""


class Side(enum.Enum):
    """The side of whoever stands before the screen, and of the screen as they see it."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def in_picture(self) -> int:
        """+1 where the nose goes to the picture's right, -1 to its left.

        Cameras do not mirror: who faces one has their left at its right.
        """
        return 1 if self is Side.LEFT else -1


@dataclass(frozen=True, slots=True)
class TurnPlan:
    """One question.

    Args:
        side: To which side.
        start_ms: From when an answer counts, on the camera's clock.
    """

    side: Side
    start_ms: int


def draw_turn(below: Callable[[int], int], start_ms: int) -> TurnPlan:
    """Return a question with a side drawn by chance.

    Args:
        below: Returns a random whole number from 0 to its argument, exclusive; from a
            cryptographic source in a kiosk.
        start_ms: From when an answer counts.
    """
    return TurnPlan(tuple(Side)[below(len(Side))], start_ms)
