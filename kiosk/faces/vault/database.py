"""The vault's SQLite file: tables, connection, lock, and which of its errors mean what.

Nothing here decrypts. sqlite-utils makes the tables and keeps the list of migrations.

Invariants:
- Write-ahead logging with `synchronous=FULL`: what was committed survives a power cut.
- `secure_delete`, no temporary files, and a WAL that `truncate_wal()` empties: deleted bytes do not
  stay in any file of the vault. (`secure_delete` alone leaves them in the WAL, measured.)
- Pages of 16 KiB: six rows of a template share one, and the file is 1.13 times the data although
  row numbers are random (measured; pages of 4 KiB: 1.42 times; of 8 KiB: up to 1.34).
- One owner: a lock on a file of its own, since SQLite's own locks come and go.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database, Migrations

from kiosk.faces.vault.errors import (
    VaultDamagedError,
    VaultInUseError,
    VaultTooNewError,
    VaultUnusableError,
)
from kiosk.faces.vault.keyring import sync_folder

FILE_NAME = "vault.db"
LOCK_NAME = "vault.lock"
PAGE_BYTES = 16_384
BUSY_MS_MAX = 5_000
AUTO_VACUUM_INCREMENTAL = 2
SHRINK_PAGES = 64
"""Free pages (1 MiB) given back by one step, so that nobody waits long for the vault."""
LOG_PAGES_MAX = 256
"""Pages (4 MiB) in the log until SQLite moves it into the database of its own accord, in the midst
of somebody's enrolment. More would make an erasure, which empties the log, wait longer."""
CACHE_KIB = 8_192
"""Memory for pages: with 100,000 people the inner pages of all tables and some leaves. SQLite's own
2 MiB are 120 pages, and an enrolment would read inner pages again and again."""

logger = logging.getLogger(__name__)

# What the disk does to us, in plain words; every other error of SQLite means that the file is not
# ours any more. An extended code that stands here is looked for before its primary code.
_DISK_WORDS = {
    sqlite3.SQLITE_BUSY: "another program reads or writes it",
    sqlite3.SQLITE_CANTOPEN: "its files cannot be opened",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_IOERR_SHMSIZE: "the disk is full",  # no room for the shared index of the log
    sqlite3.SQLITE_LOCKED: "another program reads or writes it",
    sqlite3.SQLITE_NOMEM: "the machine has no memory left",
    sqlite3.SQLITE_PERM: "its files cannot be written",
    sqlite3.SQLITE_READONLY: "its files cannot be written",
}

OLD = "before_3_"
"""What stands before the names of tables of versions 1 and 2 while they are converted."""
OLD_TABLES = ("person", "identity", "link", "consent", "template")
VERSIONS = ("m001_first", "m002_heads", "m003_parts_apart")


def _first(db: Database) -> None:
    """Make the tables of version 1.

    `id` of identity, link and consent is the `id` of the person's row; templates of one person are
    neighbours, in the order of people, since ids only grow.
    """
    _make(
        db,
        {
            "store": {"id": int, "key_check": bytes, "census": bytes},
            "person": {
                "id": int,
                "person": str,
                "version": int,
                "wrapped_key": bytes,
                "head": bytes,
            },
            "identity": {"id": int, "record": bytes},
            "link": {"id": int, "record": bytes},
            "consent": {"id": int, "record": bytes},
            "template": {"id": int, "owner": int, "pack": str, "record": bytes},
            "outbox": {"id": int, "record": bytes},
        },
    )


def _heads(_: Database) -> None:
    """Mark version 2: heads and consents have more fields, which older records do without.

    No row changes; the mark keeps an older program from calling the new fields damage.
    """


def _parts_apart(db: Database, convert: Callable[[Database], None]) -> None:
    """Make the tables of version 3, each part under keys and row numbers of its own."""
    for table in OLD_TABLES:
        db.execute(f"ALTER TABLE {table} RENAME TO {OLD}{table}")
    part = {"id": int, "wrapped_key": bytes, "record": bytes}
    record = {"id": int, "record": bytes}
    _make(
        db,
        {
            "person": {
                "id": int,
                "person": str,
                "version": int,
                "wrapped_key": bytes,
                "head": bytes,
            },
            "identity": part,
            "account": part,
            "consent": part,
            "template": part,
            "transform": record,
            "proof": part,
        },
    )
    convert(db)
    for table in OLD_TABLES:
        db.table(f"{OLD}{table}").drop()


def _make(db: Database, tables: dict[str, dict[str, type]]) -> None:
    for name, columns in tables.items():
        db.table(name).create(columns, pk="id", not_null=set(columns) - {"id"}, strict=True)


