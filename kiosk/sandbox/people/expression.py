"""Smiles and blinks: warps and paint on small patches of a head's texture.

A smile is a number: 0 leaves the mouth as photographed, above 0 draws its corners out and up and
shows teeth, below 0 lets them down and closes the lips. What a person's neutral face and smile are
on that scale stands in `GESTURES`, because some of them smile in the photograph already.
It looks like a smile to a small network and, roughly, to people; it is no model of muscles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kiosk.sandbox.people.sample import TEXTURE_HEIGHT, TEXTURE_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.sandbox.people.sample import Head


@dataclass(frozen=True, slots=True)
class Mouth:
    """One state of a mouth; lengths in half-widths of the mouth.

    Args:
        lift: How far the corners go up.
        stretch: How far they go out.
        drop: How far the lower lip goes down.
        teeth: How much of the gap between the lips is painted as teeth, 0 to 1.
        lips: How much of it is painted over with the colour of lips, 0 to 1.
        calm: How much the folds beside the mouth are smoothed away, 0 to 1.
    """

    lift: float = 0.0
    stretch: float = 0.0
    drop: float = 0.0
    teeth: float = 0.0
    lips: float = 0.0
    calm: float = 0.0

    def towards(self, other: Mouth, share: float) -> Mouth:
        """Return the state a share of the way to another one."""
        mine, theirs = _numbers(self), _numbers(other)
        return Mouth(*(a + (b - a) * share for a, b in zip(mine, theirs, strict=True)))


def _numbers(mouth: Mouth) -> tuple[float, ...]:
    return mouth.lift, mouth.stretch, mouth.drop, mouth.teeth, mouth.lips, mouth.calm


@dataclass(frozen=True, slots=True)
class Gesture:
    """A person's neutral mouth and smile."""

    neutral: Mouth
    smile: Mouth


GESTURES = (
    Gesture(Mouth(), Mouth(lift=0.36, stretch=0.32, drop=-0.04)),
    Gesture(Mouth(lift=-0.1, drop=0.13), Mouth(lift=0.2, stretch=0.19, drop=0.6)),
    Gesture(
        Mouth(lift=-0.52, stretch=-0.6, drop=-0.49, teeth=0.27, lips=0.4, calm=0.06),
        Mouth(stretch=-0.07),
    ),
    Gesture(Mouth(lift=-0.55, drop=-0.42, lips=0.59, calm=1.0), Mouth()),
    Gesture(Mouth(), Mouth(lift=0.3, stretch=0.3)),
    Gesture(Mouth(lift=-0.39, stretch=-0.46, drop=-0.25, lips=0.1), Mouth(lift=-0.07)),
)
"""By person, found by random search. In single frames of fifty rooms the starter smile network
scores the neutral face of the customers in `cast.py` .04 to .2 in the median and .5 at most, and
the smile .9 and more in the median and .6 at least; its consent rule never saw a smile too early.
The starter encoder still finds both faces alike, so that a smile starts no new track."""

_CORNER_SPREAD = 0.6
"""Width of the warp around a corner, in half-widths of the mouth."""


def expressive(head: Head, mouth: Mouth, blink: float) -> NDArray[np.uint8]:
    """Return a copy of the head's colours with this mouth and the eyes closed by `blink` (0..1)."""
    colour = head.colour.copy()
    _draw_mouth(colour, head.landmarks, mouth)
    if blink > 0.02:
        for eye in head.landmarks[:2]:
            _close_eye(colour, eye, _eye_distance(head.landmarks), min(1.0, blink))
    return colour


def _eye_distance(landmarks: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(landmarks[1] - landmarks[0]))


def _patch(centre: NDArray[np.float32], half_x: float, half_y: float) -> tuple[slice, slice]:
    x, y = float(centre[0]), float(centre[1])
    rows = slice(max(0, int(y - half_y)), min(TEXTURE_HEIGHT, int(y + half_y)))
    return rows, slice(max(0, int(x - half_x)), min(TEXTURE_WIDTH, int(x + half_x)))


