"""A folder of pictures as a camera: sorted file k is the frame at k/30 s on a virtual clock.

With back-pressure: the next file is read when the next frame is asked for, and none is dropped.
Files that cannot be read are skipped and counted; they keep their place on the clock.
It never writes, follows no sub-folder and holds one picture at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.pictures import PICTURE_SUFFIXES, read_picture
from kiosk.faces.camera.port import VIRTUAL_FRAME_RATE, CameraInputError, Frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

FOLDER_FILES_MAX = 20_000
"""Files; eleven minutes at 30 frames a second, far above any session's time limit."""


class FolderCamera:
    """Frames from the picture files of one folder.

    Args:
        folder: Where they lie. It is looked at on entering, not before.
    """

    def __init__(self, folder: Path) -> None:
        """Remember the folder; open nothing."""
        self._folder = folder
        self._files: list[Path] | None = None
        self.skipped = 0
        """Files that could not be read so far."""

    @property
    def kind(self) -> CameraKind:
        """A folder is never a live device."""
        return CameraKind.FRAME_FOLDER

    def __enter__(self) -> Self:
        """List the pictures.

        Raises:
            CameraInputError: `folder_missing`, `folder_unreadable`, `folder_empty` or
                `folder_too_full`.
        """
        if not self._folder.is_dir():
            raise CameraInputError(
                "The folder of frames does not exist.",
                code="folder_missing",
                mend="Name a folder with pictures after --frames.",
            )
        try:
            files = sorted(
                path
                for path in self._folder.iterdir()
                if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
            )
        except OSError as error:
            raise CameraInputError(
                "The folder of frames cannot be read.",
                code="folder_unreadable",
                mend="Check its permissions.",
            ) from error
        if not files:
            raise CameraInputError(
                "The folder of frames holds no picture.",
                code="folder_empty",
                mend="Put JPEG, PNG or BMP files into it; their sorted names give the order.",
            )
        if len(files) > FOLDER_FILES_MAX:
            raise CameraInputError(
                f"The folder of frames holds more than {FOLDER_FILES_MAX} pictures.",
                code="folder_too_full",
                mend="Use a shorter recording.",
            )
        self._files = files
        self.skipped = 0
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Forget the list."""
        self._files = None

    def frames(self) -> Iterator[Frame]:
        """Yield the readable pictures in order.

        Raises:
            CameraInputError: `no_readable_picture`, at the end, when there was none.
        """
        files = self._files
        assert files is not None, "frames() is for inside the with block"
        index = 0
        for position, path in enumerate(files):
            image = read_picture(path)
            if image is None:
                self.skipped += 1
                continue
            yield Frame(image, index, position * 1000 // VIRTUAL_FRAME_RATE)
            index += 1
        if index == 0:
            raise CameraInputError(
                "No picture in the folder can be read.",
                code="no_readable_picture",
                mend="Check that they are whole JPEG, PNG or BMP files of a usual size.",
            )
