r"""An encrypted archive of files: written and read in one pass, whatever its size.

    STBACKUP1\n  length (4)  header (JSON)  then chunks: length (4)  AES-256-GCM of up to 1 MiB

Each archive has a random key of its own, wrapped in the header for the operator's recovery code or
under a passphrase. The nonce of a chunk is its number and whether it is the last, its associated
data is the hash of the header: chunks cannot be changed, moved, dropped or added, and an archive
that was cut off anywhere is noticed.
Inside, each file is a head (JSON with path and size) and its bytes; a head without a path ends it.

It knows no installation: what goes in and where it comes out is backup.py's and restore.py's.
Invariant: a reader hands out nothing that was not authenticated; paths are relative and stay below
where they are written.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kiosk.domain.errors import SetupError
from kiosk.faces.vault import recovery
from kiosk.faces.vault.envelope import new_key, place, seal, unseal, wipe
from kiosk.faces.vault.errors import RecordDamagedError, WrongKeyError
from kiosk.faces.vault.keyring import KdfParameters
from kiosk.faces.vault.wraps import stretch

MAGIC = b"STBACKUP1\n"
VERSION = 1
CHUNK_BYTES = 1 << 20
HEADER_BYTES_MAX = 16_384
HEAD_BYTES_MAX = 8_192
PATH_PARTS_MAX = 16
_TAG_BYTES = 16
_WHERE = place("backup key", "1")

_Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})+$", max_length=1024)]


class BackupDamagedError(SetupError):
    """The archive is not what was written."""

    def __init__(self, what: str) -> None:
        """Say what is wrong with it."""
        super().__init__(
            f"The backup cannot be used: {what}.",
            code="backup_damaged",
            mend="Take another copy of it, or an older backup; nothing was restored.",
        )


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is readable without a key: no names, no numbers, not how many people."""

    version: int = VERSION
    made_at: str
    journal: str
    """Id of the journal inside, which tells one installation's backups from another's."""
    wrapped: _Hex
    """The archive's key."""
    public: _Hex | None = None
    """The recovery code it is wrapped for; None: a passphrase, with `salt` and `kdf`."""
    salt: _Hex | None = None
    kdf: KdfParameters | None = None

    @property
    def needs_code(self) -> bool:
        """Say whether the recovery code opens it, and not a passphrase."""
        return self.public is not None


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file inside; an empty path ends the archive."""

    path: str
    size: Annotated[int, msgspec.Meta(ge=0)]


def header_for_code(public: bytes, made_at: str, journal: str) -> tuple[Header, bytearray]:
    """Make a header and a key that the recovery code opens; only its public half is needed."""
    key = new_key()
    wrapped = recovery.wrap_for(public, key, _WHERE)
    made = Header(made_at=made_at, journal=journal, wrapped=wrapped.hex(), public=public.hex())
    return made, key


def header_for_passphrase(
    passphrase: bytearray, kdf: KdfParameters, made_at: str, journal: str
) -> tuple[Header, bytearray]:
    """Make a header and a key that a passphrase opens."""
    key, salt = new_key(), secrets.token_bytes(16)
    wrapping = stretch(passphrase, salt, kdf)
    try:
        wrapped = seal(wrapping, bytes(key), _WHERE)
    finally:
        wipe(wrapping)
    made = Header(made_at=made_at, journal=journal, wrapped=wrapped.hex(), salt=salt.hex(), kdf=kdf)
    return made, key


def open_header(header: Header, secret: bytearray) -> bytearray:
    """Return the archive's key.

    Args:
        header: The archive's.
        secret: The recovery code's seed or the passphrase, whichever the header asks for.

    Raises:
        WrongKeyError: It is another one.
        BackupDamagedError: The header contradicts itself.
    """
    wrapped = bytes.fromhex(header.wrapped)
    try:
        if header.public is not None:
            return recovery.unwrap(secret, wrapped, _WHERE)
        if header.salt is None or header.kdf is None:
            raise BackupDamagedError("its header contradicts itself")
        wrapping = stretch(secret, bytes.fromhex(header.salt), header.kdf)
        try:
            return bytearray(unseal(wrapping, wrapped, _WHERE))
        finally:
            wipe(wrapping)
    except RecordDamagedError:
        raise WrongKeyError(
            "This code or passphrase does not open the backup.",
            mend="Give the one that it was made for.",
        ) from None


def read_header(file: BinaryIO) -> tuple[Header, bytes]:
    """Read the header; return it and its hash, which every chunk is bound to.

    Raises:
        BackupDamagedError: It is no backup, or of a newer version.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise BackupDamagedError("it is no backup of SmileTill, or of a newer version")
    raw = _sized(file, HEADER_BYTES_MAX)
    try:
        header = msgspec.json.decode(raw, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BackupDamagedError("its header cannot be read") from None
    if header.version != VERSION:
        raise BackupDamagedError("it was made by a newer version of SmileTill")
    return header, hashlib.sha256(raw).digest()


class ArchiveWriter:
    """Writes files into an open, empty file; end it with `finish()`."""

    def __init__(self, file: BinaryIO, header: Header, key: bytearray) -> None:
        """Write the header."""
        raw = msgspec.json.encode(header)
        self._file = file
        self._cipher = AESGCM(key)
        self._bound = hashlib.sha256(raw).digest()
        self._buffer = bytearray()
        self._chunks = 0
        file.write(MAGIC + len(raw).to_bytes(4, "big") + raw)

    def add(self, path: str, size: int, pieces: Iterator[bytes]) -> None:
        """Add a file of exactly `size` bytes.

        Raises:
            OSError: It has fewer, or the disk refuses.
        """
        self._head(Entry(path, size))
        left = size
        for piece in pieces:
            self._write(piece[:left])
            left -= len(piece[:left])
        if left:
            raise OSError(0, f"{path} became shorter while it was read")

    def finish(self) -> None:
        """End the archive."""
        self._head(Entry("", 0))
        self._flush(len(self._buffer), last=True)

    def _head(self, entry: Entry) -> None:
        raw = msgspec.json.encode(entry)
        self._write(len(raw).to_bytes(4, "big") + raw)

    def _write(self, raw: bytes) -> None:
        self._buffer += raw
        while len(self._buffer) > CHUNK_BYTES:
            self._flush(CHUNK_BYTES, last=False)

    def _flush(self, size: int, *, last: bool) -> None:
        plain = bytes(self._buffer[:size])
        del self._buffer[:size]
        sealed = self._cipher.encrypt(_nonce(self._chunks, last=last), plain, self._bound)
        self._chunks += 1
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)


