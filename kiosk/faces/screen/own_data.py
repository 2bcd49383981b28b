"""One's own data as the window sees it: properties to show, slots for what a finger does.

It owns the pure session of `kiosk.domain.own_data` and shares the two threads with the payment; the
tickets of its sessions are below zero, so that no answer is ever taken for the other's. Whether it
may begin is not its to say: payments come first.
Invariants: nothing is shown of a session that has ended; nothing that was typed outlives its use.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import Property, QObject, Signal, Slot

from kiosk.domain.mandate import MandateLimits
from kiosk.domain.own_data import OwnLimits, Phase, Session, lower_choices, new_session, step
from kiosk.domain.own_data import effects as fx
from kiosk.domain.own_data import events as ev
from kiosk.domain.session.look import Look
from kiosk.faces.screen.signals import ring
from kiosk.faces.screen.texts import Texts
from kiosk.faces.screen.views import View
from kiosk.faces.screen.workers import LinkWorker, Trouble, VisionWorker

_VIEWS = {
    Phase.INTRO: View.OWN_INTRO,
    Phase.PROBING: View.OWN_LOOKING,
    Phase.NUMBER: View.OWN_PHONE,
    Phase.PIN: View.OWN_PIN,
    Phase.VERIFYING: View.OWN_WAIT,
    Phase.LOADING: View.OWN_WAIT,
    Phase.WORKING: View.OWN_WAIT,
    Phase.SHOWN: View.OWN_DATA,
    Phase.LIMITS: View.OWN_LIMITS,
    Phase.ERASING: View.OWN_ERASE,
    Phase.ENDED: View.OWN_END,
}
TOPIC = "own"
_DATE = 10
"""Characters of a date in ISO 8601."""

logger = logging.getLogger(__name__)


class Registrar(Protocol):
    """What the screen asks of desk and money for a customer; used on the link thread only."""

    def answer(self, question: fx.Question) -> ev.Event:
        """Ask or carry out; the event has no time yet. Raises `SmileTillError`."""
        ...


class OwnData(QObject):
    """The session about one's own data, if there is one.

    Args:
        registrar: Answers on the link thread; None: there is nobody to ask, so it never begins.
        vision: The thread that looks; None without a camera.
        link: The thread that asks.
        texts: The language of the moment.
        clock_ms: A monotonic clock in milliseconds.
        on_change: Told after every event.
        limits: Times of a session.
    """

    changed = Signal()

    def __init__(
        self,
        registrar: Registrar | None,
        vision: VisionWorker | None,
        link: LinkWorker,
        *,
        texts: Callable[[], Texts],
        clock_ms: Callable[[], int],
        on_change: Callable[[], None],
        limits: OwnLimits | None = None,
    ) -> None:
        """Wire the threads; nothing begins yet."""
        super().__init__()
        self._registrar = registrar
        self._vision = vision
        self._link = link
        self._texts = texts
        self._clock_ms = clock_ms
        self._on_change = on_change
        self._limits = limits or OwnLimits()
        self._ticket = 0
        self._phone = ""
        self.session: Session | None = None
        link.answered.connect(self._on_answer)
        if vision is not None:
            vision.looked.connect(self._on_look)
            vision.ended.connect(self._on_last_look)
            vision.failed.connect(self._on_blind)

    @property
    def is_possible(self) -> bool:
        """Say whether there is a camera to be recognised by, and somebody to ask."""
        return self._registrar is not None and self._vision is not None

    def begin(self) -> None:
        """Begin a session, with the camera off."""
        if self.session is None and self.is_possible:
            self._ticket -= 1
            self.session = new_session(self._clock_ms(), limits=self._limits)
            self._changed()

    def pose(self, session: Session | None, phone: str = "") -> None:
        """Hold still in a session, for a picture."""
        self.session, self._phone = session, phone
        ring(self.changed)

    def tick(self) -> None:
        """Let time pass."""
        self._feed(ev.Tick(self._clock_ms()))

    def typed(self, view: View, text: str) -> None:
        """Use what was typed on a pad."""
        now_ms = self._clock_ms()
        match view:
            case View.OWN_PHONE:
                self._phone = text
                self._feed(ev.Touched(now_ms))
            case View.OWN_PHONE_PIN:
                phone, self._phone = self._phone, ""
                self._feed(ev.NumberTyped(now_ms, phone, text))
            case _:
                self._feed(ev.PinTyped(now_ms, text))

    def touch(self) -> None:
        """Note that a finger is there."""
        self._feed(ev.Touched(self._clock_ms()))

    # What a finger does ---------------------------------------------------------------------------

    @Slot()
    def press(self) -> None:
        """Be recognised."""
        self._feed(ev.Pressed(self._clock_ms()))

    @Slot()
    def openNumber(self) -> None:  # noqa: N802 - a slot of QML
        """Go on after a pause, by number and PIN."""
        self._feed(ev.NumberOpened(self._clock_ms()))

    @Slot()
    def openLimits(self) -> None:  # noqa: N802 - a slot of QML
        """Choose lower limits."""
        self._feed(ev.LimitsOpened(self._clock_ms()))

    @Slot(int)
    def lowerPayment(self, choice: int) -> None:  # noqa: N802 - a slot of QML
        """Allow less a payment; the day stays."""
        limits = self._now()
        if limits is not None:
            payment = lower_choices(limits.per_payment)[choice]
            self._choose(MandateLimits(payment, limits.per_day))

    @Slot(int)
    def lowerDay(self, choice: int) -> None:  # noqa: N802 - a slot of QML
        """Allow less a day; a payment never more than that."""
        limits = self._now()
        if limits is not None:
            day = lower_choices(limits.per_day)[choice]
            self._choose(MandateLimits(min(limits.per_payment, day), day))

    @Slot()
    def pause(self) -> None:
        """Pause, or end the pause."""
        self._feed(ev.PauseChosen(self._clock_ms()))

    @Slot()
    def openErase(self) -> None:  # noqa: N802 - a slot of QML
        """Ask what withdrawing means."""
        self._feed(ev.EraseOpened(self._clock_ms()))

    @Slot()
    def erase(self) -> None:
        """Withdraw: the second act."""
        self._feed(ev.EraseConfirmed(self._clock_ms()))

    @Slot()
    def back(self) -> None:
        """Go back to what is kept."""
        self._feed(ev.Back(self._clock_ms()))

    @Slot()
    def leave(self) -> None:
        """Leave, or have read the end."""
        self._feed(ev.Left(self._clock_ms()))

    # What is shown --------------------------------------------------------------------------------

    def view(self) -> View | None:
        """Return the view, or None while there is no session."""
        if self.session is None:
            return None
        view = _VIEWS[self.session.phase]
        return View.OWN_PHONE_PIN if view is View.OWN_PHONE and self._phone else view

    def is_looking(self) -> bool:
        """Say whether the camera is on."""
        return self.session is not None and self.session.camera_on

    def hint(self) -> str:
        """Return what the customer can do to be seen better, or an empty text."""
        session = self.session
        return self._texts().reason(session.hint).mend if session and session.hint else ""

    def refusal(self) -> str:
        """Return what was wrong with the last answer or wish, or an empty text."""
        session = self.session
        if session is None or not session.refusal:
            return ""
        told = self._texts().reason(session.refusal)
        return f"{told.what} {told.mend}".strip()

    def ask(self) -> str:
        """Return what was wrong, or why something is asked for."""
        number = self.session is not None and self.session.phase is Phase.NUMBER
        words = self._texts().words
        return self.refusal() or words["own_number_text" if number else "own_pin_text"]

    def rows(self) -> list[dict[str, str]]:
        """Return what is kept, as labels and values."""
        data = None if self.session is None else self.session.data
        if data is None:
            return []
        texts = self._texts()
        words, never = texts.words, texts.words["own_never"]
        values = {
            "face": words["own_face"].format(samples=data.samples),
            "consent": f"{data.consent_given_at[:_DATE]}, {data.consent_version}",
            "used": f"{data.last_used[:_DATE] or never} ({data.payments_total})",
            "account": data.account_hint or "-",
            "limits": "-" if data.limits is None else self._limits_text(data.limits),
            "today": "-" if data.spent_today is None else texts.amount(data.spent_today),
            "pin": words["own_pin_always" if data.pin_always else "own_pin_needed"],
            "state": words["own_paused" if data.paused else "own_state_" + data.state],
        }
        return [{"label": words[f"own_row_{key}"], "value": it} for key, it in values.items()]

    def choices(self, *, day: bool) -> list[str]:
        """Return lower sums to choose from, as text."""
        limits = self._now()
        if limits is None:
            return []
        chosen = limits.per_day if day else limits.per_payment
        return [self._texts().amount(it) for it in lower_choices(chosen)]

    def payment_choices(self) -> list[str]:
        """Return lower sums for a payment."""
        return self.choices(day=False)

    def day_choices(self) -> list[str]:
        """Return lower sums for a day."""
        return self.choices(day=True)

    def limits_now(self) -> str:
        """Return the limits that hold."""
        limits = self._now()
        return "" if limits is None else self._limits_text(limits)

    def is_paused(self) -> bool:
        """Say whether the customer has paused."""
        data = None if self.session is None else self.session.data
        return data is not None and data.paused

    def note(self) -> str:
        """Return what was done last, or why it was not."""
        done = "" if self.session is None else self.session.done
        return self.refusal() or (self._texts().words["own_done_" + done] if done else "")

    def end_texts(self) -> list[str]:
        """Return what has happened, what to do, and the certificate."""
        session = self.session
        if session is None or session.phase is not Phase.ENDED:
            return ["", "", ""]
        told = self._texts().reason(session.reason)
        return [told.what, told.mend, session.certificate]

    def _limits_text(self, limits: MandateLimits) -> str:
        texts = self._texts()
        return texts.words["own_limits"].format(
            payment=texts.amount(limits.per_payment), day=texts.amount(limits.per_day)
        )

    def _now(self) -> MandateLimits | None:
        data = None if self.session is None else self.session.data
        return None if data is None else data.limits

    rowTexts = Property(list, rows, notify=changed)  # noqa: N815 - names of QML
    paymentChoices = Property(list, payment_choices, notify=changed)  # noqa: N815
    dayChoices = Property(list, day_choices, notify=changed)  # noqa: N815
    limitsNow = Property(str, limits_now, notify=changed)  # noqa: N815
    paused = Property(bool, is_paused, notify=changed)
    noteText = Property(str, note, notify=changed)  # noqa: N815
    endTexts = Property(list, end_texts, notify=changed)  # noqa: N815

    # The machine ----------------------------------------------------------------------------------

    def _choose(self, limits: MandateLimits) -> None:
        self._feed(ev.LimitsChosen(self._clock_ms(), limits))

    def _feed(self, event: ev.Event) -> None:
        if self.session is None:
            return
        phase = self.session.phase
        self.session, effects = step(self.session, event)
        for effect in effects:
            self._perform(effect)
        if self.session.phase is not Phase.NUMBER:
            self._phone = ""
        if self.session.phase is Phase.CLOSED:
            self.session = None
        # Time alone changes nothing shown: buttons made anew each tick could not be pressed.
        moved = self.session is None or self.session.phase is not phase
        if moved or not isinstance(event, ev.Tick):
            self._changed()

    def _changed(self) -> None:
        ring(self.changed)
        self._on_change()

    def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.OpenCamera():
                if self._vision is not None:
                    self._vision.open(self._ticket)
                    self._vision.watch(on=True)
            case fx.CloseCamera():
                if self._vision is not None:
                    self._vision.close()
            case fx.Wipe():
                if self._vision is not None:
                    self._vision.wipe()
            case question:
                registrar = self._registrar
                assert registrar is not None, "without one no session begins"
                self._link.ask(self._ticket, TOPIC, lambda: registrar.answer(question))

    @Slot(int, str, object)
    def _on_answer(self, ticket: int, topic: str, answer: object) -> None:
        if ticket != self._ticket or topic != TOPIC:
            return
        if isinstance(answer, Trouble):
            logger.warning("one's own data: %s", answer.code)
            self._feed(ev.Failed(self._clock_ms(), answer.code))
        elif isinstance(answer, ev.Event):
            self._feed(dataclasses.replace(answer, at_ms=self._clock_ms()))

    @Slot(int, object)
    def _on_look(self, ticket: int, look: Look) -> None:
        if ticket == self._ticket:
            now_ms = self._clock_ms()
            self._feed(ev.Probed(now_ms, look.pad, look.identification, look.hint))

    @Slot(int, object)
    def _on_last_look(self, ticket: int, look: Look) -> None:
        if ticket == self._ticket:
            now_ms = self._clock_ms()
            self._feed(ev.Probed(now_ms, look.pad, look.identification, look.hint, final=True))

    @Slot(int, str)
    def _on_blind(self, ticket: int, code: str) -> None:
        if ticket == self._ticket:
            self._feed(ev.CameraFailed(self._clock_ms(), code))
