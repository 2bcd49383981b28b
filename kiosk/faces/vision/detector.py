"""Finds faces and their five landmarks with a YuNet-shaped network through `FaceDetectorYN`.

Frames larger than needed are shrunk before detection; boxes and landmarks come back in the pixels
of the frame that was given. It does not choose among faces (`payer.py` does).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from kiosk.domain.errors import SetupError
from kiosk.faces.opencv import cv2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.manifest import Stage

DETECTION_SIDE_MAX = 320
"""Pixels of the longer side in which faces are looked for.

On NUAA's development half (640 x 480, faces 90 to 230 px) halving the frame is four times faster
and better: landmarks come out steadier at about 75 px a face. Weakest genuine pair of sessions
.67 instead of .59 (mobileface) and .54 instead of .39 (starter), strongest stranger unchanged."""

NMS_IOU = 0.3
"""YuNet's default for joining boxes of one face."""

CANDIDATES_MAX = 50
"""Boxes before joining; a till sees a few people, and the bound keeps the work constant."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face in pixels of the frame.

    Args:
        x: Left edge of the box.
        y: Top edge.
        width: Width of the box.
        height: Height of the box.
        score: The detector's own score, 0 to 1.
        landmarks: 5 x 2 float32: right eye, left eye, nose, right and left corner of the mouth.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    landmarks: NDArray[np.float32] = field(repr=False, compare=False)

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def eye_distance(self) -> float:
        """Distance between the eyes in pixels."""
        return float(np.linalg.norm(self.landmarks[0] - self.landmarks[1]))


class Detector:
    """The pack's detector."""

    def __init__(self, stage: Stage, *, score_min: float) -> None:
        """Load the network.

        Args:
            stage: The pack's detector stage, with its hash checked.
            score_min: Lowest score of a face that is reported.

        Raises:
            SetupError: `model_unreadable`.
        """
        try:
            self._net: Any = cv2.FaceDetectorYN.create(
                model=str(stage.file),
                config="",
                input_size=stage.input_size,
                score_threshold=score_min,
                nms_threshold=NMS_IOU,
                top_k=CANDIDATES_MAX,
            )
        except cv2.error as error:
            raise SetupError(
                f"The detector {stage.file.name} cannot be loaded.",
                code="model_unreadable",
                mend="Run `smiletill models verify`, then install the pack again.",
            ) from error
        self._size = (0, 0)

    def detect(self, image: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return the faces of a frame, largest first."""
        height, width = image.shape[:2]
        shrink = min(1.0, DETECTION_SIDE_MAX / max(height, width))
        seen = image
        if shrink < 1.0:
            size = (round(width * shrink), round(height * shrink))
            seen = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        size = (seen.shape[1], seen.shape[0])
        if size != self._size:
            self._net.setInputSize(size)
            self._size = size
        _, rows = self._net.detect(seen)
        if rows is None:
            return ()
        found: NDArray[np.float32] = np.asarray(rows, np.float32)
        found = found[np.isfinite(found).all(axis=1)]
        found[:, :14] /= shrink
        faces = [_face(row) for row in found if row[2] > 0 and row[3] > 0]
        return tuple(sorted(faces, key=lambda face: -face.width * face.height))


def _face(row: NDArray[np.float32]) -> Face:
    return Face(
        x=float(row[0]),
        y=float(row[1]),
        width=float(row[2]),
        height=float(row[3]),
        score=float(row[14]),
        landmarks=row[4:14].reshape(5, 2).copy(),
    )
