"""When the exposure follows the face: one pure step from how bright a face is to a command.

A camera's own metering looks at the whole picture, so a face before a window is black and one
under a spotlight is white. Where that goes so far that the quality gates are near, the exposure is
set by the face instead, in a few bounded steps; what cannot be mended so is asked of the customer.
Between the bounds nothing is touched: the camera's own choice is the usual one.

No camera and no clock is in here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

GAMMA = 2.2
"""Grey levels are light to the power of 1 / 2.2, about as in sRGB; what a webcam does with its
tone curve besides is made up for by looking again after every step."""


@dataclass(frozen=True, slots=True)
class MeteringRule:
    """Bounds; grey levels (0 to 255) are means of the inner face.

    The gates refuse below 35 and above 242. Of 600 of NUAA's live frames (cameras metering by
    themselves, some before a window) 14 % are below 60, and those are the backlit ones: the whole
    frame is 2.6 times as bright. 0.3 % are above 235; a third is above 205 and left as it is.
    """

    untouched: tuple[float, float] = (60.0, 235.0)
    """Outside of them steps begin."""
    enough: tuple[float, float] = (80.0, 210.0)
    """Once begun, steps are made until the face is between these: no to and fro at a bound."""
    usable: tuple[float, float] = (35.0, 242.0)
    """The gates: a face between them is kept as it is when no step is left."""
    aim: float = 115.0
    step_max: float = 3.0
    """Most by which one step multiplies or divides the light; a grey level of 1.65 times."""
    times_range: tuple[float, float] = (1 / 16, 8.0)
    """Of what the camera chose: with more, gain's noise and blur take what the light gives."""
    steps_max: int = 6
    """In one session, all together."""


@dataclass(frozen=True, slots=True)
class Metering:
    """Where the metering of one session stands.

    Args:
        times: How many times the light that the camera chose by itself.
        steps: Steps made so far.
        is_mending: Whether the face is being brought between the bounds now.
        is_spent: Whether no step is left, or none would do anything; it stays as it is.
        has_given_up: Whether it is spent and that is not enough: the customer is asked for light.
    """

    times: float = 1.0
    steps: int = 0
    is_mending: bool = False
    is_spent: bool = False
    has_given_up: bool = False


def step(metering: Metering, luminance: float, rule: MeteringRule) -> Metering:
    """Return what follows from how bright the face is; another `times` is a command.

    Args:
        metering: So far; the picture is the answer to its `times`.
        luminance: Mean grey level of the inner face.
        rule: The bounds.
    """
    if metering.has_given_up:
        return metering
    if metering.is_spent:
        # Nothing is left to do but to see whether it will do.
        return replace(metering, has_given_up=not _between(luminance, rule.usable))
    if _between(luminance, rule.enough if metering.is_mending else rule.untouched):
        return replace(metering, is_mending=False)
    wanted = (rule.aim / max(1.0, luminance)) ** GAMMA
    factor = min(rule.step_max, max(1 / rule.step_max, wanted))
    least, most = rule.times_range
    times = min(most, max(least, metering.times * factor))
    if metering.steps >= rule.steps_max or abs(times / metering.times - 1.0) < 0.05:
        spent = replace(metering, is_mending=False, is_spent=True)
        return step(spent, luminance, rule)
    return replace(metering, times=times, steps=metering.steps + 1, is_mending=True)


def _between(luminance: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= luminance <= bounds[1]
