"""PINs: which are allowed, how guessing is slowed, and that a token is worth one payment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.consent import Basis
from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import PayerAlias
from kiosk.domain.order import OrderState, Outcome
from kiosk.link.protocol import RevokeMandate, VerifyPin
from kiosk.money.config import HashCost
from kiosk.money.pin_counter import PinCounter, PinRules, attempts_left, pin_refusal
from kiosk.money.pin_hash import PinHasher
from tests.fakes.money_room import ALICE, BOB, PIN
from tests.fakes.storage import PowerCutError

WRONG = "918273"
NOBODY = PayerAlias("a" + "f" * 16)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


# Choosing ----------------------------------------------------------------------------------------


def test_a_banned_pin_opens_no_mandate(room):
    """Nothing is journalled and the bank is not asked."""
    before = room.disk.durable
    with pytest.raises(BadInputError):
        room.enrol(pin="123456")

    assert (room.disk.durable, room.bank.mandates) == (before, {})


# Keeping -----------------------------------------------------------------------------------------


def test_the_verifier_names_its_cost_and_matches_only_its_pin():
    """Argon2id, with the parameters in it; a payer who is not there never matches."""
    hasher = PinHasher(HashCost(time_cost=1, memory_kib=8))
    verifier = hasher.hash(PIN)

    assert verifier.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert PIN not in verifier
    assert hasher.matches(verifier, PIN)
    assert not hasher.matches(verifier, WRONG)
    assert not hasher.matches(None, PIN)


def test_the_default_cost_is_64_mib_and_four_passes():
    """Above RFC 9106's second choice; the tests' cheap cost is not what ships."""
    assert HashCost() == HashCost(time_cost=4, memory_kib=65_536, parallelism=1)


# Verifying ---------------------------------------------------------------------------------------


def test_the_right_pin_gives_a_token_for_one_payment(enrolled):
    """Phone and PIN: paid once; the same token is worth nothing for the next order."""
    order = enrolled.order("o1", 6_000)
    request = enrolled.request(order, basis=Basis.PHONE_AND_PIN)
    verdict = enrolled.ask(VerifyPin(ALICE, order, request.nonce, PIN))

    assert (verdict.verified, verdict.reason, verdict.attempts_left) == (True, "", 5)
    paid = enrolled.ask(msgspec.structs.replace(request, pin_token=verdict.token))
    assert paid.outcome is Outcome.PAID
    other = enrolled.order("o2", 6_000)
    assert enrolled.pay(other, pin_token=verdict.token).reason == "pin_token_bad"


@pytest.mark.parametrize("spoil", ["payer", "time", "restart"])
def test_a_token_is_bound_to_payer_time_and_process(enrolled, spoil):
    """It proves this PIN, for this order, now."""
    enrolled.enrol(BOB)
    order = enrolled.order()
    request = enrolled.request(order)
    token = enrolled.ask(VerifyPin(ALICE, order, request.nonce, PIN)).token
    request = msgspec.structs.replace(request, pin_token=token)
    if spoil == "payer":
        request = msgspec.structs.replace(request, alias=BOB)
    elif spoil == "time":
        enrolled.clock.pass_s(120)
    else:
        enrolled.restart()

    expected = "nonce_stale" if spoil == "restart" else "pin_token_bad"
    assert enrolled.ask(request).reason == expected
    assert enrolled.bank.sends == []


def test_the_attempt_is_on_the_disk_before_the_pin_is_compared(enrolled):
    """Pulling the plug after a wrong PIN is no way to another five attempts."""
    order = enrolled.order()
    matches = enrolled.service._pins._hasher.matches

    def pull_the_plug(verifier, pin):
        matches(verifier, pin)
        raise PowerCutError

    for _ in range(5):
        enrolled.service._pins._hasher.matches = pull_the_plug
        with pytest.raises(PowerCutError):
            enrolled.verify(order, WRONG)
        enrolled.restart()
        enrolled.clock.pass_s(30)

    assert enrolled.verify(order).reason == "pin_locked"


def test_five_failures_lock_for_a_day_also_over_restarts(enrolled):
    """The sixth, right PIN is not even compared."""
    order = enrolled.order()
    left = []
    for _ in range(5):
        left.append(enrolled.verify(order, WRONG).attempts_left)
        enrolled.clock.pass_s(30)
    enrolled.restart()

    assert left == [4, 3, 2, 1, 0]
    verdict = enrolled.verify(order)
    assert (verdict.verified, verdict.reason, verdict.attempts_left) == (False, "pin_locked", 0)
    enrolled.clock.pass_s(86_400)
    assert enrolled.verify(order).verified


def test_delays_grow_and_are_not_slept(enrolled):
    """0, 0, 1, 5, 30 s: too soon is refused, costs nothing and counts nothing."""
    order = enrolled.order()
    for delay_s, failures in [(0, 1), (0, 2), (1, 3), (5, 4), (30, 5)]:
        if delay_s:
            records = enrolled.service._ledger.records
            enrolled.clock.pass_s(delay_s - 0.001)
            assert enrolled.verify(order).reason == "pin_too_soon"
            assert enrolled.service._ledger.records == records
            enrolled.clock.pass_s(0.001)
        assert enrolled.verify(order, WRONG).attempts_left == 5 - failures
    assert enrolled.clock.waits == []


def test_a_right_pin_forgives_the_failures_before_it(enrolled):
    """Five in a row, not five in a life."""
    order = enrolled.order()
    for _ in range(3):
        enrolled.verify(order, WRONG)
        enrolled.verify(order, WRONG)
        enrolled.clock.pass_s(1)
        assert enrolled.verify(order).attempts_left == 5


def test_a_terminal_with_many_failures_pauses_for_everybody(enrolled):
    """One PIN tried on twenty payers: nobody's PIN is compared for an hour."""
    order = enrolled.order()
    for number in range(20):
        assert enrolled.verify(order, WRONG, PayerAlias(f"a{number:016x}")).reason == "pin_wrong"

    assert enrolled.verify(order).reason == "pin_terminal_paused"
    enrolled.restart()
    assert enrolled.verify(order).reason == "pin_terminal_paused"
    enrolled.clock.pass_s(3_600)
    assert enrolled.verify(order).verified


