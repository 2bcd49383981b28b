"""The door's frame: TLS, addresses, methods, headers, tokens, and time limits."""

from __future__ import annotations

import json
import socket
import ssl
import tempfile
import threading
import uuid
from dataclasses import replace
from email.utils import parsedate_to_datetime

import pytest

from kiosk.sandbox.bank.vrp import server as server_module
from kiosk.sandbox.bank.vrp.pki import make_pki
from kiosk.sandbox.bank.vrp.server import BODY_BYTES_MAX
from tests.fakes.third_party import ABSENT


def ask(port, context):
    """Ask for the bank's keys; in TLS 1.3 a refusal comes with the first answer."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.sendall(b"GET /jwks HTTP/1.1\r\n\r\n")
        return secure.recv(1)


def test_without_a_certificate_there_is_no_connection(door, tpp):
    """TLS itself refuses who shows no certificate."""
    anonymous = ssl.create_default_context(cadata=tpp.onboarding["ca_pem"])
    assert ask(door.clients.server_port, tpp.context) == b"H"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(door.clients.server_port, anonymous)


def test_certificate_of_another_authority(door, tpp):
    """A certificate that another authority has issued is refused by TLS."""
    other = make_pki().clients[0].transport
    foreign = ssl.create_default_context(cadata=tpp.onboarding["ca_pem"])
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(other.certificate + other.key)
        file.flush()
        foreign.load_cert_chain(file.name)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(door.clients.server_port, foreign)


def test_old_tls_is_not_spoken(door):
    """TLS 1.2 is the least, on both listeners."""
    for server in (door.clients, door.browsers):
        assert server.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_who_says_nothing_keeps_nobody_waiting(door, tpp):
    """A handshake that never comes is awaited in its own thread, and ends with the bank."""
    with socket.create_connection(("127.0.0.1", door.clients.server_port), timeout=5):
        assert tpp.send("GET", tpp.onboarding["jwks_uri"]).status == 200


def test_handshake_has_a_time_limit(door, monkeypatch):
    """Who does not finish the handshake is cut off after READ_S."""
    monkeypatch.setattr(server_module, "READ_S", 0.05)
    with socket.create_connection(("127.0.0.1", door.clients.server_port), timeout=5) as silent:
        assert silent.recv(1) == b""


def test_late_payment_is_never_executed(tpp, debits, monkeypatch):
    """Past EXECUTE_S a payment is refused, and its key is free."""
    consent_id, token = tpp.approved()
    body = tpp.payment_body(consent_id)
    with monkeypatch.context() as patch:
        patch.setattr(server_module, "EXECUTE_S", 0.0)
        late = tpp.call("POST", "/domestic-vrps", body, token=token, key="k1")

    assert late.status == 503
    assert debits() == 0
    assert tpp.call("POST", "/domestic-vrps", body, token=token, key="k1").status == 201


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/domestic-vrps/x/y/z", 404),
        ("GET", "/domestic-payments", 404),
        ("GET", "/domestic-vrp-consents", 405),
        ("PUT", "/domestic-vrp-consents/x", 405),
        ("PATCH", "/domestic-vrp-consents/x", 405),
        ("OPTIONS", "/domestic-vrps", 405),
        ("BREW", "/domestic-vrps", 405),
        ("DELETE", "/domestic-vrps/x", 405),
        ("GET", "/events", 405),
    ],
)
def test_addresses_and_methods(tpp, method, path, status):
    """What is not there is 404, what is there in another way is 405 with the right ways."""
    reply = tpp.call(method, path)

    assert (reply.status, reply.raw) == (status, b"")
    assert ("Allow" in reply.headers) == (status == 405)
    uuid.UUID(reply.headers["x-fapi-interaction-id"])


def test_head_has_no_body(tpp):
    """HEAD is not offered, and its answer ends with the head."""
    assert tpp.call("HEAD", "/domestic-vrps/x").status == 405


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"Accept": "text/html"}, 406, None),
        ({"Accept": "application/jose+jwe"}, 406, None),
        ({"Accept": "application/json;q=0"}, 406, None),
        ({"Content-Type": "text/plain"}, 415, None),
        ({"Content-Type": "application/json; charset=latin-1"}, 415, None),
        ({"Content-Type": ABSENT}, 415, None),
        ({"x-idempotency-key": ABSENT}, 400, "U007"),
        ({"x-idempotency-key": "k" * 41}, 400, "U006"),
        ({"x-idempotency-key": ""}, 400, "U006"),
        ({"x-fapi-interaction-id": "not-a-uuid"}, 400, "U006"),
        ({"x-fapi-auth-date": "yesterday"}, 400, "U006"),
        ({"x-fapi-auth-date": "Sun, 10 Sep 2017 19:43:31 CET"}, 400, "U006"),
        ({"x-fapi-customer-ip-address": "here"}, 400, "U006"),
        ({"Accept": "application/json; charset=utf-8"}, 201, None),
        ({"Accept": "text/html, */*;q=0.1"}, 201, None),
        ({"Accept": ABSENT}, 201, None),
        ({"Content-Type": "application/json; charset=utf-8"}, 201, None),
        ({"x-idempotency-key": "a key with spaces"}, 201, None),
        ({"x-fapi-interaction-id": ABSENT}, 201, None),
        ({"x-fapi-auth-date": "Sun, 10 Sep 2017 19:43:31 UTC"}, 201, None),
        ({"x-fapi-customer-ip-address": "2001:db8::1"}, 201, None),
    ],
)
def test_headers(tpp, changes, status, code):
    """Each header has its rule, and each breach its status and code."""
    reply = tpp.call("POST", "/domestic-vrp-consents", tpp.consent_body(), key="k1", **changes)

    assert reply.status == status
    if code is not None:
        assert reply.code == code
        assert reply.json["Errors"][0]["Path"] in changes


def test_interaction_id_is_played_back(tpp):
    """On success, refusal and 401 alike; one that is no UUID is replaced."""
    mine = str(uuid.uuid4())
    for reply in (
        tpp.call("POST", "/events", {}, x_fapi_interaction_id=mine),
        tpp.call("GET", "/domestic-vrps/x", x_fapi_interaction_id=mine),
        tpp.call("GET", "/domestic-vrps/x", token="bad", x_fapi_interaction_id=mine),
    ):
        assert reply.headers["x-fapi-interaction-id"] == mine
    odd = tpp.call("GET", "/domestic-vrps/x", x_fapi_interaction_id="odd")
    uuid.UUID(odd.headers["x-fapi-interaction-id"])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a":1,"a":2}', b'{"a":NaN}', b'"\\ud800"'])
def test_bodies_that_are_no_json_objects(tpp, body):
    """Broken bodies are U010, or say which field is missing."""
    reply = tpp.call(
        "POST", "/domestic-vrp-consents", body, key="k1", signature=tpp.sign(body),
    )  # fmt: skip

    assert reply.status == 400
    assert reply.code in {"U002", "U004", "U010"}


def test_body_has_a_ceiling(tpp):
    """A body that is announced too long is refused without reading it."""
    reply = tpp.send(
        "POST",
        tpp.onboarding["resource_base"] + "/domestic-vrps",
        b"",
        {
            "Authorization": f"Bearer {tpp.client_token()}",
            "Content-Type": "application/json",
            "Content-Length": str(BODY_BYTES_MAX + 1),
        },
    )
    assert reply.status in {400, 403}


def test_date_is_the_banks(tpp, ledger, clock):
    """The Date header follows the bank's own clock, so that a client can learn its skew."""
    ledger.set_clock(90_000)
    reply = tpp.send("GET", tpp.onboarding["jwks_uri"])
    told = parsedate_to_datetime(reply.headers["Date"]).timestamp()
    assert told == int(clock()) + 90_000


def test_many_at_once_are_one_payment(tpp, debits, clock):
    """Ten threads with one key: one resource, one debit."""
    consent_id, token = tpp.approved()
    body = json.dumps(tpp.payment_body(consent_id)).encode()
    signature = tpp.sign(body)
    replies = []

    def pay():
        replies.append(
            tpp.call("POST", "/domestic-vrps", body, token=token, key="k1", signature=signature)
        )

    threads = [threading.Thread(target=pay) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [reply.status for reply in replies] == [201] * 10
    assert len({reply.json["Data"]["DomesticVRPId"] for reply in replies}) == 1
    clock.now_s += 1
    assert debits("ABCDEFGHIJ234567AB") == 1


def test_a_client_that_the_bank_does_not_know(door, tpp, pki, ledger):
    """A certificate of our authority that belongs to no client opens nothing."""
    door._api._pki = door._oauth._pki = replace(pki, clients=pki.clients[1:])
    token = tpp.token(grant_type="client_credentials", scope="payments")
    assert (token.status, token.json["error"]) == (401, "invalid_client")
    assert tpp.call("GET", "/domestic-vrps/x", token="whatever").status == 401
