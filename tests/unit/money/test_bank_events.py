"""The bank's news: each event once, whatever order it comes in; nothing is silently ignored."""

import random

import pytest

from kiosk.domain.ids import IdempotencyKey, MandateRef, OrderId, PaymentRef, reference_of
from kiosk.domain.mandate import MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState, Outcome
from kiosk.domain.payment import AttemptEnd, OutcomeKind
from kiosk.domain.refund import RefundState, Witness
from kiosk.link.back_office import CloseRefund, RefundOrder
from kiosk.link.protocol import AcknowledgeOrder, CloseElsewhere, NextOrder
from kiosk.money.banks.port import BankAnswer, BankEvent, RefundMode
from kiosk.money.open_items import OpenKind, open_items
from kiosk.money.records import ResultCorrected, SettlementReversed
from tests.fakes.bank import Fault
from tests.fakes.money_room import ALICE, TILL


@pytest.fixture
def told(enrolled):
    """A bank that tells news and cannot be asked by key."""
    enrolled.with_capabilities(lookup_by_key=False, events=True)
    return enrolled


def poll(room, *, again=False):
    room.clock.pass_s(61)
    room.reconcile()
    if again:
        poll(room)


def lost(room, order_id="o1"):
    """Pay so that the bank has it and every answer is lost."""
    order = room.order(order_id)
    room.bank.faults = [Fault.NO_ANSWER] * 6
    assert room.pay(order, on_screen=True).outcome is Outcome.UNKNOWN
    room.bank.faults = []
    return order


def key_of(room, order):
    return room.book.orders[order].keys[-1]


def event(room, order, kind, name="x1", **changes):
    attempt = room.book.attempts[key_of(room, order)]
    ref = PaymentRef("p-1")
    found = {
        "event_id": name,
        "reference": reference_of(attempt.key),
        "amount": attempt.amount,
        "answer": BankAnswer(kind, "" if kind is OutcomeKind.SETTLED else "rejected", ref),
        **changes,
    }
    return BankEvent(**found)


def alarms(room):
    return dict(room.service._events.alarms)


def test_an_event_settles_what_no_look_up_could(told):
    """The answer was lost and the bank cannot be asked by key: its news is a correction entry."""
    heard = []
    told.service._ledger.watch(heard.append)
    order = lost(told)
    told.ask(AcknowledgeOrder(order))
    poll(told)

    assert told.state(order) is OrderState.PAID
    (correction,) = [it for it in heard if isinstance(it, ResultCorrected)]
    assert (correction.by, correction.end) == (Witness.EVENT, AttemptEnd.SETTLED)
    assert told.bank.news == []
    assert told.ask(NextOrder(0)).state is OrderState.PAID  # the screen shows it again until seen


def test_a_late_reject_opens_the_order_again(told):
    """Nothing was debited: the customer may pay."""
    told.bank.settle_after_ms, told.bank.rejects = 60_000, True
    order = lost(told)
    poll(told, again=True)
    assert told.state(order) is OrderState.OPEN
    told.bank.settle_after_ms, told.bank.rejects = None, False
    assert told.pay(order).outcome is Outcome.PAID
    assert told.bank.debits_of(order) == 1


def test_events_come_twice_late_and_in_any_order(told):
    """A hundred deals of the same cards: the journal grows by one correction an order."""
    orders = [lost(told, f"o{n}") for n in range(5)]
    news = [
        event(told, order, kind, f"{kind.value}-{n}")
        for n, order in enumerate(orders)
        for kind in (OutcomeKind.ACCEPTED, OutcomeKind.SETTLED, OutcomeKind.SETTLED)
    ]
    deal = random.Random(20_261_123)
    records = None
    for _ in range(100):
        told.bank.news = deal.sample(news, len(news)) + deal.choices(news, k=5)
        for _ in range(3):
            poll(told)
        assert told.bank.news == []
        records = records or told.service._ledger.records
    assert {told.state(order) for order in orders} == {OrderState.PAID}
    assert told.service._ledger.records == records
    assert alarms(told) == {}


def test_what_is_not_durable_is_not_acknowledged(told):
    """The disk is full: the event comes again and has its effect then."""
    order = lost(told)
    told.disk.fail_append = [28]
    poll(told)
    assert told.state(order) is OrderState.UNKNOWN
    assert told.bank.acknowledged == []
    poll(told)
    assert told.state(order) is OrderState.PAID


def test_a_crash_between_record_and_acknowledgement_is_harmless(told):
    """It comes again after the restart, and changes nothing."""
    order = lost(told)
    told.bank.acknowledge = lambda ids: (_ for _ in ()).throw(RuntimeError)
    poll(told)
    del told.bank.acknowledge
    told.restart()
    records = told.service._ledger.records
    poll(told)
    assert told.bank.news == []
    assert told.service._ledger.records == records
    assert told.state(order) is OrderState.PAID


