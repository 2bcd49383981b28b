"""Authorising: everything is checked by money itself, and an order is debited at most once."""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import msgspec
import pytest

from kiosk.domain.consent import Basis
from kiosk.domain.ids import OrderId, OrderNonce, PayerAlias
from kiosk.domain.mandate import MandateLimits
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState, Outcome
from kiosk.link.protocol import AbortOrder, Authorised, RevokeMandate
from tests.fakes.bank import Fault
from tests.fakes.money_room import ALICE, BOB, TILL, MoneyRoom


def test_a_payment_debits_once_and_is_told_from_the_disk(enrolled):
    """The plain case: one debit of the journalled amount, and the order is paid."""
    order = enrolled.order(minor_units=1_250)

    assert enrolled.pay(order) == Authorised(Outcome.PAID, "settled")
    assert enrolled.state(order) is OrderState.PAID
    (debit,) = enrolled.bank.debits
    assert (debit.order_id, debit.amount) == (order, Money(1_250))
    assert enrolled.disk.unsynced == b""


def test_the_intent_is_on_the_disk_before_the_first_byte_leaves(enrolled):
    """At the moment of sending, a power cut would not lose the key."""
    order = enrolled.order()
    seen = []

    def check(prepared):
        seen.append(prepared.key.encode() in enrolled.disk.durable)

    enrolled.bank.on_submit = check
    enrolled.pay(order)

    assert seen == [True]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": OrderNonce("guessed")}, "nonce_stale"),
        ({"amount": Money(1)}, "amount_differs"),
        ({"amount": Money(1_250, "EUR")}, "amount_differs"),
        ({"alias": BOB}, "mandate_unknown"),
        ({"order_id": OrderId("other")}, "order_unknown"),
        ({"basis": Basis.PHONE_AND_PIN}, "pin_required"),
        ({"pin_token": "guessed"}, "pin_token_bad"),
        ({"basis": Basis.PHONE_AND_PIN, "pin_token": "guessed"}, "pin_token_bad"),
    ],
)
def test_what_does_not_fit_is_refused_without_the_bank(enrolled, changes, reason):
    """The order stays open and can be paid rightly afterwards."""
    order = enrolled.order(minor_units=1_250)

    assert enrolled.pay(order, **changes) == Authorised(Outcome.NOT_PAID, reason)
    assert enrolled.bank.sends == []
    assert enrolled.state(order) is OrderState.OPEN
    assert enrolled.pay(order).outcome is Outcome.PAID


def test_a_nonce_works_once_and_only_the_newest(enrolled):
    """An older offer, and one that was used for a refusal, are worth nothing."""
    order = enrolled.order()
    old = enrolled.request(order)
    new = enrolled.request(order, amount=Money(1))

    assert enrolled.ask(old).reason == "nonce_stale"
    assert enrolled.ask(new).reason == "amount_differs"
    assert enrolled.ask(msgspec.structs.replace(new, amount=old.amount)).reason == "nonce_stale"
    request = enrolled.request(order)
    enrolled.restart()
    assert enrolled.ask(request).reason == "nonce_stale", "nonces die with the process"


def test_a_nonce_of_another_order_does_not_fit(enrolled):
    """The customer agreed to that other bill."""
    one, two = enrolled.order("o1"), enrolled.order("o2")
    request = enrolled.request(one)
    enrolled.offer(two)

    assert enrolled.pay(two, nonce=request.nonce).reason == "nonce_stale"


def test_limits_hold_for_each_payment_and_for_the_day(room):
    """One penny above is refused; the next day counts anew; unknown payments count."""
    room.config = replace(room.config, no_pin=replace(
        room.config.no_pin, payment_max=Money(100_000), day_max=Money(100_000)
    ))  # fmt: skip
    room.restart()
    room.enrol(limits=MandateLimits(Money(5_000), Money(9_000)))

    assert room.pay(room.order("o1", 5_001)).reason == "limit_per_payment"
    assert room.pay(room.order("o2", 5_000)).outcome is Outcome.PAID
    assert room.pay(room.order("o3", 4_001)).reason == "limit_per_day"
    room.bank.faults, room.bank.reachable = [Fault.NO_ANSWER] * 6, False
    assert room.pay(room.order("o4", 4_000)).outcome is Outcome.UNKNOWN
    sends = len(room.bank.sends)
    assert room.pay(room.order("o5", 1)).reason == "limit_per_day"
    assert len(room.bank.sends) == sends, "money knew it itself"
    room.clock.pass_s(86_400)
    assert room.pay(room.order("o6", 5_000)).outcome is Outcome.PAID


