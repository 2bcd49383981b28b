"""Every connector with a bank behind it that the contract suite can command.

A new connector joins by a harness of its own module and one line in `HARNESSES`.
A harness may leave out what its connector's capabilities say it cannot do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from kiosk.domain.ids import MandateRef, OrderId
from kiosk.money.banks.port import Bank
from kiosk.money.banks.registry import open_bank
from kiosk.sandbox.bank import oracle
from tests.contract.cards_harness import CardsHarness
from tests.contract.vrp_harness import VrpHarness
from tests.fakes.bank import SANDBOX, FakeBank, Fault
from tests.fakes.bank_port import context_of
from tests.fakes.bank_process import BankProcess


class BankHarness(Protocol):
    """A connector and the bank it speaks to. `data_dir` is an empty installation."""

    bank: Bank

    def debits(self, order: OrderId) -> int:
        """Return how many executed debits the bank's own books show for an order."""
        ...

    def lose_next_answer(self, *, executed: bool) -> None:
        """Lose the answer to the next payment request, after or before it is executed."""
        ...

    def approve(self, ref: MandateRef) -> None:
        """Approve a mandate as its payer; nothing to do where `headless_approval` did it."""
        ...

    def settle(self) -> None:
        """Let the bank come to the end of every payment that it accepted."""
        ...

    def go_away(self) -> None:
        """Make the bank unreachable."""
        ...

    def come_back(self) -> None:
        """Make it reachable again, with the same books."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class SandboxHarness:
    """The connector against the real server process."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._process = BankProcess(data_dir)
        self.bank: Bank = open_bank("sandbox", context_of(data_dir))

    def debits(self, order: OrderId) -> int:
        return oracle.executed_debits(self._data_dir, order)

    def lose_next_answer(self, *, executed: bool) -> None:
        kind = "drop_after_commit" if executed else "drop_before"
        oracle.add_fault(self._data_dir, {"kind": kind})

    def approve(self, ref: MandateRef) -> None:
        pass

    def settle(self) -> None:
        pass

    def go_away(self) -> None:
        self._process.kill()

    def come_back(self) -> None:
        self._process = BankProcess(self._data_dir)

    def close(self) -> None:
        self.bank.close()
        self._process.kill()


class FakeHarness:
    """The bank in memory that the tests of the engine use."""

    def __init__(self, data_dir: Path) -> None:
        del data_dir
        self.bank = FakeBank(steady_ms=lambda: 0)

    def debits(self, order: OrderId) -> int:
        return self.bank.debits_of(order)

    def lose_next_answer(self, *, executed: bool) -> None:
        self.bank.faults.append(Fault.NO_ANSWER if executed else Fault.LOST)

    def approve(self, ref: MandateRef) -> None:
        pass

    def settle(self) -> None:
        pass

    def go_away(self) -> None:
        self.bank.reachable = False
        self.bank.faults.append(Fault.NOT_SENT)

    def come_back(self) -> None:
        self.bank.reachable = True
        self.bank.faults.clear()

    def close(self) -> None:
        self.bank.close()


class ShyFakeHarness(FakeHarness):
    """The fake as a bank that accepts first, wants approval, and knows payments by its own id."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.bank.capabilities = replace(
            SANDBOX, lookup_by_key=False, headless_approval=False, events=True
        )
        self.bank.settle_after_ms = 1_000

    def approve(self, ref: MandateRef) -> None:
        del ref
        self.bank.approve_all()

    def settle(self) -> None:
        self.bank.end_all()


HARNESSES: Mapping[str, Callable[[Path], BankHarness]] = {
    "cards": CardsHarness,
    "fake": FakeHarness,
    "shy-fake": ShyFakeHarness,
    "sandbox": SandboxHarness,
    "vrp": VrpHarness,
}
