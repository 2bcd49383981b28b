"""Payments: what consent, account, house rules and personality say to them."""

from __future__ import annotations

import pytest

from kiosk.sandbox.bank.vrp.payments import HouseRules
from tests.fakes.vrp_bodies import OTHER, a_consent, a_payment, pounds, put

REMITTANCE = {"Unstructured": ["TABLE 7"]}


# --- what the consent says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("Risk", {}, "Risk"),
        ("Risk.ContractPresentIndicator", True, "Risk"),
        ("Data.Initiation", {}, "Data.Initiation"),
        ("Data.Initiation.CreditorAccount.Name", "Else", "Data.Initiation"),
        (
            "Data.Instruction.CreditorAccount.Identification",
            "04000400000001",
            "Data.Instruction.CreditorAccount",
        ),
        (
            "Data.Instruction.RemittanceInformation",
            {"Unstructured": ["TABLE 8"]},
            "Data.Instruction.RemittanceInformation",
        ),
    ],
)
def test_payment_must_be_what_the_consent_says(bank, refused, path, value, where):
    """Another Initiation, Risk, payee or fixed reference is U008, with its path."""
    agreed = a_consent(initiation={"RemittanceInformation": REMITTANCE})
    consent = bank.consent(agreed)
    body = put(a_payment(consent, like=agreed), path, value)

    assert (400, "U008", where) == refused(lambda: bank.pay(consent, body))


def test_fixed_reference_must_be_given(bank, refused):
    """A consent with remittance information wants it in each instruction (U001)."""
    agreed = a_consent(initiation={"RemittanceInformation": REMITTANCE})
    consent = bank.consent(agreed)
    body = put(a_payment(consent, like=agreed), "Data.Instruction.RemittanceInformation", ...)

    where = "Data.Instruction.RemittanceInformation"
    assert (400, "U001", where) == refused(lambda: bank.pay(consent, body))


@pytest.mark.parametrize("decision", [None, "reject", "expire", "suspend"])
def test_consent_must_be_authorised(bank, refused, decision):
    """Waiting, rejected, ended or suspended: U009, and nothing is made."""
    consent = bank.consent(approve=decision == "suspend")
    if decision:
        bank.books.decide_consent(consent, decision)

    assert (400, "U009", "Data.ConsentId") == refused(lambda: bank.pay(consent))
    body = {"Data": {"ConsentId": consent, "InstructedAmount": pounds("1.00")}}
    funds = refused(lambda: bank.books.confirm_funds("tpp", consent, consent, body))
    assert (400, "U009", "Data.ConsentId") == funds


def test_unknown_ids_are_400(bank, refused):
    """A missing resource is 400 U011, never 404."""
    consent = bank.consent()
    assert (400, "U011", "ConsentId") == refused(lambda: bank.pay("vrpc-none"))
    assert (400, "U011", "ConsentId") == refused(lambda: bank.books.consent("tpp", "none"))
    assert (400, "U011", "DomesticVRPId") == refused(lambda: bank.books.payment("tpp", "none"))
    assert (400, "U011", "DomesticVRPId") == refused(
        lambda: bank.books.payment_details("tpp", "none")
    )
    bank.books.delete_consent("tpp", consent)
    assert (400, "U011", "ConsentId") == refused(lambda: bank.pay(consent))


def test_token_of_another_consent_is_forbidden(bank, refused):
    """A token pays under its own consent only."""
    consent, other = bank.consent(), bank.consent()
    body = a_payment(consent)
    assert (403, "", "") == refused(
        lambda: bank.books.create_payment("tpp", other, "k", "digest", body, lambda: True)
    )
    funds = {"Data": {"ConsentId": consent, "InstructedAmount": pounds("1.00")}}
    assert (403, "", "") == refused(lambda: bank.books.confirm_funds("tpp", other, consent, funds))


# --- the account --------------------------------------------------------------------------------


def nearly_empty(bank, consent):
    return bank.books.consent_for_page(consent)["accounts"][1]["id"]


