"""Consents: once a key, active only with tokens, gone when revoked; and the ways to approve."""

from __future__ import annotations

import json

import pytest

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.ids import IdempotencyKey
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import OutcomeKind
from kiosk.money.banks.vrp.approval import hand_over
from kiosk.money.banks.vrp.consent_store import ConsentStore
from tests.unit.money.banks.vrp.conftest import ALIAS, KEY, pay

CONSENTS = "/domestic-vrp-consents"


@pytest.fixture
def real(world):
    """The connector to a bank whose customers approve for themselves."""
    remote = world.peer.onboarding(headless_approve_url=None)
    world.context.secrets.put("vrp", json.dumps(remote).encode())
    world.bank = world.connect()
    return world


def begin(world, key=KEY, limits=DEFAULT_LIMITS):
    return world.bank.begin_mandate(ALIAS, limits, key)


def spoil_consents(peer, change):
    def spoil(seen, answer):
        if CONSENTS in seen.path:
            change(answer)

    peer.spoil = spoil


def test_asked_again_the_request_is_the_same(world):
    """A lost answer is asked for again with the same bytes, and gives one consent."""
    spoil_consents(world.peer, lambda answer: setattr(answer, "action", "drop"))
    with pytest.raises(BankUnreachableError):
        begin(world)
    world.peer.spoil = lambda seen, answer: None
    world.bank = world.connect()  # after a restart too
    begin(world)

    first, second = world.peer.calls("POST", CONSENTS)
    assert first.body == second.body
    assert first.headers["x-jws-signature"] == second.headers["x-jws-signature"]
    assert len(world.peer.consents) == 1


def test_refused_request_is_made_anew(world):
    """What the bank refused is not repeated for ever: the next try is signed afresh."""
    refusal = {"Errors": [{"ErrorCode": "U016"}]}

    def refuse(answer):
        answer.status, answer.body = 400, refusal

    spoil_consents(world.peer, refuse)
    with pytest.raises(BankUnreachableError):
        begin(world)
    world.peer.spoil = lambda seen, answer: None
    begin(world)
    first, second = world.peer.calls("POST", CONSENTS)
    assert first.headers["x-jws-signature"] != second.headers["x-jws-signature"]


@pytest.mark.parametrize(
    "change",
    [
        lambda a: setattr(a, "signature", ""),
        lambda a: setattr(a, "status", 200 if a.status == 201 else a.status) or a.body.pop("Data"),
        lambda a: a.body["Data"]["ControlParameters"].update(
            MaximumIndividualAmount={"Amount": "999.00", "Currency": "GBP"}
        ),
        lambda a: a.body["Data"]["ControlParameters"].update(PeriodicLimits=[]),
        lambda a: a.body["Data"]["Initiation"]["CreditorAccount"].update(Identification="1"),
        lambda a: a.body["Data"].update(Status="OPEN"),
        lambda a: a.body["Data"].update(ConsentId=""),
    ],
)
def test_consent_that_is_not_ours_is_not_taken(world, change):
    """Unsigned, malformed, with other limits or for another payee: no mandate."""

    def on_copy(answer):
        answer.body = json.loads(json.dumps(answer.body))
        change(answer)

    spoil_consents(world.peer, on_copy)
    with pytest.raises(BankUnreachableError):
        begin(world)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("RJCT", MandateState.REJECTED),
        ("CANC", MandateState.SUSPENDED),
        ("EXPD", MandateState.EXPIRED),
        ("AUTH", MandateState.ACTIVE),
    ],
)
def test_states(world, mandate, status, state):
    """The bank's statuses in our words; cancelled at the bank can be taken back, so: suspended."""
    world.peer.consents[mandate]["Data"]["Status"] = status
    assert world.bank.mandate(mandate).state is state


def test_answer_about_another_consent_is_no_answer(world, mandate):
    """Asked for one consent, another's is not taken for it."""

    def other(answer):
        answer.body = json.loads(json.dumps(answer.body))
        answer.body["Data"]["ConsentId"] = "consent-2"

    spoil_consents(world.peer, other)
    with pytest.raises(BankUnreachableError):
        world.bank.mandate(mandate)


def test_revoked_consent_leaves_nothing(world, mandate):
    """After revoking, no token and no terms are kept; before success, all are."""
    assert world.context.secrets.kept
    spoil_consents(world.peer, lambda answer: setattr(answer, "status", 503))
    with pytest.raises(BankUnreachableError):
        world.bank.revoke(mandate)
    assert world.context.secrets.kept

    world.peer.spoil = lambda seen, answer: None
    world.bank.revoke(mandate)
    world.bank.revoke(mandate)
    assert not world.context.secrets.kept
    assert world.bank.mandate(mandate).state is MandateState.REVOKED


def test_unsigned_not_found_revokes_nothing(world, mandate):
    """A gateway that says 404 is not the bank saying that the consent is gone."""

    def gateway(answer):
        answer.status, answer.body, answer.raw, answer.signature = 404, None, b"", ""

    spoil_consents(world.peer, gateway)
    with pytest.raises(BankUnreachableError):
        world.bank.revoke(mandate)
    assert world.context.secrets.kept


