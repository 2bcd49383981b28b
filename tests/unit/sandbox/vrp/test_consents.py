"""Consents: who may decide what and when, what expires, what the payer is shown."""

from __future__ import annotations

from datetime import date

import pytest

from tests.fakes.vrp_bodies import CREDITOR, OTHER, a_consent, a_payment, pounds

DEBTOR = CREDITOR | {"Identification": "04000487654321", "Name": "A Payer"}


def test_consent_waits_for_the_payer(bank):
    """A new consent is AWAU without an account; approved it is AUTH and names the account."""
    consent = bank.consent(approve=False)
    before = bank.books.consent("tpp", consent)["Data"]
    bank.now_s += 60
    bank.books.decide_consent(consent, "approve")
    after = bank.books.consent("tpp", consent)["Data"]

    assert ("AWAU", "AUTH") == (before["Status"], after["Status"])
    assert "DebtorAccount" not in before
    assert before["CreationDateTime"] == after["CreationDateTime"] < after["StatusUpdateDateTime"]
    assert after["DebtorAccount"]["Identification"].startswith("040004")


# What each decision leads to from each status; nothing means it is refused.
LEADS_TO = {
    "AWAU": {"approve": "AUTH", "reject": "RJCT", "expire": "EXPD"},
    "AUTH": {"suspend": "CANC", "reauthorise": "AUTH", "expire": "EXPD"},
    "CANC": {"reauthorise": "AUTH", "expire": "EXPD"},
    "RJCT": {},
    "EXPD": {},
}
WAY_TO = {
    "AWAU": (),
    "AUTH": ("approve",),
    "CANC": ("approve", "suspend"),
    "RJCT": ("reject",),
    "EXPD": ("approve", "expire"),
}


@pytest.mark.parametrize("status", LEADS_TO)
@pytest.mark.parametrize("decision", ["approve", "reject", "suspend", "reauthorise", "expire"])
def test_every_decision_in_every_status(new_bank, refused, status, decision):
    """The whole table: a decision is taken where the standard allows it, and refused elsewhere."""
    bank = new_bank()
    consent = bank.consent(approve=False)
    for step in WAY_TO[status]:
        bank.books.decide_consent(consent, step)
    expected = LEADS_TO[status].get(decision)
    if expected is None:
        found = refused(lambda: bank.books.decide_consent(consent, decision))
        assert (400, "U009", "decision") == found
        expected = status
    else:
        bank.books.decide_consent(consent, decision)

    answer = bank.books.consent("tpp", consent)["Data"]
    assert expected == answer["Status"]
    assert (expected in {"RJCT", "CANC", "EXPD"}) == ("StatusReason" in answer)


def test_unknown_decisions_accounts_and_consents(bank, refused):
    """What does not exist is refused, and nothing changes."""
    consent, other = bank.consent(approve=False), bank.consent(approve=False)
    theirs = bank.books.consent_for_page(other)["accounts"][0]["id"]
    decide = bank.books.decide_consent

    assert (400, "U002", "decision") == refused(lambda: decide(consent, "explode"))
    assert (400, "U002", "account") == refused(lambda: decide(consent, "approve", theirs))
    assert (400, "U011", "ConsentId") == refused(lambda: decide("none", "approve"))
    assert (400, "U011", "ConsentId") == refused(lambda: bank.books.consent_for_page("none"))
    assert (400, "U009", "ConsentId") == refused(
        lambda: bank.books.set_account_state(consent, "closed")
    )
    assert (400, "U002", "state") == refused(lambda: bank.books.set_account_state(consent, "odd"))
    assert "AWAU" == bank.books.consent("tpp", consent)["Data"]["Status"]


def test_deleted_consent_is_gone(bank, refused):
    """After DELETE a consent is 400 U011 for everyone, and a second DELETE too."""
    consent = bank.consent()
    bank.books.delete_consent("tpp", consent)

    for action in (
        lambda: bank.books.consent("tpp", consent),
        lambda: bank.books.delete_consent("tpp", consent),
        lambda: bank.books.decide_consent(consent, "reauthorise"),
    ):
        assert (400, "U011", "ConsentId") == refused(action)


def test_accepted_payment_outlives_its_consent(bank):
    """Deleting a consent stops payments to come, not the one that was accepted."""
    consent = bank.consent()
    payment = bank.pay(consent)["DomesticVRPId"]
    bank.books.delete_consent("tpp", consent)
    bank.now_s += 10

    assert "ACSC" == bank.status(payment)


def test_consent_expires_by_the_banks_clock(bank, refused):
    """Its last day is a good day; the next one finds it EXPD."""
    body = a_consent(parameters={"ValidToDateTime": "2026-12-24T00:00:00Z"})
    consent = bank.consent(body)
    bank.set_day(date(2026, 12, 24))
    bank.pay(consent)
    bank.set_day(date(2026, 12, 25))

    assert "U009" == refused(lambda: bank.pay(consent))[1]
    assert "EXPD" == bank.books.consent("tpp", consent)["Data"]["Status"]


def test_same_key_is_the_same_consent(bank, refused):
    """A repeat answers the consent as it is now; other bytes under the key are refused."""
    create = bank.books.create_consent
    first = create("tpp", "k", "digest", a_consent())["Data"]
    bank.books.decide_consent(first["ConsentId"], "approve")
    second = create("tpp", "k", "digest", a_consent())["Data"]

    assert first["ConsentId"] == second["ConsentId"]
    assert "AUTH" == second["Status"]
    assert (400, "U006", "x-idempotency-key") == refused(
        lambda: create("tpp", "k", "other", a_consent())
    )
    assert first["ConsentId"] != create("else", "k", "digest", a_consent())["Data"]["ConsentId"]


def test_two_consents_may_share_a_named_account(bank):
    """A consent that names its debtor draws on that account, whoever else does."""
    consents = [bank.consent(a_consent(initiation={"DebtorAccount": DEBTOR})) for _ in range(2)]
    for consent in consents:
        assert DEBTOR == bank.books.consent("tpp", consent)["Data"]["DebtorAccount"]
        assert 1 == len(bank.books.consent_for_page(consent)["accounts"])
    funds = {"Data": {"InstructedAmount": pounds("950.01")}}
    body = a_consent(initiation={"DebtorAccount": DEBTOR})
    bank.pay(consents[0], a_payment(consents[0], amount="50.00", like=body))
    funds["Data"]["ConsentId"] = consents[1]
    answer = bank.books.confirm_funds("tpp", consents[1], consents[1], funds)
    assert "NotAvailable" == answer["Data"]["FundsAvailableResult"]["FundsAvailable"]


def test_page_shows_what_is_agreed_to(bank):
    """The payer sees payee, limits and masked accounts before deciding."""
    consent = bank.consent(a_consent(parameters={"VRPType": [OTHER]}), approve=False)
    page = bank.books.consent_for_page(consent)

    assert CREDITOR == page["creditor"]
    assert pounds("100.00") == page["maximum_individual_amount"]
    assert ["Day"] == [limit["PeriodType"] for limit in page["periodic_limits"]]
    assert 2 == len(page["accounts"])
    assert all(len(account["hint"]) == 4 for account in page["accounts"])
    bank.books.decide_consent(consent, "approve", page["accounts"][1]["id"])
    assert page["accounts"][1]["id"] == bank.books.consent_for_page(consent)["account"]
