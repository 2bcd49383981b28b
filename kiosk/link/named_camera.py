"""Which camera a command line means: one of a device, a video file and a folder of frames."""

from __future__ import annotations

from pathlib import Path

from kiosk.domain.errors import BadInputError
from kiosk.domain.evidence import CameraKind
from kiosk.link.protocol import CameraSpec


def named_camera(device: int | None, video: Path | None, frames: Path | None) -> CameraSpec | None:
    """Return the camera that was named, or None if none was.

    Faces runs elsewhere, so a path is made independent of where the command was started.

    Raises:
        BadInputError: More than one was named, or the number is negative.
    """
    named = [choice for choice in (device, video, frames) if choice is not None]
    if len(named) > 1:
        raise BadInputError(
            "Which camera to use is not clear.",
            code="camera_not_named",
            mend="Give only one of --camera, --video and --frames.",
        )
    if video is not None:
        return CameraSpec(CameraKind.VIDEO_FILE, path=str(video.absolute()))
    if frames is not None:
        return CameraSpec(CameraKind.FRAME_FOLDER, path=str(frames.absolute()))
    if device is None:
        return None
    if device < 0:
        raise BadInputError(
            "A camera has no negative number.", code="camera_bad", mend="The first one is 0."
        )
    return CameraSpec(CameraKind.DEVICE, device=device)
