"""One number for the quality of a face picture: 0 to 100, for staff, reports and plots.

Each component of `quality.py` becomes a utility from 0 (as bad as its gate) to 1 (good), straight
in between; the score is the mean of the worst utility and of their mean, so that one bad component
counts and several count more. It decides nothing: gates refuse, and thresholds judge scores.

How much it says, measured with mobileface against references of other sessions: the worst tenth of
LFW pictures by this score has scores from .36 (its own 10 % quantile), the rest from .46; on NUAA,
whose frames all pass, .57 and .60. Spearman's rank correlation with the comparison score is .14 and
.20: light and pose of a usable picture explain little of how alike two pictures are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiosk.faces.vision.quality import Quality

NOSE_HEIGHT_LEVEL = 0.55
"""Nose between eye line and mouth of a level head (median of LFW .53, of NUAA .56)."""

RAMPS: Mapping[str, tuple[float, float]] = {
    "inter_eye_distance": (20.0, 60.0),
    "yaw": (0.35, 0.10),
    "pitch": (0.19, 0.06),
    "roll": (30.0, 8.0),
    "sharpness": (0.0, 0.10),
    "overexposure": (0.60, 0.05),
    "underexposure": (0.60, 0.10),
    "dynamic_range": (3.0, 6.3),
    "contrast": (10.0, 25.0),
    "darkness": (35.0, 70.0),
    "brightness": (242.0, 200.0),
    "learned": (0.3, 0.5),
}
"""Where a component is worth nothing, and from where it is good: the gates of `QualityLimits`, and
about the worst twentieth of the development sets. For "learned", which only some packs have: the
gate of pack `open`, and where the makers of eDifFIQA(T) show good pictures of LFW to begin; neither
was measured by us."""


def components(quality: Quality) -> dict[str, int]:
    """Return the quality of each component, 0 to 100 (ISO/IEC 29794-5 counts like this)."""
    measured = {
        "inter_eye_distance": quality.eye_distance_px,
        "yaw": abs(quality.nose_offset),
        "pitch": abs(quality.nose_height - NOSE_HEIGHT_LEVEL),
        "roll": abs(quality.roll_deg),
        "sharpness": quality.sharpness,
        "overexposure": quality.overexposed,
        "underexposure": quality.underexposed,
        "dynamic_range": quality.dynamic_range_bits,
        "contrast": quality.contrast,
        "darkness": quality.luminance,
        "brightness": quality.luminance,
    }
    if quality.learned is not None:
        measured["learned"] = quality.learned
    return {name: round(100 * _utility(value, *RAMPS[name])) for name, value in measured.items()}


def unified_score(quality: Quality) -> int:
    """Return the quality of one picture, 0 to 100."""
    values = list(components(quality).values())
    return round((min(values) + sum(values) / len(values)) / 2)


def _utility(value: float, worst: float, good: float) -> float:
    return min(1.0, max(0.0, (value - worst) / (good - worst)))
