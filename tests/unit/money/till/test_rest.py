"""The REST page: the same rules in fewer words, and what each role may."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kiosk.domain.order import OrderState
from kiosk.money.config import TillConfig
from kiosk.money.till.access import TillRole
from kiosk.money.till.staff import WRONG_CODES_MAX
from tests.fakes.bank import Fault
from tests.fakes.till import WITH_TILL, TillRoom, till_room

STAFF = {"staff": "ann", "code": "1234"}


def order(tills: TillRoom, name: str = "A1", amount: str = "12.50", *, paid: bool = True):
    answer = tills.bar.rest("POST", "/v1/orders", {"order_id": name, "amount": amount})
    if paid:
        tills.money.pay(name)
    return answer


def test_an_order_is_opened_once(tills):
    """201 and then 200 with the same order; another amount is 409 and changes nothing."""
    first = order(tills, paid=False)
    again = order(tills, paid=False)
    other = tills.bar.rest("POST", "/v1/orders", {"order_id": "A1", "amount": "12.51"})

    assert (first.status, again.status, other.status) == (201, 200, 409)
    assert first.json == again.json == tills.bar.rest("GET", "/v1/orders/A1").json
    assert first.json["state"] == "open"
    assert first.json["amount"] == "12.50"
    assert other.json["error"] == "order_amount_differs"


def test_an_order_without_a_name_gets_one(tills):
    """It is told in the answer."""
    name = tills.bar.rest("POST", "/v1/orders", {"amount": 5}).json["order_id"]

    assert tills.bar.rest("GET", f"/v1/orders/{name}").json["amount"] == "5.00"


def test_an_abort_is_certain_or_refused(tills):
    """Open orders are taken back; a paid one is 409 and stays paid."""
    order(tills, "A1", paid=False)
    taken = tills.bar.rest("DELETE", "/v1/orders/A1")
    order(tills, "A2")
    late = tills.bar.rest("DELETE", "/v1/orders/A2")

    assert (taken.status, taken.json["state"]) == (200, "cancelled")
    assert tills.bar.rest("DELETE", "/v1/orders/A1").status == 200
    assert (late.status, late.json["error"]) == (409, "order_ended")
    assert tills.money.state("A2") is OrderState.PAID


def test_a_till_sees_its_own_orders_only(tills):
    """Another till's order is not there; staff see all; lists are for staff."""
    order(tills)
    other = tills.client("terrace", TillRole.TILL)

    for path in ("/v1/orders/A1", "/v1/receipts/A1"):
        assert other.rest("GET", path).status == 404
        assert tills.tablet.rest("GET", path).status == 200
    assert other.rest("DELETE", "/v1/orders/A1").status == 404
    assert tills.bar.rest("GET", "/v1/orders").status == 403
    (found,) = tills.tablet.rest("GET", "/v1/orders?amount=12.50").json["orders"]
    assert found["order_id"] == "A1"
    assert tills.tablet.rest("GET", "/v1/orders?amount=1").json["orders"] == []
    assert tills.tablet.rest("GET", "/v1/orders?day=2000-01-01").json["orders"] == []


def test_staff_close_what_was_paid_elsewhere(tills):
    """With a staff key and code; the guest cannot pay it any more."""
    order(tills, paid=False)
    path = "/v1/orders/A1/close"
    assert tills.bar.rest("POST", path, STAFF).status == 403
    assert tills.tablet.rest("POST", path, {**STAFF, "code": "0000"}).status == 403
    closed = tills.tablet.rest("POST", path, STAFF)

    assert (closed.status, closed.json["state"]) == (200, "paid_elsewhere")
    assert tills.tablet.rest("POST", path, STAFF).json == closed.json


