"""The connector for cards against the service's books: cards, faults, look-ups, refunds, news."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.domain.errors import SetupError
from kiosk.domain.ids import IdempotencyKey, PayerAlias, PaymentRef
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateState
from kiosk.domain.money import Money
from kiosk.money.banks.cards import connector, lookup
from kiosk.money.banks.cards.connector import open_cards
from kiosk.money.banks.port import OutcomeKind, RefundIntent
from tests.fakes.bank_port import AT_S, MemorySecrets, context_of, intent_of, sought_of

SETTLED, DECLINED = OutcomeKind.SETTLED, OutcomeKind.DECLINED
UNKNOWN, ACCEPTED = OutcomeKind.UNKNOWN, OutcomeKind.ACCEPTED


def pay(bank, mandate, name="1", minor_units=1_250):
    return bank.submit(bank.prepare(intent_of(mandate, name, minor_units)), mandate)


@pytest.mark.parametrize(
    ("card", "kind", "reason"),
    [
        ("4242", SETTLED, ""),
        ("0002", DECLINED, "declined_by_bank"),
        ("9995", DECLINED, "insufficient_funds"),
        ("9987", DECLINED, "declined_by_bank"),
        ("6975", DECLINED, "limit_at_bank"),
        ("0069", DECLINED, "card_expired"),
        ("3184", DECLINED, "authentication_required"),
        ("3220", DECLINED, "authentication_required"),
        ("1101", ACCEPTED, ""),
        ("1119", ACCEPTED, ""),
    ],
)
def test_cards(bank, service, mandate, card, kind, reason):
    """Each test card comes to its end, in our words; a refusal is found again as the same."""
    service.card(mandate, card)
    answer = pay(bank, mandate)

    assert (answer.kind, answer.reason) == (kind, reason)
    assert service.captures() == (kind is SETTLED)
    assert bank.find(sought_of(payment_ref=answer.payment_ref)) == answer
    assert bank.find(sought_of()) == answer


def test_a_payment_that_waits_for_its_cardholder_is_canceled(bank, service, mandate):
    """A refusal is told only of a payment that nobody can complete any more."""
    service.card(mandate, "3220")
    ref = pay(bank, mandate).payment_ref
    with service.books.transaction():
        assert service.books.intent(ref)["status"] == "canceled"


def test_no_word_of_it_until_it_is_canceled(bank, service, mandate):
    """If canceling fails, the outcome stays unknown; looking it up cancels it later."""
    service.card(mandate, "3220")
    request = bank.prepare(intent_of(mandate))
    real = bank._client.post
    bank._client.post = lambda *_args, **_named: connector.Failure(is_sent=True, reason="lost")
    assert bank.submit(request, mandate).kind is UNKNOWN
    bank._client.post = real
    assert bank.find(sought_of()).reason == "authentication_required"


@pytest.mark.parametrize(("card", "kind"), [("1101", SETTLED), ("1119", DECLINED)])
def test_processing_comes_to_an_end(bank, service, mandate, card, kind):
    """What the service accepted is looked up by its id until it is certain."""
    service.card(mandate, card)
    ref = pay(bank, mandate).payment_ref
    service.control("POST", "settle")
    assert bank.find(sought_of(payment_ref=ref)).kind is kind
    assert service.captures() == (kind is SETTLED)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("drop_before", {}),
        ("drop_after_commit", {}),
        ("garbage", {}),
        ("truncated", {}),
        ("other_order", {}),
        ("wrong_amount", {}),
        ("status", {"status": 500}),
        ("status", {"status": 503, "after_commit": True}),
        ("status", {"status": 429}),
    ],
)
def test_no_fault_is_taken_for_an_answer(bank, service, mandate, kind, fields):
    """Whatever goes wrong on the way, the outcome is unknown, and resending pays once."""
    service.fault(kind, **fields)
    request = bank.prepare(intent_of(mandate))

    assert bank.submit(request, mandate).kind is UNKNOWN
    assert bank.submit(request, mandate).kind is SETTLED
    assert service.captures() == 1


def test_a_key_conflict_is_no_refusal(bank, service, mandate):
    """The same key with other bytes: the first may have been paid, so nothing is known."""
    pay(bank, mandate)
    other = pay(bank, mandate, minor_units=1_251)
    assert (other.kind, service.captures()) == (UNKNOWN, 1)


def test_too_small_a_sum_is_refused(bank, service, mandate):
    """A refusal before anything was tried is a refusal."""
    assert pay(bank, mandate, minor_units=29).kind is DECLINED
    assert service.captures() == 0


def test_requests_hold_no_secret(bank, mandate):
    """What the journal keeps has neither the secret key nor a card number."""
    request = bank.prepare(intent_of(mandate))
    text = request.body.decode() + repr(request.headers)
    assert "sk_test" not in text
    assert "4242" not in text


# Finding by key ----------------------------------------------------------------------------------


def test_found_although_the_search_lags(bank, service, mandate):
    """What the search does not know yet is found by the list, at once."""
    service.control("POST", "search", lag_s=3_600)
    service.fault("drop_after_commit")
    assert pay(bank, mandate).kind is UNKNOWN
    assert bank.find(sought_of()).kind is SETTLED


def test_a_new_process_finds_what_an_old_one_sent(bank, service, mandate, context):
    """By the search if that knows it, else by the list."""
    ref = pay(bank, mandate).payment_ref
    for lag_s in (0, 3_600):
        service.control("POST", "search", lag_s=lag_s)
        found = open_cards(context).find(sought_of())
        assert (found.kind, found.payment_ref) == (SETTLED, ref)


def test_not_found_is_said_only_after_a_whole_list(bank, service, mandate, context, monkeypatch):
    """Where the list is longer than we read, the answer is unknown, never "not found"."""
    monkeypatch.setattr(lookup, "PAGE", 1)
    monkeypatch.setattr(lookup, "PAGES_MAX", 2)
    fresh = open_cards(context)
    assert fresh.find(sought_of("never")).kind is OutcomeKind.NOT_FOUND
    pay(bank, mandate, "1")
    pay(bank, mandate, "2")
    assert fresh.find(sought_of("never")).kind is OutcomeKind.NOT_FOUND
    pay(bank, mandate, "3")
    assert fresh.find(sought_of("never")).kind is UNKNOWN


def test_who_sent_it_need_not_read_what_others_paid(bank, service, mandate, monkeypatch):
    """The list of one customer since one moment is short, however busy the restaurant is."""
    monkeypatch.setattr(lookup, "PAGE", 1)
    monkeypatch.setattr(lookup, "PAGES_MAX", 2)
    alias, key = PayerAlias("a00000000000000ff"), IdempotencyKey("mandate-2")
    quiet = bank.begin_mandate(alias, DEFAULT_LIMITS, key).ref
    for name in ("1", "2", "3"):
        pay(bank, mandate, name)
    service.fault("drop_before")
    assert pay(bank, quiet, "4").kind is UNKNOWN
    assert bank.find(sought_of("4")).kind is OutcomeKind.NOT_FOUND


def test_an_unusable_list_says_nothing(bank, service):
    """A broken answer to the look-up is unknown."""
    for kind in ("garbage", "truncated", "drop_before"):
        service.fault(kind, method="GET", times=2)
        assert bank.find(sought_of("never")).kind is UNKNOWN
    assert bank.find(sought_of("never")).kind is OutcomeKind.NOT_FOUND


# Mandates ----------------------------------------------------------------------------------------


def test_the_service_learns_no_name(bank, service, mandate):
    """A customer there has no name, no number, and not even our alias."""
    with service.books.transaction():
        told = json.dumps(service.books.customer(mandate))
    assert "a0123456789abcdef" not in told
    assert "mandate-1" in told


def test_a_card_that_is_taken_away_ends_the_mandate(bank, service, mandate):
    """The cardholder, or the service, detached it: revoked, not pending."""
    with service.books.transaction():
        service.books.detach(service.books.methods(mandate)[0]["id"])
    assert bank.mandate(mandate).state is MandateState.REVOKED
    assert pay(bank, mandate).kind is DECLINED


def test_revoking_forgets_the_card(bank, mandate, context):
    """Nothing of the mandate is left among the secrets."""
    assert context.secrets.kept
    bank.revoke(mandate)
    assert not context.secrets.kept


def test_a_real_account_waits_for_its_cardholder(service, tmp_path):
    """Without the sandbox's page nobody approves: pending, with a link to the service's page."""
    context = context_of(tmp_path)
    account = {"version": 1, "api_base": service.url, "api_key": "sk_test_0123456789"}
    context.secrets.put("cards", json.dumps(account).encode())
    bank = open_cards(context)
    begun = bank.begin_mandate("a", None, IdempotencyKey("mandate-9"))

    assert not bank.capabilities.headless_approval
    assert begun.state is MandateState.PENDING
    assert begun.approval_url.startswith(f"{service.url}/hosted/cs_")
    answer = pay(bank, begun.ref)
    assert (answer.kind, answer.reason) == (DECLINED, "mandate_pending")


def test_a_live_key_is_never_a_sandbox(tmp_path):
    """A simulated camera cannot meet an account that moves money, nor one that is unreadable."""
    for content in (b'{"version":1,"api_key":"sk_live_0"}', b"nonsense"):
        context = replace(context_of(tmp_path), secrets=MemorySecrets({"cards": content}))
        can = open_cards(context).capabilities
        assert (can.is_sandbox, can.headless_approval) == (False, False)
        assert can.arrival_s_max == connector.REAL_ARRIVAL_S_MAX


def test_options_are_checked():
    """An option that means nothing is refused at the start."""
    for options in ({"card": "4242"}, {"sandbox_card": "x"}, {"return_url": "http://a"}):
        with pytest.raises(SetupError):
            open_cards(context_of(Path(), options=options))


# Refunds -----------------------------------------------------------------------------------------


def refund(bank, ref, name="r1", minor_units=250):
    request = bank.prepare_refund(
        RefundIntent(
            IdempotencyKey(name), sought_of().order_id, Money(minor_units), ref, "R" * 18, AT_S
        )
    )
    return bank.submit_refund(request)


def asked(name="r1", minor_units=250, ref=None):
    found = sought_of(minor_units=minor_units, payment_ref=ref)
    return replace(found, key=IdempotencyKey(name))


def test_refunds_add_up(bank, service, mandate):
    """Parts go back until nothing is left; more is refused; found by key and by id."""
    ref = pay(bank, mandate).payment_ref
    first = refund(bank, ref)
    assert first.kind is SETTLED
    assert refund(bank, ref) == first
    assert refund(bank, ref, "r2", 1_001).kind is DECLINED
    assert refund(bank, ref, "r3", 1_000).kind is SETTLED
    assert refund(bank, ref, "r4", 1).kind is DECLINED
    assert service.refunded() == 1_250
    assert bank.find_refund(asked()) == bank.find_refund(asked(ref=first.payment_ref)) == first
    assert bank.find_refund(asked("r9")).kind is OutcomeKind.NOT_FOUND
    assert bank.find_refund(asked(minor_units=251, ref=first.payment_ref)).kind is UNKNOWN


@pytest.mark.parametrize(("card", "kind"), [("1101", SETTLED), ("1127", DECLINED)])
def test_a_refund_that_takes_its_time(bank, service, mandate, card, kind):
    """Pending first; then done, or failed."""
    service.card(mandate, card)
    ref = pay(bank, mandate).payment_ref
    service.control("POST", "settle")
    first = refund(bank, ref)
    assert first.kind is ACCEPTED
    service.control("POST", "settle")
    assert bank.find_refund(asked(ref=first.payment_ref)).kind is kind
    assert service.refunded() == (250 if kind is SETTLED else 0)


def test_a_lost_refund_answer_is_found(bank, service, mandate):
    """The money goes back once, however often it is asked."""
    ref = pay(bank, mandate).payment_ref
    service.fault("drop_after_commit", path="/v1/refunds")
    assert refund(bank, ref).kind is UNKNOWN
    assert bank.find_refund(asked()).kind is SETTLED
    assert service.refunded() == 250


def test_a_refund_of_nothing(bank, mandate):
    """A payment that is not there cannot be refunded."""
    assert refund(bank, PaymentRef("pi_none")).kind is DECLINED


# News --------------------------------------------------------------------------------------------


def test_news_of_payments_and_mandates(bank, service, mandate):
    """The end of a payment, and of a mandate, without asking for either."""
    service.card(mandate, "1101")
    pay(bank, mandate)
    service.control("POST", "settle")
    bank.revoke(mandate)
    found = bank.events().events

    payments = [it for it in found if it.reference]
    assert [(it.reference, it.amount, it.answer.kind) for it in payments] == [
        (sought_of().reference, Money(1_250), SETTLED)
    ]
    assert found[-1].mandate_ref == mandate
    assert found[-1].mandate_state is MandateState.REVOKED


def test_news_come_until_they_are_acknowledged(bank, service, mandate, context):
    """Not stored, not passed: they come again, to a new process too; then never."""
    pay(bank, mandate)
    first = bank.events().events
    again = open_cards(context)
    assert again.events().events == first
    again.acknowledge(tuple(it.event_id for it in first[1:]))
    assert again.events().events == first
    again.acknowledge(tuple(it.event_id for it in first))
    assert again.events().events == ()
    assert open_cards(context).events().events == ()


def test_the_services_clock_is_measured(bank, service, mandate):
    """A clock that is wrong by ten minutes is seen in the next answer."""
    assert abs(bank.health().clock_skew_s) < 2
    service.control("POST", "clock", offset_s=600)
    bank.mandate(mandate)
    assert abs(bank.health().clock_skew_s - 600) < 2


def test_news_of_a_refund_that_came_back(bank, service, mandate):
    """It succeeded at once; later the service says that it failed, and moves the money back."""
    service.card(mandate, "5126")
    ref = pay(bank, mandate).payment_ref
    first = refund(bank, ref)
    assert (first.kind, service.refunded()) == (SETTLED, 250)
    bank.acknowledge(tuple(it.event_id for it in bank.events().events))

    service.control("POST", "settle")
    (event,) = bank.events().events
    assert (event.is_refund, event.amount, event.answer.kind) == (True, Money(250), DECLINED)
    assert event.answer.payment_ref == first.payment_ref
    assert service.refunded() == 0


def test_news_of_a_chargeback(bank, service, mandate):
    """Each event of it takes the payment back, and so does a late one that says it succeeded."""
    pay(bank, mandate)
    service.control("POST", "dispute", order="order-1")
    found = [it for it in bank.events().events if it.reference]

    assert len(found) == 3
    assert all(it.takes_back and it.answer.kind is DECLINED for it in found)
    assert {(it.reference, it.amount) for it in found} == {(sought_of().reference, Money(1_250))}


@pytest.mark.parametrize("status", ["warning_needs_response", "won"])
def test_a_dispute_that_takes_no_money_is_no_news(bank, service, mandate, status):
    """An early warning, and one that was won: the payment stands."""
    pay(bank, mandate)
    service.control("POST", "dispute", order="order-1")
    with service.books.transaction():
        service.books._db.execute("update disputes set status = ?", (status,))
    (event,) = [it for it in bank.events().events if it.reference]
    assert (event.takes_back, event.answer.kind) == (False, SETTLED)
