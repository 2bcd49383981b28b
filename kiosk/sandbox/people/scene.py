"""A scene: who is before the camera, drawn frame by frame, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kiosk.sandbox.people.figure import Figure
from kiosk.sandbox.people.paper import Paper
from kiosk.sandbox.people.sample import Head, load_people
from kiosk.sandbox.people.sensor import Sensor, noise_bank
from kiosk.sandbox.people.surroundings import background, light_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHUTTER_MS = 12.0
"""Exposure time of an indoor webcam frame, for motion blur."""
MISLED = 0.1
"""Share of the right light that a camera takes whose metering looks at a lamp or a window: a face
at grey level 130 comes out at 46, as NUAA's backlit ones do."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """What all scenes share: the people and the bank of noise; made once."""

    heads: tuple[Head, ...] = field(repr=False)
    bank: NDArray[np.float32] = field(repr=False, compare=False)


def gather() -> Crowd:
    """Load the people.

    Raises:
        SetupError: As for `load_people()`.
    """
    return Crowd(load_people(), noise_bank())


class Scene(Protocol):
    """Something that can be looked at.

    Args:
        sensor: The camera, whose exposure can be set.
    """

    sensor: Sensor

    def frame(self, index: int, at_ms: int, smile: float) -> NDArray[np.uint8]:
        """Draw one frame, 480 x 640 x 3 BGR; `smile` from 0 to 1 where somebody can."""
        ...


class CustomerScene:
    """A person who stands there, and may smile or turn."""

    def __init__(
        self,
        crowd: Crowd,
        person: int,
        seed: int,
        *,
        turning: bool = False,
        turn: Callable[[float], float] | None = None,
        dim: bool = False,
    ) -> None:
        """Draw the room and how the person moves.

        Args:
            crowd: Everybody.
            person: Who.
            seed: Of room and movements.
            turning: Whether they turn the head from side to side.
            turn: What they turn besides, when asked: an angle at a time.
            dim: Whether the camera's own exposure leaves them dark.
        """
        rng = np.random.default_rng((seed, person, 1))
        self._room = background(rng)
        self._figure = Figure(crowd.heads[person], person, rng, turning=turning, turn=turn)
        self.sensor = Sensor(rng, crowd.bank, light_field(rng))
        self.sensor.own = MISLED if dim else 1.0

    def frame(self, index: int, at_ms: int, smile: float) -> NDArray[np.uint8]:
        """Draw one frame."""
        seen = self._figure.draw(self._room, at_ms, smile)
        now, soon = self._figure.stance(at_ms), self._figure.stance(at_ms + SHUTTER_MS)
        return self.sensor.expose(
            seen, index=index, at_ms=at_ms, moved=(soon.x - now.x, soon.y - now.y)
        )


class PhotoScene:
    """Somebody holds up a photo of a person; what they do with their own face is not seen."""

    def __init__(self, crowd: Crowd, person: int, seed: int) -> None:
        """Draw the room and print the photo."""
        rng = np.random.default_rng((seed, person, 2))
        self._room = background(rng)
        self._paper = Paper(crowd.heads[person], person, rng)
        self.sensor = Sensor(rng, crowd.bank, light_field(rng))

    def frame(self, index: int, at_ms: int, smile: float) -> NDArray[np.uint8]:  # noqa: ARG002 - paper does not smile
        """Draw one frame."""
        seen = self._paper.draw(self._room, at_ms)
        now, soon = self._paper.place(at_ms), self._paper.place(at_ms + SHUTTER_MS)
        return self.sensor.expose(
            seen, index=index, at_ms=at_ms, moved=(soon[0] - now[0], soon[1] - now[1])
        )


class EmptyScene:
    """Nobody."""

    def __init__(self, crowd: Crowd, seed: int) -> None:
        """Draw the room."""
        rng = np.random.default_rng((seed, 0, 3))
        self._room = background(rng)
        self.sensor = Sensor(rng, crowd.bank, light_field(rng))

    def frame(self, index: int, at_ms: int, smile: float) -> NDArray[np.uint8]:  # noqa: ARG002 - nobody smiles
        """Draw one frame."""
        return self.sensor.expose(self._room, index=index, at_ms=at_ms, moved=(0.0, 0.0))
