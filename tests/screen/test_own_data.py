"""A customer with their own data at the screen: behind face and PIN, beside no payment."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from kiosk.domain.identification import Decision
from kiosk.domain.mandate import MandateLimits
from kiosk.domain.money import Money
from kiosk.domain.own_data import effects as fx
from tests.fakes.screen import ANNE, PHONE, PIN, FakeRegistrar, order, seen


@pytest.fixture
def terminal(make):
    return make(registrar=FakeRegistrar())


def recognised(terminal) -> None:
    """Turn to one's own data and be recognised."""
    terminal.until("idle")
    terminal.click("ownData")
    terminal.click("ownPress")
    terminal.looker.show(seen())
    terminal.until("own_pin")


def shown(terminal) -> None:
    recognised(terminal)
    terminal.type(PIN)
    terminal.click("digitEnter")
    terminal.until("own_data")


def asked(terminal, kind) -> list:
    return [it for it in terminal.registrar.asked if isinstance(it, kind)]


def test_the_camera_is_off_until_the_press_and_off_again_before_the_pin(terminal):
    """What comes is told first; the face is forgotten before anything is typed or shown."""
    terminal.until("idle")
    terminal.click("ownData")
    terminal.until("own_intro")
    assert terminal.looker.opens == 0
    assert "without your face" in terminal.text("ownStaff")
    terminal.click("ownPress")
    terminal.until("own_looking")
    assert terminal.is_shown("cameraLight")
    terminal.looker.show(seen())
    terminal.until("own_pin")
    terminal.wait(lambda: terminal.looker.wipes >= 1)

    assert (terminal.looker.opens, terminal.looker.closes) == (1, 1)
    assert not terminal.is_shown("cameraLight")
    assert terminal.registrar.asked == []


def test_what_is_kept_is_shown_after_the_pin(terminal):
    """Limits and account in the customer's words; no name and no number are on the screen."""
    shown(terminal)
    values = [row["value"] for row in terminal.model.own_data().rows()]

    assert "£100.00 a payment, £200.00 a day" in values
    assert "••42" in values
    assert asked(terminal, fx.ProvePin) == [fx.ProvePin(ANNE, PIN)]


def test_limits_go_down_by_two_touches(terminal):
    """A payment below its day; a day takes the payment along."""
    shown(terminal)
    terminal.click("ownLimits")
    terminal.until("own_limits")
    terminal.click("ownPayment1")
    terminal.until("own_data")
    assert terminal.text("ownNote") == "Your limits are lower now."
    terminal.click("ownLimits")
    terminal.click("ownDay3")
    terminal.until("own_data")

    assert [it.limits for it in asked(terminal, fx.Lower)] == [
        MandateLimits(Money(2_000), Money(20_000)), MandateLimits(Money(1_000), Money(1_000)),
    ]  # fmt: skip


def test_time_that_passes_makes_no_button_anew(terminal):
    """A press that lasts longer than a tick is a press."""
    shown(terminal)
    terminal.click("ownLimits")
    terminal.until("own_limits")
    button, rung = terminal.item("ownPayment0"), []
    terminal.model.own_data().changed.connect(lambda: rung.append(1))
    for _ in range(5):
        terminal.pass_ms(100)

    assert rung == []
    assert terminal.item("ownPayment0") is button


def test_pause_and_go_on_again(terminal):
    """One button, and what it says changes."""
    shown(terminal)
    terminal.click("ownPause")
    terminal.wait(lambda: terminal.model.own_data().is_paused() and terminal.view == "own_data")
    assert terminal.text("ownNote").startswith("Paused")
    terminal.click("ownPause")
    terminal.wait(lambda: bool(asked(terminal, fx.Resume)))
    terminal.until("own_data")

    assert asked(terminal, fx.Resume) == [fx.Resume(ANNE, "t")]


