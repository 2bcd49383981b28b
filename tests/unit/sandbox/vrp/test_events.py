"""Events: each change is queued, none is lost until acknowledged, nothing grows forever."""

from __future__ import annotations

import pytest

from kiosk.sandbox.bank.vrp import events

UPDATE, REVOKED, ACCOUNT = events.RESOURCE_UPDATE, events.REVOKED, events.ACCOUNT_UPDATE


def kinds(answer):
    return [next(iter(claims["events"])) for claims in answer["sets"].values()]


def test_each_change_of_a_payment_is_told(bank):
    """Accepted and settled: two updates that name the payment, with the time of the change."""
    bank.books.set_ladder({"ACSP": 1, "ACSC": 1})
    consent = bank.consent()
    bank.events(ack=list(bank.events()["sets"]))
    payment = bank.pay(consent)["DomesticVRPId"]
    assert {} == bank.events()["sets"]
    received_s = bank.now_s
    bank.now_s += 60

    answer = bank.events()

    assert [UPDATE, UPDATE] == kinds(answer)
    for jti, claims in answer["sets"].items():
        subject = claims["events"][UPDATE]["subject"]
        assert (jti, "tpp") == (claims["jti"], claims["aud"])
        assert payment == subject["http://openbanking.org.uk/rid"]
        assert "domestic-vrps" == subject["http://openbanking.org.uk/rty"]
        assert claims["sub"].endswith(f"/open-banking/v4.0/pisp/domestic-vrps/{payment}")
        assert claims["sub"] == subject["http://openbanking.org.uk/rlk"][0]["link"]
        assert received_s <= claims["toe"] + 1 <= claims["iat"]


def test_consents_tell_too(bank):
    """Approved, suspended and an account closed: each its own kind of event."""
    consent = bank.consent()
    bank.books.set_account_state(consent, "closed")
    bank.books.decide_consent(consent, "suspend")

    assert [UPDATE, ACCOUNT, REVOKED] == kinds(bank.events())


def test_rejected_at_once_is_told_as_well(bank):
    """Nothing that became of a payment goes untold."""
    bank.books.set_ladder({}, "reject")
    consent = bank.consent()
    bank.events(ack=list(bank.events()["sets"]))
    bank.pay(consent)

    assert [UPDATE] == kinds(bank.events())


def test_refused_request_tells_nothing(bank, refused):
    """A refusal leaves no event behind, and what was due before it happens exactly once."""
    consent = bank.consent()
    bank.pay(consent)
    bank.now_s += 60
    refused(lambda: bank.pay(consent, amount="100.01"))

    assert 3 == len(bank.events()["sets"])
    assert (1, 1250) == bank.debits()


def test_events_come_until_they_are_acknowledged(bank):
    """The same jti at each poll; acknowledged, unknown or twice acknowledged it is gone."""
    bank.consent()
    first = bank.events()["sets"]
    assert first == bank.events()["sets"]
    bank.close()
    bank.open()
    assert first == bank.events()["sets"]

    acknowledged = [*first, "unknown", *first]
    assert {} == bank.events(ack=acknowledged)["sets"]
    assert {} == bank.events(ack=acknowledged)["sets"]


def test_nobody_acknowledges_for_another(bank):
    """Events belong to the client whose resource changed."""
    bank.consent()
    jti = next(iter(bank.events()["sets"]))

    assert {} == bank.books.poll_events("else", {"ack": [jti]})["sets"]
    assert [jti] == list(bank.events()["sets"])


def test_max_events_and_more(bank):
    """No more than asked for, oldest first, and it says whether there are more."""
    for _ in range(3):
        bank.consent()
    everything = list(bank.events()["sets"])

    none = bank.events(maxEvents=0)
    assert ({}, True) == (none["sets"], none["moreAvailable"])
    two = bank.events(maxEvents=2)
    assert (everything[:2], True) == (list(two["sets"]), two["moreAvailable"])
    rest = bank.events(maxEvents=2, ack=list(two["sets"]))
    assert (everything[2:], False) == (list(rest["sets"]), rest["moreAvailable"])


