"""Reads one picture file as a frame, with limits before anything is decoded.

Only JPEG, PNG and BMP are read, by their content and not by their name.
The size is taken from the header first, so that a small file cannot ask for a huge picture.
Nothing is written, and a file that cannot be read is `None`, not an error: a folder decides.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from kiosk.faces.camera.port import FRAME_PIXELS_MAX, FRAME_SIDE_MIN
from kiosk.faces.opencv import cv2

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PICTURE_BYTES_MAX = 32 << 20
"""Bytes of one file; a 24-megapixel JPEG of the best quality stays below."""

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})

_JPEG_SEGMENTS_MAX = 256
_JPEG_FRAME_MARKERS = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB})


def read_picture(path: Path) -> NDArray[np.uint8] | None:
    """Return the picture as H x W x 3 uint8 BGR, or None when it cannot be used."""
    try:
        with path.open("rb") as stream:
            data = stream.read(PICTURE_BYTES_MAX + 1)
    except OSError:
        return None
    size = picture_size(data)
    if size is None or len(data) > PICTURE_BYTES_MAX:
        return None
    width, height = size
    if min(width, height) < FRAME_SIDE_MIN or width * height > FRAME_PIXELS_MAX:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else np.ascontiguousarray(image, dtype=np.uint8)


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) in pixels from the header, or None if it is no picture we read."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data.startswith(b"BM") and len(data) >= 26:
        width, height = struct.unpack("<ii", data[18:26])
        return width, abs(height)
    if data.startswith(b"\xff\xd8"):
        return _jpeg_size(data)
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(_JPEG_SEGMENTS_MAX):
        if at + 9 > len(data) or data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _JPEG_FRAME_MARKERS:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