def test_no_money_is_a_rejected_payment(bank):
    """Too little on the account: a payment exists, rejected with AM04, and nothing moved."""
    consent = bank.consent(approve=False)
    bank.books.decide_consent(consent, "approve", nearly_empty(bank, consent))

    answer = bank.pay(consent, amount="5.01")
    assert ("RJCT", "AM04") == (answer["Status"], answer["StatusReason"][0]["StatusReasonCode"])
    bank.now_s += 10
    assert (0, 0) == bank.debits()
    assert "RCVD" == bank.pay(consent, amount="5.00")["Status"]


def test_waiting_payments_hold_their_money_back(bank):
    """Two payments that one balance cannot cover are never both accepted."""
    bank.books.set_ladder({"ACSP": 100, "ACSC": 100})
    consent = bank.consent(approve=False)
    bank.books.decide_consent(consent, "approve", nearly_empty(bank, consent))
    body = {"Data": {"ConsentId": consent, "InstructedAmount": pounds("2.00"), "Reference": "A"}}

    assert "RCVD" == bank.pay(consent, amount="3.01")["Status"]
    funds = bank.books.confirm_funds("tpp", consent, consent, body)["Data"]
    assert "NotAvailable" == funds["FundsAvailableResult"]["FundsAvailable"]
    assert "A" == funds["Reference"]
    assert "RJCT" == bank.pay(consent, amount="2.00")["Status"]
    assert "RCVD" == bank.pay(consent, amount="1.99")["Status"]
    bank.now_s += 1000
    assert (2, 500) == bank.debits()


def test_blocked_money_is_gone_for_the_payer(bank):
    """BLCK is neither posted nor given back: no debit, yet the money cannot be spent again."""
    bank.books.set_ladder({"ACWP": 1, "BLCK": 1}, "block")
    consent = bank.consent(approve=False)
    bank.books.decide_consent(consent, "approve", nearly_empty(bank, consent))
    blocked = bank.pay(consent, amount="3.01")["DomesticVRPId"]
    bank.now_s += 10
    assert "BLCK" == bank.status(blocked)
    bank.books.set_ladder({})

    assert "RJCT" == bank.pay(consent, amount="2.00")["Status"]
    assert "RCVD" == bank.pay(consent, amount="1.99")["Status"]
    bank.now_s += 10
    assert (1, 199) == bank.debits()


@pytest.mark.parametrize(("state", "reason"), [("closed", "AC04"), ("blocked", "AC06")])
def test_account_that_is_shut_pays_nothing(bank, state, reason):
    """Shut before the payment: rejected at once. Shut before it settles: rejected then."""
    bank.books.set_ladder({"ACSP": 1, "ACSC": 1})
    consent = bank.consent()
    waiting = bank.pay(consent)["DomesticVRPId"]
    bank.books.set_account_state(consent, state)

    answer = bank.pay(consent)
    assert ("RJCT", reason) == (answer["Status"], answer["StatusReason"][0]["StatusReasonCode"])
    bank.now_s += 10
    answer = bank.books.payment("tpp", waiting)["Data"]
    assert ("RJCT", reason) == (answer["Status"], answer["StatusReason"][0]["StatusReasonCode"])
    assert (0, 0) == bank.debits()


def test_funds_are_confirmed_and_not_held(bank, refused):
    """A confirmation says yes without holding anything; the body must name the same consent."""
    consent = bank.consent()
    body = {"Data": {"ConsentId": consent, "InstructedAmount": pounds("1000.00")}}
    for _ in range(2):
        answer = bank.books.confirm_funds("tpp", consent, consent, body)
        assert "Available" == answer["Data"]["FundsAvailableResult"]["FundsAvailable"]
    other = put(body, "Data.ConsentId", bank.consent())
    assert (400, "U008", "Data.ConsentId") == refused(
        lambda: bank.books.confirm_funds("tpp", consent, consent, other)
    )


