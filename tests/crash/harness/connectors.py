"""The real connectors, with time-outs short enough for a thousand kills, and their oracles."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from kiosk.domain.ids import IdempotencyKey
from kiosk.money.bank_secrets import SealedSecrets
from kiosk.money.banks.port import BankContext
from kiosk.money.banks.registry import open_bank
from kiosk.money.banks.sandbox.exchange import Exchange, Timeouts
from kiosk.money.keys import MandateKeys
from kiosk.sandbox.bank import oracle

SHORT = Timeouts(connect_s=0.5, read_s=0.2, answer_s=0.4)
"""Real seconds: a bank on the same machine answers in milliseconds."""


def open_connector(name: str, bank_folder: Path, keys: MandateKeys, folder: Path):
    """Make a connector as money's composition root does, and shorten its patience."""
    secrets = SealedSecrets(folder / "money" / "bank", keys)
    bank = open_bank(name, BankContext(bank_folder, None, secrets, "GBP", {}))
    bank._exchange = Exchange(SHORT)
    return bank


def executed(
    name: str, bank_folder: Path, order_id: str, keys: Iterable[IdempotencyKey]
) -> list[tuple[str, int]]:
    """Say what the bank took for one order, as (key, minor units), by its books.

    Raises:
        RuntimeError: The bank's own oracle and its books say different things.
    """
    del name, keys
    file = bank_folder / "sandbox" / "bank.db"
    uri = f"{file.absolute().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as books:
        found = books.execute(
            "select key, minor_units from payments where order_id = ? and status = 'settled'",
            [order_id],
        ).fetchall()
    total = oracle.all_debits(bank_folder, order_id)
    if (total.count, total.sum_minor_units) != (len(found), sum(it for _, it in found)):
        raise RuntimeError("the bank's oracle and its books differ")
    return found


def change_mandate(bank_folder: Path, ref: str, state: str) -> None:
    """Let the payer or the bank change a mandate behind our back."""
    oracle._control(bank_folder, "POST", "mandates", body={"ref": ref, "state": state})
