"""A view of the journal as a SQLite file, for looking and adding up; never believed.

It is made anew from the journal each time and put in place whole, so it can be deleted at will.
It holds no sealed text: orders, attempts and the state of mandates, by alias.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from kiosk.domain.order import OrderState
from kiosk.money.book import Book
from kiosk.money.errors import JournalWriteError
from kiosk.money.reading import read_installation

VIEW_NAME = "view.db"
FINISHED = (OrderState.PAID.value, OrderState.CANCELLED.value, OrderState.PAID_ELSEWHERE.value)


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """What a check of the whole journal found."""

    journal: str
    """Its random id."""
    records: int
    bytes: int
    chain: str
    """SHA-256 chain value after the last record, in hex: names this content of the journal."""
    torn_bytes: int
    """Cut-off tail, removed at the next start; or a record that is being written right now."""
    open_payments: int


def verify_journal(data_dir: Path) -> JournalFacts:
    """Read every record of an installation's journal and check it, changing nothing.

    Raises:
        JournalDamagedError: It cannot be trusted.
        JournalAbsentError: There is no readable journal.
    """
    reading, book = read_installation(data_dir)
    assert reading.header is not None
    return JournalFacts(
        journal=reading.header.journal,
        records=reading.position.records,
        bytes=reading.position.offset,
        chain=reading.position.chain.hex(),
        torn_bytes=reading.torn_bytes,
        open_payments=len(book.open_keys),
    )


def rebuild_view(data_dir: Path) -> Path:
    """Make the view anew from the journal and return its path.

    Raises:
        JournalDamagedError: The journal cannot be trusted.
        JournalAbsentError: There is no readable journal.
        JournalWriteError: The view cannot be written.
    """
    folder = data_dir / "money"
    _, book = read_installation(data_dir)
    fresh = folder / f"{VIEW_NAME}.{os.getpid()}.new"
    try:
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        database = Database(fresh)
        try:
            _fill(database, book)
        finally:
            database.close()
        fresh.replace(folder / VIEW_NAME)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise JournalWriteError(errno.errorcode.get(error.errno or 0, "OSError")) from error
    return folder / VIEW_NAME


def list_orders(data_dir: Path, *, only_open: bool) -> list[dict[str, object]]:
    """Return the orders of a fresh view, oldest first.

    Args:
        data_dir: The installation.
        only_open: Leave out what is paid, cancelled or closed; what is to be refunded stays.

    Raises:
        JournalDamagedError, JournalAbsentError, JournalWriteError: As `rebuild_view`.
    """
    database = Database(rebuild_view(data_dir))
    try:
        where = "state not in (?, ?, ?) or reason = 'refund_due'" if only_open else None
        rows = database["orders"].rows_where(
            where, FINISHED if only_open else None, order_by="number"
        )
        return [{name: row[name] for name in row if name != "number"} for row in rows]
    finally:
        database.close()


def _fill(database: Database, book: Book) -> None:
    orders = [
        {
            "number": number,
            "order_id": entry.order.order_id,
            "opened_at": entry.opened_at.isoformat(),
            "minor_units": entry.order.amount.minor_units,
            "currency": entry.order.amount.currency,
            "payee": entry.order.payee,
            "state": entry.state.value,
            "reason": entry.reason,
            "attempts": len(entry.keys),
        }
        for number, entry in enumerate(book.orders.values())
    ]
    attempts = [
        {
            "key": attempt.key,
            "order_id": attempt.order_id,
            "alias": attempt.alias,
            "at": attempt.at.isoformat(),
            "minor_units": attempt.amount.minor_units,
            "currency": attempt.amount.currency,
            "end": "" if attempt.end is None else attempt.end.value,
            "reason": attempt.reason,
            "payment_ref": attempt.payment_ref or "",
        }
        for attempt in book.attempts.values()
    ]
    mandates = [
        {
            "alias": mandate.alias,
            "state": "" if mandate.state is None else mandate.state.value,
            "revocation": "" if mandate.revocation is None else mandate.revocation.value,
        }
        for mandate in book.mandates.values()
    ]
    _table(database, "orders", "order_id", orders, {
        "number": int, "order_id": str, "opened_at": str, "minor_units": int, "currency": str,
        "payee": str, "state": str, "reason": str, "attempts": int,
    })  # fmt: skip
    _table(database, "attempts", "key", attempts, {
        "key": str, "order_id": str, "alias": str, "at": str, "minor_units": int, "currency": str,
        "end": str, "reason": str, "payment_ref": str,
    })  # fmt: skip
    _table(database, "mandates", "alias", mandates, {"alias": str, "state": str, "revocation": str})


def _table(
    database: Database,
    name: str,
    primary: str,
    rows: Sequence[Mapping[str, object]],
    columns: dict[str, type],
) -> None:
    table = database.table(name)
    table.create(columns, pk=primary)
    table.insert_all([dict(row) for row in rows])
