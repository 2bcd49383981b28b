"""Says whether the payer of this frame is the payer of the last: one track, or a new one.

By place (overlap or nearness of the boxes), by time (short losses are survived) and by the
embedding (a face swapped in the same place starts a new track).
Everything that was gathered on an old track must be forgotten by whoever gathered it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.detector import Face


@dataclass(frozen=True, slots=True)
class TrackRule:
    """When a track goes on."""

    gap_ms_max: int = 700
    """Milliseconds without a face that a track survives: a blink of the detector, a hand."""
    move_max: float = 1.0
    """Furthest the centre may move between two sightings, in face widths."""
    size_ratio_max: float = 2.0
    """Largest change of width between two sightings."""
    same_face_min: float = 0.5
    """Least similarity of a frame to the mean of its track.

    NUAA live, MobileFace V2: frames of one sequence have .70 and more but for one bad detection
    in 350; strangers reach .57 at most, and .40 in all but two pairs."""


class Tracker:
    """Keeps the number of the current track."""

    def __init__(self, rule: TrackRule) -> None:
        """Start without a track."""
        self._rule = rule
        self._last: Face | None = None
        self._last_ms = 0
        self._sum: NDArray[np.float32] | None = None
        self.track = 0
        """Number of the current track; grows by one at every new face."""

    def place(self, face: Face, at_ms: int) -> int:
        """Take a sighting and return its track."""
        if self._last is None or not self._goes_on(self._last, face, at_ms - self._last_ms):
            self._restart()
        self._last, self._last_ms = face, at_ms
        return self.track

    def recognise(self, embedding: NDArray[np.float32]) -> bool:
        """Take an embedding of the last sighting; False when it started a new track."""
        if self._sum is not None:
            norm = float(np.linalg.norm(self._sum))
            if float(self._sum @ embedding) < self._rule.same_face_min * norm:
                self._restart()
                self._sum = embedding.copy()
                return False
            self._sum += embedding
            return True
        self._sum = embedding.copy()
        return True

    def wipe(self) -> None:
        """Forget the face, and overwrite its embedding."""
        self._last = None
        self._drop_sum()

    def _restart(self) -> None:
        self.track += 1
        self._drop_sum()

    def _drop_sum(self) -> None:
        if self._sum is not None:
            self._sum.fill(0.0)
            self._sum = None

    def _goes_on(self, before: Face, now: Face, gap_ms: int) -> bool:
        if not 0 <= gap_ms <= self._rule.gap_ms_max:
            return False
        (x0, y0), (x1, y1) = before.centre, now.centre
        moved = float(np.hypot(x1 - x0, y1 - y0)) / max(before.width, now.width)
        ratio = max(before.width / now.width, now.width / before.width)
        return moved <= self._rule.move_max and ratio <= self._rule.size_ratio_max
