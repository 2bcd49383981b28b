"""A photo of a customer on paper, held before the camera by somebody else.

A print has less contrast and gamut than a face, a grain of dots, a white border, glare; it moves
like a plane, bends a little, and neither blinks nor smiles. One species of attack, drawn crudely;
others are in `kiosk.sandbox.people.attacks`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kiosk.sandbox.people.expression import GESTURES, expressive
from kiosk.sandbox.people.motion import Wander
from kiosk.sandbox.people.surroundings import FRAME_HEIGHT, FRAME_WIDTH, background

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.sandbox.people.sample import Head

CROP = (slice(30, 590), slice(50, 510))
"""Rows and columns of the texture that are printed: head and shoulders."""


class Sheet(ABC):
    """Something flat, or nearly so, in one hand; what is on it is drawn by who inherits.

    Args:
        rng: Draws how it is held.
        size: Height and width of what is on it, pixels.
        bend: Least and most of the arch, pixels.
        turn: What the hand turns besides, when somebody asks: an angle at a time.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        size: tuple[int, int],
        *,
        bend: tuple[float, float] = (-14.0, 14.0),
        turn: Callable[[float], float] | None = None,
    ) -> None:
        """Take it into the hand."""
        self._size = size
        self._turn = turn
        self._scale = float(rng.uniform(0.66, 0.86))
        self._home = (
            FRAME_WIDTH / 2 + float(rng.uniform(-40, 40)),
            FRAME_HEIGHT / 2 + float(rng.uniform(-15, 15)),
        )
        self._roll = float(rng.uniform(-0.1, 0.1))
        self._bend = float(rng.uniform(*bend))
        hand = float(rng.uniform(4.0, 14.0))
        self._wander = [
            Wander.drawn(rng, amplitude, (0.9, 3.2))
            for amplitude in (hand, hand * 0.8, 0.03, 0.05, 0.22, 0.22)
        ]
        self._glare = float(rng.uniform(25.0, 80.0))
        self._glare_at = float(rng.uniform(0.1, 0.9))
        self._glare_width = float(rng.uniform(0.04, 0.14))
        self._glare_slope = float(rng.uniform(-0.5, 0.5))
        height, width = size
        ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
        self._across = xs / width + self._glare_slope * ys / height
        arch = np.sin(np.pi * xs / width)
        self._bent_x = xs
        self._bent_y = (ys - self._bend * arch).astype(np.float32)
        self._shade = (1.0 + 0.006 * self._bend * np.cos(np.pi * xs / width)).astype(np.float32)

    @abstractmethod
    def picture(self, at_ms: float) -> NDArray[np.float32]:
        """Return what is on the sheet at a moment, grey levels."""

    def place(self, at_ms: float) -> tuple[float, float]:
        """Return where the middle of the sheet is, pixels of the frame."""
        return self._home[0] + self._wander[0].at(at_ms), self._home[1] + self._wander[1].at(at_ms)

    def draw(self, room: NDArray[np.uint8], at_ms: float) -> NDArray[np.uint8]:
        """Return the room with the sheet before it."""
        return self.seen(room, at_ms)[0]

    def seen(
        self, room: NDArray[np.uint8], at_ms: float
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return the room with the sheet before it, and the share of each pixel it covers."""
        _, _, scale, roll, yaw, pitch = (wander.at(at_ms) for wander in self._wander)
        yaw += 0.0 if self._turn is None else self._turn(at_ms)
        glare_at = self._glare_at + 1.2 * yaw
        away = (self._across - glare_at) / self._glare_width
        glare = self._glare * np.exp(-(away * away))
        lit = np.clip(self.picture(at_ms) * self._shade[..., None] + glare[..., None], 0, 255)
        bent = cv2.remap(
            np.dstack([lit, np.full(lit.shape[:2], 255.0)]).astype(np.uint8),
            self._bent_x,
            self._bent_y,
            interpolation=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )
        matrix = self._held(
            self.place(at_ms), self._scale * (1 + scale), self._roll + roll, yaw, pitch
        )
        seen = cv2.warpPerspective(
            bent, matrix, (FRAME_WIDTH, FRAME_HEIGHT), flags=cv2.INTER_LINEAR
        )
        share = seen[..., 3].astype(np.float32) / 255.0
        front = np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGRA2BGR), np.uint8)
        return np.asarray(cv2.blendLinear(front, room, share, 1.0 - share), np.uint8), share

    def _held(
        self, place: tuple[float, float], scale: float, roll: float, yaw: float, pitch: float
    ) -> NDArray[np.float64]:
        """Return the homography from the sheet to the frame: a plane turned in space."""
        height, width = self._size
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
        corners *= (width / 2 * scale, height / 2 * scale)
        turned = corners * (math.cos(yaw), math.cos(pitch))
        depth = corners[:, 0] * math.sin(yaw) + corners[:, 1] * math.sin(pitch)
        turned /= 1.0 + depth[:, None] / 900.0
        cosine, sine = math.cos(roll), math.sin(roll)
        turned = turned @ np.array([[cosine, sine], [-sine, cosine]]) + place
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        return np.asarray(cv2.getPerspectiveTransform(source, turned.astype(np.float32)))


class Paper(Sheet):
    """One print in one hand.

    Args:
        head: Who is on it.
        person: Their number.
        rng: Draws the print, and how it is held.
        bend: As for `Sheet`.
        turn: As for `Sheet`.
    """

    def __init__(
        self,
        head: Head,
        person: int,
        rng: np.random.Generator,
        *,
        bend: tuple[float, float] = (-14.0, 14.0),
        turn: Callable[[float], float] | None = None,
    ) -> None:
        """Print it."""
        self._print = _printed(head, person, rng)
        super().__init__(rng, self._print.shape[:2], bend=bend, turn=turn)

    def picture(self, at_ms: float) -> NDArray[np.float32]:  # noqa: ARG002 - ink does not move
        """Return the print."""
        return self._print


def _printed(head: Head, person: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Print the person: gamut, dots, paper, border."""
    gesture = GESTURES[person]
    mouth = gesture.smile if rng.random() < 0.5 else gesture.neutral
    colour = expressive(head, mouth, 0.0)[CROP].astype(np.float32)
    share = head.cover[CROP].astype(np.float32)[..., None] / 255.0
    height, width = colour.shape[:2]
    behind = cv2.resize(background(rng), (width, height)).astype(np.float32)
    photo = colour * share + behind * (1.0 - share)
    grey = photo.mean(axis=2, keepdims=True)
    photo = grey + (photo - grey) * rng.uniform(0.55, 0.9)
    low, high = rng.uniform(28, 60), rng.uniform(185, 228)
    photo = low + photo * (high - low) / 255.0
    photo *= rng.uniform(0.93, 1.05, 3)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    pitch, angle = rng.uniform(3.0, 5.5), rng.uniform(0.2, 1.2)
    turned_x = math.cos(angle) * xs + math.sin(angle) * ys
    turned_y = -math.sin(angle) * xs + math.cos(angle) * ys
    dots = np.sin(turned_x * 2 * math.pi / pitch) * np.sin(turned_y * 2 * math.pi / pitch)
    photo += (dots * rng.uniform(3.0, 9.0))[..., None]
    border = int(rng.integers(14, 36))
    paper = cv2.copyMakeBorder(
        photo, border, border, border, border, cv2.BORDER_CONSTANT, value=(226, 230, 232)
    ).astype(np.float32)
    coarse = rng.normal(0.0, 1.0, (paper.shape[0] // 3, paper.shape[1] // 3)).astype(np.float32)
    fibres = cv2.resize(coarse, (paper.shape[1], paper.shape[0]), interpolation=cv2.INTER_LINEAR)
    rough: NDArray[np.float32] = paper + (fibres * rng.uniform(1.5, 4.0))[..., None]
    return np.clip(rough, 0, 255).astype(np.float32)
