"""Take up an order whose session was cut off: nothing is asked, its end is shown until seen."""

from __future__ import annotations

import dataclasses

from kiosk.domain.order import Order, OrderState, Outcome
from kiosk.domain.session.machine import new_session
from kiosk.domain.session.state import Phase, Session

OUTCOME_OF = {
    OrderState.IN_FLIGHT: Outcome.UNKNOWN,
    OrderState.PAID: Outcome.PAID,
    OrderState.UNKNOWN: Outcome.UNKNOWN,
    OrderState.CANCELLED: Outcome.CANCELLED,
    OrderState.PAID_ELSEWHERE: Outcome.CANCELLED,
}
"""How an order that is not open any more looks to a customer."""


def resumed_session(order: Order, state: OrderState, reason: str, at_ms: int) -> Session:
    """Return a session of an order that is not open any more.

    An order in flight waits for money's word as if it had just been sent; any other has ended.
    Either way somebody must have seen the end before it goes.
    """
    assert state is not OrderState.OPEN, "an open order is offered, not taken up"
    session = dataclasses.replace(new_session(order, at_ms), sent=True, must_be_seen=True)
    if state is OrderState.IN_FLIGHT:
        return dataclasses.replace(session, phase=Phase.AUTHORISING)
    return dataclasses.replace(
        session, phase=Phase.ENDED, outcome=OUTCOME_OF[state], reason=reason or state.value
    )
