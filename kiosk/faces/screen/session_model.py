"""The session behind the window: events in, effects out to the threads, answers back as events.

It owns the pure session and calls `step` on the main thread; effects go to the two workers and come
back as events. It decides nothing about money or faces (`kiosk.domain.session` does); what is shown
is in `display`, what a finger does in `fingers`.
Invariants: one session at a time; old tickets' answers are dropped; nothing typed outlives its use.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal, Slot

from kiosk.domain.identification import Identification
from kiosk.domain.order import OrderState, Outcome
from kiosk.domain.session import Phase, Session, SessionLimits, new_session, resumed_session, step
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.session.look import Look, meaning
from kiosk.domain.stepup import TRIAL_LOGGER, StepUpPolicy
from kiosk.faces.screen import customs
from kiosk.faces.screen.entry import LENGTHS
from kiosk.faces.screen.fingers import Fingers
from kiosk.faces.screen.own_data import OwnData, Registrar
from kiosk.faces.screen.signals import ring
from kiosk.faces.screen.texts import Texts
from kiosk.faces.screen.views import Overlay
from kiosk.faces.screen.workers import Cashier, LinkWorker, Looker, Trouble, VisionWorker
from kiosk.link.protocol import OrderOffer

logger = logging.getLogger(__name__)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class SessionModel(Fingers):
    """One screen's session, and the threads that work for it.

    Args:
        looker: Camera and eyes, for the vision thread; None where there is no camera.
        cashier: Money, for the link thread.
        policy: The step-up policy.
        payee: Who is paid, shown while there is no order.
        language: `en` or `de`.
        staff_can_close: Whether staff have codes to close a bill with.
        limits: Times of a session.
        clock_ms: A monotonic clock in milliseconds.
        registrar: Desk and money for a customer's own data, for the link thread; None: not here.
    """

    enrolling_changed = Signal(bool)
    """Rung from any thread: staff have begun or ended to enrol somebody."""

    def __init__(
        self,
        looker: Looker | None,
        cashier: Cashier,
        *,
        policy: StepUpPolicy,
        payee: str,
        language: str = "en",
        staff_can_close: bool = False,
        limits: SessionLimits | None = None,
        clock_ms: Callable[[], int] = _monotonic_ms,
        registrar: Registrar | None = None,
    ) -> None:
        """Wire the threads; `start` starts them."""
        super().__init__(
            Texts(language),
            payee,
            staff_can_close=staff_can_close,
            has_camera=looker is not None,
            clock_ms=clock_ms,
        )
        self._cashier = cashier
        self._policy = policy
        self._limits = limits or SessionLimits()
        self._ticket = 0
        self._tries: dict[str, int] = {}
        self._watching = False
        self._asking: set[str] = set()
        self._state_at_ms = self._outcome_at_ms = self._next_at_ms = 0
        self._vision = None if looker is None else VisionWorker(looker)
        self._link = LinkWorker()
        self._link.answered.connect(self._on_answer)
        self._own = OwnData(
            registrar,
            self._vision,
            self._link,
            texts=lambda: self._texts,
            clock_ms=clock_ms,
            on_change=self._on_own,
        )
        if self._vision is not None:
            self._vision.looked.connect(self._on_look)
            self._vision.looked.connect(self._light.on_look)
            self._vision.ended.connect(self._on_last_look)
            self._vision.claimed.connect(self._on_claimed)
            self._vision.failed.connect(self._on_blind)
        self.enrolling_changed.connect(self._on_enrolling)
        self._timer = QTimer(self)
        self._timer.setInterval(customs.TICK_MS)
        self._timer.timeout.connect(self.tick)

    def start(self) -> None:
        """Start the threads and wait for the first order."""
        if self._vision is not None:
            self._vision.start()
        self._link.start()
        self._timer.start()
        self._ask_next()

    def stop(self) -> bool:
        """Close the camera, wipe, end the threads; return whether all ended in time."""
        self._timer.stop()
        self._entry.clear()
        blind = self._vision is None or self._vision.stop()
        return self._link.stop() and blind

    @property
    def session(self) -> Session | None:
        """The session at hand, for tests and for the demo's side panel."""
        return self._session

    def tell_enrolling(self, enrolling: bool) -> None:  # noqa: FBT001 - one fact
        """Say, from any thread, that staff have begun or ended to enrol somebody."""
        ring(self.enrolling_changed, enrolling)

    # Time -----------------------------------------------------------------------------------------

    @Slot()
    def tick(self) -> None:
        """Let time pass; ask again what has to be asked again."""
        now_ms, session = self._clock_ms(), self._session
        if session is None:
            self._own.tick()
            if now_ms >= self._next_at_ms and self._own.session is None:
                self._ask_next()
            return
        self._feed(ev.Tick(now_ms))
        session = self._session
        if session is None:
            return
        if session.phase is Phase.AUTHORISING and "event" not in self._asking:
            self._ask_outcome(customs.OUTCOME_EVERY_MS)
        elif session.phase is Phase.ENDED and session.outcome is Outcome.UNKNOWN:
            self._ask_outcome(customs.LATE_NEWS_EVERY_MS)
        elif (
            session.phase in customs.BEFORE_SEND
            and now_ms >= self._state_at_ms
            and not self._asking
        ):
            self._state_at_ms = now_ms + customs.STATE_EVERY_MS
            order_id = session.order.order_id
            self._ask("state", lambda: self._cashier.state(order_id))

    def _on_own(self) -> None:
        if self._own.view() not in LENGTHS:
            self._entry.clear()
        self._refresh()

    def _ask_outcome(self, every_ms: int) -> None:
        now_ms = self._clock_ms()
        if "outcome" not in self._asking and now_ms >= self._outcome_at_ms:
            self._outcome_at_ms = now_ms + every_ms
            self._ask("outcome", self._cashier.outcome)

    # The machine ----------------------------------------------------------------------------------

    def _feed(self, event: ev.Event) -> None:
        before = self._session
        if before is None:
            return
        session, effects = step(before, event)
        self._session = session
        for effect in effects:
            self._perform(effect)
        if session.phase is not before.phase:
            self._entered(session)
        self._refresh()

    def _entered(self, session: Session) -> None:
        """A phase has begun: what was typed is forgotten, and the eyes look or pause."""
        self._entry.clear()
        if session.phase not in {Phase.OFFERED, Phase.PHONE}:
            self._overlay = Overlay.NONE
        watch = session.camera_on and session.phase in customs.WATCHED
        if watch is not self._watching and self._vision is not None:
            self._watching = watch
            if session.camera_on:
                self._vision.watch(on=watch)
        if session.phase is Phase.ENDED:
            self._ended(session)
        elif session.phase is Phase.CLOSED:
            self._closed(session)

    def _ended(self, session: Session) -> None:
        order_id, reason = session.order.order_id, session.reason
        if session.outcome is Outcome.NOT_PAID and session.pressed_ms is not None:
            tries = self._tries.pop(order_id, 0) + 1
            self._tries[order_id] = tries
            if len(self._tries) > customs.TRIES_KEPT:
                del self._tries[next(iter(self._tries))]
        if session.outcome is Outcome.CANCELLED and reason in customs.GIVEN_BACK:
            self._ask("note", lambda: self._cashier.take_back(order_id, reason))

    def _closed(self, session: Session) -> None:
        order_id = session.order.order_id
        if session.sent:
            self._ask("note", lambda: self._cashier.acknowledge(order_id))
        self._session = None
        self._overlay = Overlay.NONE
        self._ask_next()

    def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.OpenCamera():
                if self._vision is not None:
                    self._vision.open(self._ticket)
            case fx.CloseCamera():
                self._watching = False
                if self._vision is not None:
                    self._vision.close()
            case fx.Wipe():
                self._entry.clear()
                if self._vision is not None:
                    self._vision.wipe()
            case fx.SearchClaimed(digits=digits):
                if self._vision is not None:
                    self._vision.claim(self._ticket, digits)
            case fx.AskTurn():
                if self._vision is not None:
                    self._vision.ask_turn()
            case fx.ShowAmount():  # The view says when it is painted: `amountOnScreen`.
                pass
            case fx.NoteTrial():
                logging.getLogger(TRIAL_LOGGER).info("%s", effect.line())
            case fx.AskOutcome():
                self._outcome_at_ms = self._clock_ms() + customs.OUTCOME_EVERY_MS
            case question:
                self._ask("event", lambda: self._cashier.answer(question))

    # Answers --------------------------------------------------------------------------------------

    def _ask(self, topic: str, work: Callable[[], object]) -> None:
        if topic != "note":
            self._asking.add(topic)
        self._link.ask(self._ticket, topic, work)

    def _ask_next(self) -> None:
        if "next" not in self._asking:
            self._ticket += 1
            self._asking = {"next"}
            self._link.ask(self._ticket, "next", self._cashier.next_order)

    @Slot(int, str, object)
    def _on_answer(self, ticket: int, topic: str, answer: object) -> None:
        if ticket != self._ticket:
            return
        self._asking.discard(topic)
        match topic, answer:
            case "next", _:
                self._on_next(answer)
            case "event" | "outcome", ev.Event():
                self._feed(dataclasses.replace(answer, at_ms=self._clock_ms()))
            case "event" | "outcome" | "state", Trouble(code=code):
                logger.warning("money could not be asked: %s", code)
                self._feed(ev.LinkLost(self._clock_ms()))
            case "state", OrderState() if answer in customs.TAKEN:
                self._feed(ev.Cancelled(self._clock_ms(), customs.TAKEN[answer]))
            case "close", _:
                self._on_close(closed=answer is True)
            case _:
                pass

    def _on_next(self, answer: object) -> None:
        self._offline = isinstance(answer, Trouble)
        now_ms = self._clock_ms()
        if isinstance(answer, OrderOffer):
            self._begin(answer, now_ms)
        else:
            self._then, self._press_next = None, False
            # The call itself waits for an order; only one that failed at once is paused after.
            self._next_at_ms = now_ms + (customs.RETRY_MS if self._offline else 0)
            if not self._offline:
                self._ask_next()
        self._refresh()

    def _begin(self, offer: OrderOffer, now_ms: int) -> None:
        order = offer.order
        self._state_at_ms = now_ms + customs.STATE_EVERY_MS
        self._outcome_at_ms = now_ms
        self._watching = False
        self._entry.clear()
        self._staff_wrong = False
        if offer.nonce is None:
            self._session = resumed_session(order, offer.state, offer.reason, now_ms)
            return
        self._session = new_session(
            order,
            now_ms,
            tries_used=self._tries.get(order.order_id, 0),
            limits=self._limits,
            policy=self._policy,
        )
        self._overlay, self._then = self._then or Overlay.NONE, None
        press, self._press_next = self._press_next, False
        if press:
            self.press()

    def _drop_next_order(self) -> None:
        self._ticket += 1
        self._asking.clear()

    def _close_elsewhere(self, code: str) -> None:
        session = self._session
        if session is not None and "close" not in self._asking:
            order_id = session.order.order_id
            self._ask("close", lambda: self._cashier.close_elsewhere(order_id, code))

    def _on_close(self, *, closed: bool) -> None:
        self._staff_wrong = not closed
        if closed:
            self._feed(ev.Cancelled(self._clock_ms(), "paid_elsewhere"))
        self._refresh()

    @Slot(int, object)
    def _on_look(self, ticket: int, look: Look) -> None:
        session = self._session
        if ticket == self._ticket and session is not None and session.camera_on:
            self._turn_to = None if look.turn is None else look.turn.side
            event = meaning(look, session.phase, self._clock_ms())
            if event is not None:
                self._feed(event)

    @Slot(int, object)
    def _on_last_look(self, ticket: int, look: Look) -> None:
        # Without a camera there is still the button, so only the search is over.
        if ticket == self._ticket and self._session is not None:
            now_ms = self._clock_ms()
            self._feed(customs.last_word(look, now_ms))

    @Slot(int, object)
    def _on_claimed(self, ticket: int, verdict: Identification | None) -> None:
        if ticket == self._ticket:
            self._feed(ev.Claimed(self._clock_ms(), verdict))

    @Slot(int, str)
    def _on_blind(self, ticket: int, code: str) -> None:
        if ticket == self._ticket:
            self._feed(ev.CameraFailed(self._clock_ms(), code))
            session = self._session
            if session is not None and session.phase is Phase.CLAIMING:
                self._feed(ev.Claimed(self._clock_ms(), None))

    @Slot(bool)
    def _on_enrolling(self, enrolling: bool) -> None:  # noqa: FBT001 - a slot
        self._enrolling = enrolling
        self._refresh()
