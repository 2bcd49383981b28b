"""A person before the camera: the head's texture on a coarse mesh with depth, moved and turned.

Each node of the mesh says which point of the texture it shows. Turning shifts nodes by their depth
(an ellipsoid with a nose), so the parts of a head move differently, as those of a plane do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kiosk.sandbox.people.expression import GESTURES, expressive
from kiosk.sandbox.people.motion import Blinks, Wander
from kiosk.sandbox.people.sample import FACE_CENTRE, TEXTURE_HEIGHT, TEXTURE_WIDTH
from kiosk.sandbox.people.surroundings import FRAME_HEIGHT, FRAME_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.sandbox.people.sample import Head

MESH_STEP = 8
"""Pixels of the frame between two nodes."""
HEAD_DEPTH = 85.0
"""Texture pixels from the head's rim to its front; half a face's width."""
NOSE_DEPTH = 22.0
SMILE_STEPS = 12
"""States of the mouth between neutral and smile that are drawn; each is kept once drawn."""


@dataclass(frozen=True, slots=True)
class Stance:
    """Where a head is at one moment; angles in radians, lengths in pixels of the frame."""

    x: float
    y: float
    scale: float
    roll: float
    yaw: float
    pitch: float


class Figure:
    """One person, moving.

    Args:
        head: Who.
        person: Their number, for their gesture.
        rng: Draws how they stand and move.
        turning: Whether they turn the head from side to side.
        turn: What they turn besides, when asked: an angle at a time.
        rigid: Whether the face is a mask, which neither blinks nor smiles.
    """

    def __init__(
        self,
        head: Head,
        person: int,
        rng: np.random.Generator,
        *,
        turning: bool = False,
        turn: Callable[[float], float] | None = None,
        rigid: bool = False,
    ) -> None:
        """Draw the movements and prepare the mesh."""
        self._head = head
        self._turn = turn
        self._rigid = rigid
        self._gesture = GESTURES[person]
        self._home = (
            FRAME_WIDTH / 2 + rng.uniform(-45, 45),
            FRAME_HEIGHT * 0.47 + rng.uniform(-18, 18),
        )
        self._scale = float(rng.uniform(0.84, 1.12))
        self._tilt = float(rng.uniform(-0.05, 0.05))
        sway = float(rng.uniform(3.0, 11.0))
        self._wander = [
            Wander.drawn(rng, amplitude, periods)
            for amplitude, periods in (
                (sway, (1.6, 5.0)),
                (sway * 0.5, (1.4, 4.0)),
                (0.025, (2.5, 6.0)),
                (0.035, (2.0, 5.0)),
                (0.22 if turning else 0.05, (2.2, 3.6)),
                (0.045, (2.0, 5.0)),
            )
        ]
        self._breath = float(rng.uniform(0.0, 2 * math.pi))
        self._blinks = Blinks(rng)
        self._depth = _depth_field(head)
        self._towards = _towards_screen(self._depth)
        columns = np.arange(FRAME_WIDTH // MESH_STEP) * MESH_STEP + (MESH_STEP - 1) / 2
        rows = np.arange(FRAME_HEIGHT // MESH_STEP) * MESH_STEP + (MESH_STEP - 1) / 2
        self._columns, self._rows = (g.astype(np.float32) for g in np.meshgrid(columns, rows))
        self._faces: dict[int, NDArray[np.uint8]] = {}

    def stance(self, at_ms: float) -> Stance:
        """Return where the head is at a time."""
        x, y, scale, roll, yaw, pitch = (wander.at(at_ms) for wander in self._wander)
        breath = math.sin(at_ms / 1000.0 * 2 * math.pi / 4.2 + self._breath)
        return Stance(
            x=self._home[0] + x,
            y=self._home[1] + y - 1.2 * breath,
            scale=self._scale * (1.0 + scale + 0.003 * breath),
            roll=self._tilt + roll,
            yaw=yaw + (0.0 if self._turn is None else self._turn(at_ms)),
            pitch=pitch,
        )

    def draw(
        self,
        room: NDArray[np.uint8],
        at_ms: float,
        smile: float,
        *,
        aside: float = 0.0,
        nearer: float = 1.0,
    ) -> NDArray[np.uint8]:
        """Return the room with the person before it, moved and enlarged if they walk about."""
        here = self.stance(at_ms)
        if aside or nearer != 1.0:
            here = replace(here, x=here.x + aside, scale=here.scale * nearer)
        map_x, map_y = self._maps(here)
        moving = not self._rigid
        texture = self._texture(smile * moving, self._blinks.at(at_ms) * moving)
        seen = cv2.remap(
            texture, map_x, map_y, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        share = cv2.LUT(seen[..., 3], _SHARES)
        front = np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGRA2BGR), np.uint8)
        return np.asarray(cv2.blendLinear(front, room, share, 1.0 - share), np.uint8)

    def nearness(self, at_ms: float, room: float) -> NDArray[np.float32]:
        """Return how much of the screen's light each place gets, on a coarse grid.

        1 is skin that faces the screen; the room behind gets `room`.
        """
        x, y = self._places(self.stance(at_ms))
        towards, cover = (
            cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
            for field in (self._towards, self._head.cover.astype(np.float32) / 255.0)
        )
        return np.asarray(towards * cover + room * (1.0 - cover), np.float32)

    def _texture(self, smile: float, blink: float) -> NDArray[np.uint8]:
        step = round(min(1.0, max(0.0, smile)) * SMILE_STEPS)
        if blink <= 0.05 and step in self._faces:
            return self._faces[step]
        mouth = self._gesture.neutral.towards(self._gesture.smile, step / SMILE_STEPS)
        colour = expressive(self._head, mouth, blink)
        texture = np.dstack([colour, self._head.cover])
        if blink <= 0.05:
            self._faces[step] = texture
        return texture

    def _maps(self, stance: Stance) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Say for every pixel of the frame which point of the texture it shows."""
        x, y = self._places(stance)
        size = (FRAME_WIDTH, FRAME_HEIGHT)
        # Nodes lie where resizing puts the samples of a shrunk picture, so this is exact.
        map_x = cv2.resize(x, size, interpolation=cv2.INTER_LINEAR)
        map_y = cv2.resize(y, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(map_x, np.float32), np.asarray(map_y, np.float32)

    def _places(self, stance: Stance) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Say for the mesh's nodes which point of the texture they show."""
        cosine, sine = math.cos(stance.roll), math.sin(stance.roll)
        dx = (self._columns - stance.x) / stance.scale
        dy = (self._rows - stance.y) / stance.scale
        x = cosine * dx + sine * dy + FACE_CENTRE[0]
        y = -sine * dx + cosine * dy + FACE_CENTRE[1]
        depth = cv2.remap(self._depth, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
        x = x - math.sin(stance.yaw) * depth
        y = y - math.sin(stance.pitch) * depth
        return x.astype(np.float32), y.astype(np.float32)


_SHARES = (np.arange(256, dtype=np.float32) / 255.0)[None, :]


def _towards_screen(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosine between skin and screen: 1 in the middle of a face, less at its sides."""
    down, across = np.gradient(cv2.GaussianBlur(depth, (0, 0), 6.0))
    return np.asarray(1.0 / np.sqrt(1.0 + across**2 + down**2), np.float32)


def _depth_field(head: Head) -> NDArray[np.float32]:
    """Return how far each point of the texture stands out, texture pixels."""
    middle = head.landmarks.mean(axis=0)
    nose = head.landmarks[2]
    ys, xs = np.mgrid[0:TEXTURE_HEIGHT, 0:TEXTURE_WIDTH].astype(np.float32)
    far = ((xs - middle[0]) / 125.0) ** 2 + ((ys - middle[1]) / 165.0) ** 2
    round_head = HEAD_DEPTH * np.exp(-(far**1.3))
    near_nose = ((xs - nose[0]) ** 2 + (ys - nose[1]) ** 2) / (2 * 17.0**2)
    field: NDArray[np.float32] = round_head + NOSE_DEPTH * np.exp(-near_nose)
    return field.astype(np.float32)
