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


class PadVerdict(enum.Enum):
    """What presentation attack detection says of a sequence; only BONA_FIDE may ever pay."""

    UNDECIDED = "undecided"
    BONA_FIDE = "bona_fide"
    ATTACK = "attack"


class Reason(enum.Enum):
    """Why a frame did not count, or why a probe came to nothing.

    The value is the stable code in reports; `is_pad` marks those of presentation attack detection.
    """

    NO_FACE = "no_face"
    TWO_FACES = "two_faces"
    TOO_FAR = "too_far"
    TOO_CLOSE = "too_close"
    NOT_CENTRED = "not_centred"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BACKLIT = "backlit"
    LOW_CONTRAST = "low_contrast"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    POOR_PICTURE = "poor_picture"
    FACE_CHANGED = "face_changed"
    FRAMES_DISAGREE = "frames_disagree"
    TOO_FEW_FRAMES = "too_few_frames"
    PAD_TEXTURE = "pad_texture"
    PAD_UNDECIDED = "pad_undecided"
    PAD_STREAM = "pad_stream"
    PAD_CONTEXT = "pad_context"
    PAD_LIGHT = "pad_light"
    PAD_TURN = "pad_turn"
    PAD_MOVEMENT = "pad_movement"

    @property
    def is_pad(self) -> bool:
        """Say whether presentation attack detection gave this reason."""
        return self.value.startswith("pad_")


PAD_CODES = frozenset(reason.value for reason in Reason if reason.is_pad)
"""The stable codes of presentation attack detection."""
