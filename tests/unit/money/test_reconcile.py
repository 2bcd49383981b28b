"""Looking up what is open: known or listed as unknown after every start, corrected later."""

import errno
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from kiosk.domain.order import OrderState, Outcome
from kiosk.link.protocol import Authorised, CloseElsewhere, ListOrders
from tests.fakes.bank import Fault
from tests.fakes.money_room import TILL
from tests.fakes.storage import PowerCutError


def unresolved(room, fault=Fault.LOST):
    """Leave an order as unknown, the bank silent."""
    order = room.order()
    room.bank.faults, room.bank.reachable = [fault] * 6, False
    assert room.pay(order).outcome is Outcome.UNKNOWN
    return order


@pytest.mark.parametrize("restarted", [False, True])
def test_an_executed_payment_is_found_and_becomes_paid(enrolled, restarted):
    """The bank is back: the order is paid, by a correction, with one debit."""
    order = unresolved(enrolled, Fault.NO_ANSWER)
    enrolled.bank.reachable = True
    if restarted:
        enrolled.restart()
    enrolled.clock.pass_s(60)

    assert enrolled.reconcile() == 0
    assert enrolled.state(order) is OrderState.PAID
    assert enrolled.bank.debits_of(order) == 1
    assert b'"kind":"correction"' in enrolled.disk.durable


def test_a_payment_that_never_arrived_opens_the_order_again(enrolled):
    """Only after nothing can arrive any more; the next attempt has a new key."""
    enrolled.with_capabilities(arrival_s_max=20.0)
    order = unresolved(enrolled)
    enrolled.bank.reachable = True
    enrolled.clock.pass_s(5)
    assert enrolled.reconcile() == 1
    assert enrolled.state(order) is OrderState.UNKNOWN, "it could still arrive"
    enrolled.clock.pass_s(60)

    assert enrolled.reconcile() == 0
    assert enrolled.status(order).reason == "never_arrived"
    assert enrolled.pay(order).outcome is Outcome.PAID
    assert enrolled.bank.debits_of(order) == 1


def test_a_late_arrival_is_not_missed(enrolled):
    """The request reaches the bank at the last possible moment, after the customer left."""
    order = enrolled.order()
    enrolled.bank.faults = [Fault.LATE, *[Fault.LOST] * 5]
    enrolled.bank.reachable = False
    assert enrolled.pay(order).outcome is Outcome.UNKNOWN
    enrolled.bank.reachable = True
    enrolled.clock.pass_s(60)
    enrolled.reconcile()

    assert enrolled.state(order) is OrderState.PAID
    assert enrolled.bank.debits_of(order) == 1


def test_a_start_knows_or_lists_what_was_in_flight(enrolled):
    """The process died between intent and result: the bank is asked before anything is sold."""
    order = enrolled.order()
    request = enrolled.request(order)
    enrolled.bank.on_submit = lambda _: setattr(enrolled.disk, "is_off", True)
    with pytest.raises(PowerCutError):
        enrolled.ask(request)
    enrolled.bank.on_submit = lambda _: None
    sends = len(enrolled.bank.sends)

    enrolled.restart()

    assert enrolled.state(order) is OrderState.PAID
    assert len(enrolled.bank.sends) == sends == 1


def test_a_start_without_the_bank_lists_unknown_and_asks_later(enrolled):
    """Nothing is sent again; the till sees the order in its list of open ones."""
    order = enrolled.order()
    request = enrolled.request(order)
    enrolled.bank.on_submit = lambda _: setattr(enrolled.disk, "is_off", True)
    with pytest.raises(PowerCutError):
        enrolled.ask(request)
    enrolled.bank.on_submit = lambda _: None
    enrolled.bank.reachable = False
    enrolled.restart()

    (listed,) = enrolled.ask(ListOrders(only_open=True), TILL).orders
    assert (listed.order.order_id, listed.state) == (order, OrderState.UNKNOWN)
    enrolled.bank.reachable = True
    enrolled.clock.pass_s(60)
    enrolled.reconcile()
    assert enrolled.state(order) is OrderState.PAID


def test_a_slow_bank_does_not_hold_up_the_start(enrolled):
    """After the bound of the first look, what is left is listed as unknown in one record."""
    orders = [enrolled.order(f"o{n}", 100) for n in range(5)]
    requests = [enrolled.request(order) for order in orders]
    for request in requests:
        enrolled.bank.on_submit = lambda _: enrolled.disk.fail_append.append(errno.ENOSPC)
        enrolled.ask(request)
    enrolled.bank.on_submit = lambda _: None
    enrolled.disk.fail_append.clear()
    find = enrolled.bank.find

    def slow(sought):
        enrolled.clock.pass_s(1.5)
        return find(sought)

    enrolled.bank.find = slow
    asked = len(enrolled.bank.finds)
    enrolled.restart()

    assert len(enrolled.bank.finds) - asked == 2
    assert [enrolled.state(order) for order in orders] == [OrderState.PAID] * 2 + [
        OrderState.UNKNOWN
    ] * 3
    enrolled.clock.pass_s(60)
    assert enrolled.reconcile() == 0
    assert {enrolled.state(order) for order in orders} == {OrderState.PAID}


