"""What can be done to a record in its state, and what the forms for it ask."""

from __future__ import annotations

from dataclasses import dataclass

from enrollment import flow
from enrollment.model.roles import Act
from kiosk.domain.errors import BadInputError
from kiosk.domain.pin import PIN_DIGITS, check_new_pin, is_pin
from kiosk.link.desk_rights import PersonKept

ACTIVE = "active"
FROZEN = "frozen"
PAUSED = "paused"
ORDER_LENGTH_MAX = 64


def acts_for(state: str, *, paused: bool) -> tuple[Act, ...]:
    """Return what makes sense for a record in this state, in the order of the page."""
    stop = Act.RESUME if state == PAUSED or paused else Act.PAUSE
    ice = Act.UNFREEZE if state == FROZEN else Act.FREEZE
    shown = [Act.LIMITS, Act.PIN, stop, Act.AGAIN, Act.EXPORT, Act.REPORT, ice, Act.ERASE]
    if state != ACTIVE:
        shown.remove(Act.AGAIN)
    if state == FROZEN:
        shown.remove(stop)  # staff's own stop comes first
    return tuple(shown)


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed into a form; only what it asks for is looked at."""

    per_payment: str = ""
    per_day: str = ""
    new_pin: str = ""
    new_pin_again: str = ""
    pin: str = ""
    order: str = ""
    really: str = ""

    def problems(self, act: Act, *, pin_needed: bool) -> dict[str, str]:
        """Return what is wrong, by the name of the entry, as reason codes."""
        found: dict[str, str] = {}
        if act is Act.LIMITS:
            found["per_payment"] = self._limits_problem()
        if act is Act.PIN:
            found["new_pin"] = _new_pin_problem(self.new_pin)
            found["new_pin_again"] = "" if self.new_pin == self.new_pin_again else "pin_differs"
        if act is Act.REPORT:
            found["order"] = "" if 1 <= len(self.order) <= ORDER_LENGTH_MAX else "order_missing"
        if pin_needed:
            found["pin"] = "" if is_pin(self.pin) else "pin_short"
        return {name: code for name, code in found.items() if code}

    def _limits_problem(self) -> str:
        if not self.per_payment.strip() or not self.per_day.strip():
            return "amount_bad"
        try:
            flow.limits(self.per_payment, self.per_day)
        except BadInputError as error:
            return error.code
        return ""


def _new_pin_problem(pin: str) -> str:
    if len(pin) < PIN_DIGITS and (not pin or pin.isdigit()):
        return "pin_short"
    try:
        check_new_pin(pin)
    except BadInputError as error:
        return error.code
    return ""


def notes_of(kept: PersonKept) -> tuple[str, ...]:
    """Return what staff should know of a record at once, as reason codes."""
    notes = []
    if kept.pin_always:
        notes.append(f"pin_{kept.pin_always}")
    if kept.warned_at:
        notes.append("retention")
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class Taken:
    """How a change went: the reason why nothing was changed, or ""."""

    reason: str
    state: str
    attempts_left: int | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """How new samples went: what they are, or the reason why the old ones stand."""

    reason: str = ""
    samples: int = 0
    quality: int = 0


@dataclass(frozen=True, slots=True)
class Reported:
    """How a wrong-person report went.

    `refund` is the state of the refund, or "" where there is none; `reason` says why.
    """

    reported: bool
    reason: str
    bound: int
    refund: str
    number: int
    amount: str
    charged_at: str
