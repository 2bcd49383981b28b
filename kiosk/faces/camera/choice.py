"""Makes the camera that was asked for; whoever enters it opens it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kiosk.domain.errors import SetupError
from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.device import DeviceCamera
from kiosk.faces.camera.folder import FolderCamera
from kiosk.faces.camera.port import Camera
from kiosk.faces.camera.video import VideoCamera
from kiosk.link.protocol import CameraSpec


def camera_of(spec: CameraSpec) -> Callable[[], Camera]:
    """Return what makes the camera that was asked for; nothing is opened."""
    match spec.kind:
        case CameraKind.DEVICE:
            return lambda: DeviceCamera(spec.device)
        case CameraKind.VIDEO_FILE:
            return lambda: VideoCamera(Path(spec.path))
        case CameraKind.FRAME_FOLDER:
            return lambda: FolderCamera(Path(spec.path))
        case CameraKind.SIMULATED:
            raise SetupError(
                "This version has no simulated camera.",
                code="camera_simulated_missing",
                mend="Use a device, a video file or a folder of frames.",
            )
