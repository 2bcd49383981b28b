"""A customer before the window: every way to pay, every end, and nothing that could mislead."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.evidence import PadVerdict
from kiosk.domain.identification import Decision
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState, Outcome
from kiosk.domain.pad import ALWAYS, Layer, Liveness
from kiosk.domain.session import SessionLimits
from tests.fakes.screen import (
    DIGITS,
    FACTS,
    PHONE,
    PIN,
    STAFF_CODE,
    FakeCashier,
    hint,
    order,
    seen,
    smile,
)

ORDER = OrderId("o-1")


def recognised(terminal) -> None:
    """Press, be recognised, read the amount."""
    terminal.order()
    terminal.click("pressSmile")
    terminal.looker.show(seen())
    terminal.until("confirm")
    terminal.wait(lambda: terminal.model.session.amount_shown, "the amount is painted")


def smiled_at(terminal) -> int | None:
    return terminal.model.session.gauge.last_at_ms


def smile_long_enough(terminal) -> None:
    terminal.looker.show(smile(0.1))
    terminal.wait(lambda: terminal.model.smile_ready(), "a neutral face was seen")
    terminal.looker.show(smile(0.95))
    terminal.wait(lambda: terminal.model.session.gauge.smiling_since_ms is not None)
    for _ in range(6):
        terminal.clock.ms += 100
        terminal.wait(
            lambda: terminal.view != "confirm" or smiled_at(terminal) == terminal.clock.ms
        )


def test_pay_with_a_smile(terminal):
    """Press, be recognised, smile: PAID, by face and smile, and seen once it is closed."""
    recognised(terminal)
    assert terminal.text("confirmAmount") == "£12.50"
    assert terminal.text("confirmPayee") == "to Bistro"
    assert "••42" in terminal.text("account")
    smile_long_enough(terminal)
    terminal.until("paid")

    (charge,) = terminal.cashier.authorised
    assert (charge.basis, charge.consent) == (Basis.FACE, ConsentKind.SMILE)
    assert terminal.text("title") == "PAID"
    assert terminal.text("amount") == "£12.50"
    terminal.click("done")
    terminal.until("idle")
    terminal.wait(lambda: terminal.cashier.acknowledged == [ORDER])


def test_pay_with_a_tap(terminal):
    """The button beside the smile does the same, and is as large."""
    recognised(terminal)
    card, button = terminal.item("smileCard"), terminal.item("tapAgree")
    assert (button.width(), button.height()) == (card.width(), card.height())
    terminal.click("tapAgree")
    terminal.until("paid")

    assert terminal.cashier.authorised[0].consent is ConsentKind.TAP


def test_a_still_face_that_taps_types_the_pin_and_taps_again(terminal):
    """Above the lowered sum the light alone is not enough; the amount is shown anew after it."""
    strong = Liveness(PadVerdict.BONA_FIDE, None, proven=ALWAYS | {Layer.LIGHT})
    terminal.order(minor_units=4_000)
    terminal.click("pressSmile")
    terminal.looker.show(replace(seen(), liveness=strong))
    terminal.until("confirm")
    terminal.wait(lambda: terminal.model.session.amount_shown, "the amount is painted")
    terminal.click("tapAgree")
    terminal.until("pin")
    assert terminal.text("ask") == "For this amount your PIN is needed too."
    terminal.type(PIN)
    terminal.click("digitEnter")
    terminal.until("confirm")
    terminal.wait(lambda: terminal.model.session.amount_shown, "the amount is painted anew")
    terminal.click("tapAgree")
    terminal.until("paid")

    (charge,) = terminal.cashier.authorised
    assert charge.pin_token is not None


def test_the_camera_is_off_until_the_press_and_after_the_consent(terminal):
    """Nothing is opened for an offer; what was opened is closed and wiped."""
    terminal.order()
    terminal.pass_ms(5_000)
    assert terminal.looker.opens == 0
    assert not terminal.is_shown("cameraLight")
    terminal.click("pressSmile")
    terminal.until("looking")
    assert terminal.is_shown("cameraLight")
    terminal.looker.show(seen())
    terminal.until("confirm")
    terminal.click("tapAgree")
    terminal.until("paid")
    terminal.wait(lambda: terminal.looker.closes == 1 and terminal.looker.wipes >= 1)

    assert terminal.looker.opens == 1
    assert terminal.looker.threads == {"vision"}


def test_phone_and_pin_pay_without_a_face(terminal):
    """The whole way to PAID, with the camera never opened."""
    terminal.order()
    terminal.click("otherWays")
    terminal.until("other")
    terminal.click("choosePhone")
    terminal.until("phone")
    terminal.type(PHONE)
    assert terminal.text("typedPhone") == PHONE
    terminal.click("digitEnter")
    terminal.until("phone_pin")
    terminal.type(PIN)
    terminal.click("digitEnter")
    terminal.until("confirm")
    assert not terminal.is_shown("smileCard"), "nobody can smile at a camera that is off"
    terminal.click("tapAgree")
    terminal.until("paid")

    assert terminal.cashier.authorised[0].basis is Basis.PHONE_AND_PIN
    assert terminal.looker.opens == 0


def test_a_wrong_pin_is_said_and_asked_again_until_it_was_one_too_many(terminal):
    """The reason stands beside the pad; the third wrong answer ends it."""
    terminal.cashier.facts = replace(FACTS, spent_today=Money(14_000))
    terminal.order()
    terminal.click("pressSmile")
    terminal.looker.show(seen())
    terminal.until("pin")
    assert terminal.text("ask") == "You have paid a lot today."
    for _ in range(2):
        terminal.type("111111")
        assert terminal.item("dots").property("filled") == 6
        terminal.click("digitEnter")
        terminal.wait(lambda: terminal.view == "pin" and terminal.model.is_refused())
        assert "PIN is wrong" in terminal.text("ask")
        assert terminal.item("dots").property("filled") == 0
    terminal.type("111111")
    terminal.click("digitEnter")
    terminal.until("not_paid")

    assert "PIN is wrong" in terminal.text("reason")
    assert terminal.cashier.authorised == []


def test_a_look_alike_types_digits_and_the_eyes_pause_meanwhile(terminal):
    """Four digits are sent as they are complete; the eyes look again after that."""
    terminal.order()
    terminal.click("pressSmile")
    terminal.looker.show(seen(Decision.AMBIGUOUS))
    terminal.until("digits")
    assert terminal.text("ask") == "Somebody here looks like you."
    terminal.type("9999")
    terminal.wait(lambda: terminal.model.is_refused())
    again = terminal.looker.again
    terminal.type(DIGITS)
    terminal.until("confirm")

    assert terminal.looker.claims == ["9999", DIGITS]
    assert terminal.looker.again > again


def test_hints_say_what_to_do(terminal):
    """While looking, the newest frame's reason is one line for the customer."""
    terminal.order()
    terminal.click("pressSmile")
    terminal.until("looking")
    terminal.looker.show(*[hint("too_far")] * 30)
    terminal.wait(lambda: terminal.text("hint") == "Come a little closer.")