class ArchiveReader:
    """Reads the files behind a header, one after another."""

    def __init__(self, file: BinaryIO, bound: bytes, key: bytearray) -> None:
        """Take over a file that stands behind its header."""
        self._file = file
        self._cipher = AESGCM(key)
        self._bound = bound
        self._buffer = bytearray()
        self._chunks = 0
        self._ended = False
        self._left = 0

    def files(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """Yield each file's head and its bytes, which must be read before the next one.

        Raises:
            BackupDamagedError: Anything is not as it was written.
        """
        while True:
            for _ in self._pieces():
                pass  # what the caller left unread is checked all the same
            size = int.from_bytes(self._take(4), "big")
            if size > HEAD_BYTES_MAX:
                raise BackupDamagedError("a file's head is too large")
            try:
                entry = msgspec.json.decode(self._take(size), type=Entry)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise BackupDamagedError("a file's head cannot be read") from None
            if not entry.path:
                break
            _check_path(entry.path)
            self._left = entry.size
            yield entry, self._pieces()
        if self._buffer or not self._ended or self._file.read(1):
            raise BackupDamagedError("there is something behind its end")

    def _pieces(self) -> Iterator[bytes]:
        while self._left:
            if not self._buffer:
                self._fill()
            piece = bytes(self._buffer[: self._left])
            del self._buffer[: len(piece)]
            self._left -= len(piece)
            yield piece

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill(self) -> None:
        if self._ended:
            raise BackupDamagedError("it ends too early")
        sealed = _sized(self._file, CHUNK_BYTES + _TAG_BYTES)
        for last in (False, True):
            try:
                plain = self._cipher.decrypt(_nonce(self._chunks, last=last), sealed, self._bound)
            except InvalidTag:
                continue
            self._buffer += plain
            self._ended = last
            self._chunks += 1
            return
        raise BackupDamagedError("a part of it was changed")


def write_below(folder: Path, entry: Entry, pieces: Iterator[bytes]) -> None:
    """Write one file of an archive below a folder, durably. Raises OSError."""
    path = folder / entry.path
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _check_path(path: str) -> None:
    parts = PurePosixPath(path).parts
    good = (
        not path.startswith("/")
        and "\0" not in path
        and 0 < len(parts) <= PATH_PARTS_MAX
        and str(PurePosixPath(path)) == path
        and ".." not in parts
    )
    if not good:
        raise BackupDamagedError("a file in it would lie elsewhere")


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _sized(file: BinaryIO, most: int) -> bytes:
    size = int.from_bytes(file.read(4), "big")
    if not 0 < size <= most:
        raise BackupDamagedError("it ends too early, or a part of it was changed")
    raw = file.read(size)
    if len(raw) != size:
        raise BackupDamagedError("it ends too early")
    return raw
