"""The way to the bank: who is trusted, what is never sent, the bank's clock, tokens and keys."""

from __future__ import annotations

import json
import socket
import ssl
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec

from kiosk.domain.mandate import DEFAULT_LIMITS
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import OutcomeKind
from kiosk.money.banks.vrp.jose import IAT
from kiosk.money.banks.vrp.session import Session
from tests.fakes.bank_port import intent_of, sought_of
from tests.fakes.scripted_vrp_bank import ScriptedVrpBank, certificate, pem_of
from tests.unit.money.banks.vrp.conftest import ALIAS, KEY, pay, prepare
from tests.unit.money.banks.vrp.test_jose import padded


def signed_at(sent):
    return json.loads(padded(sent.headers["x-jws-signature"].split(".")[0]))[IAT]


# --- nothing leaves ---------------------------------------------------------------------------


@pytest.fixture
def elsewhere(world, mandate, monkeypatch):
    """Have everything ready for a payment, then send payments to another address."""
    assert pay(world.bank, mandate).kind is OutcomeKind.ACCEPTED

    def to(url):
        monkeypatch.setattr(Session, "resource", lambda session, path: f"{url}/{path}")

    return to


def test_bank_of_another_authority_gets_nothing(world, mandate, keys, elsewhere):
    """A server that our authority does not vouch for sees a handshake and no request."""
    authority = ec.generate_private_key(ec.SECP256R1())
    root = certificate("Other authority", authority)
    server = certificate("bank", authority, root, authority, is_server=True)
    pem = pem_of(authority) + server.public_bytes(forms.Encoding.PEM).decode()
    stranger = ScriptedVrpBank(replace(keys, bank_pem=pem))
    try:
        elsewhere(stranger.url)
        assert pay(world.bank, mandate, "2").kind is OutcomeKind.NOT_SENT
        assert stranger.seen == []
    finally:
        stranger.close()


def test_bank_under_another_name_gets_nothing(world, mandate, elsewhere):
    """The name that was dialled must be in the certificate."""
    elsewhere(f"https://localhost:{world.peer.port}")
    seen = len(world.peer.seen)
    assert pay(world.bank, mandate, "2").kind is OutcomeKind.NOT_SENT
    assert len(world.peer.seen) == seen


def test_public_authorities_are_not_trusted(world, mandate):
    """After exchanges the context still trusts the onboarding file's authority and no other."""
    pay(world.bank, mandate)
    transport = world.bank._source.session().transport
    for wire in (transport._wire, transport._wire_for_keys):
        assert len(wire._tls.get_ca_certs()) == 1
        assert wire._tls.minimum_version is ssl.TLSVersion.TLSv1_2
        assert wire._tls.check_hostname


