"""What a finger does on the screen, as slots that QML calls.

Each becomes an event of the session, or changes what is merely looked at: an opened page, digits
being typed. It decides nothing; `SessionModel` performs what the session wants done.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from PySide6.QtCore import Slot

from kiosk.domain.session import Phase
from kiosk.domain.session import events as ev
from kiosk.faces.screen import customs
from kiosk.faces.screen.display import Display
from kiosk.faces.screen.texts import Texts
from kiosk.faces.screen.views import Overlay, View


class Fingers(Display):
    """The touched side of the session model.

    Args:
        texts: The words.
        payee: Who is paid, shown while there is no order.
        staff_can_close: Whether staff have codes to close a bill with.
        has_camera: Whether a face can be looked for.
        clock_ms: A monotonic clock in milliseconds.
    """

    def __init__(
        self,
        texts: Texts,
        payee: str,
        *,
        staff_can_close: bool,
        has_camera: bool,
        clock_ms: Callable[[], int],
    ) -> None:
        """Wait for the first touch."""
        super().__init__(texts, payee, staff_can_close=staff_can_close, has_camera=has_camera)
        self._clock_ms = clock_ms
        self._then: Overlay | None = None
        self._press_next = False

    @abstractmethod
    def _feed(self, event: ev.Event) -> None:
        """Tell the session what happened."""

    @abstractmethod
    def _close_elsewhere(self, code: str) -> None:
        """Have staff, known by a code, close the bill."""

    @abstractmethod
    def _drop_next_order(self) -> None:
        """Have an order that is on its way asked for again later."""

    @Slot()
    def press(self) -> None:
        """Press "Pay with a smile"."""
        if self.can_press():
            self._feed(ev.Pressed(self._clock_ms()))

    @Slot()
    def otherWays(self) -> None:  # noqa: N802 - a slot of QML
        """Open the other ways to pay; a face that is being looked at is forgotten at once."""
        session = self._session
        if session is None or session.phase not in customs.BEFORE_SEND:
            return
        if session.phase not in {Phase.OFFERED, Phase.PHONE}:
            self._feed(ev.PhoneChosen(self._clock_ms()))
        self._open(Overlay.OTHER)

    @Slot()
    def choosePhone(self) -> None:  # noqa: N802 - a slot of QML
        """Pay with phone number and PIN."""
        self._open(Overlay.NONE)
        self._feed(ev.PhoneChosen(self._clock_ms()))

    @Slot()
    def chooseTill(self) -> None:  # noqa: N802 - a slot of QML
        """Pay at the till: staff type a code."""
        if self._staff_can_close:
            self._open(Overlay.STAFF)

    @Slot()
    def turnToOwn(self) -> None:  # noqa: N802 - a slot of QML
        """Turn to one's own data; an order that comes meanwhile waits at the till."""
        if self.can_own():
            self._drop_next_order()
            self._own.begin()

    @Slot()
    def about(self) -> None:
        """Show what is stored."""
        self._open(Overlay.ABOUT)

    @Slot()
    def back(self) -> None:
        """Go back one page, or one digit pad."""
        if self._overlay is Overlay.STAFF:
            self._open(Overlay.OTHER)
        elif self._overlay is not Overlay.NONE:
            self._open(Overlay.NONE)
        elif self.view_now() in {View.PHONE, View.PHONE_PIN}:
            self._open(Overlay.OTHER)

    @Slot(str)
    def typeDigit(self, digit: str) -> None:  # noqa: N802 - a slot of QML
        """Type one digit; four of a phone number are sent as they are complete."""
        view = self.view_now()
        if not self._entry.type(digit, view):
            return
        self._own.touch()
        self._feed(ev.Typing(self._clock_ms()))
        if view is View.DIGITS and self._entry.is_enough(view):
            self.enter()
        self._refresh()

    @Slot()
    def eraseDigit(self) -> None:  # noqa: N802 - a slot of QML
        """Take the last digit back."""
        self._entry.erase()
        self._own.touch()
        self._feed(ev.Typing(self._clock_ms()))

    @Slot()
    def enter(self) -> None:
        """Use what was typed."""
        view, now_ms = self.view_now(), self._clock_ms()
        if not self._entry.is_enough(view):
            return
        typed = self._entry.take()
        match view:
            case View.DIGITS:
                self._feed(ev.DigitsTyped(now_ms, typed))
            case View.PIN:
                self._feed(ev.PinTyped(now_ms, typed))
            case View.PHONE:
                self._entry.phone = typed
                self._feed(ev.Typing(now_ms))
            case View.PHONE_PIN:
                phone, self._entry.phone = self._entry.phone, ""
                self._feed(ev.PhoneTyped(now_ms, phone, typed))
            case View.STAFF:
                self._close_elsewhere(typed)
            case View.OWN_PIN | View.OWN_PHONE | View.OWN_PHONE_PIN:
                self._own.typed(view, typed)
            case _:
                pass

    @Slot()
    def tap(self) -> None:
        """Agree by the button that is equal to the smile."""
        self._feed(ev.Tapped(self._clock_ms()))

    @Slot()
    def skipTurn(self) -> None:  # noqa: N802 - a slot of QML
        """Go on without turning the head, by the button that is equal to it."""
        self._feed(ev.TurnSkipped(self._clock_ms()))

    @Slot()
    def cancel(self) -> None:
        """Cancel; after the send the rules do not listen."""
        self._feed(ev.Cancelled(self._clock_ms()))

    @Slot()
    def acknowledge(self) -> None:
        """Somebody has seen the end."""
        self._feed(ev.Acknowledged(self._clock_ms()))

    @Slot()
    def tryAgain(self) -> None:  # noqa: N802 - a slot of QML
        """Look anew at the same order."""
        self._press_next = True
        self.acknowledge()

    @Slot()
    def payOtherWay(self) -> None:  # noqa: N802 - a slot of QML
        """Go from NOT PAID to the other ways for the same order."""
        self._then = Overlay.OTHER
        self.acknowledge()

    @Slot()
    def amountOnScreen(self) -> None:  # noqa: N802 - a slot of QML
        """The window has painted amount, payee and account."""
        session = self._session
        if session is not None and session.phase is Phase.CONFIRMING and not session.amount_shown:
            self._feed(ev.AmountShown(self._clock_ms()))

    @Slot()
    def otherLanguage(self) -> None:  # noqa: N802 - a slot of QML
        """Speak the other language."""
        self._speak("de" if self._texts.language == "en" else "en")

    def _open(self, overlay: Overlay) -> None:
        if self._session is None or self._session.phase not in {Phase.OFFERED, Phase.PHONE}:
            return
        self._overlay = overlay
        self._staff_wrong = False
        self._entry.clear()
        self._refresh()
