"""The bank's HTTP face: strict requests, idempotency, time limits, threads, control."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kiosk.sandbox.bank import server as server_module
from kiosk.sandbox.bank.server import BODY_BYTES_MAX, BankServer, Tokens


def oracle(client, order):
    status, body = client.control("GET", f"oracle?order={order}")
    assert status == 200
    assert body["balanced"] is True
    return body["debits"]


def raw_payment(bodies, mandate, key="k-raw", token="merchant-token"):
    body = json.dumps(bodies.payment(mandate)).encode()
    head = (
        f"POST /payments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def everything(connection):
    """Read until the other side closes; a reset is an end too."""
    received = b""
    try:
        while chunk := connection.recv(65_536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def test_mandate_life(client, bodies):
    """A mandate is approved at once, read, revoked twice, and shows only two digits."""
    status, opened = client("POST", "/mandates", bodies.mandate(), key="key-1")
    assert status == 201
    assert opened["state"] == "active"
    assert len(opened["account_hint"]) == 4
    assert client("POST", "/mandates", bodies.mandate(), key="key-1") == (201, opened)
    assert client("POST", "/mandates", bodies.mandate(9_999), key="key-1")[0] == 409
    path = f"/mandates/{opened['ref']}"
    assert client("GET", path) == (200, opened)

    assert client("DELETE", path) == (204, None)
    assert client("DELETE", path) == (204, None)

    assert client("GET", path)[1]["state"] == "revoked"
    assert client("GET", "/mandates/nobody") == (404, {"error": "mandate_not_found"})


def test_payment_and_lookup(client, bodies, mandate):
    """The stored answer is given for the same key, by POST and by look-up; other bytes conflict."""
    status, paid = client("POST", "/payments", bodies.payment(mandate), key="k1")

    assert status == 201
    assert paid["status"] == "settled"
    assert paid["amount"] == {"minor_units": 1250, "currency": "GBP"}
    assert client("POST", "/payments", bodies.payment(mandate), key="k1") == (201, paid)
    assert client("GET", "/payments/by-key/k1") == (200, paid)
    assert client("GET", "/payments/by-key/k2") == (404, {"error": "payment_not_found"})
    other = bodies.payment(mandate, minor_units=1251)
    assert client("POST", "/payments", other, key="k1")[0] == 409
    assert oracle(client, "order-1") == 1


def test_bytes_not_meaning_are_compared(client, bodies, mandate):
    """The same JSON with other white space is another body under the key."""
    body = json.dumps(bodies.payment(mandate))
    assert client("POST", "/payments", body.encode(), key="k1")[0] == 201
    assert client("POST", "/payments", (body + " ").encode(), key="k1")[0] == 409


def test_thirty_at_once_are_one_debit(client, bodies, mandate):
    """Thirty threads with one key: one debit, thirty identical answers."""
    with ThreadPoolExecutor(30) as pool:
        answers = list(
            pool.map(
                lambda _: client("POST", "/payments", bodies.payment(mandate), key="k1"), range(30)
            )
        )

    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 201
    assert oracle(client, "order-1") == 1


def mutate(**changes):
    def change(body):
        return {
            name: value for name, value in (body | changes).items() if value is not mutate.absent
        }

    return change


mutate.absent = object()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (mutate(order_id=""), "order_id_bad"),
        (mutate(order_id="x" * 36), "order_id_bad"),
        (mutate(order_id="a/b"), "order_id_bad"),
        (mutate(order_id=7), "order_id_bad"),
        (mutate(payee=""), "payee_bad"),
        (mutate(payee="x" * 71), "payee_bad"),
        (mutate(payee="a\nb"), "payee_bad"),
        (mutate(mandate_ref=None), "mandate_ref_bad"),
        (mutate(extra=1), "fields_bad"),
        (mutate(payee=mutate.absent), "fields_bad"),
        (mutate(amount=1250), "amount_bad"),
        (mutate(amount={"minor_units": 0, "currency": "GBP"}), "amount_bad"),
        (mutate(amount={"minor_units": -1, "currency": "GBP"}), "amount_bad"),
        (mutate(amount={"minor_units": 12.0, "currency": "GBP"}), "amount_bad"),
        (mutate(amount={"minor_units": "12", "currency": "GBP"}), "amount_bad"),
        (mutate(amount={"minor_units": True, "currency": "GBP"}), "amount_bad"),
        (mutate(amount={"minor_units": 10**12, "currency": "GBP"}), "amount_bad"),
        (mutate(amount={"minor_units": 5, "currency": "gbp"}), "amount_bad"),
    ],
)
def test_payment_request_is_read_strictly(client, bodies, mandate, change, code):
    """Anything but the documented body is refused with a code, and nothing is executed."""
    body = change(bodies.payment(mandate))

    assert client("POST", "/payments", body, key="k1") == (400, {"error": code})
    assert client.control("GET", "oracle")[1]["debits"] == 0


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "json_bad"),
        (b"{", "json_bad"),
        (b"\xff\xfe", "json_bad"),
        (b"[" * 9_000, "json_bad"),
        (b"[]", "json_not_an_object"),
        (b'{"a": 1, "a": 1}', "json_duplicate_field"),
        (b'{"order_id": NaN}', "fields_bad"),
    ],
)
def test_body_must_be_one_json_object(client, raw, code):
    """Broken, deep, doubled and foreign JSON is refused."""
    assert client("POST", "/payments", raw, key="k1") == (400, {"error": code})


@pytest.mark.parametrize(
    ("headers", "key", "expected"),
    [
        ({}, None, (400, {"error": "idempotency_key_missing"})),
        ({}, "x" * 41, (400, {"error": "idempotency_key_bad"})),
        ({}, "a b", (400, {"error": "idempotency_key_bad"})),
        ({"Content-Type": "text/plain"}, "k", (415, {"error": "content_type_bad"})),
        ({"Authorization": "Bearer wrong"}, "k", (401, {"error": "token_bad"})),
        ({"Authorization": "Bearer \u00fc"}, "k", (401, {"error": "token_bad"})),
    ],
)
def test_headers_are_checked(client, bodies, mandate, headers, key, expected):
    """Key, type and token are required, and a refused request is not executed."""
    answer = client("POST", "/payments", bodies.payment(mandate), key=key, headers=headers.items())

    assert answer == expected
    assert client.control("GET", "oracle")[1]["debits"] == 0


def test_body_has_a_ceiling(server, bodies):
    """A body that is announced too long is refused without reading it."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        head = f"POST /payments HTTP/1.1\r\nContent-Length: {BODY_BYTES_MAX + 1}\r\n\r\n"
        connection.sendall(head.encode())
        assert everything(connection).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"PUT /payments HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /payments HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /payments HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /payments HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        b"POST /payments HTTP/1.1\r\nContent-Length: 50\r\n\r\nhalf",
    ],
)
def test_broken_http_ends_without_harm(server, client, bodies, mandate, request_bytes):
    """Malformed requests are refused or dropped, and the next customer is served."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        assert b"HTTP/1.1 2" not in everything(connection)

    assert client("POST", "/payments", bodies.payment(mandate), key="k1")[0] == 201


def test_half_a_request_gets_no_answer(server, bodies, ledger):
    """Wherever a request breaks off nothing is executed and nothing is said.

    A refusal would be taken for the bank's word on a payment that an earlier send may have made.
    """
    request = raw_payment(bodies, "m-nobody")
    for length in range(0, len(request), 7):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
            connection.sendall(request[:length])
            connection.shutdown(socket.SHUT_WR)
            assert everything(connection) == b""
    assert ledger.payment_by_key("k-raw") is None


def test_tokens_are_not_interchangeable(client):
    """The merchant cannot reach the control side, nor the control token the merchant's."""
    assert client("GET", "/control/oracle")[0] == 401
    assert client("GET", "/payments/by-key/k", token="control-token")[0] == 401
    assert client("GET", "/nowhere")[0] == 404
    assert client.control("GET", "nowhere")[0] == 404