def migrations(convert: Callable[[Database], None] = lambda _: None) -> Migrations:
    """Return all versions of the store; the third one seals everything anew by `convert`."""
    made = Migrations("vault")
    made(name=VERSIONS[0])(_first)
    made(name=VERSIONS[1])(_heads)

    def parts_apart(db: Database) -> None:
        _parts_apart(db, convert)

    made(name=VERSIONS[2])(parts_apart)
    return made


class OwnerLock:
    """The lock that makes one process the only owner of a vault's folder."""

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            VaultInUseError: Somebody holds it.
            VaultUnusableError: The folder cannot be written.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise VaultUnusableError(error.strerror or "its folder cannot be made") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise VaultInUseError from error

    def release(self) -> None:
        """Give the lock back. Calling it twice is no error."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor != -1:
            os.close(descriptor)


@contextlib.contextmanager
def sqlite_errors() -> Iterator[None]:
    """Turn the errors of SQLite and of the system's files into ours."""
    try:
        yield
    except OSError as error:
        raise VaultUnusableError(error.strerror or "its files cannot be written") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        words = _DISK_WORDS.get(code) or _DISK_WORDS.get(code & 0xFF)
        if words is not None:
            raise VaultUnusableError(words) from error
        raise VaultDamagedError("the file is not a database that we wrote") from error
    except UnicodeDecodeError as error:  # sqlite3 quotes the damaged schema in its own error
        raise VaultDamagedError("the file is not a database that we wrote") from error


def connect(path: Path, *, read_only: bool = False) -> Database:
    """Open the file, which must be there, for this process alone; callers lock their threads."""
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True, check_same_thread=False
    )
    try:
        # A damaged schema must not run code of its own, and sorting must not leave files behind.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS_MAX}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        if not read_only:
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_MAX}")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        return Database(connection, execute_plugins=False)
    except BaseException:
        connection.close()
        raise


def create(folder: Path, fill: Callable[[Database], None]) -> None:
    """Make an empty vault under a draft name and put it in place whole.

    Args:
        folder: Where.
        fill: Writes the rows that every vault has.

    Raises:
        VaultDamagedError: A write-ahead log lies there without its database.
    """
    path, draft = folder / FILE_NAME, folder / f"{FILE_NAME}.new"
    if wal_path(path).exists():
        raise VaultDamagedError("its main file is gone and its log is not")
    for leftover in (draft, wal_path(draft), draft.with_name(f"{draft.name}-shm")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.closing(sqlite3.connect(draft)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        db = Database(connection, execute_plugins=False)
        migrations().apply(db)
        fill(db)
        db.vacuum()
    draft.rename(path)
    sync_folder(folder)


def version(db: Database) -> int:
    """Return which version of the store this is, at most ours.

    Raises:
        VaultTooNewError: It has migrations that we do not know.
        VaultDamagedError: It lacks the first one, so it is not a vault.
    """
    applied = {migration.name for migration in Migrations("vault").applied(db)}
    if VERSIONS[0] not in applied:
        raise VaultDamagedError("it has no version")
    if applied - set(VERSIONS):
        raise VaultTooNewError
    known = next((n for n, name in enumerate(VERSIONS) if name not in applied), len(VERSIONS))
    if len(applied) != known:
        raise VaultDamagedError("its versions are not in order")
    return known


def migrate(path: Path, convert: Callable[[Database], None]) -> None:
    """Bring a proved, older vault to our version; a crash leaves it at a version it had."""
    db = connect(path)
    try:
        migrations(convert).apply(db)
        truncate_wal(db)
    finally:
        db.close()


def settle(db: Database) -> None:
    """Let free pages be given back step by step, once for a vault made before that was so.

    Rewriting the file also drops the pages of older tables.
    """
    if db.execute("PRAGMA auto_vacuum").fetchone()[0] != AUTO_VACUUM_INCREMENTAL:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.vacuum()
    truncate_wal(db)


def shrink(db: Database) -> bool:
    """Give some free pages back to the disk; return whether there may be more."""
    db.execute(f"PRAGMA incremental_vacuum({SHRINK_PAGES})").fetchall()
    return bool(db.execute("PRAGMA freelist_count").fetchone()[0])


def move_wal(db: Database) -> None:
    """Move what is in the log into the database, so that no enrolment has to.

    The log keeps its size, since writing over it is cheaper than making it longer again. When there
    is nothing to move, nothing is written.
    """
    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def truncate_wal(db: Database) -> None:
    """Move the log into the database and cut it to nothing, so that old bytes are in no file.

    A disk that refuses is no reason to fail what is already committed: it is logged, the next
    write tries again, and an erasure's search of the files would find what stayed.
    """
    try:
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error as error:
        logger.warning("the vault's log could not be emptied: %s", type(error).__name__)
        return
    if busy:
        logger.warning("the vault's log could not be emptied: somebody reads it")


def wal_path(path: Path) -> Path:
    """Return where SQLite keeps the write-ahead log of a database."""
    return path.with_name(f"{path.name}-wal")
