"""The camera options that `pay` and others share: exactly one of device, video file and folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kiosk.domain.evidence import CameraKind
from kiosk.link.protocol import CameraSpec

_OPTIONS = (
    click.option("--camera", "device", type=click.IntRange(0, 63), help="Number of a webcam."),
    click.option("--video", type=click.Path(path_type=Path), help="A video file as camera."),
    click.option(
        "--frames",
        type=click.Path(path_type=Path),
        help="A folder of pictures as camera, 30 a second.",
    ),
)


def camera_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--camera`, `--video` and `--frames` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def camera_spec(device: int | None, video: Path | None, frames: Path | None) -> CameraSpec | None:
    """Return the one camera that was named, or None.

    Raises:
        click.UsageError: More than one was named.
    """
    named = [option for option in (device, video, frames) if option is not None]
    if len(named) > 1:
        message = "Name one camera: --camera, --video or --frames."
        raise click.UsageError(message)
    if device is not None:
        return CameraSpec(CameraKind.DEVICE, device=device)
    if video is not None:
        return CameraSpec(CameraKind.VIDEO_FILE, path=str(video.absolute()))
    if frames is not None:
        return CameraSpec(CameraKind.FRAME_FOLDER, path=str(frames.absolute()))
    return None