def test_refunds_never_exceed_what_was_paid(tills):
    """Part, rest, no more; the same request id is the same refund."""
    order(tills)
    path = "/v1/orders/A1/refunds"
    part = tills.tablet.rest("POST", path, {**STAFF, "request_id": "r1", "amount": "2.50"})
    again = tills.tablet.rest("POST", path, {**STAFF, "request_id": "r1", "amount": "2.50"})
    above = tills.tablet.rest("POST", path, {**STAFF, "request_id": "r2", "amount": "10.01"})
    rest = tills.tablet.rest("POST", path, {**STAFF, "request_id": "r3"})
    none = tills.tablet.rest("POST", path, {**STAFF, "request_id": "r4"})

    assert part.json == again.json
    assert (part.json["refund"]["amount"], part.json["refundable"]) == ("2.50", "10.00")
    assert above.status == none.status == 409
    assert (rest.json["refund"]["amount"], rest.json["refundable"]) == ("10.00", "0.00")
    assert tills.tablet.rest("GET", "/v1/orders/A1").json["refunded"] == "12.50"


def test_staff_codes_cannot_be_guessed(tills):
    """After a few wrong ones the key has to wait, also with the right one; others need not."""
    order(tills, paid=False)
    path = "/v1/orders/A1/close"
    for number in range(WRONG_CODES_MAX):
        code = {**STAFF, "code": f"{9000 + number}"}
        assert tills.tablet.rest("POST", path, code).status == 403
    waiting = tills.tablet.rest("POST", path, STAFF)
    other = tills.client("office", TillRole.STAFF)

    assert waiting.status == 429
    assert 0 < int(waiting.headers["retry-after"]) <= 601
    assert other.rest("POST", path, STAFF).status == 200


def test_a_right_code_of_ones_own_does_not_open_the_way_to_guess_anothers(tmp_path):
    """Four wrong for maria and one right for ann, again and again: maria's name has to wait."""
    config = replace(WITH_TILL, staff_codes={"ann": "1234", "maria": "7777"})
    with till_room(tmp_path, config=config) as tills:
        order(tills)
        told = []
        for number in range(3):
            for code in range(4):
                guess = {
                    "request_id": "r",
                    "staff": "maria",
                    "code": f"{9000 + 10 * number + code}",
                }
                told.append(tills.tablet.rest("POST", "/v1/orders/A1/refunds", guess).status)
            own = {"request_id": f"a{number}", **STAFF, "amount": "1.00"}
            assert tills.tablet.rest("POST", "/v1/orders/A1/refunds", own).status == 200
        right = {"request_id": "m", "staff": "maria", "code": "7777"}

        assert told == [403] * WRONG_CODES_MAX + [429] * (12 - WRONG_CODES_MAX)
        assert tills.tablet.rest("POST", "/v1/orders/A1/refunds", right).status == 429


def test_without_staff_codes_nobody_is_staff(tmp_path):
    """An empty table lets nobody in."""
    with till_room(tmp_path, config=replace(WITH_TILL, staff_codes={})) as tills:
        order(tills, paid=False)
        answer = tills.tablet.rest("POST", "/v1/orders/A1/close", STAFF)

    assert (answer.status, answer.json["error"]) == (403, "no_staff_codes")


def test_an_unknown_end_has_its_advice(tills):
    """So that nobody sells on it, and staff know what to do."""
    tills.money.bank.faults = [Fault.LOST] * 10
    tills.money.bank.reachable = False
    order(tills)
    told = tills.bar.rest("GET", "/v1/orders/A1").json

    assert told["state"] == "unknown"
    assert "do not resell" in told["advice"]
    late = tills.bar.rest("DELETE", "/v1/orders/A1")
    assert (late.status, late.json["error"]) == (409, "in_flight")


def test_totals_of_a_day(tills):
    """What came in, what went back, what is open."""
    order(tills)
    day = tills.money.clock.now().date().isoformat()
    totals = tills.bar.rest("GET", f"/v1/totals?day={day}").json

    assert totals["received"] == {"count": 1, "amount": "12.50"}
    assert totals["net"] == "12.50"
    assert tills.bar.rest("GET", "/v1/totals?day=2000-01-01").json["received"]["count"] == 0
    assert tills.bar.rest("GET", "/v1/totals?day=2199-12-31").json["received"]["count"] == 0


@pytest.mark.parametrize("path", ["/v1/totals", "/v1/orders"])
@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "2200-01-01", "9999-12-31"])
def test_a_day_that_no_journal_has_is_refused(tills, path, day):
    """Python's calendar ends at the years 1 and 9999: that is a bad request, not a mistake."""
    answer = tills.tablet.rest("GET", f"{path}?day={day}")

    assert (answer.status, answer.json["error"]) == (400, "day_bad")


