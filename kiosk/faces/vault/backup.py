"""Make an encrypted backup of an installation, also while its processes run.

In it: the vault, money's journal and keys, the audit log, the settings, and the keys of the
processes, so that another terminal can go on under a key of its own (restore.py).
Not in it: the keyring, the TPM's number, sockets, model packs, the sandbox, which is the world.

The vault's file is read inside a transaction that keeps SQLite from changing it; the journal only
grows. The order is such that whatever happens meanwhile is told by what is read later: the vault
first, then the journal, which says who was erased since.
Invariant: a backup is there under its name only when it is whole and was read back.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import msgspec

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.faces.vault import database
from kiosk.faces.vault.archive import (
    ArchiveReader,
    ArchiveWriter,
    BackupDamagedError,
    Header,
    read_header,
)
from kiosk.faces.vault.errors import VaultUnusableError
from kiosk.faces.vault.keyring import sync_folder
from kiosk.faces.vault.keys import RootKey, derive

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1
MANIFEST_BYTES_MAX = 65_536
READ_BYTES = 1 << 20
QUIET_TRIES = 200
QUIET_S = 0.05
"""The vault's log is empty between two changes; this long is waited for such a moment."""

_LEFT_OUT = {
    "run", "models", "sandbox", "keyring.json", "keyring.lock", "rollback.json",
    "restore.json", "restore.new", "restore.old",
}  # fmt: skip
_ENDINGS_LEFT_OUT = (".lock", ".sock", "-wal", "-shm", ".new", ".part")
_VAULT = f"vault/{database.FILE_NAME}"
_FIRST = ("vault/", "money/journal.log", "money/", "audit/seal")

