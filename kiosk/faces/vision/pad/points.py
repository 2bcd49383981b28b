"""Points that are followed from one small grey picture to another, forth and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kiosk.faces.opencv import cv2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.detector import Face

_SEARCH: Final[dict[str, Any]] = {
    "winSize": (15, 15),
    "maxLevel": 3,
    "criteria": (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 0.03),
}
BACK_ERROR_MAX_PX = 0.6
"""A point that does not come back to where it began was lost (Kalal et al., forward-backward)."""


def find_points(
    grey: NDArray[np.uint8], mask: NDArray[np.uint8], count_max: int
) -> NDArray[np.float32]:
    """Return corners worth following, N x 2."""
    found = cv2.goodFeaturesToTrack(grey, count_max, 0.01, 4, mask=mask)
    return np.zeros((0, 2), np.float32) if found is None else found.reshape(-1, 2)


def follow(
    before: NDArray[np.uint8], after: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return where the points have gone, and which of them can be believed."""
    if len(points) == 0 or before.shape != after.shape:
        return points, np.zeros(len(points), np.bool_)
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, **_SEARCH)
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, None, **_SEARCH)
    error = np.linalg.norm(back - points, axis=1)
    kept = (found.ravel() > 0) & (again.ravel() > 0) & (error < BACK_ERROR_MAX_PX)
    return np.asarray(there, np.float32), np.asarray(kept, np.bool_)


def box_mask(
    shape: tuple[int, ...], face: Face, scale: float, box: tuple[float, float, float, float]
) -> NDArray[np.uint8]:
    """Return a mask of a box around a face.

    Args:
        shape: Of the small grey picture.
        face: In pixels of the frame.
        scale: From the frame to the small picture.
        box: Left, top, right, bottom in widths and heights of the face, from its upper left corner.
    """
    mask = np.zeros(shape[:2], np.uint8)
    left, top, right, bottom = box
    xs = [max(0, round((face.x + side * face.width) * scale)) for side in (left, right)]
    ys = [max(0, round((face.y + side * face.height) * scale)) for side in (top, bottom)]
    mask[ys[0] : ys[1], xs[0] : xs[1]] = 255
    return mask
