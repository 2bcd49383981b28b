"""Measures what the engine adds to a payment: beside the bank's time, bare requests and fsyncs.

Everything of one turn is measured one after the other, so that a busy machine spoils all parts
alike: a payment through the real money service, the VRP connector and the sandbox bank in its own
process; as many bare mutual-TLS requests as that payment made; and two bare fsyncs in the journal's
folder. The bank's own time comes from the bank's log, so it counts the same on both sides.

The floor of a payment is what no engine could go below: bank + requests + two fsyncs. It is given
twice: for the requests that were made, and for one alone.
The bank's ladder is scripted without delays, as if it settled at once. Three requests make a
payment even so: advice on funds, the payment, and a look at it, because the API's first answer to a
payment is never "settled".
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import ssl
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tqdm import tqdm

from kiosk.crew import Crew
from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import OrderId, PayerAlias
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import Outcome
from kiosk.link.protocol import (
    PROTOCOL_VERSION,
    AnyMessage,
    Authorise,
    Authorised,
    GetOrder,
    Hello,
    MandateOpened,
    OpenMandate,
    OpenOrder,
    OrderOffer,
    Role,
)
from kiosk.money.config import MoneyConfig
from kiosk.money.service import MoneyService, build
from kiosk.sandbox.bank import oracle

PENNY = Money(1)
LIMITS = MandateLimits(per_payment=Money(100), per_day=Money(10_000))
PAYERS = 10
"""Who take turns, so that each has paid a few dozen times, like a guest of a year."""
WARM_UP = 2 * PAYERS
"""Payments that are not counted: each payer's token is fetched, caches are filled."""
FLOOR_FSYNCS = 2
"""The intent before the first byte, the result before the answer (payments.md, 5.1)."""
RECORD_BYTES = 1_500
"""About one sealed intent."""
TARGET_OVER_FLOOR_MS = 5.0
"""The issue's target at p95."""
T = TypeVar("T")
_FACES = Hello(PROTOCOL_VERSION, Role.FACES, CameraKind.DEVICE)
_TILL = Hello(PROTOCOL_VERSION, Role.TILL)


@dataclass(frozen=True, slots=True)
class Turn:
    """One payment and what it is compared with, in milliseconds."""

    engine_ms: float
    bank_ms: float
    requests: int
    request_ms: float
    """One bare request, without the bank's share of it."""
    fsync_ms: float

    @property
    def floor_ms(self) -> float:
        """What no engine could go below that asks the bank as often."""
        return self.bank_ms + self.requests * self.request_ms + FLOOR_FSYNCS * self.fsync_ms

    @property
    def one_request_floor_ms(self) -> float:
        """What a payment of a single request would take: the issue's floor, and its target's."""
        return self.bank_ms + self.request_ms + FLOOR_FSYNCS * self.fsync_ms


def measure(count: int) -> list[Turn]:
    """Make payments and their floors, interleaved.

    Args:
        count: How many payments count; a few more come before.

    Raises:
        SmileTillError: The sandbox bank cannot be started.
        RuntimeError: A payment did not end as PAID, so that its time would mean nothing.
    """
    with TemporaryDirectory(prefix="smiletill-bench-") as folder:
        data_dir = Path(folder)
        crew = Crew(data_dir, None)
        try:
            crew.start("bank", None)
            oracle.control(
                data_dir, "POST", "vrp/ladder",
                body={"delays_s": {"ACSP": 0, "ACSC": 0}, "final": "settle"},
            )  # fmt: skip
            return _Bench(data_dir).run(count)
        finally:
            crew.stop()