def _draw_mouth(colour: NDArray[np.uint8], landmarks: NDArray[np.float32], mouth: Mouth) -> None:
    if mouth == Mouth():
        return
    right, left = landmarks[3], landmarks[4]
    middle = (right + left) / 2
    half = float(np.linalg.norm(left - right)) / 2
    along = (left - right) / (2 * half)
    rows, columns = _patch(middle, 2.6 * half, 2.4 * half)
    patch = colour[rows, columns]
    ys, xs = np.mgrid[rows, columns].astype(np.float32)
    dx, dy = xs - middle[0], ys - middle[1]
    # Coordinates along the mouth (corners at -1 and 1) and down from it.
    u = (dx * along[0] + dy * along[1]) / half
    v = (dy * along[0] - dx * along[1]) / half

    def near(at_u: float, at_v: float, spread: float) -> NDArray[np.float32]:
        away = (u - at_u) ** 2 + (v - at_v) ** 2
        return np.asarray(np.exp(-away / (2 * spread * spread)), np.float32)

    corners = near(-1.0, 0.0, _CORNER_SPREAD), near(1.0, 0.0, _CORNER_SPREAD)
    move_u = mouth.stretch * (corners[1] - corners[0])
    move_v = -mouth.lift * (corners[0] + corners[1]) + mouth.drop * near(0.0, 0.45, 0.45)
    shift_x = (move_u * along[0] - move_v * along[1]) * half
    shift_y = (move_u * along[1] + move_v * along[0]) * half
    map_x = (xs - columns.start - shift_x).astype(np.float32)
    map_y = (ys - rows.start - shift_y).astype(np.float32)
    warped = cv2.remap(
        patch, map_x, map_y, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    if mouth.calm > 0.0:
        folds = np.maximum(near(-1.35, -0.35, 0.5), near(1.35, -0.35, 0.5)) * mouth.calm
        smooth = cv2.GaussianBlur(warped, (0, 0), 0.45 * half)
        warped += (smooth - warped) * np.minimum(1.0, 1.4 * folds)[..., None]
    _paint_gap(warped, u, v, mouth)
    patch[:] = np.clip(warped, 0, 255).astype(np.uint8)


def _paint_gap(
    patch: NDArray[np.float32], u: NDArray[np.float32], v: NDArray[np.float32], mouth: Mouth
) -> None:
    """Paint teeth or closed lips into the crescent between the corners."""
    width = 1.0 + mouth.stretch * 0.8
    curve = np.clip(1.0 - (u / width) ** 2, 0.0, 1.0)
    # The gap hangs between the lifted corners.
    above = -mouth.lift * 0.8 + (mouth.lift * 0.8 + 0.08) * curve
    depth = (0.16 + max(0.0, mouth.drop) * 0.5) * np.sqrt(curve)
    inside = np.clip(np.minimum(v - above, above + 2 * depth - v) / 0.12 + 0.5, 0.0, 1.0)
    inside = (inside * (curve > 0.05)).astype(np.float32)
    light = float(np.percentile(patch.mean(axis=2), 80)) / 200.0
    for amount, tone in ((mouth.teeth, (206, 216, 222)), (mouth.lips, (96, 104, 178))):
        if amount > 0.0:
            share = (inside * amount)[..., None]
            patch *= 1.0 - share
            patch += share * np.array(tone, np.float32) * light


def _close_eye(
    colour: NDArray[np.uint8], eye: NDArray[np.float32], eye_distance: float, blink: float
) -> None:
    """Draw the skin above the eye down over it, a little darker, as a lid is."""
    half_x, half_y = 0.34 * eye_distance, 0.30 * eye_distance
    rows, columns = _patch(eye, half_x, half_y)
    patch = colour[rows, columns]
    ys, xs = np.mgrid[rows, columns].astype(np.float32)
    near = np.exp(
        -(((xs - eye[0]) / (0.19 * eye_distance)) ** 2)
        - (((ys - eye[1]) / (0.13 * eye_distance)) ** 2)
    )
    map_x = xs - columns.start
    map_y = (ys - rows.start - blink * 0.17 * eye_distance * near).astype(np.float32)
    warped = cv2.remap(
        patch, map_x, map_y, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    patch[:] = np.clip(warped * (1.0 - 0.18 * blink * near[..., None]), 0, 255).astype(np.uint8)
