"""Passive PAD: texture networks on single frames, judged over a sequence.

A frame's score is the mean of the pack's networks (class 1, bona fide), each on its own crop of
the face box. The sequence is judged by the mean of its frames: bona fide, attack, or not yet
decided. Fail closed: too few frames are never bona fide, and an attack stays one.

It sees texture only: prints and screens of the kinds the networks were trained on. Masks, good
screens in other light and injected streams are for the other layers and the step-up policy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.evidence import PadVerdict
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.runtime import SingleNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.detector import Face
    from models.manifest import Stage

BONA_FIDE_CLASS = 1


@dataclass(frozen=True, slots=True)
class PadRule:
    """When a sequence is decided. The two scores come from the pack's manifest.

    Args:
        bona_fide_min: Mean score from which a sequence is bona fide.
        attack_max: Mean score up to which it is an attack.
    """

    bona_fide_min: float
    attack_max: float
    frames_min: int = 5
    """Frames before any verdict: the highest single print frame of NUAA's development half scores
    .34 with MiniFASNet, the highest mean of five .08."""
    frames_window: int = 16
    """The newest frames that count (the window length the reports use)."""

    def __post_init__(self) -> None:
        """Refuse a rule that could call a sequence both."""
        if not 0.0 <= self.attack_max < self.bona_fide_min <= 1.0 or self.frames_min < 1:
            message = "attack_max must be below bona_fide_min, and frames_min at least 1"
            raise ValueError(message)


class PassivePad:
    """The pack's PAD networks."""

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        """Load the networks; errors as for `open_session()`."""
        assert stages, "a pack without PAD must be refused before"
        self._nets: list[tuple[float, tuple[int, int], SingleNetwork]] = []
        for stage in stages:
            assert stage.crop_scale is not None, "the manifest demands it for PAD"
            self._nets.append((stage.crop_scale, stage.input_size, SingleNetwork(stage.file)))

    def score(self, image: NDArray[np.uint8], face: Face) -> float:
        """Return how bona fide one frame looks, 0 to 1; a score that is not finite counts as 0."""
        scores = []
        for scale, size, network in self._nets:
            crop = crop_scaled(image, face, scale)
            patch = cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR)
            blob = np.ascontiguousarray(patch.transpose(2, 0, 1), dtype=np.float32)[None]
            scores.append(float(network.run(blob)[0, BONA_FIDE_CLASS]))
        mean = sum(scores) / len(scores)
        return mean if math.isfinite(mean) else 0.0


class PadSequence:
    """The running verdict over the frames of one probe.

    Bona fide needs frames of one face; an attack is also seen across changes of face, because a
    picture waved about loses its track again and again.
    """

    def __init__(self, rule: PadRule) -> None:
        """Start undecided."""
        self._rule = rule
        self._of_face: list[float] = []
        self._of_probe: list[float] = []
        self._attack = False

    def add(self, score: float) -> None:
        """Take the score of one more frame."""
        window = self._rule.frames_window
        self._of_face = [*self._of_face, score][-window:]
        self._of_probe = [*self._of_probe, score][-window:]
        if any(self._looks_like_attack(scores) for scores in (self._of_face, self._of_probe)):
            self._attack = True

    @property
    def score(self) -> float | None:
        """Mean score of the newest frames, of whatever face, or None before the first."""
        return _mean(self._of_probe) if self._of_probe else None

    @property
    def verdict(self) -> PadVerdict:
        """What the frames so far say; an attack is never taken back."""
        if self._attack:
            return PadVerdict.ATTACK
        enough = len(self._of_face) >= self._rule.frames_min
        if not enough or _mean(self._of_face) < self._rule.bona_fide_min:
            return PadVerdict.UNDECIDED
        return PadVerdict.BONA_FIDE

    @property
    def is_ripe(self) -> bool:
        """Say whether there were scores enough for a verdict, were it only of doubt."""
        return self._attack or len(self._of_probe) >= self._rule.frames_min

    @property
    def is_doubtful(self) -> bool:
        """Say whether the score so far, of however few frames, would not do."""
        return self.score is not None and self.score < self._rule.bona_fide_min

    def change_face(self) -> None:
        """Start anew for another face; an attack seen before stays."""
        self._of_face = []

    def _looks_like_attack(self, scores: list[float]) -> bool:
        enough = len(scores) >= self._rule.frames_min
        return enough and _mean(scores) <= self._rule.attack_max


def _mean(scores: list[float]) -> float:
    # Of a few numbers, every frame and several times: numpy would take ten times as long.
    return math.fsum(scores) / len(scores)


def crop_scaled(image: NDArray[np.uint8], face: Face, scale: float) -> NDArray[np.uint8]:
    """Cut out the face box enlarged by `scale`, shifted and shrunk to lie inside the frame.

    The same arithmetic as Silent-Face-Anti-Spoofing's `CropImage` (commit b6d5f04a), which the
    networks were trained with.
    """
    height, width = image.shape[:2]
    scale = min(scale, (height - 1) / face.height, (width - 1) / face.width)
    half_width, half_height = face.width * scale / 2, face.height * scale / 2
    centre_x, centre_y = face.centre
    left, right = _inside(centre_x - half_width, centre_x + half_width, width - 1)
    top, bottom = _inside(centre_y - half_height, centre_y + half_height, height - 1)
    return image[top : bottom + 1, left : right + 1]


def _inside(low: float, high: float, last: int) -> tuple[int, int]:
    """Shift an interval into 0..last; it fits, because the scale was clamped."""
    if low < 0:
        low, high = 0.0, high - low
    if high > last:
        low, high = low - (high - last), float(last)
    return max(0, int(low)), min(last, int(high))
