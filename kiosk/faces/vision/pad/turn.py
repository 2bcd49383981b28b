"""Turn layer: asked to turn a little to one side, does this move like a head or like a sheet?

All points that can be followed on a sheet keep to one homography, however it is turned, and those
of a bent one nearly so; those of a head do not, because its middle stands out and runs ahead of its
sides. So the picture since the prompt is laid back onto the one before it by the best homography,
and what is left of motion is measured: how much in all, and how far the middle of the face ran
ahead of its sides, to the side that was asked for. The side is drawn by chance.
A sheet is known by the opposite: the homography says that it was turned, and nothing is left.

It sees prints, flat or bent, and whatever shows a still face. It does not see a mask, nor the video
of a head that turned to that side: light and context are for that. On NUAA it cannot be measured:
nobody turns there when asked, and frames are thinned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.headturn import ANSWER_MS
from kiosk.domain.pad import Layer, LayerReport, LayerVerdict
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.pad.points import box_of, find_points, follow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.pad.sight import Sight


@dataclass(frozen=True, slots=True)
class TurnRule:
    """When a turn shows depth. Lengths are in widths of the face.

    A head's middle stands out by a quarter of its width, so that 20° let it run ahead by some
    hundredths. Set on simulated heads and sheets.
    """

    relief_min: float = 0.006
    """Mean distance of the points from one homography, from which it is no sheet."""
    lead_min: float = 0.008
    """How far the middle must run ahead of the sides."""
    flat_max: float = 0.0045
    """Up to here nothing but noise is left."""
    narrowing_min: float = 1.08
    """How much a homography shrinks one direction against the other when a sheet turns by 22°."""
    points_min: int = 14
    frames_min: int = 3
    """Frames that must agree."""
    answer_ms_max: int = ANSWER_MS


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is left of motion in one frame, and how the sheet that fits best would be turned."""

    relief: float
    lead: float
    narrowing: float


