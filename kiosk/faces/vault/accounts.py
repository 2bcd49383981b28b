"""The staff's accounts: name, role and an Argon2id verifier of the code, in one sealed file.

The file lies beside the vault's database and is sealed under a key of its own purpose, so whoever
copies the data learns neither the names nor anything to guess codes against.
Who may do what, and how often somebody may guess, is the desk's business (kiosk/faces/desk).

Invariants: the file is replaced whole or not at all; a file that cannot be read is an error, never
an empty list of accounts; an unknown name costs a guesser the same time as a known one.
"""

from __future__ import annotations

import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

import msgspec
from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError

from kiosk.faces.vault.envelope import place, seal, unseal
from kiosk.faces.vault.errors import RecordDamagedError, StaffFileError, VaultUnusableError
from kiosk.link.staff_desk import StaffRole

FILE_NAME = "staff.sealed"
FORMAT_VERSION = 1
ACCOUNTS_MAX = 64
"""Accounts of one terminal; a restaurant with more staff at one till has lost its way."""
FILE_BYTES_MAX = 65_536
_PLACE = place("staff", "accounts")


@dataclass(frozen=True, slots=True)
class CodeCost:
    """What one Argon2id verification of a staff code costs; as a PIN's (kiosk/money/config.py)."""

    time_cost: int = 4
    memory_kib: int = 65_536


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One account. `verifier` holds salt and cost."""

    name: str
    role: StaffRole
    verifier: str
    added_at: str

    def __repr__(self) -> str:
        """Leave the verifier out."""
        return f"Account({self.name!r}, {self.role.value})"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    accounts: tuple[Account, ...]


class StaffAccounts:
    """The accounts of one installation. Safe to use from many threads.

    Args:
        folder: `DIR/vault`.
        key: 32 bytes of this purpose.
        cost: Of a code's verifier.
    """

    def __init__(self, folder: Path, key: bytes | bytearray, cost: CodeCost | None = None) -> None:
        """Read nothing yet."""
        cost = cost or CodeCost()
        self._path = folder / FILE_NAME
        self._key = bytearray(key)
        self._hasher = PasswordHasher(
            time_cost=cost.time_cost,
            memory_cost=cost.memory_kib,
            parallelism=1,
            hash_len=32,
            salt_len=16,
            type=Type.ID,
        )
        self._turn = threading.Lock()
        self._known: tuple[Account, ...] | None = None
        self._nobody = ""

    def all(self) -> tuple[Account, ...]:
        """Return all accounts, by name.

        Raises:
            StaffFileError: The file is damaged or of another key.
        """
        with self._turn:
            return self._read()

    def find(self, name: str) -> Account | None:
        """Return the account of this name."""
        return next((account for account in self.all() if account.name == name), None)

    def verify(self, name: str, code: str) -> Account | None:
        """Return the account if name and code are right; a wrong name takes as long."""
        with self._turn:  # one computation at a time, so that memory stays bounded
            known = next((account for account in self._read() if account.name == name), None)
            if known is None and not self._nobody:
                self._nobody = self._hasher.hash(secrets.token_hex(16))
            try:
                self._hasher.verify(self._nobody if known is None else known.verifier, code)
            except VerificationError:
                return None
            return known

    def put(self, name: str, code: str, role: StaffRole, added_at: str) -> Account:
        """Add an account, or exchange the one of this name, durably.

        Raises:
            StaffFileError: There are too many, or the file cannot be read.
            VaultUnusableError: The disk refuses; nothing was changed.
        """
        with self._turn:
            account = Account(name, role, self._hasher.hash(code), added_at)
            others = tuple(known for known in self._read() if known.name != name)
            if len(others) >= ACCOUNTS_MAX:
                raise StaffFileError.full(ACCOUNTS_MAX)
            self._write(tuple(sorted((*others, account), key=lambda known: known.name)))
            return account

    def remove(self, name: str) -> bool:
        """Remove an account, durably; return whether there was one."""
        with self._turn:
            known = self._read()
            left = tuple(account for account in known if account.name != name)
            if len(left) == len(known):
                return False
            self._write(left)
            return True

    def close(self) -> None:
        """Wipe the key and forget everybody."""
        with self._turn:
            self._key[:] = bytes(len(self._key))
            self._known = ()

    def _read(self) -> tuple[Account, ...]:
        if self._known is None:
            self._known = self._load()
        return self._known

    def _load(self) -> tuple[Account, ...]:
        try:
            with self._path.open("rb") as file:
                sealed = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise VaultUnusableError(
                error.strerror or "the staff's accounts cannot be read"
            ) from error
        try:
            found = msgspec.json.decode(unseal(self._key, sealed, _PLACE), type=_File)
        except (RecordDamagedError, msgspec.DecodeError, UnicodeDecodeError):
            raise StaffFileError.damaged() from None
        if found.version != FORMAT_VERSION or len(found.accounts) > ACCOUNTS_MAX:
            raise StaffFileError.damaged()
        return found.accounts

    def _write(self, accounts: tuple[Account, ...]) -> None:
        raw = msgspec.json.encode(_File(FORMAT_VERSION, accounts))
        sealed = seal(self._key, raw, _PLACE)
        assert len(sealed) <= FILE_BYTES_MAX, "so many accounts of bounded names fit"
        beside = self._path.with_suffix(".new")
        try:
            with beside.open("wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise VaultUnusableError(
                error.strerror or "the staff's accounts cannot be written"
            ) from error
        self._known = accounts
