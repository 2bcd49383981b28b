"""The camera options that `pay` and others share: exactly one of device, video file and folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

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