def test_cancel_before_the_send_gives_the_order_back(terminal):
    """CANCELLED, nothing asked of the bank, and the till knows."""
    recognised(terminal)
    terminal.click("cancel")
    terminal.until("cancelled")
    terminal.wait(lambda: terminal.cashier.taken_back == [(ORDER, "customer_cancelled")])

    assert terminal.cashier.authorised == []
    terminal.click("done")
    terminal.until("idle")


def test_after_the_send_nothing_else_is_offered(terminal):
    """While the bank is asked there is no cancel and no other way, and cancelling does nothing."""
    terminal.cashier.hold.clear()
    recognised(terminal)
    terminal.click("tapAgree")
    terminal.until("paying")
    assert not any(map(terminal.is_shown, ("cancel", "otherWaysBelow", "otherWays", "back")))
    terminal.model.cancel()
    terminal.model.otherWays()
    assert terminal.view == "paying"
    terminal.cashier.hold.set()
    terminal.until("paid")


def test_another_way_is_open_from_every_moment_before_the_send(terminal):
    """Also while the camera looks: it is closed and what it saw is wiped."""
    terminal.order()
    terminal.click("pressSmile")
    terminal.until("looking")
    terminal.click("otherWaysBelow")
    terminal.until("other")
    terminal.wait(lambda: terminal.looker.closes == 1 and terminal.looker.wipes >= 1)


def test_a_session_times_out_as_not_paid(terminal):
    """Eight seconds without a face end the look; the order can be tried again at once."""
    terminal.order()
    terminal.click("pressSmile")
    terminal.until("looking")
    terminal.pass_ms(8_100)
    terminal.until("not_paid")
    terminal.click("retry")
    terminal.until("looking")

    assert terminal.model.session.tries_used == 1


