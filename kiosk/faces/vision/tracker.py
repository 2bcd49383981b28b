"""Says whether the payer of this frame is the payer of the last: one track, or a new one.

By place (overlap or nearness of the boxes), by time (short losses are survived) and by the
embedding (a face swapped in the same place starts a new track).
Everything that was gathered on an old track must be forgotten by whoever gathered it.
"""

from __future__ import annotations

import math
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
    other_face_max: float = 0.25
    """Similarity below which one frame is enough to know that it is another face. In between, a
    frame in mid-blink or a broad smile may be meant: simulated people's own frames go down to
    .27 to the mean of a serious face."""
    jump_move: float = 0.3
    jump_ratio: float = 1.2
    """Motion between two sightings, in face widths, and change of width, from which somebody may
    have stepped in: the face is compared at once, and gets no benefit of the doubt."""
    like_last_min: float = 0.6
    """Least similarity to the track's last frame of a face that is unlike its mean: expressions
    come little by little, another face does not."""


class Tracker:
    """Keeps the number of the current track."""

    def __init__(self, rule: TrackRule) -> None:
        """Start without a track."""
        self._rule = rule
        self._last: Face | None = None
        self._last_ms = 0
        self._sum: NDArray[np.float32] | None = None
        self._newest: NDArray[np.float32] | None = None
        self._doubted = False
        self.jumped = False
        """Whether the face has jumped since it was last known by its embedding."""
        self.track = 0
        """Number of the current track; grows by one at every new face."""

    def place(self, face: Face, at_ms: int) -> int:
        """Take a sighting and return its track."""
        if self._last is None or not self._goes_on(self._last, face, at_ms - self._last_ms):
            self._restart()
        else:
            moved, ratio = _change(self._last, face)
            self.jumped |= moved > self._rule.jump_move or ratio > self._rule.jump_ratio
        self._last, self._last_ms = face, at_ms
        return self.track

    def recognise(self, embedding: NDArray[np.float32]) -> bool:
        """Take an embedding of the last sighting; False when it is not the track's so far.

        Then it is the first of a new track, or is left out: of a single frame that is unlike the
        others, but not as another face is, nothing is concluded.
        """
        if self._sum is None or self._newest is None:
            self._start(embedding)
            return True
        alike = float(self._sum @ embedding) / float(np.linalg.norm(self._sum))
        rule = self._rule
        gradual = float(self._newest @ embedding) >= rule.like_last_min
        likely = alike >= rule.other_face_max and not self.jumped
        if alike >= rule.same_face_min or (likely and gradual):
            self._sum += embedding
            self._newest[:] = embedding
            self._doubted = self.jumped = False
            return True
        if self._doubted or not likely:
            self._restart()
            self._start(embedding)
        else:
            self._doubted = True
        return False

    @property
    def is_in_doubt(self) -> bool:
        """Say whether the last embedding was left out, and the next one decides."""
        return self._doubted

    @property
    def is_unsure(self) -> bool:
        """Say whether the newest sighting may be another face, and no embedding has told yet."""
        return self.jumped or self._doubted

    def wipe(self) -> None:
        """Forget the face, and overwrite its embedding."""
        self._last = None
        self._drop_sum()

    def _start(self, embedding: NDArray[np.float32]) -> None:
        self._sum, self._newest = embedding.copy(), embedding.copy()

    def _restart(self) -> None:
        self.track += 1
        self._drop_sum()

    def _drop_sum(self) -> None:
        for held in (self._sum, self._newest):
            if held is not None:
                held.fill(0.0)
        self._sum = self._newest = None
        self._doubted = self.jumped = False

    def _goes_on(self, before: Face, now: Face, gap_ms: int) -> bool:
        if not 0 <= gap_ms <= self._rule.gap_ms_max:
            return False
        moved, ratio = _change(before, now)
        return moved <= self._rule.move_max and ratio <= self._rule.size_ratio_max


def _change(before: Face, now: Face) -> tuple[float, float]:
    """Return how far a face has moved, in widths, and how much its width has changed."""
    (x0, y0), (x1, y1) = before.centre, now.centre
    moved = math.hypot(x1 - x0, y1 - y0) / max(before.width, now.width)
    return moved, max(before.width / now.width, now.width / before.width)