def test_nobody_there_is_not_sent(world, mandate, elsewhere):
    """A refused connection: not one byte left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        elsewhere(f"https://127.0.0.1:{listener.getsockname()[1]}")
    assert pay(world.bank, mandate, "2").kind is OutcomeKind.NOT_SENT


def mute(other, connection):
    other.stopping.wait(5)


def plain(other, connection):
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def drip(other, connection):
    """Begin a handshake record of 16 KiB, and go on byte by byte."""
    connection.sendall(b"\x16\x03\x03\x40\x00")
    for _ in range(100):
        if other.stopping.wait(0.05):
            return
        connection.sendall(b"\x02")


@pytest.mark.parametrize("behave", [mute, plain, drip])
def test_handshake_that_does_not_end_is_not_sent(world, mandate, elsewhere, peer, behave):
    """Silence, another protocol, or a drip: bounded in all, and not one byte of a request left."""
    elsewhere(peer(behave).url.replace("http:", "https:"))
    start_s = time.monotonic()
    assert pay(world.bank, mandate, "2").kind is OutcomeKind.NOT_SENT
    assert time.monotonic() - start_s < 2.5


def test_no_file_no_bank(world, mandate):
    """Without an onboarding file nothing is sent, and asking says that the bank is not there."""
    world.file.unlink()
    assert pay(world.bank, mandate).kind is OutcomeKind.NOT_SENT
    assert world.bank.find(sought_of(payment_ref="vrp-1")).kind is OutcomeKind.UNKNOWN
    with pytest.raises(BankUnreachableError):
        world.bank.mandate(mandate)
    with pytest.raises(BankUnreachableError):
        world.bank.events()
    world.bank.acknowledge(("a",))
    assert world.bank.capabilities.is_sandbox


@pytest.mark.parametrize("text", ["", "{}", "x" * 60_000, "\x00"])
def test_damaged_sandbox_file_is_no_bank(world, mandate, text):
    """What cannot be used is as good as nothing, until it is written anew."""
    world.file.write_text(text)
    assert pay(world.bank, mandate).kind is OutcomeKind.NOT_SENT
    world.onboard()
    assert pay(world.bank, mandate).kind is OutcomeKind.ACCEPTED


def test_unsigned_request_is_never_sent(world, mandate):
    """What was prepared without a key to sign with does not go out later."""
    world.file.unlink()
    request = prepare(world.bank, mandate)
    world.onboard()
    assert world.bank.submit(request, mandate).kind is OutcomeKind.NOT_SENT
    assert not world.peer.calls("POST", "/domestic-vrps")


def test_without_the_banks_keys_nothing_is_sent(world, mandate):
    """An answer that could not be checked is not asked for."""
    bank = world.connect()
    world.peer.published = []
    assert pay(bank, mandate).kind is OutcomeKind.NOT_SENT
    assert not world.peer.calls("POST", "/domestic-vrps")


def test_keys_never_lie_in_a_file(world, mandate, tmp_path, monkeypatch):
    """Loading the TLS key opens no file but one in memory."""
    opened = []
    load = ssl.SSLContext.load_cert_chain

    def watch(context, path):
        opened.append(str(Path(path).readlink()))
        load(context, path)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watch)
    world.connect().mandate(mandate)
    assert opened
    assert all("memfd:" in path for path in opened)
    for file in tmp_path.rglob("*"):
        if file.is_file() and file != world.file:
            assert b"PRIVATE KEY" not in file.read_bytes()


# --- clock ------------------------------------------------------------------------------------


@pytest.mark.parametrize("skew_s", [-3_600.0, 0.0, 3_600.0])
def test_skew_is_measured_and_signatures_follow_it(world, skew_s):
    """The bank's `Date` is believed for the time of our signatures, which it finds in its past."""
    assert world.bank.health().clock_skew_s is None
    world.peer.skew_s = skew_s
    ref = world.bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY).ref
    assert pay(world.bank, ref).kind is OutcomeKind.ACCEPTED

    assert world.bank.health().clock_skew_s == pytest.approx(skew_s, abs=1.5)
    age_s = time.time() + skew_s - signed_at(world.peer.calls("POST", "/domestic-vrps")[0])
    assert 0 < age_s < 6


def test_first_request_of_all_is_signed_well_back(world, mandate):
    """Before the bank's clock is known, a signature leaves room for clocks that differ a little."""
    bank = world.connect()
    at_s = int(time.time())
    request = bank.prepare(intent_of(mandate, at_s=at_s))
    head = dict(request.headers)["x-jws-signature"].split(".")[0]
    assert json.loads(padded(head))[IAT] == at_s - 5


def test_odd_date_teaches_nothing(world, mandate):
    """A `Date` that is none leaves the measured skew as it is."""
    before = world.bank.health().clock_skew_s
    world.peer.spoil = lambda seen, answer: answer.headers.update(Date="yesterday, or so")
    assert pay(world.bank, mandate).kind is OutcomeKind.ACCEPTED
    assert world.bank.health().clock_skew_s == before


# --- headers and tokens -----------------------------------------------------------------------


def test_headers_of_each_request(world, mandate):
    """Keys and signatures only where the standard asks for them, tokens on resources only."""
    pay(world.bank, mandate)
    world.bank.find(sought_of(payment_ref="vrp-1"))
    for seen in world.peer.seen:
        is_resource = seen.path.startswith("/open-banking")
        assert ("authorization" in seen.headers) is is_resource
        assert ("x-fapi-interaction-id" in seen.headers) is is_resource
        is_written = seen.method == "POST" and is_resource
        assert ("x-jws-signature" in seen.headers) is is_written
        assert ("x-idempotency-key" in seen.headers) is is_written
        assert seen.headers["accept"] == "application/json"
        if seen.method != "POST":
            assert "content-type" not in seen.headers