def test_from_not_paid_to_another_way(terminal):
    """Whoever is not recognised goes on with the phone number, for the same order."""
    terminal.order()
    terminal.click("pressSmile")
    terminal.until("looking")
    terminal.pass_ms(8_100)
    terminal.until("not_paid")
    terminal.click("payOtherWay")
    terminal.until("other")
    terminal.click("choosePhone")
    terminal.until("phone")


def test_no_more_looking_after_three_tries(terminal):
    """The smile is not offered a fourth time; the other ways are."""
    terminal.order()
    for attempt in range(3):
        terminal.click("pressSmile" if attempt == 0 else "retry")
        terminal.until("looking")
        terminal.pass_ms(8_100)
        terminal.until("not_paid")
    assert not terminal.is_shown("retry")
    terminal.click("done")
    terminal.until("offer")

    assert not terminal.item("pressSmile").isEnabled()
    assert terminal.item("otherWays").isEnabled()


def test_a_silent_bank_is_unknown_until_staff_have_seen_it(terminal):
    """No short press and no time closes it; late news of the bank may still change it."""
    terminal.cashier.answer_with = (Outcome.UNKNOWN, "no_answer")
    recognised(terminal)
    terminal.click("tapAgree")
    terminal.until("unknown")
    assert "Do not pay this bill another way yet." in terminal.text("mend")
    assert not terminal.is_shown("done")
    assert not terminal.is_shown("payOtherWay")
    terminal.click("holdSeen")
    terminal.pass_ms(600_000)
    assert terminal.view == "unknown"
    terminal.model.acknowledge()
    terminal.until("idle")
    terminal.wait(lambda: terminal.cashier.acknowledged == [ORDER])


def test_holding_the_button_acknowledges(terminal):
    """A second and a half, which nobody does by accident."""
    terminal.cashier.answer_with = (Outcome.UNKNOWN, "no_answer")
    recognised(terminal)
    terminal.click("tapAgree")
    terminal.until("unknown")
    QTest.mousePress(
        terminal.window, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        terminal.middle("holdSeen"),
    )  # fmt: skip
    terminal.until("idle")
    QTest.mouseRelease(terminal.window, Qt.MouseButton.LeftButton)


def test_late_news_of_the_bank_reach_the_screen(terminal):
    """UNKNOWN becomes PAID when the bank's word comes."""
    terminal.cashier.answer_with = (Outcome.UNKNOWN, "no_answer")
    recognised(terminal)
    terminal.click("tapAgree")
    terminal.until("unknown")
    terminal.cashier.outcome_is = (Outcome.PAID, "settled")
    terminal.pass_ms(2_100)
    terminal.until("paid")


def test_a_lost_answer_is_asked_for_and_never_guessed(terminal):
    """Money goes away during the payment: the screen asks until it knows."""
    terminal.cashier.answer_with = None
    recognised(terminal)
    terminal.click("tapAgree")
    terminal.until("paying")
    terminal.wait(lambda: len(terminal.cashier.authorised) == 1)
    terminal.pass_ms(600)
    terminal.wait(lambda: "outcome" in terminal.cashier.asked)
    assert terminal.view == "paying"
    terminal.cashier.outcome_is = (Outcome.NOT_PAID, "never_begun")
    terminal.wait(lambda: terminal.pass_ms(600) or terminal.view == "not_paid")

    assert len(terminal.cashier.authorised) == 1


def test_money_silent_for_too_long_is_unknown(terminal):
    """Not cancelled, not unpaid: nobody knows."""
    terminal.cashier.answer_with = None
    recognised(terminal)
    terminal.click("tapAgree")
    terminal.until("paying")
    terminal.pass_ms(61_000)
    terminal.until("unknown")


@pytest.mark.parametrize(
    ("state", "view"), [(OrderState.PAID, "paid"), (OrderState.UNKNOWN, "unknown")]
)
def test_after_a_restart_the_interrupted_order_s_end_is_shown_until_seen(make, state, view):
    """A new process shows how it ended, for as long as it takes."""
    cashier = FakeCashier(orders=[order()], states={ORDER: state})
    terminal = make(cashier=cashier)
    terminal.until(view)
    assert terminal.is_shown("interrupted")
    terminal.pass_ms(3_600_000)
    assert terminal.view == view
    terminal.model.acknowledge()
    terminal.until("idle")

    terminal.wait(lambda: cashier.acknowledged == [ORDER])


