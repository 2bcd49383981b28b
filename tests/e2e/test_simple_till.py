"""The simple till in a real browser, on a running installation with the sandbox bank: what it does.

Fixtures are in conftest.py. One installation and one browser serve the file; each test has a tab of
its own and leaves the kiosk free.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from kiosk.domain.order import Outcome
from kiosk.money.till.access import FOLDER_NAME, KeyRing, TillRole
from tests.fakes import page_probes as probes
from tests.fakes import tablet as browser
from tests.fakes.restaurant import CODE, Restaurant, until, write_menu
from tests.fakes.tablet import Tablet

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())

BY_ITSELF_S = 2.0
"""Within this time an outcome must be on the page, without a hand on it."""


def test_only_a_staff_key_opens_it(tab: Callable[[], Tablet], bistro: Restaurant) -> None:
    """A wrong key and a till system's key are refused in words; the right one opens this tab."""
    till = tab()
    till.sign_in("st_wrong")
    till.says("key-problem", "This key is not accepted.")
    till.sign_in(bistro.till_key)
    till.says("key-problem", "This key is for a till system.")
    assert not till.is_shown("sell")

    till.sign_in(bistro.key)
    till.shown("sell")
    till.says("link", "Connected")
    assert till.text("payee") == "Bistro Sandbox"
    assert bistro.key not in till.script("return document.documentElement.outerHTML + location")
    assert till.script("return document.cookie + JSON.stringify(localStorage)") == "{}"
    other = tab()
    other.shown("sign-in")
    till.turn_to().press("Sign out")
    till.press("Sign out now")
    till.shown("sign-in")
    assert till.script("return sessionStorage.getItem('smiletill-key')") is None


def test_a_bill_is_typed_picked_changed_and_paid(till: Tablet, bistro: Restaurant) -> None:
    """The kiosk gets what the page shows; PAID comes within two seconds, by itself."""
    till.type_amount("1250")
    till.press("Fish pie")
    till.press("Tomato soup")
    assert till.text("total") == "29.90 GBP"
    till.press("Remove Fish pie")
    assert till.text("total") == "17.00 GBP"
    order = till.send()
    till.outcome("At the kiosk")
    found = bistro.order(order)
    assert found["amount"] == "17.00"
    assert [(it["text"], it["amount"]) for it in found["lines"]] == [
        ("Amount", "12.50"),
        ("Tomato soup", "4.50"),
    ]

    assert bistro.guest_pays(order) is Outcome.PAID
    till.outcome("PAID", BY_ITSELF_S)
    assert till.kind == "paid"
    assert bistro.debits(order) == 1

    till.press("Receipt")
    till.says("receipt-text", "17.00")
    till.says("receipt-text", "Bistro Sandbox")
    till.press("Close")
    till.press("Next customer")
    till.shown("sell")
    assert till.text("total") == "0.00 GBP"


def test_a_declined_payment_leaves_the_bill(till: Tablet, bistro: Restaurant) -> None:
    """NOT PAID, why, and the customer can still pay it."""
    till.type_amount("300")
    order = till.send()
    with bistro.bank_declines():
        assert bistro.guest_pays(order) is Outcome.NOT_PAID
    till.outcome("NOT PAID", BY_ITSELF_S)
    till.says("outcome-help", "limit")
    till.says("outcome-help", "still at the kiosk")
    assert not till.is_shown("next")
    assert bistro.state(order) == "open"
    assert bistro.debits(order) == 0

    assert bistro.guest_pays(order) is Outcome.PAID
    till.outcome("PAID", BY_ITSELF_S)


def test_a_bill_is_taken_back_and_changed(till: Tablet, bistro: Restaurant) -> None:
    """Nobody can pay it any more; its items can be sent again under a new id."""
    till.press("Lemonade")
    first = till.send()
    till.press("Take back")
    till.outcome("NOT PAID – taken back")
    assert bistro.state(first) == "cancelled"

    till.press("Change this bill")
    assert till.text("total") == "2.80 GBP"
    till.press("Lemonade")
    second = till.send()
    assert second != first
    assert bistro.order(second)["amount"] == "5.60"