def test_slow_request_is_cut_off(server, client, bodies, mandate, monkeypatch):
    """A request that is not complete by READ_S is dropped, however steadily it drips."""
    monkeypatch.setattr(server_module, "READ_S", 0.05)
    request = raw_payment(bodies, mandate)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        connection.sendall(request[:-1])
        assert everything(connection) == b""

    assert oracle(client, "order-1") == 0


def test_late_request_is_refused(client, bodies, mandate, monkeypatch):
    """Past EXECUTE_S a payment is not executed and its key stays free."""
    with monkeypatch.context() as patch:
        patch.setattr(server_module, "EXECUTE_S", 0.0)
        answer = client("POST", "/payments", bodies.payment(mandate), key="k1")

    assert answer == (503, {"error": "too_late"})
    assert client("GET", "/payments/by-key/k1")[0] == 404
    assert client("POST", "/payments", bodies.payment(mandate), key="k1")[0] == 201


def test_what_queued_while_the_process_stood_still_is_closed(idle_server, ledger, bodies):
    """After a stall no waiting request is executed; what comes later is served."""
    address = ("127.0.0.1", idle_server.server_port)
    request = raw_payment(bodies, "m-nobody")
    waiting = [socket.create_connection(address, timeout=5) for _ in range(3)]
    for connection in waiting:
        connection.sendall(request)
    idle_server._queue_empty_s -= server_module.EXECUTE_S

    for _ in waiting:
        idle_server._handle_request_noblock()
        idle_server.service_actions()

    for connection in waiting:
        assert everything(connection) == b""
        connection.close()
    assert ledger.payment_by_key("k-raw") is None
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(request)
        idle_server._handle_request_noblock()
        assert everything(connection).startswith(b"HTTP/1.1 201 ")


