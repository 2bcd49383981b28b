"""Payers and their own mandates: limits, PIN, pause, what they were charged, wrong person."""

from __future__ import annotations

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import OrderId, PayerAlias
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateLimits
from kiosk.domain.money import Money
from kiosk.domain.order import Outcome
from kiosk.domain.refund import RefundState
from kiosk.link.back_office import RefundOrder
from kiosk.link.protocol import GetFacts, RevokeMandate
from kiosk.link.rights import (
    ListPayments,
    ProvePin,
    ReportWrongPerson,
    ResumeMandate,
    SetLimits,
    SetPin,
    SuspendMandate,
)
from kiosk.money import rights
from kiosk.money.banks.port import RefundMode
from tests.fakes.money_room import ALICE, BOB, PIN, TILL

NEW = "736152"
WRONG = "918273"
LOW = MandateLimits(Money(1_000), Money(2_000))
NOBODY = PayerAlias("a" + "f" * 16)


def token(room, alias=ALICE, pin=PIN) -> str:
    return room.ask(ProvePin(alias, pin)).token


def facts(room, alias=ALICE):
    return room.ask(GetFacts(alias)).facts


# Limits ------------------------------------------------------------------------------------------


def test_lowering_is_at_once_and_survives_a_restart(enrolled):
    """No proof is asked; the next payment above the limit is refused, after a restart too."""
    told = enrolled.ask(SetLimits(ALICE, LOW))
    assert (told.refusal, told.facts.limits) == ("", LOW)
    enrolled.restart()

    assert facts(enrolled).limits == LOW
    assert enrolled.pay(enrolled.order("o1", 1_001)).reason == "limit_per_payment"
    assert enrolled.pay(enrolled.order("o2", 1_000)).outcome is Outcome.PAID


@pytest.mark.parametrize("by", ["pin", "staff"])
def test_raising_needs_the_pin_or_staff_and_stays_within_the_banks(enrolled, by):
    """Nobody raises silently, and nobody at all above what the bank was told."""
    enrolled.ask(SetLimits(ALICE, LOW))
    assert enrolled.ask(SetLimits(ALICE, DEFAULT_LIMITS)).refusal == "proof_needed"
    proof = {"token": token(enrolled)} if by == "pin" else {"staff": "mo"}
    above = MandateLimits(DEFAULT_LIMITS.per_payment, Money(20_001))
    assert enrolled.ask(SetLimits(ALICE, above, **proof)).refusal == "above_granted"
    assert facts(enrolled).limits == LOW
    raised = enrolled.ask(SetLimits(ALICE, DEFAULT_LIMITS, **proof))

    assert (raised.refusal, raised.facts.limits) == ("", DEFAULT_LIMITS)


def test_one_limit_up_and_one_down_is_a_raise(enrolled):
    """The lower one does not carry the higher one along."""
    enrolled.ask(SetLimits(ALICE, LOW))
    mixed = MandateLimits(Money(1_500), Money(1_800))

    assert enrolled.ask(SetLimits(ALICE, mixed)).refusal == "proof_needed"


@pytest.mark.parametrize(
    "limits",
    [
        MandateLimits(Money(0), Money(100)),
        MandateLimits(Money(200), Money(100)),
        MandateLimits(Money(100, "EUR"), Money(200, "EUR")),
        MandateLimits(Money(100), Money(200, "EUR")),
    ],
)
def test_limits_that_mean_nothing_are_refused(enrolled, limits):
    """Nothing is journalled."""
    before = enrolled.disk.durable
    with pytest.raises(BadInputError):
        enrolled.ask(SetLimits(ALICE, limits, staff="mo"))

    assert enrolled.disk.durable == before


# Proofs ------------------------------------------------------------------------------------------


def test_a_wrong_pin_counts_as_at_a_payment(enrolled):
    """Five wrong tries without an order lock the PIN for payments as well."""
    for _ in range(5):
        told = enrolled.ask(ProvePin(ALICE, WRONG))
        assert (told.verified, told.reason, told.token) == (False, "pin_wrong", "")
        enrolled.clock.pass_s(60)

    assert enrolled.ask(ProvePin(ALICE, PIN)).reason == "pin_locked"
    assert enrolled.verify(enrolled.order()).reason == "pin_locked"


