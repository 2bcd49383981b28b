"""The gate: keys, hostile bodies and connections; clear refusals, and nothing journalled."""

import json
import socket
import ssl
import time
from urllib.parse import urlsplit

import pytest

from kiosk.money.till import protocol, server
from kiosk.money.till.access import FOLDER_NAME, KeyRing
from kiosk.money.till.gate import WRONG_KEYS_MAX
from tests.fakes.till import TillRoom

PATHS = (
    ("GET", "/v1/orders"),
    ("GET", "/v1/orders/A1"),
    ("DELETE", "/v1/orders/A1"),
    ("GET", "/v1/totals"),
    ("GET", "/v1/menu"),
    ("GET", "/v1/receipts/A1"),
    ("GET", "/v1/diagnosis"),
    ("GET", "/v1/events"),
    ("POST", "/v1/orders"),
    ("POST", "/v1/orders/A1/close"),
    ("POST", "/v1/orders/A1/refunds"),
    ("POST", "/nexo"),
)


@pytest.mark.parametrize("wrong", ["", "Bearer", "Bearer st_x", "Basic abc", "Bearer \xff"])
def test_without_the_right_key_there_is_nothing(tills, wrong):
    """401 everywhere, before anything of the body is read."""
    for method, path in PATHS:
        answer = tills.bar.send(method, path, Authorization=wrong)
        assert answer.status in {401, 429}, (method, path)
    assert tills.bar.rest("GET", "/v1/diagnosis").status == 200


def test_wrong_keys_are_counted_and_slowed_down(tills):
    """After a few the sender is told to wait; the right key from there still opens."""
    told = [
        tills.bar.send("GET", "/v1/diagnosis", Authorization=f"Bearer st_{number}")
        for number in range(WRONG_KEYS_MAX + 1)
    ]

    assert {it.status for it in told[:-1]} == {401}
    assert told[0].headers["www-authenticate"] == "Bearer"
    assert told[-1].status == 429
    assert int(told[-1].headers["retry-after"]) <= 61
    answer = tills.bar.rest("GET", "/v1/diagnosis")
    assert (answer.status, answer.json["failed_keys"]) == (200, WRONG_KEYS_MAX)


def test_a_removed_key_is_worth_nothing_at_once(tills):
    """No restart is needed."""
    assert KeyRing(tills.money.folder / "money" / FOLDER_NAME).remove("bar")

    assert tills.bar.rest("GET", "/v1/diagnosis").status == 401
    assert tills.tablet.rest("GET", "/v1/diagnosis").status == 200


def test_answers_say_little_about_us(tills):
    """No server's name, no caching, no framing; unknown paths and methods are plain."""
    for method, path in (("GET", "/v1/diagnosis"), ("GET", "/nothing"), ("PUT", "/nexo")):
        headers = tills.bar.rest(method, path).headers
        assert "server" not in headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
    assert tills.bar.rest("GET", "/docs").status == 404
    assert tills.bar.rest("PUT", "/nexo").status == 405


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


HOSTILE = {
    "empty": b"",
    "no json": b"pay me",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "deep": deep(10_000),
    "deep list": b"[" * 60_000,
    "not utf-8": b'{"amount":"1.00","order_id":"\xff"}',
    "utf-16": '{"amount":"1.00"}'.encode("utf-16"),
    "surrogate": b'{"amount":"1.00","lines":[{"text":"\\ud800","amount":"1.00"}]}',
    "nul": b'{"amount":"1.00","lines":[{"text":"a\\u0000b","amount":"1.00"}]}',
    "control": b'{"amount":"1.00","lines":[{"text":"a\\nb","amount":"1.00"}]}',
    "NaN": b'{"amount":NaN}',
    "Infinity": b'{"amount":Infinity}',
    "text NaN": b'{"amount":"NaN"}',
    "exponent": b'{"amount":1e2}',
    "huge exponent": b'{"amount":1e999999999}',
    "negative": b'{"amount":-1.00}',
    "zero": b'{"amount":0}',
    "minus zero": b'{"amount":-0.0}',
    "three decimals": b'{"amount":1.005}',
    "long number": b'{"amount":' + b"9" * 5_000 + b"}",
    "other digits": '{"amount":"１２.00"}'.encode(),
    "comma": b'{"amount":"12,50"}',
    "spaces": b'{"amount":" 12.50 "}',
    "true": b'{"amount":true}',
    "object": b'{"amount":{"a":1}}',
    "twice": b'{"amount":"1.00","amount":"2.00"}',
    "bad id": b'{"amount":"1.00","order_id":"a/b"}',
    "long id": b'{"amount":"1.00","order_id":"' + b"x" * 36 + b'"}',
    "id is a number": b'{"amount":"1.00","order_id":5}',
    "too many lines": json.dumps(
        {"amount": "1.00", "lines": [{"text": "x", "amount": "1.00"}] * 101}
    ).encode(),
    "long line": json.dumps(
        {"amount": "1.00", "lines": [{"text": "x" * 201, "amount": "1.00"}]}
    ).encode(),
    "lines of text": b'{"amount":"1.00","lines":"abc"}',
    "trailing": b'{"amount":"1.00"}{}',
}


