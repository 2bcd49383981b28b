"""What every bank connector must do, the real sandbox bank and the fake alike.

A new connector joins by one harness and one line in `HARNESSES`.
"""

from __future__ import annotations

import pytest

from kiosk.domain.ids import IdempotencyKey, MandateRef, OrderId, PayerAlias
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import Intent, OutcomeKind
from kiosk.money.banks.registry import open_bank
from kiosk.sandbox.bank import oracle
from tests.fakes.bank import FakeBank, Fault
from tests.fakes.bank_process import BankProcess

ALIAS = PayerAlias("a0123456789abcdef")
LIMITS = MandateLimits(per_payment=Money(10_000), per_day=Money(20_000))


class SandboxHarness:
    """The connector against the real server process."""

    def __init__(self, data_dir):
        self._data_dir = data_dir
        self._process = BankProcess(data_dir)
        self.bank = open_bank("sandbox", data_dir=data_dir)

    def debits(self, order):
        return oracle.executed_debits(self._data_dir, order)

    def lose_next_answer(self, *, executed):
        kind = "drop_after_commit" if executed else "drop_before"
        oracle.add_fault(self._data_dir, {"kind": kind})

    def go_away(self):
        self._process.kill()

    def come_back(self):
        self._process = BankProcess(self._data_dir)

    def close(self):
        self.bank.close()
        self._process.kill()


class FakeHarness:
    """The bank in memory that the tests of the engine use."""

    def __init__(self, data_dir):
        self.bank = FakeBank(steady_ms=lambda: 0)

    def debits(self, order):
        return self.bank.debits_of(order)

    def lose_next_answer(self, *, executed):
        self.bank.faults.append(Fault.NO_ANSWER if executed else Fault.LOST)

    def go_away(self):
        self.bank.reachable = False
        self.bank.faults.append(Fault.NOT_SENT)

    def come_back(self):
        self.bank.reachable = True
        self.bank.faults.clear()

    def close(self):
        self.bank.close()


HARNESSES = {"fake": FakeHarness, "sandbox": SandboxHarness}


@pytest.fixture(params=HARNESSES)
def harness(request, data_dir):
    found = HARNESSES[request.param](data_dir)
    yield found
    found.close()


@pytest.fixture
def bank(harness):
    return harness.bank


@pytest.fixture
def mandate(bank):
    return bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey("mandate-1")).ref


def prepare(bank, mandate, name="1", minor_units=1250):
    key, order = IdempotencyKey(f"key-{name}"), OrderId(f"order-{name}")
    return bank.prepare(Intent(key, order, Money(minor_units), "Trattoria", mandate))


def test_capabilities_make_sense(bank):
    """The engine's rules need a resend gap, a life of keys that is longer, and an arrival bound."""
    can = bank.capabilities
    assert 1.0 <= can.min_resend_s < can.idempotency_life_s
    assert 0 < can.arrival_s_max < can.idempotency_life_s


def test_mandate_begins_once_per_key(bank):
    """The same key gives the same mandate, another key another one."""
    first = bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey("mandate-1"))

    assert first.state is MandateState.ACTIVE
    assert first.account_hint.startswith("••")
    assert bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey("mandate-1")) == first
    assert bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey("mandate-2")).ref != first.ref
    assert bank.mandate(first.ref) == first


def test_revoked_mandate_stays_revoked_and_declines(bank, harness, mandate):
    """Revoking is final, may be repeated, and stops every later payment."""
    bank.revoke(mandate)
    bank.revoke(mandate)

    assert bank.mandate(mandate).state is MandateState.REVOKED
    answer = bank.submit(prepare(bank, mandate))
    assert (answer.kind, answer.reason) == (OutcomeKind.DECLINED, "mandate_revoked")
    assert harness.debits("order-1") == 0


def test_unknown_mandate_authorises_nothing(bank, harness):
    """A mandate that the bank does not know reads as revoked, can be revoked, and declines."""
    nobody = MandateRef("m-nobody")
    bank.revoke(nobody)

    assert bank.mandate(nobody).state is MandateState.REVOKED
    assert bank.submit(prepare(bank, nobody)).kind is OutcomeKind.DECLINED
    assert harness.debits("order-1") == 0


