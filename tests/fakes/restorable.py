"""An installation with people, mandates and a journal, made without starting a process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.domain.ids import IdempotencyKey, PersonId
from kiosk.domain.mandate import DEFAULT_LIMITS
from kiosk.faces.vault.keyring import KdfParameters
from kiosk.faces.vault.keys import RootKey, derive, unlock
from kiosk.faces.vault.opening import open_vault
from kiosk.faces.vault.store import Vault
from kiosk.money.clock import SystemClock
from kiosk.money.keys import MandateKeys
from kiosk.money.ledger import JOURNAL_NAME, Ledger
from kiosk.money.records import MandateBegun, MandateRevoked
from kiosk.money.storage import FileStorage
from tests.fakes.people import new_person

CHEAP = KdfParameters(memory_kib=1024, passes=1, lanes=1)


def make_cheap(data_dir: Path) -> None:
    """Make an installation whose passphrase costs nothing to stretch, so that starts are quick."""
    unlock(data_dir, env=os.environ, prompt=None, kdf=CHEAP).wipe()


class Restorable:
    """One installation in a folder, opened by one passphrase."""

    def __init__(self, data_dir: Path, passphrase: Path) -> None:
        self.data_dir = data_dir
        self.env = {"SMILETILL_PASSPHRASE_FILE": str(passphrase)}

    def root(self) -> RootKey:
        return unlock(self.data_dir, env=self.env, prompt=None, kdf=CHEAP)

    @contextmanager
    def vault(self) -> Iterator[Vault]:
        with self.root() as root:
            vault, gallery = open_vault(self.data_dir, derive(root, "faces"))
        gallery.close()
        with vault:
            yield vault

    @contextmanager
    def ledger(self) -> Iterator[tuple[Ledger, MandateKeys]]:
        with self.root() as root:
            keys = MandateKeys(self.data_dir / "money" / "keys", derive(root, "money"))
        ledger = Ledger(FileStorage(self.data_dir / "money" / JOURNAL_NAME), SystemClock())
        try:
            yield ledger, keys
        finally:
            ledger.close()

    def enrol(self, *numbers: int) -> list[PersonId]:
        found = []
        with self.ledger() as (ledger, keys), self.vault() as vault:
            for number in numbers:
                new = new_person(number)
                keys.create(new.alias)
                key = IdempotencyKey(f"{number:032x}")
                ledger.append(MandateBegun(ledger.time(), new.alias, key, DEFAULT_LIMITS))
                found.append(vault.begin(new))
                vault.activate(found[-1])
        return found

    def erase(self, person: PersonId, *, delivered: bool = True) -> None:
        with self.vault() as vault:
            alias = vault.alias(person)
            vault.erase(person)
            if not delivered:
                return
            for entry in vault.outbox():
                vault.outbox_done(entry.entry)
        with self.ledger() as (ledger, keys):
            ledger.append(MandateRevoked(ledger.time(), alias, "erased"))
            keys.destroy(alias)

    def people(self) -> list[PersonId]:
        with self.vault() as vault:
            return list(vault.ids())

    def files(self) -> dict[str, bytes]:
        """Return everything that a restore could change."""
        return {
            str(path.relative_to(self.data_dir)): path.read_bytes()
            for path in sorted(self.data_dir.rglob("*"))
            if path.is_file() and not path.name.endswith((".lock", "-shm", "-wal"))
        }