def refuse_all(tills: TillRoom, path: str, body: bytes) -> None:
    before = tills.money.disk.durable
    answer = tills.bar.send("POST", path, body)

    assert 400 <= answer.status < 500, answer.body
    assert set(answer.json) == {"error", "message", "mend"}
    assert tills.money.disk.durable == before


@pytest.mark.parametrize("path", ["/v1/orders", "/nexo"])
def test_hostile_bodies_are_refused_and_leave_no_trace(tills, path):
    """A clear 4xx that says what to do; not one byte is journalled."""
    for body in HOSTILE.values():
        refuse_all(tills, path, body)
    assert tills.bar.rest("POST", "/v1/orders", {"amount": "1.00"}).status == 201


def test_hostile_nexo_messages_are_refused(tills):
    """Wrong heads, wrong bodies, two bodies, none."""
    good = tills.bar.message("Login", "1", {})
    head = good["SaleToPOIRequest"]["MessageHeader"]
    for change in (
        {"ProtocolVersion": "2.0"}, {"MessageType": "Response"}, {"MessageCategory": "Nuke"},
        {"ServiceID": "x" * 11}, {"ServiceID": ""}, {"ServiceID": 1}, {"SaleID": "a b"},
        {"POIID": "x" * 201}, {"MessageClass": "Event"}, {"SaleID": None},
    ):  # fmt: skip
        message = {"SaleToPOIRequest": {"MessageHeader": {**head, **change}, "LoginRequest": {}}}
        refuse_all(tills, "/nexo", json.dumps(message).encode())
    for body in (
        {}, {"LoginRequest": None}, {"LogoutRequest": {}}, {"LoginRequest": []},
        {"LoginRequest": {}, "LogoutRequest": {}},
    ):  # fmt: skip
        message = {"SaleToPOIRequest": {"MessageHeader": head, **body}}
        refuse_all(tills, "/nexo", json.dumps(message).encode())
    other = tills.bar.message("Payment", "1", {})
    other["SaleToPOIRequest"]["PaymentRequest"] = {
        "SaleData": {"SaleTransactionID": {"TransactionID": "A1"}},
        "PaymentTransaction": {"AmountsReq": {"Currency": "EUR", "RequestedAmount": 1}},
    }
    refuse_all(tills, "/nexo", json.dumps(other).encode())


def test_a_refusal_does_not_repeat_what_was_sent(tills):
    """A staff code that does not fit its pattern is in no answer."""
    body = {"staff": "ann", "code": "87654321x"}
    answer = tills.tablet.rest("POST", "/v1/orders/A1/close", body)

    assert answer.status == 400
    assert b"8765" not in answer.body
    assert b"code" in answer.body


def test_long_and_wrongly_named_bodies_are_refused(tills):
    """413 and 415."""
    long = b'{"amount":"1.00","x":"' + b"x" * 70_000 + b'"}'

    assert tills.bar.send("POST", "/v1/orders", long).status == 413
    form = tills.bar.send("POST", "/v1/orders", b"amount=1", Content_Type="text/plain")
    assert form.status == 415


def raw(tills: TillRoom) -> ssl.SSLSocket:
    address = urlsplit(tills.bar.url)
    context = ssl.create_default_context(cafile=str(tills.bar.certificate))
    plain = socket.create_connection((address.hostname, address.port), timeout=10)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def is_hung_up(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except OSError:
        return True


@pytest.mark.parametrize(
    "first",
    [b"", b"GET /v1/dia", b"POST /nexo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"],
)
def test_whoever_is_slow_is_hung_up_on(tills, monkeypatch, first):
    """A head or body that does not come in time costs a connection and nothing else."""
    monkeypatch.setattr(protocol, "ARRIVAL_S_MAX", 0.3)
    began = time.monotonic()
    with raw(tills) as slow:
        slow.sendall(first)
        while not is_hung_up(slow):
            pass
    assert time.monotonic() - began < 5
    assert tills.bar.rest("GET", "/v1/diagnosis").status == 200


def test_a_long_head_is_refused(tills):
    """A head of megabytes is not kept."""
    with raw(tills) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000)
        assert b"400" in connection.recv(200)


def test_connections_are_bounded(tills, monkeypatch):
    """Above the bound the newest is hung up on; when others go, there is room again."""
    monkeypatch.setattr(server, "CONNECTIONS_EACH_MAX", 3)
    address = urlsplit(tills.bar.url)
    held = [socket.create_connection((address.hostname, address.port)) for _ in range(8)]
    refused = 0
    for connection in held:
        connection.settimeout(0.5)
        try:
            refused += connection.recv(1) == b""
        except TimeoutError:
            pass
        except OSError:
            refused += 1
    for connection in held:
        connection.close()
    while True:
        try:
            assert tills.bar.rest("GET", "/v1/diagnosis").status == 200
            break
        except OSError:
            continue

    assert refused == 5


def test_plain_http_and_old_tls_are_refused(tills):
    """There is nothing but TLS 1.2 and later."""
    address = urlsplit(tills.bar.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as plain:
        plain.sendall(b"GET /v1/diagnosis HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP/")
    assert tills.server._server.config.ssl.minimum_version == ssl.TLSVersion.TLSv1_2
