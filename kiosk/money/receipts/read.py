"""A receipt from an installation's journal file, without its lock and without any key.

What lies under a key, the masked account, is therefore missing; a running money process makes
receipts from its own book (`model.receipt_of`) and has it.
"""

from __future__ import annotations

import errno
from datetime import tzinfo
from pathlib import Path

from kiosk.domain.ids import IdempotencyKey, OrderId
from kiosk.money.errors import JournalAbsentError
from kiosk.money.ledger import JOURNAL_NAME, read_book
from kiosk.money.receipts.model import (
    Authorisation,
    Copy,
    Receipt,
    deciding_attempt,
    receipt_of,
)
from kiosk.money.records import AnyRecord, IntentStored

TERMINAL_LENGTH = 8
"""Hex digits of the journal's random id that name a terminal: enough to tell a chain's apart."""


def terminal_of(journal: str) -> str:
    """Return a terminal's name for its receipts, by its journal's id."""
    return journal[:TERMINAL_LENGTH].upper()


def read_receipt(
    data_dir: Path, order_id: OrderId, *, copy: Copy, zone: tzinfo | None = None, reprint: int = 0
) -> Receipt:
    """Make a receipt of what the journal says now.

    Args:
        data_dir: The installation.
        order_id: Which order.
        copy: For whom.
        zone: The terminal's time zone; None is the machine's.
        reprint: 0 for the original.

    Raises:
        OrderUnknownError: No order has this id.
        JournalDamagedError: The journal cannot be trusted.
        JournalAbsentError: There is no readable journal.
    """
    given: dict[IdempotencyKey, Authorisation] = {}

    def note(record: AnyRecord) -> None:
        if isinstance(record, IntentStored) and record.order_id == order_id:
            given[record.key] = Authorisation(record.basis, record.pin_verified)

    try:
        reading, book = read_book(data_dir / "money" / JOURNAL_NAME, note)
    except OSError as error:
        raise JournalAbsentError(errno.errorcode.get(error.errno or 0, "OSError")) from error
    if reading.header is None:
        raise JournalAbsentError("it is empty")
    entry = book.orders.get(order_id)
    attempts = () if entry is None else [book.attempts[key] for key in entry.keys]
    deciding = deciding_attempt(attempts)
    return receipt_of(
        book,
        order_id,
        copy=copy,
        terminal=terminal_of(reading.header.journal),
        zone=zone,
        authorisation=None if deciding is None else given.get(deciding.key),
        reprint=reprint,
    )
