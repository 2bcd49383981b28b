"""Context layer: does the room around the face move with it, as the rest of a picture does?

Points on the face and in the room around the head (never below it, where shoulders are) are
followed for a moment. The face's own motion, turn and growth say where the room's points would go
if face and room were one sheet; where they really go is between that (1) and nowhere (-1).
It sees prints and screens that are held in a hand and show more than a face. It does not see one
that stands still, fills the whole frame with nothing but a face, or is cut out along the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.pad import Layer, LayerReport, LayerVerdict
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.pad.points import box_mask, find_points, follow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.detector import Face
    from kiosk.faces.vision.pad.sight import Sight


_SIDES = ((-1.0, -0.8, -0.24, 0.75), (1.24, -0.8, 2.0, 0.75), (-0.24, -0.9, 1.24, -0.45))
"""Left of the head, right of it and above: boxes in widths and heights of the face."""


@dataclass(frozen=True, slots=True)
class ContextRule:
    """When the room moves with the face.

    The numbers are of NUAA's development half, all points together: live sequences -.99 to -.53,
    prints up to .92.
    """

    step_ms: int = 120
    """Between two looks: at 30 frames a second a hand has moved by pixels, not by a tenth of it."""
    step_ms_max: int = 600
    """Longest wait for a motion before a look is begun anew."""
    move_min: float = 1.0
    """Pixels of the small picture that the face must have moved, or the step says nothing."""
    steps_min: int = 4
    travel_min: float = 12.0
    """Pixels in all, over the steps, before anything is concluded."""
    with_face_min: float = 0.5
    """From here on the room moves with the face."""
    face_points_min: int = 8
    side_points_min: int = 3
    sides_min: int = 2
    """Sides of the head (left, right, above) on which there must be something to follow."""
    looks_min: int = 3
    """Looks after which "nothing found" is an answer."""


class ContextLayer:
    """Gathers how the surroundings move."""

    def __init__(self, rule: ContextRule | None = None) -> None:
        """Begin with nothing seen."""
        self._rule = rule or ContextRule()
        self._attack = False
        self.change_face()

    def change_face(self) -> None:
        """Forget the motion so far; an attack stays."""
        self._key: Sight | None = None
        self._looks = 0
        self._steps = 0
        self._agreed = 0.0
        self._travel = 0.0

    def add(self, sight: Sight) -> None:
        """Compare with the key frame, when it is old enough."""
        if sight.face is None:
            return
        key = self._key
        if key is None or key.face is None or key.track != sight.track:
            self._key = sight
            return
        passed_ms = sight.at_ms - key.at_ms
        if passed_ms < self._rule.step_ms:
            return
        step = _compare(key, key.face, sight, self._rule)
        if step is None and passed_ms < self._rule.step_ms_max:
            return
        self._looks += 1
        self._key = sight
        if step is None:
            return
        agreed, moved = step
        self._steps += 1
        self._agreed += agreed
        self._travel += moved
        score = self._score()
        enough = self._steps >= self._rule.steps_min and self._travel >= self._rule.travel_min
        if enough and score is not None and score >= self._rule.with_face_min:
            self._attack = True

    def report(self) -> LayerReport:
        """Say what the room's motion is worth."""
        score = self._score()
        if self._attack:
            return LayerReport(Layer.CONTEXT, LayerVerdict.ATTACK, "room_moves_with_face", score)
        if self._looks < self._rule.looks_min:
            return LayerReport(Layer.CONTEXT, LayerVerdict.UNDECIDED, "too_few_frames", score)
        return LayerReport(Layer.CONTEXT, LayerVerdict.BONA_FIDE, "nothing_found", score)

    def _score(self) -> float | None:
        return round(self._agreed / self._travel, 3) if self._travel > 0 else None


def _compare(
    key: Sight, key_face: Face, now: Sight, rule: ContextRule
) -> tuple[float, float] | None:
    """Return how far the room went with the face, and how far the face went; None without motion.

    The first number lies between minus and plus the second.
    """
    inner = box_mask(key.grey.shape, key_face, key.scale, (0.08, 0.15, 0.92, 0.95))
    at_face, kept = _followed(key.grey, now.grey, inner)
    if len(at_face) < rule.face_points_min:
        return None
    motion, _ = cv2.estimateAffinePartial2D(
        at_face, kept, method=cv2.RANSAC, ransacReprojThreshold=1.0
    )
    if motion is None:
        return None
    sides = [
        _followed(key.grey, now.grey, box_mask(key.grey.shape, key_face, key.scale, box))
        for box in _SIDES
    ]
    # Hair, a hand or a neighbour may be on one side; a picture goes on behind the head.
    usable = [side for side in sides if len(side[0]) >= rule.side_points_min]
    if len(usable) < rule.sides_min:
        return None
    before, after = (np.concatenate(parts) for parts in zip(*usable, strict=True))
    as_one_sheet = before @ motion[:, :2].T + motion[:, 2]
    expected = np.linalg.norm(as_one_sheet - before, axis=1)
    moved = float(np.median(expected))
    if moved < rule.move_min:
        return None
    # A point that was lost far away must not outweigh the others.
    off_sheet = np.minimum(np.linalg.norm(after - as_one_sheet, axis=1), 2 * expected)
    off_rest = np.minimum(np.linalg.norm(after - before, axis=1), 2 * expected)
    agreed = float(np.median(off_rest - off_sheet))
    return max(-moved, min(moved, agreed)), moved


def _followed(
    before: NDArray[np.uint8], after: NDArray[np.uint8], mask: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    points = find_points(before, mask, 40)
    there, kept = follow(before, after, points)
    return points[kept], there[kept]
