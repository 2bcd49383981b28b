"""A customer's rights through the real processes: staff tool, faces, money and the sandbox bank."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from enrollment import rights_flow
from kiosk.domain.consent import ConsentKind
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import Outcome
from kiosk.link.protocol import (
    GetOrder,
    OpenOrder,
    OrderOffer,
    OrderStatus,
    PayHeadless,
    SessionReport,
)
from kiosk.sandbox.bank.oracle import executed_debits
from kiosk.supervisor import Installation
from tests.fakes.installation import enrol_without_camera, running

PHONE, PIN, NEW = "447700900123", "135790", "736152"
SECONDS_MAX = 120.0
"""What a right may take at the desk, people included; the machine's share must be nearly none."""


class Shop:
    """One running installation and its customer."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.seconds: dict[str, float] = {}

    def do(self, right: Callable[..., dict[str, Any]], *words: Any) -> dict[str, Any]:
        """Ask as staff, and take the time."""
        begun = time.monotonic()
        with self.installation.faces() as client:
            told = right(client, *words)
        self.seconds[right.__name__] = time.monotonic() - begun
        return told

    def pay(self, order: str, pin: str = PIN, minor_units: int = 500) -> SessionReport:
        """Pay by number and PIN."""
        order_id = OrderId(order)
        with self.installation.money() as till:
            till.call(OpenOrder(order_id, Money(minor_units)), OrderStatus)
            nonce = till.call(GetOrder(order_id), OrderOffer).nonce
        ask = PayHeadless(order_id, nonce, None, ConsentKind.TAP, pin=pin, phone=PHONE)
        with self.installation.faces() as client:
            return client.call(ask, SessionReport, timeout_s=60)


def test_every_right_holds_for_the_next_payment(data_dir: Path, passphrase: Path) -> None:
    """Limits, pause, freeze, PIN, report and withdrawal, each shown by what a payment comes to."""
    del passphrase
    ada = enrol_without_camera(data_dir, PHONE, PIN).person
    with running(data_dir) as (installation, _):
        shop = Shop(installation)
        assert shop.pay("r-1").outcome is Outcome.PAID
        lowered = shop.do(rights_flow.set_limits, ada, "4.00", None)
        assert lowered["limits"]["per_payment"] == "4.00 GBP"
        assert shop.pay("r-2").reason == "limit_per_payment"
        shop.do(rights_flow.set_limits, ada, "50.00", None, PIN)

        shop.do(rights_flow.move, ada, "pause")
        assert shop.pay("r-3").outcome is Outcome.NOT_PAID
        assert shop.do(rights_flow.resume, ada, "999111")["reason"] == "pin_wrong"
        assert shop.do(rights_flow.resume, ada, PIN)["done"]
        shop.do(rights_flow.move, ada, "freeze")
        assert shop.pay("r-4").outcome is Outcome.NOT_PAID
        shop.do(rights_flow.move, ada, "unfreeze")

        assert shop.do(rights_flow.change_pin, ada, NEW, PIN)["done"]
        assert shop.pay("r-5", PIN).reason == "pin_wrong"
        assert shop.pay("r-6", NEW).outcome is Outcome.PAID
        export = shop.do(rights_flow.export, ada)
        assert [it["order"] for it in export["payments"]] == ["r-6", "r-1"]

        first = shop.do(rights_flow.report_wrong, "r-6", ada)
        again = shop.do(rights_flow.report_wrong, "r-6", ada)
        assert (first["refund"]["number"], first["pin_always"]) == (1, [ada])
        assert again["refund"]["number"] == 1

        erased = shop.do(rights_flow.withdraw, ada, lambda _step: None)
        assert (erased["bytes_found"], erased["mandate_revoked"]) == (0, True)
        assert shop.pay("r-7", NEW).outcome is Outcome.NOT_PAID
        assert sum(shop.seconds.values()) < SECONDS_MAX, shop.seconds
    assert [executed_debits(data_dir, f"r-{number}") for number in range(1, 8)] == [
        1, 0, 0, 0, 0, 1, 0,
    ]  # fmt: skip
