"""Which sandbox stands in for an installation's bank, and what it really executed.

A connector without secrets of its own (nobody has onboarded this terminal at a real bank) works
against the sandbox of its family; with secrets there is no sandbox and no oracle.
It starts nothing: kiosk/supervisor.py does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kiosk.domain.ids import OrderId, reference_of
from kiosk.money.bank_secrets import has_secret
from kiosk.money.ledger import JOURNAL_NAME, read_book
from kiosk.sandbox.bank import oracle as bank_oracle
from kiosk.sandbox.bank.ledger import Debits
from kiosk.sandbox.cards import oracle as cards_oracle
from kiosk.settings import Settings


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One process that stands in for a bank."""

    process: str
    """Its name in `kiosk.crew`."""
    is_running: Callable[[Path], bool]
    debits: Callable[[Path, OrderId | None], Debits]
    """Executed debits of an order, or of all, by the sandbox's own books."""


def _by_order(data_dir: Path, order_id: OrderId | None) -> Debits:
    return bank_oracle.all_debits(data_dir, order_id)


def _by_reference(data_dir: Path, order_id: OrderId | None) -> Debits:
    """Add up the debits of every attempt: this bank knows references, never orders.

    What is no order of the journal is taken as a reference itself.
    """
    if order_id is None:
        return bank_oracle.all_debits(data_dir)
    journal = data_dir / "money" / JOURNAL_NAME
    entry = read_book(journal)[1].orders.get(order_id) if journal.exists() else None
    names = [order_id] if entry is None else [reference_of(key) for key in entry.keys]
    found = [bank_oracle.all_debits(data_dir, name) for name in names]
    return Debits(sum(it.count for it in found), sum(it.sum_minor_units for it in found))


def _captured(data_dir: Path, order_id: OrderId | None) -> Debits:
    sums = cards_oracle.sums(data_dir, order_id)
    return Debits(sums.captures, sums.captured)


_SANDBOXES: Mapping[str, Sandbox] = {
    "sandbox": Sandbox("bank", bank_oracle.is_running, _by_order),
    "vrp": Sandbox("bank", bank_oracle.is_running, _by_reference),
    "cards": Sandbox("cards", cards_oracle.is_running, _captured),
}


def sandbox_of(settings: Settings, data_dir: Path) -> Sandbox | None:
    """Return what stands in for the bank, or None where a real bank is connected.

    Args:
        settings: The installation's.
        data_dir: Where its secrets are; only their presence is looked at.
    """
    name = settings.bank.connector
    if name != "sandbox" and (settings.bank.url or has_secret(data_dir, name)):
        return None
    return _SANDBOXES.get(name)


def executed_debits(settings: Settings, data_dir: Path, order_id: OrderId) -> int | None:
    """Ask the sandbox how often an order was debited; None where a real bank is connected.

    Raises:
        SetupError: The sandbox cannot be asked.
        JournalDamagedError: The journal, which names an order's attempts, cannot be trusted.
    """
    sandbox = sandbox_of(settings, data_dir)
    return None if sandbox is None else sandbox.debits(data_dir, order_id).count
