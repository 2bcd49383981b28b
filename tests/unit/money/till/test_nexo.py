"""Nexo-style messages over real HTTPS: every category, one answer a request, nothing said twice."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.money.records import TillAsked
from kiosk.money.till.access import TillRole
from tests.fakes.bank import Fault
from tests.fakes.till import TillRoom, till_room


@pytest.fixture
def patient(tmp_path):
    """A room whose Payments are waited for."""
    with till_room(tmp_path, payment_wait_s=30.0) as room:
        yield room


def paying(tills: TillRoom, order: str = "A1", after_s: float = 0.05) -> threading.Timer:
    """A guest who pays as soon as the order is open."""

    def pay() -> None:
        while tills.money.book.orders.get(order) is None:
            threading.Event().wait(after_s)
        tills.money.pay(order)

    timer = threading.Timer(0, pay)
    timer.start()
    return timer


def test_a_payment_waits_for_its_outcome_and_brings_the_receipts(patient):
    """Success, the exact amount, our name of the transaction, and both copies."""
    guest = paying(patient)
    answer = patient.bar.pay("1", "A1", 12.5)
    guest.join()

    assert answer.response == {"Result": "Success"}
    body = answer.nexo
    assert body["POIData"]["POITransactionID"]["TransactionID"] == "A1"
    assert body["PaymentResult"]["AmountsResp"] == {"Currency": "GBP", "AuthorizedAmount": 12.5}
    copies = [it["DocumentQualifier"] for it in body["PaymentReceipt"]]
    assert copies == ["CustomerReceipt", "CashierReceipt"]
    assert len(patient.money.bank.debits) == 1


def test_the_same_request_fifty_times_at_once_and_after_a_restart_is_one_answer(patient):
    """One order, one debit, the same bytes for everybody and for ever (F9)."""
    with ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(patient.bar.pay, "1", "A1") for _ in range(50)]
        paying(patient).join()
        told = {it.result().body for it in waiting}
    patient.money.restart()
    patient.reopen()
    again = patient.bar.pay("1", "A1")

    assert told == {again.body}
    assert again.response == {"Result": "Success"}
    assert len(patient.money.bank.debits) == 1


def test_an_answer_is_the_same_although_the_software_is_not(tills, monkeypatch):
    """What was answered is journalled, not written anew."""
    tills.bar.pay("1", "A1")
    tills.money.pay("A1")
    before = tills.bar.pay("1", "A1").body
    tills.money.restart()
    tills.reopen()
    monkeypatch.setattr("kiosk.money.till.nexo_render.payment_answer", lambda *_: b"{}")

    assert tills.bar.pay("1", "A1").body == before


def test_an_old_answer_comes_from_the_journal_itself(tills, monkeypatch):
    """Only the newest answers are in memory; the others are read from the file."""
    monkeypatch.setattr("kiosk.money.till_book.ANSWERS_KEPT", 1)
    bodies = []
    for number in range(3):
        tills.bar.pay(str(number), f"A{number}")
        tills.bar.abort(str(number), f"x{number}")
        bodies.append(tills.bar.pay(str(number), f"A{number}").body)

    assert tills.bar.pay("0", "A0").body == bodies[0]
    assert not tills.money.book.till.asked["bar", "0"].answer


def test_a_request_id_is_not_used_for_something_else(tills):
    """Another amount, order or category under the same ServiceID is refused; nothing changes."""
    tills.bar.pay("1", "A1", 12.5)
    before = tills.money.disk.durable

    for answer in (
        tills.bar.pay("1", "A1", 12.6),
        tills.bar.pay("1", "A2", 12.5),
        tills.bar.nexo("Reconciliation", "1", {}),
    ):
        assert answer.response["ErrorCondition"] == "NotAllowed"
    assert tills.money.disk.durable == before


def test_the_same_order_with_another_amount_is_refused(tills):
    """An order id is one sum for ever, also under a new ServiceID (F9)."""
    tills.bar.pay("1", "A1", 12.5)
    answer = tills.bar.pay("2", "A1", 99)

    assert answer.response["ErrorCondition"] == "NotAllowed"
    assert tills.money.status("A1").order.amount == Money(1_250)


def test_one_payment_at_a_time(tills):
    """Busy names the order in the way; when it is gone, the same request is served."""
    tills.bar.pay("1", "A1")
    busy = tills.bar.pay("2", "A2")
    tablet = tills.tablet.pay("1", "T1")
    tills.bar.abort("1", "3")
    served = tills.bar.pay("2", "A2")

    assert busy.response["ErrorCondition"] == tablet.response["ErrorCondition"] == "Busy"
    assert "A1" in busy.response["AdditionalResponse"]
    assert served.response["ErrorCondition"] == "InProgress"


def test_an_abort_before_sending_is_certain(patient):
    """The abort says so, the waiting Payment ends as aborted, and nobody can pay it any more."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(patient.bar.pay, "1", "A1")
        while patient.bar.status_of("1", "s").response.get("ErrorCondition") != "InProgress":
            pass
        aborted = patient.bar.abort("1", "2")
        paid = waiting.result()

    assert aborted.response == {"Result": "Success", "AdditionalResponse": "aborted"}
    assert paid.response["ErrorCondition"] == "Aborted"
    assert patient.money.status("A1").state is OrderState.CANCELLED
    assert patient.money.bank.debits == []
    assert patient.bar.abort("1", "2").body == aborted.body


