"""Every view as a picture: for the documentation, for the demo's `--screenshots`, for our own eyes.

The sessions are posed, not played; no camera and no money is behind them, and no face can be on
any of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEventLoop
from PySide6.QtQuick import QQuickWindow

from kiosk.domain import own_data as own
from kiosk.domain.consent import Basis, SmileGauge
from kiosk.domain.evidence import PadVerdict
from kiosk.domain.headturn import Side
from kiosk.domain.identification import Identification
from kiosk.domain.ids import OrderId, PayerAlias, PersonId
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateFacts, MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import Order, OrderLine, OrderState, Outcome
from kiosk.domain.own_data import effects as fx
from kiosk.domain.own_data import events as own_events
from kiosk.domain.session import Phase, Session, new_session
from kiosk.domain.session import events as ev
from kiosk.domain.session.look import Look
from kiosk.domain.stepup import Factor, Requirement, StepUpPolicy
from kiosk.faces.screen.application import application, close_window, load_window
from kiosk.faces.screen.session_model import SessionModel
from kiosk.faces.screen.views import Overlay, View
from kiosk.faces.screen.workers import Question
from kiosk.link.protocol import OrderOffer

SIZES = {"landscape": (1280, 800), "portrait": (800, 1280), "tall": (1080, 1920)}
PAINT_ROUNDS = 4
"""Rounds of Qt's loop until a view is laid out and painted."""
ROUND_MS = 15
"""A ring that turns never leaves the loop without work, so each round has an end."""

_ORDER = Order(
    OrderId("o-1"),
    Money(2_480),
    "Bistro Aurora",
    (
        OrderLine("Soup of the day", Money(690)),
        OrderLine("Mushroom risotto", Money(1_390)),
        OrderLine("Sparkling water", Money(400)),
    ),
)
_FACTS = MandateFacts(PayerAlias("a"), MandateState.ACTIVE, DEFAULT_LIMITS, Money(0), 7, 3, "••42")


@dataclass(frozen=True, slots=True)
class Pose:
    """One moment, and the name of its picture."""

    name: str
    session: Session | None
    overlay: Overlay = Overlay.NONE
    typed: int = 0
    phone_given: bool = False
    enrolling: bool = False
    offline: bool = False
    own: own.Session | None = None
    own_phone: str = ""
    turn_to: Side | None = None


def poses() -> Iterator[Pose]:
    """Give every view once, and the ends with their usual reasons."""
    offered = new_session(_ORDER, 0)
    known = dataclasses.replace(
        offered, pressed_ms=0, person=PersonId("p"), facts=_FACTS, basis=Basis.FACE, camera_on=True
    )

    def at(phase: Phase, **changes: object) -> Session:
        return dataclasses.replace(known, phase=phase, **changes)  # type: ignore[arg-type]

    def end(outcome: Outcome, reason: str, **changes: object) -> Session:
        more = {"outcome": outcome, "reason": reason, "camera_on": False, **changes}
        return at(Phase.ENDED, **more)

    digits = (Requirement(Factor.DIGITS, "look_alike"),)
    pin = (Requirement(Factor.PIN, "amount_above_no_pin_ceiling"),)
    phone = dataclasses.replace(offered, phase=Phase.PHONE, pressed_ms=0)
    smiling = SmileGauge(300, neutral_seen=True, smiling_since_ms=0)
    first = dataclasses.replace(_FACTS, payments_ever=0)
    yield Pose("idle", None)
    yield Pose("offline", None, offline=True)
    yield Pose("enrolling", None, enrolling=True)
    yield Pose("offer", offered)
    yield Pose("about", offered, Overlay.ABOUT)
    yield Pose("other", offered, Overlay.OTHER)
    yield Pose("staff", offered, Overlay.STAFF, typed=2)
    yield Pose("looking", at(Phase.PROBING, hint="too_far"))
    large = dataclasses.replace(_ORDER, amount=Money(8_480), lines=())
    yield Pose("turn", at(Phase.TURNING, order=large), turn_to=Side.LEFT)
    yield Pose("checking", at(Phase.FACTS))
    yield Pose("digits", at(Phase.DIGITS, wanted=digits), typed=2)
    yield Pose("pin", at(Phase.PIN, wanted=pin), typed=4)
    yield Pose("pin_wrong", at(Phase.PIN, wanted=pin, refusal="pin_wrong"))
    yield Pose("phone", phone, typed=7)
    yield Pose("phone_pin", phone, typed=3, phone_given=True)
    yield Pose("confirm", at(Phase.CONFIRMING, amount_shown=True, gauge=smiling))
    yield Pose("confirm_first", at(Phase.CONFIRMING, amount_shown=True, facts=first))
    yield Pose("confirm_tap", at(Phase.CONFIRMING, amount_shown=True, camera_on=False))
    yield Pose("paying", at(Phase.AUTHORISING, sent=True, camera_on=False))
    yield Pose("paid", end(Outcome.PAID, "settled", sent=True))
    yield Pose("not_paid", end(Outcome.NOT_PAID, "unknown_person"))
    yield Pose("cancelled", end(Outcome.CANCELLED, "customer_cancelled"))
    yield Pose("unknown", end(Outcome.UNKNOWN, "no_answer", sent=True))
    yield from _own_poses()
    yield Pose("interrupted", end(Outcome.PAID, "settled", sent=True, must_be_seen=True))


