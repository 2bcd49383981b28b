"""A customer who is asked to turn the head: the arrow, the equal way without, and every way out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kiosk.domain.consent import Basis
from kiosk.domain.evidence import PadVerdict
from kiosk.domain.headturn import Side, TurnPlan
from kiosk.domain.ids import OrderId
from kiosk.domain.order import OrderState
from kiosk.domain.pad import ALWAYS, Layer, Liveness
from kiosk.domain.session.look import Look
from tests.fakes.screen import PIN, FakeLooker, seen

LARGE = 9_000
LIT = ALWAYS | {Layer.LIGHT}
READY = Liveness(PadVerdict.BONA_FIDE, None, proven=LIT, waiting=frozenset({Layer.TURN}))
TURNED = Liveness(PadVerdict.BONA_FIDE, None, proven=LIT | {Layer.TURN})


def look(side: Side | None, liveness: Liveness = READY, **changes: object) -> Look:
    plan = None if side is None else TurnPlan(side, 1_000)
    return replace(seen(), liveness=liveness, turn=plan, **changes)  # type: ignore[arg-type]


def asked(terminal, side: Side = Side.LEFT) -> None:
    """Be recognised for a sum that asks for a turn, and see the arrow."""
    terminal.order(minor_units=LARGE)
    terminal.click("pressSmile")
    terminal.looker.show(look(None))
    terminal.wait(lambda: terminal.looker.turns == 1, "the eyes are told to ask")
    terminal.looker.show(look(side))
    terminal.until("turn")


@pytest.mark.parametrize(("side", "word"), [(Side.LEFT, "left"), (Side.RIGHT, "right")])
def test_words_and_arrow_say_the_same_side(terminal, side, word):
    """The side that the eyes have drawn, and the customer's own left and right."""
    asked(terminal, side)

    assert terminal.text("title") == f"Turn your head slowly to the {word}"
    assert terminal.item("turnSign").property("toLeft") is (side is Side.LEFT)
    assert terminal.text("amount") == "£90.00"
    assert terminal.is_shown("cameraLight")


def test_the_screen_asks_nothing_before_it_knows_the_side(terminal):
    """Until the eyes have begun to watch, it looks as it did."""
    terminal.order(minor_units=LARGE)
    terminal.click("pressSmile")
    terminal.looker.show(look(None))
    terminal.wait(lambda: terminal.looker.turns == 1, "the eyes are told to ask")

    assert terminal.view == "looking"


def test_a_turned_head_goes_on_to_the_pin_and_is_paid(terminal):
    """The turn lets nobody off it."""
    asked(terminal)
    terminal.looker.show(look(Side.LEFT, TURNED))
    terminal.until("pin")
    assert terminal.text("ask") == "A larger amount needs your PIN."
    terminal.type(PIN)
    terminal.click("digitEnter")
    terminal.until("confirm")
    terminal.wait(lambda: terminal.model.session.amount_shown, "the amount is painted")
    terminal.click("tapAgree")
    terminal.until("paid")

    (charge,) = terminal.cashier.authorised
    assert (charge.basis, charge.pin_token is not None) == (Basis.FACE, True)
    assert terminal.looker.turns == 1


def test_the_way_without_turning_is_as_large_and_leads_to_the_pin(terminal):
    """For who cannot turn, or does not want to."""
    asked(terminal)
    card, button = terminal.item("turnCard"), terminal.item("skipTurn")
    assert (button.width(), button.height()) == (card.width(), card.height())
    terminal.click("skipTurn")
    terminal.until("pin")

    assert terminal.model.session.turned is False


def test_time_leads_to_the_pin_as_well(terminal):
    """Nobody is refused for being slow."""
    asked(terminal)
    terminal.pass_ms(terminal.limits.turning_ms)
    terminal.until("pin")


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (Look(PadVerdict.ATTACK, None, "pad_turn"), "This did not turn as a head does."),
        (look(Side.LEFT, track_changed=True), "Somebody else came into view."),
    ],
    ids=["a sheet", "another face"],
)
def test_what_does_not_turn_as_the_customer_is_not_paid(terminal, shown, reason):
    """With its reason, the camera closed."""
    asked(terminal)
    terminal.looker.show(shown)
    terminal.until("not_paid")
    terminal.wait(lambda: terminal.looker.closes == 1, "the camera is closed")

    assert terminal.text("reason") == reason
    assert terminal.cashier.authorised == []


def test_cancel_and_other_ways_are_there(terminal):
    """As everywhere before the send."""
    asked(terminal)
    terminal.click("otherWaysBelow")
    terminal.until("other")
    terminal.wait(lambda: terminal.looker.wipes >= 1, "what was seen is wiped")


def test_cancelled_in_the_turn(terminal):
    """The order goes back to the till."""
    asked(terminal)
    terminal.click("cancel")
    terminal.until("cancelled")
    terminal.wait(lambda: terminal.cashier.taken_back == [(OrderId("o-1"), "customer_cancelled")])


def test_an_order_taken_back_in_the_turn(terminal):
    """The customer is told why."""
    asked(terminal)
    terminal.cashier.states[OrderId("o-1")] = OrderState.CANCELLED
    terminal.wait(lambda: terminal.pass_ms(1_100) or terminal.view != "turn")

    assert terminal.view in {"cancelled", "pin"}
    terminal.wait(lambda: terminal.pass_ms(1_100) or terminal.view == "cancelled")


def test_the_next_customer_is_not_shown_the_last_ones_side(make):
    """A side belongs to one session."""
    terminal = make(looker=FakeLooker())
    asked(terminal, Side.RIGHT)
    terminal.click("cancel")
    terminal.until("cancelled")
    terminal.click("done")
    terminal.until("idle")
    terminal.order("o-2", minor_units=LARGE)
    terminal.click("pressSmile")
    terminal.looker.show(look(None))
    terminal.wait(lambda: terminal.looker.turns == 2, "the eyes are told to ask")

    assert terminal.view == "looking"


def test_german_says_it_too(make):
    """Left is left."""
    terminal = make(language="de")
    asked(terminal)

    assert terminal.text("title") == "Bitte den Kopf langsam nach links drehen"
