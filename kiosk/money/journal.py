"""The journal: an append-only file of records, and the only truth about orders and money.

One record a line, each chained to the one before it (kiosk/link/chained.py).
The first body is a header: the kind of file, its version, when and under which random id it was
made.

`append` returns only after the bytes are on the disk (write, then fsync).
The journal knows lines, not what they mean (kiosk/money/records.py) or add up to (book.py).

Invariants:

- what was read at the start is on the disk before anything is done about it;
- an acknowledged record is never lost silently: a tail that a cut-off write can leave is removed,
  anything else that does not read is `JournalDamagedError`, and the file stays as it is;
- after a failed sync nothing more is written by this process, and the sync is never repeated: the
  kernel may have dropped the bytes and report success the second time (fsyncgate, 2018).
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from kiosk.link.chained import ChainBrokenError, Position, format_line, read_chain
from kiosk.money.errors import JournalDamagedError, JournalPoisonedError, JournalWriteError
from kiosk.money.storage import Storage

FORMAT = "smiletill-journal"
FORMAT_VERSION = 1
BODY_BYTES_MAX = 131_072
"""One record. The largest, an order of 100 lines of 200 characters, stays below 90 KiB."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="header"):
    """The first record."""

    format: str
    version: int
    created: str
    journal: str
    """A random id: 32 hex digits."""


_header_decoder = msgspec.json.Decoder(Header)


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a whole journal came to."""

    header: Header | None
    """None: the file is empty, or holds no more than a first line that was cut off."""
    position: Position
    torn_bytes: int
    """Length of the cut-off tail behind the last good record."""


def read_journal(chunks: Iterable[bytes], take: Callable[[bytes], None]) -> Reading:
    """Read a journal from the start and hand each record's body to `take`, header excepted.

    Raises:
        JournalDamagedError: Anything but the tail that a cut-off write leaves.
    """
    header: Header | None = None

    def take_or_keep(body: bytes) -> None:
        nonlocal header
        if header is None:
            header = _read_header(body)
        else:
            take(body)

    try:
        read = read_chain(chunks, take_or_keep, body_bytes_max=BODY_BYTES_MAX)
    except ChainBrokenError as error:
        raise JournalDamagedError(str(error)) from error
    return Reading(header, read.position, read.torn_bytes)


class Journal:
    """The open journal of one process; use `Journal.open`. Not thread-safe: the ledger locks."""

    def __init__(self, storage: Storage, header: Header, position: Position) -> None:
        """Take over a storage that was read to its end."""
        self._storage = storage
        self._position = position
        self._poisoned = False
        self.header = header

    @classmethod
    def open(cls, storage: Storage, take: Callable[[bytes], None], created: str) -> OpenedJournal:
        """Read everything, cut off a torn tail, and write the header of a new file.

        Args:
            storage: Where the bytes are. It is closed if this fails.
            take: Called with each record's body, in order.
            created: Time for the header, if the file is new.

        Raises:
            JournalDamagedError: A record that was acknowledged cannot be read.
            JournalWriteError: The disk refuses.
        """
        try:
            reading = read_journal(storage.chunks(), take)
            if reading.torn_bytes:
                storage.truncate(reading.position.offset)
            # A killed process may have written its last record and not synced it. It was read, so
            # it will be acted on (an intent may be sent again): it must survive a power cut too.
            if reading.position.offset or reading.torn_bytes:
                storage.sync()
            header = reading.header
            if header is not None:
                return OpenedJournal(cls(storage, header, reading.position), reading.torn_bytes)
            header = Header(FORMAT, FORMAT_VERSION, created, secrets.token_hex(16))
            journal = cls(storage, header, reading.position)
            journal.append(msgspec.json.encode(header))
        except OSError as error:
            storage.close()
            raise JournalWriteError(_name(error)) from error
        except BaseException:
            storage.close()
            raise
        return OpenedJournal(journal, reading.torn_bytes)

    @property
    def is_poisoned(self) -> bool:
        """Say whether a failure has ended all writing by this process."""
        return self._poisoned

    @property
    def records(self) -> int:
        """How many records there are, header included."""
        return self._position.records

    def append(self, body: bytes) -> None:
        """Store one record; when this returns, it is on the disk.

        Raises:
            JournalWriteError: It is not stored. If the disk took nothing of it (it is full), a
                later record may still succeed.
            JournalPoisonedError: An earlier failure has ended all writing.
        """
        if self._poisoned:
            raise JournalPoisonedError
        assert len(body) <= BODY_BYTES_MAX, "a record of ours outgrew its limit"
        line = format_line(body, self._position)
        try:
            self._write(line)
        except OSError as error:
            self._take_back()
            raise JournalWriteError(_name(error)) from error
        try:
            self._storage.sync()
        except OSError as error:
            self._poisoned = True
            raise JournalWriteError(_name(error)) from error
        self._position = self._position.after(body, len(line))

    def close(self) -> None:
        """Let go of the file."""
        self._poisoned = True
        self._storage.close()

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            taken = self._storage.append(bytes(rest))
            if taken <= 0:
                raise OSError(errno.EIO, "nothing was written")
            rest = rest[taken:]

    def _take_back(self) -> None:
        """Remove what a failed write left, so that the next record stands on clean ground."""
        try:
            self._storage.truncate(self._position.offset)
        except OSError:
            self._poisoned = True


@dataclass(frozen=True, slots=True)
class OpenedJournal:
    """An open journal, and how many bytes of a cut-off write were removed from its end."""

    journal: Journal
    torn_bytes: int


def _read_header(body: bytes) -> Header:
    try:
        header = _header_decoder.decode(body)
    except msgspec.DecodeError:
        raise JournalDamagedError("the header cannot be read") from None
    if header.format != FORMAT or header.version != FORMAT_VERSION:
        raise JournalDamagedError("the header names another format or version")
    return header


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "OSError")