def test_threads_are_bounded(ledger, bodies, monkeypatch):
    """With all threads busy a connection is refused at once instead of waiting for one."""
    monkeypatch.setattr(server_module, "THREADS_MAX", 1)
    server = BankServer(ledger, Tokens("merchant-token", "control-token"))
    loop = threading.Thread(target=server.serve_forever, args=(0.01,))
    loop.start()
    try:
        address = ("127.0.0.1", server.server_port)
        with (
            socket.create_connection(address, timeout=5),
            socket.create_connection(address, timeout=5) as second,
        ):
            assert everything(second).startswith(b"HTTP/1.1 503 ")
    finally:
        server.stop()
        loop.join()


def test_stop_does_not_wait_for_idle_connections(ledger):
    """Stopping wakes connections that say nothing."""
    server = BankServer(ledger, Tokens("merchant-token", "control-token"))
    loop = threading.Thread(target=server.serve_forever, args=(0.01,))
    loop.start()
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as connection:
        connection.sendall(b"GET /")
        server.stop()
        loop.join()
        assert everything(connection) == b""


def test_control_side(client, bodies, mandate):
    """Clock, approval and mandate states can be set; nonsense is refused."""
    assert client.control("POST", "clock", {"offset_s": 90_000})[0] == 200
    assert client.control("POST", "clock", {"offset_s": 1.5}) == (400, {"error": "offset_bad"})
    assert client.control("POST", "approval", {"at_once": False})[0] == 200
    _, waiting = client("POST", "/mandates", bodies.mandate(), key="m2")
    assert waiting["state"] == "pending"
    change = {"ref": waiting["ref"], "state": "suspended"}
    assert client.control("POST", "mandates", change)[0] == 200
    assert client("GET", f"/mandates/{waiting['ref']}")[1]["state"] == "suspended"
    assert client.control("POST", "mandates", change | {"state": "x"})[0] == 400
    assert client.control("POST", "mandates", change | {"ref": "nobody"})[0] == 404
