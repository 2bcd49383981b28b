"""Six people cut out of the sample photograph that insightface ships, as textures in memory.

Faces are found with the sandbox pack's detector, turned upright, scaled to one size, cut out in an
oval around head and hair, and put on a painted torso. People are numbered from left to right.

Nothing is written to disk, and the photograph's own size and number of faces are checked, so that
another picture in another version of the dependency is an error and not another crowd.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from insightface.data import get_image

from kiosk.domain.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray

DETECTOR_FILE = Path(__file__).parents[3] / "models" / "packs" / "sandbox" / "sandbox_detector.onnx"
"""The shipped detector; only its place is known here, because the sandbox reads no packs."""

PICTURE_NAME = "t1"
PICTURE_SHAPE = (886, 1280, 3)
PEOPLE = 6
SCORE_MIN = 0.8
"""At half size the six have .84 and more, and no false face passes .78."""

TEXTURE_WIDTH, TEXTURE_HEIGHT = 560, 640
FACE_CENTRE = (280.0, 250.0)
"""Middle of the face in the texture, pixels."""
TEMPLATE_SCALE = 2.15
"""From the 112-pixel ArcFace template to the texture: a face is about 160 pixels wide."""

_TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float32,
)
_LOOK_SCALES = (0.5, 0.625, 0.45)
"""Sizes at which landmarks are taken and averaged; faces of 70 to 100 px suit the detector."""
_OVALS = (
    (242.0, 240.0, 138.0, 166.0),
    (344.0, 207.0, 128.0, 156.0),
    (296.0, 214.0, 114.0, 168.0),
    (328.0, 194.0, 122.0, 180.0),
    (362.0, 206.0, 136.0, 164.0),
    (303.0, 238.0, 126.0, 178.0),
)
"""Head and hair of each person in the texture: middle and half axes, pixels, set by eye."""
_OVAL_POWER = 2.4
_OVAL_EDGE = 0.22
"""Width of the soft edge, as a share of the oval."""
_CLOTHES = (
    (120, 70, 60),
    (60, 60, 110),
    (70, 75, 70),
    (50, 40, 120),
    (110, 110, 105),
    (60, 90, 60),
)
"""BGR of each person's painted clothes."""


@dataclass(frozen=True, slots=True)
class Head:
    """One person, upright, as a texture.

    Args:
        colour: TEXTURE_HEIGHT x TEXTURE_WIDTH x 3, uint8 BGR.
        cover: The same size, uint8: 255 where the head covers what is behind it.
        landmarks: 5 x 2 float32, texture pixels: right eye, left eye, nose, corners of the mouth.
    """

    colour: NDArray[np.uint8] = field(repr=False, compare=False)
    cover: NDArray[np.uint8] = field(repr=False, compare=False)
    landmarks: NDArray[np.float32] = field(repr=False, compare=False)


def load_people(detector_file: Path = DETECTOR_FILE) -> tuple[Head, ...]:
    """Cut the six people out of the sample photograph.

    Raises:
        SetupError: The picture or the detector is not there, or not the one this was made for.
    """
    try:
        picture = np.asarray(get_image(PICTURE_NAME), np.uint8)
        net = cv2.FaceDetectorYN.create(
            model=str(detector_file),
            config="",
            input_size=(320, 320),
            score_threshold=SCORE_MIN,
            nms_threshold=0.3,
            top_k=50,
        )
    except (cv2.error, OSError, ImportError, AssertionError) as error:
        raise _no_people("cannot be read") from error
    if picture.shape != PICTURE_SHAPE:
        raise _no_people("is another one than this version knows")
    found = sorted(_faces(net, picture, 0.5), key=lambda row: float(row[0]))
    if len(found) != PEOPLE:
        raise _no_people("shows another number of faces than this version knows")
    return tuple(
        _cut_out(net, picture, row[4:14].reshape(5, 2), person) for person, row in enumerate(found)
    )


def _no_people(what: str) -> SetupError:
    return SetupError(
        f"The sample photograph of the simulated people {what}.",
        code="sample_picture_unusable",
        mend="Install the exact dependencies of requirements.lock.",
    )


def _faces(net: Any, image: NDArray[np.uint8], scale: float) -> NDArray[np.float32]:
    """Return the detector's rows in pixels of the image as it was before shrinking."""
    seen = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    net.setInputSize((seen.shape[1], seen.shape[0]))
    _, rows = net.detect(seen)
    if rows is None:
        return np.zeros((0, 15), np.float32)
    found = np.asarray(rows, np.float32)
    found[:, :14] /= scale
    return found


