"""Banks that accept first, or cannot be asked by key: the engine, its journal and a restart."""

import errno
import itertools
from datetime import timedelta

import pytest

from kiosk.domain.mandate import MandateState
from kiosk.domain.order import OrderState, Outcome
from kiosk.domain.payment import AttemptEnd
from kiosk.link.protocol import AbortOrder
from kiosk.money.banks.port import Funds
from kiosk.money.records import AttemptAccepted
from tests.fakes.bank import Fault
from tests.fakes.money_room import ALICE
from tests.fakes.storage import PowerCutError


@pytest.fixture
def shy(enrolled):
    """A bank that accepts first and is asked only by its own id."""
    enrolled.bank.settle_after_ms = 1_000
    enrolled.with_capabilities(lookup_by_key=False)
    return enrolled


def crash_after_send(room, order):
    """The machine dies before the answer is stored; returns the key."""
    request = room.request(order)
    room.bank.on_submit = lambda _: setattr(room.disk, "is_off", True)
    with pytest.raises(PowerCutError):
        room.ask(request)
    room.bank.on_submit = lambda _: None
    return room.book.orders[order].keys[-1]


def resume(room):
    room.service._reconciler.resume()


def test_an_accepted_payment_settles_while_the_customer_waits(shy):
    """One send, the bank's id in the journal, PAID when the bank says settled."""
    heard = []
    shy.service._ledger.watch(heard.append)
    order = shy.order()
    assert shy.pay(order).outcome is Outcome.PAID
    assert len(shy.bank.sends) == 1
    assert [it for it in heard if isinstance(it, AttemptAccepted)]
    (attempt,) = shy.book.attempts.values()
    assert (attempt.end, attempt.payment_ref) == (AttemptEnd.SETTLED, "p-1")


def test_a_bank_slower_than_the_window_is_followed_later(shy):
    """UNKNOWN with its reason; found by the bank's id, also after a restart; never sent again."""
    shy.bank.settle_after_ms = 60_000
    order = shy.order()
    told = shy.pay(order)
    assert (told.outcome, told.reason) == (Outcome.UNKNOWN, "bank_pending")
    shy.restart()
    shy.clock.pass_s(60)
    shy.reconcile()

    assert shy.state(order) is OrderState.PAID
    assert len(shy.bank.sends) == 1


def test_a_payment_that_the_bank_rejects_in_the_end_is_not_paid(shy):
    """Accepted is not paid."""
    shy.bank.rejects = True
    order = shy.order()
    told = shy.pay(order)
    assert (told.outcome, told.reason) == (Outcome.NOT_PAID, "rejected_by_bank")
    assert shy.bank.debits_of(order) == 0


def test_after_a_crash_the_same_bytes_are_sent_again(shy):
    """The bank cannot be asked by key, the window is open: same body, same headers, paid once."""
    order = shy.order()
    crash_after_send(shy, order)
    shy.clock.pass_s(2)
    shy.restart()
    assert shy.state(order) is OrderState.IN_FLIGHT
    started_ms = shy.clock.steady_ms()
    resume(shy)

    assert shy.state(order) is OrderState.PAID
    first, second = shy.bank.sends
    assert (first.body, first.headers, first.key) == (second.body, second.headers, second.key)
    assert second.at_ms - started_ms >= 1_000
    assert shy.bank.debits_of(order) == 1


def test_a_second_crash_while_resending_is_no_second_debit(shy):
    """Killed again in the middle: the next process sends the same once more."""
    order = shy.order()
    crash_after_send(shy, order)
    for _ in range(3):
        shy.restart()
        shy.bank.on_submit = lambda _: setattr(shy.disk, "is_off", True)
        with pytest.raises(PowerCutError):
            resume(shy)
        shy.bank.on_submit = lambda _: None
    shy.restart()
    resume(shy)

    assert shy.state(order) is OrderState.PAID
    assert shy.bank.debits_of(order) == 1
    assert len({(it.body, it.headers) for it in shy.bank.sends}) == 1
    times = [it.at_ms for it in shy.bank.sends]
    assert all(b - a >= 1_000 for a, b in itertools.pairwise(times))


