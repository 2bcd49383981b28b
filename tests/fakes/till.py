"""A till of the tests: it speaks HTTPS to the real interface over a money room in memory."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kiosk.money.config import TillConfig
from kiosk.money.till.access import FOLDER_NAME, KeyRing, TillRole
from kiosk.money.till.server import TillServer, open_till
from tests.fakes.money_room import CHEAP, MoneyRoom

STAFF_CODES = {"ann": "1234"}
WITH_TILL = replace(CHEAP, till=TillConfig(enabled=True, port=0), staff_codes=STAFF_CODES)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def nexo(self) -> dict[str, Any]:
        """The body of a nexo answer, whatever its category."""
        found = dict(self.json["SaleToPOIResponse"])
        del found["MessageHeader"]
        ((_, body),) = found.items()
        return body

    @property
    def response(self) -> dict[str, Any]:
        return self.nexo["Response"]


@dataclass(frozen=True)
class TillClient:
    """One till, with its name and key; each call is a connection of its own."""

    url: str
    certificate: Path
    name: str
    key: str
    timeout_s: float = 60.0

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.certificate))
        address = urlsplit(self.url)
        assert address.hostname is not None
        return http.client.HTTPSConnection(
            address.hostname, address.port, timeout=self.timeout_s, context=context
        )

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Authorization", f"Bearer {self.key}")
        if body is not None:
            named.setdefault("Content-Type", "application/json")
        connection = self.connect()
        try:
            connection.request(method, path, body, named)
            got = connection.getresponse()
            told = {name.lower(): value for name, value in got.getheaders()}
            return Answer(got.status, told, got.read())
        finally:
            connection.close()

    def rest(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        return self.send(method, path, None if body is None else json.dumps(body).encode())

    def nexo(self, category: str, service_id: str, body: dict[str, Any], **header: Any) -> Answer:
        message = self.message(category, service_id, body, **header)
        return self.send("POST", "/nexo", json.dumps(message).encode())

    def message(
        self, category: str, service_id: str, body: dict[str, Any], **header: Any
    ) -> dict[str, Any]:
        head = {
            "ProtocolVersion": "3.0",
            "MessageClass": "Service",
            "MessageCategory": category,
            "MessageType": "Request",
            "ServiceID": service_id,
            "SaleID": self.name,
            "POIID": "kiosk-1",
            **header,
        }
        return {"SaleToPOIRequest": {"MessageHeader": head, f"{category}Request": body}}

    def pay(self, service_id: str, order: str, amount: float | str = 12.5, **more: Any) -> Answer:
        return self.nexo("Payment", service_id, payment(order, amount, **more))

    def status_of(self, service_id: str, own_id: str) -> Answer:
        reference = {"MessageReference": {"ServiceID": service_id}}
        return self.nexo("TransactionStatus", own_id, reference)

    def abort(self, service_id: str, own_id: str) -> Answer:
        reference = {"MessageReference": {"ServiceID": service_id}}
        return self.nexo("Abort", own_id, reference)

    def reverse(
        self, own_id: str, order: str, amount: float | None = None, code: str = "1234"
    ) -> Answer:
        body: dict[str, Any] = {
            "OriginalPOITransaction": {"POITransactionID": {"TransactionID": order}},
            "SaleData": {"OperatorID": "ann", "SaleToPOIData": code},
        }
        if amount is not None:
            body["ReversedAmount"] = amount
        return self.nexo("Reversal", own_id, body)


def payment(order: str, amount: float | str = 12.5, **more: Any) -> dict[str, Any]:
    return {
        "SaleData": {"SaleTransactionID": {"TransactionID": order, "TimeStamp": "2026-11-23"}},
        "PaymentTransaction": {
            "AmountsReq": {"Currency": "GBP", "RequestedAmount": amount},
            **more,
        },
    }


@dataclass
class TillRoom:
    """A money room with its till interface open; `bar` is a till, `tablet` is staff."""

    money: MoneyRoom
    server: TillServer
    bar: TillClient
    tablet: TillClient

    def reopen(self, **options: Any) -> None:
        """Open the interface anew, over the money room as it is now."""
        self.server.stop()
        self.server = _opened(self.money, options)
        self.bar = replace(self.bar, url=self.server.url)
        self.tablet = replace(self.tablet, url=self.server.url)

    def client(self, name: str, role: TillRole) -> TillClient:
        key = KeyRing(self.money.folder / "money" / FOLDER_NAME).add(name, role, "now")
        return replace(self.bar, name=name, key=key)


def _opened(money: MoneyRoom, options: dict[str, Any]) -> TillServer:
    settings = {"payment_wait_s": 0.02, "wrong_key_delay_s": 0.0, **options}
    server = open_till(money.service.till_room(money.folder), **settings)
    server.start()
    return server


@contextmanager
def till_room(folder: Path, **options: Any) -> Iterator[TillRoom]:
    """Open the interface over a room with one enrolled payer; close it at the end."""
    money = MoneyRoom(folder, options.pop("config", WITH_TILL))
    money.enrol()
    ring = KeyRing(folder / "money" / FOLDER_NAME)
    keys = {name: ring.add(name, role, "now") for name, role in _TILLS.items()}
    server = _opened(money, options)
    clients = {
        name: TillClient(server.url, server.certificate.path, name, key)
        for name, key in keys.items()
    }
    room = TillRoom(money, server, clients["bar"], clients["tablet"])
    try:
        yield room
    finally:
        room.server.stop()


_TILLS = {"bar": TillRole.TILL, "tablet": TillRole.STAFF}
