"""Says what is wrong when the sandbox bank's files cannot be used: full, not writable, or damaged.

Only a file that is no ledger any more is called damaged, since the mend for that removes it.
"""

from __future__ import annotations

import errno
import sqlite3

from kiosk.domain.errors import SetupError

_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
"""SQLite's own code, and what it says when the shared index of the log finds no room."""
_REFUSED = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY = 0xFF
"""The low byte of SQLite's extended codes is the primary code."""


def ledger_trouble(error: sqlite3.Error) -> SetupError:
    """Return what to tell when SQLite cannot use the ledger."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if code in _FULL:
        return _disk_full()
    if code & _PRIMARY in _REFUSED:
        return _not_writable()
    if code & _PRIMARY in _BUSY:
        return SetupError(
            "Another program has the sandbox bank's ledger open.",
            code="sandbox_ledger_busy",
            mend="Close whatever reads or writes bank.db in the sandbox folder, then try again.",
        )
    return ledger_damaged()


def folder_trouble(error: OSError) -> SetupError:
    """Return what to tell when the system refuses a file in the sandbox folder."""
    return _disk_full() if error.errno in _FULL_ERRNOS else _not_writable()


def ledger_damaged() -> SetupError:
    """Return what to tell when the file is no ledger, or its sums are wrong."""
    return SetupError(
        "The sandbox bank's ledger is damaged.",
        code="sandbox_ledger_damaged",
        mend="It holds no real money: remove bank.db in the sandbox folder and enrol again.",
    )


def _disk_full() -> SetupError:
    return SetupError(
        "The disk is full, so the sandbox bank cannot work.",
        code="sandbox_disk_full",
        mend="Free some space, then try again; nothing has to be removed from the sandbox folder.",
    )


def _not_writable() -> SetupError:
    return SetupError(
        "The sandbox bank's files cannot be opened or written.",
        code="sandbox_not_writable",
        mend="Check the folder given with --data, its owner, its permissions and the disk;"
        " nothing has to be removed.",
    )
