"""The till interface of a running installation: real processes, real HTTPS, the sandbox bank."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.domain.consent import ConsentKind
from kiosk.domain.ids import OrderId
from kiosk.domain.order import Outcome
from kiosk.link.protocol import GetOrder, OrderOffer, PayHeadless, SessionReport
from kiosk.money.till.access import FOLDER_NAME
from kiosk.money.till.server import ADDRESS_NAME
from kiosk.sandbox.bank.oracle import executed_debits
from kiosk.supervisor import Installation
from tests.e2e.conftest import Smiletill
from tests.fakes.installation import enrol_without_camera, running
from tests.fakes.till import TillClient

PHONE, PIN = "447700900123", "135790"
SETTINGS = """
[till]
enabled = true
port = 0
"""
WAIT_S_MAX = 60.0


def until(what: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + WAIT_S_MAX
    while not what():
        assert time.monotonic() < ends_at, "it does not happen"
        threading.Event().wait(0.05)


def address(data_dir: Path) -> dict[str, str]:
    return json.loads((data_dir / "money" / FOLDER_NAME / ADDRESS_NAME).read_bytes())


@pytest.fixture
def bar(data_dir: Path, passphrase: Path, smiletill: Smiletill) -> TillClient:
    """A till with a key of the command line; its address comes when the installation runs."""
    del passphrase
    (data_dir / "settings.toml").write_text(SETTINGS)
    made = smiletill("money", "till", "add", "bar", "--role", "till", "--data", data_dir, "--json")
    assert made.code == 0, made.stderr
    certificate = data_dir / "money" / FOLDER_NAME / "certificate.pem"
    return TillClient("", certificate, "bar", made.result["key"], timeout_s=180.0)


def guest_pays(installation: Installation, order: str) -> SessionReport:
    """The simulated payer authorises, by phone number and PIN."""
    order_id = OrderId(order)
    with installation.money() as money:
        offer = money.call(GetOrder(order_id), OrderOffer)
    request = PayHeadless(order_id, offer.nonce, None, ConsentKind.TAP, pin=PIN, phone=PHONE)
    with installation.faces() as faces:
        return faces.call(request, SessionReport, timeout_s=60)


def test_fifty_times_at_once_and_again_after_a_kill_is_one_debit(
    data_dir: Path, bar: TillClient, smiletill: Smiletill
) -> None:
    """One debit at the bank and the same bytes for everybody, also from the next process (F9)."""
    enrol_without_camera(data_dir, PHONE, PIN)
    with running(data_dir) as (installation, pids), ThreadPoolExecutor(50) as pool:
        till = replace(bar, url=address(data_dir)["url"])
        shown = smiletill("money", "till", "fingerprint", "--data", data_dir, "--json")
        assert shown.result["fingerprint"] == address(data_dir)["fingerprint"]
        waiting = [pool.submit(till.pay, "1", "A1") for _ in range(50)]
        until(lambda: till.rest("GET", "/v1/orders/A1").status == 200)
        assert guest_pays(installation, "A1").outcome is Outcome.PAID
        told = {it.result().body for it in waiting}

        before = pids["money"]
        os.kill(before, signal.SIGKILL)
        until(lambda: pids["money"] != before)
        till = replace(bar, url=address(data_dir)["url"])
        again = till.pay("1", "A1")
        status = till.status_of("1", "2").nexo

    assert told == {again.body}
    assert again.response == {"Result": "Success"}
    assert status["Response"]["Result"] == "Success"
    assert executed_debits(data_dir, "A1") == 1


def test_an_abort_reaches_the_payment_that_waits(data_dir: Path, bar: TillClient) -> None:
    """Aborted, no debit, and the next order can come."""
    with running(data_dir), ThreadPoolExecutor(1) as pool:
        till = replace(bar, url=address(data_dir)["url"])
        waiting = pool.submit(till.pay, "1", "A1")
        until(lambda: till.rest("GET", "/v1/orders/A1").status == 200)
        aborted = till.abort("1", "2")
        paid = waiting.result()
        next_one = till.rest("POST", "/v1/orders", {"order_id": "A2", "amount": "1.00"})
        busy = till.pay("3", "A3")

    assert aborted.response["Result"] == "Success"
    assert paid.response["ErrorCondition"] == "Aborted"
    assert next_one.status == 201
    assert busy.response["ErrorCondition"] == "Busy"
    assert executed_debits(data_dir, "A1") == 0


def test_a_waiting_till_is_let_go_at_the_stop(data_dir: Path, bar: TillClient) -> None:
    """In progress, and not a lost connection; the order is still there afterwards."""
    with ThreadPoolExecutor(1) as pool:
        with running(data_dir):
            till = replace(bar, url=address(data_dir)["url"])
            waiting = pool.submit(till.pay, "1", "A1")
            until(lambda: till.rest("GET", "/v1/orders/A1").status == 200)
            began = time.monotonic()
        stopped_s = time.monotonic() - began
        answer = waiting.result()
    with running(data_dir):
        till = replace(bar, url=address(data_dir)["url"])
        status = till.status_of("1", "2")

    assert answer.response["ErrorCondition"] == "InProgress"
    assert status.response["ErrorCondition"] == "InProgress"
    assert stopped_s < 8


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_taken_port_is_told(
    data_dir: Path, passphrase: Path, smiletill: Smiletill, taken_port: int
) -> None:
    """Exit code 3, with the mend; nothing half runs on."""
    del passphrase
    (data_dir / "settings.toml").write_text(f"[till]\nenabled = true\nport = {taken_port}\n")
    words = ("pay", "--amount", "1.00", "--phone", PHONE, "--pin", PIN)
    call = smiletill(*words, "--data", data_dir, "--json")

    assert (call.code, call.result["error"]) == (3, "till_address_bad")


def test_without_the_setting_nothing_listens(data_dir: Path, passphrase: Path) -> None:
    """No socket, no certificate, no web server in the process."""
    del passphrase
    with running(data_dir) as (_, pids):
        maps = Path(f"/proc/{pids['money']}/maps").read_text()
        sockets = Path(f"/proc/{pids['money']}/net/tcp").read_text()
        owned = {os.fspath(it.readlink()) for it in Path(f"/proc/{pids['money']}/fd").iterdir()}
    listening = [line.split()[9] for line in sockets.splitlines() if line.split()[3] == "0A"]

    assert not {f"socket:[{inode}]" for inode in listening} & owned
    assert "pydantic_core" not in maps
    assert not (data_dir / "money" / FOLDER_NAME).exists()