class TurnLayer:
    """Gathers one prompted turn.

    Args:
        can_ask: Whether somebody could be asked; until that is done the layer waits.
        rule: When a turn shows depth.
    """

    def __init__(self, rule: TurnRule | None = None, *, can_ask: bool = False) -> None:
        """Begin without a prompt."""
        self._rule = rule or TurnRule()
        self._can_ask = can_ask
        self._side = 0
        self._asked_ms = 0
        self._attack = False
        self._newest: Sight | None = None
        self._start: Sight | None = None
        self._seen: list[_Shape] = []
        self._points = np.zeros((0, 2), np.float32)
        self._plane = np.eye(3)
        self._last: NDArray[np.uint8] | None = None

    def ask(self, at_ms: int, side: int) -> None:
        """Take note that the customer was asked to turn.

        Args:
            at_ms: When, on the camera's clock.
            side: +1 when the nose is to go to the picture's right, -1 to its left.
        """
        assert side in {-1, 1}, "a turn is to one side"
        self._asked_ms, self._side = at_ms, side
        self._seen = []
        self._begin(self._newest)

    def change_face(self) -> None:
        """Forget the face; an attack stays."""
        self._newest = None
        self._seen = []
        self._begin(None)

    def add(self, sight: Sight) -> None:
        """Take one more frame: the last one before the prompt is what the others are held to."""
        if sight.face is None:
            return
        self._newest = sight
        if self._side == 0 or sight.at_ms > self._asked_ms + self._rule.answer_ms_max:
            return
        if self._start is None:
            self._begin(sight)
            return
        shape = self._measure(sight)
        if shape is not None:
            self._seen.append(shape)
        rule = self._rule
        turned = [s for s in self._seen if s.narrowing >= rule.narrowing_min]
        flat = [s for s in turned if s.relief <= rule.flat_max]
        if len(flat) >= rule.frames_min and len(flat) * 3 >= len(turned) * 2:
            self._attack = True

    def report(self) -> LayerReport:
        """Say what the turn showed."""
        rule = self._rule
        lead = round(max(s.lead for s in self._seen), 4) if self._seen else None
        if self._attack:
            return LayerReport(Layer.TURN, LayerVerdict.ATTACK, "turns_like_a_sheet", lead)
        if self._side == 0:
            verdict = LayerVerdict.UNDECIDED if self._can_ask else LayerVerdict.COULD_NOT_RUN
            return LayerReport(Layer.TURN, verdict, "not_asked")
        solid = [s for s in self._seen if s.relief >= rule.relief_min and s.lead >= rule.lead_min]
        if len(solid) < rule.frames_min:
            return LayerReport(Layer.TURN, LayerVerdict.UNDECIDED, "not_turned_yet", lead)
        return LayerReport(Layer.TURN, LayerVerdict.BONA_FIDE, "", lead)

    def _begin(self, sight: Sight | None) -> None:
        self._start = sight
        self._plane = np.eye(3)
        if sight is None or sight.face is None:
            self._last, self._points = None, np.zeros((0, 2), np.float32)
            return
        box = box_of(sight.grey.shape, sight.face, sight.scale, (0.06, 0.12, 0.94, 0.95))
        self._points = find_points(sight.grey, box, 120)
        self._last = sight.grey

    def _measure(self, sight: Sight) -> _Shape | None:
        """Lay the frame back onto the first one and say what is left of motion."""
        start, last = self._start, self._last
        assert start is not None, "begun before"
        assert start.face is not None, "begun with a face"
        if last is None or len(self._points) < self._rule.points_min:
            return None
        here = cv2.perspectiveTransform(self._points[None], self._plane)[0].astype(np.float32)
        there, kept = follow(last, sight.grey, here)
        if int(kept.sum()) < self._rule.points_min:
            return None
        plane, _ = cv2.findHomography(self._points[kept], there[kept], cv2.RANSAC, 2.0)
        self._last = sight.grey
        if plane is None:
            return None
        # Followed from frame to frame, points drift; laid back onto the first frame, they do not.
        size = (sight.grey.shape[1], sight.grey.shape[0])
        back = cv2.warpPerspective(
            sight.grey, plane, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        left, kept = follow(start.grey, np.asarray(back, np.uint8), self._points)
        if int(kept.sum()) < self._rule.points_min:
            return None
        before, after = self._points[kept], left[kept]
        rest, _ = cv2.findHomography(before, after, cv2.RANSAC, 1.5)
        if rest is None:
            return None
        self._plane = plane @ rest
        away = (after - cv2.perspectiveTransform(before[None], rest)[0]) / (
            start.face.width * start.scale
        )
        return _Shape(
            relief=float(np.linalg.norm(away, axis=1).mean()),
            lead=self._side * _lead(before, away, start),
            narrowing=_narrowing(self._plane, _middle(start)),
        )


def _lead(points: NDArray[np.float32], away: NDArray[np.float32], start: Sight) -> float:
    """Return how far the middle of the face runs ahead of its sides, to the picture's right."""
    assert start.face is not None, "begun with a face"
    middle = _middle(start)[0]
    off = np.abs(points[:, 0] - middle) / (start.face.width * start.scale)
    inner, outer = away[off < 0.18, 0], away[off > 0.3, 0]
    if len(inner) < 3 or len(outer) < 3:
        return 0.0
    return float(np.median(inner) - np.median(outer))


def _middle(start: Sight) -> tuple[float, float]:
    """Return the middle of the face in the small grey picture."""
    assert start.face is not None, "begun with a face"
    x, y = start.face.centre
    return x * start.scale, y * start.scale


def _narrowing(plane: NDArray[np.float64], at: tuple[float, float]) -> float:
    """Return how much more a homography shrinks one direction than the other, where the face is.

    Far from the points that it was found by, what it says of perspective is mostly noise.
    """
    x, y, depth = plane @ np.array([*at, 1.0])
    there = np.array([[x], [y]]) / depth
    sizes = np.linalg.svd((plane[:2, :2] - there * plane[2, :2]) / depth, compute_uv=False)
    return float(sizes[0] / max(sizes[1], 1e-6))
