"""Journal and book under one lock: what is in the book is on the disk, and the other way round.

Whoever checks something and records what follows from it does both inside `with ledger.lock:`, so
that no other thread can come between.
Nothing that waits for the bank or for a person may hold the lock.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from kiosk.money.book import Book, apply, objection
from kiosk.money.clock import Clock
from kiosk.money.errors import JournalDamagedError
from kiosk.money.journal import Header, Journal, Reading, read_journal
from kiosk.money.records import AnyRecord, TailCut, decode_record, encode_record, format_time
from kiosk.money.storage import Storage, file_chunks

JOURNAL_NAME = "journal.log"

Listener = Callable[[AnyRecord], None]

logger = logging.getLogger(__name__)


class Ledger:
    """The journal of this process and what it adds up to."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        """Read the journal, heal a cut-off tail, and be ready to append.

        Raises:
            JournalDamagedError: The journal cannot be trusted; it was not changed.
            JournalWriteError: The disk refuses.
        """
        self.lock = threading.RLock()
        self._clock = clock
        self._book = Book()
        self._listeners: list[Listener] = []
        self._storage = storage
        opened = Journal.open(storage, _taker(self._book), self.time())
        self._journal = opened.journal
        if opened.torn_bytes:
            self.append(TailCut(self.time(), opened.torn_bytes))

    @property
    def book(self) -> Book:
        """The book. Read it under the lock; nobody but `append` changes it."""
        return self._book

    @property
    def is_poisoned(self) -> bool:
        """Say whether nothing can be written any more."""
        return self._journal.is_poisoned

    @property
    def records(self) -> int:
        """How many records the journal holds."""
        return self._journal.records

    @property
    def journal_id(self) -> str:
        """The journal's random id: 32 hex digits."""
        return self._journal.header.journal

    def time(self) -> str:
        """Return the time for a record that is about to be appended."""
        return format_time(self._clock.now())

    def append(self, record: AnyRecord) -> None:
        """Store a record, then take it into the book.

        Raises:
            JournalWriteError: It is not stored, and the book has not changed.
        """
        with self.lock:
            found = objection(self._book, record)
            assert found is None, f"a {type(record).__name__} cannot follow: {found}"
            self._journal.append(encode_record(record))
            apply(self._book, record)
            for listener in self._listeners:
                _tell(listener, record)

    def watch(self, listener: Listener) -> None:
        """Have every later record told to a listener, once it is durable and in the book.

        It is called under the lock, in the order of the journal, so it must be quick, and must not
        append; what it raises is a mistake that costs nobody their payment.
        """
        with self.lock:
            self._listeners.append(listener)

    def replay(self, also: Callable[[AnyRecord, Book], None]) -> None:
        """Read the journal from its start once more, beside the running book.

        Args:
            also: Called with every record and the book that it and those before it add up to.

        Raises:
            JournalDamagedError, OSError: It cannot be read any more.
        """
        book = Book()
        read_journal(self._storage.chunks(), _taker(book, lambda record: also(record, book)))

    def close(self) -> None:
        """Let go of the file; nothing can be appended any more."""
        with self.lock:
            self._journal.close()


def read_book(path: Path, also: Callable[[AnyRecord], None] | None = None) -> tuple[Reading, Book]:
    """Read a journal without its lock, for looking only; another process may be writing to it.

    Args:
        path: The journal file.
        also: Called with every record, in order.

    Raises:
        JournalDamagedError: The journal cannot be trusted.
        OSError: The file cannot be read.
    """
    book = Book()
    reading = read_journal(file_chunks(path), _taker(book, also))
    return reading, book


def _tell(listener: Listener, record: AnyRecord) -> None:
    try:
        listener(record)
    except Exception as error:  # noqa: BLE001 - the record is stored, whoever mistakes it
        logger.error("a listener stumbled: %s", type(error).__name__)  # noqa: TRY400 - no values


def _taker(book: Book, also: Callable[[AnyRecord], None] | None = None) -> Callable[[bytes], None]:
    def take(body: bytes) -> None:
        record = decode_record(body)
        found = objection(book, record)
        if found is not None:
            raise JournalDamagedError(f"a record contradicts those before it: {found}")
        apply(book, record)
        if also is not None:
            also(record)

    return take


__all__ = ["JOURNAL_NAME", "Header", "Ledger", "read_book"]