def test_a_bank_without_lookup_leaves_it_to_people(enrolled):
    """Nothing can be found out here: the order stays listed, and staff may close it."""
    enrolled.with_capabilities(lookup_by_key=False)
    order = unresolved(enrolled)
    enrolled.clock.pass_s(3_600)
    enrolled.reconcile()
    assert enrolled.bank.finds == []
    assert enrolled.state(order) is OrderState.UNKNOWN

    closed = enrolled.ask(CloseElsewhere(order, "staff-7"), TILL)

    assert closed.state is OrderState.PAID_ELSEWHERE


def test_paid_in_cash_and_settled_after_all_is_due_for_refund(enrolled):
    """The order stays closed, and the list says that money must go back."""
    order = unresolved(enrolled, Fault.NO_ANSWER)
    enrolled.ask(CloseElsewhere(order, "staff-7"), TILL)
    enrolled.bank.reachable = True
    enrolled.clock.pass_s(60)
    enrolled.reconcile()

    status = enrolled.status(order)
    assert (status.state, status.reason) == (OrderState.PAID_ELSEWHERE, "refund_due")


def test_looking_becomes_rarer_and_never_floods_the_bank(enrolled):
    """5, 10, 20, 40, 60, 60 s: doubling to the limit."""
    unresolved(enrolled)
    asked = len(enrolled.bank.finds)
    for _ in range(600):
        enrolled.clock.pass_s(1)
        enrolled.reconcile()

    assert 9 <= len(enrolled.bank.finds) - asked <= 14


def test_somebody_who_looks_at_the_order_has_it_looked_up_soon(enrolled):
    """At most once a second."""
    order = unresolved(enrolled, Fault.NO_ANSWER)
    for _ in range(5):
        enrolled.clock.pass_s(60)
        enrolled.reconcile()
    enrolled.bank.reachable = True
    asked = len(enrolled.bank.finds)
    for _ in range(3):
        enrolled.status(order)
        enrolled.reconcile()
    assert len(enrolled.bank.finds) == asked, "it was looked up this very second"
    enrolled.clock.pass_s(1)
    enrolled.status(order)
    enrolled.reconcile()

    assert enrolled.state(order) is OrderState.PAID


def test_the_thread_resolves_by_itself_and_ends(room):
    """start() and stop(): no thread is left, the bank is closed."""
    found = threading.Event()
    room.enrol()
    order = unresolved(room, Fault.NO_ANSWER)
    find = room.bank.find

    def watched(sought):
        answer = find(sought)
        found.set()
        return answer

    room.bank.find, room.bank.reachable = watched, True
    room.service.start()
    try:
        room.clock.pass_s(60)
        room.status(order)
        assert found.wait(10)
    finally:
        room.service.stop()

    assert room.bank.is_closed
    room.restart()
    assert room.state(order) is OrderState.PAID


def test_a_mistake_with_one_payment_leaves_the_others_looked_after(enrolled, caplog):
    """An exception that no part names is logged without its text; that payment comes later."""
    stuck = unresolved(enrolled, Fault.NO_ANSWER)
    enrolled.bank.reachable = True
    other = enrolled.order("o2")
    enrolled.bank.faults, enrolled.bank.reachable = [Fault.NO_ANSWER] * 6, False
    assert enrolled.pay(other).outcome is Outcome.UNKNOWN
    enrolled.bank.reachable = True
    drive = enrolled.service._reconciler._performer.drive
    tries = []

    def stumble(task, *rest):
        if not tries or task.key == tries[0]:
            tries.append(task.key)
            raise RuntimeError("a value that no log may hold")
        return drive(task, *rest)

    enrolled.service._reconciler._performer = SimpleNamespace(drive=stumble)
    enrolled.clock.pass_s(60)
    assert enrolled.reconcile() == 1
    assert enrolled.reconcile() == 1

    assert {enrolled.state(stuck), enrolled.state(other)} == {OrderState.PAID, OrderState.UNKNOWN}
    assert len(tries) == 1, "it is not asked again at once"
    assert "RuntimeError" in caplog.text
    assert "no log may hold" not in caplog.text
    enrolled.service._reconciler._performer = SimpleNamespace(drive=drive)
    enrolled.clock.pass_s(60)
    assert enrolled.reconcile() == 0


def test_the_thread_outlives_a_mistake(room):
    """Whatever breaks one round, the next one comes, after a pause that grows and is bounded."""
    room.config = replace(room.config, reconcile_every_s=0.01, reconcile_every_s_max=0.02)
    room.restart()
    reconciler, rounds, again = room.service._reconciler, [], threading.Event()
    look = reconciler.look

    def stumble():
        rounds.append(None)
        if len(rounds) == 1:
            raise RuntimeError
        again.set()
        return look()

    reconciler.look = stumble
    room.service.start()
    try:
        assert again.wait(10)
    finally:
        room.service.stop()


def test_stopping_in_flight_ends_the_window_at_once(enrolled):
    """The process is asked to end while it waits to resend: looked up, stored, told."""
    order = enrolled.order()
    enrolled.bank.faults = [Fault.NO_ANSWER] * 6
    enrolled.bank.on_submit = lambda _: enrolled.clock.stop()

    assert enrolled.pay(order) == Authorised(Outcome.PAID, "settled")
    assert len(enrolled.bank.sends) == 1
