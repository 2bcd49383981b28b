"""Looks for a blink: both eyes change for a moment, and are then what they were before.

The face lies upright at the same five places in every frame, as the encoder is shown it, and the
eyes of one moment are looked for in another, some pixels around. A blink is a moment at which
neither eye is found as it was, while the nose is, and both eyes are found again soon after. A head
that turns, blurred frames and another picture change nose and eyes alike, or do not change them
back.

It sees that a face is no rigid thing. It does not see a replay, whose face blinks as it did when
it was recorded, nor real eyes behind holes: light, texture and context are for those.
Small grey pictures of the face, of the last second, are held, in memory only.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kiosk.faces.opencv import cv2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.pad.sight import Sight

_EYES = ((38, 52, 9, 6), (74, 52, 9, 6))
_NOSE = (56, 71, 13, 9)
"""Middle, half width and half height of what is looked for, pixels of an aligned face: eyes and
nose of the ArcFace template."""
_REACH = 6
"""How far around it is looked for: landmarks tremble by some pixels."""


@dataclass(frozen=True, slots=True)
class BlinkRule:
    """When eyes have blinked; likenesses are normalised correlations, 1 for the same.

    Set on simulated people: blinks mostly .14 to .26, masks and prints, turned, up to .07.
    """

    before_ms: tuple[int, int] = (170, 420)
    """How long before the moment the eyes were open. A blink takes .1 to .4 s."""
    after_ms: tuple[int, int] = (150, 420)
    """How long after the moment they are open again."""
    drop_min: float = 0.13
    """By how much the eyes are less like before than the nose is, and than they are afterwards."""
    nose_min: float = 0.85
    open_min: float = 0.85
    spacing_ms: int = 45
    """Between two looks: every second frame at 30 a second, and a blink lasts three of them."""
    kept: int = 24
    """Faces; at more frames a second the oldest are dropped all the same by time."""


@dataclass(frozen=True, slots=True)
class _Crop:
    at_ms: int
    grey: NDArray[np.uint8]


class BlinkWatch:
    """Watches one face."""

    def __init__(self, rule: BlinkRule | None = None) -> None:
        """Begin with nothing seen."""
        self._rule = rule or BlinkRule()
        self._crops: deque[_Crop] = deque(maxlen=self._rule.kept)
        self.seen = False

    def change_face(self) -> None:
        """Forget the face."""
        self._crops.clear()
        self.seen = False

    def add(self, sight: Sight) -> None:
        """Take one more frame: it is what comes after a blink, if there was one."""
        rule = self._rule
        if self.seen or sight.aligned is None:
            return
        if self._crops and 0 <= sight.at_ms - self._crops[-1].at_ms < rule.spacing_ms:
            return
        now = _Crop(sight.at_ms, sight.aligned)
        while self._crops and now.at_ms - self._crops[0].at_ms > rule.before_ms[1] + 420:
            self._crops.popleft()
        self._crops.append(now)
        middle = self._at(now.at_ms, *rule.after_ms)
        if middle is None:
            return
        before = self._at(middle.at_ms, *rule.before_ms)
        if before is None:
            return
        if self._blinked(before, middle, now):
            self.seen = True
            self._crops.clear()

    def _blinked(self, before: _Crop, middle: _Crop, now: _Crop) -> bool:
        """Compare three moments; most often one open eye is enough to know."""
        rule = self._rule
        shut = -1.0
        for eye in _EYES:
            shut = max(shut, _likeness(before, middle, eye))
            if shut > 1.0 - rule.drop_min:
                return False
        nose = _likeness(before, middle, _NOSE)
        again = min(_likeness(before, now, eye) for eye in _EYES)
        steady = nose >= rule.nose_min and again >= rule.open_min
        return steady and min(nose, again) - shut >= rule.drop_min

    def _at(self, now_ms: int, least_ms: int, most_ms: int) -> _Crop | None:
        """Return the newest crop that is so much older."""
        for crop in reversed(self._crops):
            if least_ms <= now_ms - crop.at_ms <= most_ms:
                return crop
        return None


def _likeness(before: _Crop, now: _Crop, place: tuple[int, int, int, int]) -> float:
    """Return how well a part of the earlier crop is found near the same place in the later one."""
    x, y, half_x, half_y = place
    part = before.grey[y - half_y : y + half_y + 1, x - half_x : x + half_x + 1]
    around = now.grey[
        y - half_y - _REACH : y + half_y + _REACH + 1, x - half_x - _REACH : x + half_x + _REACH + 1
    ]
    return float(cv2.matchTemplate(around, part, cv2.TM_CCOEFF_NORMED).max())
