"""Tells a smile on an aligned face: the movement of muscles, never a mood.

A mouth seen from the side scores like a smile now and then, a mask's as well. So only a smile that
comes without a turn of the head counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.consent import SmileRule
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.runtime import SingleNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.manifest import Stage


TURN_MAX = 0.1
"""Eye distances by which the nose may lie elsewhere than when the mouth was last at rest: about 7
degrees of yaw. Simulated people who smile stay within .06 or so; a mask whose turned mouth scored
.75 to .89 had gone on by .10 to .18."""
REST_MAX = SmileRule().neutral_max
"""Score up to which a mouth is at rest: one that does not smile."""


class Facing:
    """Remembers where the head looked when the mouth was last at rest."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._rest: float | None = None

    def forget(self) -> None:
        """Forget the face."""
        self._rest = None

    def counts(self, score: float, nose_offset: float) -> bool:
        """Say whether a score is of a head that has not turned since its mouth was at rest.

        Args:
            score: The frame's, 0 to 1.
            nose_offset: From the middle of the eyes, in eye distances (`Quality.nose_offset`).
        """
        if score <= REST_MAX:
            self._rest = nose_offset
        return self._rest is None or abs(nose_offset - self._rest) <= TURN_MAX


class SmileScorer:
    """The pack's expression network."""

    def __init__(self, stage: Stage) -> None:
        """Load the network; errors as for `open_session()`."""
        self._network = SingleNetwork(stage.file)
        self._size = stage.input_size

    def score(self, aligned: NDArray[np.uint8]) -> float:
        """Return how much an aligned face, in colours or grey already, smiles, 0 to 1."""
        grey = aligned if aligned.ndim == 2 else cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)
        small = cv2.resize(grey, self._size, interpolation=cv2.INTER_AREA)
        blob = np.ascontiguousarray(small, dtype=np.float32)[None, None]
        return float(self._network.run(blob)[0, 1])
