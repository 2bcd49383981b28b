"""The real connectors, with time-outs short enough for a thousand kills, and their oracles."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from kiosk.domain.errors import SetupError
from kiosk.domain.ids import IdempotencyKey, reference_of
from kiosk.money.bank_secrets import SealedSecrets
from kiosk.money.banks.exchange import Timeouts
from kiosk.money.banks.port import BankContext
from kiosk.money.banks.registry import open_bank
from kiosk.money.banks.sandbox.exchange import Exchange
from kiosk.money.banks.vrp.connector import VrpBank
from kiosk.money.banks.vrp.options import read_options
from kiosk.money.banks.vrp.transport import BankClock
from kiosk.money.keys import MandateKeys
from kiosk.sandbox.bank import oracle

CONNECTORS = ("sandbox", "vrp")
TRIES_MAX = 200
PATIENCE_S = {"sandbox": 0.2, "vrp": 0.4}
"""Real seconds that a connector waits for an answer here: the bank is on the same machine. The
second one shakes hands over TLS first."""


def open_connector(
    name: str, bank_folder: Path, keys: MandateKeys, folder: Path, wall_s: Callable[[], float]
):
    """Make a connector as money's composition root does, with short patience and our clock."""
    patience_s = PATIENCE_S[name]
    timeouts = Timeouts(connect_s=2 * patience_s, read_s=patience_s, answer_s=2 * patience_s)
    secrets = SealedSecrets(folder / "money" / "bank", keys)
    context = BankContext(bank_folder, None, secrets, "GBP", {})
    if name == "vrp":
        return VrpBank(context, read_options({}), timeouts, BankClock(wall_s))
    bank = open_bank(name, context)
    bank._exchange = Exchange(timeouts)
    return bank


def executed(
    name: str, bank_folder: Path, order_id: str, keys: Iterable[IdempotencyKey]
) -> list[tuple[str, int]]:
    """Say what the bank took for one order, as (key, minor units), by its books.

    Raises:
        RuntimeError: The bank's own oracle and its books say different things.
    """
    if name == "vrp":
        return _executed_by_reference(bank_folder, keys)
    file = bank_folder / "sandbox" / "bank.db"
    uri = f"{file.absolute().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as books:
        found = books.execute(
            "select key, minor_units from payments where order_id = ? and status = 'settled'",
            [order_id],
        ).fetchall()
    total = debits(bank_folder, order_id)
    if (total.count, total.sum_minor_units) != (len(found), sum(it for _, it in found)):
        raise RuntimeError("the bank's oracle and its books differ")
    return found


def _executed_by_reference(
    bank_folder: Path, keys: Iterable[IdempotencyKey]
) -> list[tuple[str, int]]:
    """This bank is not told the order: what it books bears the reference of the attempt."""
    found: list[tuple[str, int]] = []
    for key in keys:
        total = debits(bank_folder, reference_of(key))
        if total.count:
            share, rest = divmod(total.sum_minor_units, total.count)
            found += [(key, share + (rest if place == 0 else 0)) for place in range(total.count)]
    return found


def told(bank_folder: Path, method: str, word: str, body: dict | None = None) -> dict:
    """Tell the bank's control side something.

    Just after a leap of the clocks the bank may take a request for too old and hang up on it.
    """
    for _ in range(TRIES_MAX):
        try:
            return oracle.control(bank_folder, method, word, body=body)
        except SetupError as error:
            if error.code != "sandbox_not_running":
                raise
            time.sleep(0.05)
    raise RuntimeError("the sandbox bank does not answer")


def debits(bank_folder: Path, order_id: str) -> oracle.Debits:
    """Ask the running bank's oracle; it brings its books up to date first."""
    told(bank_folder, "GET", "oracle")
    return oracle.all_debits(bank_folder, order_id)


def change_mandate(name: str, bank_folder: Path, ref: str) -> None:
    """Let the payer's bank suspend a mandate behind our back."""
    if name == "vrp":
        order = {"consent_id": ref, "decision": "suspend"}
        told(bank_folder, "POST", "vrp/consents", body=order)
    else:
        order = {"ref": ref, "state": "suspended"}
        told(bank_folder, "POST", "mandates", body=order)


def set_ladder(bank_folder: Path, delay_s: int, final: str) -> None:
    """Say when and how payments to come end at the open-banking side."""
    last = {"settle": "ACSC", "reject": "RJCT", "block": "BLCK"}[final]
    order = {"delays_s": {"ACSP": 0, last: delay_s}, "final": final}
    told(bank_folder, "POST", "vrp/ladder", body=order)


def trouble_events(bank_folder: Path, delay_s: int) -> None:
    """Let news come late and in the wrong order."""
    order = {"delay_s": delay_s, "newest_first": delay_s > 0}
    told(bank_folder, "POST", "vrp/events", body=order)


def forget_tokens(bank_folder: Path) -> None:
    """Let the open-banking side refuse every token that it has given."""
    told(bank_folder, "POST", "vrp/tokens", body={"life_s": None, "forget": True})


def script_for(name: str, entry: dict) -> dict:
    """Aim an entry of the fault script at a connector's own path."""
    if name != "vrp":
        return entry
    longer = {"seconds": entry["seconds"] * 2} if "seconds" in entry else {}
    return {**entry, **longer, "path": "/open-banking/v4.0/pisp/domestic-vrps"}