def _own_poses() -> Iterator[Pose]:
    """Give every view of a customer with their own data."""
    begun = own.new_session(0)
    data = own.OwnData(
        state="active",
        enrolled_at="2026-11-01T09:00:00+00:00",
        last_used="2026-11-23",
        samples=9,
        consent_version="v1",
        consent_given_at="2026-11-01T09:00:00+00:00",
        pin_always="look_alike",
        payments_total=7,
        account_hint="••42",
        limits=DEFAULT_LIMITS,
        spent_today=Money(2_480),
    )
    known = dataclasses.replace(begun, person=PersonId("p"), token="t", data=data)  # noqa: S106

    def at(name: str, phase: own.Phase, session: own.Session = known, **more: object) -> Pose:
        posed = dataclasses.replace(session, phase=phase, **more)  # type: ignore[arg-type]
        return Pose(name, None, own=posed)

    paused = dataclasses.replace(data, paused=True)
    yield at("own_intro", own.Phase.INTRO, begun)
    yield at("own_looking", own.Phase.PROBING, begun, camera_on=True)
    yield at("own_phone", own.Phase.NUMBER, begun)
    number = dataclasses.replace(begun, phase=own.Phase.NUMBER)
    yield Pose("own_phone_pin", None, typed=2, own=number, own_phone="0")
    yield at("own_pin", own.Phase.PIN, begun)
    yield at("own_wait", own.Phase.LOADING, begun)
    yield at("own_data", own.Phase.SHOWN)
    yield at("own_data_paused", own.Phase.SHOWN, data=paused, done="paused")
    yield at("own_limits", own.Phase.LIMITS)
    yield at("own_erase", own.Phase.ERASING)
    yield at("own_end", own.Phase.ENDED, begun, reason="own_erased", certificate="c1f0a2b3c4d5e6f7")
    yield at("own_end_unknown", own.Phase.ENDED, begun, reason="own_unknown_person")


_ALL = QEventLoop.ProcessEventsFlag.AllEvents


class _NoCashier:
    """Stands where money would be; a posed session asks nothing."""

    def next_order(self) -> OrderOffer | None:
        return None

    def answer(self, question: Question) -> ev.Event:
        raise AssertionError(type(question).__name__)

    def outcome(self) -> ev.Event:
        return ev.Tick(0)

    def state(self, order_id: OrderId) -> OrderState:
        raise AssertionError(order_id)

    def acknowledge(self, order_id: OrderId) -> None:
        raise AssertionError(order_id)

    def take_back(self, order_id: OrderId, reason: str) -> None:
        raise AssertionError(order_id, reason)

    def close_elsewhere(self, order_id: OrderId, code: str) -> bool:
        raise AssertionError(order_id, len(code))


class _NoRegistrar:
    """Stands where desk and money would be."""

    def answer(self, question: fx.Question) -> own_events.Event:
        raise AssertionError(type(question).__name__)


class PosedModel(SessionModel):
    """A model that holds still."""

    def __init__(self, language: str) -> None:
        """Start no thread and no timer."""
        super().__init__(
            _NoLooker(),
            _NoCashier(),
            policy=StepUpPolicy(),
            payee=_ORDER.payee,
            language=language,
            staff_can_close=True,
            registrar=_NoRegistrar(),
        )

    def pose(self, pose: Pose) -> View:
        """Hold a pose and return its view."""
        self._session = pose.session
        self._overlay = pose.overlay
        self._enrolling, self._offline = pose.enrolling, pose.offline
        self._turn_to = pose.turn_to
        self._own.pose(pose.own, pose.own_phone)
        self._entry.clear()
        self._entry.phone = "0" if pose.phone_given else ""
        self._entry.digits = "07700900123"[: pose.typed]
        self._refresh()
        return self.view_now()


class _NoLooker:
    """Stands where the camera would be."""

    def prepare(self) -> None:
        """Do nothing, as everything here does."""

    open = look_again = ask_turn = close = wipe = prepare

    def look(self) -> Look | None:
        return None

    def finish(self) -> Look:
        return Look(PadVerdict.UNDECIDED, None, "")

    def claim(self, digits: str) -> Identification | None:
        raise AssertionError(len(digits))


def take_pictures(
    folder: Path, *, language: str = "en", sizes: tuple[str, ...] = tuple(SIZES)
) -> list[Path]:
    """Write one PNG a view and size into a folder; return their paths.

    Args:
        folder: Made if it is not there.
        language: Of the words.
        sizes: Names out of `SIZES`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    app = application()
    model = PosedModel(language)
    engine, window = load_window({"session": model, "windowed": True})
    taken: list[Path] = []
    for size in sizes:
        window.resize(*SIZES[size])
        for pose in poses():
            model.pose(pose)
            taken.append(folder / f"{size}-{pose.name}.png")
            _grab(window, taken[-1], lambda: app.processEvents(_ALL, ROUND_MS))
    close_window(engine, window)
    return taken


def _grab(window: QQuickWindow, path: Path, process_events: Callable[[], None]) -> None:
    for _ in range(PAINT_ROUNDS):
        process_events()
    window.grabWindow().save(str(path))
