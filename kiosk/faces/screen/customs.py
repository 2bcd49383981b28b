"""Which phases and reasons the session model treats alike, and how often it asks."""

from __future__ import annotations

from kiosk.domain.order import OrderState
from kiosk.domain.session import Phase
from kiosk.domain.session import events as ev
from kiosk.domain.session.look import Look

TICK_MS = 100
STATE_EVERY_MS = 1_000
"""How often the till is asked whether it took the order back."""
OUTCOME_EVERY_MS = 500
LATE_NEWS_EVERY_MS = 2_000
RETRY_MS = 1_000
"""Pause after money could not be reached."""
TRIES_KEPT = 100
"""Orders whose tries are remembered; the oldest goes first."""

BEFORE_SEND = frozenset(Phase) - {Phase.AUTHORISING, Phase.ENDED, Phase.CLOSED}
WATCHED = {Phase.PROBING, Phase.FACTS, Phase.PROVING, Phase.TURNING, Phase.CONFIRMING}
"""Phases in which the eyes look; while the customer types they look at the pad, so eyes pause."""
GIVEN_BACK = {"customer_cancelled", "nobody_came"}
"""Why an order goes back to the till; any other reason came from there."""
TAKEN = {
    OrderState.CANCELLED: "order_taken_back",
    OrderState.PAID_ELSEWHERE: "paid_elsewhere",
    OrderState.PAID: "already_paid",
    OrderState.IN_FLIGHT: "order_busy",
    OrderState.UNKNOWN: "order_busy",
}


def last_word(look: Look, at_ms: int) -> ev.Probed:
    """Return the event that the last look of a camera is."""
    return ev.Probed(
        at_ms, look.pad, look.identification, look.hint, final=True, liveness=look.liveness
    )
