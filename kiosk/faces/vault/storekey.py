"""The file `vault/storekey.json`: the vault's own key, and what the vault remembers of its past.

The store key is random; this file keeps it under the key of the faces process, so that the store
key can change while faces runs. After such a rotation the file opens with the new key of the
process and, until the first start with it, with the old one: a process that dies meanwhile is
started again with the key that its supervisor still holds.
Without the file (until the first rotation or restore of an old installation) the store key is the
key of the process itself.

Beside the key lie the epoch (restores from a backup) and how far money's journal had come when
money last looked at the vault (watch.py).

Format: JSON; `slots` hold a random file key, sealed under a process key each; `body` is sealed
under the file key. Invariants: written whole or not at all; a rotation that was cut off is ended or
undone by the next start, whichever key the vault's rows turn out to be under.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Self

import msgspec
from msgspec.structs import replace

from kiosk.faces.vault.envelope import KEY_BYTES, new_key, place, seal, unseal, wipe
from kiosk.faces.vault.errors import (
    RecordDamagedError,
    VaultDamagedError,
    VaultTooNewError,
    VaultUnusableError,
    WrongKeyError,
)
from kiosk.faces.vault.keyring import sync_folder, write_durably
from kiosk.faces.vault.wraps import expand

NAME = "storekey.json"
VERSION = 1
FILE_BYTES_MAX = 16_384
SLOTS_MAX = 2
_SLOT_PLACE = place("store key")
_BODY_PLACE = place("store body")

_Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})+$", max_length=4096)]
_Key = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the file keeps. `next_key` is there while a rotation is under way."""

    store_key: _Key
    next_key: _Key | None = None
    base_key: _Key
    """The process's first key. What lies outside the database (staff accounts, the audit log's
    seal) stays under keys derived from it, whatever becomes of the others."""
    epoch: Annotated[int, msgspec.Meta(ge=0)] = 0
    journal: str = ""
    """Id of the money process's journal that the vault was last compared with."""
    journal_records: Annotated[int, msgspec.Meta(ge=0)] = 0

    def __repr__(self) -> str:
        """Show nothing of the keys."""
        return f"Body(epoch={self.epoch}, …)"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: int
    slots: Annotated[tuple[_Hex, ...], msgspec.Meta(min_length=1, max_length=SLOTS_MAX)]
    body: _Hex


class _Version(msgspec.Struct):
    version: int


class StoreKeyFile:
    """The file, read. The process that owns the vault owns it; calls must not overlap."""

    def __init__(self, folder: Path, process_key: bytes | bytearray, body: Body) -> None:
        """Begin a file that is not on the disk yet; `open()` reads one that is."""
        self._path = folder / NAME
        self._process_key = bytearray(process_key)
        self._file_key = new_key()
        self._slots: tuple[str, ...] = (_slot(self._process_key, self._file_key),)
        self._settled = True
        self.body = body
        self.exists = False

    @classmethod
    def open(cls, folder: Path, process_key: bytes | bytearray) -> Self:
        """Read the file with a process key; where there is none, that key is the store key.

        Raises:
            WrongKeyError: It was written under other keys.
            VaultDamagedError, VaultTooNewError, VaultUnusableError: It cannot be used.
        """
        try:
            with (folder / NAME).open("rb") as file:
                raw = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            first = bytes(process_key).hex()
            return cls(folder, process_key, Body(store_key=first, base_key=first))
        except OSError as error:
            raise VaultUnusableError(error.strerror or f"{NAME} cannot be read") from error
        content = _decode(raw)
        for number, slot in enumerate(content.slots):
            try:
                file_key = unseal(_slot_key(process_key), bytes.fromhex(slot), _SLOT_PLACE)
            except RecordDamagedError:
                continue
            opened = cls(folder, process_key, _open_body(file_key, content.body))
            opened._file_key, opened._slots, opened.exists = (
                bytearray(file_key), content.slots, True,
            )  # fmt: skip
            # Written for two keys and opened with the newer: the older one has had its time.
            opened._settled = number > 0 or len(content.slots) == 1
            return opened
        raise WrongKeyError

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The store keys that the vault's rows may be under, the likelier first."""
        found = (self.body.store_key, self.body.next_key)
        return tuple(bytes.fromhex(key) for key in found if key is not None)

    def settle(self, store_key: bytes) -> None:
        """End or undo what a crash cut off: `store_key` is what the vault's rows are under.

        Raises:
            VaultUnusableError: The disk refuses.
        """
        assert store_key in self.keys
        if not self._settled:
            self._file_key = new_key()
            self._slots = (_slot(self._process_key, self._file_key),)
        if not self._settled or self.body.next_key is not None:
            self.save(replace(self.body, store_key=store_key.hex(), next_key=None))
            self._settled = True

    def save(self, body: Body) -> None:
        """Keep a body, durably, for whoever could open it before.

        Raises:
            VaultUnusableError: The disk refuses; what was kept before still is.
        """
        sealed = seal(self._file_key, msgspec.json.encode(body), _BODY_PLACE)
        made = _File(version=VERSION, slots=self._slots, body=sealed.hex())
        draft = self._path.with_name(f".{NAME}.{secrets.token_hex(8)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                write_durably(draft, msgspec.json.encode(made) + b"\n")
                draft.replace(self._path)
            except OSError:
                draft.unlink(missing_ok=True)
                raise
            sync_folder(self._path.parent)
        except OSError as error:
            raise VaultUnusableError(error.strerror or f"{NAME} cannot be written") from error
        self.body, self.exists = body, True

    def save_for(self, process_key: bytes | bytearray, body: Body) -> None:
        """Keep a body for another process key, and for the present one until that is used.

        Raises:
            VaultUnusableError: The disk refuses; what was kept before still is.
        """
        before = self._file_key, self._slots
        self._file_key = new_key()
        keys = (process_key, self._process_key)
        self._slots = tuple(_slot(key, self._file_key) for key in keys)
        try:
            self.save(body)
        except VaultUnusableError:
            self._file_key, self._slots = before
            raise

    def wipe(self) -> None:
        """Overwrite the keys in memory, as far as they can be."""
        wipe(self._process_key)
        wipe(self._file_key)


def new_store_key() -> bytes:
    """Make a store key."""
    return secrets.token_bytes(KEY_BYTES)


def _slot(process_key: bytes | bytearray, file_key: bytearray) -> str:
    return seal(_slot_key(process_key), bytes(file_key), _SLOT_PLACE).hex()


def _slot_key(process_key: bytes | bytearray) -> bytes:
    return expand(process_key, "", "purpose", "store key file")


def _decode(raw: bytes) -> _File:
    try:
        if len(raw) > FILE_BYTES_MAX:
            raise VaultDamagedError(f"{NAME} is too large")
        if msgspec.json.decode(raw, type=_Version).version > VERSION:
            raise VaultTooNewError
        return msgspec.json.decode(raw, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise VaultDamagedError(f"{NAME} cannot be read") from None


def _open_body(file_key: bytes, sealed: str) -> Body:
    try:
        plain = unseal(file_key, bytes.fromhex(sealed), _BODY_PLACE)
        return msgspec.json.decode(plain, type=Body)
    except (RecordDamagedError, msgspec.DecodeError, UnicodeDecodeError):
        raise VaultDamagedError(f"{NAME} is not as it was written") from None