def test_an_abort_after_the_end_changes_nothing(tills):
    """A paid order stays paid, and the abort says that it came too late."""
    tills.bar.pay("1", "A1")
    tills.money.pay("A1")

    assert tills.bar.abort("1", "2").response["ErrorCondition"] == "NotAllowed"
    assert tills.bar.pay("1", "A1").response == {"Result": "Success"}


def test_an_unknown_end_is_called_unknown_and_its_answer_stays(tills):
    """Failure in words that nobody can mistake; later news is in the status, not in the answer."""
    tills.money.bank.faults = [Fault.LOST] * 10
    tills.money.bank.reachable = False
    tills.bar.pay("1", "A1")
    tills.money.pay("A1")
    answer = tills.bar.pay("1", "A1")

    assert answer.response == {
        "Result": "Failure",
        "ErrorCondition": "UnreachableHost",
        "AdditionalResponse": "unknown - do not resell on this order, staff check",
    }
    assert tills.bar.abort("1", "2").response["ErrorCondition"] == "InProgress"
    tills.money.restart()
    tills.reopen()
    assert tills.bar.pay("1", "A1").body == answer.body
    status = tills.bar.status_of("1", "3")
    assert status.response["AdditionalResponse"] == "order_state=unknown"


def test_the_status_repeats_the_original_answer(tills):
    """Also after a restart; in progress before, NotFound only for what was never asked."""
    tills.bar.pay("1", "A1")
    before = tills.bar.status_of("1", "2")
    tills.money.pay("A1")
    tills.money.restart()
    tills.reopen()
    status = tills.bar.status_of("1", "2").nexo
    original = tills.bar.pay("1", "A1").json["SaleToPOIResponse"]

    assert before.response["ErrorCondition"] == "InProgress"
    assert status["Response"]["Result"] == "Success"
    repeated = status["RepeatedMessageResponse"]
    assert repeated["MessageHeader"] == original["MessageHeader"]
    body = repeated["RepeatedResponseMessageBody"]["PaymentResponse"]
    assert body == original["PaymentResponse"]
    unknown = tills.bar.status_of("99", "3").response
    assert unknown["ErrorCondition"] == "NotFound"


def test_a_request_whose_order_was_never_opened_ends_for_certain(tills):
    """The process ended between the two records: nothing was charged, and that stays the answer."""
    ledger = tills.money.service._ledger
    digest = "0" * 64
    ledger.append(TillAsked(ledger.time(), "bar", "1", "Payment", "A1", digest))
    status = tills.bar.status_of("1", "2").nexo

    body = status["RepeatedMessageResponse"]["RepeatedResponseMessageBody"]["PaymentResponse"]
    assert body["Response"]["ErrorCondition"] == "Aborted"
    assert "A1" not in tills.money.book.orders


def test_a_reversal_is_for_staff_and_never_exceeds_what_was_paid(tills):
    """Staff key and staff code; part, rest, and no more; the same request is one refund."""
    tills.bar.pay("1", "A1", 12.5)
    tills.money.pay("A1")
    as_till = tills.bar.reverse("2", "A1")
    wrong = tills.tablet.reverse("1", "A1", code="9999")
    part = tills.tablet.reverse("2", "A1", 2.5)
    again = tills.tablet.reverse("2", "A1", 2.5)
    above = tills.tablet.reverse("3", "A1", 10.01)
    rest = tills.tablet.reverse("4", "A1")

    assert as_till.response["ErrorCondition"] == wrong.response["ErrorCondition"] == "NotAllowed"
    assert part.nexo["ReversedAmount"] == 2.5
    assert "refund" in part.response["AdditionalResponse"]
    assert again.body == part.body
    assert above.response["ErrorCondition"] == "NotAllowed"
    assert rest.nexo["ReversedAmount"] == 10.0
    assert tills.tablet.reverse("5", "A9").response["ErrorCondition"] == "NotFound"
    assert len(tills.money.book.refunds.entries) == 2


def test_totals_and_the_end_of_a_shift(tills):
    """GetTotals is the day; a Reconciliation ends the shift, and its answer stays."""
    tills.bar.pay("1", "A1", 12.5)
    tills.money.pay("A1")

    def debit(answer):
        (totals,) = answer.nexo["TransactionTotals"]
        return next(
            (it["TransactionCount"], it["TransactionAmount"])
            for it in totals["PaymentTotals"]
            if it["TransactionType"] == "Debit"
        )

    first = tills.bar.nexo("Reconciliation", "2", {})
    assert debit(first) == debit(tills.bar.nexo("GetTotals", "3", {})) == (1, 12.5)
    assert debit(tills.bar.nexo("Reconciliation", "4", {})) == (0, 0.0)
    assert tills.bar.nexo("Reconciliation", "2", {}).body == first.body


