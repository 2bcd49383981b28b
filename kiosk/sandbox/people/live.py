"""The live scene: somebody before the camera in real time, told what to do by the demo's panel.

Nothing runs by itself. Whoever looks gets the newest frame of a clock at 30 frames a second; it
is drawn when it is first looked at, and at most once. So two watchers see the same scene, and
nobody watching costs nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kiosk.domain.errors import BadInputError
from kiosk.domain.headturn import Side
from kiosk.sandbox.people.cast import EVERYBODY, FIGURES
from kiosk.sandbox.people.motion import SMILE_RISE_MS, TURN_ANGLE, turn_level
from kiosk.sandbox.people.scene import Crowd, CustomerScene, EmptyScene, PhotoScene, Scene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kiosk.link.frames import Word

FRAME_RATE = 30
SLOW_TURN_MS = 600.0
"""One way of a turn that somebody makes who is asked to turn slowly."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame of the live scene."""

    index: int
    at_ms: int
    image: NDArray[np.uint8] = field(repr=False, compare=False)


class LiveScene:
    """The one live scene of a process; every method may be called from any thread.

    Args:
        crowd: The people.
        clock: Seconds that only go forward.
        sleep: Waits; with `clock` the only way time comes in.
    """

    def __init__(
        self,
        crowd: Crowd,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin with nobody there."""
        self._crowd = crowd
        self._clock = clock
        self._sleep = sleep
        self._guard = threading.Lock()
        self._began_s = clock()
        self._person = FIGURES[0]
        self._changes = 0
        self._scene: Scene = EmptyScene(crowd, 0)
        self._times = 1.0
        self._smile = 0.0
        self._smile_wanted = 0.0
        self._turn_to = 0
        self._turn_from_ms = 0.0
        self._newest: Picture | None = None

    def tell(self, word: Word, person: int | None) -> None:
        """Change what is seen; `preview` changes nothing.

        Raises:
            BadInputError: `person_unknown`.
        """
        if person is not None and person >= EVERYBODY:
            raise unknown_person()
        with self._guard:
            if person is not None:
                self._person = person
            match word:
                case "smile":
                    self._smile_wanted = 1.0
                case "neutral":
                    self._smile_wanted = 0.0
                case "turn_left" | "turn_right":
                    self._turn_to = Side(word.removeprefix("turn_")).in_picture
                    self._turn_from_ms = (self._clock() - self._began_s) * 1_000
                case "leave":
                    self._show(EmptyScene(self._crowd, self._changes))
                case "show_photo":
                    self._show(PhotoScene(self._crowd, self._person, self._changes))
                case "person":
                    scene = CustomerScene(
                        self._crowd, self._person, self._changes, turn=self._turned
                    )
                    self._show(scene)
                case "preview":
                    pass

    def expose(self, times: float) -> None:
        """Set the camera's exposure, for everybody who looks."""
        with self._guard:
            self._times = self._scene.sensor.times = times

    def after(self, index: int) -> Picture:
        """Return the newest frame; wait while it is the one with this index."""
        while True:
            with self._guard:
                picture = self._look()
            if picture.index != index:
                return picture
            due_s = self._began_s + (picture.index + 1) / FRAME_RATE
            self._sleep(max(0.001, due_s - self._clock()))

    def _show(self, scene: Scene) -> None:
        self._changes += 1
        self._scene = scene
        scene.sensor.times = self._times
        self._smile = self._smile_wanted = 0.0
        self._turn_to = 0

    def _turned(self, at_ms: float) -> float:
        """Return how far whoever is there has turned the head, when asked; radians."""
        level = turn_level(at_ms - self._turn_from_ms, rise_ms=SLOW_TURN_MS)
        return self._turn_to * TURN_ANGLE * level

    def _look(self) -> Picture:
        index = int((self._clock() - self._began_s) * FRAME_RATE)
        before = self._newest
        if before is not None and before.index >= index:
            return before
        at_ms = index * 1000 // FRAME_RATE
        passed_ms = 0 if before is None else at_ms - before.at_ms
        step = passed_ms / SMILE_RISE_MS
        self._smile += max(-step, min(step, self._smile_wanted - self._smile))
        picture = Picture(index, at_ms, self._scene.frame(index, at_ms, self._smile))
        self._newest = picture
        return picture


def unknown_person() -> BadInputError:
    """Return the error for a number that nobody has."""
    return BadInputError(
        f"The simulated people are numbered from 0 to {EVERYBODY - 1}.",
        code="person_unknown",
        mend="Name one of them.",
    )
