"""Play one session without a screen: the same machine, with the customer's answers given before.

It performs the effects of `kiosk.domain.session` one after another on one thread.
Digits, PIN and phone number are given out only when the machine asks, and once.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from kiosk.domain.consent import ConsentKind
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.evidence import PadVerdict
from kiosk.domain.order import OrderState
from kiosk.domain.session import Phase, Session, new_session, step
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.session.look import Look, meaning
from kiosk.domain.session.resume import OUTCOME_OF
from kiosk.domain.stepup import TRIAL_LOGGER, StepUpPolicy
from kiosk.faces.exposure import ExposureKeeper
from kiosk.faces.learning import Learn, learn_from, learn_nothing
from kiosk.faces.teller import Teller
from kiosk.link.protocol import PayHeadless, Progress, SessionReport

if TYPE_CHECKING:
    from kiosk.faces.camera.port import Camera, Frame
    from kiosk.faces.eyes import Eyes
    from kiosk.faces.money_link import MoneyLink
    from kiosk.faces.teller import People

OUTCOME_POLL_S = 0.5
"""Seconds between two questions about an order that is in flight."""
STEPS_MAX = 100_000
"""Events of one session; two orders of magnitude above the longest real one."""


@dataclass(slots=True)
class _Script:
    """What the customer would type, each to be given once."""

    digits: str | None
    pin: str | None
    phone: str | None
    consent: ConsentKind


class _Clock:
    """The session's clock: the camera's time while looking, real time for everything else."""

    def __init__(self) -> None:
        self._offset_ms = 0.0
        self._real = time.monotonic()
        self.now_ms = 0

    def frame(self, at_ms: int) -> int:
        """A frame was taken: with a folder this, and not our speed, is how time passes."""
        self.now_ms = max(self.now_ms, int(self._offset_ms) + at_ms)
        self._real = time.monotonic()
        return self.now_ms

    def real(self) -> int:
        """Something took real time, such as a question to money."""
        now = time.monotonic()
        passed_ms = (now - self._real) * 1_000
        self._real = now
        self._offset_ms += passed_ms
        self.now_ms += int(passed_ms)
        return self.now_ms


class HeadlessSession:
    """One payment, one order, no screen.

    Args:
        request: The order and the customer's answers.
        money: This session's link to money.
        people: The vault's answers.
        camera: Makes the camera; opened only when the machine says so. None with a phone number.
        eyes: Makes the eyes; called after the camera is open.
        policy: The step-up policy.
        tries_used: Sessions that this order has already seen.
        learn: Told what a visit could teach, after a payment by face and PIN.
    """

    def __init__(
        self,
        request: PayHeadless,
        *,
        money: MoneyLink,
        people: People,
        camera: Callable[[], Camera] | None,
        eyes: Callable[[], Eyes],
        policy: StepUpPolicy,
        tries_used: int = 0,
        learn: Learn = learn_nothing,
    ) -> None:
        """Remember the parts; nothing is opened."""
        self._order_id = request.order_id
        self._nonce = request.nonce
        self._script = _Script(request.phone_digits, request.pin, request.phone, request.consent)
        self._money = money
        self._people = people
        self._make_camera = camera
        self._make_eyes = eyes
        self._policy = policy
        self._tries_used = tries_used
        self._learn = learn
        self._clock = _Clock()
        self._looking = ExitStack()
        self._frames: Iterator[Frame] | None = None
        self._eyes: Eyes | None = None
        self._exposure: ExposureKeeper | None = None
        self._teller: Teller | None = None
        self._identify_ms: float | None = None
        self._first_frame_at: float | None = None

    def run(self) -> Iterator[Progress | SessionReport]:
        """Play the session; yield hints for the customer and, last, the report.

        Raises:
            SmileTillError: Money does not know the order, or the input cannot be used.
        """
        started = time.monotonic()
        status = self._money.status(self._order_id)
        if status.state is not OrderState.OPEN:
            yield _told_by_money(status.state, status.reason)
            return
        if self._nonce is None:
            raise BadInputError(
                "The order was asked to be paid without its nonce.",
                code="nonce_missing",
                mend="Get the order from money first.",
            )
        self._teller = Teller(self._money, self._people, status.order, self._nonce)
        session = new_session(
            status.order, self._clock.real(), tries_used=self._tries_used, policy=self._policy
        )
        hint = ""
        with self._looking:
            waiting: deque[ev.Event] = deque([self._first_event()])
            for _ in range(STEPS_MAX):
                if session.phase is Phase.ENDED:
                    break
                event = waiting.popleft() if waiting else self._next_event(session)
                session, effects = step(session, event)
                for effect in effects:
                    waiting.extend(self._perform(effect))
                if session.hint not in {"", hint}:
                    hint = session.hint
                    yield Progress(hint)
            assert session.phase is Phase.ENDED, "a session ends within its limits"
        yield self._report(session, started)

    # The customer and the camera ------------------------------------------------------------------

    def _first_event(self) -> ev.Event:
        at_ms = self._clock.real()
        return ev.PhoneChosen(at_ms) if self._script.phone is not None else ev.Pressed(at_ms)

    def _next_event(self, session: Session) -> ev.Event:
        """Say what happens next when nothing is waiting: a frame, an answer, or time."""
        match session.phase:
            case Phase.PROBING | Phase.PROVING | Phase.TURNING:
                return self._look_further(session.phase)
            case Phase.CONFIRMING if self._script.consent is ConsentKind.SMILE:
                return self._watch_for_a_smile()
            case Phase.CONFIRMING:
                return ev.Tapped(self._clock.real())
            case Phase.DIGITS | Phase.PIN | Phase.PHONE:
                return self._typed(session.phase)
            case Phase.AUTHORISING:
                return self._ask_outcome()
            case _:
                return ev.Tick(self._clock.real())

    def _typed(self, phase: Phase) -> ev.Event:
        at_ms, script = self._clock.real(), self._script
        match phase:
            case Phase.DIGITS if script.digits is not None:
                digits, script.digits = script.digits, None
                return ev.DigitsTyped(at_ms, digits)
            case Phase.PIN if script.pin is not None:
                pin, script.pin = script.pin, None
                return ev.PinTyped(at_ms, pin)
            case Phase.PHONE if script.phone is not None:
                phone, script.phone = script.phone, None
                return ev.PhoneTyped(at_ms, phone, script.pin or "")
            case _:
                return ev.Declined(at_ms)

    def _look_further(self, phase: Phase) -> ev.Event:
        look = self._next_look()
        if isinstance(look, ev.Event):
            return look
        if look is None:
            assert self._eyes is not None
            last = self._eyes.finish()
            return ev.Probed(
                self._clock.now_ms,
                last.pad,
                last.identification,
                last.hint,
                final=True,
                liveness=last.liveness,
            )
        found = look.pad is PadVerdict.BONA_FIDE and look.identification is not None
        if found and self._identify_ms is None and self._first_frame_at is not None:
            self._identify_ms = (time.monotonic() - self._first_frame_at) * 1_000
        event = meaning(look, phase, self._clock.now_ms)
        assert event is not None, "every look says something while probing"
        return event

    def _watch_for_a_smile(self) -> ev.Event:
        look = self._next_look()
        if isinstance(look, ev.Event):
            return look
        if look is None:
            # The camera has ended; nobody is left who could smile.
            return ev.Declined(self._clock.now_ms)
        event = meaning(look, Phase.CONFIRMING, self._clock.now_ms)
        assert event is not None, "every look says something while confirming"
        return event

    def _next_look(self) -> Look | ev.Event | None:
        """Look at the next frame; None at the end of them, an event if the camera failed."""
        assert self._frames is not None
        assert self._eyes is not None
        assert self._exposure is not None
        try:
            frame = next(self._frames, None)
        except SetupError as error:
            # A folder without a picture is no camera at all: that error goes to who named it.
            return ev.CameraFailed(self._clock.real(), error.code)
        if frame is None:
            return None
        if self._first_frame_at is None:
            self._first_frame_at = time.monotonic()
        self._clock.frame(frame.at_ms)
        return self._exposure.look(self._eyes, frame)

    # Effects --------------------------------------------------------------------------------------

    def _perform(self, effect: fx.Effect) -> list[ev.Event]:
        """Do one thing and return the events that answer it."""
        match effect:
            case fx.OpenCamera():
                return self._open_camera()
            case fx.CloseCamera():
                self._looking.pop_all().close()
                return []
            case fx.Wipe():
                learn_from(self._teller, self._eyes, self._learn)
                if self._eyes is not None:
                    self._eyes.wipe()
                self._script = _Script(None, None, None, self._script.consent)
                return []
            case fx.SearchClaimed(digits=digits):
                verdict = None if self._eyes is None else self._eyes.claim(digits)
                return [ev.Claimed(self._clock.real(), verdict)]
            case fx.ShowAmount() | fx.AskTurn():
                at_ms = self._clock.real()
                # Nobody can be asked to turn without a screen; the eyes know and say so before.
                asked = isinstance(effect, fx.AskTurn)
                return [ev.TurnSkipped(at_ms) if asked else ev.AmountShown(at_ms)]
            case fx.NoteTrial():
                logging.getLogger(TRIAL_LOGGER).info("%s", effect.line())
                return []
            case fx.AskFacts() | fx.VerifyPin() | fx.VerifyPhone() | fx.Authorise():
                assert self._teller is not None
                event = self._teller.answer(effect)
                return [dataclasses.replace(event, at_ms=self._clock.real())]
            case fx.AskOutcome():
                return [self._ask_outcome()]
            case _:
                assert_never(effect)

    def _open_camera(self) -> list[ev.Event]:
        assert self._make_camera is not None, "a session by face has a camera"
        camera = self._looking.enter_context(self._make_camera())
        self._frames = camera.frames()
        self._eyes = self._make_eyes()
        self._exposure = ExposureKeeper(camera, self._eyes.streams, secrets.randbelow)
        return []

    def _ask_outcome(self) -> ev.Event:
        assert self._teller is not None
        time.sleep(OUTCOME_POLL_S)
        return dataclasses.replace(self._teller.outcome(), at_ms=self._clock.real())

    def _report(self, session: Session, started: float) -> SessionReport:
        assert session.outcome is not None
        return SessionReport(
            outcome=session.outcome,
            reason=session.reason,
            asked=tuple(factor.value for factor in session.asked),
            # Named only to whoever gave everything that was asked: a doubt names nobody.
            person=session.person if session.amount_shown else None,
            frames_seen=0 if self._eyes is None else self._eyes.frames_seen,
            identify_ms=None if self._identify_ms is None else round(self._identify_ms, 1),
            total_ms=round((time.monotonic() - started) * 1_000, 1),
            stages_ms={} if self._eyes is None else self._eyes.stages_ms(),
        )


def _told_by_money(state: OrderState, reason: str) -> SessionReport:
    """Report an order that needs no session any more: its end is in the journal."""
    outcome = OUTCOME_OF[state]
    told = "already_paid" if state is OrderState.PAID else reason or state.value
    return SessionReport(outcome, told, (), None, 0, None, 0.0, {})
