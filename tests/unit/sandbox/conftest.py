"""A sandbox bank inside the test process, with its books and a plain HTTP client."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import closing

import pytest

from kiosk.sandbox.bank.ledger import Ledger
from kiosk.sandbox.bank.server import BankServer, Tokens

MERCHANT_TOKEN = "merchant-token"
CONTROL_TOKEN = "control-token"


class Clock:
    """A wall clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now_s


class Client:
    """Sends requests as the merchant, or as whoever holds `token`."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self, method, path, body=None, *, key=None, token=MERCHANT_TOKEN, headers=()):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
        fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if key is not None:
            fields["Idempotency-Key"] = key
        fields |= dict(headers)
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body=raw, headers=fields)
            response = connection.getresponse()
            content = response.read()
            return response.status, json.loads(content) if content else None

    def control(self, method, word, body=None):
        return self(method, f"/control/{word}", body, token=CONTROL_TOKEN)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    books = Ledger(tmp_path / "bank.db", clock)
    yield books
    books.close()


@pytest.fixture
def idle_server(ledger):
    """A server that listens and whose accept loop is not running."""
    server = BankServer(ledger, Tokens(MERCHANT_TOKEN, CONTROL_TOKEN))
    yield server
    server.server_close()


@pytest.fixture
def server(ledger):
    server = BankServer(ledger, Tokens(MERCHANT_TOKEN, CONTROL_TOKEN))
    loop = threading.Thread(target=server.serve_forever, args=(0.01,))
    loop.start()
    yield server
    server.stop()
    loop.join()


@pytest.fixture
def client(server) -> Client:
    return Client(server.server_port)


@pytest.fixture
def mandate(client) -> str:
    """The ref of an active mandate: 100.00 a payment, 200.00 a day."""
    status, body = client("POST", "/mandates", mandate_body(), key="mandate-1")
    assert status == 201
    return body["ref"]


def mandate_body(per_payment=10_000, per_day=20_000, currency="GBP"):
    return {
        "alias": "a0123456789abcdef",
        "limits": {
            "per_payment": {"minor_units": per_payment, "currency": currency},
            "per_day": {"minor_units": per_day, "currency": currency},
        },
    }


def payment_body(mandate, order="order-1", minor_units=1250, currency="GBP"):
    return {
        "order_id": order,
        "amount": {"minor_units": minor_units, "currency": currency},
        "payee": "Trattoria Primavera",
        "mandate_ref": mandate,
    }


@pytest.fixture
def bodies():
    """The two request bodies, as functions."""

    class Bodies:
        mandate = staticmethod(mandate_body)
        payment = staticmethod(payment_body)

    return Bodies
