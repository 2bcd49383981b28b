"""Makes the camera that was asked for; whoever enters it opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.domain.errors import SetupError
from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.device import DeviceCamera
from kiosk.faces.camera.exposure import Obedience
from kiosk.faces.camera.folder import FolderCamera
from kiosk.faces.camera.identity import UNPINNED, CameraPin
from kiosk.faces.camera.port import Camera
from kiosk.faces.camera.stream import StreamCamera
from kiosk.faces.camera.video import VideoCamera
from kiosk.link.protocol import CameraSpec


@dataclass(frozen=True, slots=True)
class Cameras:
    """What an installation says of its cameras; handed to whoever opens one.

    Args:
        run_dir: Where the simulated people's socket lies.
        pin: Which device it has to be; other kinds of camera are not devices and have no pin.
        obedience: What this process remembers of its devices; None: their exposure is left alone.
    """

    run_dir: Path
    pin: CameraPin = UNPINNED
    obedience: Obedience | None = field(default_factory=Obedience)

    def of(self, spec: CameraSpec, *, pad_sandbox_only: bool) -> Callable[[], Camera]:
        """As `camera_of`, with what is said here."""
        return camera_of(
            spec,
            run_dir=self.run_dir,
            pad_sandbox_only=pad_sandbox_only,
            pin=self.pin,
            obedience=self.obedience,
        )


def camera_of(
    spec: CameraSpec,
    *,
    run_dir: Path,
    pad_sandbox_only: bool,
    pin: CameraPin = UNPINNED,
    obedience: Obedience | None = None,
) -> Callable[[], Camera]:
    """Return what makes the camera that was asked for; nothing is opened.

    Args:
        spec: Which camera.
        run_dir: Where the simulated people's socket lies.
        pin: Which device it has to be.
        obedience: What is remembered of devices; None: their exposure is left alone.
        pad_sandbox_only: Whether the pack in use has a PAD that knows simulated people only.

    Raises:
        SetupError: `pad_sandbox_only`: such a PAD says nothing about whoever stands before any
            other camera.
    """
    if pad_sandbox_only and spec.kind is not CameraKind.SIMULATED:
        raise SetupError(
            "This model pack is for simulated people only.",
            code="pad_sandbox_only",
            mend="Use another pack with a real camera: smiletill models list shows them.",
        )
    match spec.kind:
        case CameraKind.DEVICE:
            return lambda: DeviceCamera(spec.device, pin=pin, obedience=obedience)
        case CameraKind.VIDEO_FILE:
            return lambda: VideoCamera(Path(spec.path))
        case CameraKind.FRAME_FOLDER:
            return lambda: FolderCamera(Path(spec.path))
        case CameraKind.SIMULATED:
            return lambda: StreamCamera(run_dir, spec.path)
