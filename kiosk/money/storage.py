"""The file under the journal, as a seam: what a disk is asked, and what it may refuse.

The journal never touches the operating system except through `Storage`, so that tests can lose
unsynced bytes, tear writes and fail syncs (tests/fakes/storage.py).
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from kiosk.money.errors import JournalBusyError, JournalWriteError

CHUNK_BYTES = 1 << 20


class Storage(Protocol):
    """An append-only file. Every method may raise OSError."""

    def chunks(self) -> Iterator[bytes]:
        """Read everything from the start, in pieces."""
        ...

    def append(self, data: bytes) -> int:
        """Write at the end; return how many bytes were taken, which may be fewer."""
        ...

    def sync(self) -> None:
        """Return only when everything written is on the disk."""
        ...

    def truncate(self, size: int) -> None:
        """Cut off everything from `size` on."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class FileStorage:
    """A real file with an exclusive lock, in a directory for the owner only."""

    def __init__(self, path: Path) -> None:
        """Open or create the file and take its lock.

        Raises:
            JournalBusyError: Somebody else has the lock.
            JournalWriteError: The file cannot be opened or created.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            self._handle = os.open(path, flags, 0o600)
        except OSError as error:
            raise JournalWriteError(_name(error)) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The name must survive a power cut as surely as the bytes.
            sync_directory(path.parent)
        except BlockingIOError as error:
            os.close(self._handle)
            raise JournalBusyError from error
        except OSError as error:
            os.close(self._handle)
            raise JournalWriteError(_name(error)) from error

    def chunks(self) -> Iterator[bytes]:
        """Read everything from the start, in pieces."""
        offset = 0
        while piece := os.pread(self._handle, CHUNK_BYTES, offset):
            offset += len(piece)
            yield piece

    def append(self, data: bytes) -> int:
        """Write at the end; return how many bytes were taken."""
        return os.write(self._handle, data)

    def sync(self) -> None:
        """Return only when everything written is on the disk."""
        os.fsync(self._handle)

    def truncate(self, size: int) -> None:
        """Cut off everything from `size` on."""
        os.ftruncate(self._handle, size)

    def close(self) -> None:
        """Close the file, which gives the lock back."""
        os.close(self._handle)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_chunks(path: Path) -> Iterator[bytes]:
    """Read a file that another process may be appending to. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "OSError")