def test_two_orders_at_once_cannot_slip_under_the_limit(room):
    """Check and intent are one step: of five at once only two fit into the day."""
    room.enrol(limits=MandateLimits(Money(5_000), Money(9_000)))
    requests = [room.request(room.order(f"o{n}", 4_500)) for n in range(5)]

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(room.ask, requests))

    assert sorted(answer.outcome.value for answer in answers) == ["not_paid"] * 3 + ["paid"] * 2
    assert sum(debit.amount.minor_units for debit in room.bank.debits) == 9_000


@pytest.mark.parametrize("minor_units", [5_000, 5_001])
def test_above_the_ceiling_a_pin_is_required(enrolled, minor_units):
    """50.00 is the most that goes without; faces cannot talk money out of it."""
    order = enrolled.order(minor_units=minor_units)

    answer = enrolled.pay(order)

    if minor_units == 5_000:
        assert answer.outcome is Outcome.PAID
    else:
        assert answer == Authorised(Outcome.NOT_PAID, "pin_required")
        assert enrolled.bank.sends == []


def test_above_the_sum_of_the_day_a_pin_is_required(room):
    """150.00 a day go without."""
    room.enrol(limits=MandateLimits(Money(10_000), Money(30_000)))
    for number in range(3):
        assert room.pay(room.order(f"o{number}", 5_000)).outcome is Outcome.PAID

    assert room.pay(room.order("o9", 1)).reason == "pin_required"


def test_many_threads_for_one_order_make_one_debit(enrolled):
    """20 requests with the same nonce: one is carried out, the others hear its outcome."""
    order = enrolled.order()
    request = enrolled.request(order)
    start = threading.Barrier(20)

    def ask(_):
        start.wait()
        return enrolled.ask(request)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))

    assert {answer.outcome for answer in answers} == {Outcome.PAID}
    assert enrolled.bank.debits_of(order) == 1
    assert len(enrolled.bank.sends) == 1


def test_a_second_request_in_flight_waits_for_the_first_ones_outcome(enrolled):
    """Nobody gets another way to pay while a payment is on its way."""
    order = enrolled.order()
    request = enrolled.request(order)
    inside, go_on = threading.Event(), threading.Event()

    def hold(_prepared):
        inside.set()
        go_on.wait(10)

    enrolled.bank.on_submit = hold
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(enrolled.ask, request)
        assert inside.wait(10)
        assert enrolled.offer(order).nonce is None
        assert enrolled.state(order) is OrderState.IN_FLIGHT
        assert enrolled.ask(AbortOrder(order, "till"), TILL).state is OrderState.IN_FLIGHT
        second = pool.submit(enrolled.ask, request)
        go_on.set()

        assert first.result(10) == second.result(10) == Authorised(Outcome.PAID, "settled")
    assert enrolled.bank.debits_of(order) == 1


def test_reconciliation_leaves_a_payment_in_flight_alone(enrolled):
    """Whoever looks up what has no result must not end what is still being sent."""
    order = enrolled.order()
    enrolled.bank.on_submit = lambda _: enrolled.reconcile()
    enrolled.bank.faults = [Fault.LOST]

    assert enrolled.pay(order) == Authorised(Outcome.PAID, "settled")
    assert b"results_missing" not in enrolled.disk.durable
    assert enrolled.disk.durable.count(b'"kind":"result"') == 1


def test_abort_and_authorise_at_once_have_exactly_one_outcome(tmp_path):
    """Either the order is cancelled and nothing is debited, or the payment wins."""
    for number in range(20):
        room = MoneyRoom(tmp_path / str(number))
        room.enrol()
        order = room.order()
        request = room.request(order)
        start = threading.Barrier(2)

        def pay(room=room, request=request, start=start):
            start.wait()
            return room.ask(request)

        def abort(room=room, order=order, start=start):
            start.wait()
            return room.ask(AbortOrder(order, "till"), TILL)

        with ThreadPoolExecutor(2) as pool:
            paid, _ = pool.submit(pay), pool.submit(abort)
        won = paid.result().outcome is Outcome.PAID
        assert room.bank.debits_of(order) == won
        assert room.state(order) is (OrderState.PAID if won else OrderState.CANCELLED)