def test_another_amount_or_reference_is_an_alarm_and_changes_nothing(told):
    """It is counted, and acknowledged because it would never match."""
    order = lost(told)
    told.bank.news = [
        event(told, order, OutcomeKind.SETTLED, "x1", amount=Money(1)),
        event(told, order, OutcomeKind.SETTLED, "x2", reference="A" * 18),
        BankEvent("x3"),
        BankEvent("x4", mandate_ref=MandateRef("m-9"), mandate_state=MandateState.SUSPENDED),
    ]
    poll(told)
    assert told.state(order) is OrderState.UNKNOWN
    assert alarms(told) == {"amount_differs": 1, "unmatched": 3}
    assert told.service.detail()["bank_alarms"] == "4"
    assert told.bank.news == []


def test_a_settlement_taken_back_is_unknown_until_somebody_decides(told):
    """A record of its own; the order is unknown with its reason; a look-up does not hide it."""
    heard = []
    told.service._ledger.watch(heard.append)
    order = told.order()
    told.pay(order, on_screen=True)
    told.ask(AcknowledgeOrder(order))
    poll(told)
    key = key_of(told, order)
    told.bank.reverse(key)
    poll(told, again=True)

    assert len([it for it in heard if isinstance(it, SettlementReversed)]) == 1
    status = told.status(order)
    assert (status.state, status.reason) == (OrderState.UNKNOWN, "settlement_reversed")
    assert told.ask(NextOrder(0)).state is OrderState.UNKNOWN
    told.restart()
    poll(told)
    assert told.state(order) is OrderState.UNKNOWN
    told.ask(CloseElsewhere(order, "anna"), TILL)
    assert told.state(order) is OrderState.PAID_ELSEWHERE


def test_a_stale_reject_of_a_settled_payment_is_checked_first(told):
    """The bank, asked by its own id, says that it stands: an alarm, and no reversal."""
    order = told.order()
    told.pay(order)
    poll(told)
    told.bank.news = [event(told, order, OutcomeKind.DECLINED)]
    told.bank.reachable, find = True, told.bank.find
    told.bank.find = lambda sought: BankAnswer(OutcomeKind.UNKNOWN)
    poll(told)
    assert len(told.bank.news) == 1  # too grave to believe while the bank cannot be asked
    told.bank.find = find
    poll(told)

    assert told.state(order) is OrderState.PAID
    assert alarms(told) == {"contradicted": 1}


def test_a_reversed_payment_that_settles_after_all_is_paid(told):
    """The bank changes its mind again."""
    order = told.order()
    told.pay(order)
    told.bank.news = []
    told.bank.reverse(key_of(told, order))
    poll(told)
    told.bank.news = [event(told, order, OutcomeKind.SETTLED)]
    poll(told)
    assert told.state(order) is OrderState.PAID


def test_money_after_not_paid_is_a_contradiction(told):
    """Said to be declined, and settled: stored, counted, and the order is paid by it."""
    told.bank.faults = [Fault.DECLINE]
    order = told.order()
    assert told.pay(order).outcome is Outcome.NOT_PAID
    told.bank.news = [event(told, order, OutcomeKind.SETTLED)]
    poll(told)
    assert (told.state(order), alarms(told)) == (OrderState.PAID, {"contradicted": 1})


def test_an_event_about_a_payment_in_flight_waits(told):
    """The engine has it; its news stays at the bank until there is an end to compare with."""
    order = told.order()

    def news(prepared):
        told.bank.news = [event(told, order, OutcomeKind.SETTLED)]
        told.service._events.poll()
        assert len(told.bank.news) == 1

    told.bank.on_submit = news
    told.bank.faults = [Fault.NO_ANSWER] + [Fault.LOST] * 5
    assert told.pay(order).outcome is Outcome.UNKNOWN
    poll(told)
    assert told.state(order) is OrderState.PAID


def test_an_id_in_the_news_lets_the_bank_be_asked(told):
    """Accepted, says the event: from now on the payment is looked up by that id."""
    told.bank.settle_after_ms = 600_000
    order = lost(told)
    told.bank.news = [event(told, order, OutcomeKind.ACCEPTED)]
    poll(told)
    assert told.book.attempts[key_of(told, order)].payment_ref == "p-1"
    told.with_capabilities(events=False)
    told.clock.pass_s(600)
    told.reconcile()
    assert told.state(order) is OrderState.PAID


def test_news_of_mandates_changes_them(told):
    """Suspended and active again; revoked is for good."""
    ref = told.bank.active_mandates()[0]
    for state in (MandateState.SUSPENDED, MandateState.ACTIVE, MandateState.EXPIRED):
        told.bank.news = [BankEvent(state.value, mandate_ref=ref, mandate_state=state)]
        poll(told)
        assert told.book.mandates[ALICE].state is state
    records = told.service._ledger.records
    told.bank.news = [BankEvent("again", mandate_ref=ref, mandate_state=MandateState.EXPIRED)]
    poll(told)
    assert told.service._ledger.records == records
    for state in (MandateState.REVOKED, MandateState.ACTIVE):
        told.bank.news = [BankEvent(state.value, mandate_ref=ref, mandate_state=state)]
        poll(told)
        assert told.book.mandates[ALICE].state is MandateState.REVOKED


