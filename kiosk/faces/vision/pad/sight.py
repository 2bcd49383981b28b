"""What the PAD layers are shown of a frame, and the one small interface they have.

A `Sight` lives as long as a layer needs it, at most a few frames; nothing of it is ever stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kiosk.domain.evidence import CameraKind
from kiosk.faces.opencv import cv2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.domain.pad import LayerReport
    from kiosk.faces.camera.port import Frame
    from kiosk.faces.vision.detector import Face
    from kiosk.faces.vision.judgement import FrameJudgement

GREY_SIDE_MAX = 320
"""Pixels of the longer side of the small grey picture in which points are followed."""


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What a camera, and the screen beside it, can be asked for.

    Args:
        true_clock: Frame times are of the real world, not of a recording.
        lit: The kiosk's own screen lights whoever stands there.
        exposure: The exposure follows a command.
        asked: Whoever stands there sees the kiosk's screen, and can do what it asks.
    """

    true_clock: bool
    lit: bool
    exposure: bool
    asked: bool = False

    @classmethod
    def of(
        cls, kind: CameraKind, *, lit: bool = False, exposure: bool = False, screen: bool = False
    ) -> CameraFacts:
        """Return the facts of a kind of camera; only a live one can be lit or be commanded.

        Args:
            kind: Which.
            lit: Whether the screen may change its colour.
            exposure: Whether the camera may be told another exposure.
            screen: Whether there is one; a recording cannot read it, simulated people are told.
        """
        live = kind.is_live
        return cls(
            true_clock=live,
            lit=live and lit,
            exposure=live and exposure,
            asked=screen and (live or kind is CameraKind.SIMULATED),
        )


@dataclass(slots=True)
class Sight:
    """One frame as the layers see it.

    Args:
        at_ms: When.
        track: The payer's.
        image: The frame.
        small: The small grey picture, if it is made already; else it is when first asked for.
        scale: From the frame to the small grey picture.
        face: Where the payer is.
        pad_score: The networks', where they ran.
        smile_score: The same.
        aligned: The payer's face, grey, upright, 112 x 112.
    """

    at_ms: int
    track: int
    image: NDArray[np.uint8] = field(repr=False, compare=False)
    small: NDArray[np.uint8] | None = field(repr=False, compare=False)
    scale: float
    face: Face | None = field(repr=False, compare=False)
    pad_score: float | None
    smile_score: float | None
    aligned: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    @property
    def grey(self) -> NDArray[np.uint8]:
        """Return the small grey picture; it is wanted on one frame of several only."""
        if self.small is None:
            grey = cv2.cvtColor(self.image, cv2.COLOR_BGR2GRAY)
            if self.scale < 1.0:
                size = _size(self.image.shape, self.scale)
                grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
            self.small = np.asarray(grey, np.uint8)
        return self.small


class PadLayer(Protocol):
    """One kind of evidence, gathered frame by frame."""

    def add(self, sight: Sight) -> None:
        """Take one more frame."""
        ...

    def report(self) -> LayerReport:
        """Say what the frames so far are worth."""
        ...

    def change_face(self) -> None:
        """Forget what belongs to one face; an attack that was seen stays."""
        ...


def sight_of(frame: Frame, judgement: FrameJudgement) -> Sight:
    """Return what the layers are shown of a judged frame."""
    return Sight(
        at_ms=frame.at_ms,
        track=judgement.track,
        image=frame.image,
        small=None,
        scale=min(1.0, GREY_SIDE_MAX / max(frame.image.shape[:2])),
        face=judgement.face,
        pad_score=judgement.pad_score,
        smile_score=judgement.smile_score if judgement.face_seen else None,
        aligned=judgement.grey,
    )


def _size(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    return round(shape[1] * scale), round(shape[0] * scale)
