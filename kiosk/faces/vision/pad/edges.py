"""Looks for the edges of a picture: long straight lines on both sides of the head that move.

Left and right of the head, beside the face's box, the best straight line is looked for: a step of
brightness of one sign all along, longer than the face. From then on the two are looked for around
where they were. A room's lines stand still; the edges of paper, and the bezel of a display in a
hand, move, and both by the same. Whether the face goes with them does not matter: in a replay it
moves by itself besides.
One side alone says nothing: a post, or the edge of hair.

It does not see edges outside the frame, nor those of what stands still.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kiosk.faces.opencv import cv2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.pad.sight import Sight

_TILTS = tuple(float(np.radians(degrees)) for degrees in (-12, -8, -4, 0, 4, 8, 12))
_SMOOTH = 3
"""Pixels over which a step of brightness is measured."""


@dataclass(frozen=True, slots=True)
class EdgeRule:
    """When lines frame a face. Lengths are in pixels of the small grey picture."""

    spacing_ms: int = 230
    """Between two looks at lines that were found."""
    search_ms: int = 460
    """Between two searches where there was none."""
    step_min: float = 5.0
    """Grey levels of a step that is one."""
    support_min: float = 0.82
    """Share of a line along which there is a step of the same sign."""
    kept_min: float = 0.75
    """Share of the support with which a line is found again."""
    length_min: float = 0.9
    """Of a line, in heights of the face."""
    reach: int = 14
    """How far around its first place a line is looked for."""
    looks_min: int = 5
    """Looks at which both were found."""
    sweep_min: float = 3.0
    """Between the furthest places of their middle; a place is a whole pixel."""
    spread_min: float = 1.0
    """Standard deviation of their middle."""
    apart_max: float = 0.6
    """Standard deviation of half their distance, over that of their middle: both move by the
    same."""
    lost_max: int = 2
    """Looks in a row at which a line was not found, before others are looked for."""
    age_ms_max: int = 4_000


class _Line(NamedTuple):
    """One line: its middle, its direction, how long it is, its sign, and how much of it is seen."""

    x: float
    y: float
    angle: float
    length: float
    sign: float
    support: float


class EdgeWatch:
    """Gathers the lines beside one face."""

    def __init__(self, rule: EdgeRule | None = None) -> None:
        """Begin with nothing seen."""
        self._rule = rule or EdgeRule()
        self.found = False
        """Whether moving lines frame the face; never taken back but by `forget`."""
        self.forget()

    def forget(self) -> None:
        """Begin anew, with another face."""
        self.found = False
        self._looked_ms: int | None = None
        self._drop(0)

    def _drop(self, now_ms: int) -> None:
        self._lines: tuple[_Line, _Line] | None = None
        self._begun_ms = now_ms
        self._lost = 0
        self._places: list[tuple[float, float]] = []

    def add(self, sight: Sight) -> None:
        """Take one more frame; most are not looked at."""
        rule, face = self._rule, sight.face
        if face is None or self.found:
            return
        spacing_ms = rule.search_ms if self._lines is None else rule.spacing_ms
        if self._looked_ms is not None and sight.at_ms - self._looked_ms < spacing_ms:
            return
        self._looked_ms = sight.at_ms
        if self._lines is None or sight.at_ms - self._begun_ms > rule.age_ms_max:
            self._drop(sight.at_ms)
            place = (face.x, face.y, face.width, face.height)
            self._lines = _both(sight.grey, [side * sight.scale for side in place], rule)
            return
        left, right = (_moved(sight.grey, line, rule) for line in self._lines)
        if left is None or right is None:
            self._lost += 1
            if self._lost >= rule.lost_max:
                self._drop(sight.at_ms)
            return
        self._lost = 0
        self._places.append((left, right))
        self.found = self._frames_the_face()

    def _frames_the_face(self) -> bool:
        rule = self._rule
        if len(self._places) < rule.looks_min:
            return False
        left, right = np.array(self._places).T
        middle, apart = (left + right) / 2, (left - right) / 2
        spread = float(middle.std())
        jumps = np.abs(np.diff(middle))
        # A camera that is knocked jumps once; a hand moves all the time.
        moved = float(jumps.sum() - jumps.max()) >= rule.sweep_min
        moved = moved and spread >= rule.spread_min and float(np.ptp(middle)) >= rule.sweep_min
        return moved and float(apart.std()) <= rule.apart_max * spread


def _both(grey: NDArray[np.uint8], box: list[float], rule: EdgeRule) -> tuple[_Line, _Line] | None:
    """Return the best lines left and right of a face; None if one is missing."""
    left = _longest(grey, box, _LEFT, rule)
    right = None if left is None else _longest(grey, box, _RIGHT, rule)
    return None if left is None or right is None else (left, right)


_LEFT, _RIGHT = (-1.5, -0.12), (1.12, 2.5)
"""Where lines are looked for, in widths of the face from its left edge."""
_ALONG = (-0.5, 1.3)
"""In heights of the face, from its upper edge."""


def _longest(
    grey: NDArray[np.uint8], box: list[float], across: tuple[float, float], rule: EdgeRule
) -> _Line | None:
    """Return the line with the best support in a strip beside the face, if any is good enough."""
    left, top, width, height = box
    rows, columns = grey.shape
    low, high = max(0.0, left + across[0] * width), min(columns - 1.0, left + across[1] * width)
    begin, end = max(0.0, top + _ALONG[0] * height), min(rows - 1.0, top + _ALONG[1] * height)
    wide, length = int(high - low), int(end - begin)
    if wide < 3 * _SMOOTH or length < rule.length_min * height:
        return None
    middle = ((low + high) / 2, (begin + end) / 2)
    best: _Line | None = None
    for tilt in _TILTS:
        angle = tilt + np.pi / 2
        support, sign, off = _best(_patch(grey, middle, angle, wide, length), rule)
        if support < rule.support_min or (best is not None and support <= best.support):
            continue
        x = middle[0] - off * float(np.sin(angle))
        y = middle[1] + off * float(np.cos(angle))
        best = _Line(x, y, float(angle), float(length), sign, support)
    return best


def _moved(grey: NDArray[np.uint8], line: _Line, rule: EdgeRule) -> float | None:
    """Return how far a line has moved across itself; None where it is not found again."""
    wide = 2 * rule.reach + 1 + _SMOOTH
    found: tuple[float, float] | None = None
    for turn in (0.0, -0.035, 0.035):
        patch = _patch(grey, (line.x, line.y), line.angle + turn, wide, int(line.length))
        shares = (_steps(patch) * line.sign >= rule.step_min).mean(axis=0)
        at = int(shares.argmax())
        if found is None or shares[at] > found[0]:
            found = float(shares[at]), at + _SMOOTH / 2 - (wide - 1) / 2
        if turn == 0.0 and found[0] >= line.support:
            break
    if found is None or found[0] < rule.kept_min * line.support:
        return None
    return found[1]


def _patch(
    grey: NDArray[np.uint8], middle: tuple[float, float], angle: float, wide: int, length: int
) -> NDArray[np.uint8]:
    """Return a strip around a line: one row for every second pixel along it, and all across it."""
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    # From the strip's pixels (u across, v along) to those of the picture.
    along, across = (2 * cosine, 2 * sine), (-sine, cosine)
    length //= 2
    u0, v0 = (wide - 1) / 2, (length - 1) / 2
    matrix = np.array(
        [
            [across[0], along[0], middle[0] - across[0] * u0 - along[0] * v0],
            [across[1], along[1], middle[1] - across[1] * u0 - along[1] * v0],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(grey, matrix, (wide, length), flags=flags, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def _steps(patch: NDArray[np.uint8]) -> NDArray[np.int16]:
    wide = cv2.blur(patch, (1, 3)).astype(np.int16)
    return np.asarray(wide[:, _SMOOTH:] - wide[:, :-_SMOOTH], np.int16)


def _best(patch: NDArray[np.uint8], rule: EdgeRule) -> tuple[float, float, float]:
    """Return the best support of a column, its sign, and how far it is from the middle."""
    steps = _steps(patch)
    up = (steps >= rule.step_min).mean(axis=0)
    down = (steps <= -rule.step_min).mean(axis=0)
    sign, shares = (1.0, up) if up.max() >= down.max() else (-1.0, down)
    at = int(shares.argmax())
    return float(shares[at]), sign, at + _SMOOTH / 2 - (patch.shape[1] - 1) / 2
