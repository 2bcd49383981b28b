"""The file `DIR/keyring.json`: the wrapped root key, read strictly, replaced whole.

It holds the root key in several wraps (the source that opens it at each start, and the operator's
recovery code), and under the root key those of the processes that are no longer derived from it
(after a rotation or a restore). It holds no key. Everything read from it is checked against bounds
before anybody computes with it; `keys.py` then checks the file's own seal with the root key.

Version 1, one wrap and nothing else, is read for ever and becomes version 2 at the first change.
"""

from __future__ import annotations

import contextlib
import enum
import os
import secrets
from pathlib import Path
from typing import Annotated

import msgspec

from kiosk.faces.vault.errors import KeyringDamagedError, VaultUnusableError
from kiosk.faces.vault.tpm import Sealed

NAME = "keyring.json"
VERSION = 2
FILE_BYTES_MAX = 65_536
"""Bytes; ours has below two thousand."""

_Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})+$", max_length=512)]
_Salt = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})+$", min_length=32, max_length=512)]


class KeySource(enum.Enum):
    """What unlocks the root key."""

    CREDENTIAL = "credential"
    PASSPHRASE = "passphrase"  # noqa: S105 - the name of a source
    TPM = "tpm"
    RECOVERY = "recovery"

    @property
    def in_words(self) -> str:
        """Say it for staff."""
        return _IN_WORDS[self]


_IN_WORDS = {
    KeySource.CREDENTIAL: "store key",
    KeySource.PASSPHRASE: "passphrase",
    KeySource.TPM: "TPM",
    KeySource.RECOVERY: "recovery code",
}


class KdfParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cost of Argon2id, stored with the key it made.

    Measured on two cores with nothing else running: 128 MiB and 3 passes take 0.5 s, once a start;
    64 MiB takes 0.3 s and 256 MiB takes 1.1 s.
    The bounds keep a hostile file from taking the machine's memory or its day.
    """

    memory_kib: Annotated[int, msgspec.Meta(ge=1024, le=1_048_576)] = 131_072
    passes: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3
    lanes: Annotated[int, msgspec.Meta(ge=1, le=8)] = 2


class Wrap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The root key, wrapped once. What a source does not need is None."""

    source: KeySource
    salt: _Salt
    wrapped: _Hex
    kdf: KdfParameters | None = None
    """There exactly for a passphrase."""
    sealed: Sealed | None = None
    """There exactly for a TPM."""
    counter: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)] | None = None
    """The TPM's index of the counter that tells an older copy of the data (rollback.py)."""
    public: _Hex | None = None
    """There exactly for a recovery code: its public half."""

    def is_consistent(self) -> bool:
        """Say whether it has what its source needs, and nothing else."""
        return (
            (self.kdf is not None) == (self.source is KeySource.PASSPHRASE)
            and (self.sealed is not None) == (self.source is KeySource.TPM)
            and (self.public is not None) == (self.source is KeySource.RECOVERY)
            and (self.counter is None or self.source is KeySource.TPM)
        )


class Keyring(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything in the file."""

    version: int = VERSION
    install: _Hex
    epoch: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] = 0
    """Goes up with every restore from a backup."""
    wraps: Annotated[tuple[Wrap, ...], msgspec.Meta(min_length=1, max_length=4)]
    processes: dict[Annotated[str, msgspec.Meta(max_length=16)], _Hex] = {}
    """Keys of processes, sealed under the root key; what is not here is derived from it."""
    mac: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""
    """Over everything else, under the root key; empty only in what was read from version 1."""

    @property
    def primary(self) -> Wrap:
        """The wrap that opens it at each start."""
        return next(wrap for wrap in self.wraps if wrap.source is not KeySource.RECOVERY)

    @property
    def recovery(self) -> Wrap | None:
        """The wrap for the operator's paper, if there is one."""
        return next((wrap for wrap in self.wraps if wrap.source is KeySource.RECOVERY), None)

    def is_consistent(self) -> bool:
        """Say whether there is one primary wrap and at most one for recovery, each whole."""
        recoveries = sum(wrap.source is KeySource.RECOVERY for wrap in self.wraps)
        return (
            len(self.wraps) - recoveries == 1
            and recoveries <= 1
            and all(wrap.is_consistent() for wrap in self.wraps)
        )


class _First(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file as version 1 wrote it."""

    version: int
    install: _Hex
    source: KeySource
    salt: _Salt
    kdf: KdfParameters | None
    wrapped: _Hex

    def upgraded(self) -> Keyring:
        """Return the same in today's form; it has no seal of its own yet."""
        wrap = Wrap(source=self.source, salt=self.salt, kdf=self.kdf, wrapped=self.wrapped)
        return Keyring(install=self.install, wraps=(wrap,))


class _Version(msgspec.Struct):
    version: int


def read(data_dir: Path) -> Keyring | None:
    """Return the keyring of an installation, or None if there is no file.

    Raises:
        KeyringDamagedError: The file is not a keyring that we know, or out of bounds.
        VaultUnusableError: It cannot be read.
    """
    try:
        with (data_dir / NAME).open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultUnusableError(error.strerror or "keyring.json cannot be read") from error
    if len(raw) > FILE_BYTES_MAX:
        raise KeyringDamagedError("keyring.json is too large to be one.")
    try:
        version = msgspec.json.decode(raw, type=_Version).version
        if version > VERSION:
            raise KeyringDamagedError(
                "keyring.json was written by a newer version of SmileTill.", code="keyring_too_new"
            )
        if version == 1:
            kept = msgspec.json.decode(raw, type=_First).upgraded()
        else:
            kept = msgspec.json.decode(raw, type=Keyring)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise KeyringDamagedError("keyring.json is damaged.") from None
    if version not in {1, VERSION} or (version == VERSION and not kept.mac):
        raise KeyringDamagedError("keyring.json contradicts itself.")
    if not kept.is_consistent():
        raise KeyringDamagedError("keyring.json contradicts itself.")
    return kept


def to_bytes(made: Keyring) -> bytes:
    """Write a keyring as the file has it."""
    return msgspec.json.format(msgspec.json.encode(made)) + b"\n"


def write_new(data_dir: Path, made: Keyring) -> Keyring:
    """Keep a first keyring, durably, for the owner only; never replace one that is there.

    Returns:
        What is on the disk afterwards: ours, or the one of a process that was faster.

    Raises:
        VaultUnusableError: The disk refuses.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = _draft(data_dir, made)
        try:
            with contextlib.suppress(FileExistsError):  # unlike rename, link replaces nothing
                os.link(draft, data_dir / NAME)
        finally:
            draft.unlink()
        sync_folder(data_dir)
    except OSError as error:
        raise VaultUnusableError(error.strerror or "keyring.json cannot be written") from error
    kept = read(data_dir)
    assert kept is not None
    return kept


def replace(data_dir: Path, made: Keyring) -> None:
    """Put a changed keyring in the place of the old one: always one of the two is there, whole.

    Raises:
        VaultUnusableError: The disk refuses; the old one is still there.
    """
    try:
        draft = _draft(data_dir, made)
        try:
            draft.replace(data_dir / NAME)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        sync_folder(data_dir)
    except OSError as error:
        raise VaultUnusableError(error.strerror or "keyring.json cannot be written") from error


def _draft(data_dir: Path, made: Keyring) -> Path:
    draft = data_dir / f".{NAME}.{secrets.token_hex(8)}"
    write_durably(draft, to_bytes(made))
    return draft


def write_durably(path: Path, raw: bytes) -> None:
    """Write a new file for the owner only, and return when it is on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make new and removed names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
