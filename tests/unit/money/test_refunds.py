"""Refunds: never more than was paid, never sent twice, and a task where the bank takes none."""

from __future__ import annotations

import threading

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import OrderId, reference_of
from kiosk.domain.money import Money
from kiosk.domain.refund import RefundState, RefundWay
from kiosk.link.back_office import CloseRefund, ListRefunds, RefundOrder
from kiosk.link.protocol import CloseElsewhere, RevokeMandate
from kiosk.money.banks.port import RefundMode
from kiosk.money.errors import JournalWriteError, OrderUnknownError
from kiosk.money.open_items import OpenKind, open_items
from tests.fakes.bank import Fault
from tests.fakes.money_room import ALICE, TILL, MoneyRoom
from tests.fakes.storage import PowerCutError


@pytest.fixture
def paid(enrolled) -> MoneyRoom:
    """A room with an order of 12.50 paid, at a bank that takes no refund requests."""
    enrolled.with_capabilities(refund=RefundMode.MANUAL)
    enrolled.pay(enrolled.order("o1", 1_250))
    return enrolled


@pytest.fixture
def by_api(paid) -> MoneyRoom:
    paid.with_capabilities(refund=RefundMode.API)
    return paid


def refund(room, minor_units=None, request="r1", order="o1", **changes):
    amount = None if minor_units is None else Money(minor_units)
    ask = RefundOrder(request, OrderId(order), "ann", "cold", amount, **changes)
    return room.ask(ask, TILL)


def close(room, number, *, done):
    return room.ask(CloseRefund(number, done=done, staff="bob"), TILL)


def kinds(room):
    return [item.kind for item in open_items(room.book)]


def test_part_by_part_up_to_what_was_paid_and_no_penny_more(by_api):
    """Full, part and repeated refunds; above the rest is refused with the rest."""
    first, second = refund(by_api, 500), refund(by_api, 700, "r2")
    above, rest = refund(by_api, 51, "r3"), refund(by_api, None, "r4")
    none = refund(by_api, None, "r5")

    assert [it.refund.state for it in (first, second, rest)] == [RefundState.DONE] * 3
    assert (above.refund, above.refusal, above.refundable) == (None, "above_paid", Money(50))
    assert rest.refund.amount == Money(50)
    assert (none.refund, none.refusal) == (None, "nothing_left")
    assert sum(amount.minor_units for _, _, amount in by_api.bank.refunds) == 1_250


def test_the_same_request_is_the_same_refund(by_api):
    """Again, after a restart too: the stored answer and no second transfer; else an error."""
    first = refund(by_api, 500)
    by_api.restart()

    assert refund(by_api, 500) == first
    assert refund(by_api) == first
    assert len(by_api.bank.refund_sends) == 1
    with pytest.raises(BadInputError, match="request id"):
        refund(by_api, 501)


def test_fifty_requests_at_once_are_as_good_as_one_after_the_other(by_api):
    """Checks and records happen under one lock: 50 times 1.00 of 12.50 is 12 times."""
    told = []
    threads = [
        threading.Thread(target=lambda name=name: told.append(refund(by_api, 100, name)))
        for name in (f"r{number}" for number in range(50))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(it.refusal == "" for it in told) == 12
    assert len(by_api.bank.refunds) == 12


def test_an_unclear_refund_is_looked_up_and_never_sent_again(by_api):
    """Unknown holds its money; the bank's later word ends it."""
    by_api.bank.refund_faults = [Fault.NO_ANSWER]
    by_api.bank.reachable = False
    unclear = refund(by_api, 1_000)
    above = refund(by_api, 500, "r2")
    assert (unclear.refund.state, above.refusal) == (RefundState.UNKNOWN, "above_paid")
    assert kinds(by_api) == [OpenKind.REFUND_UNKNOWN]

    by_api.restart()
    by_api.bank.reachable = True
    by_api.reconcile()
    assert by_api.book.refunds.entries[1].state is RefundState.DONE
    assert len(by_api.bank.refund_sends) == 1
    assert kinds(by_api) == []


def test_a_refund_that_never_arrived_frees_its_money(by_api):
    """The bank does not know its key, after it can no longer arrive, and not before."""
    by_api.bank.refund_faults = [Fault.LOST]
    refund(by_api, 1_000)
    by_api.clock.pass_s(6)
    by_api.reconcile()
    assert by_api.book.refunds.entries[1].state is RefundState.UNKNOWN

    by_api.clock.pass_s(60)
    by_api.reconcile()
    again = refund(by_api, 1_250, "r2")
    entry = by_api.book.refunds.entries[1]
    assert (entry.state, entry.reason) == (RefundState.NOT_DONE, "never_arrived")
    assert again.refund.state is RefundState.DONE
    keys = {it.refund_key for it in by_api.book.refunds.entries.values()}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Fault.DECLINE, "refund_refused"), (Fault.NOT_SENT, "bank_unreachable")],
)
def test_a_refused_refund_gives_nothing_back(by_api, fault, reason):
    """And says why; another request may try again."""
    by_api.bank.refund_faults = [fault]
    told = refund(by_api, 500)

    assert (told.refund.state, told.refund.reason) == (RefundState.NOT_DONE, reason)
    assert told.refundable == Money(1_250)
    assert refund(by_api, 500, "r2").refund.state is RefundState.DONE


