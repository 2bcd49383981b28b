"""What we send is what the standard wants, in the one way in which we write it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.ids import MandateRef
from kiosk.domain.mandate import DEFAULT_LIMITS
from kiosk.domain.money import Money
from kiosk.money.banks.vrp.bodies import (
    Terms,
    consent_body,
    payment_body,
    poll_body,
    read_sum,
    wire_sum,
)
from kiosk.money.banks.vrp.onboarding import Creditor
from tests.fakes.bank_port import intent_of
from tests.fakes.scripted_vrp_bank import CREDITOR

TERMS = Terms(Creditor(**CREDITOR), "UK.OBIE.VRPType.Other", "InSession", "Calendar", "5812")
INTENT = intent_of(MandateRef("consent-1"))


@given(st.integers(0, 10**13 - 1))
def test_sums_survive_the_way_there_and_back(minor_units):
    """No sum is rounded, however large."""
    assert read_sum(wire_sum(Money(minor_units))) == Money(minor_units)


@pytest.mark.parametrize(
    ("text", "minor_units"),
    [("12.5", 1250), ("12", 1200), ("12.50000", 1250), ("0", 0), ("0.01", 1), ("007.00", 700)],
)
def test_banks_write_sums_their_own_way(text, minor_units):
    """As many decimals as the standard allows, as long as they are whole minor units."""
    assert read_sum({"Amount": text, "Currency": "GBP"}) == Money(minor_units)


@pytest.mark.parametrize(
    "value",
    [
        None, "12.50", {}, {"Amount": "12.50"}, {"Amount": 12.5, "Currency": "GBP"},
        {"Amount": "12.505", "Currency": "GBP"}, {"Amount": "-1", "Currency": "GBP"},
        {"Amount": "1e3", "Currency": "GBP"}, {"Amount": "١٢", "Currency": "GBP"},
        {"Amount": "12.", "Currency": "GBP"}, {"Amount": "12.50", "Currency": "pounds"},
        {"Amount": "1" * 14, "Currency": "GBP"},
    ],
)  # fmt: skip
def test_no_sum_is_none(value):
    """What is no sum of whole minor units is not guessed at."""
    assert read_sum(value) is None


def test_payment_repeats_what_its_consent_says():
    """Initiation and risk are equal in both (U008), and one reference serves three times."""
    consent = json.loads(consent_body(TERMS, DEFAULT_LIMITS))
    payment = json.loads(payment_body(INTENT, TERMS))
    instruction = payment["Data"]["Instruction"]

    assert payment["Data"]["Initiation"] == consent["Data"]["Initiation"]
    assert payment["Risk"] == consent["Risk"]
    assert "RemittanceInformation" not in consent["Data"]["Initiation"]
    assert consent["Data"]["ControlParameters"]["PeriodicLimits"] == [
        {"PeriodType": "Day", "PeriodAlignment": "Calendar", "Amount": "200.00", "Currency": "GBP"}
    ]
    assert instruction["InstructionIdentification"] == INTENT.reference
    assert instruction["EndToEndIdentification"] == INTENT.reference
    remittance = instruction["RemittanceInformation"]["Structured"][0]
    assert remittance["CreditorReferenceInformation"]["Reference"] == INTENT.reference


def test_same_intent_same_bytes():
    """Bodies are written in one way only."""
    assert payment_body(INTENT, TERMS) == payment_body(INTENT, TERMS)
    assert b" " not in payment_body(INTENT, TERMS).replace(b"Trattoria Prova", b"")


def test_payments_name_no_payer():
    """Neither alias nor order name nor payee's screen name goes to the bank."""
    assert b"order-1" not in payment_body(INTENT, TERMS)
    assert b"key-1" not in payment_body(INTENT, TERMS)


def test_poll_says_only_what_there_is():
    """Empty lists are left out, faults carry code and words."""
    assert json.loads(poll_body(5, (), {})) == {"maxEvents": 5, "returnImmediately": True}
    told = json.loads(poll_body(0, ("a",), {"b": "invalid_issuer"}))
    assert told["ack"] == ["a"]
    assert told["setErrs"]["b"]["err"] == "invalid_issuer"
