"""How a phase begins, how long it may last, and how a session ends; all of it pure."""

from __future__ import annotations

import dataclasses

from kiosk.domain.order import Outcome
from kiosk.domain.session import effects as fx
from kiosk.domain.session.state import Phase, Session

Step = tuple[Session, tuple[fx.Effect, ...]]


def enter(session: Session, phase: Phase) -> Session:
    """Begin a phase, and its time."""
    return dataclasses.replace(session, phase=phase, since_ms=session.now_ms)


def overdue(session: Session) -> tuple[Outcome, str] | None:
    """Tell how a session ends whose phase, or whose whole, has lasted too long."""
    limits = session.limits
    allowed, reason = {
        Phase.OFFERED: (limits.offered_ms, "nobody_came"),
        Phase.PROBING: (limits.probing_ms, session.hint or "no_face"),
        Phase.DIGITS: (limits.typing_ms, "timed_out"),
        Phase.PIN: (limits.typing_ms, "timed_out"),
        Phase.PHONE: (limits.typing_ms, "timed_out"),
        Phase.CLAIMING: (limits.money_ms, "timed_out"),
        Phase.FACTS: (limits.money_ms, "money_unreachable"),
        Phase.VERIFYING_PIN: (limits.money_ms, "money_unreachable"),
        Phase.VERIFYING_PHONE: (limits.money_ms, "money_unreachable"),
        # It goes on to the PIN long before; this is for a clock that jumps.
        Phase.PROVING: (2 * limits.proving_ms, "timed_out"),
        Phase.TURNING: (2 * limits.turning_ms, "timed_out"),
        Phase.CONFIRMING: (limits.confirming_ms, "no_consent"),
    }[session.phase]
    if session.now_ms - session.since_ms >= allowed:
        outcome = Outcome.CANCELLED if session.phase is Phase.OFFERED else Outcome.NOT_PAID
        return outcome, reason
    whole = session.now_ms - session.pressed_ms if session.pressed_ms is not None else 0
    return (Outcome.NOT_PAID, "timed_out") if whole >= limits.session_ms else None


def end(session: Session, outcome: Outcome, reason: str) -> Step:
    """End the session, the camera and what was seen."""
    closing: tuple[fx.Effect, ...] = (fx.CloseCamera(),) if session.camera_on else ()
    ended = dataclasses.replace(
        session, outcome=outcome, reason=reason, camera_on=False, pin_token=None
    )
    return enter(ended, Phase.ENDED), (*closing, fx.Wipe())