@pytest.mark.parametrize("append", [1, 2])
def test_a_power_cut_around_the_sending(by_api, append):
    """Before the record: nothing was sent. Before the result: it is looked up, not sent again."""
    by_api.disk.cut_power_before_append = by_api.disk.appends + append
    with pytest.raises(PowerCutError):
        refund(by_api, 500)
    assert len(by_api.bank.refund_sends) == append - 1

    by_api.restart()
    by_api.clock.pass_s(60)
    by_api.reconcile()
    again = refund(by_api, 500)
    assert again.refund.state is RefundState.DONE
    assert len(by_api.bank.refund_sends) == 1


def test_a_full_disk_sends_nothing(by_api):
    """What is not journalled does not leave."""
    by_api.disk.fail_append = [28]
    with pytest.raises(JournalWriteError):
        refund(by_api, 500)

    assert by_api.bank.refund_sends == []
    assert refund(by_api, 500).refund.state is RefundState.DONE


def test_without_refund_requests_it_is_a_task_for_staff(paid):
    """The task names the payment, its own reference, and counts as given back until closed."""
    told = refund(paid, 1_000).refund

    assert (told.way, told.state, told.number) == (RefundWay.MANUAL, RefundState.PENDING, 1)
    assert told.payment_reference == reference_of(next(iter(paid.book.attempts)))
    assert told.reference not in {"", told.payment_reference}
    assert refund(paid, 300, "r2").refusal == "above_paid"
    assert kinds(paid) == [OpenKind.REFUND_TASK]
    assert told.reference in open_items(paid.book)[0].mend

    done = close(paid, 1, done=True)
    assert (done.refund.state, done.refusal) == (RefundState.DONE, "")
    assert close(paid, 1, done=True) == done
    assert close(paid, 1, done=False).refusal == "ended_otherwise"
    assert close(paid, 9, done=True).refusal == "refund_unknown"


def test_a_withdrawn_task_can_be_asked_for_again(paid):
    """Its money is free again, and nobody transfers it."""
    refund(paid, 1_250)
    close(paid, 1, done=False)

    assert refund(paid, 1_250, "r2").refund.number == 2
    assert [it.number for it in paid.ask(ListRefunds(), TILL).refunds] == [2]
    assert [it.number for it in paid.ask(ListRefunds(OrderId("o1")), TILL).refunds] == [1, 2]


def test_the_person_may_be_erased(by_api):
    """Then there is no key to seal a request under: a task, with nothing personal in it."""
    by_api.ask(RevokeMandate(ALICE))
    told = refund(by_api, 1_250).refund

    assert (told.way, told.state) == (RefundWay.MANUAL, RefundState.PENDING)
    assert by_api.bank.refund_sends == []


def test_the_request_is_journalled_sealed_before_it_leaves(by_api):
    """No byte of the request and no payment id of the bank is in the clear beside it."""
    refund(by_api, 500)
    line = next(it for it in by_api.disk.durable.splitlines() if b"refund_opened" in it)

    assert b"sealed_request" in line
    assert by_api.bank.refund_sends[0].body not in line


def test_paid_twice_is_given_back_by_the_same_word(paid):
    """Closed elsewhere and settled late: due, listed, refunded whole, and off the list."""
    order = paid.order("o2", 500)
    paid.bank.faults, paid.bank.reachable = [Fault.NO_ANSWER] * 6, False
    paid.pay(order)
    paid.ask(CloseElsewhere(order, "ann"), TILL)
    assert kinds(paid) == [OpenKind.UNKNOWN]
    paid.bank.reachable = True
    paid.clock.pass_s(60)
    paid.reconcile()
    assert kinds(paid) == [OpenKind.REFUND_DUE]

    told = refund(paid, order="o2")
    assert told.refund.amount == Money(500)
    assert kinds(paid) == [OpenKind.REFUND_TASK]
    close(paid, told.refund.number, done=True)
    assert kinds(paid) == []
    assert paid.book.orders[order].reason == "refunded"


def test_what_was_not_paid_is_not_refunded(paid):
    """Neither an open order nor one that nobody knows."""
    paid.order("o2", 500)

    assert refund(paid, order="o2").refusal == "nothing_paid"
    with pytest.raises(OrderUnknownError):
        refund(paid, order="o3")
    assert refund(paid, reference="A" * 18).refusal == "payment_unknown"


@pytest.mark.parametrize(
    "changes",
    [{"staff": "Ann Smith"}, {"reason": "the soup was cold"}, {"request_id": ""}, {"staff": ""}],
)
def test_no_sentence_gets_into_the_journal(paid, changes):
    """Ids and reasons are words: free text could hold a name."""
    plain = {"request_id": "r1", "order_id": OrderId("o1"), "staff": "ann", "reason": "cold"}
    with pytest.raises(BadInputError):
        paid.ask(RefundOrder(**(plain | changes)), TILL)
    assert paid.book.refunds.entries == {}


@pytest.mark.parametrize("amount", [Money(0), Money(100, "EUR")])
def test_a_sum_of_another_currency_or_none_is_refused(paid, amount):
    """Bad input, not a refund."""
    with pytest.raises(BadInputError):
        paid.ask(RefundOrder("r1", OrderId("o1"), "ann", "cold", amount), TILL)