def test_declined_leaves_the_order_open_and_the_next_attempt_has_a_new_key(enrolled):
    """The bank said no to this key for good; another try is another intent."""
    order = enrolled.order()
    enrolled.bank.faults = [Fault.DECLINE]

    assert enrolled.pay(order) == Authorised(Outcome.NOT_PAID, "insufficient_funds")
    assert enrolled.state(order) is OrderState.OPEN
    assert enrolled.pay(order).outcome is Outcome.PAID
    assert len({sent.key for sent in enrolled.bank.sends}) == 2
    assert enrolled.status(order).attempts == 2


def test_a_paid_order_answers_paid_and_is_not_sent_again(enrolled):
    """Also after a restart."""
    order = enrolled.order()
    request = enrolled.request(order)
    enrolled.ask(request)

    assert enrolled.ask(request) == Authorised(Outcome.PAID, "already_paid")
    enrolled.restart()
    assert enrolled.ask(request) == Authorised(Outcome.PAID, "already_paid")
    assert enrolled.offer(order).nonce is None
    assert enrolled.bank.debits_of(order) == 1


def test_unclear_answers_are_resolved_by_the_same_bytes_a_second_apart(enrolled):
    """Executed, answer lost: the resend learns of it."""
    order = enrolled.order()
    enrolled.bank.faults = [Fault.NO_ANSWER, Fault.LOST, Fault.NOT_SENT]

    assert enrolled.pay(order).outcome is Outcome.PAID
    first, *others = enrolled.bank.sends
    assert others
    for earlier, later in zip(enrolled.bank.sends, others, strict=False):
        assert (later.key, later.body, later.headers) == (first.key, first.body, first.headers)
        assert later.at_ms - earlier.at_ms >= 1_000
    assert enrolled.bank.debits_of(order) == 1


def test_no_answer_at_all_is_unknown_and_the_key_is_burnt(enrolled):
    """Nobody may say not paid, and nothing is sent for this order any more."""
    order = enrolled.order()
    enrolled.bank.faults, enrolled.bank.reachable = [Fault.LOST] * 6, False

    assert enrolled.pay(order) == Authorised(Outcome.UNKNOWN, "no_answer")
    sends = len(enrolled.bank.sends)
    assert enrolled.state(order) is OrderState.UNKNOWN
    assert enrolled.offer(order).nonce is None
    assert enrolled.ask(AbortOrder(order, "till"), TILL).state is OrderState.UNKNOWN
    again = enrolled.pay(enrolled.order("o2"), order_id=order)
    assert again.outcome is Outcome.UNKNOWN
    assert len(enrolled.bank.sends) == sends


def test_a_network_that_is_down_is_not_paid_and_can_be_tried_again(enrolled):
    """Not one byte left the machine."""
    order = enrolled.order()
    enrolled.bank.faults = [Fault.NOT_SENT] * 6

    assert enrolled.pay(order) == Authorised(Outcome.NOT_PAID, "bank_unreachable")
    assert enrolled.pay(order).outcome is Outcome.PAID


def test_a_full_disk_before_the_send_is_not_paid(enrolled):
    """Nothing is sent that is not stored, and selling goes on when there is space."""
    order = enrolled.order()
    request = enrolled.request(order)
    enrolled.disk.fail_append = [errno.ENOSPC]

    assert enrolled.ask(request) == Authorised(Outcome.NOT_PAID, "journal_write_failed")
    assert enrolled.bank.sends == []
    assert enrolled.pay(order).outcome is Outcome.PAID


def test_a_failing_sync_before_the_send_stops_all_selling(enrolled):
    """This process cannot trust its disk any more."""
    order, other = enrolled.order("o1"), enrolled.order("o2")
    request = enrolled.request(order)
    enrolled.disk.fail_sync = [errno.EIO]

    assert enrolled.ask(request).reason == "journal_write_failed"
    assert enrolled.pay(other).reason == "journal_write_failed"
    assert enrolled.bank.sends == []
    assert enrolled.service.detail()["journal"] == "poisoned"