def test_a_pause_is_ended_by_number_and_pin_and_shows_nothing(terminal):
    """Who has paused is recognised by no camera; a wrong number or PIN is said in one word."""
    terminal.until("idle")
    terminal.click("ownData")
    terminal.click("ownNumber")
    for pin, view in (("111111", "own_phone"), (PIN, "own_end")):
        terminal.until("own_phone")
        terminal.type(PHONE)
        assert terminal.text("typedPhone") == PHONE
        terminal.click("digitEnter")
        terminal.until("own_phone_pin")
        terminal.type(pin)
        terminal.click("digitEnter")
        terminal.wait(lambda: terminal.view not in {"own_phone_pin", "own_wait"})
        assert terminal.view == view

    assert terminal.text("title") == "You can pay with your face again."
    assert (terminal.looker.opens, asked(terminal, fx.AskData)) == (0, [])


def test_erasing_has_to_be_held(terminal):
    """A tap is not enough; after it only the certificate is left."""
    shown(terminal)
    terminal.click("ownErase")
    terminal.click("ownEraseHold")
    assert (terminal.view, asked(terminal, fx.Erase)) == ("own_erase", [])
    place = terminal.middle("ownEraseHold")
    left, plain = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mousePress(terminal.window, left, plain, place)
    terminal.until("own_end")
    QTest.mouseRelease(terminal.window, left, plain, place)

    assert asked(terminal, fx.Erase) == [fx.Erase(ANNE)]
    assert terminal.text("title") == "You are erased."
    assert "c0ffee" in terminal.text("ownCertificate")
    terminal.click("ownDone")
    terminal.until("idle")


def test_three_wrong_pins_end_it_and_staff_can_help(terminal):
    """Each is said beside the pad."""
    recognised(terminal)
    for _ in range(2):
        terminal.type("111111")
        terminal.click("digitEnter")
        terminal.wait(lambda: terminal.view == "own_pin" and terminal.model.is_refused())
        assert "PIN is wrong" in terminal.text("ask")
    terminal.type("111111")
    terminal.click("digitEnter")
    terminal.until("own_end")

    assert "PIN is wrong" in terminal.text("title")
    assert "Staff can" in terminal.text("ownStaff")
    assert asked(terminal, fx.AskData) == []


@pytest.mark.parametrize(
    ("look", "title"),
    [
        (seen(Decision.AMBIGUOUS), "It is not certain enough that it is you."),
        (seen(Decision.UNKNOWN), "We do not know this face."),
    ],
)
def test_without_a_match_staff_are_named(terminal, look, title):
    """No PIN is asked for."""
    terminal.until("idle")
    terminal.click("ownData")
    terminal.click("ownPress")
    terminal.looker.show(look)
    terminal.until("own_looking")
    terminal.clock.ms += 4_500
    terminal.until("own_end")

    assert terminal.text("title") == title
    assert terminal.registrar.asked == []


def test_an_order_waits_while_somebody_looks_at_their_data(terminal):
    """It is not shown beside them, and comes at once when they leave."""
    recognised(terminal)
    terminal.cashier.orders.append(order())
    for _ in range(5):
        terminal.pass_ms(200)
    assert terminal.view == "own_pin"
    terminal.click("ownLeave")
    terminal.until("offer")

    assert terminal.text("amount") == "£12.50"


def test_during_a_payment_there_is_no_way_to_ones_own_data(terminal):
    """Neither a button nor a slot."""
    terminal.order()
    assert not terminal.is_shown("ownData")
    terminal.model.turnToOwn()

    assert terminal.view == "offer"


def test_nobody_there_ends_it_and_leaves_nothing(terminal):
    """After half a minute without a touch the screen is free and knows nothing."""
    shown(terminal)
    terminal.pass_ms(31_000)
    terminal.until("idle")

    assert terminal.model.own_data().rows() == []


def test_what_fails_is_said_and_is_the_end(terminal):
    """Money that is away, or a desk that is busy, in words."""
    shown(terminal)
    terminal.registrar.fails = "desk_busy"
    terminal.click("ownPause")
    terminal.until("own_end")

    assert terminal.text("title") == "Staff are at work on the records."


def test_without_a_desk_there_is_no_button(make):
    """A screen that can do nothing for them offers nothing."""
    terminal = make()
    terminal.until("idle")

    assert not terminal.is_shown("ownData")