@pytest.mark.parametrize("category", ["Login", "Logout", "Diagnosis"])
def test_small_talk_is_answered_and_leaves_no_trace(tills, category):
    """Nothing depends on it and nothing is journalled."""
    before = tills.money.disk.durable

    assert tills.bar.nexo(category, "1", {}).response["Result"] == "Success"
    assert tills.money.disk.durable == before


def test_displayed_lines_are_those_of_the_next_bill(tills):
    """The screen shows a bill with its lines; lines without amounts cannot be shown."""

    def display(*texts):
        content = {"OutputContent": {"OutputText": [{"Text": text} for text in texts]}}
        answer = tills.bar.nexo("Display", "1", {"DisplayOutput": [content]})
        return answer.nexo["OutputResult"][0]["Response"]

    assert display("Welcome!")["ErrorCondition"] == "UnavailableDevice"
    assert display("Soup 2.50", "Bread, warm  10.00")["Result"] == "Success"
    tills.bar.pay("2", "A1", 12.5)
    lines = tills.money.status("A1").order.lines

    assert [(it.text, it.amount.minor_units) for it in lines] == [
        ("Soup", 250),
        ("Bread, warm", 1_000),
    ]


def test_a_receipt_can_be_printed_again(tills):
    """As text, the second time marked as a reprint, and only an own order's for a till."""
    tills.bar.pay("1", "A1")
    tills.money.pay("A1")
    body = {"PrintOutput": {"OutputContent": {"PredefinedContent": {"ReferenceID": "A1"}}}}
    other = tills.client("terrace", TillRole.TILL)

    texts = []
    for number in ("2", "3"):
        (receipt,) = tills.bar.nexo("Print", number, body).nexo["PaymentReceipt"]
        texts.append(" ".join(it["Text"] for it in receipt["OutputContent"]["OutputText"]))
    assert all("12.50" in text for text in texts)
    assert ["REPRINT" in text for text in texts] == [False, True]
    assert other.nexo("Print", "1", body).response["ErrorCondition"] == "NotFound"


def test_the_receipts_in_a_payments_answer_are_the_originals(patient):
    """So what is printed later is a reprint."""
    guest = paying(patient)
    answer = patient.bar.pay("1", "A1")
    guest.join()
    body = {"PrintOutput": {"OutputContent": {"PredefinedContent": {"ReferenceID": "A1"}}}}
    again = patient.bar.nexo("Print", "2", body)

    assert b"REPRINT" not in answer.body
    assert b"REPRINT 1" in again.body


def test_a_declined_try_is_told_to_who_asks(tills):
    """The order stays in progress; the till hears why, and that the guest may try again."""
    tills.money.bank.faults = [Fault.DECLINE]
    tills.bar.pay("1", "A1")
    tills.money.pay("A1")
    told = tills.bar.status_of("1", "2").response

    assert told["ErrorCondition"] == "InProgress"
    assert "not paid (insufficient_funds), the guest may try again" in told["AdditionalResponse"]


def test_a_key_speaks_for_its_own_till_only(tills):
    """Another's SaleID is bad input; another's request, order id or reference is not there."""
    tills.bar.pay("1", "A1")
    other = tills.client("terrace", TillRole.TILL)

    assert other.nexo("Login", "1", {}, SaleID="bar").status == 400
    assert other.status_of("1", "2").response["ErrorCondition"] == "NotFound"
    assert other.abort("1", "3").response["ErrorCondition"] == "NotFound"
    assert other.pay("4", "A1").response["ErrorCondition"] == "NotAllowed"
    reference = {"MessageReference": {"ServiceID": "1", "SaleID": "bar"}}
    answer = other.nexo("TransactionStatus", "5", reference)
    assert answer.response["ErrorCondition"] == "NotFound"


def test_a_full_disk_refuses_before_anything(tills):
    """503 with the mend, and nothing is open."""
    tills.money.disk.fail_append = [28]
    answer = tills.bar.pay("1", "A1")

    assert (answer.status, answer.json["error"]) == (503, "journal_write_failed")
    assert "A1" not in tills.money.book.orders


@pytest.mark.parametrize(
    ("number", "minor_units"),
    [("0.07", 7), ("4.35", 435), ("1.15", 115), ("999.99", 99_999), ('"8.10"', 810), ("3", 300)],
)
def test_amounts_are_read_as_they_are_written(tills, number, minor_units):
    """Digit by digit; no float rounds them."""
    message = json.dumps(tills.bar.message("Payment", "1", payment_with("@")))
    raw = message.replace('"@"', number).encode()
    tills.bar.send("POST", "/nexo", raw)

    assert tills.money.status("A1").order.amount == Money(minor_units)


def payment_with(amount):
    return {
        "SaleData": {"SaleTransactionID": {"TransactionID": "A1"}},
        "PaymentTransaction": {"AmountsReq": {"Currency": "GBP", "RequestedAmount": amount}},
    }


def test_an_amount_above_the_ceiling_is_refused(tills):
    """The owner's ceiling holds for tills, below the hard one."""
    answer = tills.bar.pay("1", "A1", 1_000.01)

    assert answer.response["ErrorCondition"] == "NotAllowed"
    assert "A1" not in tills.money.book.orders