def test_nobody_is_answered_like_somebody(enrolled):
    """An alias that money does not know has a wrong PIN, and no other word."""
    told = enrolled.ask(ProvePin(NOBODY, PIN))

    assert (told.reason, told.attempts_left) == ("pin_wrong", 4)


@pytest.mark.parametrize("spoil", ["time", "payer", "restart", "new_pin"])
def test_a_proof_is_bound_to_payer_time_and_process(enrolled, spoil):
    """It resumes nobody else's mandate and not for long."""
    enrolled.enrol(BOB)
    proof, alias = token(enrolled), ALICE
    match spoil:
        case "time":
            enrolled.clock.pass_s(rights.TOKEN_S)
        case "payer":
            alias = BOB
        case "restart":
            enrolled.restart()
        case "new_pin":
            enrolled.ask(SetPin(ALICE, NEW, staff="mo"))
    enrolled.ask(SuspendMandate(alias))

    assert enrolled.ask(ResumeMandate(alias, proof)).refusal == "proof_stale"
    assert facts(enrolled, alias).paused


def test_a_proof_pays_nothing(enrolled):
    """The token of self-service is no PIN token of an order."""
    order = enrolled.order("o1", 6_000)

    assert enrolled.pay(order, pin_token=token(enrolled)).reason == "pin_token_bad"


def test_the_proofs_that_are_out_are_bounded(enrolled, monkeypatch):
    """The oldest goes first."""
    monkeypatch.setattr(rights, "TOKENS_MAX", 1)
    enrolled.enrol(BOB)
    first = token(enrolled)
    token(enrolled, BOB)

    assert enrolled.ask(ResumeMandate(ALICE, first)).refusal == "proof_stale"


# PIN ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["pin", "staff"])
def test_a_new_pin_ends_the_old_one(enrolled, by):
    """Only the new one is right from then on, after a restart too; the account hint stays."""
    proof = {"token": token(enrolled)} if by == "pin" else {"staff": "mo"}
    assert enrolled.ask(SetPin(ALICE, NEW, **proof)).refusal == ""
    enrolled.restart()

    assert enrolled.ask(ProvePin(ALICE, PIN)).reason == "pin_wrong"
    assert enrolled.ask(ProvePin(ALICE, NEW)).verified
    assert facts(enrolled).account_hint != ""
    assert NEW.encode() not in enrolled.disk.durable


def test_a_new_pin_needs_the_old_one_or_staff_and_no_pattern(enrolled):
    """Without a proof nothing changes; the ban-list holds here too."""
    assert enrolled.ask(SetPin(ALICE, NEW)).refusal == "proof_needed"
    with pytest.raises(BadInputError) as error:
        enrolled.ask(SetPin(ALICE, "123456", staff="mo"))

    assert error.value.code == "pin_banned"
    assert enrolled.ask(ProvePin(ALICE, PIN)).verified


def test_a_new_pin_unlocks(enrolled):
    """Who forgot it gets another from staff and pays at once: the old tries count no more."""
    for _ in range(5):
        enrolled.ask(ProvePin(ALICE, WRONG))
        enrolled.clock.pass_s(60)
    enrolled.ask(SetPin(ALICE, NEW, staff="mo"))

    assert enrolled.verify(enrolled.order(), NEW).verified


def test_a_pin_is_changed_while_the_old_one_is_being_compared(enrolled, monkeypatch):
    """The attempt ends as it began, and the journal can be read again."""
    hasher = enrolled.service._pins._hasher
    matches = hasher.matches

    def meanwhile(verifier, pin):
        monkeypatch.setattr(hasher, "matches", matches)
        assert enrolled.ask(SetPin(ALICE, NEW, staff="mo")).refusal == ""
        return matches(verifier, pin)

    monkeypatch.setattr(hasher, "matches", meanwhile)
    assert enrolled.ask(ProvePin(ALICE, PIN)).verified
    enrolled.restart()

    assert enrolled.ask(ProvePin(ALICE, PIN)).reason == "pin_wrong"
    assert enrolled.ask(ProvePin(ALICE, NEW)).verified


# Pause -------------------------------------------------------------------------------------------


