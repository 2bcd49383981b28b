"""What each thing that a bank or a network can do means for the money: real sockets only."""

from __future__ import annotations

import json
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.ids import IdempotencyKey, MandateRef, PayerAlias
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateState
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import OutcomeKind
from kiosk.money.banks.sandbox.connector import SandboxBank, _meaning_of_payment, open_sandbox
from kiosk.money.banks.sandbox.exchange import Reply, Timeouts
from tests.fakes.bank_port import context_of, intent_of, sought_of

TOKEN = "very-secret-token"
QUICK = Timeouts(connect_s=1.0, read_s=0.8, answer_s=0.8)
MANDATE_REF = MandateRef("m1")
INTENT = intent_of(MANDATE_REF)
SOUGHT = sought_of()
ANSWER = {
    "payment_ref": "p1",
    "status": "settled",
    "reason": "",
    "order_id": "order-1",
    "amount": {"minor_units": 1250, "currency": "GBP"},
    "mandate_ref": "m1",
    "key": "key-1",
}


def connect(url, timeouts=QUICK):
    return SandboxBank(lambda: url, lambda: TOKEN, timeouts)


def submit(url):
    bank = connect(url)
    return bank.submit(bank.prepare(INTENT), MANDATE_REF)


def http(status, body, *headers, length=None):
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    length = len(payload) if length is None else length
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {length}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + payload


def answering(payload):
    def behave(peer, connection):
        peer.read_request(connection)
        connection.sendall(payload)

    return behave


# --- nothing left the machine ---------------------------------------------------------------------


def test_refused_connection_is_not_sent():
    """Nobody listens: not one byte left."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    assert submit(url).kind is OutcomeKind.NOT_SENT


def test_connect_timeout_is_not_sent():
    """The handshake never ends: not one byte left."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # Linux keeps backlog + 1 finished handshakes; further ones wait.
        with socket.create_connection(listener.getsockname()):
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            assert submit(url).kind is OutcomeKind.NOT_SENT


def test_unknown_host_is_not_sent(monkeypatch):
    """A name that does not resolve: not one byte left."""

    def fail(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert submit("http://bank.invalid:80").kind is OutcomeKind.NOT_SENT


@pytest.mark.parametrize(
    "url", [None, "", "nonsense", "https://127.0.0.1:1", "http://[", "file:///"]
)
def test_no_usable_address_is_not_sent(url):
    """Without a plain http address nothing is tried."""
    assert submit(url).kind is OutcomeKind.NOT_SENT


def test_no_token_is_not_sent(peer):
    """Without the merchant's token nothing is tried."""
    other = peer(answering(http(201, ANSWER)))
    bank = SandboxBank(lambda: other.url, lambda: None, QUICK)

    assert bank.submit(bank.prepare(INTENT), MANDATE_REF).kind is OutcomeKind.NOT_SENT
    assert other.requests == []


# --- something left, and no usable answer came ----------------------------------------------------


def close_unread(peer, connection):
    del peer, connection


def close_after_reading(peer, connection):
    peer.read_request(connection)


def reset_after_reading(peer, connection):
    peer.read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_a_head(peer, connection):
    peer.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Le")


def hang(peer, connection):
    peer.read_request(connection)
    peer.stopping.wait(5)


DRIPS = 75
"""At 20 ms each five times the connector's bound, and then the right answer after all."""


def drip(peer, connection, byte):
    for _ in range(DRIPS):
        if peer.stopping.wait(0.02):
            return
        connection.sendall(byte)


def drip_head(peer, connection):
    peer.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nX: ")
    drip(peer, connection, b"y")
    connection.sendall(http(201, ANSWER).partition(b"\r\n")[2].join([b"\r\n", b""]))


def drip_body(peer, connection):
    peer.read_request(connection)
    answer = http(201, ANSWER, length=len(json.dumps(ANSWER)) + DRIPS)
    connection.sendall(answer[:-1])
    drip(peer, connection, b" ")
    connection.sendall(answer[-1:])


LOSSES = [
    *(close_unread, close_after_reading, reset_after_reading),
    *(half_a_head, hang, drip_head, drip_body),
]


@pytest.mark.parametrize("behave", LOSSES)
def test_lost_answer_is_unknown(peer, behave):
    """Once there was a connection, only the bank's word counts; the wait is bounded."""
    other = peer(behave)

    assert submit(other.url).kind is OutcomeKind.UNKNOWN
    assert connect(other.url).find(SOUGHT).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    "payload",
    [
        http(201, b"not json"),
        http(201, b""),
        http(201, b"[]"),
        http(201, b'{"key": "key-1", "key": "key-1"}'),
        http(201, b"[" * 20_000),
        http(201, json.dumps(ANSWER).encode()[:-1], length=len(json.dumps(ANSWER))),
        http(201, json.dumps(ANSWER | {"pad": "x" * 70_000}).encode()),
        http(200, ANSWER),
        http(202, ANSWER),
        http(204, b""),
        http(301, ANSWER, "Location: /payments"),
        http(400, b"<html>"),
        http(400, {"message": "no"}),
        http(400, {"error": "NOT A CODE"}),
        http(401, {"error": "token_bad"}),
        http(403, {"error": "forbidden"}),
        http(404, {"error": "no_such_resource"}),
        http(409, {"error": "key_used_with_other_body"}),
        http(429, {"error": "busy"}, "Retry-After: 1"),
        http(500, {"error": "scripted_fault"}),
        http(503, ANSWER),
        b"HTTP/1.1 junk\r\n\r\n",
        b"\x00" * 100,
        b"HTTP/1.1 201 X\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ],
)
def test_unclear_answer_is_unknown(peer, payload):
    """Nonsense, conflicts, servers in trouble and refusals that prove nothing."""
    answer = submit(peer(answering(payload)).url)

    assert answer.kind is OutcomeKind.UNKNOWN
    assert answer.reason


def test_redirect_is_not_followed(peer):
    """A payment is never sent to another place than the one asked."""
    target = peer(answering(http(201, ANSWER)))
    source = peer(answering(http(307, b"", f"Location: {target.url}/payments")))

    assert submit(source.url).kind is OutcomeKind.UNKNOWN
    assert target.requests == []
    assert len(source.requests) == 1


# --- the bank's word ------------------------------------------------------------------------------


def test_settled_and_declined(peer):
    """The right answer to this request is believed, with its reference."""
    settled = submit(peer(answering(http(201, ANSWER))).url)
    assert (settled.kind, settled.payment_ref) == (OutcomeKind.SETTLED, "p1")

    no = ANSWER | {"status": "declined", "reason": "insufficient_funds"}
    declined = submit(peer(answering(http(201, no))).url)
    assert (declined.kind, declined.reason) == (OutcomeKind.DECLINED, "insufficient_funds")

    strange = submit(peer(answering(http(201, no | {"reason": "moon_phase"}))).url)
    assert (strange.kind, strange.reason) == (OutcomeKind.DECLINED, "declined_by_bank")


@pytest.mark.parametrize("status", [400, 413, 415])
def test_refused_bytes_are_declined(peer, status):
    """What the bank refuses for its bytes alone was not and will not be executed."""
    answer = submit(peer(answering(http(status, {"error": "payee_bad"}))).url)
    assert (answer.kind, answer.reason) == (OutcomeKind.DECLINED, "payee_bad")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(["key", "order_id", "amount", "mandate_ref"]), value=JSON)
