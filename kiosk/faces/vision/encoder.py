"""Aligns a face to the ArcFace template and turns it into an embedding of length 1.

Alignment is insightface's (`face_align`: a similarity transform of five landmarks to 112 x 112),
computed here in closed form, which is faster and equal (ADR 0020).
The network runs through insightface's `ArcFaceONNX` on a session that we made.
`ArcFaceONNX` guesses mean and scale from the names of the first nodes; the pack's manifest says
what they must be, and a guess that differs is refused. SFace is not guessed at: it is called as
OpenCV's `FaceRecognizerSF` calls it, with raw RGB, whatever its first nodes are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from insightface.model_zoo.arcface_onnx import ArcFaceONNX
from insightface.utils import face_align
from numpy.typing import NDArray

from kiosk.domain.errors import SetupError
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.runtime import open_session

if TYPE_CHECKING:
    from kiosk.faces.vision.detector import Face
    from models.manifest import Stage

ALIGNED_SIDE = 112
"""Pixels of the ArcFace template."""

_TEMPLATE = [complex(x, y) for x, y in face_align.arcface_dst.tolist()]
_TEMPLATE_MIDDLE = sum(_TEMPLATE) / len(_TEMPLATE)
_TEMPLATE_CENTRED = [point - _TEMPLATE_MIDDLE for point in _TEMPLATE]

SFACE = "sface"
SFACE_SCALING = (0.0, 1.0)
"""Mean and scale: none, since both are inside SFace's graph (OpenCV's `face_recognize.cpp` gives
`blobFromImage` scale 1 and no mean, and lets it swap the channels to RGB)."""

NORM_MIN = 1e-6
"""An embedding shorter than this has no direction: the network was fed something broken."""


def align(image: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
    """Return the face as 112 x 112 x 3 BGR, eyes and mouth at the template's places."""
    matrix = similarity(face.landmarks)
    side = (ALIGNED_SIDE, ALIGNED_SIDE)
    return np.asarray(cv2.warpAffine(image, matrix, side, borderValue=0.0), np.uint8)


def similarity(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the 2 x 3 matrix that brings five landmarks to the template's places.

    The least-squares similarity transform (Umeyama 1991, equations 40 to 42), which in two
    dimensions and without mirroring is one complex division: rotation and scale are
    `sum(conj(x) y) / sum(|x|^2)` of the centred points as complex numbers.

    Args:
        landmarks: 5 x 2, in pixels of the frame, not all in one point.
    """
    # Plain complex numbers: arrays of five cost numpy more than the arithmetic does.
    points = [complex(x, y) for x, y in landmarks.tolist()]
    middle = sum(points) / len(points)
    size = max(sum(abs(point - middle) ** 2 for point in points), NORM_MIN)
    turn = (
        sum(
            (point - middle).conjugate() * goal
            for point, goal in zip(points, _TEMPLATE_CENTRED, strict=True)
        )
        / size
    )
    move = _TEMPLATE_MIDDLE - turn * middle
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])


class Encoder:
    """The pack's encoder."""

    def __init__(self, stage: Stage) -> None:
        """Load the network and check that insightface reads it as the manifest says.

        Raises:
            SetupError: `model_unreadable` or `encoder_input_unclear`.
        """
        self._net: Any = ArcFaceONNX(model_file=str(stage.file), session=open_session(stage.file))
        if stage.kind == SFACE:
            self._net.input_mean, self._net.input_std = SFACE_SCALING
        agreed = (
            self._net.input_mean == stage.mean
            and self._net.input_std == stage.std
            and tuple(self._net.input_size) == stage.input_size == (ALIGNED_SIDE, ALIGNED_SIDE)
            and stage.colour == "RGB"
        )
        if not agreed:
            raise SetupError(
                f"The encoder {stage.file.name} wants another input than its manifest says.",
                code="encoder_input_unclear",
                mend="Install the pack again; do not edit its manifest.",
            )

    def encode(self, aligned: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embedding of one aligned face: float32, one dimension, length 1."""
        raw: NDArray[np.float32] = self._net.get_feat(aligned).reshape(-1)
        return normalised(raw)


def normalised(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vector scaled to length 1.

    Raises:
        ValueError: It is not finite, or has no direction.
    """
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or norm < NORM_MIN:
        message = "an embedding has no direction"
        raise ValueError(message)
    return (vector / norm).astype(np.float32)


def pooled(vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the normalised mean of embeddings of length 1 (the sum has the same direction)."""
    mean: NDArray[np.float64] = np.stack(vectors).astype(np.float64).sum(axis=0)
    return normalised(mean.astype(np.float32))