@pytest.mark.parametrize(
    "why", ["late", "clock_back", "clock_stood_still", "clock_unknown", "revoked", "told"]
)
def test_nothing_is_sent_again_when_it_might_surprise_somebody(shy, why):
    """After the window, with a clock that ran backwards or that the bank does not confirm, without
    a mandate, after "unknown".
    """
    order = shy.order()
    if why == "told":
        shy.bank.faults = [Fault.LOST] * 6
        assert shy.pay(order).outcome is Outcome.UNKNOWN
    else:
        crash_after_send(shy, order)
    sends = len(shy.bank.sends)
    match why:
        case "late":
            shy.clock.pass_s(25)
        case "clock_back":
            shy.clock.set_now(shy.clock.now() - timedelta(hours=1))
        case "clock_stood_still":
            shy.bank.clock_skew_s = 25 * 3_600.0
        case "clock_unknown":
            shy.bank.clock_skew_s = None
        case "revoked":
            shy.restart(recover=False)
            shy.service._mandates.revoke(ALICE)
    shy.restart()
    resume(shy)
    shy.clock.pass_s(3_600)
    shy.reconcile()

    assert len(shy.bank.sends) == sends
    assert shy.state(order) is OrderState.UNKNOWN


def test_an_unknown_told_without_a_record_is_not_sent_again_by_this_process(shy):
    """The disk was full, the customer heard "unknown" and may have paid in cash."""
    order = shy.order()
    request = shy.request(order)
    shy.bank.on_submit = lambda _: shy.disk.fail_append.append(errno.ENOSPC)
    assert shy.ask(request).outcome is Outcome.UNKNOWN
    shy.bank.on_submit = lambda _: None
    shy.disk.fail_append.clear()
    sends = len(shy.bank.sends)
    shy.reconcile()
    resume(shy)

    assert len(shy.bank.sends) == sends == 1
    assert shy.state(order) is OrderState.UNKNOWN


def test_resending_does_not_hold_up_the_start_and_ends_when_told_to(shy):
    """The thread carries it on; a stop stores "unknown" and leaves no thread behind."""
    order = shy.order()
    crash_after_send(shy, order)
    shy.bank.faults = [Fault.LOST] * 6
    shy.restart(recover=False)
    shy.service.start()
    shy.service.stop()
    assert shy.book.orders[order].state in {OrderState.UNKNOWN, OrderState.PAID}


def test_no_cover_is_refused_before_anything_is_journalled(enrolled):
    """The bank's advice is asked with the amount; without cover nothing is sent."""
    enrolled.with_capabilities(funds_check=True)
    enrolled.bank.funds = Funds.NO
    order = enrolled.order()
    records = enrolled.service._ledger.records
    told = enrolled.pay(order)

    assert (told.outcome, told.reason) == (Outcome.NOT_PAID, "insufficient_funds")
    assert enrolled.bank.sends == []
    assert enrolled.service._ledger.records == records
    assert enrolled.bank.funds_asked[0][1] == enrolled.book.orders[order].order.amount
    enrolled.bank.funds = Funds.UNKNOWN
    assert enrolled.pay(order).outcome is Outcome.PAID


def test_an_order_taken_back_while_the_bank_is_asked_for_cover_is_not_charged(enrolled):
    """The check and the intent happen under one lock, after the advice."""
    enrolled.with_capabilities(funds_check=True)
    order = enrolled.order()
    ask = enrolled.bank.check_funds

    def slow(ref, amount):
        enrolled.service._intake.abort(AbortOrder(order, "changed_mind"))
        return ask(ref, amount)

    enrolled.bank.check_funds = slow
    told = enrolled.pay(order)
    assert (told.outcome, told.reason) == (Outcome.NOT_PAID, "order_cancelled")
    assert enrolled.bank.sends == []


@pytest.mark.parametrize(("skew_s", "sold"), [(None, True), (-299.0, True), (301.0, False)])
def test_far_from_the_banks_clock_nothing_is_begun(enrolled, skew_s, sold):
    """Limits of the day and times in the journal would be of another hour."""
    enrolled.bank.clock_skew_s = skew_s
    told = enrolled.pay(enrolled.order())
    assert (told.outcome is Outcome.PAID) is sold
    assert sold or (told.reason, enrolled.bank.sends) == ("clock_skew", [])
    if not sold:
        # Whatever is asked of the bank next measures the clock anew.
        enrolled.bank.mandate = lambda ref: (
            setattr(enrolled.bank, "clock_skew_s", 0.0) or (enrolled.bank.mandates[ref])
        )
        enrolled.reconcile()
        assert enrolled.pay(enrolled.order("o2")).outcome is Outcome.PAID


def test_the_skew_is_there_for_the_doctor(enrolled):
    """In seconds, or unknown."""
    enrolled.bank.clock_skew_s = None
    assert enrolled.service.detail()["bank_clock_skew_s"] == "unknown"
    enrolled.bank.clock_skew_s = -1.25
    assert enrolled.service.detail()["bank_clock_skew_s"] == "-1.2"
    assert enrolled.book.mandates[ALICE].state is MandateState.ACTIVE
