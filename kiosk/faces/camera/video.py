"""A video file as a camera, read by OpenCV's FFMPEG backend.

The clock is the file's own: frame k at k/rate, with the rate clamped to what a webcam can do.
With back-pressure; frames are not dropped. Audio is never touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.port import (
    FRAME_PIXELS_MAX,
    FRAME_SIDE_MIN,
    VIRTUAL_FRAME_RATE,
    CameraInputError,
    Frame,
)
from kiosk.faces.opencv import cv2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

VIDEO_FRAMES_MAX = 20_000
"""Frames read from one file; the same bound as for a folder."""

RATE_MIN, RATE_MAX = 5.0, 120.0
"""Frames a second; a header that claims another rate is not believed."""

OPEN_TIMEOUT_MS = 5_000
READ_TIMEOUT_MS = 2_000


class VideoCamera:
    """Frames from one video file.

    Args:
        file: The video. It is opened on entering, not before.
    """

    def __init__(self, file: Path) -> None:
        """Remember the file; open nothing."""
        self._file = file
        self._capture: Any = None

    @property
    def kind(self) -> CameraKind:
        """A video file is never a live device."""
        return CameraKind.VIDEO_FILE

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            CameraInputError: `video_missing` or `video_unreadable`.
        """
        if not self._file.is_file():
            raise CameraInputError(
                "The video file does not exist.",
                code="video_missing",
                mend="Name a file after --video.",
            )
        timeouts = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            OPEN_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            READ_TIMEOUT_MS,
        ]
        capture = cv2.VideoCapture(str(self._file), cv2.CAP_FFMPEG, timeouts)
        if not capture.isOpened():
            capture.release()
            raise _unreadable()
        self._capture = capture
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order.

        Raises:
            CameraInputError: `video_unreadable`, when there was not one usable frame.
        """
        capture = self._capture
        assert capture is not None, "frames() is for inside the with block"
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        if not RATE_MIN <= rate <= RATE_MAX:
            rate = float(VIRTUAL_FRAME_RATE)
        index = 0
        for position in range(VIDEO_FRAMES_MAX):
            ok, image = capture.read()
            if not ok or image is None:
                break
            height, width = image.shape[:2]
            if min(height, width) < FRAME_SIDE_MIN or height * width > FRAME_PIXELS_MAX:
                break
            pixels = np.ascontiguousarray(image, dtype=np.uint8)
            yield Frame(pixels, index, int(position * 1000 / rate))
            index += 1
        if index == 0:
            raise _unreadable()


def _unreadable() -> CameraInputError:
    return CameraInputError(
        "The video file cannot be read.",
        code="video_unreadable",
        mend="Check that it is a whole video; MP4 with H.264 is the safest.",
    )
