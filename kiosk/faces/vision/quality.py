"""The first quality gate: is this face large, whole, frontal, lit and sharp enough to compare?

Components of ISO/IEC 29794-5 that need no network of their own. Each limit has its unit and the
source of its number; each refusal has one reason, the first that a customer can act on.
The limits are wide on purpose: dark and backlit webcam frames of real people must still be able
to pay, and doubt is the business of the thresholds, not of this gate.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kiosk.domain.evidence import Reason
from kiosk.faces.opencv import cv2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.detector import Face

EYE_BAND = (slice(16, 40), slice(4, 68))
MOUTH_BAND = (slice(56, 80), slice(12, 60))
"""Bands of the inner face around the template's eyes and mouth."""
OVEREXPOSED_FROM = 247
UNDEREXPOSED_TO = 25
"""Grey levels (ISO/IEC 29794-5's over- and under-exposure, as OFIQ computes them)."""

INNER_FACE = (slice(24, 104), slice(20, 92))
"""Rows and columns of the aligned 112 x 112 face without hair and background."""


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Gates of the first quality stage.

    "LFW" and "NUAA live" are the shares of frames of the development halves that a limit refuses.
    """

    eye_distance_min_px: float = 35.0
    """Pixels: the distance in the ArcFace template, below which the face is enlarged.

    NUAA live 0 of 1,026 (smallest 42)."""
    face_width_share_max: float = 0.75
    """Of the frame's width; a larger face loses chin or brow in the margins of the PAD crop."""
    outside_share_max: float = 0.10
    """Share of the face box's width or height that may lie outside the frame."""
    nose_offset_max: float = 0.35
    """Nose from the middle of the eyes along the eye line, in eye distances: about 25° of yaw.

    LFW 0.9 %, NUAA live 0 (largest .25)."""
    nose_height_min: float = 0.38
    """Nose between eye line (0) and mouth (1); lower means the head is tilted back. LFW < 0.1 %."""
    nose_height_max: float = 0.75
    """Higher means the head is bowed. LFW 0, NUAA live 0 (largest .68)."""
    roll_max_deg: float = 30.0
    """Degrees; alignment turns the face upright, beyond this the detector itself gets weak."""
    sharpness_min: float = 0.015
    """Variance of the Laplacian over the variance of grey levels, inner aligned face.

    Without unit, so that it does not depend on light. LFW 0.1 %, NUAA live 0 (smallest .13)."""
    luminance_min: float = 35.0
    """Mean grey level (0 to 255) of the inner face. NUAA live 0 (smallest 46), LFW 0."""
    luminance_max: float = 242.0
    """Mean grey level. NUAA live 0 (largest 238: hard window light), LFW 0."""
    contrast_min: float = 10.0
    """Standard deviation of grey levels. NUAA live 0 (smallest 14), LFW 0 (smallest 13)."""
    overexposed_share_max: float = 0.80
    """Share of the inner face that is burnt out. NUAA live 0 (largest .75: window light), LFW 0
    (largest .11)."""
    underexposed_share_max: float = 0.60
    """Share of the inner face that is black. NUAA live 0 (largest .14), LFW 0 (largest .28)."""
    dynamic_range_min_bits: float = 3.0
    """Entropy of the inner face's grey levels. NUAA live 0 (smallest 3.9), LFW 0 (smallest 5.7)."""
    dark_frame_luminance_max: float = 30.0
    """Mean grey level of a whole frame without a face, up to which darkness is the reason."""
    backlit_frame_min: float = 80.0
    """Mean grey level of the whole frame, from which a face too dark has the light behind it."""
    backlit_ratio_min: float = 2.0
    """And so many times as bright as the face: at least four and a half times the light."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured on one face; units as in `QualityLimits`."""

    eye_distance_px: float
    nose_offset: float
    nose_height: float
    roll_deg: float
    sharpness: float
    luminance: float
    contrast: float
    overexposed: float = 0.0
    underexposed: float = 0.0
    dynamic_range_bits: float = 7.0
    eye_detail: float = 1.0
    """Spread of grey levels in the band of the eyes, over that of the inner face: dark glasses, a
    fringe or a hand make it small. A hint, no gate: eyes in deep shade look the same."""
    mouth_detail: float = 1.0
    """The same for the mouth: a mask or a hand."""
    face_width_share: float = 0.3
    margin: float = 1.0
    """Least distance from the face box to an edge of the frame, in widths of the box; negative
    where a part of the face is outside."""
    learned: float | None = None
    """What the pack's quality network says (`learned_quality.py`); None where it was not asked."""


