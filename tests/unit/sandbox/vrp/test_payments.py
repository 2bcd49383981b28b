"""Payments: once a key, money exactly at ACSC, limits to the penny, refusals with their codes."""

from __future__ import annotations

import os
import signal
import sqlite3
from datetime import date

import pytest

from kiosk.sandbox.bank.ledger import IDEMPOTENCY_LIFE_S, TooLateError
from tests.fakes.vrp_bodies import a_consent, a_limit, a_payment, pounds, put

REMITTANCE = {"Unstructured": ["TABLE 7"]}


def test_money_moves_when_it_settles_and_not_before(bank):
    """RCVD and ACSP take nothing; ACSC is one debit of exactly the amount, with its credit."""
    bank.books.set_ladder({"PDNG": 1, "ACSP": 1, "ACSC": 1})
    consent = bank.consent()
    payment = bank.pay(consent, reference="ORDER7", amount="12.5")["DomesticVRPId"]
    seen = []
    for _ in range(4):
        seen.append((bank.status(payment), bank.debits("ORDER7")))
        bank.now_s += 1

    assert [
        ("RCVD", (0, 0)),
        ("PDNG", (0, 0)),
        ("ACSP", (0, 0)),
        ("ACSC", (1, 1250)),
    ] == seen
    assert bank.ledger.is_balanced()
    assert 1250 == bank.ledger._balance("merchant", "GBP")
    details = bank.books.payment_details("tpp", payment)["Data"]["PaymentStatus"]
    assert ["RCVD", "PDNG", "ACSP", "ACSC"] == [entry["Status"] for entry in details]


def test_counting_debits_settles_what_is_due(bank):
    """The oracle needs nobody to read the payment first."""
    bank.pay(bank.consent(), reference="ORDER7")
    bank.now_s += 10

    assert (1, 1250) == bank.debits("ORDER7")


@pytest.mark.parametrize(
    ("delays", "final", "expected"),
    [
        ({"ACSP": 1, "RJCT": 1}, "reject", ["RCVD", "ACSP", "RJCT"]),
        ({"PDNG": 1, "ACWP": 1, "BLCK": 1}, "block", ["RCVD", "PDNG", "ACSP", "ACWP", "BLCK"]),
        ({"PDNG": 1, "CANC": 1}, "cancel", ["RCVD", "PDNG", "CANC"]),
        ({}, "reject", ["RCVD", "RJCT"]),
    ],
)
def test_other_ends_never_move_money(bank, delays, final, expected):
    """A rejected, blocked or cancelled payment costs nothing, however long one waits."""
    bank.books.set_ladder(delays, final)
    payment = bank.pay(bank.consent(), reference="ORDER7")["DomesticVRPId"]
    bank.now_s += 1_000_000
    bank.ledger.set_clock(-900_000)
    bank.ledger.set_clock(0)

    details = bank.books.payment_details("tpp", payment)["Data"]["PaymentStatus"]
    assert expected == [entry["Status"] for entry in details]
    assert (0, 0) == bank.debits("ORDER7")


def test_first_answer_never_says_more_than_it_may(bank):
    """However fast the bank, the answer to a POST is RCVD; a scripted rejection may be at once."""
    bank.books.set_ladder({"ACSP": 0, "ACSC": 0})
    consent = bank.consent()
    assert "RCVD" == bank.pay(consent)["Status"]
    bank.books.set_ladder({"ACTC": 0, "ACSC": 0})
    assert "ACTC" == bank.pay(consent)["Status"]
    bank.books.set_ladder({}, "reject", "FRAD")
    answer = bank.pay(consent)
    assert ("RJCT", "FRAD") == (answer["Status"], answer["StatusReason"][0]["StatusReasonCode"])


def test_clock_set_back_takes_no_status_back(bank):
    """What was settled stays settled, and is not settled again when the time comes again."""
    payment = bank.pay(bank.consent())["DomesticVRPId"]
    bank.now_s += 10
    assert "ACSC" == bank.status(payment)

    bank.now_s -= 10_000
    assert "ACSC" == bank.status(payment)
    bank.now_s += 20_000
    assert (1, 1250) == bank.debits()