def test_closing_needs_a_staff_code(till: Tablet, bistro: Restaurant) -> None:
    """A wrong code changes nothing; the right one closes the bill as paid elsewhere."""
    till.type_amount("700")
    order = till.send()
    till.press("Paid another way")
    till.as_staff("0000")
    till.says("staff-problem", "Staff name or code is wrong.")
    assert bistro.state(order) == "open"
    assert till.shown("staff-code").get_attribute("value") == ""

    till.as_staff(CODE)
    till.outcome("Paid another way")
    assert bistro.state(order) == "paid_elsewhere"
    till.press("Next customer")
    till.shown("sell")


def test_an_unknown_outcome_is_unmistakable_and_changes_by_itself(
    till: Tablet, bistro: Restaurant
) -> None:
    """UNKNOWN in the colour of nothing else; the bank's late word replaces it, unasked."""
    till.type_amount("410")
    order = till.send()
    bistro.bank_goes_silent()
    assert bistro.guest_pays(order) is Outcome.UNKNOWN
    till.outcome("UNKNOWN", BY_ITSELF_S)
    assert till.kind == "unknown"
    till.says("outcome-help", "Take no other money")
    others = set(probes.KINDS) - {"unknown", "refund_due"}
    colour = till.script(probes.BACKGROUND, "unknown")
    assert colour not in {till.script(probes.BACKGROUND, kind) for kind in others}

    bistro.bank_behaves()
    till.outcome("PAID")
    till.says("outcome-help", "late")
    assert bistro.debits(order) == 1


def test_late_news_of_a_bill_that_was_put_away_is_told(till: Tablet, bistro: Restaurant) -> None:
    """Staff have gone on to the next customer; the notice stays until somebody has seen it."""
    till.type_amount("420")
    order = till.send()
    bistro.bank_goes_silent()
    bistro.guest_pays(order)
    till.outcome("UNKNOWN")
    till.press("Next customer")
    bistro.bank_behaves()
    until(lambda: bistro.state(order) == "paid")

    till.says("notices", f"Late word of the bank: the bill of 4.20 GBP ({order}) is PAID.")
    till.press(f"Look at it: {order}")
    till.outcome("PAID")
    assert order not in till.text("notices")


def test_refunds_in_part_and_in_full(till: Tablet, bistro: Restaurant) -> None:
    """Never above what is left; the list says what went back."""
    till.type_amount("900")
    order = till.send()
    bistro.guest_pays(order)
    till.outcome("PAID")
    till.press("Orders")
    till.press_in_row(order, "Refund")
    till.as_staff(amount="2,50")
    till.says("orders-told", "2.50 GBP")
    till.row_says(order, "2.50 still to go back.")

    till.press_in_row(order, "Refund")
    assert till.shown("staff-amount").get_attribute("value") == "6.50"
    till.as_staff(amount="6.51")
    till.says("staff-problem", "6.50")
    assert bistro.order(order)["refunded"] == "2.50"
    till.as_staff(amount="6.50")
    till.says("orders-told", "6.50 GBP")
    till.row_says(order, "9.00 still to go back.")
    assert bistro.order(order)["refundable"] == "0.00"
    assert till.texts(f'tr[data-order="{order}"] button') == ["Receipt"]


def test_a_refund_whose_answer_was_lost_is_made_once(till: Tablet, bistro: Restaurant) -> None:
    """Sent again, also from a dialog that was closed meanwhile, it is the same refund."""
    till.type_amount("600")
    order = till.send()
    bistro.guest_pays(order)
    till.outcome("PAID")
    till.press("Orders")
    till.press_in_row(order, "Refund")
    till.script(probes.LOSE_ANSWERS, "/refunds")
    till.as_staff(amount="2.00")
    till.says("staff-problem", "The till does not answer.")
    till.offline(is_off=True)
    till.press("Cancel")
    till.says("orders-problem", "The till does not answer.")
    till.offline(is_off=False)
    till.press_in_row(order, "Refund")
    till.as_staff(amount="2.00")
    till.says("orders-told", "2.00 GBP")
    till.row_says(order, "2.00 still to go back.")

    (refund,) = bistro.order(order)["refunds"]
    assert refund["amount"] == "2.00"


