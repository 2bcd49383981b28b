"""What the window shows, as properties: words, sums and the name of the view, never a picture.

Everything is computed from the session, from what is typed and from the language; QML binds to it
and calculates nothing. The getters are also plain methods, for Python.
Invariant: `changed` is emitted when, and only when, something shown has changed.
"""

from __future__ import annotations

from PySide6.QtCore import Property, QObject, Signal

from kiosk.domain.headturn import Side
from kiosk.domain.order import Order, Outcome
from kiosk.domain.session import Phase, Session
from kiosk.domain.stepup import Factor
from kiosk.faces.screen.entry import LENGTHS, Entry
from kiosk.faces.screen.light_show import LightShow
from kiosk.faces.screen.own_data import OwnData
from kiosk.faces.screen.signals import ring
from kiosk.faces.screen.texts import Texts
from kiosk.faces.screen.views import Overlay, View, view_of

LINES_SHOWN = 5
"""Lines of the bill that fit; the rest is told by their number."""


class Display(QObject):
    """The read side of the session model."""

    changed = Signal()
    smile_changed = Signal()
    tint_changed = Signal()
    _own: OwnData
    """A customer with their own data; made by the model, which has the threads."""

    def __init__(
        self, texts: Texts, payee: str, *, staff_can_close: bool, has_camera: bool
    ) -> None:
        """Show that there is nothing to pay."""
        super().__init__()
        self._texts = texts
        self._payee = payee
        self._staff_can_close = staff_can_close
        self._has_camera = has_camera
        self._session: Session | None = None
        self._overlay = Overlay.NONE
        self._entry = Entry()
        self._enrolling = False
        self._offline = False
        self._staff_wrong = False
        self._shown: tuple[object, ...] = ()
        self._smile = (0.0, False)
        self._turn_to: Side | None = None
        self._light = LightShow()
        self._light.changed.connect(self.tint_changed)

    # What is shown --------------------------------------------------------------------------------

    def view_now(self) -> View:
        """Return the view."""
        if self._session is not None:
            view = view_of(
                self._session,
                self._overlay,
                phone_given=bool(self._entry.phone),
                turn_asked=self._turn_to is not None,
            )
            return View.ENROLLING if self._enrolling and view is View.OFFER else view
        own = self._own.view()
        if own is not None:
            return own
        if self._offline:
            return View.OFFLINE
        return View.ENROLLING if self._enrolling else View.IDLE

    def view_name(self) -> str:
        """Return the view's name."""
        return self.view_now().value

    def has_order(self) -> bool:
        """Say whether amount and payee are to be shown."""
        return self._session is not None

    def amount_text(self) -> str:
        """Return the sum as people write it."""
        return "" if self._session is None else self._texts.amount(self._order().amount)

    def payee_text(self) -> str:
        """Return who is paid."""
        return self._payee if self._session is None else self._order().payee

    def lines(self) -> list[dict[str, str]]:
        """Return the first lines of the bill."""
        if self._session is None:
            return []
        lines = self._order().lines
        shown = [
            {"text": line.text, "amount": self._texts.amount(line.amount)}
            for line in lines[:LINES_SHOWN]
        ]
        if len(lines) > LINES_SHOWN:
            shown.append({"text": f"+ {len(lines) - LINES_SHOWN}", "amount": ""})
        return shown

    def account_text(self) -> str:
        """Return from which account, masked."""
        session = self._session
        if session is None or session.facts is None:
            return ""
        return self._texts.words["account"].format(hint=session.facts.account_hint)

    def hint_text(self) -> str:
        """Return what the customer can do to be seen better."""
        session = self._session
        if session is None or session.phase is not Phase.PROBING or not session.hint:
            return self._own.hint() or self._texts.words["looking_hint"]
        return self._texts.reason(session.hint).mend

    def ask_text(self) -> str:
        """Return, in one line, why digits or a PIN are asked for, or what was wrong with them."""
        session = self._session
        if session is None:
            return self._own.ask()
        if self.view_now() is View.STAFF:
            words = self._texts.words
            return words["staff_wrong"] if self._staff_wrong else words["staff_text"]
        if session.refusal:
            refused = self._texts.reason(session.refusal)
            return f"{refused.what} {refused.mend}".strip()
        factor = {Phase.DIGITS: Factor.DIGITS, Phase.PIN: Factor.PIN}.get(session.phase)
        row = next((it for it in session.wanted if it.factor is factor), None)
        return "" if row is None else self._texts.reason(row.reason).what

    def is_refused(self) -> bool:
        """Say whether the line above tells of something wrong."""
        session = self._session
        wrong = self._staff_wrong and self.view_now() is View.STAFF
        refused = bool(self._own.refusal()) if session is None else bool(session.refusal)
        return wrong or refused

    def reason_text(self) -> str:
        """Return what happened."""
        session = self._session
        return "" if session is None else self._texts.reason(session.reason or "other").what

    def mend_text(self) -> str:
        """Return what to do about it."""
        session = self._session
        return "" if session is None else self._texts.reason(session.reason or "other").mend

    def turn_left(self) -> bool:
        """Say whether the head is to turn to the left, and not to the right."""
        return self._turn_to is Side.LEFT

    def smile_level(self) -> float:
        """Return how much of the smile has been held, 0 to 1."""
        session = self._session
        if session is None or session.phase is not Phase.CONFIRMING:
            return 0.0
        return session.gauge.held(session.smile_rule)

    def smile_ready(self) -> bool:
        """Say whether a smile would count now: a face without one has been seen."""
        return self._session is not None and self._session.gauge.neutral_seen

    def can_smile(self) -> bool:
        """Say whether a smile can be seen at all: the camera is on."""
        return self._session is not None and self._session.camera_on

    def typed_length(self) -> int:
        """Return how many digits are typed."""
        return len(self._entry.digits)

    def typed_max(self) -> int:
        """Return how many digits the pad takes."""
        return LENGTHS.get(self.view_now(), (0, 0))[1]

    def typed_phone(self) -> str:
        """Return the number as typed so far; PINs and codes are never returned."""
        return self._entry.digits if self.view_now() in {View.PHONE, View.OWN_PHONE} else ""

    def can_enter(self) -> bool:
        """Say whether what is typed can be used."""
        return self._entry.is_enough(self.view_now())

    def can_press(self) -> bool:
        """Say whether a face can be looked for."""
        session = self._session
        return (
            session is not None
            and session.phase is Phase.OFFERED
            and self._has_camera
            and not self._enrolling
            and session.tries_used < session.limits.tries_max
        )

    def can_pay_other_way(self) -> bool:
        """Say whether another way may be offered: never after the send, until the end is known."""
        session = self._session
        if session is None:
            return False
        if session.phase is Phase.ENDED:
            return session.outcome is Outcome.NOT_PAID and not session.must_be_seen
        return not session.sent

    def can_cancel(self) -> bool:
        """Say whether "cancelled" could still be true."""
        session = self._session
        return session is not None and not session.sent and session.phase is not Phase.ENDED

    def can_retry(self) -> bool:
        """Say whether the same order can be looked at anew."""
        session = self._session
        return (
            session is not None
            and self._has_camera
            and session.outcome is Outcome.NOT_PAID
            and session.pressed_ms is not None
            and session.tries_used + 1 < session.limits.tries_max
        )

    def must_be_seen(self) -> bool:
        """Say whether the end stays until somebody has seen it."""
        session = self._session
        return session is not None and (session.must_be_seen or session.outcome is Outcome.UNKNOWN)

    def is_interrupted(self) -> bool:
        """Say whether the session was cut off and is only being brought to its end."""
        return self._session is not None and self._session.must_be_seen

    def is_first_visit(self) -> bool:
        """Say whether this payer pays here for the first time."""
        facts = None if self._session is None else self._session.facts
        return facts is not None and facts.payments_ever == 0

    def staff_can_close(self) -> bool:
        """Say whether staff have codes to close a bill with."""
        return self._staff_can_close

    def is_looking(self) -> bool:
        """Say whether the camera is on, for the light that tells."""
        session = self._session
        return self._own.is_looking() if session is None else session.camera_on

    def can_own(self) -> bool:
        """Say whether a customer may turn to their own data: never beside a payment."""
        free = self._session is None and self._own.view() is None
        return free and self._own.is_possible and not self._enrolling and not self._offline

    def own_data(self) -> QObject:
        """Return the session about one's own data."""
        return self._own

    def tint(self) -> str:
        """Return the background's colour while the light plan runs; empty: the usual one."""
        return self._light.colour

    def words(self) -> dict[str, str]:
        """Return the words of the language."""
        payee = self._texts.words["pay_to"].format(payee=self.payee_text())
        return {**self._texts.words, "pay_to": payee}

    def _order(self) -> Order:
        assert self._session is not None
        return self._session.order

    def _speak(self, language: str) -> None:
        self._texts = Texts(language)
        self._refresh()

    def _refresh(self) -> None:
        shown = tuple(get(self) for get in _SHOWN)
        if shown != self._shown:
            self._shown = shown
            ring(self.changed)
        smile = (self.smile_level(), self.smile_ready())
        if smile != self._smile:
            self._smile = smile
            ring(self.smile_changed)

    view = Property(str, view_name, notify=changed)
    hasOrder = Property(bool, has_order, notify=changed)  # noqa: N815 - names of QML
    amountText = Property(str, amount_text, notify=changed)  # noqa: N815
    payeeText = Property(str, payee_text, notify=changed)  # noqa: N815
    billLines = Property(list, lines, notify=changed)  # noqa: N815
    accountText = Property(str, account_text, notify=changed)  # noqa: N815
    hintText = Property(str, hint_text, notify=changed)  # noqa: N815
    askText = Property(str, ask_text, notify=changed)  # noqa: N815
    refused = Property(bool, is_refused, notify=changed)
    reasonText = Property(str, reason_text, notify=changed)  # noqa: N815
    mendText = Property(str, mend_text, notify=changed)  # noqa: N815
    turnLeft = Property(bool, turn_left, notify=changed)  # noqa: N815
    smileLevel = Property(float, smile_level, notify=smile_changed)  # noqa: N815
    smileReady = Property(bool, smile_ready, notify=smile_changed)  # noqa: N815
    canSmile = Property(bool, can_smile, notify=changed)  # noqa: N815
    typedLength = Property(int, typed_length, notify=changed)  # noqa: N815
    typedMax = Property(int, typed_max, notify=changed)  # noqa: N815
    typedPhone = Property(str, typed_phone, notify=changed)  # noqa: N815
    canEnter = Property(bool, can_enter, notify=changed)  # noqa: N815
    canPress = Property(bool, can_press, notify=changed)  # noqa: N815
    canPayOtherWay = Property(bool, can_pay_other_way, notify=changed)  # noqa: N815
    canCancel = Property(bool, can_cancel, notify=changed)  # noqa: N815
    canRetry = Property(bool, can_retry, notify=changed)  # noqa: N815
    mustBeSeen = Property(bool, must_be_seen, notify=changed)  # noqa: N815
    interrupted = Property(bool, is_interrupted, notify=changed)
    firstVisit = Property(bool, is_first_visit, notify=changed)  # noqa: N815
    staffCanClose = Property(bool, staff_can_close, notify=changed)  # noqa: N815
    looking = Property(bool, is_looking, notify=changed)
    tintColour = Property(str, tint, notify=tint_changed)  # noqa: N815
    canOwn = Property(bool, can_own, notify=changed)  # noqa: N815
    own = Property(QObject, own_data, constant=True)
    text = Property(dict, words, notify=changed)


_SHOWN = (
    Display.view_name, Display.has_order, Display.amount_text, Display.payee_text, Display.lines,
    Display.account_text, Display.hint_text, Display.ask_text, Display.is_refused,
    Display.reason_text, Display.mend_text, Display.can_smile, Display.typed_length,
    Display.typed_phone, Display.can_enter, Display.can_press, Display.can_pay_other_way,
    Display.can_cancel, Display.can_retry, Display.must_be_seen, Display.is_interrupted,
    Display.is_first_visit, Display.is_looking, Display.can_own, Display.words, Display.turn_left,
)  # fmt: skip