def template_points() -> NDArray[np.float32]:
    """Return where the ArcFace template's five points lie in the texture."""
    middle = np.array([56.0, 66.0], np.float32)
    return np.asarray((_TEMPLATE - middle) * TEMPLATE_SCALE + np.array(FACE_CENTRE), np.float32)


def _cut_out(
    net: Any, picture: NDArray[np.uint8], landmarks: NDArray[np.float32], person: int
) -> Head:
    """Turn one face upright, looking twice: landmarks are steadier on an upright face."""
    first, matrix = _upright(picture, landmarks)
    back = cv2.invertAffineTransform(matrix)
    points = np.asarray(cv2.transform(_landmarks_in(net, first)[None], back)[0], np.float32)
    head, _ = _upright(picture, points)
    seen = _landmarks_in(net, head)
    colour, cover = _with_torso(head, _cover(person), seen, person)
    return Head(colour=colour, cover=cover, landmarks=seen)


def _upright(
    picture: NDArray[np.uint8], landmarks: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the texture with these landmarks at the template's places, and the way there."""
    matrix, _ = cv2.estimateAffinePartial2D(landmarks, template_points(), method=cv2.LMEDS)
    texture = cv2.warpAffine(
        picture,
        matrix,
        (TEXTURE_WIDTH, TEXTURE_HEIGHT),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray(texture, np.uint8), np.asarray(matrix, np.float64)


def _landmarks_in(net: Any, texture: NDArray[np.uint8]) -> NDArray[np.float32]:
    looks = []
    for scale in _LOOK_SCALES:
        rows = _faces(net, texture, scale)
        if len(rows):
            centres = rows[:, :2] + rows[:, 2:4] / 2
            nearest = int(np.argmin(np.linalg.norm(centres - np.array(FACE_CENTRE), axis=1)))
            looks.append(rows[nearest, 4:14].reshape(5, 2))
    if not looks:
        raise _no_people("shows a face that was not found again")
    return np.asarray(np.mean(looks, axis=0), np.float32)


def _cover(person: int) -> NDArray[np.float32]:
    """Say how much of each pixel belongs to head and hair, 0 to 1: an oval with a soft edge."""
    x, y, half_width, half_height = _OVALS[person]
    columns = (np.arange(TEXTURE_WIDTH, dtype=np.float32) - x) / half_width
    rows = (np.arange(TEXTURE_HEIGHT, dtype=np.float32) - y) / half_height
    outside = np.abs(columns)[None, :] ** _OVAL_POWER + np.abs(rows)[:, None] ** _OVAL_POWER
    return np.asarray(np.clip((1.0 - outside) / _OVAL_EDGE, 0.0, 1.0), np.float32)


def _with_torso(
    head: NDArray[np.uint8], cover: NDArray[np.float32], landmarks: NDArray[np.float32], person: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Put the head on a painted neck and shoulders; return colour and cover of the whole."""
    nose, mouth = landmarks[2], landmarks[3:].mean(axis=0)
    x, y = (int(v) for v in (nose + mouth) / 2)
    skin = np.median(head[y - 12 : y + 12, x - 30 : x + 30].reshape(-1, 3), axis=0)
    middle = _OVALS[person][0]
    body = np.zeros((TEXTURE_HEIGHT, TEXTURE_WIDTH, 3), np.uint8)
    under = np.zeros((TEXTURE_HEIGHT, TEXTURE_WIDTH), np.uint8)
    shoulders = ((middle, 620.0), (470.0, 400.0), 0.0)
    neck = ((middle, 400.0), (112.0, 230.0), 0.0)
    for paint, colour in ((body, _CLOTHES[person]), (under, (255,))):
        cv2.ellipse(paint, shoulders, colour, -1, cv2.LINE_AA)
    cv2.ellipse(body, neck, tuple(float(v) * 0.72 for v in skin), -1, cv2.LINE_AA)
    cv2.ellipse(under, neck, (255,), -1, cv2.LINE_AA)
    # Soft folds, so that cloth and neck are not one flat colour.
    folds = np.random.default_rng(person).normal(0.0, 1.0, (16, 14)).astype(np.float32)
    wide = cv2.resize(folds, (TEXTURE_WIDTH, TEXTURE_HEIGHT), interpolation=cv2.INTER_CUBIC)
    shaded = cv2.GaussianBlur(body, (0, 0), 2.0) * (1.0 + 0.12 * wide[..., None])
    soft = cv2.GaussianBlur(under, (0, 0), 3.0)
    # Where neither head nor body is, the head's own colours go on, so that no dark rim is seen.
    share = np.maximum(cover, 1.0 - soft / 255.0)[..., None]
    colour = np.clip(head * share + shaded * (1.0 - share), 0, 255).astype(np.uint8)
    return colour, np.maximum(soft, (cover * 255).astype(np.uint8)).astype(np.uint8)
