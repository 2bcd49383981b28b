"""Stream layer: do these frames come from a sensor, now?

A sensor never gives the same frame twice: read and shot noise change most pixels. So frames that
repeat, soon or late, are a still or a loop, and frames without noise were drawn or filtered by
somebody. Real readings jitter by milliseconds. When the camera is told to change its exposure,
the picture must follow.
What is compared is a grid of some two thousand pixels of the newest frames, in memory only.
It does not see an injected stream that carries noise of its own, jitters and follows the exposure;
the camera's identity (`kiosk.faces.camera.identity`) and the light layer are for that.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from kiosk.domain.pad import Layer, LayerReport, LayerVerdict
from kiosk.faces.vision.pad.repeats import Repeats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kiosk.faces.vision.pad.sight import CameraFacts, Sight

_ROWS, _COLUMNS = 11, 13
"""Every so many rows and columns a pixel is looked at; odd, so that no pattern is hit or missed."""


@dataclass(frozen=True, slots=True)
class StreamRule:
    """What a sensor's frames look like; shares are of pixels that are neither black nor white.

    NUAA's webcam frames, live and prints: at most .22 of the pixels of any two frames are equal.
    """

    same_min: float = 0.9
    """Equal share from which two frames are one and the same."""
    clean_min: float = 0.6
    """Equal share of neighbours, in the median, from which there is no noise to speak of."""
    repeats_min: int = 4
    """Repeated frames that make an attack, if they are half of the newest ones: a driver under
    load may give a frame twice."""
    frames_kept: int = 48
    frames_min: int = 6
    pixels_min: int = 200
    jitter_min_ms: float = 0.8
    """Largest distance of a reading from an even beat, below which no real clock stands behind."""
    beats_min: int = 24
    exposure_after_ms: tuple[int, int] = (60, 450)
    """When a commanded change must be seen; UVC cameras take a few frames."""
    exposure_levels: tuple[int, int] = (12, 240)
    """Grey levels of pixels that can show it."""
    exposure_share_min: float = 0.35
    """Share of the commanded change (in logarithm) that must be seen."""


class StreamLayer:
    """Gathers what the frames say of their source.

    Args:
        facts: What this camera can be asked for.
    """

    def __init__(self, facts: CameraFacts, rule: StreamRule | None = None) -> None:
        """Begin with nothing seen."""
        self._facts = facts
        self._rule = rule or StreamRule()
        self._frames = Repeats(self._rule.frames_kept, self._rule.pixels_min)
        self._repeats: deque[bool] = deque(maxlen=self._rule.frames_kept // 2)
        self._same: deque[float] = deque(maxlen=self._rule.frames_kept)
        self._times: deque[int] = deque(maxlen=4 * self._rule.beats_min)
        self._commanded: tuple[int, float] | None = None
        self._fault = ""
        self._followed: bool | None = None
        self._obeys = True
        self._unable = ""

    def change_face(self) -> None:
        """Nothing here belongs to a face."""

    def command_exposure(self, at_ms: int, factor: float, *, obeys: bool = True) -> None:
        """Take note that the camera was told to make the picture so many times as bright.

        Args:
            at_ms: When it carried that out.
            factor: How many times as much light.
            obeys: Whether this camera is known to follow; of another one it is only missing.
        """
        self._commanded = (at_ms, factor)
        self._obeys = obeys
        self._followed = None

    def cannot_command(self, why: str) -> None:
        """Take note that this camera's exposure will not be changed in this session."""
        self._unable = why

    @property
    def followed(self) -> bool | None:
        """Say whether the picture followed the last command; None while that is open."""
        return self._followed

    def add(self, sight: Sight) -> None:
        """Take one more frame."""
        grid = np.ascontiguousarray(sight.image[4::_ROWS, 5::_COLUMNS, 1])
        self._times.append(sight.at_ms)
        shares = self._frames.add(grid)
        if shares is not None:
            self._repeats.append(shares[0] >= self._rule.same_min)
            self._same.append(shares[1])
        repeated = sum(self._repeats)
        if repeated >= self._rule.repeats_min and repeated * 2 >= len(self._repeats):
            self._fault = "frames_repeat"
        elif len(self._same) >= self._rule.frames_min and self._is_too_clean():
            self._fault = self._fault or "no_noise"
        self._check_exposure(sight.at_ms)

    def report(self) -> LayerReport:
        """Say what the stream is worth."""
        same = round(statistics.median(self._same), 3) if self._same else None
        if self._fault:
            return LayerReport(Layer.STREAM, LayerVerdict.ATTACK, self._fault, same)
        if not self._facts.true_clock:
            return LayerReport(Layer.STREAM, LayerVerdict.COULD_NOT_RUN, "no_true_clock", same)
        if len(self._same) < self._rule.frames_min:
            return LayerReport(Layer.STREAM, LayerVerdict.UNDECIDED, "too_few_frames", same)
        if self._is_too_even():
            return LayerReport(Layer.STREAM, LayerVerdict.COULD_NOT_RUN, "clock_too_even", same)
        if self._facts.exposure and self._unable and self._followed is not True:
            return LayerReport(Layer.STREAM, LayerVerdict.COULD_NOT_RUN, self._unable, same)
        if self._facts.exposure and self._followed is not True:
            return LayerReport(Layer.STREAM, LayerVerdict.UNDECIDED, "exposure_not_tried", same)
        return LayerReport(Layer.STREAM, LayerVerdict.BONA_FIDE, "", same)

    def _is_too_clean(self) -> bool:
        return statistics.median(self._same) >= self._rule.clean_min

    def _is_too_even(self) -> bool:
        if len(self._times) < self._rule.beats_min:
            return False
        gaps = [later - earlier for earlier, later in pairwise(self._times)]
        if max(gaps) > 2.5 * max(1.0, statistics.median(gaps)):
            return False
        times = np.array(self._times, np.float64)
        times -= times.mean()
        beats = np.arange(len(times)) - (len(times) - 1) / 2
        slope = (times @ beats) / (beats @ beats)
        return bool(np.abs(times - slope * beats).max() < self._rule.jitter_min_ms)

    def _frames_between(self, first_ms: int, last_ms: int) -> NDArray[np.uint8]:
        """Return the kept frames of a time, of the newest one's size."""
        frames = self._frames.kept()
        times = list(self._times)[-len(frames) :]
        kept = [
            frame
            for at_ms, frame in zip(times, frames, strict=True)
            if first_ms <= at_ms <= last_ms
        ]
        return np.stack(kept) if kept else np.empty((0, *frames[-1].shape), np.uint8)

    def _check_exposure(self, now_ms: int) -> None:
        if self._commanded is None or self._followed is not None:
            return
        at_ms, factor = self._commanded
        first_ms, last_ms = self._rule.exposure_after_ms
        before = self._frames_between(at_ms - last_ms, at_ms)
        after = self._frames_between(at_ms + first_ms, at_ms + last_ms)
        if len(before) < 2 or len(after) < 2:
            return
        usual = np.median(before, axis=0)
        # What is black or burnt out cannot follow, such as the window behind a face.
        low, high = self._rule.exposure_levels
        shows = (usual > low) & (usual < high)
        if np.count_nonzero(shows) < self._rule.pixels_min:
            return
        levels = np.maximum(1.0, after[:, shows].mean(axis=1))
        seen = np.log(levels / float(usual[shows].mean())) / np.log(factor)
        if float(np.sort(seen)[-2]) >= self._rule.exposure_share_min:
            self._followed = True
        elif now_ms >= at_ms + last_ms:
            self._followed = False
            if self._obeys:
                self._fault = self._fault or "exposure_ignored"
            else:
                self._unable = "exposure_ignored"