@pytest.mark.parametrize("keep", [0, 10_000])
def test_a_result_that_cannot_be_stored_is_unknown_until_the_next_start(enrolled, keep):
    """Whether or not the bytes reached the disk after all, the debit is found and counts once."""
    order = enrolled.order()
    request = enrolled.request(order)
    enrolled.bank.on_submit = lambda _: enrolled.disk.fail_sync.append(errno.EIO)

    assert enrolled.ask(request) == Authorised(Outcome.UNKNOWN, "journal_write_failed")
    enrolled.bank.on_submit = lambda _: None
    enrolled.restart(keep_unsynced=keep)

    assert enrolled.state(order) is OrderState.PAID
    assert enrolled.bank.debits_of(order) == 1


def test_a_result_that_did_not_fit_is_found_without_a_restart(enrolled):
    """The disk was full for a moment: reconciliation stores the result."""
    order = enrolled.order()
    request = enrolled.request(order)
    enrolled.bank.on_submit = lambda _: enrolled.disk.fail_append.append(errno.ENOSPC)

    assert enrolled.ask(request).outcome is Outcome.UNKNOWN
    enrolled.reconcile()

    assert enrolled.state(order) is OrderState.PAID


def test_a_mistake_of_ours_in_flight_is_unknown_and_looked_up(enrolled):
    """The connector crashes after sending: the error is ours, the outcome is not guessed."""
    order = enrolled.order()
    request = enrolled.request(order)
    submit = enrolled.bank.submit

    def crash(prepared, mandate_ref):
        submit(prepared, mandate_ref)
        raise RuntimeError

    enrolled.bank.submit = crash
    with pytest.raises(RuntimeError):
        enrolled.ask(request)
    assert enrolled.ask(request).outcome is Outcome.UNKNOWN

    enrolled.reconcile()

    assert enrolled.state(order) is OrderState.PAID


def test_an_erased_person_cannot_pay(enrolled):
    """Also when the bank has not heard of it."""
    order = enrolled.order()
    request = enrolled.request(order)
    enrolled.bank.reachable = False
    enrolled.ask(RevokeMandate(ALICE))

    assert enrolled.ask(request).reason == "mandate_revoked"
    assert enrolled.bank.sends == []


def test_the_request_is_journalled_sealed_and_dies_with_its_key(enrolled):
    """The journal holds no plain mandate id or body, and after erasing nobody can open it."""
    order = enrolled.order()
    enrolled.pay(order)

    journal = enrolled.disk.durable
    assert enrolled.bank.sends[0].body not in journal
    assert next(iter(enrolled.bank.mandates)).encode() not in journal
    assert "••42".encode() not in journal
    assert b"argon2" not in journal


def test_orders_of_one_terminal_do_not_mix(enrolled):
    """Each answer belongs to its own order."""
    orders = [enrolled.order(f"o{n}", 100 + n) for n in range(10)]
    requests = [enrolled.request(order) for order in orders]

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(enrolled.ask, requests))

    assert {answer.outcome for answer in answers} == {Outcome.PAID}
    assert sorted(debit.amount.minor_units for debit in enrolled.bank.debits) == [
        100 + n for n in range(10)
    ]
    assert enrolled.bank.debits_max() == 1


def test_an_alias_that_is_no_alias_is_bad_input(enrolled):
    """It would become part of a file name."""
    from kiosk.domain.errors import BadInputError

    order = enrolled.order()
    with pytest.raises(BadInputError, match="alias"):
        enrolled.pay(order, alias=PayerAlias("../../etc"))


@pytest.mark.parametrize("payer", [ALICE, BOB])
def test_a_journal_that_lost_its_end_cannot_debit_again(enrolled, payer):
    """Cut between records no check can see it, but the bank still knows the attempt's key."""
    if payer is BOB:
        enrolled.enrol(BOB)
    order = enrolled.order()
    before = enrolled.disk.durable
    assert enrolled.pay(order).outcome is Outcome.PAID
    enrolled.disk.durable = before
    enrolled.restart()

    told = enrolled.pay(order, alias=payer)
    enrolled.reconcile()

    assert enrolled.bank.debits_of(order) == 1
    assert told.outcome in {Outcome.PAID, Outcome.UNKNOWN}
    assert enrolled.state(order) in {OrderState.PAID, OrderState.UNKNOWN}
