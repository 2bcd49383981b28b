"""What faces has seen, in words that the rules understand: kinds of camera and reasons."""

from __future__ import annotations

import enum


class CameraKind(enum.Enum):
    """Where frames come from; money refuses everything but a live device for real money."""

    DEVICE = "device"
    VIDEO_FILE = "video_file"
    FRAME_FOLDER = "frame_folder"
    SIMULATED = "simulated"

    @property
    def is_live(self) -> bool:
        """Say whether a person stands before it now."""
        return self is CameraKind.DEVICE