# --- idempotency --------------------------------------------------------------------------------


def test_same_key_is_the_same_payment_with_its_status_now(bank):
    """A repeat answers the current status of the first payment and debits nothing again."""
    consent = bank.consent()
    first = bank.pay(consent, key="k")
    bank.now_s += 10
    second = bank.pay(consent, key="k")

    assert first["DomesticVRPId"] == second["DomesticVRPId"]
    assert ("RCVD", "ACSC") == (first["Status"], second["Status"])
    assert (1, 1250) == bank.debits()


def test_same_key_with_another_body_is_refused(bank, refused):
    """Other bytes under a key are refused with 400, and the first payment stands."""
    consent = bank.consent()
    bank.pay(consent, key="k")

    answer = refused(lambda: bank.pay(consent, key="k", digest="other", amount="99.00"))

    assert (400, "U006", "x-idempotency-key") == answer
    bank.now_s += 10
    assert (1, 1250) == bank.debits()


def test_key_lives_a_day_of_the_banks_clock(bank):
    """Up to 24 hours it is the same payment; after that the key means a new one."""
    consent = bank.consent()
    first = bank.pay(consent, key="k")
    bank.ledger.set_clock(IDEMPOTENCY_LIFE_S - 1)
    assert first["DomesticVRPId"] == bank.pay(consent, key="k")["DomesticVRPId"]

    bank.ledger.set_clock(IDEMPOTENCY_LIFE_S)
    assert first["DomesticVRPId"] != bank.pay(consent, key="k")["DomesticVRPId"]


def test_refused_request_leaves_its_key_free(bank, refused):
    """A refusal makes nothing, so the same key may carry the corrected payment."""
    consent = bank.consent()
    refused(lambda: bank.pay(consent, key="k", amount="100.01"))

    assert "RCVD" == bank.pay(consent, key="k", digest="other")["Status"]


def test_keys_of_two_clients_do_not_meet(bank, refused):
    """A key belongs to its client; another client's consent or payment is forbidden to it."""
    consent = bank.consent()
    payment = bank.pay(consent, key="k")["DomesticVRPId"]
    body = a_payment(consent)

    assert (403, "", "") == refused(
        lambda: bank.books.create_payment("else", consent, "k", "digest", body, lambda: True)
    )
    assert (403, "", "") == refused(lambda: bank.books.payment("else", payment))
    assert (403, "", "") == refused(lambda: bank.books.consent("else", consent))


def test_too_late_is_never_executed(bank):
    """A request whose time is over leaves no trace, not even its key."""
    consent = bank.consent()
    with pytest.raises(TooLateError):
        bank.books.create_payment("tpp", consent, "k", "digest", a_payment(consent), lambda: False)

    assert "RCVD" == bank.pay(consent, key="k", digest="other")["Status"]


def _killed_at(bank, statement, action):
    """Run `action` in a child that is killed before its n-th statement; say whether it was."""
    bank.close()
    child = os.fork()
    if child == 0:
        seen = 0

        def count(_sql):
            nonlocal seen
            seen += 1
            if seen > statement:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            bank.open()
            bank.ledger._connection.set_trace_callback(count)
            action()
        finally:
            os._exit(0)
    _, ended = os.waitpid(child, 0)
    bank.open()
    return os.WIFSIGNALED(ended)


def test_killed_anywhere_a_repeat_finds_one_payment(bank):
    """Before each statement of the payment, its commit too, a kill leaves all of it or nothing."""
    consent = bank.consent()
    kills = 0
    for statement in range(200):
        key = f"k{statement}"
        pay = lambda key=key: bank.pay(consent, key=key, reference=key, amount="0.01")  # noqa: E731
        was_killed = _killed_at(bank, statement, pay)
        with sqlite3.connect(bank.path) as other:
            made = other.execute(
                "select (select count(*) from vrp_payments where key = ?1),"
                " (select count(*) from vrp_keys where key = ?1 and operation = 'payment')",
                [key],
            ).fetchone()
        other.close()
        assert made in {(0, 0), (1, 1)}
        bank.pay(consent, key=key, reference=key, amount="0.01")
        bank.now_s += 1
        assert (1, 1) == bank.debits(key)
        kills += was_killed
        if not was_killed:
            assert (1, 1) == made
            break
    assert kills > 10
    assert not was_killed


