"""Finds faces and their five landmarks with a YuNet-shaped network through `FaceDetectorYN`.

Frames larger than needed are shrunk before detection; boxes and landmarks come back in the pixels
of the frame that was given. Once a face is known, most frames are searched around it only.
It does not choose among faces (`payer.py` does).
"""

from __future__ import annotations

import math
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


REGION_SIDE = 192
"""Pixels, after shrinking, of the square that is searched around a known face.

Half the time of a whole 320 x 240 frame (1.9 ms against 4.1, YuNet, one thread)."""

REGION_STEP = 32
"""Pixels of the network's coarsest grid, on which a region starts.

With it comparison scores stay as they were calibrated: on NUAA (mobileface, probes of three frames
against other sessions) the weakest 5 % of genuine scores begin at .634 and the strongest 1 % of
strangers at .465, with whole frames at .638 and .471. Off the grid it is .608 and .482."""

FOLLOWED_WIDTH_MAX = 112
"""Pixels, after shrinking; a larger face is searched for in the whole frame. Leaves 40 pixels to
each side, further than anybody moves between two frames of a camera."""

WHOLE_EVERY = 5
"""Every how many frames the whole frame is searched all the same: somebody who steps in is seen
within 133 ms at 30 frames a second."""


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
        (x0, y0), (x1, y1) = self.landmarks[:2].tolist()
        return math.hypot(x1 - x0, y1 - y0)


class Detector:
    """The pack's detector. It remembers where it may look; `wipe` makes it look everywhere.

    Args:
        stage: The pack's detector stage, with its hash checked.
        score_min: Lowest score of a face that is reported.

    Raises:
        SetupError: `model_unreadable`.
    """

    def __init__(self, stage: Stage, *, score_min: float) -> None:
        """Load the network, once for each size of picture: changing the size costs a search."""
        self._whole = _Network(stage, score_min)
        self._around = _Network(stage, score_min)
        self._followed: Face | None = None
        self._until_whole = 0
        self.searched: tuple[int, int] = (0, 0)
        """Width and height of the picture that was searched last, after shrinking; for benches."""

    def wipe(self) -> None:
        """Forget where a face was."""
        self._followed = None

    def follow(self, face: Face | None) -> None:
        """Look around this face from now on, or everywhere again.

        Whoever chooses the payer calls it when that face was alone in the frame.
        """
        if self._followed is None:
            self._until_whole = WHOLE_EVERY
        self._followed = face

    def detect(self, image: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return the faces of a frame, largest first; of the followed one's surroundings, if any.

        Where the followed face is not found any more, the whole frame is searched at once.
        """
        height, width = image.shape[:2]
        shrink = min(1.0, DETECTION_SIDE_MAX / max(height, width))
        self._until_whole -= 1
        if self._followed is not None and self._until_whole > 0:
            faces = self._near(image, self._followed, shrink)
            if faces:
                return faces
        self._until_whole = WHOLE_EVERY
        size = (round(width * shrink), round(height * shrink))
        self.searched = size
        return self._whole.faces(_resized(image, size), (0.0, 0.0), shrink)

    def _near(self, image: NDArray[np.uint8], face: Face, shrink: float) -> tuple[Face, ...]:
        """Search the surroundings of a face; nothing is shrunk but what is searched."""
        corner = _region_corner(face, shrink, image.shape)
        if corner is None:
            return ()
        left, top = (round(start / shrink) for start in corner)
        side = round(REGION_SIDE / shrink)
        region = image[top : top + side, left : left + side]
        self.searched = (REGION_SIDE, REGION_SIDE)
        seen = _resized(region, self.searched)
        return self._around.faces(seen, (left * shrink, top * shrink), shrink)


class _Network:
    """One loaded network and the size of picture that it is set to."""

    def __init__(self, stage: Stage, score_min: float) -> None:
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

    def faces(
        self, seen: NDArray[np.uint8], corner: tuple[float, float], shrink: float
    ) -> tuple[Face, ...]:
        """Return the faces of a picture that was cut out at `corner` of a frame shrunk so."""
        size = (seen.shape[1], seen.shape[0])
        if size != self._size:
            self._net.setInputSize(size)
            self._size = size
        _, rows = self._net.detect(seen)
        if rows is None:
            return ()
        faces = [
            _face(row, corner, shrink)
            for row in rows.tolist()
            if all(map(math.isfinite, row)) and row[2] > 0 and row[3] > 0
        ]
        return tuple(sorted(faces, key=lambda face: -face.width * face.height))


def _resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if size == (image.shape[1], image.shape[0]):
        return np.ascontiguousarray(image)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _region_corner(face: Face, shrink: float, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Return where the region around a face begins in the shrunk frame; None: there is none."""
    height, width = (int(side * shrink) for side in shape[:2])
    if face.width * shrink > FOLLOWED_WIDTH_MAX or min(height, width) < REGION_SIDE:
        return None
    corner = []
    for centre, side in zip(face.centre, (width, height), strict=True):
        start = round((centre * shrink - REGION_SIDE / 2) / REGION_STEP) * REGION_STEP
        last = (side - REGION_SIDE) // REGION_STEP * REGION_STEP
        corner.append(min(max(start, 0), last))
    return corner[0], corner[1]


def _face(row: list[float], corner: tuple[float, float], shrink: float) -> Face:
    """Return the face of one of YuNet's rows: box, landmarks, score, in pixels of the frame."""
    left, top = corner
    marks = [((row[at] + left) / shrink, (row[at + 1] + top) / shrink) for at in range(4, 14, 2)]
    return Face(
        x=(row[0] + left) / shrink,
        y=(row[1] + top) / shrink,
        width=row[2] / shrink,
        height=row[3] / shrink,
        score=row[14],
        landmarks=np.array(marks, np.float32),
    )
