"""The room behind the people, and the light in it: drawn once a scene, from a seed.

A soft gradient with blurred shapes, and a smooth field of light over everything. No picture of a
real place is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME_WIDTH, FRAME_HEIGHT = 640, 480
SHAPES = 14


def background(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a room out of focus."""
    corners = rng.uniform(50, 190, (2, 2, 1)) + rng.uniform(-18, 18, (2, 2, 3))
    small = (FRAME_WIDTH // 4, FRAME_HEIGHT // 4)
    room = cv2.resize(corners.astype(np.float32), small, interpolation=cv2.INTER_LINEAR)
    for _ in range(SHAPES):
        x, y = int(rng.integers(0, small[0])), int(rng.integers(0, small[1]))
        size = (int(rng.integers(4, 40)), int(rng.integers(4, 40)))
        tone = rng.uniform(25, 215) + rng.uniform(-25, 25, 3)
        colour = tuple(float(v) for v in tone)
        if rng.random() < 0.6:
            cv2.rectangle(room, (x, y), (x + size[0], y + size[1]), colour, -1)
        else:
            cv2.ellipse(room, (x, y), size, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    room = cv2.GaussianBlur(room, (0, 0), float(rng.uniform(1.5, 6.0)))
    whole = cv2.resize(room, (FRAME_WIDTH, FRAME_HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.clip(whole, 0, 255).astype(np.uint8)


def light_field(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw how light falls on the scene: a factor for each pixel, around 1."""
    knots = rng.uniform(0.78, 1.12, (3, 4)).astype(np.float32)
    field = cv2.resize(knots, (FRAME_WIDTH, FRAME_HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.repeat(field[..., None], 3, axis=2).astype(np.float32)