def measure(
    face: Face, aligned: NDArray[np.uint8], frame_shape: tuple[int, ...] | None = None
) -> Quality:
    """Measure one aligned face; with the shape of its frame also where it stands in it.

    Args:
        face: Where it was.
        aligned: It, upright, in colours or grey already.
        frame_shape: The frame's.
    """
    # Complex numbers: arrays of two cost numpy more than the arithmetic does.
    right_eye, left_eye, nose, right_mouth, left_mouth = (
        complex(x, y) for x, y in face.landmarks.tolist()
    )
    eye_line = left_eye - right_eye
    eye_distance = max(abs(eye_line), 1e-6)
    upright = (eye_line / eye_distance).conjugate()
    from_eyes = (nose - (right_eye + left_eye) / 2) * upright
    mouth_depth = ((right_mouth + left_mouth - right_eye - left_eye) / 2 * upright).imag
    whole = aligned if aligned.ndim == 2 else cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)
    grey = np.ascontiguousarray(whole[INNER_FACE])
    mean, spread = _mean_and_spread(grey)
    share = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel() / grey.size
    eyes, mouth = (_mean_and_spread(grey[band])[1] for band in (EYE_BAND, MOUTH_BAND))
    edges = _mean_and_spread(cv2.Laplacian(grey, cv2.CV_32F))[1]
    some = share[share > 0]
    return Quality(
        eye_distance_px=eye_distance,
        nose_offset=from_eyes.real / eye_distance,
        nose_height=from_eyes.imag / mouth_depth if mouth_depth > 1e-6 else -1.0,
        roll_deg=math.degrees(cmath.phase(eye_line)),
        sharpness=edges**2 / max(spread**2, 1.0),
        luminance=mean,
        contrast=spread,
        overexposed=float(share[OVEREXPOSED_FROM:].sum()),
        underexposed=float(share[: UNDEREXPOSED_TO + 1].sum()),
        dynamic_range_bits=float(-(some @ np.log2(some))),
        eye_detail=eyes / max(spread, 1.0),
        mouth_detail=mouth / max(spread, 1.0),
        **_standing(face, frame_shape),
    )


def _standing(face: Face, frame_shape: tuple[int, ...] | None) -> dict[str, float]:
    if frame_shape is None:
        return {}
    height, width = frame_shape[:2]
    edges = (face.x, face.y, width - face.x - face.width, height - face.y - face.height)
    return {"face_width_share": face.width / width, "margin": min(edges) / face.width}


def _mean_and_spread(values: NDArray[Any]) -> tuple[float, float]:
    """Return mean and standard deviation; OpenCV's, which is several times faster than numpy's."""
    mean, spread = cv2.meanStdDev(values)
    return float(mean[0, 0]), float(spread[0, 0])


def place_reason(face: Face, frame_shape: tuple[int, ...], limits: QualityLimits) -> Reason | None:
    """Say what is wrong with where the face is, before it is aligned."""
    height, width = frame_shape[:2]
    if face.eye_distance < limits.eye_distance_min_px:
        return Reason.TOO_FAR
    if face.width > limits.face_width_share_max * width:
        return Reason.TOO_CLOSE
    outside_x = max(-face.x, face.x + face.width - width, 0.0) / face.width
    outside_y = max(-face.y, face.y + face.height - height, 0.0) / face.height
    if max(outside_x, outside_y) > limits.outside_share_max:
        return Reason.NOT_CENTRED
    return None


def light_reason(quality: Quality, limits: QualityLimits) -> Reason | None:
    """Say what is wrong with the light; such a frame is not fit for PAD either."""
    dark = quality.underexposed > limits.underexposed_share_max
    bright = quality.overexposed > limits.overexposed_share_max
    if dark or quality.luminance < limits.luminance_min:
        return Reason.TOO_DARK
    if bright or quality.luminance > limits.luminance_max:
        return Reason.TOO_BRIGHT
    flat = quality.dynamic_range_bits < limits.dynamic_range_min_bits
    if flat or quality.contrast < limits.contrast_min:
        return Reason.LOW_CONTRAST
    return None


def backlit_or(
    reason: Reason | None, quality: Quality, frame: NDArray[np.uint8], limits: QualityLimits
) -> Reason | None:
    """Return the reason, but say of a dark face before a bright room where the light is."""
    if reason is not Reason.TOO_DARK:
        return reason
    around = float(frame[::8, ::8].mean())
    ratio = around / max(1.0, quality.luminance)
    backlit = around >= limits.backlit_frame_min and ratio >= limits.backlit_ratio_min
    return Reason.BACKLIT if backlit else reason


def pose_reason(quality: Quality, limits: QualityLimits) -> Reason | None:
    """Say whether the face is turned away or blurred."""
    turned = (
        abs(quality.nose_offset) > limits.nose_offset_max
        or not limits.nose_height_min <= quality.nose_height <= limits.nose_height_max
        or abs(quality.roll_deg) > limits.roll_max_deg
    )
    if turned:
        return Reason.TURNED_AWAY
    if quality.sharpness < limits.sharpness_min:
        return Reason.BLURRED
    return None
