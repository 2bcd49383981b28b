"""Which view belongs to which moment: one value for the window to choose by."""

from __future__ import annotations

import enum

from kiosk.domain.order import Outcome
from kiosk.domain.session import Phase, Session


class View(enum.Enum):
    """Everything that the window can show; each has one QML file."""

    IDLE = "idle"
    OFFLINE = "offline"
    """Money cannot be reached; nothing can be paid."""
    ENROLLING = "enrolling"
    OFFER = "offer"
    ABOUT = "about"
    """What is stored of a customer."""
    OTHER = "other"
    """Other ways to pay."""
    STAFF = "staff"
    """Staff close the bill as paid at the till."""
    LOOKING = "looking"
    TURN = "turn"
    """A head is to turn to one side."""
    CHECKING = "checking"
    DIGITS = "digits"
    PIN = "pin"
    PHONE = "phone"
    PHONE_PIN = "phone_pin"
    CONFIRM = "confirm"
    PAYING = "paying"
    PAID = "paid"
    NOT_PAID = "not_paid"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    OWN_INTRO = "own_intro"
    """From here on: a customer with their own data."""
    OWN_LOOKING = "own_looking"
    OWN_PHONE = "own_phone"
    OWN_PHONE_PIN = "own_phone_pin"
    OWN_PIN = "own_pin"
    OWN_WAIT = "own_wait"
    OWN_DATA = "own_data"
    OWN_LIMITS = "own_limits"
    OWN_ERASE = "own_erase"
    OWN_END = "own_end"


class Overlay(enum.Enum):
    """What the customer has opened over a phase that goes on behind it."""

    NONE = "none"
    ABOUT = "about"
    OTHER = "other"
    STAFF = "staff"


_BY_PHASE = {
    Phase.OFFERED: View.OFFER,
    Phase.PROBING: View.LOOKING,
    Phase.DIGITS: View.DIGITS,
    Phase.CLAIMING: View.CHECKING,
    Phase.FACTS: View.CHECKING,
    Phase.PIN: View.PIN,
    Phase.PHONE: View.PHONE,
    Phase.VERIFYING_PIN: View.CHECKING,
    Phase.VERIFYING_PHONE: View.CHECKING,
    Phase.PROVING: View.LOOKING,
    Phase.TURNING: View.TURN,
    Phase.CONFIRMING: View.CONFIRM,
    Phase.AUTHORISING: View.PAYING,
    Phase.CLOSED: View.IDLE,
}

_BY_OUTCOME = {
    Outcome.PAID: View.PAID,
    Outcome.NOT_PAID: View.NOT_PAID,
    Outcome.CANCELLED: View.CANCELLED,
    Outcome.UNKNOWN: View.UNKNOWN,
}

_OVERLAID = {Phase.OFFERED, Phase.PHONE}
"""Phases in which something may be opened: the camera is off and nothing is being asked."""


def view_of(session: Session, overlay: Overlay, *, phone_given: bool, turn_asked: bool) -> View:
    """Return the view of a session.

    Args:
        session: Where the customer is.
        overlay: What they have opened.
        phone_given: Whether the number is typed and only the PIN is missing.
        turn_asked: Whether it is known to which side the head is to turn.
    """
    if session.phase is Phase.ENDED:
        assert session.outcome is not None, "an ended session has an outcome"
        return _BY_OUTCOME[session.outcome]
    if overlay is not Overlay.NONE and session.phase in _OVERLAID:
        return View(overlay.value)
    if session.phase is Phase.PHONE and phone_given:
        return View.PHONE_PIN
    if session.phase is Phase.TURNING and not turn_asked:
        return View.LOOKING
    return _BY_PHASE[session.phase]
