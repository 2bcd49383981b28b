"""Context layer: does the room around the face move with it, as the rest of a picture does?

Besides, it looks for the edges of a picture beside the head (`edges.py`).
Points on the face and in the room around the head (never below it, where shoulders are) are
followed for a moment. The face's own motion, turn and growth say where the room's points would go
if face and room were one sheet; where they really go is between that (1) and nowhere (-1).
Hair lies in the same boxes and moves with the head, and a small motion cannot tell it from a room.
So an attack is only what goes with the face on every side that can be followed; what does so on
the whole alone is a doubt: the layer could not run, which is no pass.
It sees prints and screens that are held in a hand and show more than a face, or their edges. It
does not see one that stands still, fills the whole frame, or is cut out along the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.pad import Layer, LayerReport, LayerVerdict
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.pad.edges import EdgeWatch
from kiosk.faces.vision.pad.points import QUICK, box_of, find_points, follow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.detector import Face
    from kiosk.faces.vision.pad.sight import Sight


_SIDES = ((-1.0, -0.8, -0.24, 0.75), (1.24, -0.8, 2.0, 0.75), (-0.24, -0.9, 1.24, -0.45))
"""Left of the head, right of it and above: boxes in widths and heights of the face."""
_FACE = (0.08, 0.15, 0.92, 0.95)

_Points = tuple["NDArray[np.float32]", "NDArray[np.float32]"]
"""Where points were, and where they are now."""


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
    again_ms: int = 60
    """Between two tries to see a motion that was too small before."""
    calm_step_ms: int = 400
    """Between two looks at a room that has been seen to stand still."""
    calm_max: float = -0.3
    """Up to here the room stands still while the face moves, if seen often enough."""
    stir_min: float = 0.6
    """Pixels of the small picture that a landmark must have moved, or nothing is followed at all:
    they tremble by that much."""
    move_min: float = 1.0
    """Pixels of the small picture that the face must have moved, or the step says nothing."""
    steps_min: int = 4
    travel_min: float = 12.0
    """Pixels in all, over the steps, before anything is concluded."""
    with_face_min: float = 0.3
    """From here on the room moves with the face, on each side of the head. Simulated people: -1 to
    -.35, prints -.4 to .4."""
    doubt_min: float = 0.45
    """From here on all points together are in doubt. Simulated people reached .5 in 3 of 115
    sessions, by hair in all boxes and a head that hardly moved."""
    face_points_max: int = 30
    side_points_max: int = 20
    face_points_min: int = 8
    side_points_min: int = 3
    side_points_sure: int = 6
    """Points on a side from which it counts by itself."""
    steps_sure: int = 5
    sides_min: int = 2
    """Sides of the head (left, right, above) on which there must be something to follow."""
    looks_min: int = 3
    """Looks after which "nothing found" is an answer."""


@dataclass(frozen=True, slots=True)
class _Step:
    """How far the room went with the face, and how far the face went, in one step.

    `agreed` lies between minus and plus `moved`; `agreed_least` is that of the side that went least
    with it, None if fewer than two sides can be followed well.
    """

    agreed: float
    agreed_least: float | None
    moved: float


@dataclass(slots=True)
class _Sum:
    """Several steps together."""

    steps: int = 0
    agreed: float = 0.0
    travel: float = 0.0

    def take(self, agreed: float, moved: float) -> None:
        """Add one."""
        self.steps += 1
        self.agreed += agreed
        self.travel += moved

    @property
    def score(self) -> float | None:
        """Return the share of the way that was gone together; None without a step."""
        return round(self.agreed / self.travel, 3) if self.travel > 0 else None

    def reaches(self, score_min: float, steps_min: int, travel_min: float) -> bool:
        """Say whether that is enough, and seen often enough."""
        score = self.score if self._is_enough(steps_min, travel_min) else None
        return score is not None and score >= score_min

    def stays_below(self, score_max: float, steps_min: int, travel_min: float) -> bool:
        """Say whether it is that little, and seen often enough."""
        score = self.score if self._is_enough(steps_min, travel_min) else None
        return score is not None and score <= score_max

    def _is_enough(self, steps_min: int, travel_min: float) -> bool:
        return self.steps >= steps_min and self.travel >= travel_min


class ContextLayer:
    """Gathers how the surroundings move."""

    def __init__(self, rule: ContextRule | None = None) -> None:
        """Begin with nothing seen."""
        self._rule = rule or ContextRule()
        self._attack = ""
        self._doubt = False
        self._edges = EdgeWatch()
        self.change_face()

    def change_face(self) -> None:
        """Forget the motion so far; an attack stays, and a doubt."""
        self._key: _Key | None = None
        self._tried_ms = 0
        self._looks = 0
        self._all = _Sum()
        self._sure = _Sum()
        self._edges.forget()

    def add(self, sight: Sight) -> None:
        """Compare with the key frame, when it is old enough."""
        if sight.face is None or self._attack:
            return
        self._edges.add(sight)
        if self._edges.found:
            self._attack = "edges_of_a_picture"
        key, rule = self._key, self._rule
        if key is None or key.track != sight.track:
            self._key = _Key.of(sight, sight.face, rule)
            return
        passed_ms = sight.at_ms - key.at_ms
        if passed_ms < self._spacing_ms or 0 <= sight.at_ms - self._tried_ms < rule.again_ms:
            return
        self._tried_ms = sight.at_ms
        step = key.compare(sight, sight.face, rule)
        if step is None and passed_ms < rule.step_ms_max:
            return
        self._looks += 1
        self._key = _Key.of(sight, sight.face, rule)
        if step is None:
            return
        self._all.take(step.agreed, step.moved)
        if step.agreed_least is not None:
            self._sure.take(step.agreed_least, step.moved)
        if self._all.reaches(rule.doubt_min, rule.steps_min, rule.travel_min):
            self._doubt = True
        if self._sure.reaches(rule.with_face_min, rule.steps_sure, rule.travel_min):
            self._attack = "room_moves_with_face"

    @property
    def _spacing_ms(self) -> int:
        rule = self._rule
        if self._all.stays_below(rule.calm_max, rule.steps_min, rule.travel_min):
            return rule.calm_step_ms
        return rule.step_ms

    def report(self) -> LayerReport:
        """Say what the room's motion is worth."""
        score = self._all.score
        if self._attack:
            score = self._sure.score
            return LayerReport(Layer.CONTEXT, LayerVerdict.ATTACK, self._attack, score)
        if self._doubt:
            return LayerReport(Layer.CONTEXT, LayerVerdict.COULD_NOT_RUN, "room_in_doubt", score)
        if self._looks < self._rule.looks_min:
            return LayerReport(Layer.CONTEXT, LayerVerdict.UNDECIDED, "too_few_frames", score)
        return LayerReport(Layer.CONTEXT, LayerVerdict.BONA_FIDE, "nothing_found", score)


