"""What every bank connector must do, whatever its family, against a bank that can be commanded.

A new connector joins by a harness and one line in `tests/contract/bank_harnesses.py`. What a bank
cannot do by its capabilities is skipped here, and the engine does not ask for it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from kiosk.domain.ids import IdempotencyKey, MandateRef, PayerAlias, PaymentRef
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import Funds, OutcomeKind, RefundIntent, RefundMode
from tests.contract.bank_harnesses import HARNESSES
from tests.fakes.bank_port import AT_S, intent_of, sought_of

ALIAS = PayerAlias("a0123456789abcdef")
LIMITS = MandateLimits(per_payment=Money(10_000), per_day=Money(20_000))
HAS_IT = {OutcomeKind.SETTLED, OutcomeKind.ACCEPTED}
"""What a bank may say at once of a payment that it will execute."""


@pytest.fixture(params=HARNESSES)
def harness(request, data_dir):
    found = HARNESSES[request.param](data_dir)
    yield found
    found.close()


@pytest.fixture
def bank(harness):
    return harness.bank


def approved(harness, name="mandate-1"):
    begun = harness.bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey(name))
    if not harness.bank.capabilities.headless_approval:
        harness.approve(begun.ref)
    return begun.ref


@pytest.fixture
def mandate(harness):
    ref = approved(harness)
    assert harness.bank.mandate(ref).state is MandateState.ACTIVE
    return ref


def prepare(bank, mandate, name="1", minor_units=1_250):
    return bank.prepare(intent_of(mandate, name, minor_units))


def pay(bank, mandate, name="1", minor_units=1_250):
    return bank.submit(prepare(bank, mandate, name, minor_units), mandate)


def ask(bank, sought):
    """Look a payment up by what the engine knows, where the bank can be asked by that."""
    can = bank.capabilities
    if not (can.lookup_by_key or (can.lookup_by_ref and sought.payment_ref)):
        pytest.skip("this bank cannot be asked by what is known")
    return bank.find(sought)


def needs_limits(bank):
    if not bank.capabilities.limits_at_bank:
        pytest.skip("the mandate's limits are the engine's alone here")


def end_of(harness, answer, name="1", minor_units=1_250):
    """Return the end of a payment that the bank has taken."""
    assert answer.kind in HAS_IT
    assert answer.payment_ref
    if answer.kind is OutcomeKind.SETTLED:
        return answer
    harness.settle()
    return harness.bank.find(sought_of(name, minor_units, answer.payment_ref))


def test_capabilities_make_sense(bank):
    """The engine's rules need a resend gap, a life of keys that is longer, and an arrival bound."""
    can = bank.capabilities
    assert 1.0 <= can.min_resend_s < can.idempotency_life_s
    assert 0 < can.arrival_s_max < can.idempotency_life_s


def test_mandate_begins_once_per_key(bank, harness):
    """The same key gives the same mandate, another key another one."""
    first = bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey("mandate-1"))
    if bank.capabilities.headless_approval:
        assert first.state is MandateState.ACTIVE
        assert first.account_hint.startswith("••")
    else:
        assert first.state is MandateState.PENDING
        assert first.approval_url

    again = bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey("mandate-1"))
    assert (again.ref, again.state) == (first.ref, first.state)
    other = bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey("mandate-2"))
    assert other.ref != first.ref
    assert bank.mandate(first.ref).state is first.state


def test_approved_mandate_is_active(bank, mandate):
    """After its payer's approval a mandate is active, and shows a masked account."""
    read = bank.mandate(mandate)
    assert (read.ref, read.state) == (mandate, MandateState.ACTIVE)
    assert read.account_hint.startswith("••")


def test_pending_mandate_pays_nothing(bank, harness):
    """Where a mandate needs its payer's approval, nothing is debited before it."""
    if bank.capabilities.headless_approval:
        pytest.skip("mandates are approved at once here")
    begun = bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey("mandate-1"))

    assert bank.mandate(begun.ref).state is MandateState.PENDING
    assert pay(bank, begun.ref).kind in {OutcomeKind.DECLINED, OutcomeKind.NOT_SENT}
    assert harness.debits("order-1") == 0


