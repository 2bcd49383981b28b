"""What is done to the camera's exposure while somebody is looked at.

Two things, one after the other, on cameras whose exposure can be commanded:
- A face that the camera's own metering leaves too dark or too bright is mended in bounded steps
  (`kiosk.domain.metering`); only when they are used up is the customer asked for light.
- Once a face has been there for a moment, the exposure is held as it is and, at a random moment,
  lowered for a fraction of a second. Pictures of this camera, of now, must follow; the stream layer
  looks for it. A camera that does not take the command, or that has never been seen to follow, is
  missing that proof; one that is known to follow and does not is somebody else's pictures.
Frames meanwhile are marked, so that they count for no identification; the screen's colours wait.

It decides nothing about the customer. Every wait and every count has a bound; at the camera's
closing the exposure is its own again.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Protocol

from kiosk.domain.evidence import Reason
from kiosk.domain.metering import GAMMA, Metering, MeteringRule, step
from kiosk.faces.camera.exposure import Exposure, ExposureControl, ExposureState

if TYPE_CHECKING:
    from kiosk.domain.session.look import Look
    from kiosk.faces.camera.port import Camera, Frame
    from kiosk.faces.vision.judgement import FrameJudgement
    from kiosk.faces.vision.pad.stream import StreamLayer

NO_CONTROL = "no_exposure_control"
MENDED = frozenset({Reason.TOO_DARK.value, Reason.TOO_BRIGHT.value, Reason.BACKLIT.value})
"""Hints that are held back as long as the exposure may still mend what they say."""
BLACK, WHITE = 40.0, 240.0
"""Grey levels that a face counts as where most of it is black or burnt out: its mean says little
then, and the gates refuse it for that."""
BLACK_SHARE, WHITE_SHARE = 0.5, 0.7
FRAMES_KEPT = 64
"""Grey levels that are remembered; half a second at 120 frames a second."""


@dataclass(frozen=True, slots=True)
class ExposureRule:
    """Times in milliseconds of the camera's clock; our own choice for 15 to 30 frames a second."""

    face_ms: int = 400
    """From the first face to the hold: the camera settles, and a clear face is known by then."""
    warm_ms: int = 600
    """From the first frame to the first step for a face: a webcam's own metering begins dark."""
    dark_ms: int = 1_200
    """The same, where it is too dark to find one."""
    blind_ms: int = 2_000
    """From the first frame without any face until another light is tried once: somebody has pressed
    the button, and may be black before a window, or white in the sun."""
    blind_times: float = 4.0
    blind_white: float = 180.0
    """Mean grey level of the frame from which it is less light that is tried."""
    blind_for_ms: int = 700
    settle_ms: int = 200
    """From a command to the frame that shows it all: a queue of two or three frames."""
    random_ms: int = 500
    """The command to lower comes within this time after the hold, nobody knows when."""
    steady_within: float = 1.06
    """Ratio of the newest frames' grey levels up to which they are steady. Only then it comes, so
    that a recording's own change, of an earlier session, is not taken for the answer to it."""
    steady_ms: int = 450
    """For so long: what the stream layer compares with."""
    steady_ms_max: int = 900
    """Longest wait for that."""
    quiet_ms: int = 300
    """More of it after the picture was changed: the stream layer compares with what was before."""
    back_ms: int = 130
    answer_ms_max: int = 1_500
    """Longest wait for the stream layer's word, which itself waits for .45 s."""
    lowered: tuple[int, int] = (60, 72)
    """Hundredths of the light: a change of a fifth or a sixth in grey levels, which burns out
    nothing. What a driver rounds above the next is not asked."""
    lowered_max: float = 0.85
    held_within: float = 1.18
    """Ratio of grey levels before and after the hold; some webcams do not tell what they chose, and
    are brought back to it in steps."""
    hold_tries: int = 3
    obey_ms_max: int = 1_000
    """Longest wait for the camera's thread to carry a command out."""


