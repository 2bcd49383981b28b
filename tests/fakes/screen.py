"""Eyes and money for the screen: told beforehand what to say, and remembering what was asked."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from kiosk.domain.errors import SetupError
from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import Decision, DecisionReason, Identification, Thresholds
from kiosk.domain.ids import OrderId, OrderNonce, PayerAlias, PersonId
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateFacts, MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import Order, OrderState, Outcome
from kiosk.domain.own_data import OwnData
from kiosk.domain.own_data import effects as own_fx
from kiosk.domain.own_data import events as own_ev
from kiosk.domain.session import effects as fx
from kiosk.domain.session import events as ev
from kiosk.domain.session.look import Look
from kiosk.link.protocol import OrderOffer
from kiosk.link.sockets import LinkDownError

ANNE = PersonId("p-anne")
PHONE = "07700900123"
PIN = "135790"
DIGITS = "0123"
STAFF_CODE = "4711"
FACTS = MandateFacts(PayerAlias("a-1"), MandateState.ACTIVE, DEFAULT_LIMITS, Money(0), 3, 2, "••42")
LIMITS = Thresholds(open=0.7, digits=0.6, pin=0.3, worst_open="test")
LOOK_S_MAX = 0.02


def order(name: str = "o-1", minor_units: int = 1_250) -> Order:
    return Order(OrderId(name), Money(minor_units), "Bistro")


def verdict(decision: Decision = Decision.IDENTIFIED) -> Identification:
    unnamed = decision in {Decision.UNKNOWN, Decision.AMBIGUOUS}
    person = None if unnamed else ANNE
    return Identification(decision, DecisionReason.CLEAR, person, 0.8, None, LIMITS)


def seen(decision: Decision = Decision.IDENTIFIED) -> Look:
    return Look(PadVerdict.BONA_FIDE, verdict(decision), "", smile=0.1)


def smile(score: float) -> Look:
    return Look(PadVerdict.BONA_FIDE, verdict(), "", smile=score)


def hint(code: str) -> Look:
    return Look(PadVerdict.UNDECIDED, None, code)


@dataclass
class FakeLooker:
    """Looks come from `show`; without a new one the last is seen again."""

    opens: int = 0
    closes: int = 0
    wipes: int = 0
    claims: list[str] = field(default_factory=list)
    again: int = 0
    turns: int = 0
    fails: str = ""
    claimed: Identification | None = field(default_factory=verdict)
    work: Callable[[], None] = lambda: None
    is_open: bool = False
    threads: set[str] = field(default_factory=set)
    _last: Look = field(default_factory=lambda: hint("no_face"))
    _looks: queue.SimpleQueue[Look | None] = field(default_factory=queue.SimpleQueue)

    def show(self, *looks: Look | None) -> None:
        for look in looks:
            self._looks.put(look)

    def prepare(self) -> None:
        self._note()

    def open(self) -> None:
        self._note()
        self.opens += 1
        if self.fails:
            raise SetupError("no camera", code=self.fails, mend="mend")
        self.is_open = True
        self._last = hint("no_face")

    def look(self) -> Look | None:
        assert self.is_open, "nothing is looked at while the camera is closed"
        self._note()
        self.work()
        try:
            look = self._looks.get(timeout=LOOK_S_MAX)
        except queue.Empty:
            return self._last
        self._last = look or self._last
        return look

    def finish(self) -> Look:
        return hint("too_few_frames")

    def look_again(self) -> None:
        self.again += 1

    def ask_turn(self) -> None:
        self.turns += 1

    def claim(self, digits: str) -> Identification | None:
        self.claims.append(digits)
        return self.claimed if digits == DIGITS else None

    def close(self) -> None:
        self._note()
        self.closes += self.is_open
        self.is_open = False

    def wipe(self) -> None:
        self.wipes += 1

    def _note(self) -> None:
        self.threads.add(threading.current_thread().name)


@dataclass
class FakeCashier:
    """Money with one till; `orders` is what needs the screen, oldest first."""

    orders: list[Order] = field(default_factory=list)
    states: dict[OrderId, OrderState] = field(default_factory=dict)
    facts: MandateFacts | None = FACTS
    answer_with: tuple[Outcome, str] | None = (Outcome.PAID, "settled")
    """What an authorisation comes to; None: the link is lost."""
    outcome_is: tuple[Outcome, str] | None = None
    """What is told when asked afterwards; None: in flight."""
    is_down: bool = False
    asked: list[str] = field(default_factory=list)
    authorised: list[fx.Authorise] = field(default_factory=list)
    acknowledged: list[OrderId] = field(default_factory=list)
    taken_back: list[tuple[OrderId, str]] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    """Set: authorisations are answered; cleared: they wait."""
    _at_hand: Order | None = None

    def __post_init__(self) -> None:
        self.hold.set()

    def next_order(self) -> OrderOffer | None:
        if self.is_down:
            raise LinkDownError("money", "is not running")
        for it in self.orders:
            state = self.states.get(it.order_id, OrderState.OPEN)
            if it.order_id in self.acknowledged and state is not OrderState.OPEN:
                continue
            if state in {OrderState.CANCELLED, OrderState.PAID_ELSEWHERE}:
                continue
            self._at_hand = it
            nonce = OrderNonce("n") if state is OrderState.OPEN else None
            return OrderOffer(it, state, nonce, "" if nonce else "settled")
        threading.Event().wait(0.01)
        return None

    def answer(self, question: fx.Effect) -> ev.Event:
        self.asked.append(type(question).__name__)
        match question:
            case fx.AskFacts():
                return ev.FactsArrived(0, self.facts)
            case fx.VerifyPin(pin=pin):
                fits = pin == PIN
                return ev.PinJudged(0, fits, "" if fits else "pin_wrong", "t" if fits else None)
            case fx.VerifyPhone(phone=phone, pin=pin):
                fits = (phone, pin) == (PHONE, PIN)
                reason = "" if fits else "phone_or_pin_wrong"
                return ev.PhoneJudged(0, ANNE if fits else None, reason, "t" if fits else None)
            case fx.Authorise():
                self.authorised.append(question)
                self.hold.wait(10)
                return self._authorised()
            case _:
                raise AssertionError(question)

    def _authorised(self) -> ev.Event:
        assert self._at_hand is not None
        if self.answer_with is None:
            return ev.LinkLost(0)
        outcome, reason = self.answer_with
        if outcome is not Outcome.NOT_PAID:
            state = OrderState.PAID if outcome is Outcome.PAID else OrderState.UNKNOWN
            self.states[self._at_hand.order_id] = state
        return ev.Authorised(0, outcome, reason)

    def outcome(self) -> ev.Event:
        self.asked.append("outcome")
        return ev.Tick(0) if self.outcome_is is None else ev.Authorised(0, *self.outcome_is)

    def state(self, order_id: OrderId) -> OrderState:
        return self.states.get(order_id, OrderState.OPEN)

    def acknowledge(self, order_id: OrderId) -> None:
        self.acknowledged.append(order_id)

    def take_back(self, order_id: OrderId, reason: str) -> None:
        self.taken_back.append((order_id, reason))
        self.states[order_id] = OrderState.CANCELLED

    def close_elsewhere(self, order_id: OrderId, code: str) -> bool:
        if code == STAFF_CODE:
            self.states[order_id] = OrderState.PAID_ELSEWHERE
        return code == STAFF_CODE


@dataclass
class FakeRegistrar:
    """Desk and money for one customer with their own data."""

    data: OwnData = field(
        default_factory=lambda: OwnData(
            "active", "2026-11-01T09:00:00+00:00", "2026-11-23", 9, "v1",
            "2026-11-01T09:00:00+00:00", "", 3, "••42", DEFAULT_LIMITS, Money(0),
        )
    )  # fmt: skip
    asked: list[own_fx.Question] = field(default_factory=list)
    fails: str = ""

    def answer(self, question: own_fx.Question) -> own_ev.Event:
        self.asked.append(question)
        if self.fails:
            raise SetupError("no", code=self.fails, mend="mend")
        match question:
            case own_fx.ProvePin(pin=pin):
                fits = pin == PIN
                return own_ev.PinJudged(0, fits, "" if fits else "pin_wrong", "t" if fits else "")
            case own_fx.AskData():
                return own_ev.DataArrived(0, self.data)
            case own_fx.Lower(limits=limits):
                self.data = replace(self.data, limits=limits)
            case own_fx.Pause():
                self.data = replace(self.data, paused=True, state="paused")
            case own_fx.Resume():
                self.data = replace(self.data, paused=False, state="active")
            case own_fx.ResumeByNumber(phone=phone, pin=pin):
                fits = (phone, pin) == (PHONE, PIN)
                return own_ev.PinJudged(0, fits, "" if fits else "phone_or_pin_wrong")
            case own_fx.Erase():
                return own_ev.Erased(0, "c0ffee", whole=True)
        return own_ev.Answered(0)
