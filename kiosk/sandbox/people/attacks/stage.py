"""The stage of a simulated session: what the kiosk does, how its light falls, when frames come.

The light: a screen near the face adds to the light of the room. What comes back from a place is
its own colour times (room's light + screen's colour x share x cosine x falling off with the square
of the distance). Skin half a metre away gets 1, a wall two metres further about 1/25. A sheet is
lit as a plane; a display shines by itself and mirrors 3 %. Grey levels are light ** (1 / 2.2).
What the screen shows is seen later: its own frame, half an exposure, the camera's queue.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from kiosk.domain.lightcode import LightPlan
from kiosk.sandbox.people.motion import turn_level
from kiosk.sandbox.people.sensor import GAMMA
from kiosk.sandbox.people.surroundings import FRAME_HEIGHT, FRAME_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME_MS = 1_000 / 15
"""A webcam in a restaurant's evening light gives 15 frames a second."""
JITTER_MS = 2.5
"""Deviation of the moment at which a frame is read, USB and scheduler together."""
SHUTTER_MS = 30.0
PAPER_LIGHT = (0.93, 0.91, 0.87)
"""Red, green, blue of the screen's usual background, as light."""
ROOM_NEARNESS = (0.02, 0.11)
"""Square of the distance from screen to face over that to what is behind: 0.5 m to 1.5-3.5 m."""
SCREEN_SHARE = (0.06, 0.35)
"""Screen's light on the face over the room's: a 22-inch screen in a bright and in a dim room."""
LATENCY_MS = (45.0, 115.0)


@dataclass(frozen=True, slots=True)
class Cues:
    """What the kiosk does in one session, on its own clock.

    Args:
        light: The colours of its screen.
        turn_at_ms: When it asks for a turn.
        turn_side: To which side, in the picture: +1 right, -1 left.
        smile_at_ms: When the amount appears, and with it the question for a smile.
        exposure_at_ms: When it changes the camera's exposure.
        exposure_ms: For how long.
        exposure: By what factor.
        frames: How many frames it looks at.
    """

    light: LightPlan = field(repr=False)
    turn_at_ms: int
    turn_side: int
    smile_at_ms: int
    exposure_at_ms: int
    exposure_ms: int
    exposure: float
    frames: int

    def exposure_at(self, at_ms: float) -> float:
        """Return the factor of a moment."""
        since = at_ms - self.exposure_at_ms
        return self.exposure if 0 <= since < self.exposure_ms else 1.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame as the kiosk reads it."""

    at_ms: int
    image: NDArray[np.uint8] = field(repr=False, compare=False)


class Take(Protocol):
    """One simulated session, seen by the camera."""

    begins_ms: float
    """From when on an attack is seen; before, somebody stood there and paid for themselves."""

    def shots(self) -> Iterator[Shot]:
        """Draw the frames in order; the same for the same seed."""
        ...


def beats(rng: np.random.Generator, count: int, *, jitter_ms: float = JITTER_MS) -> list[int]:
    """Return the times at which frames are read."""
    times = np.arange(count) * FRAME_MS + 20.0 + rng.normal(0.0, 1.0, count) * jitter_ms
    return [int(t) for t in np.maximum.accumulate(np.maximum(times, 0.0))]


class ScreenLight:
    """The kiosk's light on one scene, through one camera.

    Args:
        rng: Draws the room's brightness and the delay.
        plan: What the screen shows; before and after it, paper.
        late_ms: What a relay adds to the delay.
    """

    def __init__(self, rng: np.random.Generator, plan: LightPlan, *, late_ms: float = 0.0) -> None:
        """Draw the room."""
        low, high = (math.log(share) for share in SCREEN_SHARE)
        self.share = math.exp(float(rng.uniform(low, high)))
        self.room = float(rng.uniform(*ROOM_NEARNESS))
        self._late_ms = float(rng.uniform(*LATENCY_MS)) + late_ms
        self._plan = plan

    def colour(self, at_ms: float) -> NDArray[np.float32]:
        """Return the screen's light that a frame read at a time has caught: blue, green, red."""
        moments = (at_ms - self._late_ms - SHUTTER_MS / 2, at_ms - self._late_ms + SHUTTER_MS / 2)
        shown = [self._plan.tint_at(moment) for moment in moments]
        lights = [PAPER_LIGHT if tint is None else tint.linear for tint in shown]
        return np.asarray(np.mean(lights, axis=0)[::-1], np.float32)

    def factor(self, nearness: NDArray[np.float32], at_ms: float) -> NDArray[np.float32]:
        """Return what the light makes of grey levels, for a grid of nearness of any size."""
        lit = 1.0 + self.share * nearness[..., None] * self.colour(at_ms)
        levels = (lit / (1.0 + 0.9 * self.share)) ** (1.0 / GAMMA)
        size = (FRAME_WIDTH, FRAME_HEIGHT)
        return np.asarray(
            cv2.resize(levels.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32
        )


def shrunk(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture-sized share as the coarse grid that light is computed on."""
    size = (FRAME_WIDTH // 8, FRAME_HEIGHT // 8)
    return np.asarray(cv2.resize(share, size, interpolation=cv2.INTER_AREA), np.float32)


def asked_turn(
    rng: np.random.Generator, at_ms: int, side: int, *, angle: tuple[float, float] = (0.40, 0.55)
) -> Callable[[float], float]:
    """Return a turn in answer to a prompt: there, a moment, and back; radians."""
    begin = at_ms + float(rng.uniform(250.0, 550.0))
    most = side * float(rng.uniform(*angle))

    def turn(now_ms: float) -> float:
        return most * turn_level(now_ms - begin)

    return turn
