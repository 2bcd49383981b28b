"""The connector for cards on file against its own sandbox process."""

from __future__ import annotations

from pathlib import Path

from kiosk.domain.ids import MandateRef, OrderId
from kiosk.money.banks.port import Bank
from kiosk.money.banks.registry import open_bank
from kiosk.sandbox.cards import oracle
from tests.fakes.bank_port import context_of
from tests.fakes.cards_process import CardsProcess


class CardsHarness:
    """The service can be killed and come back with the same books."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.process = CardsProcess(data_dir)
        self.bank: Bank = open_bank("cards", context_of(data_dir))

    def debits(self, order: OrderId) -> int:
        return oracle.sums(self._data_dir, order).captures

    def lose_next_answer(self, *, executed: bool) -> None:
        self.process.fault("drop_after_commit" if executed else "drop_before")

    def approve(self, ref: MandateRef) -> None:
        pass

    def settle(self) -> None:
        self.process.say("POST", "settle")

    def go_away(self) -> None:
        self.process.kill()

    def come_back(self) -> None:
        self.process = CardsProcess(self._data_dir)

    def close(self) -> None:
        self.bank.close()
        self.process.kill()
