"""What one frame said: a frozen value that crosses from the vision thread to the session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kiosk.domain.evidence import Reason
    from kiosk.faces.vision.detector import Face
    from kiosk.faces.vision.quality import Quality


@dataclass(frozen=True, slots=True)
class FrameJudgement:
    """One frame, judged.

    Args:
        index: The frame's number.
        at_ms: The frame's time on the camera's clock.
        track: The payer's track; 0 while nobody was seen yet.
        reason: Why the frame cannot count; None when its quality is enough.
        face: Where the payer's face is, when there was one.
        quality: The measures, when there was a face to measure.
        pad_score: Bona fide score of this frame, 0 to 1; None when PAD did not run on it.
        smile_score: 0 to 1; None without a good face, or when the pack has no such network.
        embedding: float32, length 1; None on frames that are not due.
        unsure: Whether it may be another face than the track's: it jumped, and has not been
            compared yet.
        grey: The aligned face without colours, 112 x 112; None without a face.
        stages_ms: Time spent in each stage that ran.
    """

    index: int
    at_ms: int
    track: int
    reason: Reason | None
    face: Face | None = field(default=None, repr=False, compare=False)
    quality: Quality | None = None
    pad_score: float | None = None
    smile_score: float | None = None
    embedding: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    unsure: bool = False
    grey: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)
    stages_ms: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({}), compare=False
    )

    @property
    def face_seen(self) -> bool:
        """Say whether there was a payer of good quality (for the smile's gauge)."""
        return self.reason is None