def test_revoked_mandate_stays_revoked_and_declines(bank, harness, mandate):
    """Revoking is final, may be repeated, and stops every later payment."""
    bank.revoke(mandate)
    bank.revoke(mandate)

    assert bank.mandate(mandate).state is MandateState.REVOKED
    answer = pay(bank, mandate)
    assert answer.kind in {OutcomeKind.DECLINED, OutcomeKind.NOT_SENT}
    assert answer.kind is OutcomeKind.NOT_SENT or answer.reason == "mandate_revoked"
    assert harness.debits("order-1") == 0


def test_unknown_mandate_authorises_nothing(bank, harness):
    """A mandate that the bank does not know reads as revoked, can be revoked, and pays nothing."""
    nobody = MandateRef("m-nobody")
    bank.revoke(nobody)

    assert bank.mandate(nobody).state is MandateState.REVOKED
    assert pay(bank, nobody).kind in {OutcomeKind.DECLINED, OutcomeKind.NOT_SENT}
    assert harness.debits("order-1") == 0


def test_prepare_needs_no_bank(bank, harness, mandate):
    """A request is made without the bank, says its own amount, and shows nothing in its repr."""
    harness.go_away()
    request = prepare(bank, mandate)

    assert (request.key, request.order_id, request.amount) == ("key-1", "order-1", Money(1_250))
    assert prepare(bank, mandate).body == request.body
    assert prepare(bank, mandate, minor_units=1_251).body != request.body
    assert "Trattoria" not in repr(request)


def test_funds_are_advice(bank, harness, mandate):
    """Asking for cover moves nothing and never raises; who cannot ask says so."""
    asked = bank.check_funds(mandate, Money(1_250))
    assert asked is (Funds.YES if bank.capabilities.funds_check else Funds.UNKNOWN)
    harness.go_away()
    assert bank.check_funds(mandate, Money(1_250)) is Funds.UNKNOWN
    assert harness.debits("order-1") == 0


def test_payment_settles_once(bank, harness, mandate):
    """Submitting again repeats the payment; looking it up repeats it too; one debit."""
    request = prepare(bank, mandate)
    first = bank.submit(request, mandate)
    end = end_of(harness, first)

    assert end.kind is OutcomeKind.SETTLED
    assert end.payment_ref == first.payment_ref
    again = bank.submit(request, mandate)
    assert again.kind in HAS_IT
    assert again.payment_ref == first.payment_ref
    assert ask(bank, sought_of(payment_ref=first.payment_ref)) == end
    assert harness.debits("order-1") == 1


def test_decline_is_final_for_its_key(bank, harness, mandate):
    """A declined key stays declined, with its reason, and is never found paid."""
    needs_limits(bank)
    request = prepare(bank, mandate, minor_units=10_001)
    first = bank.submit(request, mandate)

    assert (first.kind, first.reason) == (OutcomeKind.DECLINED, "limit_per_payment")
    assert bank.submit(request, mandate) == first
    assert harness.debits("order-1") == 0
    if bank.capabilities.lookup_by_key:
        assert bank.find(sought_of("1", 10_001)) == first


def test_limit_per_day(bank, mandate):
    """The bank's own daily limit counts what it took, to the penny."""
    needs_limits(bank)
    assert pay(bank, mandate, "1", 10_000).kind in HAS_IT
    assert pay(bank, mandate, "2", 10_000).kind in HAS_IT
    third = pay(bank, mandate, "3", 1)
    assert (third.kind, third.reason) == (OutcomeKind.DECLINED, "limit_per_day")


def test_other_bytes_under_a_key_are_no_second_payment(bank, harness, mandate):
    """A key conflict is not "declined": the first request under the key may have been paid."""
    end_of(harness, pay(bank, mandate))
    other = pay(bank, mandate, minor_units=1_251)
    harness.settle()
    assert other.kind is OutcomeKind.UNKNOWN
    assert harness.debits("order-1") == 1


def test_unknown_key_is_not_found(bank):
    """A key that was never sent is not there; who cannot look keys up does not say more."""
    kind = bank.find(sought_of("never")).kind
    assert kind is (
        OutcomeKind.NOT_FOUND if bank.capabilities.lookup_by_key else OutcomeKind.UNKNOWN
    )