@dataclass(frozen=True, slots=True)
class _Key:
    """The frame that later ones are held against, and what of it can be followed.

    `points` are those on the face, then those of each side; `ends` says where each part ends.
    """

    at_ms: int
    track: int
    grey: NDArray[np.uint8]
    scale: float
    landmarks: NDArray[np.float32]
    points: NDArray[np.float32]
    ends: tuple[int, ...]

    @classmethod
    def of(cls, sight: Sight, face: Face, rule: ContextRule) -> _Key:
        """Look for points on a frame; without enough of them there are none."""
        grey = sight.grey
        parts = [
            find_points(grey, box_of(grey.shape, face, sight.scale, box), most)
            for box, most in (
                (_FACE, rule.face_points_max),
                *((side, rule.side_points_max) for side in _SIDES),
            )
        ]
        if len(parts[0]) < rule.face_points_min:
            parts = [part[:0] for part in parts]
        ends = tuple(accumulate(len(part) for part in parts))
        points = np.concatenate(parts)
        return cls(sight.at_ms, sight.track, grey, sight.scale, face.landmarks, points, ends)

    def compare(self, now: Sight, face: Face, rule: ContextRule) -> _Step | None:
        """Return how far room and face went; None without motion."""
        stirred = np.abs(face.landmarks - self.landmarks).max() * self.scale
        if len(self.points) == 0 or stirred < rule.stir_min:
            return None
        there, kept = follow(self.grey, now.grey, self.points, QUICK)
        parts = [
            (self.points[start:end][kept[start:end]], there[start:end][kept[start:end]])
            for start, end in pairwise((0, *self.ends))
        ]
        at_face, moved_face = parts[0]
        # Hair, a hand or a neighbour may be on one side; a picture goes on behind the head.
        usable = [side for side in parts[1:] if len(side[0]) >= rule.side_points_min]
        if len(at_face) < rule.face_points_min or len(usable) < rule.sides_min:
            return None
        motion, _ = cv2.estimateAffinePartial2D(
            at_face, moved_face, method=cv2.RANSAC, ransacReprojThreshold=1.0
        )
        return None if motion is None else _step(usable, motion, rule)


def _step(usable: list[_Points], motion: NDArray[np.float64], rule: ContextRule) -> _Step | None:
    """Return how far the sides went with a motion of the face; None if it would hardly move."""
    before, after = (np.concatenate(parts) for parts in zip(*usable, strict=True))
    moved = float(np.median(np.linalg.norm(_as_one_sheet(before, motion) - before, axis=1)))
    if moved < rule.move_min:
        return None
    sure = [side for side in usable if len(side[0]) >= rule.side_points_sure]
    least = min(_agreed(*side, motion, moved) for side in sure) if len(sure) > 1 else None
    return _Step(_agreed(before, after, motion, moved), least, moved)


def _agreed(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    motion: NDArray[np.float64],
    moved: float,
) -> float:
    """Return how far points went with the face, between minus and plus `moved`."""
    sheet = _as_one_sheet(before, motion)
    expected = np.linalg.norm(sheet - before, axis=1)
    # A point that was lost far away must not outweigh the others.
    off_sheet = np.minimum(np.linalg.norm(after - sheet, axis=1), 2 * expected)
    off_rest = np.minimum(np.linalg.norm(after - before, axis=1), 2 * expected)
    return max(-moved, min(moved, float(np.median(off_rest - off_sheet))))


def _as_one_sheet(points: NDArray[np.float32], motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where points would go if they were on one sheet with the face."""
    return np.asarray(points @ motion[:, :2].T + motion[:, 2], np.float64)
