"""The camera port: what a source of frames promises, and how it fails.

A camera is a context manager.
Making one opens nothing; entering opens it; leaving closes it, also after an error.
`frames()` ends when the source ends (folder, video) and otherwise raises one of the errors below.

It does not look into the picture and never stores one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from kiosk.domain.errors import BadInputError, SetupError, SmileTillError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from kiosk.domain.evidence import CameraKind

FRAME_PIXELS_MAX = 24_000_000
"""Pixels; a larger picture is not a webcam frame but a mistake or an attack on memory."""

FRAME_SIDE_MIN = 48
"""Pixels; in a smaller picture no face can be large enough to pay with."""

VIRTUAL_FRAME_RATE = 30
"""Frames a second of the virtual clock of a folder of frames (the command line's contract)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the camera.

    Args:
        image: H x W x 3, uint8, BGR, as OpenCV delivers it. Read only by convention.
        index: Position in the stream, from 0, without the files or frames that were skipped.
        at_ms: When it was taken, on the camera's own clock; never goes back.
        is_steady: Whether the exposure is as usual, and is not being changed on our command.
    """

    image: NDArray[np.uint8] = field(repr=False, compare=False)
    index: int
    at_ms: int
    is_steady: bool = True


class CameraError(SmileTillError):
    """A camera could not be opened or read."""


class CameraDeviceError(CameraError, SetupError):
    """The device is missing, busy, unplugged or silent (exit code 3)."""


class CameraInputError(CameraError, BadInputError):
    """The folder or file that was named as the camera cannot be used (exit code 2)."""


@runtime_checkable
class Camera(Protocol):
    """A source of frames, opened by `with`."""

    @property
    def kind(self) -> CameraKind:
        """Where the frames come from; declared to money in the handshake."""
        ...

    def __enter__(self) -> Self:
        """Open the source.

        Raises:
            CameraDeviceError: `camera_missing`, `camera_busy` or `camera_stalled`.
            CameraInputError: `folder_missing`, `folder_empty`, `video_missing`, `video_unreadable`.
        """
        ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the source and drop every frame it still holds."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Yield frames in order of time, until the source ends.

        Raises:
            CameraDeviceError: `camera_unplugged` or `camera_stalled`.
            CameraInputError: `no_readable_picture`, when every file was unreadable.
        """
        ...