def test_an_answer_about_another_payment_is_unknown(bank, harness, mandate):
    """Asked by the bank's id for an order or amount that is not that payment's: unknown."""
    if not bank.capabilities.lookup_by_ref:
        pytest.skip("this bank cannot be asked by its own id")
    ref = end_of(harness, pay(bank, mandate)).payment_ref
    asked = sought_of(payment_ref=ref)

    assert bank.find(asked).kind is OutcomeKind.SETTLED
    assert bank.find(replace(asked, amount=Money(1_251))).kind is OutcomeKind.UNKNOWN
    other = replace(sought_of("2"), payment_ref=ref)
    assert bank.find(other).kind in {OutcomeKind.UNKNOWN, OutcomeKind.NOT_FOUND}


def test_answer_lost_after_execution(bank, harness, mandate):
    """The outcome is unknown until asked; asking or resending gives the one payment."""
    harness.lose_next_answer(executed=True)
    request = prepare(bank, mandate)
    assert bank.submit(request, mandate).kind is OutcomeKind.UNKNOWN

    if bank.capabilities.lookup_by_key:
        assert bank.find(sought_of()).kind in HAS_IT
    assert end_of(harness, bank.submit(request, mandate)).kind is OutcomeKind.SETTLED
    assert harness.debits("order-1") == 1


def test_request_lost_before_execution(bank, harness, mandate):
    """The outcome is unknown although nothing happened; a resend pays once."""
    harness.lose_next_answer(executed=False)
    request = prepare(bank, mandate)

    assert bank.submit(request, mandate).kind is OutcomeKind.UNKNOWN
    if bank.capabilities.lookup_by_key:
        assert bank.find(sought_of()).kind is OutcomeKind.NOT_FOUND
    assert harness.debits("order-1") == 0
    assert end_of(harness, bank.submit(request, mandate)).kind is OutcomeKind.SETTLED
    assert harness.debits("order-1") == 1


def test_bank_away_and_back(bank, harness, mandate):
    """Without a bank nothing is sent and nothing is known; afterwards everything is as before."""
    first = end_of(harness, pay(bank, mandate, "1"))
    harness.go_away()

    assert pay(bank, mandate, "2").kind is OutcomeKind.NOT_SENT
    asked = sought_of("1", payment_ref=first.payment_ref)
    assert bank.find(asked).kind is OutcomeKind.UNKNOWN
    with pytest.raises(BankUnreachableError):
        bank.mandate(mandate)
    with pytest.raises(BankUnreachableError):
        bank.revoke(mandate)
    with pytest.raises(BankUnreachableError):
        bank.begin_mandate(ALIAS, LIMITS, IdempotencyKey("mandate-2"))

    harness.come_back()
    assert end_of(harness, pay(bank, mandate, "2"), "2").kind is OutcomeKind.SETTLED
    assert harness.debits("order-1") == harness.debits("order-2") == 1
    assert ask(bank, asked) == first


def test_refund_through_the_bank(bank, harness, mandate):
    """Where the bank takes refunds, one key gives the money back once, and never too much."""
    if bank.capabilities.refund is not RefundMode.API:
        pytest.skip("refunds are made by hand here")
    paid = end_of(harness, pay(bank, mandate))
    key = IdempotencyKey("refund-1")
    request = bank.prepare_refund(
        RefundIntent(
            key, sought_of().order_id, Money(250), PaymentRef(paid.payment_ref), "R" * 18, AT_S
        )
    )
    first = bank.submit_refund(request)

    assert first.kind in HAS_IT
    again = bank.submit_refund(request)
    assert (again.kind in HAS_IT, again.payment_ref) == (True, first.payment_ref)
    asked = replace(
        sought_of(minor_units=250), key=key, reference="R" * 18, payment_ref=first.payment_ref
    )
    assert bank.find_refund(asked).kind in HAS_IT


def test_events_can_be_polled_and_acknowledged(bank, harness, mandate):
    """Polling is bounded and harmless; what was acknowledged does not come again."""
    pay(bank, mandate)
    harness.settle()
    seen: set[str] = set()
    for _ in range(20):
        batch = bank.events()
        ids = {event.event_id for event in batch.events}
        assert not ids & seen
        seen |= ids
        bank.acknowledge(tuple(ids))
        if not batch.more and not ids:
            break
    assert bank.events().events == ()
