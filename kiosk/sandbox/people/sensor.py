"""The simulated camera itself: exposure, colour balance, motion blur, shot and read noise.

Noise is taken from a bank of normal numbers made once; each frame cuts a window out of it at a
place of its own, so that no two frames of a scene carry the same noise and none is slow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kiosk.sandbox.people.motion import Wander
from kiosk.sandbox.people.surroundings import FRAME_HEIGHT, FRAME_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAMMA = 2.2
"""Grey levels are the light to the power of 1 / 2.2, about as in sRGB."""
_BANK_MARGIN = 128
_BANK_SEED = 20_260


def noise_bank() -> NDArray[np.float32]:
    """Make the bank: normal numbers of mean 0 and deviation 1, a little larger than a frame."""
    shape = (FRAME_HEIGHT + _BANK_MARGIN, FRAME_WIDTH + _BANK_MARGIN, 3)
    return np.random.default_rng(_BANK_SEED).standard_normal(shape, np.float32)


class Sensor:
    """One camera at one place; a seed gives it its gain, colours and noise.

    Args:
        rng: Draws them.
        bank: `noise_bank()`.
        light: `light_field()` of the scene.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        bank: NDArray[np.float32],
        light: NDArray[np.float32],
    ) -> None:
        """Draw the camera."""
        self._bank = bank
        self._light = light
        self._seed = int(rng.integers(0, 2**31))
        self._gains = rng.uniform(0.8, 1.0) * rng.uniform(0.94, 1.06, 3)
        self._drift = Wander.drawn(rng, float(rng.uniform(0.01, 0.06)), (3.0, 11.0))
        self.times = 1.0
        """Exposure on command, so many times the camera's own choice."""
        self.own = 1.0
        """How much of the light that would be right it chooses by itself."""
        # Of the root of grey levels: photons' noise is constant there, and grows with light else.
        self._noise = float(rng.uniform(0.06, 0.22))
        self._focus = float(rng.uniform(0.0, 0.9))

    def expose(
        self,
        scene: NDArray[np.uint8],
        *,
        index: int,
        at_ms: float,
        moved: tuple[float, float],
        screen: NDArray[np.float32] | None = None,
        exposure: float = 1.0,
    ) -> NDArray[np.uint8]:
        """Return what the camera makes of a scene.

        Args:
            scene: FRAME_HEIGHT x FRAME_WIDTH x 3.
            index: The frame's number, for its noise.
            at_ms: The time, for the drift of light.
            moved: How far the subject moves while the shutter is open, pixels.
            screen: What the kiosk's screen makes of each pixel's light, a factor of grey levels;
                None where it plays no part.
            exposure: How much longer the shutter is open than the camera would have it.
        """
        seen = _smeared(scene, moved)
        if self._focus > 0.3:
            seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), self._focus), np.uint8)
        light = exposure * self.times * self.own
        gains = self._gains * (1.0 + self._drift.at(at_ms)) * light ** (1 / GAMMA)
        levels = np.arange(256, dtype=np.float32)[None, :, None] * gains.astype(np.float32)
        lit = cv2.LUT(seen, np.ascontiguousarray(np.sqrt(levels), np.float32))
        rng = np.random.default_rng((self._seed, index))
        y, x = (int(v) for v in rng.integers(0, _BANK_MARGIN, 2))
        window = self._bank[y : y + FRAME_HEIGHT, x : x + FRAME_WIDTH]
        roots = cv2.scaleAdd(window, self._noise, cv2.multiply(lit, self._lit(screen)))
        _, positive = cv2.threshold(roots, 0.0, 0.0, cv2.THRESH_TOZERO)
        return np.asarray(cv2.multiply(positive, positive, dtype=cv2.CV_8U), np.uint8)

    def _lit(self, screen: NDArray[np.float32] | None) -> NDArray[np.float32]:
        # Roots of grey levels are what the light is a factor of.
        return self._light if screen is None else self._light * np.sqrt(screen)


def _smeared(scene: NDArray[np.uint8], moved: tuple[float, float]) -> NDArray[np.uint8]:
    length = math.hypot(*moved)
    if length < 0.7:
        return scene
    size = min(9, 2 * math.ceil(length / 2) + 1)
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    reach = min(length / 2, float(middle)) / length
    x, y = round(moved[0] * reach), round(moved[1] * reach)
    cv2.line(kernel, (middle - x, middle - y), (middle + x, middle + y), 1.0, 1)
    return np.asarray(cv2.filter2D(scene, -1, kernel / kernel.sum()), np.uint8)
