"""Looks for a blink: both eyes change for a moment, and are then what they were before.

The face is laid onto the same five places in every frame, and the eyes of one moment are looked
for in another, some pixels around. A blink is a moment at which neither eye is found as it was,
while the nose is, and both eyes are found again soon after. A head that turns, blurred frames and
another picture change nose and eyes alike, or do not change them back.

It sees that a face is no rigid thing. It does not see a replay, whose face blinks as it did when
it was recorded, nor real eyes behind holes: light, texture and context are for those.
Small grey crops of the last half second are held, in memory only.
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

_SIDE = 96
_PLACES = np.array([[33, 44], [63, 44], [48, 61], [36, 79], [60, 79]], np.float32)
"""Where eyes, nose and corners of the mouth lie in a crop, pixels."""
_EYES = ((33, 44, 8, 5), (63, 44, 8, 5))
_NOSE = (48, 60, 11, 8)
"""Middle, half width and half height of what is looked for, pixels of a crop."""
_REACH = 5
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
    kept: int = 24
    """Crops; at more frames a second the oldest are dropped all the same by time."""


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
        if self.seen or sight.face is None:
            return
        crop = _laid(sight)
        if crop is None:
            return
        rule, now = self._rule, _Crop(sight.at_ms, crop)
        while self._crops and now.at_ms - self._crops[0].at_ms > rule.before_ms[1] + 420:
            self._crops.popleft()
        self._crops.append(now)
        middle = self._at(now.at_ms, *rule.after_ms)
        if middle is None:
            return
        before = self._at(middle.at_ms, *rule.before_ms)
        if before is None:
            return
        shut = max(_likeness(before, middle, eye) for eye in _EYES)
        nose = _likeness(before, middle, _NOSE)
        again = min(_likeness(before, now, eye) for eye in _EYES)
        steady = nose >= rule.nose_min and again >= rule.open_min
        if steady and min(nose, again) - shut >= rule.drop_min:
            self.seen = True
            self._crops.clear()

    def _at(self, now_ms: int, least_ms: int, most_ms: int) -> _Crop | None:
        """Return the newest crop that is so much older."""
        for crop in reversed(self._crops):
            if least_ms <= now_ms - crop.at_ms <= most_ms:
                return crop
        return None


def _laid(sight: Sight) -> NDArray[np.uint8] | None:
    """Return the face, grey, with its landmarks at the same places as any other."""
    assert sight.face is not None, "asked for with a face only"
    marks = np.asarray(sight.face.landmarks, np.float32)
    laid, _ = cv2.estimateAffinePartial2D(marks, _PLACES, method=cv2.LMEDS)
    if laid is None:
        return None
    crop = cv2.warpAffine(sight.image, laid, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8)


def _likeness(before: _Crop, now: _Crop, place: tuple[int, int, int, int]) -> float:
    """Return how well a part of the earlier crop is found near the same place in the later one."""
    x, y, half_x, half_y = place
    part = before.grey[y - half_y : y + half_y + 1, x - half_x : x + half_x + 1]
    around = now.grey[
        y - half_y - _REACH : y + half_y + _REACH + 1, x - half_x - _REACH : x + half_x + _REACH + 1
    ]
    return float(cv2.matchTemplate(around, part, cv2.TM_CCOEFF_NORMED).max())
