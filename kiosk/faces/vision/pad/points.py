"""Points that are followed from one small grey picture to another, forth and back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kiosk.faces.opencv import cv2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.detector import Face

_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.03)
FINE: Final[Mapping[str, Any]] = MappingProxyType(
    {"winSize": (15, 15), "maxLevel": 3, "criteria": _CRITERIA}
)
"""For fractions of a pixel, and wide motions."""
QUICK: Final[Mapping[str, Any]] = MappingProxyType(
    {"winSize": (11, 11), "maxLevel": 2, "criteria": _CRITERIA}
)
"""For motions of a pixel and more between two looks, in a third of the time."""
BACK_ERROR_MAX_PX = 0.6
"""A point that does not come back to where it began was lost (Kalal et al., forward-backward)."""


PART_SIDE_MIN = 3
"""Pixels; a smaller part of a picture has no corners worth the name."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, pixels of the small grey picture."""


def find_points(grey: NDArray[np.uint8], box: Box, count_max: int) -> NDArray[np.float32]:
    """Return corners worth following in a part of a picture, N x 2; only that part is looked at."""
    left, top, right, bottom = box
    if min(right - left, bottom - top) < PART_SIDE_MIN:
        return np.zeros((0, 2), np.float32)
    found = cv2.goodFeaturesToTrack(grey[top:bottom, left:right], count_max, 0.01, 4)
    if found is None:
        return np.zeros((0, 2), np.float32)
    return np.asarray(found.reshape(-1, 2) + np.array((left, top), np.float32), np.float32)


def follow(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    points: NDArray[np.float32],
    search: Mapping[str, Any] = FINE,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return where the points have gone, and which of them can be believed."""
    if len(points) == 0 or before.shape != after.shape:
        return points, np.zeros(len(points), np.bool_)
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, **search)
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, None, **search)
    error = np.linalg.norm(back - points, axis=1)
    kept = (found.ravel() > 0) & (again.ravel() > 0) & (error < BACK_ERROR_MAX_PX)
    return np.asarray(there, np.float32), np.asarray(kept, np.bool_)


def box_of(
    shape: tuple[int, ...], face: Face, scale: float, box: tuple[float, float, float, float]
) -> Box:
    """Return the part of a picture that is a box around a face, or what of it is inside.

    Args:
        shape: Of the small grey picture.
        face: In pixels of the frame.
        scale: From the frame to the small picture.
        box: Left, top, right, bottom in widths and heights of the face, from its upper left corner.
    """
    left, top, right, bottom = box
    height, width = shape[:2]
    xs = [(face.x + side * face.width) * scale for side in (left, right)]
    ys = [(face.y + side * face.height) * scale for side in (top, bottom)]
    x0, x1 = (min(max(0, round(x)), width) for x in xs)
    y0, y1 = (min(max(0, round(y)), height) for y in ys)
    return x0, y0, x1, y1
