"""Streams that no camera of the kiosk made: a frozen frame, and a virtual camera.

A virtual camera plays a recording, or draws a face, straight into the kiosk: no bezel, no moire,
and neither the screen's colours nor the exposure is followed. Some come on an even beat and
without noise, some with both of a real recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from kiosk.sandbox.people.attacks.genuine import Customer
from kiosk.sandbox.people.attacks.stage import Cues, Shot, beats

if TYPE_CHECKING:
    from kiosk.sandbox.people.scene import Crowd


class Frozen:
    """A genuine start, and then the same frame again and again."""

    def __init__(self, crowd: Crowd, person: int, rng: np.random.Generator, cues: Cues) -> None:
        """Draw up the session."""
        self.begins_ms = 0.0
        self._customer = Customer(crowd, person, rng, cues)
        self._from = int(rng.integers(1, 14))

    def shots(self) -> Iterator[Shot]:
        """Draw the frames until it freezes."""
        last: Shot | None = None
        for index, shot in enumerate(self._customer.shots()):
            if last is None or index < self._from:
                last = shot
            yield Shot(shot.at_ms, last.image)


class Virtual:
    """A stream from software.

    Args:
        crowd: Everybody, and the bank of noise.
        person: Who is shown.
        rng: Draws everything.
        recorded: The session that it plays.
        drawn: Whether it is drawn (no noise, even beat) or a recording with noise and jitter.
    """

    def __init__(
        self,
        crowd: Crowd,
        person: int,
        rng: np.random.Generator,
        recorded: Cues,
        *,
        drawn: bool,
    ) -> None:
        """Draw up the session."""
        self.begins_ms = 0.0
        self._customer = Customer(crowd, person, rng, recorded)
        self._drawn = drawn
        jitter = {"jitter_ms": 0.0} if drawn else {}
        self._times = beats(rng, recorded.frames, **jitter)

    def shots(self) -> Iterator[Shot]:
        """Play."""
        for index, at_ms in enumerate(self._times):
            if self._drawn:
                yield Shot(at_ms, self._customer.drawn(at_ms))
            else:
                yield Shot(at_ms, self._customer.frame(index, at_ms))