def test_client_token_is_asked_for_once(world, mandate):
    """It is kept until it ends, and renewed once when the bank refuses it at a GET."""
    for _ in range(3):
        world.bank.mandate(mandate)
    grants = [
        parse_qs(s.body.decode())["grant_type"][0] for s in world.peer.calls("POST", "/token")
    ]
    assert grants.count("client_credentials") == 1

    world.peer.tokens.clear()
    world.bank.mandate(mandate)
    assert len(world.peer.calls("POST", "/token")) == len(grants) + 1

    world.peer.spoil = lambda seen, answer: (
        seen.path.endswith(mandate) and setattr(answer, "status", 401)
    )
    before = len(world.peer.calls("GET", mandate))
    with pytest.raises(BankUnreachableError):
        world.bank.mandate(mandate)
    assert len(world.peer.calls("GET", mandate)) == before + 2


def test_refused_consent_token_is_renewed_for_the_resend(world, mandate):
    """A 401 without a word decides nothing; the same bytes go out again under a fresh token."""
    world.peer.tokens.clear()
    request = prepare(world.bank, mandate)
    assert world.bank.submit(request, mandate).kind is OutcomeKind.UNKNOWN
    assert world.bank.submit(request, mandate).kind is OutcomeKind.ACCEPTED
    first, second = world.peer.calls("POST", "/domestic-vrps")
    assert first.body == second.body
    assert first.headers["x-jws-signature"] == second.headers["x-jws-signature"]
    assert first.headers["authorization"] != second.headers["authorization"]


def test_token_that_cannot_be_renewed_sends_nothing(world, mandate):
    """Where the bank refuses to renew a consent's token, no payment leaves."""
    world.bank._mandates.expire_token(mandate)
    refuse = {"status": 400, "body": {"error": "invalid_grant"}}

    def spoil(seen, answer):
        if seen.path == "/token":
            for name, value in refuse.items():
                setattr(answer, name, value)

    world.peer.spoil = spoil
    answer = pay(world.bank, mandate)
    assert (answer.kind, answer.reason) == (OutcomeKind.NOT_SENT, "mandate_token_missing")
    assert not world.peer.calls("POST", "/domestic-vrps")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": "x\r\nX-Evil: 1", "token_type": "Bearer"},
        {"access_token": "é", "token_type": "Bearer"},
        {"access_token": "x" * 10_000, "token_type": "Bearer"},
        {"access_token": "x", "token_type": "mac"},
        {"access_token": ["x"], "token_type": "Bearer"},
    ],
)
def test_odd_token_answers_are_refused(world, body):
    """A token that could break a header, or is none, is not used."""

    def spoil(seen, answer):
        if seen.path == "/token":
            answer.body = body

    world.peer.spoil = spoil
    with pytest.raises(BankUnreachableError):
        world.bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY)
    assert not world.peer.calls("POST", "/domestic-vrp-consents")


def test_private_key_jwt(world):
    """With that option, the client proves itself by an assertion too, which ends soon."""
    bank = world.connect(client_auth="private_key_jwt")
    bank.begin_mandate(ALIAS, DEFAULT_LIMITS, KEY)
    form = parse_qs(world.peer.calls("POST", "/token")[0].body.decode())
    claims = json.loads(padded(form["client_assertion"][0].split(".")[1]))
    assert claims["iss"] == claims["sub"] == "client-1"
    assert claims["aud"].endswith("/token")
    assert claims["exp"] - claims["iat"] == 60


def test_capabilities(world):
    """What the engine may count on, for the sandbox and for a real bank."""
    can = world.bank.capabilities
    assert (can.is_sandbox, can.headless_approval, can.arrival_s_max) == (True, True, 10.0)
    assert (can.lookup_by_key, can.lookup_by_ref, can.events) == (False, True, True)

    remote = world.peer.onboarding(headless_approve_url=None)
    world.context.secrets.put("vrp", json.dumps(remote).encode())
    real = world.connect(arrival_s_max="900").capabilities
    assert (real.is_sandbox, real.headless_approval, real.arrival_s_max) == (False, False, 900.0)
