"""Words for session tests: one order, one person, verdicts, and a customer who plays a script."""

from __future__ import annotations

from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import (
    Decision,
    DecisionReason,
    Identification,
    Thresholds,
)
from kiosk.domain.ids import OrderId, PayerAlias, PersonId
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateFacts, MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import Order
from kiosk.domain.session import Session, new_session, step
from kiosk.domain.session import events as ev
from kiosk.domain.session.effects import Effect

ANNE = PersonId("p-anne")
ORDER = Order(OrderId("o-1"), Money(1_250), "Bistro")
LIMITS = Thresholds(open=0.7, digits=0.6, pin=0.3, worst_open="test")
FACTS = MandateFacts(PayerAlias("a-1"), MandateState.ACTIVE, DEFAULT_LIMITS, Money(0), 3, 2, "••42")


def verdict(decision: Decision, person: PersonId | None = ANNE) -> Identification:
    """Make a verdict that names a person unless it cannot."""
    unnamed = decision in {Decision.UNKNOWN, Decision.AMBIGUOUS}
    return Identification(
        decision, DecisionReason.CLEAR, None if unnamed else person, 0.8, None, LIMITS
    )


def probed(at_ms: int, decision: Decision = Decision.IDENTIFIED, **more: object) -> ev.Probed:
    """Make a bona fide probe that came to a decision."""
    return ev.Probed(at_ms, PadVerdict.BONA_FIDE, verdict(decision), **more)  # type: ignore[arg-type]


def play(*events: ev.Event, order: Order = ORDER) -> tuple[Session, list[Effect]]:
    """Run events through a new session and collect all effects."""
    session = new_session(order, 0)
    done: list[Effect] = []
    for event in events:
        session, effects = step(session, event)
        done += effects
    return session, done


def up_to_confirming() -> tuple[ev.Event, ...]:
    """Give the events of a customer who is recognised at once and has seen the amount."""
    return (
        ev.Pressed(0),
        probed(400),
        ev.FactsArrived(410, FACTS),
        ev.AmountShown(420),
    )