def test_a_bank_that_always_has_more_does_not_stop_the_look_ups(told):
    """One poll is bounded."""
    told.bank.news = [BankEvent(f"n{n}") for n in range(1_000)]
    poll(told)
    assert len(told.bank.news) == 1_000 - 20 * told.bank.events_max


def test_a_decision_and_a_look_up_at_once_store_one_end(enrolled):
    """While the bank is asked, staff decide: the bank's word is compared, not stored over it."""
    enrolled.bank.reachable = False
    order = lost(enrolled)
    enrolled.bank.reachable = True
    key = key_of(enrolled, order)
    resolve = enrolled.service._reconciler.resolve
    find = enrolled.bank.find

    def meanwhile(sought):
        assert resolve(key, AttemptEnd.DECLINED, "staff_said_not_paid", Witness.STAFF, staff="anna")
        assert not resolve(key, AttemptEnd.SETTLED, "late", Witness.STATEMENT)
        return find(sought)

    enrolled.bank.find = meanwhile
    enrolled.clock.pass_s(60)
    enrolled.reconcile()
    enrolled.bank.find = find

    # The money came in: the bank contradicts what staff said.
    assert enrolled.state(order) is OrderState.PAID
    assert enrolled.book.contradicted == {key: None}
    assert enrolled.reconcile() == 0
    assert not resolve(IdempotencyKey("nobody"), AttemptEnd.SETTLED, "", Witness.STAFF)


# Refunds that come back, and chargebacks ---------------------------------------------------------


def refunded(room, minor_units=None, request="r1"):
    amount = None if minor_units is None else Money(minor_units)
    return room.ask(RefundOrder(request, OrderId("o1"), "ann", "cold", amount), TILL)


@pytest.fixture
def returned(told):
    """A paid order of 12.50 whose refund was done; then the bank says that it failed, twice."""
    told.with_capabilities(refund=RefundMode.API)
    told.pay(told.order("o1", 1_250))
    done = refunded(told).refund
    assert done.state is RefundState.DONE
    denied = BankAnswer(OutcomeKind.DECLINED, "refund_failed", PaymentRef("re_1"))
    told.bank.news = [
        BankEvent(name, done.reference, done.amount, denied, is_refund=True) for name in "ab"
    ]
    poll(told)
    return told


def returned_items(room):
    return [it for it in open_items(room.book) if it.kind is OpenKind.REFUND_CAME_BACK]


def test_a_refund_that_came_back_is_open_and_can_be_made_again(returned):
    """The sum is free again, after a restart too; a new refund closes the item."""
    (item,) = returned_items(returned)
    assert (item.item, item.amount) == ("1", Money(1_250))
    assert "refund again" in item.mend
    assert alarms(returned) == {"reversed": 1}
    assert returned.book.refunds.entries[1].state is RefundState.NOT_DONE
    returned.restart()

    assert refunded(returned, 500, "r2").refundable == Money(750)
    assert [it.amount for it in returned_items(returned)] == [Money(750)]
    refunded(returned, 750, "r3")
    assert returned_items(returned) == []
    late = returned.ask(CloseRefund(1, done=True, staff="bob"), TILL)
    assert late.refusal == "above_paid"


@pytest.mark.parametrize(("done", "left"), [(True, 0), (False, 1_250)])
def test_staff_say_what_became_of_a_refund_that_came_back(returned, done, left):
    """Given another way it counts as gone back; withdrawn it does not; both end the item."""
    answer = returned.ask(CloseRefund(1, done=done, staff="bob"), TILL)
    assert (answer.refusal, answer.refundable) == ("", Money(left))
    assert returned_items(returned) == []
    returned.restart()
    assert returned_items(returned) == []


def test_a_chargeback_is_believed_although_a_look_up_says_settled(enrolled):
    """The order is unknown until somebody decides; the second event of it changes nothing."""
    enrolled.with_capabilities(events=True)
    order = enrolled.order("o1")
    enrolled.pay(order)
    enrolled.bank.news = [
        event(enrolled, order, OutcomeKind.DECLINED, name, takes_back=True) for name in "ab"
    ]
    poll(enrolled)

    entry = enrolled.book.orders[order]
    assert (entry.state, entry.reason) == (OrderState.UNKNOWN, "settlement_reversed")
    assert [it.kind for it in open_items(enrolled.book)] == [OpenKind.UNKNOWN]
    assert alarms(enrolled) == {"reversed": 1}


def test_what_was_refunded_before_does_not_replace_what_came_back(told):
    """Two refunds of one payment; the first comes back after the second was made."""
    told.with_capabilities(refund=RefundMode.API)
    told.pay(told.order("o1", 1_250))
    first, _ = refunded(told, 500).refund, refunded(told, 500, "r2")
    denied = BankAnswer(OutcomeKind.DECLINED, "refund_failed", PaymentRef("re_1"))
    told.bank.news = [BankEvent("a", first.reference, first.amount, denied, is_refund=True)]
    poll(told)
    assert [(it.item, it.amount) for it in returned_items(told)] == [("1", Money(500))]