def test_a_pause_stops_payments_until_it_is_ended(enrolled):
    """Refused with its reason; twice is the same; resumed by the PIN; journalled once each."""
    records = enrolled.service._ledger.records
    for _ in range(2):
        assert enrolled.ask(SuspendMandate(ALICE)).facts.paused
    enrolled.restart()
    assert enrolled.pay(enrolled.order("o1")).reason == "paused_by_payer"
    assert enrolled.ask(ResumeMandate(ALICE)).refusal == "proof_needed"
    proof = token(enrolled)
    for _ in range(2):
        assert enrolled.ask(ResumeMandate(ALICE, proof)).refusal == ""

    assert enrolled.pay(enrolled.order("o2")).outcome is Outcome.PAID
    assert enrolled.service._ledger.records > records
    kinds = [type(record).__name__ for record in replayed(enrolled)]
    assert (kinds.count("MandatePaused"), kinds.count("MandateResumed")) == (1, 1)


def replayed(room):
    seen = []
    room.service._ledger.replay(lambda record, _book: seen.append(record))
    return seen


@pytest.mark.parametrize(
    "ask",
    [
        SetLimits(ALICE, LOW, staff="mo"),
        SetPin(ALICE, NEW, staff="mo"),
        SuspendMandate(ALICE),
        ResumeMandate(ALICE, staff="mo"),
    ],
)
def test_a_revoked_mandate_has_no_rights_left(enrolled, ask):
    """Nothing can be changed on it and nothing is journalled."""
    enrolled.ask(RevokeMandate(ALICE))
    before = enrolled.disk.durable

    assert enrolled.ask(ask).refusal == "mandate_unknown"
    assert enrolled.disk.durable == before


# What was charged --------------------------------------------------------------------------------


def test_a_payer_sees_what_they_were_charged_and_nobody_elses(enrolled, monkeypatch):
    """Newest first, with what became of each and what went back; page by page."""
    enrolled.enrol(BOB)
    enrolled.pay(enrolled.order("o1", 1_000))
    enrolled.pay(enrolled.order("o2", 500), alias=BOB)
    enrolled.pay(enrolled.order("o3", 700))
    enrolled.ask(RefundOrder("r1", OrderId("o1"), "ann", "cold", Money(400)), TILL)
    page = enrolled.ask(ListPayments(ALICE))

    assert [(it.order_id, it.outcome, it.refunded) for it in page.payments] == [
        ("o3", "paid", Money(0)), ("o1", "paid", Money(400)),
    ]  # fmt: skip
    assert page.total == 2
    monkeypatch.setattr(rights, "PAYMENTS_IN_PAGE_MAX", 1)
    second = enrolled.ask(ListPayments(ALICE, skip=1))
    assert [it.order_id for it in second.payments] == ["o1"]
    assert enrolled.ask(ListPayments(NOBODY)).total == 0


# Wrong person ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [RefundMode.API, RefundMode.MANUAL])
def test_a_report_opens_one_refund_however_often_it_is_made(enrolled, mode):
    """All of what the order took; asked again, also after a restart, the same refund is told."""
    enrolled.with_capabilities(refund=mode)
    order = enrolled.order("o1", 1_250)
    enrolled.pay(order)
    first = enrolled.ask(ReportWrongPerson(order, "mo", ALICE))
    enrolled.restart()
    again = enrolled.ask(ReportWrongPerson(order, "mo", ALICE))

    assert (first.refusal, first.payer, first.amount) == ("", ALICE, Money(1_250))
    assert (first.refund.amount, first.refund.reason) in {
        (Money(1_250), "refunded"), (Money(1_250), "wrong_person"),
    }  # fmt: skip
    assert first.refund.state is (
        RefundState.DONE if mode is RefundMode.API else RefundState.PENDING
    )
    assert again == first
    assert len(enrolled.book.refunds.entries) == 1


def test_a_report_is_checked_against_the_journal(enrolled):
    """Only who was charged can have been charged wrongly; without an alias nothing is done."""
    enrolled.enrol(BOB)
    order = enrolled.order("o1")
    assert enrolled.ask(ReportWrongPerson(order, "mo", ALICE)).refusal == "nobody_charged"
    enrolled.pay(order)

    assert enrolled.ask(ReportWrongPerson(order, "mo", BOB)).refusal == "not_the_payer"
    assert enrolled.ask(ReportWrongPerson(OrderId("o9"), "mo", ALICE)).refusal == "order_unknown"
    told = enrolled.ask(ReportWrongPerson(order, "mo"))
    assert (told.payer, told.refund) == (ALICE, None)
    assert enrolled.book.refunds.entries == {}
