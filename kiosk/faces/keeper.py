"""Keeps the vault's own key and its memory: rotates the one while people pay, keeps the other true.

The memory is how far money's journal had come; money keeps how the vault stood. So neither can be
exchanged for an older copy alone (kiosk/money/vault_watch.py).

Calls come from the desk's threads and the outbox's; one lock keeps them apart.
It does not know who may ask: the service does.
"""

from __future__ import annotations

import threading
from typing import Protocol, TypeVar

from msgspec.structs import replace

from kiosk.domain.errors import BadInputError
from kiosk.faces.vault.envelope import KEY_BYTES
from kiosk.faces.vault.opening import rotate_store_key
from kiosk.faces.vault.store import Vault
from kiosk.faces.vault.storekey import StoreKeyFile
from kiosk.link.key_care import VaultWatched, WatchVault
from kiosk.link.protocol import AnyMessage

Answer = TypeVar("Answer")


class Asks(Protocol):
    """Whoever asks money (money_link.py)."""

    def ask(self, message: AnyMessage, expect: type[Answer]) -> Answer:
        """Ask a question that does no harm when asked twice."""
        ...


class VaultKeeper:
    """The vault and the file that keeps its key, for as long as the process runs."""

    def __init__(self, vault: Vault, file: StoreKeyFile) -> None:
        """Take both over from whoever opened them."""
        self._vault = vault
        self._file = file
        self._turn = threading.Lock()

    @property
    def base_key(self) -> bytes:
        """The key that what lies outside the database is derived from; it never changes."""
        return bytes.fromhex(self._file.body.base_key)

    def rotate(self, process_key: str) -> int:
        """Put the vault under a new key; return for how many people.

        Args:
            process_key: The key that this process gets from its next full start on, in hex.

        Raises:
            BadInputError: It is no key.
            SetupError: The disk refuses; the vault stays readable.
        """
        try:
            key = bytes.fromhex(process_key)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise BadInputError(
                "That is no key for the vault.",
                code="key_malformed",
                mend="Check that all parts of SmileTill are of the same version.",
            )
        with self._turn:
            rotate_store_key(self._vault, self._file, key)
        return self._vault.census().people

    def watch(self, money: Asks) -> None:
        """Have money compare vault and journal with what each remembers of the other.

        Raises:
            SetupError: `vault_rolled_back` or `journal_rolled_back`: nobody may be served; or the
                disk refuses.
            LinkDownError: Money is away; ask again later.
        """
        with self._turn:
            census, body = self._vault.census(), self._file.body
            ask = WatchVault(
                body.epoch, census.changes, census.digest, body.journal, body.journal_records
            )
            told = money.ask(ask, VaultWatched)
            if (told.journal, told.journal_records) != (body.journal, body.journal_records):
                now = replace(body, journal=told.journal, journal_records=told.journal_records)
                self._file.save(now)

    def close(self) -> None:
        """Overwrite the keys."""
        with self._turn:
            self._file.wipe()