def test_answer_about_anything_else_is_unknown(name, value):
    """Another order's, amount's, mandate's or key's answer never decides this one."""
    prepared = connect(None).prepare(INTENT)
    reply = Reply(201, ANSWER | {name: value})
    expected = OutcomeKind.SETTLED if value == ANSWER[name] else OutcomeKind.UNKNOWN
    assert _meaning_of_payment(prepared, reply).kind is expected


@pytest.mark.parametrize(
    "change",
    [
        {"amount": {"minor_units": 1250.0, "currency": "GBP"}},
        {"amount": {"minor_units": 1250, "currency": "EUR"}},
        {"amount": {"minor_units": 1251, "currency": "GBP"}},
        {"payment_ref": ""},
        {"payment_ref": 7},
        {"status": "accepted"},
        {"status": "settled", "reason": "limit_per_day"},
        {"status": "declined", "reason": ""},
        {"reason": None},
    ],
)
def test_answer_that_contradicts_itself_is_unknown(change):
    """Nearly right is not right."""
    prepared = connect(None).prepare(INTENT)
    answer = _meaning_of_payment(prepared, Reply(201, ANSWER | change))
    assert answer.kind is OutcomeKind.UNKNOWN


def test_found_and_not_found(peer):
    """A look-up repeats the stored answer; only the bank's own 404 means that there is none."""

    def find(payload):
        return connect(peer(answering(payload)).url).find(SOUGHT)

    assert find(http(200, ANSWER)).kind is OutcomeKind.SETTLED
    assert find(http(404, {"error": "payment_not_found"})).kind is OutcomeKind.NOT_FOUND
    for unclear in (
        http(404, {"error": "no_such_resource"}),
        http(404, b"<html>"),
        http(410, {"error": "payment_not_found"}),
        http(201, ANSWER),
        http(200, ANSWER | {"key": "key-2"}),
        http(200, ANSWER | {"order_id": "order-2"}),
        http(200, ANSWER | {"amount": {"minor_units": 1251, "currency": "GBP"}}),
        http(500, {"error": "payment_not_found"}),
    ):
        assert find(unclear).kind is OutcomeKind.UNKNOWN
    assert connect(None).find(SOUGHT).kind is OutcomeKind.UNKNOWN