def test_payments_keep_to_what_the_consent_says(world, mandate):
    """A restaurant that moves to another account still pays old consents' payments correctly."""
    world.onboard(
        creditor={"SchemeName": "UK.OBIE.IBAN", "Identification": "GB00NEW", "Name": "New"}
    )
    assert pay(world.bank, mandate).kind is OutcomeKind.ACCEPTED
    sent = json.loads(world.peer.calls("POST", "/domestic-vrps")[0].body)
    consent = world.peer.consents[mandate]
    assert sent["Data"]["Initiation"] == consent["Data"]["Initiation"]


def test_limits_go_to_the_bank(world):
    """Both limits are the bank's too."""
    limits = MandateLimits(Money(4_200), Money(9_900))
    ref = begin(world, IdempotencyKey("m-9"), limits).ref
    told = world.peer.consents[ref]["Data"]["ControlParameters"]
    assert told["MaximumIndividualAmount"]["Amount"] == "42.00"
    assert told["PeriodicLimits"][0]["Amount"] == "99.00"


# --- a payer who approves for himself -------------------------------------------------------------


def test_qr_code_holds_the_intent_and_tokens_are_polled(real):
    """Pending until the phone has approved; then active, and payments go."""
    begun = begin(real)
    assert (begun.state, begun.approval_url) == (MandateState.PENDING, begun.ref)
    assert begun.approval_url not in repr(begun) or begun.ref == begun.approval_url
    assert real.bank.mandate(begun.ref).state is MandateState.PENDING
    assert len(real.peer.calls("POST", "/bc-authorize")) == 1
    assert pay(real.bank, begun.ref).kind is OutcomeKind.NOT_SENT

    real.peer.consents[begun.ref]["Data"]["Status"] = "AUTH"
    assert real.bank.mandate(begun.ref).state is MandateState.ACTIVE
    assert pay(real.bank, begun.ref).kind is OutcomeKind.ACCEPTED


def test_lost_approval_begins_anew(real):
    """Where the bank has forgotten the request, another one is made for the same consent."""
    ref = begin(real).ref
    real.peer.consents[ref]["Data"]["Status"] = "AUTH"

    def expired(seen, answer):
        if b"ciba" in seen.body:
            answer.status, answer.body = 400, {"error": "expired_token"}

    real.peer.spoil = expired
    assert real.bank.mandate(ref).state is MandateState.PENDING
    assert len(real.peer.calls("POST", "/bc-authorize")) == 2
    real.peer.spoil = lambda seen, answer: None
    assert real.bank.mandate(ref).state is MandateState.ACTIVE


def test_identity_of_another_consent_is_refused(real):
    """Tokens that come with a wrong identity token are not kept."""
    ref = begin(real).ref
    real.peer.consents[ref]["Data"]["Status"] = "AUTH"

    def lie(seen, answer):
        if b"ciba" in seen.body:
            claims = {"iss": "https://bank.example", "aud": "client-1", "exp": 4_000_000_000}
            answer.body["id_token"] = real.peer.jwt(claims | {"openbanking_intent_id": "other"})

    real.peer.spoil = lie
    with pytest.raises(BankUnreachableError):
        real.bank.mandate(ref)
    assert pay(real.bank, ref).kind is OutcomeKind.NOT_SENT


def test_sealed_file_of_a_real_bank_allows_no_headless_approval(real):
    """The option that is for the sandbox is refused where money is real."""
    with pytest.raises(BadInputError):
        real.connect(approval="headless").capabilities  # noqa: B018 - reading it is the test


def test_damaged_sealed_file_stops_the_start(real):
    """The engine asks for capabilities first, and does not start on a file that is of no use."""
    real.context.secrets.put("vrp", b"{}")
    with pytest.raises(BadInputError):
        real.connect().capabilities  # noqa: B018


def test_secret_that_cannot_be_read_sends_nothing(world, mandate, monkeypatch):
    """A damaged token file is a mandate that cannot be used now, not a crash."""

    def refuse(name):
        raise SetupError("no", code="bank_secret_bad", mend="")

    monkeypatch.setattr(world.context.secrets, "get", refuse)
    world.bank._source._is_sealed = False
    assert pay(world.bank, mandate).kind is OutcomeKind.NOT_SENT
    with pytest.raises(BankUnreachableError):
        begin(world, IdempotencyKey("m-2"))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://terminal.example/done",
        "https://terminal.example/done#code=x&state=y",
        "https://terminal.example/done#error=access_denied&state=y",
        "x" * 20_000,
    ],
)
def test_address_without_an_approval_is_refused(world, address):
    """Only a whole answer of the bank's page is handed over, and nothing of it is repeated."""
    with pytest.raises(BadInputError) as caught:
        hand_over(ConsentStore(world.context.secrets), address)
    assert "state=y" not in str(caught.value)