def test_prepare_is_pure(bank, harness, mandate):
    """The same intent gives the same bytes, and nothing is executed by preparing."""
    assert prepare(bank, mandate) == prepare(bank, mandate)
    assert prepare(bank, mandate).body != prepare(bank, mandate, minor_units=1251).body
    harness.go_away()
    assert prepare(bank, mandate).key == "key-1"


def test_payment_settles_once(bank, harness, mandate):
    """Submitting again repeats the answer; looking up repeats it too; one debit."""
    request = prepare(bank, mandate)
    first = bank.submit(request)

    assert first.kind is OutcomeKind.SETTLED
    assert first.payment_ref
    assert bank.submit(request) == first
    assert bank.find(request.key) == first
    assert harness.debits("order-1") == 1


def test_decline_is_final_for_its_key(bank, harness, mandate):
    """A declined key stays declined, with its reason, and is found as such."""
    request = prepare(bank, mandate, minor_units=10_001)
    first = bank.submit(request)

    assert (first.kind, first.reason) == (OutcomeKind.DECLINED, "limit_per_payment")
    assert bank.submit(request) == first
    assert bank.find(request.key) == first
    assert harness.debits("order-1") == 0


def test_limit_per_day(bank, mandate):
    """The bank's own daily limit counts what settled, to the penny."""
    assert bank.submit(prepare(bank, mandate, "1", 10_000)).kind is OutcomeKind.SETTLED
    assert bank.submit(prepare(bank, mandate, "2", 10_000)).kind is OutcomeKind.SETTLED
    third = bank.submit(prepare(bank, mandate, "3", 1))
    assert (third.kind, third.reason) == (OutcomeKind.DECLINED, "limit_per_day")


def test_other_bytes_under_a_key_are_unknown(bank, harness, mandate):
    """A key conflict is not "declined": the first request under the key may have been paid."""
    bank.submit(prepare(bank, mandate))
    other = bank.submit(prepare(bank, mandate, minor_units=1251))
    assert other.kind is OutcomeKind.UNKNOWN
    assert harness.debits("order-1") == 1


def test_unknown_key_is_not_found(bank):
    """A key that was never sent is not there."""
    assert bank.find(IdempotencyKey("key-never")).kind is OutcomeKind.NOT_FOUND


def test_answer_lost_after_execution(bank, harness, mandate):
    """The outcome is unknown until asked; asking or resending gives the one payment."""
    harness.lose_next_answer(executed=True)
    request = prepare(bank, mandate)

    assert bank.submit(request).kind is OutcomeKind.UNKNOWN
    found = bank.find(request.key)
    assert found.kind is OutcomeKind.SETTLED
    assert bank.submit(request) == found
    assert harness.debits("order-1") == 1


def test_request_lost_before_execution(bank, harness, mandate):
    """The outcome is unknown although nothing happened; a resend pays once."""
    harness.lose_next_answer(executed=False)
    request = prepare(bank, mandate)

    assert bank.submit(request).kind is OutcomeKind.UNKNOWN
    assert bank.find(request.key).kind is OutcomeKind.NOT_FOUND
    assert harness.debits("order-1") == 0
    assert bank.submit(request).kind is OutcomeKind.SETTLED
    assert harness.debits("order-1") == 1


def test_bank_away_and_back(bank, harness, mandate):
    """Without a bank nothing is sent and nothing is known; afterwards everything is as before."""
    paid = prepare(bank, mandate, "1")
    first = bank.submit(paid)
    harness.go_away()

    assert bank.submit(prepare(bank, mandate, "2")).kind is OutcomeKind.NOT_SENT
    assert bank.find(paid.key).kind is OutcomeKind.UNKNOWN
    with pytest.raises(BankUnreachableError):
        bank.mandate(mandate)
    with pytest.raises(BankUnreachableError):
        bank.revoke(mandate)
    with pytest.raises(BankUnreachableError):
        bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey("mandate-2"))

    harness.come_back()
    assert bank.find(paid.key) == first
    assert bank.submit(prepare(bank, mandate, "2")).kind is OutcomeKind.SETTLED
    assert harness.debits("order-1") == harness.debits("order-2") == 1