@pytest.mark.parametrize(("wanted", "expected"), [("Yes", True), ("No", False), (None, False)])
def test_refund_account_only_where_it_was_asked_for(bank, wanted, expected):
    """ReadRefundAccount decides whether the payer's account comes back as Refund."""
    body = a_consent(data={"ReadRefundAccount": wanted} if wanted else None)
    answer = bank.pay(bank.consent(body))

    assert expected == ("Refund" in answer)
    assert not expected or answer["Refund"] == answer["DebtorAccount"]


def test_money_of_another_payee_stays_out_of_the_restaurants_account(bank):
    """Whoever else a consent names is paid, and the restaurant is not."""
    other = put(a_consent(), "Data.Initiation.CreditorAccount.Identification", "04000400000001")
    consent = bank.consent(other)
    body = put(
        a_payment(consent, like=other),
        "Data.Instruction.CreditorAccount",
        other["Data"]["Initiation"]["CreditorAccount"],
    )
    bank.pay(consent, body)
    bank.now_s += 10

    assert (1, 1250) == bank.debits()
    assert 0 == bank.ledger._balance("merchant", "GBP")


# --- house rules, personality, scripts ----------------------------------------------------------


def test_house_rules_refuse_more(bank, refused):
    """On order the same instruction under a new key is U029, and a late payment U012."""
    consent = bank.consent()
    bank.pay(consent, reference="ORDER7")
    bank.pay(consent, reference="ORDER7")

    bank.books.house_rules = HouseRules(refuse_duplicates=True)
    where = "Data.Instruction.InstructionIdentification"
    assert (409, "U029", where) == refused(lambda: bank.pay(consent, reference="ORDER7"))
    bank.books.house_rules = HouseRules(cut_off_s=12 * 3600)
    assert (400, "U012", "") == refused(lambda: bank.pay(consent))


def test_commercial_bank_knows_its_types_and_never_cancels(bank, commercial, refused):
    """CVRP types and CANC are where the two specifications differ."""
    body = a_consent(parameters={"VRPType": ["UK.OBIE.VRPType.CVRP2", OTHER]})
    where = "Data.ControlParameters.VRPType[0]"
    assert (400, "U002", where) == refused(lambda: bank.consent(body))
    consent = commercial.consent(body)
    assert "RCVD" == commercial.pay(consent)["Status"]
    with pytest.raises(ValueError, match="never cancelled"):
        commercial.books.set_ladder({}, "cancel")


@pytest.mark.parametrize(
    "remittance",
    [
        {"Unstructured": ["NINETEEN CHARACTERS"]},
        {"Structured": [{"CreditorReferenceInformation": {"Reference": "a_b"}}]},
    ],
)
def test_commercial_references_are_short_and_plain(bank, commercial, refused, remittance):
    """A reference that no statement would show whole is refused by the commercial bank only."""
    for each in (bank, commercial):
        consent = each.consent()
        body = put(a_payment(consent), "Data.Instruction.RemittanceInformation", remittance)
        if each is bank:
            each.pay(consent, body)
        else:
            assert "U002" == refused(lambda: each.pay(consent, body))[1]  # noqa: B023


@pytest.mark.parametrize(
    ("delays", "final", "reason"),
    [
        ({"NONE": 1}, "settle", "AM04"),
        ({"ACSC": -1}, "settle", "AM04"),
        ({"ACSC": float("nan")}, "settle", "AM04"),
        ({"ACSC": True}, "settle", "AM04"),
        ({"BLCK": 1}, "settle", "AM04"),
        ({}, "explode", "AM04"),
        ({}, "reject", "toolong"),
    ],
)
def test_bad_scripts_are_refused(bank, delays, final, reason):
    """A ladder that could not be climbed is a ValueError, and the old one stays."""
    with pytest.raises(ValueError):  # noqa: PT011 - the words come from several places
        bank.books.set_ladder(delays, final, reason)

    payment = bank.pay(bank.consent())["DomesticVRPId"]
    bank.now_s += 1
    assert "ACSC" == bank.status(payment)
