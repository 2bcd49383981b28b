"""Reads an installation's journal for looking only: no lock, no key, nothing is changed."""

from __future__ import annotations

import errno
from pathlib import Path

from kiosk.money.book import Book
from kiosk.money.errors import JournalAbsentError
from kiosk.money.journal import Reading
from kiosk.money.ledger import JOURNAL_NAME, read_book


def read_installation(data_dir: Path) -> tuple[Reading, Book]:
    """Replay the journal of an installation, which another process may be writing to.

    Raises:
        JournalDamagedError: It cannot be trusted.
        JournalAbsentError: There is no readable journal.
    """
    try:
        reading, book = read_book(data_dir / "money" / JOURNAL_NAME)
    except OSError as error:
        raise JournalAbsentError(errno.errorcode.get(error.errno or 0, "OSError")) from error
    if reading.header is None:
        raise JournalAbsentError("it is empty")
    return reading, book
