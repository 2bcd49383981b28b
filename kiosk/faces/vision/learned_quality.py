"""Asks the pack's quality network how good a face picture is to compare; a gate after the others.

The network is eDifFIQA(T), an optional stage of pack `open`: one number, higher is better. It sees
what the encoder will see, and runs only on frames that could count, before the encoder. Its verdict
stands until it is asked again, so that the screen does not change its mind with every frame.

The limit is the pack's `quality_min`. It decides nothing else, and where a pack has no such
network nothing is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.errors import SetupError
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.runtime import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.manifest import Stage

KIND = "ediffiqa"
BLANK_GREY = 127


class LearnedQuality:
    """The pack's quality network and its last verdict.

    Args:
        stage: Where the network lies, and how it wants its pixels.
        least: A picture below this does not count.

    Raises:
        SetupError: `model_unreadable`, or `quality_output_unclear`.
    """

    def __init__(self, stage: Stage, *, least: float) -> None:
        """Load the network and see that it answers with one number."""
        self._session = open_session(stage.file)
        self._stage = stage
        self._least = least
        self._is_poor = False
        blank = np.full((*stage.input_size[::-1], 3), BLANK_GREY, np.uint8)
        if stage.kind != KIND or stage.colour != "RGB" or len(self._run(blank)) != 1:
            raise SetupError(
                f"The quality network {stage.file.name} does not answer with one number.",
                code="quality_output_unclear",
                mend="Install the pack again; do not edit its manifest.",
            )

    @property
    def is_poor(self) -> bool:
        """Say whether the picture that was scored last was too poor to count."""
        return self._is_poor

    def score(self, aligned: NDArray[np.uint8]) -> float:
        """Return how good an aligned face is; what is not finite counts as 0, and as too poor."""
        (value,) = self._run(aligned)
        if not np.isfinite(value):
            value = 0.0
        self._is_poor = value < self._least
        return value

    def forget(self) -> None:
        """Forget the last verdict: another face, or nobody."""
        self._is_poor = False

    def _run(self, aligned: NDArray[np.uint8]) -> list[float]:
        """Return every output that is a single number; features beside it are of no use here."""
        blob = cv2.dnn.blobFromImage(
            aligned,
            1.0 / self._stage.std,
            self._stage.input_size,
            (self._stage.mean,) * 3,
            swapRB=True,
            crop=False,
        )
        outputs = self._session.run(None, {self._session.get_inputs()[0].name: blob})
        return [float(output.item()) for output in outputs if output.size == 1]
