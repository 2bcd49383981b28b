"""News is believed only of what the bank signed for us, and only after looking it up."""

from __future__ import annotations

import pytest

from kiosk.domain.ids import IdempotencyKey
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateState
from kiosk.domain.money import Money
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import OutcomeKind
from tests.fakes.bank_port import sought_of
from tests.unit.money.banks.vrp.conftest import ALIAS, pay


@pytest.fixture
def paid(world, mandate):
    return pay(world.bank, mandate).payment_ref


def test_payment_is_looked_up(world, paid):
    """An event names a payment; its state comes from the bank's signed answer of now."""
    world.peer.payments[paid]["Data"]["Status"] = "ACSC"
    world.peer.add_event("e1", "domestic-vrps", paid)
    (event,) = world.bank.events().events

    assert (event.event_id, event.reference) == ("e1", sought_of().reference)
    assert event.amount == Money(1_250)
    assert (event.answer.kind, event.answer.payment_ref) == (OutcomeKind.SETTLED, paid)


@pytest.mark.parametrize("kind", ["domestic-vrp-consents", "domestic-vrp-consent"])
def test_consent_is_looked_up(world, mandate, kind):
    """A revocation at the bank arrives as the mandate's state of now."""
    world.peer.consents[mandate]["Data"]["Status"] = "CANC"
    world.peer.add_event("e1", kind, mandate)
    (event,) = world.bank.events().events
    assert (event.mandate_ref, event.mandate_state) == (mandate, MandateState.SUSPENDED)


def test_event_about_a_consents_account(world, mandate):
    """Where the resource named is the account, the consent is the one in the subject's link."""
    link = f"{world.peer.url}/open-banking/v4.0/pisp/domestic-vrp-consents/{mandate}"
    world.peer.add_event("e1", "domestic-vrp-consents", "90200", sub=link)
    (event,) = world.bank.events().events
    assert event.mandate_ref == mandate


def test_repeats_and_order_do_no_harm(world, paid):
    """The same news twice says the same; acknowledged, it does not come again."""
    for name in ("e2", "e1"):
        world.peer.add_event(name, "domestic-vrps", paid)
    first = world.bank.events()
    assert world.bank.events() == first
    world.bank.acknowledge(tuple(event.event_id for event in first.events))
    assert world.peer.acknowledged == ["e2", "e1"]
    assert world.bank.events().events == ()


FORGED = {
    "invalid_issuer": {"iss": "https://else.example"},
    "invalid_audience": {"aud": "client-2"},
    "invalid_request": {"iat": 4_000_000_000},
}


@pytest.mark.parametrize("fault", FORGED)
def test_event_of_another_is_told_as_faulty(world, paid, fault):
    """What is not for us is not acted on, and the bank hears of it at the next poll."""
    world.peer.add_event("e1", "domestic-vrps", paid, **FORGED[fault])
    assert world.bank.events().events == ()
    world.bank.events()
    assert world.peer.errors["e1"]["err"] == fault


def test_forged_events_are_not_acted_on(world, paid, keys):
    """A wrong key, another event's token under this name, and garbage."""
    world.peer.payments[paid]["Data"]["Status"] = "ACSC"
    world.peer.add_event("e1", "domestic-vrps", paid, key=keys.other_signing)
    world.peer.add_event("e9", "domestic-vrps", paid)
    world.peer.sets["e2"] = world.peer.sets.pop("e9")
    world.peer.sets["e3"] = "garbage"
    world.peer.sets["e4"] = 7
    gets = len(world.peer.calls("GET", paid))
    assert world.bank.events().events == ()
    assert len(world.peer.calls("GET", paid)) == gets
    world.bank.events()
    assert set(world.peer.errors) == {"e1", "e2", "e3", "e4"}


def test_news_of_other_things_is_taken_note_of(world, mandate):
    """An event that means nothing here is told on, so that it is acknowledged."""
    world.peer.add_event("e1", "accounts", "1", sub="https://bank.example/accounts/1")
    world.peer.add_event("e2", "domestic-vrps", "no-such-payment")
    events = world.bank.events().events
    assert [event.event_id for event in events] == ["e1", "e2"]
    assert all(event.answer is None and event.mandate_ref is None for event in events)


def test_what_cannot_be_read_now_comes_again(world, paid):
    """While the resource cannot be read, the event is not told, and so not acknowledged."""
    world.peer.add_event("e1", "domestic-vrps", paid)
    world.peer.spoil = lambda seen, answer: (
        seen.path.endswith(paid) and setattr(answer, "status", 503)
    )
    assert world.bank.events().events == ()
    world.peer.spoil = lambda seen, answer: None
    assert [event.event_id for event in world.bank.events().events] == ["e1"]
    assert not world.peer.errors


def test_what_can_never_be_read_gives_way(world, paid, caplog):
    """An event whose resource stays unreadable does not keep others from coming for ever."""
    world.peer.add_event("e1", "domestic-vrps", paid)
    world.peer.spoil = lambda seen, answer: (
        seen.path.endswith(paid) and setattr(answer, "status", 503)
    )
    polls = [world.bank.events().events for _ in range(10)]
    assert polls[:9] == [()] * 9
    (event,) = polls[9]
    assert (event.event_id, event.answer) == ("e1", None)
    assert "passed over" in caplog.text


def test_news_of_another_terminals_consent_begins_nothing(world, mandate):
    """Two tills of one client hear of each other's consents, and only look."""
    other = world.bank.begin_mandate(ALIAS, DEFAULT_LIMITS, IdempotencyKey("other")).ref
    bank = world.connect(approval="qr")
    world.context.secrets.kept.clear()
    begun = len(world.peer.calls("POST", "/bc-authorize"))
    world.peer.add_event("e1", "domestic-vrp-consents", other)

    (event,) = bank.events().events
    assert (event.mandate_ref, event.mandate_state) == (other, MandateState.PENDING)
    assert len(world.peer.calls("POST", "/bc-authorize")) == begun
    assert not world.context.secrets.kept


def test_payment_to_somebody_else_is_not_ours(world, paid):
    """A payment whose money goes elsewhere is no news for this till."""
    data = world.peer.payments[paid]["Data"]
    data["ConsentId"] = "consent-2"
    data["Instruction"] = data["Instruction"] | {
        "CreditorAccount": {"SchemeName": "X", "Identification": "1", "Name": "N"}
    }
    world.peer.add_event("e1", "domestic-vrps", paid)
    (event,) = world.bank.events().events
    assert event.answer is None


def test_many_events_come_in_parts(world, paid):
    """A poll is bounded; what is left is fetched by asking again."""
    for number in range(25):
        world.peer.add_event(f"e{number}", "domestic-vrps", paid)
    batch = world.bank.events()
    assert (len(batch.events), batch.more) == (20, True)
    world.bank.acknowledge(tuple(event.event_id for event in batch.events))
    batch = world.bank.events()
    assert (len(batch.events), batch.more) == (5, False)


@pytest.mark.parametrize(
    "body", [{}, {"sets": []}, {"sets": {str(n): "" for n in range(30)}}, None]
)
def test_odd_poll_answers_are_no_news(world, mandate, body):
    """What is no answer to a poll, or more than was asked for, is not read."""

    def spoil(seen, answer):
        if seen.path.endswith("/events"):
            answer.body = body

    world.peer.spoil = spoil
    with pytest.raises(BankUnreachableError):
        world.bank.events()
