"""Tells a smile on an aligned face: the movement of muscles, never a mood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kiosk.faces.opencv import cv2
from kiosk.faces.vision.runtime import SingleNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.manifest import Stage


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