# --- what is sent ---------------------------------------------------------------------------------


def test_journalled_bytes_are_what_is_sent(peer, monkeypatch):
    """The body and headers go out as prepared; the token is added and is not in what is kept."""
    other = peer(answering(http(201, ANSWER)))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    bank = connect(other.url)
    prepared = bank.prepare(INTENT)

    assert bank.prepare(INTENT) == prepared
    assert bank.submit(prepared, MANDATE_REF).kind is OutcomeKind.SETTLED
    assert bank.submit(prepared, MANDATE_REF).kind is OutcomeKind.SETTLED

    first, second = other.requests
    assert first == second
    head, _, body = first.partition(b"\r\n\r\n")
    assert body == prepared.body
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /payments HTTP/1.1"
    assert b"Idempotency-Key: key-1" in lines
    assert b"Authorization: Bearer " + TOKEN.encode() in lines
    assert TOKEN not in str(prepared.headers)
    assert "Trattoria" not in repr(prepared)


def test_address_is_asked_for_each_request(peer):
    """A bank that restarts on another port is found again."""
    first, second = peer(answering(http(201, ANSWER))), peer(answering(http(201, ANSWER)))
    urls = iter([first.url, second.url])
    bank = SandboxBank(lambda: next(urls), lambda: TOKEN, QUICK)

    bank.submit(bank.prepare(INTENT), MANDATE_REF)
    bank.submit(bank.prepare(INTENT), MANDATE_REF)

    assert (len(first.requests), len(second.requests)) == (1, 1)


# --- mandates -------------------------------------------------------------------------------------

MANDATE = {"ref": "m1", "state": "active", "account_hint": "••42", "limits": {}}


def test_mandate_answers_are_checked(peer):
    """A well-formed answer is read; anything else is an error that names no details."""

    def read(payload):
        return connect(peer(answering(payload)).url).mandate(MandateRef("m1"))

    assert read(http(200, MANDATE)).state is MandateState.ACTIVE
    assert read(http(404, {"error": "mandate_not_found"})).state is MandateState.REVOKED
    for bad in (
        http(200, MANDATE | {"ref": "m2"}),
        http(200, MANDATE | {"state": "happy"}),
        http(200, MANDATE | {"account_hint": "12345678"}),
        http(404, {"error": "no_such_resource"}),
        http(500, MANDATE),
        http(200, b"[]"),
    ):
        with pytest.raises(BankUnreachableError):
            read(bad)


def test_mandate_calls_without_a_bank():
    """No bank: one kind of error from each of the three calls."""
    bank = connect(None)
    for call in (
        lambda: bank.begin_mandate(PayerAlias("a1"), DEFAULT_LIMITS, IdempotencyKey("k")),
        lambda: bank.mandate(MandateRef("m1")),
        lambda: bank.revoke(MandateRef("m1")),
    ):
        with pytest.raises(BankUnreachableError):
            call()


def test_revoking_what_is_gone_is_no_error(peer):
    """Erasure must be able to finish, also when it is repeated."""
    for payload in (http(204, b""), http(404, {"error": "mandate_not_found"})):
        connect(peer(answering(payload)).url).revoke(MandateRef("m1"))
    with pytest.raises(BankUnreachableError):
        connect(peer(answering(http(401, {"error": "token_bad"}))).url).revoke(MandateRef("m1"))


def test_address_and_token_files(data_dir, peer):
    """The files that the bank writes are read when they are there, and junk in them is nothing."""
    other = peer(answering(http(201, ANSWER)))
    folder = data_dir / "sandbox"
    bank = open_sandbox(context_of(data_dir))

    def kind():
        return bank.submit(bank.prepare(INTENT), MANDATE_REF).kind

    assert kind() is OutcomeKind.NOT_SENT
    folder.mkdir()
    (folder / "merchant.token").write_text(TOKEN + "\n")
    for junk in ("", "{", "[]", '{"url": 7}', "\x00"):
        (folder / "bank.json").write_text(junk)
        assert kind() is OutcomeKind.NOT_SENT
    (folder / "bank.json").write_bytes(b"\xff\xfe")
    assert kind() is OutcomeKind.NOT_SENT
    (folder / "bank.json").write_text(json.dumps({"url": other.url}))
    assert kind() is OutcomeKind.SETTLED
    fixed = open_sandbox(context_of(data_dir, "http://127.0.0.1:1"))
    assert fixed.submit(fixed.prepare(INTENT), MANDATE_REF).kind is OutcomeKind.NOT_SENT