Progress = Callable[[int], None]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first file of an archive."""

    version: int = MANIFEST_VERSION
    install: str
    epoch: int
    processes: dict[str, str]
    """Keys of the processes, in hex: what is behind this file opens with them."""

    def __repr__(self) -> str:
        """Show no key."""
        return f"Manifest(epoch={self.epoch}, …)"


@dataclass(frozen=True, slots=True)
class Made:
    """What a backup came to."""

    files: int
    size: int


def make_backup(
    data_dir: Path, target: Path, root: RootKey, epoch: int, header: Header, key: bytearray,
    progress: Progress = lambda _bytes: None,
) -> Made:  # fmt: skip
    """Write a backup and read it back.

    Args:
        data_dir: The installation.
        target: The new file; not inside the installation.
        root: The installation's unlocked root key.
        epoch: The keyring's.
        header: Says what opens it.
        key: The archive's key.
        progress: Told the bytes read so far.

    Raises:
        BadInputError: The target lies inside, exists already, or has no folder.
        SetupError: A disk refuses.
    """
    home = data_dir.resolve()
    if home in target.absolute().parents or home in target.resolve().parents:
        raise BadInputError(
            "The backup would lie inside the data directory.",
            code="backup_inside_data",
            mend="Name a file elsewhere, best on another machine.",
        )
    if not target.parent.is_dir():
        raise BadInputError(
            f"There is no folder {target.parent} for the backup.",
            code="backup_folder_missing",
            mend="Check its name, and that the disk or stick is mounted.",
        )
    part = target.with_name(f"{target.name}.part")
    try:
        if target.exists():
            raise BadInputError(
                "There is a file of this name already.",
                code="backup_exists",
                mend="Name another one; a backup is never overwritten.",
            )
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            _write(data_dir, file, root, epoch, header, key, progress)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            made = check(file, key)
        part.rename(target)
        sync_folder(target.resolve().parent)
    except OSError as error:
        raise SetupError(
            f"The backup cannot be written: {error.strerror or error.errno}.",
            code="backup_unwritable",
            mend="Check its folder and the free space there; nothing was changed.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return made


def check(file: BinaryIO, key: bytearray, progress: Progress = lambda _bytes: None) -> Made:
    """Read a whole archive and prove every byte of it.

    Args:
        file: The open archive, at its start.
        key: The archive's key.
        progress: Told the bytes read so far.

    Raises:
        BackupDamagedError: It is not as it was written.
    """
    _, bound = read_header(file)
    files = size = 0
    for number, (entry, pieces) in enumerate(ArchiveReader(file, bound, key).files()):
        if number == 0:
            read_manifest(entry.path, pieces)
            continue
        files += 1
        for piece in pieces:
            size += len(piece)
            progress(size)
    if not files:
        raise BackupDamagedError("there is nothing in it")
    return Made(files, size)


def read_manifest(path: str, pieces: Iterator[bytes]) -> Manifest:
    """Read the first file of an archive.

    Raises:
        BackupDamagedError: It is no manifest of ours.
    """
    raw = bytearray()
    for piece in pieces:
        raw += piece
        if len(raw) > MANIFEST_BYTES_MAX:
            break
    try:
        if path != MANIFEST_NAME:
            raise BackupDamagedError("its manifest is not there")
        found = msgspec.json.decode(bytes(raw), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BackupDamagedError("its manifest cannot be read") from None
    if found.version != MANIFEST_VERSION:
        raise BackupDamagedError("it was made by a newer version of SmileTill")
    return found


def _write(
    data_dir: Path, file: BinaryIO, root: RootKey, epoch: int, header: Header, key: bytearray,
    progress: Progress,
) -> None:  # fmt: skip
    writer = ArchiveWriter(file, header, key)
    manifest = Manifest(
        install=root.install_id,
        epoch=epoch,
        processes={name: derive(root, name).hex() for name in ("faces", "money")},
    )
    raw = msgspec.json.encode(manifest)
    writer.add(MANIFEST_NAME, len(raw), iter((raw,)))
    done = 0

    def counted(pieces: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal done
        for piece in pieces:
            yield piece
            done += len(piece)
            progress(done)

    if (data_dir / _VAULT).exists():
        with _quiet_vault(data_dir / _VAULT) as (size, pieces):
            writer.add(_VAULT, size, counted(pieces))
    # Listed only now: a mandate's key that came while the vault was read belongs in.
    for path in _others(data_dir):
        try:
            descriptor = os.open(data_dir / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # gone since we listed it
        with os.fdopen(descriptor, "rb") as source:
            size = os.fstat(source.fileno()).st_size
            writer.add(path, size, counted(iter(lambda f=source: f.read(READ_BYTES), b"")))  # type: ignore[misc]
    writer.finish()


def _others(data_dir: Path) -> list[str]:
    """List what belongs in a backup besides the vault's database, in the order to be read."""
    found: list[str] = []
    for folder, folders, names in os.walk(data_dir):
        here = Path(folder)
        if here == data_dir:
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in names:
            path = here / name
            relative = path.relative_to(data_dir).as_posix()
            skipped = name.startswith(".") or name.endswith(_ENDINGS_LEFT_OUT)
            if skipped or relative in _LEFT_OUT or relative == _VAULT or path.is_symlink():
                continue
            if path.is_file():
                found.append(relative)
    return sorted(found, key=lambda path: (_rank(path), path))


def _rank(path: str) -> int:
    return next((at for at, start in enumerate(_FIRST) if path.startswith(start)), len(_FIRST))


@contextlib.contextmanager
def _quiet_vault(path: Path) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Keep SQLite from changing the vault's file, and hand out its bytes.

    A reader that began while the log was empty reads the file alone, and SQLite moves nothing from
    the log into the file that the oldest reader may not see (sqlite.org/wal.html).
    """
    log = database.wal_path(path)
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        for _ in range(QUIET_TRIES):
            connection.execute("BEGIN")
            connection.execute("SELECT COUNT(*) FROM store").fetchone()
            if not log.exists() or log.stat().st_size == 0:
                break
            connection.execute("ROLLBACK")
            time.sleep(QUIET_S)
        else:
            raise VaultUnusableError("it changes all the time")
        file = path.open("rb")
        try:
            size = os.fstat(file.fileno()).st_size
            yield size, iter(lambda: file.read(READ_BYTES), b"")
        finally:
            # First SQLite: closing any other descriptor drops the locks that it holds.
            connection.close()
            file.close()