def test_the_kiosk_says_how_it_is_also_when_its_clock_has_stopped(tills):
    """A machine without a battery starts in 1970: today is not a day that somebody asked for."""
    tills.money.clock.set_now(datetime(1970, 1, 2, tzinfo=UTC))

    assert tills.bar.rest("GET", "/v1/diagnosis").status == 200
    assert tills.bar.rest("GET", "/v1/totals").status == 200


def test_the_menu_is_read_anew_and_its_faults_are_named(tmp_path):
    """A wrong line is named with its number; after mending it the menu is there at once."""
    config = replace(WITH_TILL, till=TillConfig(enabled=True, port=0, menu="menu.csv"))
    file = tmp_path / "menu.csv"
    file.write_text("item,price\nSoup,five\n")
    with till_room(tmp_path, config=config) as tills:
        wrong = tills.bar.rest("GET", "/v1/menu")
        file.write_text("item,price,group\nSoup,5.00,Starters\n")
        menu = tills.bar.rest("GET", "/v1/menu").json

    assert (wrong.status, wrong.json["error"]) == (503, "menu_bad")
    assert "Line 2" in wrong.json["message"]
    assert menu["items"] == [{"item": "Soup", "price": "5.00", "group": "Starters"}]


def test_receipts_as_text_and_pdf(tills):
    """For customer and merchant; no other form."""
    order(tills)
    text = tills.bar.rest("GET", "/v1/receipts/A1?copy=merchant")
    pdf = tills.bar.rest("GET", "/v1/receipts/A1?format=pdf")

    assert text.headers["content-type"].startswith("text/plain")
    assert "12.50" in text.body.decode()
    assert pdf.body.startswith(b"%PDF-")
    assert tills.bar.rest("GET", "/v1/receipts/A1?format=exe").status == 400


def test_only_a_receipt_that_is_asked_for_again_is_a_reprint(tills):
    """By copy; not before the order has ended; and after a restart nobody knows: a reprint."""

    def receipt(copy: str = "customer") -> str:
        return tills.bar.rest("GET", f"/v1/receipts/A1?copy={copy}").body.decode()

    order(tills, paid=False)
    before = [receipt(), receipt()]
    tills.money.pay("A1")

    assert not any("REPRINT" in it for it in [*before, receipt(), receipt("merchant")])
    assert "REPRINT 1" in receipt()
    assert tills.bar.rest("GET", "/v1/receipts/A1?format=pdf").status == 200
    assert "REPRINT 3" in receipt()
    tills.reopen()
    assert "REPRINT 1" in receipt("merchant")


def test_a_declined_try_is_told_while_the_order_is_open(tills):
    """With its reason, so that the till can say that the guest may try again."""
    tills.money.bank.faults = [Fault.DECLINE]
    order(tills)
    told = tills.bar.rest("GET", "/v1/orders/A1").json

    assert (told["state"], told["reason"], told["attempts"]) == ("open", "insufficient_funds", 1)
    assert "may try again" in told["advice"]


def test_the_diagnosis_says_who_and_how(tills):
    """Name and role of the key, what is in progress, and the facts."""
    order(tills, paid=False)
    told = tills.tablet.rest("GET", "/v1/diagnosis").json

    assert (told["till"], told["role"], told["in_progress"]) == ("tablet", "staff", "A1")
    assert told["facts"]["journal"] == "ok"
    assert told["busy"]


@pytest.mark.parametrize(
    ("path", "kind"), [("/till/", "text/html"), ("/till/index.html", "text/html")]
)
def test_the_page_needs_no_key_and_has_a_strict_policy(tills, path, kind):
    """Nothing from elsewhere, nothing inline, no frame."""
    page = tills.bar.send("GET", path, Authorization="")

    assert page.status == 200
    assert page.headers["content-type"].startswith(kind)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    "name",
    ["../intake.py", "%2e%2e/intake.py", "..%2fintake.py", "/etc/passwd", "x.html", ".", "a.py"],
)
def test_the_page_is_no_way_into_the_disk(tills, name):
    """Only files of the page's folder, by name."""
    assert tills.bar.send("GET", f"/till/{name}", Authorization="").status == 404
