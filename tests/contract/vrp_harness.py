"""The open-banking connector against the sandbox bank's own open-banking door, over mutual TLS."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from kiosk.domain.ids import MandateRef, OrderId, reference_of
from kiosk.money.banks.port import Intent, Prepared
from kiosk.money.banks.registry import open_bank
from kiosk.money.banks.vrp.connector import VrpBank
from kiosk.sandbox.bank import oracle
from tests.fakes.bank_port import context_of
from tests.fakes.bank_process import BankProcess

PAYMENTS = "/open-banking/v4.0/pisp/domestic-vrps"


class VrpHarness:
    """Payments end at the first look: the ladder is scripted without delays."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.context = context_of(data_dir)
        opened = open_bank("vrp", self.context)
        assert isinstance(opened, VrpBank)
        self.bank = opened
        sign = opened.prepare

        def prepare_now(intent: Intent) -> Prepared:
            # The suite's intents are of a fixed time; the bank refuses signatures of the future.
            return sign(replace(intent, at_s=int(time.time())))

        self.bank.prepare = prepare_now  # type: ignore[method-assign]
        self.come_back()

    def debits(self, order: OrderId) -> int:
        """Count by the reference: the bank is not told what we call the order."""
        key = order.replace("order-", "key-")
        return oracle.executed_debits(self._data_dir, reference_of(key))

    def lose_next_answer(self, *, executed: bool) -> None:
        kind = "drop_after_commit" if executed else "drop_before"
        oracle.add_fault(self._data_dir, {"kind": kind, "path": PAYMENTS})

    def approve(self, ref: MandateRef) -> None:
        self.control("consents", {"consent_id": ref, "decision": "approve"})

    def settle(self) -> None:
        """Have every payment looked at by the bank: its time has come already."""
        self.bank.events()

    def go_away(self) -> None:
        self._process.kill()

    def come_back(self) -> None:
        self._process = BankProcess(self._data_dir)
        self.control("ladder", {"delays_s": {"ACSP": 0, "ACSC": 0}, "final": "settle"})

    def control(self, word: str, body: dict[str, object]) -> None:
        oracle.control(self._data_dir, "POST", f"vrp/{word}", body=body)

    def close(self) -> None:
        self.bank.close()
        self._process.kill()
