"""A camera's exposure on command: the port, what is remembered of it, and V4L2 through OpenCV.

Commands are relative: so many times the light that the camera chose by itself. They are carried out
by the camera's own thread; whoever commands reads later what became of it.
A driver that refuses, raises or does something else is no error: the exposure is then left to the
camera, and that is said.

Never tried on a real webcam: written to V4L2's and OpenCV's description. What is known of webcams
and taken care of: 1 is manual and 3 automatic (or 0); the exposure must be made manual before a
value is taken; a value may be rounded to the camera's own steps; and some webcams tell their
default while they are automatic and not what they chose (opencv/opencv#5516), so that a hand-over
can jump.
"""

from __future__ import annotations

import enum
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from kiosk.faces.opencv import cv2

MANUAL: Final = 1
AUTOMATIC_MODES: Final = (3, 0)
"""V4L2: aperture priority, which UVC webcams call automatic, and fully automatic."""
VALUE_MAX: Final = 500.0
"""Tenths of a millisecond: 50 ms. Longer leaves fewer than 20 frames a second, and blurs."""
OBEYED_MIN: Final = 3
"""Answers in a row that make a camera known to follow, and misses in a row that end that: one
chance meeting must not make attacks of all customers who come after."""
CAMERAS_KEPT: Final = 16

_Told = TypeVar("_Told")


class ExposureState(enum.Enum):
    """Who sets the exposure."""

    AUTOMATIC = "automatic"
    HELD = "held"
    """As commanded."""
    REFUSED = "refused"
    """The camera takes no commands, or not any more; it does as it likes."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the camera's thread did last.

    Args:
        state: Who sets it.
        times: How many times the light of the camera's own choice; as carried out, after rounding.
        at_ms: When, on the camera's clock.
        number: How many commands have been carried out or refused.
    """

    state: ExposureState = ExposureState.AUTOMATIC
    times: float = 1.0
    at_ms: int = 0
    number: int = 0


@runtime_checkable
class ExposureControl(Protocol):
    """A camera whose exposure can be commanded; not every camera is one."""

    @property
    def exposure(self) -> Exposure:
        """What was done last."""
        ...

    @property
    def is_known_to_follow(self) -> bool:
        """Say whether its picture is known to follow, so that one that does not is another's."""
        ...

    def expose(self, times: float | None) -> None:
        """Command so many times the camera's own choice, or None: automatic. The newest counts."""
        ...

    def note_answer(self, *, followed: bool) -> None:
        """Be told whether the picture was seen to follow."""
        ...

    @property
    def times_to_hold(self) -> float:
        """By how much of what it tells it was last held as it had been by itself; usually 1."""
        ...

    def note_hold(self, times: float) -> None:
        """Be told by how much that was."""
        ...


class Obedience:
    """Which cameras have been seen to follow, and how they were held last.

    It lives as long as the process; any thread may ask.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self._guard = threading.Lock()
        self._in_a_row: OrderedDict[object, int] = OrderedDict()
        self._known: set[object] = set()
        self._holds: OrderedDict[object, float] = OrderedDict()

    def note(self, camera: object, *, followed: bool) -> None:
        """Take note of one answer, or its absence."""
        with self._guard:
            before = self._in_a_row.pop(camera, 0)
            now = max(0, before) + 1 if followed else min(0, before) - 1
            self._in_a_row[camera] = now
            if now >= OBEYED_MIN:
                self._known.add(camera)
            elif now <= -OBEYED_MIN:
                self._known.discard(camera)
            while len(self._in_a_row) > CAMERAS_KEPT:
                self._known.discard(self._in_a_row.popitem(last=False)[0])

    def knows(self, camera: object) -> bool:
        """Say whether a camera is known to follow."""
        with self._guard:
            return camera in self._known

    def note_hold(self, camera: object, times: float) -> None:
        """Take note of how a camera was held."""
        with self._guard:
            self._holds[camera] = times
            while len(self._holds) > CAMERAS_KEPT:
                self._holds.popitem(last=False)

    def hold_of(self, camera: object) -> float:
        """Return how a camera was held last; 1 for one that never was."""
        with self._guard:
            return self._holds.get(camera, 1.0)


class ControlledCapture(Protocol):
    """The part of `cv2.VideoCapture` that exposure is set by."""

    def get(self, prop: int) -> float:
        """Return a property; 0 or -1 where there is none."""
        ...

    def set(self, prop: int, value: float) -> bool:
        """Set a property; whether it worked."""
        ...


class WebcamExposure:
    """The exposure of one open V4L2 device; for the camera's thread only.

    Args:
        capture: The open device; one without `get` and `set` refuses.
        now_ms: The camera's clock.
    """

    def __init__(self, capture: Any, now_ms: Callable[[], int]) -> None:
        """Touch nothing, but put back what a process that died has left by hand."""
        self._capture: ControlledCapture | None = capture if hasattr(capture, "set") else None
        self._now_ms = now_ms
        self._base = 0.0
        self._mode = self._get(cv2.CAP_PROP_AUTO_EXPOSURE)
        if self._mode == MANUAL:
            self._make_automatic()

    def carry_out(self, times: float | None) -> Exposure:
        """Do as commanded, as far as the driver does."""
        if times is None:
            self.release()
            return self._done(ExposureState.AUTOMATIC, 1.0)
        if not self._base and not self._take_over():
            return self._done(ExposureState.REFUSED, 1.0)
        wanted = min(max(VALUE_MAX, self._base), max(1.0, round(self._base * times)))
        taken = self._set(cv2.CAP_PROP_EXPOSURE, wanted)
        value = self._get(cv2.CAP_PROP_EXPOSURE)
        if not taken or value < 1.0:
            self.release()
            return self._done(ExposureState.REFUSED, 1.0)
        return self._done(ExposureState.HELD, value / self._base)

    def release(self) -> None:
        """Give the exposure back to the camera, if it was taken; never raises."""
        if self._base:
            self._base = 0.0
            self._make_automatic()

    def _take_over(self) -> bool:
        base = self._get(cv2.CAP_PROP_EXPOSURE)
        if base < 1.0 or not self._set(cv2.CAP_PROP_AUTO_EXPOSURE, MANUAL):
            return False
        self._base = base
        if self._get(cv2.CAP_PROP_AUTO_EXPOSURE) == MANUAL:
            return True
        self.release()
        return False

    def _make_automatic(self) -> None:
        known = [int(self._mode)] if self._mode in {0, 2, 3} else []
        for mode in (*known, *AUTOMATIC_MODES):
            self._set(cv2.CAP_PROP_AUTO_EXPOSURE, mode)
            if self._get(cv2.CAP_PROP_AUTO_EXPOSURE) != MANUAL:
                return

    def _done(self, state: ExposureState, times: float) -> Exposure:
        return Exposure(state, times, self._now_ms())

    def _get(self, prop: int) -> float:
        value = self._asked(lambda capture: float(capture.get(prop)), -1.0)
        return value if math.isfinite(value) else -1.0

    def _set(self, prop: int, value: float) -> bool:
        return self._asked(lambda capture: bool(capture.set(prop, float(value))), otherwise=False)

    def _asked(self, ask: Callable[[ControlledCapture], _Told], otherwise: _Told) -> _Told:
        if self._capture is None:
            return otherwise
        try:
            return ask(self._capture)
        except (cv2.error, OSError, RuntimeError, TypeError, ValueError):
            # Whatever a driver does here: pictures come without it.
            return otherwise