def test_orders_and_totals_are_what_the_journal_says(till: Tablet, bistro: Restaurant) -> None:
    """Every bill of the day is there, found by amount too; the sums are the interface's own."""
    till.type_amount("777")
    order = till.send()
    bistro.guest_pays(order)
    till.outcome("PAID")
    till.press("Orders")
    till.row_says(order, "7.77 GBP", "PAID")
    shown = till.script(
        "return [...document.querySelectorAll('#orders-list tr')].map((it) => it.dataset.order)"
    )
    assert shown == [it["order_id"] for it in bistro.orders()]
    till.shown("orders-amount").send_keys("7,77", Keys.ENTER)
    till.wait(lambda: len(till.texts("#orders-list tr")) == 1)
    till.shown("orders-amount").clear()
    till.shown("orders-amount").send_keys("0.01", Keys.ENTER)
    till.says("orders-note", "No such bill")

    till.press("Day")

    def agrees() -> bool:
        till.press("Show")
        totals = bistro.client.rest("GET", "/v1/totals").json
        expected = {
            "received": [str(totals["received"]["count"]), f"{totals['received']['amount']} GBP"],
            "refunded": [str(totals["refunded"]["count"]), f"{totals['refunded']['amount']} GBP"],
            "net": ["", f"{totals['net']} GBP"],
            "state-paid": [
                str(totals["orders"]["paid"]["count"]),
                f"{totals['orders']['paid']['amount']} GBP",
            ],
        }
        return {it: till.texts(f'tr[data-sum="{it}"] td') for it in expected} == expected

    # Not at once: the bank's late word on another test's bill may come in between.
    till.wait(agrees, lambda: str(till.texts("#totals-list tr")))


def test_a_reload_in_the_middle_goes_on(till: Tablet, bistro: Restaurant) -> None:
    """The same bill, before and after it is sent, and without signing in again."""
    till.press("Flat white")
    till.driver.refresh()
    till.wait(lambda: till.is_shown("total") and till.text("total") == "3.10 GBP")
    order = till.send()
    till.driver.refresh()
    till.outcome("At the kiosk")
    bistro.bank_fault("slow", seconds=1.5)
    with bistro.guest_paying(order):
        till.outcome("Paying…")
        till.driver.refresh()
        till.outcome("Paying…")
        assert not till.is_shown("take-back")
        till.outcome("PAID")
    assert till.order_id == order
    assert bistro.debits(order) == 1


def test_a_bill_whose_answer_was_lost_is_one_order(till: Tablet, bistro: Restaurant) -> None:
    """The till has it, the page says what to do, and sending again is the same order."""
    before = {it["order_id"] for it in bistro.orders()}
    till.press("Lemonade")
    till.script(probes.LOSE_ANSWERS, "/v1/orders")
    till.press("Send to the kiosk")
    till.says(
        "sell-problem", "The till does not answer. Send again: it stays one and the same bill."
    )
    (arrived,) = {it["order_id"] for it in bistro.orders()} - before
    assert till.send() == arrived
    assert {it["order_id"] for it in bistro.orders()} - before == {arrived}
    bistro.guest_pays(arrived)
    till.outcome("PAID")

    till.press("Next customer")
    till.press("Lemonade")
    assert till.send() != arrived, "the same items for the next customer are another order"