def test_reported_errors_are_tried_again_a_few_times(bank):
    """An event that the client cannot read comes again, until it is given up."""
    bank.consent()
    jti = next(iter(bank.events()["sets"]))
    errors = {jti: {"err": "jwtIss", "description": "not believed"}}
    for _ in range(events.ERRORS_MAX - 1):
        assert [jti] == list(bank.events(setErrs=errors)["sets"])

    assert {} == bank.events(setErrs=errors)["sets"]


def test_queue_is_bounded(bank, monkeypatch):
    """Above the limit the oldest give way; nobody's disk fills because nobody polls."""
    monkeypatch.setattr(events, "QUEUE_LENGTH_MAX", 3)
    consents = [bank.consent() for _ in range(5)]

    found = [claims["sub"].rsplit("/", 1)[1] for claims in bank.events()["sets"].values()]
    assert consents[2:] == found


def test_late_and_reordered_on_order(bank):
    """A script holds events back or turns their order round; without it all is well again."""
    for _ in range(2):
        bank.consent()
    in_order = list(bank.events()["sets"])
    bank.books.set_event_trouble(newest_first=True)
    assert in_order[::-1] == list(bank.events()["sets"])
    bank.books.set_event_trouble(delay_s=60)
    assert [] == list(bank.events()["sets"])
    bank.now_s += 60
    assert in_order == list(bank.events()["sets"])


def test_subscription_chooses_the_kinds(bank):
    """Without a subscription all is told; with one, what it names; without kinds, all again."""
    books = bank.books
    made = books.create_subscription("tpp", {"Data": {"Version": "4.0", "EventTypes": [REVOKED]}})
    consent = bank.consent()
    bank.books.decide_consent(consent, "suspend")
    assert [REVOKED] == kinds(bank.events())

    subscription = made["Data"]["EventSubscriptionId"]
    changed = {"Data": {"Version": "4.0", "EventSubscriptionId": subscription}}
    answer = books.change_subscription("tpp", subscription, changed)
    assert changed["Data"] == answer["Data"]
    bank.books.decide_consent(consent, "reauthorise")
    assert [REVOKED, UPDATE] == kinds(bank.events())


def test_subscriptions_are_listed_and_end(bank, refused):
    """Create, list, delete; a second one for the same is 409 U029; unknown ids are U011."""
    books = bank.books
    body = {"Data": {"Version": "4.0"}}
    subscription = books.create_subscription("tpp", body)["Data"]["EventSubscriptionId"]
    assert (409, "U029", "") == refused(lambda: books.create_subscription("tpp", body))
    listed = books.subscriptions("tpp")["Data"]["EventSubscription"]
    assert [subscription] == [found["EventSubscriptionId"] for found in listed]
    assert [] == books.subscriptions("else")["Data"]["EventSubscription"]

    where = (400, "U011", "EventSubscriptionId")
    assert where == refused(lambda: books.delete_subscription("else", subscription))
    books.delete_subscription("tpp", subscription)
    assert where == refused(lambda: books.delete_subscription("tpp", subscription))
    changed = {"Data": {"Version": "4.0", "EventSubscriptionId": subscription}}
    assert where == refused(lambda: books.change_subscription("tpp", subscription, changed))


@pytest.mark.parametrize("issuer", ["", "https://bank.example"])
def test_issuer_is_the_banks(bank, issuer):
    """Events carry the issuer that the door signs for."""
    from kiosk.sandbox.bank.vrp.books import VrpBooks

    bank.books = VrpBooks(bank.ledger, "https://127.0.0.1:8443", issuer=issuer)
    bank.consent()

    found = {claims["iss"] for claims in bank.events()["sets"].values()}
    assert {issuer or "https://127.0.0.1:8443"} == found
