"""Prints held before the camera: flat, bent, and with holes for the eyes.

The hand turns the paper when the kiosk asks for a turn. Paper takes the screen's light as a plane
does, its picture of a room no less than its picture of a face.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kiosk.sandbox.people.attacks.stage import (
    SHUTTER_MS,
    Cues,
    ScreenLight,
    Shot,
    asked_turn,
    beats,
    shrunk,
)
from kiosk.sandbox.people.expression import GESTURES, expressive
from kiosk.sandbox.people.motion import Blinks
from kiosk.sandbox.people.paper import CROP, Paper
from kiosk.sandbox.people.sensor import Sensor
from kiosk.sandbox.people.surroundings import background, light_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.sandbox.people.scene import Crowd

FLAT = (0.0, 0.0)
BENT = (-46.0, -22.0)


class Printed:
    """A print of a customer in somebody's hand.

    Args:
        crowd: Everybody, and the bank of noise.
        person: Who is on it.
        rng: Draws everything.
        cues: What the kiosk does.
        bend: How much the paper is arched.
        eyes: Who looks through holes in it, if anybody.
    """

    def __init__(
        self,
        crowd: Crowd,
        person: int,
        rng: np.random.Generator,
        cues: Cues,
        *,
        bend: tuple[float, float],
        eyes: int | None = None,
    ) -> None:
        """Print it and take it into the hand."""
        self.begins_ms = 0.0
        self._room = background(rng)
        self._light = ScreenLight(rng, cues.light)
        turn = asked_turn(rng, cues.turn_at_ms, cues.turn_side)
        head = crowd.heads[person]
        if eyes is None:
            self._paper: Paper = Paper(head, person, rng, bend=bend, turn=turn)
        else:
            self._paper = CutOut(crowd, (person, eyes), rng, bend=bend, turn=turn)
        self._sensor = Sensor(rng, crowd.bank, light_field(rng))
        self._cues = cues
        self._times = beats(rng, cues.frames)

    def shots(self) -> Iterator[Shot]:
        """Draw the frames."""
        for index, at_ms in enumerate(self._times):
            seen, share = self._paper.seen(self._room, at_ms)
            covered = shrunk(share)
            nearness = covered + self._light.room * (1.0 - covered)
            now, soon = self._paper.place(at_ms), self._paper.place(at_ms + SHUTTER_MS / 2)
            image = self._sensor.expose(
                seen,
                index=index,
                at_ms=at_ms,
                moved=(soon[0] - now[0], soon[1] - now[1]),
                screen=self._light.factor(nearness, at_ms),
                exposure=self._cues.exposure_at(at_ms),
            )
            yield Shot(at_ms, image)


class CutOut(Paper):
    """A print whose eyes are cut out; behind the holes are eyes that blink."""

    def __init__(
        self, crowd: Crowd, people: tuple[int, int], rng: np.random.Generator, **held: object
    ) -> None:
        """Print it and cut the holes."""
        super().__init__(crowd.heads[people[0]], people[0], rng, **held)  # type: ignore[arg-type]
        self._behind = crowd.heads[people[1]]
        self._mouth = GESTURES[people[1]].neutral
        self._blinks = Blinks(rng)
        marks = crowd.heads[people[0]].landmarks
        border = (self._size[1] - (CROP[1].stop - CROP[1].start)) // 2
        self._holes = [
            (int(x) - CROP[1].start + border, int(y) - CROP[0].start + border) for x, y in marks[:2]
        ]

    def picture(self, at_ms: float) -> NDArray[np.float32]:
        """Return the print with what is seen through its holes."""
        picture = super().picture(at_ms).copy()
        behind = expressive(self._behind, self._mouth, self._blinks.at(at_ms))
        half_x, half_y = 17, 9
        for (x, y), eye in zip(self._holes, self._behind.landmarks[:2], strict=True):
            from_x, from_y = int(eye[0]), int(eye[1])
            seen = behind[from_y - half_y : from_y + half_y, from_x - half_x : from_x + half_x]
            hole = np.zeros(seen.shape[:2], np.uint8)
            cv2.ellipse(hole, (half_x, half_y), (half_x - 2, half_y - 2), 0, 0, 360, (255,), -1)
            place = picture[y - half_y : y + half_y, x - half_x : x + half_x]
            # Eyes behind paper lie in its shadow.
            place[hole > 0] = seen[hole > 0].astype(np.float32) * 0.75
        return picture
