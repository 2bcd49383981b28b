"""`smiletill run`: the terminal with its screen, until the window is closed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from kiosk.commands.cameras import camera_options
from kiosk.commands.common import data_option, passphrase_prompt
from kiosk.domain.errors import BadInputError
from kiosk.domain.evidence import CameraKind
from kiosk.link.named_camera import named_camera
from kiosk.link.protocol import CameraSpec
from kiosk.supervisor import open_installation

CLOSED_POLL_S = 0.5
"""Python handles Ctrl-C between two polls."""
LIVE_SCENE = "live"


@click.command()
@camera_options
@click.option(
    "--simulated",
    is_flag=False,
    flag_value=LIVE_SCENE,
    metavar="[SCENE]",
    help="Simulated people before the camera, such as customer:2:smile=3000 (sandbox only).",
)
@click.option("--windowed", is_flag=True, help="In a window instead of the full screen.")
@data_option
def run(
    device: int | None,
    video: Path | None,
    frames: Path | None,
    simulated: str | None,
    windowed: bool,
    data_dir: Path,
) -> int:
    """Open the terminal: a screen for customers, until it is closed.

    Without a camera option the first webcam is used. Orders come from the till, or from
    `smiletill money order`.
    """
    spec = named_camera(device, video, frames)
    if spec is not None and simulated is not None:
        message = "Name one camera: --camera, --video, --frames or --simulated."
        raise click.UsageError(message)
    _check_there(video, frames)
    if simulated is not None:
        # Imported here: a terminal with a real camera needs nothing of it in this process.
        from kiosk.faces.camera.stream import parse_scene  # noqa: PLC0415

        parse_scene(simulated)
        spec = CameraSpec(CameraKind.SIMULATED, path=simulated)
    words = screen_words(spec or CameraSpec(CameraKind.DEVICE), windowed=windowed)
    with open_installation(
        data_dir,
        prompt=passphrase_prompt(),
        with_people=simulated is not None,
        screen=words,
    ) as installation:
        try:
            while not installation.window_closed.wait(CLOSED_POLL_S):
                pass
        except KeyboardInterrupt:
            click.echo("Closing.", err=True)
    return 0


def _check_there(video: Path | None, frames: Path | None) -> None:
    """Refuse a camera that is not there before the screen opens, which could only say so later.

    Raises:
        BadInputError: The file or folder that was named does not exist.
    """
    if frames is not None and not frames.is_dir():
        raise BadInputError(
            "The folder of frames does not exist.",
            code="folder_missing",
            mend="Name a folder with pictures after --frames.",
        )
    if video is not None and not video.is_file():
        raise BadInputError(
            "The video file does not exist.",
            code="video_missing",
            mend="Name a video file after --video.",
        )


def screen_words(camera: CameraSpec, *, windowed: bool) -> tuple[str, ...]:
    """Return what the faces process is told to open its screen, before this camera."""
    words = ["--screen", "--camera-kind", camera.kind.value]
    words += ["--camera-device", str(camera.device), f"--camera-path={camera.path}"]
    if windowed or os.environ.get("SMILETILL_WINDOWED"):
        words.append("--windowed")
    return tuple(words)
