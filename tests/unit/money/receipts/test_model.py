"""What a receipt says follows from the journal's records, whatever happened to the order."""

from __future__ import annotations

from datetime import UTC

import pytest

from kiosk.domain.ids import IdempotencyKey, OrderId, PaymentRef, reference_of
from kiosk.domain.money import Money
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.refund import RefundState, RefundWay, Witness
from kiosk.link.protocol import AbortOrder, CloseElsewhere
from kiosk.money import records
from kiosk.money.errors import OrderUnknownError
from kiosk.money.receipts.model import Copy, ReceiptState, receipt_of
from tests.fakes.bank import Fault
from tests.fakes.money_room import TILL


def receipt(room, order="o1", **options):
    made = {"copy": Copy.CUSTOMER, "terminal": "T", "zone": UTC, **options}
    return receipt_of(room.book, OrderId(order), **made)


def key_of(room, order="o1"):
    return room.book.orders[OrderId(order)].keys[-1]


def refund(room, minor_units, state=RefundState.DONE, order="o1"):
    """Journal a refund and, unless it is pending, its end."""
    ledger, key = room.service._ledger, key_of(room, order)
    number = room.book.refunds.next_number
    amount = Money(minor_units)
    ledger.append(
        records.RefundOpened(
            ledger.time(), number=number, request_id=f"r{number}", key=key,
            refund_key=IdempotencyKey(f"refund-{number}"), order_id=OrderId(order), amount=amount,
            way=RefundWay.MANUAL, staff="staff-7", reason="cold",
        )
    )  # fmt: skip
    if state is not RefundState.PENDING:
        ended = records.RefundEnded(
            ledger.time(), number=number, state=state, reason="", by=Witness.STAFF, staff="staff-7"
        )
        ledger.append(ended)


def leave_unknown(room):
    order = room.order()
    room.bank.faults, room.bank.reachable = [Fault.NO_ANSWER] * 6, False
    room.pay(order)
    return order


def test_a_payment_gives_its_facts(enrolled):
    """Payee, sum, state and the reference that the payer's statement shows."""
    enrolled.pay(enrolled.order())
    made = receipt(enrolled, account_hint="••42")

    assert made.state is ReceiptState.PAID
    assert (made.total, made.payee) == (Money(1_250), enrolled.config.payee)
    assert made.reference == reference_of(key_of(enrolled))
    assert made.account_hint == "••42"
    assert made.at == enrolled.book.attempts[key_of(enrolled)].at


def test_an_order_nobody_paid(enrolled):
    """Open or cancelled: not paid, no reference, and no account although one was told."""
    order = enrolled.order()
    assert receipt(enrolled, account_hint="••42").state is ReceiptState.NOT_PAID
    enrolled.ask(AbortOrder(order, "till"), TILL)
    made = receipt(enrolled, account_hint="••42")

    assert made.state is ReceiptState.NOT_PAID
    assert (made.reference, made.account_hint) == ("", "")


def test_a_declined_payment_is_not_paid(enrolled):
    """A refusal by the bank charges nothing."""
    enrolled.bank.faults = [Fault.DECLINE]
    enrolled.pay(enrolled.order())
    assert receipt(enrolled).state is ReceiptState.NOT_PAID


def test_an_unknown_outcome_is_neither_paid_nor_unpaid(enrolled):
    """Unknown until the bank has spoken, and unknown while the payment is on its way."""
    order = enrolled.order()
    seen = []
    enrolled.bank.on_submit = lambda _: seen.append(receipt(enrolled).state)
    enrolled.bank.faults, enrolled.bank.reachable = [Fault.NO_ANSWER] * 6, False
    enrolled.pay(order)

    assert set(seen) == {ReceiptState.UNKNOWN}
    assert receipt(enrolled).state is ReceiptState.UNKNOWN
    enrolled.bank.reachable = True
    enrolled.clock.pass_s(60)
    enrolled.reconcile()
    assert receipt(enrolled).state is ReceiptState.PAID


def test_paid_at_the_till_then_charged_as_well(enrolled):
    """The receipt says what is open, then that money is due, then that it went back."""
    order = leave_unknown(enrolled)
    enrolled.ask(CloseElsewhere(order, "staff-7"), TILL)
    closed = receipt(enrolled)
    assert (closed.state, closed.is_unresolved) == (ReceiptState.PAID_ELSEWHERE, True)

    enrolled.bank.reachable = True
    enrolled.clock.pass_s(60)
    enrolled.reconcile()
    assert receipt(enrolled).state is ReceiptState.REFUND_DUE
    refund(enrolled, 1_000)
    assert receipt(enrolled).state is ReceiptState.REFUND_DUE
    refund(enrolled, 250)
    done = receipt(enrolled)
    assert (done.state, done.is_unresolved) == (ReceiptState.PAID_ELSEWHERE, False)


def test_refunds_are_listed_and_counted_when_done(enrolled):
    """A refund that came to nothing is not there; one under way changes no state."""
    enrolled.pay(enrolled.order())
    refund(enrolled, 400, RefundState.NOT_DONE)
    refund(enrolled, 250, RefundState.PENDING)
    assert receipt(enrolled).state is ReceiptState.PAID
    assert [(it.amount, it.is_done) for it in receipt(enrolled).refunds] == [(Money(250), False)]

    refund(enrolled, 300)
    assert receipt(enrolled).state is ReceiptState.PARTLY_REFUNDED
    refund(enrolled, 700)
    assert receipt(enrolled).state is ReceiptState.PARTLY_REFUNDED
    assert len(receipt(enrolled).refunds) == 3


def test_all_of_it_went_back(enrolled):
    """Refunded is said only of the whole sum."""
    enrolled.pay(enrolled.order())
    refund(enrolled, 1_250)
    assert receipt(enrolled).state is ReceiptState.REFUNDED


def test_charged_after_a_refusal_and_a_cancellation(enrolled):
    """Money that came in against the journal's word is due back, not passed over."""
    enrolled.bank.faults = [Fault.DECLINE]
    order = enrolled.order()
    enrolled.pay(order)
    enrolled.ask(AbortOrder(order, "till"), TILL)
    ledger = enrolled.service._ledger
    ledger.append(
        records.ResultContradicted(
            ledger.time(), key_of(enrolled), Witness.STATEMENT, PaymentRef("p-9")
        )
    )
    assert enrolled.book.attempts[key_of(enrolled)].end is AttemptEnd.SETTLED
    assert receipt(enrolled).state is ReceiptState.REFUND_DUE
    refund(enrolled, 1_250)
    assert receipt(enrolled).state is ReceiptState.REFUNDED


def test_an_order_that_is_not_there(enrolled):
    """It is refused by name."""
    with pytest.raises(OrderUnknownError):
        receipt(enrolled, "o9")