class _Bench:
    """One installation in this process, and the bank in its own."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        (data_dir / "money").mkdir(mode=0o700)
        self._service: MoneyService = build(
            data_dir, secrets.token_bytes(32), MoneyConfig(connector="vrp")
        )
        self._payers = tuple(PayerAlias(f"a{secrets.token_hex(8)}") for _ in range(PAYERS))
        self._bare = _BareRequest(data_dir)
        self._file = os.open(data_dir / "money" / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def run(self, count: int) -> list[Turn]:
        try:
            self._service.start()
            for payer in self._payers:
                opened = self._ask(_FACES, OpenMandate(payer, LIMITS, "482913"))
                if not isinstance(opened, MandateOpened) or opened.state is not MandateState.ACTIVE:
                    message = "the sandbox bank did not give a mandate"
                    raise RuntimeError(message)
            turns = [
                self._turn(number)
                for number in tqdm(range(WARM_UP + count), desc="payments", file=sys.stderr)
            ]
        finally:
            self._service.stop()
            os.close(self._file)
        return turns[WARM_UP:]

    def _turn(self, number: int) -> Turn:
        order_id = OrderId(f"bench-{number}")
        self._ask(_TILL, OpenOrder(order_id, PENNY))
        offer = self._ask(_FACES, GetOrder(order_id))
        assert isinstance(offer, OrderOffer)
        assert offer.nonce is not None
        ask = Authorise(
            order_id, PENNY, offer.nonce, self._payers[number % PAYERS],
            Basis.FACE, ConsentKind.SMILE,
        )  # fmt: skip
        oracle.control(self._data_dir, "DELETE", "vrp/requests")
        told, engine_ms = _timed(lambda: self._ask(_FACES, ask))
        if not isinstance(told, Authorised) or told.outcome is not Outcome.PAID:
            message = "a payment of the bench was not paid"
            raise RuntimeError(message)
        served = _served_ms(self._data_dir)
        oracle.control(self._data_dir, "DELETE", "vrp/requests")
        _, whole_ms = _timed(self._bare.send)
        (bare_ms,) = _served_ms(self._data_dir)
        _, fsync_ms = _timed(self._sync)
        return Turn(engine_ms, sum(served), len(served), whole_ms - bare_ms, fsync_ms)

    def _ask(self, hello: Hello, message: AnyMessage) -> AnyMessage:
        (answer,) = self._service.handle(hello, message)
        return answer

    def _sync(self) -> None:
        os.write(self._file, bytes(RECORD_BYTES))
        os.fsync(self._file)


class _BareRequest:
    """The least that mutual TLS takes: connect, shake hands, ask for the bank's keys, read."""

    def __init__(self, data_dir: Path) -> None:
        access = json.loads((data_dir / "sandbox" / "vrp" / "client.json").read_text())
        self._at = urlsplit(access["jwks_uri"])
        self._context = ssl.create_default_context(cadata=access["ca_pem"])
        pem = data_dir / "bench-client.pem"
        pem.touch(mode=0o600)
        pem.write_text(access["transport_cert_pem"] + access["transport_key_pem"])
        self._context.load_cert_chain(pem)
        pem.unlink()

    def send(self) -> None:
        host, port = self._at.hostname, self._at.port
        assert host is not None
        connection = http.client.HTTPSConnection(host, port, context=self._context, timeout=10)
        try:
            connection.request("GET", self._at.path, headers={"Connection": "close"})
            connection.getresponse().read()
        finally:
            connection.close()


def _served_ms(data_dir: Path) -> list[float]:
    found = oracle.control(data_dir, "GET", "vrp/requests")
    return [1_000 * float(entry["took_s"]) for entry in found["requests"]]


def _timed(deed: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    done = deed()
    return done, 1_000 * (time.perf_counter() - began)


def p95(values: list[float]) -> float:
    """Return the 95th percentile, interpolated, of two values or more."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def report(turns: list[Turn]) -> dict[str, Any]:
    """Add the turns up; times in milliseconds, to a hundredth."""
    engine = p95([it.engine_ms for it in turns])
    floor = p95([it.floor_ms for it in turns])
    one_request = p95([it.one_request_floor_ms for it in turns])
    over = [it.engine_ms - it.floor_ms for it in turns]
    found: dict[str, Any] = {
        "payments": len(turns),
        "requests_per_payment": round(statistics.fmean(it.requests for it in turns), 2),
        "engine_p50_ms": statistics.median(it.engine_ms for it in turns),
        "engine_p95_ms": engine,
        "bank_p95_ms": p95([it.bank_ms for it in turns]),
        "request_floor_p95_ms": p95([it.request_ms for it in turns]),
        "fsync_p95_ms": p95([it.fsync_ms for it in turns]),
        "floor_p50_ms": statistics.median(it.floor_ms for it in turns),
        "floor_p95_ms": floor,
        "engine_over_floor_p50_ms": statistics.median(over),
        "engine_over_floor_p95_ms": engine - floor,
        "one_request_floor_p95_ms": one_request,
        "engine_over_one_request_p95_ms": engine - one_request,
        "target_over_one_request_ms": TARGET_OVER_FLOOR_MS,
    }
    found = {name: round(value, 2) for name, value in found.items()}
    return found | {"ok": engine <= one_request + TARGET_OVER_FLOOR_MS}
