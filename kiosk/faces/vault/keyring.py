"""The file `DIR/keyring.json`: read strictly, written once.

It holds the wrapped root key and how it was wrapped, no key. Everything read from it is checked
against bounds before anybody computes with it.
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

NAME = "keyring.json"
VERSION = 1
FILE_BYTES_MAX = 65_536
"""Bytes; ours has a few hundred."""

_Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})+$", max_length=512)]


class KeySource(enum.Enum):
    """What unlocks the root key."""

    CREDENTIAL = "credential"
    PASSPHRASE = "passphrase"  # noqa: S105 - the name of a source

    @property
    def in_words(self) -> str:
        """Say it for staff."""
        return "store key" if self is KeySource.CREDENTIAL else "passphrase"


class KdfParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cost of Argon2id, stored with the key it made.

    Measured on two cores with nothing else running: 128 MiB and 3 passes take 0.5 s, once a start;
    64 MiB takes 0.3 s and 256 MiB takes 1.1 s.
    The bounds keep a hostile file from taking the machine's memory or its day.
    """

    memory_kib: Annotated[int, msgspec.Meta(ge=1024, le=1_048_576)] = 131_072
    passes: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3
    lanes: Annotated[int, msgspec.Meta(ge=1, le=8)] = 2


class Keyring(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One wrapped root key. `kdf` is there exactly when the source is a passphrase."""

    version: int = VERSION
    install: _Hex
    source: KeySource
    salt: Annotated[_Hex, msgspec.Meta(min_length=32)]
    kdf: KdfParameters | None
    wrapped: _Hex


class _Version(msgspec.Struct):
    version: int


def read(data_dir: Path) -> Keyring | None:
    """Return the keyring of an installation, or None if there is no file.

    Raises:
        KeyringDamagedError: The file is not a keyring of this version, or out of bounds.
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
        kept = msgspec.json.decode(raw, type=Keyring)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise KeyringDamagedError("keyring.json is damaged.") from None
    if version != VERSION or (kept.kdf is not None) != (kept.source is KeySource.PASSPHRASE):
        raise KeyringDamagedError("keyring.json contradicts itself.")
    return kept


def write_new(data_dir: Path, made: Keyring) -> Keyring:
    """Keep a new keyring, durably, for the owner only; never replace one that is there.

    Returns:
        What is on the disk afterwards: ours, or the one of a process that was faster.

    Raises:
        VaultUnusableError: The disk refuses.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = data_dir / f".{NAME}.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
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


def sync_folder(folder: Path) -> None:
    """Make new and removed names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