class Phase(enum.Enum):
    """How far the session's exposure is."""

    WAITING = "waiting"
    HOLDING = "holding"
    HELD = "held"
    LOWERED = "lowered"
    RETURNING = "returning"
    DONE = "done"
    """The pictures followed or not, or nothing could be asked; metering goes on."""


METERED = frozenset({Phase.WAITING, Phase.HELD, Phase.DONE})
"""Phases in which the exposure may follow the face."""


@dataclass(slots=True)
class _Command:
    """A command that was given: which number its answer has, and since when it is waited for."""

    number: int
    at_ms: int
    done_ms: int | None = None


class Watching(Protocol):
    """What is needed of `Eyes`."""

    newest: FrameJudgement | None

    @property
    def streams(self) -> Sequence[StreamLayer]:
        """The layers to tell of a command."""
        ...

    def look(self, frame: Frame) -> Look:
        """Look at one more frame."""
        ...


class ExposureKeeper:
    """The exposure of one session; `before` and `after` every look, on the session's thread.

    Args:
        camera: The open camera; one without control is left alone.
        streams: The stream layers to tell; none: nothing is asked of the camera, only metered.
        draw: A random number below another one.
        rule: Times and bounds.
        metering: Bounds of the metering.
    """

    def __init__(
        self,
        camera: Camera,
        streams: Sequence[StreamLayer],
        draw: Callable[[int], int],
        *,
        rule: ExposureRule | None = None,
        metering: MeteringRule | None = None,
    ) -> None:
        """Command nothing yet."""
        self._camera = camera if isinstance(camera, ExposureControl) else None
        self._streams = streams
        self._draw = draw
        self._rule = rule or ExposureRule()
        self._metering_rule = metering or MeteringRule()
        self._metering = Metering()
        self._phase = Phase.WAITING
        self._command: _Command | None = None
        self._levels: deque[float] = deque(maxlen=5)
        self._recent: deque[tuple[int, float]] = deque(maxlen=FRAMES_KEPT)
        self._level_wanted = 0.0
        self._tries = 0
        self._began_ms: int | None = None
        self._face_ms: int | None = None
        self._due_ms = 0
        self._lowered_to = 1.0
        self._to_be_mended = False
        self._searches: list[int] = []
        if self._refuses(self._exposure()):
            self._give_up(NO_CONTROL)

    @property
    def lets_shine(self) -> bool:
        """Say whether the screen's colours may begin: nothing is being done to the exposure."""
        return self._phase is Phase.DONE and not self._metering.is_mending

    def look(self, eyes: Watching, frame: Frame) -> Look:
        """Look at one more frame with these eyes, and do to the exposure what follows from it."""
        look = eyes.look(self.before(frame))
        if eyes.newest is not None:
            self.after(eyes.newest)
        return replace(look, hint="") if self.hides(look.hint) else look

    def hides(self, hint: str) -> bool:
        """Say whether a hint is held back, because the exposure may still mend what it says."""
        return hint in MENDED and not self._metering.has_given_up

    def before(self, frame: Frame) -> Frame:
        """Take a new frame; return it as it is to be looked at."""
        if self._camera is None:
            return frame
        if self._began_ms is None:
            self._began_ms = frame.at_ms
        self._take_answer(frame.at_ms)
        level = float(frame.image[4::11, 5::13, 1].mean())
        changing = self._command is not None or self._phase in {Phase.LOWERED, Phase.RETURNING}
        # A face that is about to be mended does not look as it will then: it does not count yet.
        unsteady = changing or self._to_be_mended
        self._levels.append(max(1.0, level))
        self._recent.append((frame.at_ms, self._levels[-1]))
        return replace(frame, is_steady=False) if unsteady else frame

    def after(self, judgement: FrameJudgement) -> None:
        """Be told what a frame was worth, and command what follows."""
        now_ms = judgement.at_ms
        if self._camera is None:
            return
        if judgement.face is not None and self._face_ms is None:
            self._face_ms = now_ms
        elif self._face_ms is None and judgement.reason is Reason.NO_FACE:
            self._search(now_ms)
        if self._command is None and self._phase in METERED:
            self._meter(judgement)
        if self._to_be_mended or self._metering.is_mending or self._metering.has_given_up:
            return
        match self._phase:
            case Phase.WAITING:
                self._begin(now_ms)
            case Phase.HOLDING:
                self._hold(now_ms)
            case Phase.HELD:
                self._lower(now_ms)
            case Phase.LOWERED:
                self._watch(now_ms)
            case Phase.RETURNING if self._is_over(now_ms, self._rule.back_ms):
                self._command, self._phase = None, Phase.DONE
            case _:
                pass

    # Metering -------------------------------------------------------------------------------------

    def _meter(self, judgement: FrameJudgement) -> None:
        luminance = self._luminance(judgement)
        before = self._metering
        after = before if luminance is None else step(before, luminance, self._metering_rule)
        self._to_be_mended = luminance is not None and after.is_mending
        wait_ms = self._rule.dark_ms if judgement.face is None else self._rule.warm_ms
        if luminance is None or judgement.at_ms - (self._began_ms or 0) < wait_ms:
            return
        self._metering = after
        if self._metering.has_given_up:
            self._give_up("exposure_at_its_end")
        elif self._metering.times != before.times:
            self._tell_camera(self._metering.times, judgement.at_ms)
            self._due_ms = self._drawn_ms(judgement.at_ms + self._rule.settle_ms)

    def _search(self, now_ms: int) -> None:
        """Where nobody is found, look once in another light, and then as before."""
        rule = self._rule
        if not self._searches:
            white = self._levels[-1] >= rule.blind_white
            due_ms = (self._began_ms or 0) + rule.blind_ms
            times = 1 / rule.blind_times if white else rule.blind_times
        elif len(self._searches) == 1:
            due_ms, times = self._searches[0] + rule.blind_for_ms, 1.0
        else:
            return
        if now_ms >= due_ms:
            self._searches.append(now_ms)
            steps = self._metering.steps + 1
            self._metering = replace(self._metering, times=times, steps=steps)
            self._tell_camera(times, now_ms)

    def _luminance(self, judgement: FrameJudgement) -> float | None:
        quality = judgement.quality
        if quality is None:
            # Too dark to find a face: the picture itself is metered.
            return self._levels[-1] if judgement.reason is Reason.TOO_DARK else None
        if quality.underexposed > BLACK_SHARE:
            return min(BLACK, quality.luminance)
        if quality.overexposed > WHITE_SHARE:
            return max(WHITE, quality.luminance)
        return quality.luminance

    # The random change ----------------------------------------------------------------------------

    def _begin(self, now_ms: int) -> None:
        if not self._streams:
            self._phase = Phase.DONE
        elif self._face_ms is not None and now_ms - self._face_ms >= self._rule.face_ms:
            self._phase = Phase.HOLDING
            if self._exposure().state is ExposureState.HELD:
                self._held(now_ms)
                return
            assert self._camera is not None
            self._level_wanted = median(self._levels)
            self._metering = replace(self._metering, times=self._camera.times_to_hold)
            self._tell_camera(self._metering.times, now_ms)

    def _hold(self, now_ms: int) -> None:
        """See that the hand-over changed nothing, or bring the picture back to what it was."""
        if not self._is_over(now_ms, self._rule.settle_ms):
            return
        self._command = None
        ratio = self._level_wanted / self._levels[-1]
        if 1 / self._rule.held_within <= ratio <= self._rule.held_within:
            assert self._camera is not None
            self._camera.note_hold(self._metering.times)
            self._held(now_ms)
        elif self._tries >= self._rule.hold_tries:
            self._give_up("exposure_not_held")
        else:
            self._tries += 1
            times = self._metering.times * min(8.0, max(1 / 8.0, ratio**GAMMA))
            self._metering = replace(self._metering, times=times)
            self._tell_camera(times, now_ms)

    def _held(self, now_ms: int) -> None:
        self._phase = Phase.HELD
        self._due_ms = self._drawn_ms(now_ms)

    def _drawn_ms(self, now_ms: int) -> int:
        changed = self._tries > 0 or self._metering.steps > 0
        quiet_ms = self._rule.quiet_ms if changed else 0
        return now_ms + quiet_ms + self._draw(self._rule.random_ms + 1)

    def _lower(self, now_ms: int) -> None:
        if now_ms < self._due_ms or self._command is not None:
            return
        since_ms = now_ms - self._rule.steady_ms
        recent = [level for at_ms, level in self._recent if at_ms >= since_ms]
        steady = max(recent) <= self._rule.steady_within * min(recent)
        if not steady and now_ms < self._due_ms + self._rule.steady_ms_max:
            return
        low, high = self._rule.lowered
        self._lowered_to = self._metering.times * (low + self._draw(high - low + 1)) / 100
        self._phase = Phase.LOWERED
        self._tell_camera(self._lowered_to, now_ms)

    def _watch(self, now_ms: int) -> None:
        """Wait for the stream layers' word, and put the exposure back."""
        assert self._camera is not None
        command = self._command
        if command is None or command.done_ms is None:
            return
        # With two packs one of them may have stopped looking; the others see the same pictures.
        told = [stream.followed for stream in self._streams if stream.followed is not None]
        if told:
            self._camera.note_answer(followed=all(told))
        elif now_ms - command.done_ms < self._rule.answer_ms_max:
            return
        else:
            for stream in self._streams:
                stream.cannot_command("exposure_not_seen")
        self._phase = Phase.RETURNING
        self._tell_camera(self._metering.times, now_ms)

    # Commands and answers -------------------------------------------------------------------------

    def _tell_camera(self, times: float, now_ms: int) -> None:
        assert self._camera is not None
        self._command = _Command(self._camera.exposure.number + 1, now_ms)
        self._camera.expose(times)

    def _take_answer(self, now_ms: int) -> None:
        """See what became of the last command; tell the streams of the one they look for."""
        exposure, command = self._exposure(), self._command
        if command is None or command.done_ms is not None:
            if self._phase in METERED and self._is_over(now_ms, self._rule.settle_ms):
                self._command = None
            return
        if exposure.number < command.number:
            if now_ms - command.at_ms > self._rule.obey_ms_max:
                self._give_up(NO_CONTROL)
            return
        if exposure.state is not ExposureState.HELD:
            self._give_up(NO_CONTROL)
            return
        command.done_ms = exposure.at_ms
        if self._phase is not Phase.LOWERED:
            self._metering = replace(self._metering, times=exposure.times)
            return
        factor = exposure.times / self._metering.times
        if factor > self._rule.lowered_max:
            self._give_up("exposure_too_coarse")
            return
        assert self._camera is not None
        for stream in self._streams:
            known = self._camera.is_known_to_follow
            stream.command_exposure(exposure.at_ms, factor, obeys=known)

    def _is_over(self, now_ms: int, wait_ms: int) -> bool:
        command = self._command
        return command is not None and (
            command.done_ms is not None and now_ms - command.done_ms >= wait_ms
        )

    def _exposure(self) -> Exposure:
        return Exposure() if self._camera is None else self._camera.exposure

    def _refuses(self, exposure: Exposure) -> bool:
        return self._camera is None or exposure.state is ExposureState.REFUSED

    def _give_up(self, why: str) -> None:
        """Leave the exposure to the camera for the rest of the session."""
        for stream in self._streams:
            stream.cannot_command(why)
        if self._camera is not None and not self._refuses(self._camera.exposure):
            self._camera.expose(None)
        self._camera, self._command = None, None
        self._metering = replace(self._metering, is_mending=False, has_given_up=True)
        self._phase = Phase.DONE