def test_without_a_network_it_says_so(till: Tablet, bistro: Restaurant) -> None:
    """Clear words, nothing lost, and on by itself when it is back."""
    till.says("link", "Connected")
    till.press("Still water")
    till.offline(is_off=True)
    try:
        till.says("link", "Not connected: trying again")
        till.press("Send to the kiosk")
        till.says("sell-problem", "The till does not answer.")
        till.press("Orders")
        till.says("orders-problem", "The till does not answer.")
        till.press("Sell")
        assert till.text("total") == "2.20 GBP"
    finally:
        till.offline(is_off=False)
    till.says("link", "Connected")
    order = till.send()
    bistro.guest_pays(order)
    till.outcome("PAID", BY_ITSELF_S)


def test_a_restart_of_money_loses_nothing(till: Tablet, bistro: Restaurant) -> None:
    """Killed with an order at the kiosk: connected again, the same order, and paid by itself."""
    till.type_amount("250")
    order = till.send()
    bistro.restart_money()
    till.says("link", "Connected")
    till.outcome("At the kiosk")
    assert bistro.guest_pays(order) is Outcome.PAID
    till.outcome("PAID", BY_ITSELF_S)
    assert bistro.debits(order) == 1


def test_a_reload_while_money_is_away_waits(till: Tablet, bistro: Restaurant) -> None:
    """The page neither forgets the key nor the order because the till does not answer."""
    till.type_amount("130")
    order = till.send()
    till.script("sessionStorage.setItem('smiletill-tested', '1')")
    till.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": probes.DEAF_AT_FIRST}
    )
    till.driver.refresh()
    till.says("waiting-text", "tries again by itself")
    till.outcome("At the kiosk")
    assert till.order_id == order


def test_a_second_tablet_is_told_that_the_kiosk_is_busy(
    till: Tablet, tab: Callable[[], Tablet], bistro: Restaurant
) -> None:
    """In words, with a way to the bill that is in its way; its own bill stays."""
    till.type_amount("100")
    order = till.send()
    second = tab().sign_in(bistro.other_key)
    second.says("busy-text", order)
    second.press("Lemonade")
    second.press("Send to the kiosk")
    second.says("sell-problem", "The kiosk is busy with another order.")
    assert second.text("total") == "2.80 GBP"

    second.press("Look at it")
    second.outcome("At the kiosk")
    assert second.order_id == order
    second.press("Take back")
    second.press("Next customer")
    assert not second.is_shown("busy")
    second.send()
    till.turn_to().outcome("NOT PAID – taken back", BY_ITSELF_S)


def test_a_key_that_was_removed_is_told(tab: Callable[[], Tablet], bistro: Restaurant) -> None:
    """Not as a lost connection: the words say what to do."""
    ring = KeyRing(bistro.data_dir / "money" / FOLDER_NAME)
    till = tab().sign_in(ring.add("lost", TillRole.STAFF, "2026-11-23T00:00:00Z"))
    till.says("link", "Connected")
    ring.remove("lost")
    bistro.restart_money()
    till.says("link", "This key is not accepted any more")


def test_a_menu_that_cannot_be_read_stops_no_sale(till: Tablet, bistro: Restaurant) -> None:
    """The words name the line; typed amounts are taken."""
    try:
        (bistro.data_dir / "menu.csv").write_text("item,price\nSoup,4.50\nPie,free\n")
        till.driver.refresh()
        till.says("sell-problem", "Line 3 of the menu cannot be used")
        assert not till.is_shown("menu-card")
        till.type_amount("100")
        till.send()
    finally:
        write_menu(bistro.data_dir)


def test_a_slip_of_the_finger_is_not_sent(till: Tablet) -> None:
    """Above the ceiling the page says so and sends nothing; no amount is no line."""
    till.press("Add to the bill")
    till.says("sell-problem", "Type an amount first.")
    till.type_amount("50001")
    till.says("sell-problem", "at most 500.00 GBP")
    assert not till.driver.find_element(By.ID, "send").is_enabled()
    till.press("Clear")
    assert till.text("sell-problem") == ""
