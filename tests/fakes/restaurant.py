"""A restaurant without a POS: a running installation with the simple till, and one guest.

Everything in it is real: processes, HTTPS, the sandbox bank. The guest pays by phone and PIN.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.domain.consent import ConsentKind
from kiosk.domain.errors import SetupError
from kiosk.domain.ids import OrderId
from kiosk.domain.order import OrderState, Outcome
from kiosk.link.protocol import GetOrder, OrderOffer, PayHeadless, SessionReport
from kiosk.money.till.access import FOLDER_NAME, KeyRing, TillRole
from kiosk.sandbox.bank.main import LEDGER_FILE, SANDBOX_FOLDER
from kiosk.sandbox.bank.oracle import add_fault, clear_faults, executed_debits
from kiosk.supervisor import Installation
from tests.fakes.installation import enrol_without_camera, running
from tests.fakes.till import TillClient

PHONE, PIN = "447700900123", "135790"
CODE = "4711"
HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=alert(1)>",
    "W" * 80,
    "Шоколадный торт 🍰🍓",
    "שקשוקה עם לחם",
    "\"Fish & Chips\" 'n' peas; =1+1",
)
MENU = """item,price,group
Tomato soup,4.50,Starters
Garlic bread,3.20,Starters
Bruschetta,5.90,Starters
Fish pie,12.90,Mains
Mushroom risotto,11.50,Mains
Steak and chips,18.00,Mains
House salad with goat's cheese and walnuts,9.80,Mains
Apple crumble,5.50,Puddings
Ice cream,4.00,Puddings
Still water,2.20,Drinks
Lemonade,2.80,Drinks
Flat white,3.10,Drinks
"""
WAIT_S_MAX = 15.0
ANSWER_S_MAX = 60


def until(what: Callable[[], bool], said: str = "it does not happen") -> None:
    """Wait for something, for a bounded time."""
    ends_at = time.monotonic() + WAIT_S_MAX
    while not what():
        assert time.monotonic() < ends_at, said
        threading.Event().wait(0.05)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@dataclass
class Restaurant:
    """The running installation; `key` opens the tablet, `till_key` is of a till system."""

    installation: Installation
    pids: dict[str, int]
    url: str
    key: str
    other_key: str
    till_key: str

    @property
    def data_dir(self) -> Path:
        return self.installation.data_dir

    @property
    def client(self) -> TillClient:
        """Look at what the page did, past the page."""
        certificate = self.data_dir / "money" / FOLDER_NAME / "certificate.pem"
        return TillClient(self.url, certificate, "tablet", self.key)

    def order(self, order_id: str) -> dict[str, Any]:
        return self.client.rest("GET", f"/v1/orders/{order_id}").json

    def state(self, order_id: str) -> str:
        return str(self.order(order_id)["state"])

    def orders(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.rest("GET", "/v1/orders?limit=100").json["orders"]
        return found

    def debits(self, order_id: str) -> int:
        return executed_debits(self.data_dir, order_id)

    def guest_pays(self, order_id: str) -> Outcome:
        """The guest authorises at the kiosk; returns what the kiosk told them."""
        name = OrderId(order_id)
        with self.installation.money() as money:
            offer = money.call(GetOrder(name), OrderOffer)
        request = PayHeadless(name, offer.nonce, None, ConsentKind.TAP, pin=PIN, phone=PHONE)
        with self.installation.faces() as faces:
            return faces.call(request, SessionReport, timeout_s=ANSWER_S_MAX).outcome

    @contextmanager
    def guest_paying(self, order_id: str) -> Iterator[None]:
        """The guest pays while something else happens."""
        paying = threading.Thread(target=self.guest_pays, args=(order_id,))
        paying.start()
        try:
            yield
        finally:
            paying.join()

    @contextmanager
    def bank_declines(self) -> Iterator[None]:
        """The guest has lowered the limit at the bank, which this terminal does not know."""
        books = self.data_dir / SANDBOX_FOLDER / LEDGER_FILE
        with contextlib.closing(sqlite3.connect(books, timeout=10)) as connection:
            (before,) = connection.execute("select per_payment from mandates").fetchone()
            connection.execute("update mandates set per_payment = 1")
            connection.commit()
            try:
                yield
            finally:
                connection.execute("update mandates set per_payment = ?", (before,))
                connection.commit()

    def bank_fault(self, kind: str, **fields: Any) -> None:
        add_fault(self.data_dir, {"kind": kind, **fields})

    def bank_goes_silent(self) -> None:
        """It executes what comes and says nothing any more, not even when asked."""
        self.bank_fault("drop_after_commit", times=1_000)
        self.bank_fault("drop_before", method="GET", times=1_000)

    def bank_behaves(self) -> None:
        with contextlib.suppress(SetupError):
            clear_faults(self.data_dir)

    def restart_money(self) -> None:
        """Kill the money process; the next one is there when this returns."""
        before = self.pids["money"]
        os.kill(before, signal.SIGKILL)
        until(lambda: self.pids["money"] != before, "money does not come back")

    def tidy(self) -> None:
        """Leave the kiosk free and the bank well-behaved, whatever a test left behind."""
        self.bank_behaves()
        going = {OrderState.OPEN.value, OrderState.IN_FLIGHT.value}
        for order in self.orders():
            if order["state"] in going:
                path = f"/v1/orders/{order['order_id']}"
                until(lambda path=path: self.client.rest("DELETE", path).status in {200, 409})


@contextmanager
def restaurant(data_dir: Path) -> Iterator[Restaurant]:
    """Open for the day; SMILETILL_PASSPHRASE_FILE must be set."""
    enrol_without_camera(data_dir, PHONE, PIN)
    port = _free_port()
    (data_dir / "settings.toml").write_text(
        f'payee = "Bistro Sandbox"\n'
        f'[till]\nenabled = true\nport = {port}\nmenu = "menu.csv"\n'
        f'amount_max_minor_units = 50000\n[screen.staff_codes]\nann = "{CODE}"\n'
        f"[money]\nresolve_window_s = 1.0\n"
    )
    write_menu(data_dir)
    ring = KeyRing(data_dir / "money" / FOLDER_NAME)
    keys = {
        name: ring.add(name, role, "2026-11-23T00:00:00Z")
        for name, role in (
            ("tablet", TillRole.STAFF),
            ("terrace", TillRole.STAFF),
            ("bar", TillRole.TILL),
        )
    }
    with running(data_dir) as (installation, pids):
        yield Restaurant(
            installation,
            pids,
            f"https://127.0.0.1:{port}",
            keys["tablet"],
            keys["terrace"],
            keys["bar"],
        )


def write_menu(data_dir: Path, *, hostile: bool = False) -> None:
    """Write the menu, or one whose names are meant to break a page."""
    lines = MENU
    if hostile:
        quoted = [name.replace('"', '""') for name in HOSTILE]
        lines += "".join(
            f'"{name}",1.0{number},"<b>Odd</b>"\n' for number, name in enumerate(quoted)
        )
    (data_dir / "menu.csv").write_text(lines)
