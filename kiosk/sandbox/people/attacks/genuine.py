"""A genuine customer under the screen's light: turns when asked, smiles when asked.

Also what looks like one: a mask (rigid, smooth, its texture static), and somebody who is replaced
by another half-way.
"""

from __future__ import annotations

import dataclasses
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
)
from kiosk.sandbox.people.figure import Figure
from kiosk.sandbox.people.motion import smile_level
from kiosk.sandbox.people.sensor import Sensor
from kiosk.sandbox.people.surroundings import background, light_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.sandbox.people.sample import Head
    from kiosk.sandbox.people.scene import Crowd

REACTION_MS = (350.0, 900.0)
"""From the prompt to the first movement of a smile."""
STEP_MS = 900.0
STEP_FROM = 420.0
"""How long somebody takes who steps in, and from where, pixels from the customer's place."""
HALF_HEAD = 130.0
"""Half the width of a head that near: from there on it covers the middle of the customer's face.
Before, it is still the customer who is seen, and who may pay."""


class Customer:
    """Somebody alive, or with a mask, before the camera.

    Args:
        crowd: Everybody, and the bank of noise.
        person: Who.
        rng: Draws room, light, movements and camera.
        cues: What the kiosk does.
        mask: Whether it is a mask of that person.
    """

    def __init__(
        self,
        crowd: Crowd,
        person: int,
        rng: np.random.Generator,
        cues: Cues,
        *,
        mask: bool = False,
    ) -> None:
        """Draw up the session."""
        head = _as_mask(crowd.heads[person], rng) if mask else crowd.heads[person]
        self.begins_ms = 0.0
        self.room = background(rng)
        self.light = ScreenLight(rng, cues.light)
        self.figure = Figure(
            head,
            person,
            rng,
            turn=asked_turn(rng, cues.turn_at_ms, cues.turn_side),
            rigid=mask,
        )
        self._sensor = Sensor(rng, crowd.bank, light_field(rng))
        self._smile_at_ms = cues.smile_at_ms + int(rng.uniform(*REACTION_MS))
        self._cues = cues
        self._times = beats(rng, cues.frames)

    def shots(self) -> Iterator[Shot]:
        """Draw the frames."""
        for index, at_ms in enumerate(self._times):
            yield Shot(at_ms, self.frame(index, at_ms))

    def drawn(self, at_ms: float) -> NDArray[np.uint8]:
        """Return the scene in the room's light, as no camera has seen it yet."""
        return self.figure.draw(self.room, at_ms, smile_level(int(at_ms), self._smile_at_ms))

    def frame(self, index: int, at_ms: float) -> NDArray[np.uint8]:
        """Return what the camera makes of a moment."""
        return self._expose(self.drawn(at_ms), index, at_ms)

    def _expose(self, scene: NDArray[np.uint8], index: int, at_ms: float) -> NDArray[np.uint8]:
        now, soon = self.figure.stance(at_ms), self.figure.stance(at_ms + SHUTTER_MS / 2)
        nearness = self.figure.nearness(at_ms, self.light.room)
        return self._sensor.expose(
            scene,
            index=index,
            at_ms=at_ms,
            moved=(soon.x - now.x, soon.y - now.y),
            screen=self.light.factor(nearness, at_ms),
            exposure=self._cues.exposure_at(at_ms),
        )


class Swapped(Customer):
    """One person until a moment, another from then on, in the same place (a cut in the stream)."""

    def __init__(
        self, crowd: Crowd, people: tuple[int, int], rng: np.random.Generator, cues: Cues
    ) -> None:
        """Draw up both."""
        super().__init__(crowd, people[0], rng, cues)
        self._other = Figure(crowd.heads[people[1]], people[1], rng)
        self._swap_ms = float(rng.uniform(900.0, cues.light.end_ms))
        self.begins_ms = self._swap_ms

    def drawn(self, at_ms: float) -> NDArray[np.uint8]:
        """Return whoever is there."""
        if at_ms < self._swap_ms:
            return super().drawn(at_ms)
        smile = smile_level(int(at_ms), self._smile_at_ms)
        return self._other.draw(self.room, at_ms, smile)


class SteppedIn(Customer):
    """Somebody else steps between the customer and the camera."""

    def __init__(
        self, crowd: Crowd, people: tuple[int, int], rng: np.random.Generator, cues: Cues
    ) -> None:
        """Draw up both."""
        super().__init__(crowd, people[0], rng, cues)
        self._other = Figure(crowd.heads[people[1]], people[1], rng)
        self._step_ms = float(rng.uniform(900.0, cues.light.end_ms))
        self.begins_ms = self._step_ms + STEP_MS * (1.0 - HALF_HEAD / STEP_FROM)
        self._side = float(rng.choice([-1.0, 1.0]))

    def drawn(self, at_ms: float) -> NDArray[np.uint8]:
        """Return the customer, and before them whoever comes in from the side."""
        seen = super().drawn(at_ms)
        walked = (at_ms - self._step_ms) / STEP_MS
        if walked <= 0:
            return seen
        smile = smile_level(int(at_ms), self._smile_at_ms)
        away = self._side * STEP_FROM * max(0.0, 1.0 - walked)
        return self._other.draw(seen, at_ms, smile, aside=away, nearer=1.25)


def _as_mask(head: Head, rng: np.random.Generator) -> Head:
    """Return a head as moulded and painted: no pores, one gloss, paint in blotches."""
    smooth = cv2.bilateralFilter(head.colour, 9, 40, 7).astype(np.float32)
    blotches = cv2.resize(
        rng.normal(0.0, 1.0, (40, 35, 3)).astype(np.float32),
        (smooth.shape[1], smooth.shape[0]),
        interpolation=cv2.INTER_CUBIC,
    )
    painted = smooth * float(rng.uniform(0.9, 1.05)) + 2.5 * blotches
    return dataclasses.replace(head, colour=np.clip(painted, 0, 255).astype(np.uint8))