def test_killed_while_settling_it_settles_once(bank):
    """A kill before any statement of the settlement is made good by the next reader, once."""
    consent = bank.consent()
    kills = 0
    for statement in range(200):
        key = f"k{statement}"
        bank.pay(consent, key=key, reference=key, amount="0.01")
        bank.now_s += 1
        was_killed = _killed_at(bank, statement, lambda: bank.books.advance())
        assert (1, 1) == bank.debits(key)
        assert bank.ledger.is_balanced()
        kills += was_killed
        if not was_killed:
            break
    assert kills > 10
    assert not was_killed


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "amount", "exact", "above"),
    [("Month", "300.00", "250.00", "250.01"), ("Year", "500.00", "286.30", "286.31")],
)
def test_pro_rated_first_period_to_the_penny(new_bank, refused, period, amount, exact, above):
    """The standard's examples: exactly the pro-rated limit passes, a penny above is U014."""
    bank = new_bank(at="2021-06-06T09:00:00+00:00")
    body = a_consent(most="1000.00", limits=[a_limit(amount, period)])
    consent = bank.consent(body)

    answer = refused(lambda: bank.pay(consent, amount=above))
    assert (400, "U014", "Data.ControlParameters.PeriodicLimits[0]") == answer
    bank.now_s += 10
    assert (0, 0) == bank.debits()

    assert "RCVD" == bank.pay(consent, amount=exact)["Status"]
    assert "U014" == refused(lambda: bank.pay(consent, amount="0.01"))[1]
    bank.set_day(date(2021, 7, 1) if period == "Month" else date(2022, 1, 1))
    assert "RCVD" == bank.pay(consent, amount=amount)["Status"]


def test_first_day_of_validity_anchors_the_periods(new_bank, refused):
    """A consent made earlier counts from its ValidFromDateTime, whose time of day is ignored."""
    bank = new_bank(at="2021-06-01T09:00:00+00:00")
    parameters = {"ValidFromDateTime": "2021-06-06T23:59:59+01:00"}
    body = a_consent(most="1000.00", limits=[a_limit("300.00", "Month")], parameters=parameters)
    consent = bank.consent(body)

    path = "Data.ControlParameters.ValidFromDateTime"
    assert (400, "U014", path) == refused(lambda: bank.pay(consent))
    bank.set_day(date(2021, 6, 6))
    assert "U014" == refused(lambda: bank.pay(consent, amount="250.01"))[1]
    assert "RCVD" == bank.pay(consent, amount="250.00")["Status"]


def test_rejected_payments_free_their_limit(bank, refused):
    """What waits counts against the limit; once rejected it counts no more."""
    bank.books.set_ladder({"ACSP": 1, "RJCT": 1}, "reject")
    consent = bank.consent(a_consent(most="100.00", limits=[a_limit("100.00")]))
    bank.pay(consent, amount="100.00")
    assert "U014" == refused(lambda: bank.pay(consent, amount="0.01"))[1]

    bank.now_s += 2
    bank.books.set_ladder({})
    assert "RCVD" == bank.pay(consent, amount="100.00")["Status"]


@pytest.mark.parametrize(
    ("path", "value", "parameter"),
    [
        ("Data.VRPType", "UK.OBIE.VRPType.Sweeping", "VRPType"),
        ("Data.PSUAuthenticationMethod", "UK.OBIE.SCA", "PSUAuthenticationMethods"),
        ("Data.PSUInteractionType", "OffSession", "PSUInteractionTypes"),
        ("Data.PSUInteractionType", ..., "PSUInteractionTypes"),
        ("Data.Instruction.InstructedAmount", pounds("100.01"), "MaximumIndividualAmount"),
    ],
)
def test_outside_the_control_parameters(bank, refused, path, value, parameter):
    """U014 names the parameter that is broken."""
    consent = bank.consent()
    body = put(a_payment(consent), path, value)

    expected = (400, "U014", f"Data.ControlParameters.{parameter}")
    assert expected == refused(lambda: bank.pay(consent, body))