def test_after_a_restart_a_payment_in_flight_waits_for_money_s_word(make):
    """It cannot be paid again meanwhile."""
    cashier = FakeCashier(orders=[order()], states={ORDER: OrderState.IN_FLIGHT})
    terminal = make(cashier=cashier)
    terminal.until("paying")
    cashier.outcome_is = (Outcome.PAID, "settled")
    terminal.wait(lambda: terminal.pass_ms(600) or terminal.view == "paid")

    assert cashier.authorised == []


def test_an_order_taken_back_by_the_till_leaves_the_screen(terminal):
    """The customer is told why."""
    terminal.order()
    terminal.cashier.states[ORDER] = OrderState.CANCELLED
    terminal.wait(lambda: terminal.pass_ms(1_100) or terminal.view == "cancelled")

    assert terminal.text("reason") == "The till took the bill back."
    assert terminal.cashier.taken_back == []


def test_an_offer_that_nobody_turns_to_goes_back(make):
    """After five minutes."""
    terminal = make(limits=SessionLimits())
    terminal.order()
    terminal.pass_ms(300_100)
    terminal.until("cancelled")
    terminal.wait(lambda: terminal.cashier.taken_back == [(ORDER, "nobody_came")])


def test_staff_close_a_bill_as_paid_at_the_till(terminal):
    """Only with a code; a wrong one is said."""
    terminal.order()
    terminal.click("otherWays")
    terminal.click("chooseTill")
    terminal.until("staff")
    terminal.type("1234")
    terminal.click("digitEnter")
    terminal.wait(lambda: terminal.model.is_refused())
    terminal.type(STAFF_CODE)
    terminal.click("digitEnter")
    terminal.until("cancelled")

    assert terminal.text("reason") == "This bill was paid at the till."


def test_without_staff_codes_nobody_closes_a_bill_here(make):
    """The screen only sends the customer to the till."""
    terminal = make(staff_can_close=False)
    terminal.order()
    terminal.click("otherWays")
    terminal.until("other")

    assert not terminal.is_shown("chooseTill")
    assert terminal.is_shown("tillAsk")


def test_while_staff_enrol_nobody_is_looked_for(terminal):
    """The screen says so, before an order and with one."""
    terminal.model.tell_enrolling(True)
    terminal.until("enrolling")
    terminal.cashier.orders.append(order())
    terminal.wait(lambda: terminal.model.has_order())
    terminal.model.press()
    assert terminal.looker.opens == 0
    terminal.model.tell_enrolling(False)
    terminal.until("offer")


def test_a_camera_that_does_not_open_is_no_dead_end(terminal):
    """NOT PAID with the reason, and another way."""
    terminal.looker.fails = "camera_missing"
    terminal.order()
    terminal.click("pressSmile")
    terminal.until("not_paid")

    assert terminal.text("reason") == "There is no camera."
    assert terminal.is_shown("payOtherWay")


def test_without_money_the_screen_says_that_nothing_can_be_paid(terminal):
    """And comes back by itself."""
    terminal.cashier.is_down = True
    terminal.until("offline")
    terminal.cashier.is_down = False
    terminal.wait(lambda: terminal.pass_ms(1_100) or terminal.view == "idle")


def test_first_visit_reads_what_is_stored(terminal):
    """Three lines beside the first consent, and at any time before."""
    terminal.cashier.facts = replace(FACTS, payments_ever=0)
    terminal.order()
    terminal.click("about")
    terminal.until("about")
    assert terminal.is_shown("about_3")
    terminal.click("back")
    terminal.until("offer")
    terminal.click("pressSmile")
    terminal.looker.show(seen())
    terminal.until("confirm")

    assert terminal.is_shown("firstVisit")


def test_another_language_is_one_touch_away(terminal):
    """Words and sums change at once."""
    terminal.order()
    terminal.click("language")

    assert terminal.text("pressSmile") == "Mit Lächeln bezahlen"
    assert terminal.text("amount") == "12,50\N{NO-BREAK SPACE}£"


def test_by_keyboard_alone(terminal):
    """Digits, Backspace and Return work on every pad (R29)."""
    terminal.order()
    terminal.model.otherWays()
    terminal.model.choosePhone()
    terminal.until("phone")
    for digit in PHONE + "5":
        QTest.keyClick(terminal.window, digit)
    QTest.keyClick(terminal.window, Qt.Key.Key_Backspace)
    assert terminal.model.typed_phone() == PHONE
    QTest.keyClick(terminal.window, Qt.Key.Key_Return)
    terminal.until("phone_pin")
