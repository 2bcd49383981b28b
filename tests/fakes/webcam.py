"""A webcam as V4L2 and OpenCV show it, in software: modes, values, rounding, lateness."""

from __future__ import annotations

import numpy as np

from kiosk.faces.opencv import cv2

AUTO, MANUAL = 3, 1


class FakeWebcam:
    """A scene in steady light, seen through a sensor whose exposure can be set.

    Args:
        level: Grey level of the picture as the camera exposes it by itself.
        face_share: How bright the right half is, where the face stands, of the left one.
        chosen: The value that its own metering has chosen.
        told: The value that it tells while automatic; None: the chosen one.
        late: Frames until a setting shows.
        ignores: Whether settings are taken and do nothing.
        refuses: Whether settings are refused.
        raises: Whether the driver raises.
        deaf_picture: Whether somebody else's pictures come, which follow nothing.
        steps: Values that it rounds to; None: any whole one.
    """

    def __init__(
        self,
        *,
        level=120.0,
        face_share=1.0,
        chosen=200.0,
        told=None,
        late=1,
        ignores=False,
        refuses=False,
        raises=False,
        deaf_picture=False,
        steps=None,
        left_manual=False,
    ):
        self.levels = np.full((240, 320, 3), float(level))
        self.levels[:, 160:] *= face_share
        self.chosen, self.told, self.late = chosen, told, late
        self.ignores, self.refuses, self.raises = ignores, refuses, raises
        self.deaf_picture, self.steps = deaf_picture, steps
        self.mode = MANUAL if left_manual else AUTO
        self.value = chosen
        self.released = False
        self.values = []
        self._shown = [chosen] * (late + 1)
        self.darker = range(0)
        """Frames of a recording that are darker by themselves."""
        self._index = -1
        self._rng = np.random.default_rng(4)
        # One bank of noise, of which each frame cuts out a window: every frame has its own.
        self._bank = self._rng.normal(0, 2.0, (304, 384, 1))

    def get(self, prop):
        if self.raises:
            raise cv2.error("the driver is gone")
        if prop == cv2.CAP_PROP_AUTO_EXPOSURE:
            return float(self.mode)
        return float(self.value if self.mode == MANUAL or self.told is None else self.told)

    def set(self, prop, value):
        if self.raises:
            raise cv2.error("the driver is gone")
        if self.refuses:
            return False
        if prop == cv2.CAP_PROP_AUTO_EXPOSURE:
            if value not in {AUTO, MANUAL}:
                return False
            if value == MANUAL and self.mode == AUTO and self.told is not None:
                self.value = self.told
            self.mode = int(value)
            return True
        if self.mode != MANUAL:
            return False
        if not self.ignores:
            self.value = min(self.steps, key=lambda s: abs(s - value)) if self.steps else value
            self.values.append(self.value)
        return True

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def read(self):
        self._shown = [*self._shown[1:], self.chosen if self.mode == AUTO else self.value]
        light = 1.0 if self.deaf_picture else self._shown[0] / self.chosen
        self._index += 1
        light *= 0.65 if self._index in self.darker else 1.0
        y, x = self._rng.integers(0, 64, 2)
        noise = self._bank[y : y + 240, x : x + 320]
        return True, np.clip(self.levels * light ** (1 / 2.2) + noise, 0, 255).astype(np.uint8)

    def release(self):
        self.released = True
