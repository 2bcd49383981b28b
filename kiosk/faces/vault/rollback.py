"""Notices when an older copy of the whole data directory was put back: the TPM counts with us.

An installation that is sealed to its TPM has a counter in there (`keyring.json` names its index).
It is raised at every start and at every end; `DIR/rollback.json` holds the number that belongs to
it, under a seal of the installation. An older copy of DIR holds a smaller number than the TPM.

What it cannot see: a copy taken since the last start and put back before the next end. Without a
TPM there is no such witness, and only vault and journal watch each other (vault_watch in money).

Invariant: the number is on the disk before the TPM is raised, so a crash between the two leaves the
disk ahead by one, which is accepted; the disk is never behind.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from kiosk.domain.errors import SetupError
from kiosk.faces.vault.errors import VaultUnusableError
from kiosk.faces.vault.keyring import Keyring, sync_folder, write_durably
from kiosk.faces.vault.keys import RootKey, derive
from kiosk.faces.vault.tpm import Tpm
from kiosk.faces.vault.wraps import expand

NAME = "rollback.json"
VERSION = 1
FILE_BYTES_MAX = 1024


class DataRolledBackError(SetupError):
    """The whole data directory is an older copy of itself."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__(
            "The data directory is older than this machine's TPM knows it: a copy was put back.",
            code="data_rolled_back",
            mend="Put the newest one back; to go on with this one, knowing that later orders,"
            " enrolments and wrong PINs are forgotten: smiletill backup accept.",
        )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    counter: Annotated[int, msgspec.Meta(ge=0)]
    mac: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class CounterGuard:
    """The TPM's counter of one installation and the file that goes with it.

    Args:
        data_dir: The installation.
        tpm: The TPM that it is sealed to.
        index: Where the TPM keeps the counter.
        key: Seals the file.
    """

    data_dir: Path
    tpm: Tpm
    index: int
    key: bytes = field(repr=False)

    def check(self) -> None:
        """Compare, at a start, before anything is done.

        Raises:
            DataRolledBackError: The file is older than the TPM, was changed or is not there.
            TpmError: The counter cannot be read.
        """
        counted, kept = self.tpm.counter(self.index), self._read()
        if kept is None or not counted <= kept <= counted + 1:
            raise DataRolledBackError

    def advance(self) -> None:
        """Raise both, so that every copy from before is an older one.

        Raises:
            TpmError: The counter cannot be raised.
            VaultUnusableError: The disk refuses.
        """
        self.write(self.tpm.counter(self.index) + 1)
        self.tpm.raise_counter(self.index)

    def write(self, counter: int) -> None:
        """Keep a number on the disk; by itself only for provisioning and for a restore.

        Raises:
            VaultUnusableError: The disk refuses.
        """
        made = _File(VERSION, counter, self._mac(counter))
        draft = self.data_dir / f".{NAME}.{secrets.token_hex(8)}"
        try:
            try:
                write_durably(draft, msgspec.json.encode(made) + b"\n")
                draft.replace(self.data_dir / NAME)
            except OSError:
                draft.unlink(missing_ok=True)
                raise
            sync_folder(self.data_dir)
        except OSError as error:
            raise VaultUnusableError(error.strerror or f"{NAME} cannot be written") from error

    def _read(self) -> int | None:
        try:
            with (self.data_dir / NAME).open("rb") as file:
                found = msgspec.json.decode(file.read(FILE_BYTES_MAX), type=_File)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        ours = hmac.compare_digest(found.mac, self._mac(found.counter))
        return found.counter if ours and found.version == VERSION else None

    def _mac(self, counter: int) -> str:
        return hmac.digest(self.key, f"{self.index} {counter}".encode(), "sha256").hex()


def guard_of(data_dir: Path, kept: Keyring, root: RootKey, tcti: str) -> CounterGuard | None:
    """Return the guard of an installation that is sealed to a TPM, else None.

    Args:
        data_dir: The installation.
        kept: Its keyring.
        root: Its root key.
        tcti: How to reach the TPM.
    """
    if kept.primary.counter is None:
        return None
    return CounterGuard(data_dir, Tpm(tcti), kept.primary.counter, rollback_key(root))


def rollback_key(root: RootKey) -> bytes:
    """Return what seals the file: of the key of money, which no rotation and no restore changes."""
    return expand(derive(root, "money"), "", "purpose", "rollback")