def test_own_successes_do_not_hide_failures_on_others(enrolled):
    """An attacker with an account of their own cannot wash the terminal's count."""
    order = enrolled.order()
    for number in range(20):
        enrolled.verify(order, WRONG, PayerAlias(f"a{number:016x}"))
        if number < 19:
            assert enrolled.verify(order).verified

    assert enrolled.verify(order).reason == "pin_terminal_paused"


def test_who_is_not_there_is_answered_like_who_is(enrolled):
    """Same words, same counting, same work: no oracle for who has an account."""
    enrolled.enrol(BOB)
    enrolled.ask(RevokeMandate(BOB))
    order = enrolled.order()
    answers = {}
    for alias in (ALICE, BOB, NOBODY):
        compared = []
        hasher = enrolled.service._pins._hasher
        matches = PinHasher.matches

        def watched(verifier, pin, compared=compared, hasher=hasher, matches=matches):
            compared.append(pin)
            return matches(hasher, verifier, pin)

        hasher.matches = watched
        answers[alias] = []
        for _ in range(6):
            verdict = enrolled.verify(order, WRONG, alias)
            answers[alias].append((verdict.verified, verdict.reason, verdict.attempts_left))
            enrolled.clock.pass_s(30)
        answers[alias].append(len(compared))

    assert answers[ALICE] == answers[BOB] == answers[NOBODY]
    assert answers[ALICE][-1] == 5


@pytest.mark.parametrize("pin", ["", "1", "48291a", "4829134829134"])
def test_what_is_no_pin_is_not_an_attempt(enrolled, pin):
    """It cannot be right, so it is neither compared nor counted."""
    verdict = enrolled.verify(enrolled.order(), pin)

    assert (verdict.reason, verdict.attempts_left) == ("pin_format", 5)


def test_a_pin_is_only_compared_for_an_open_order_with_its_nonce(enrolled):
    """There is no way to guess without a bill on the screen."""
    order = enrolled.order()
    enrolled.offer(order)
    stale = VerifyPin(ALICE, order, "guessed", PIN)
    assert enrolled.ask(stale).reason == "nonce_stale"
    nonce = enrolled.offer(order).nonce
    enrolled.pay(order)
    assert enrolled.state(order) is OrderState.PAID

    assert enrolled.ask(VerifyPin(ALICE, order, nonce, PIN)).reason == "order_not_open"


def test_guessing_on_many_threads_is_still_five_attempts(enrolled):
    """The counter moves before the comparison, under the lock."""
    rules = replace(enrolled.config.pin, delays_s=(0,))
    enrolled.config = replace(enrolled.config, pin=rules)
    enrolled.restart()
    order = enrolled.order()
    nonce = enrolled.offer(order).nonce
    start = threading.Barrier(12)

    def guess(number):
        start.wait()
        return enrolled.ask(VerifyPin(ALICE, order, nonce, f"91827{number % 10}"))

    with ThreadPoolExecutor(12) as pool:
        reasons = [verdict.reason for verdict in pool.map(guess, range(12))]

    assert sorted(reasons) == ["pin_locked"] * 7 + ["pin_wrong"] * 5


# Counting, as a rule -----------------------------------------------------------------------------


@given(st.lists(st.integers(0, 90_000), max_size=30))
def test_no_pattern_of_waiting_gives_more_than_five_attempts_a_day(gaps):
    """Whatever a guesser's patience: in any 24 h no more than five failures of one payer."""
    counter, now, tried = PinCounter(), NOON, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        if pin_refusal(counter, now, PinRules()) is None:
            counter = counter.attempted(now)
            tried.append(now)

    for first in tried:
        day = [at for at in tried if first <= at < first + timedelta(hours=24)]
        assert len(day) <= 5


def test_a_clock_that_is_set_back_makes_nothing_easier():
    """The lock holds, the delay holds."""
    counter = PinCounter()
    for _ in range(5):
        counter = counter.attempted(NOON)
    earlier = NOON - timedelta(days=400)

    assert pin_refusal(counter, earlier, PinRules()) == "pin_locked"
    assert attempts_left(counter, earlier, PinRules()) == 0
    assert pin_refusal(PinCounter(4, NOON), earlier, PinRules()) == "pin_too_soon"
    assert pin_refusal(PinCounter(1, NOON), earlier, PinRules()) is None
