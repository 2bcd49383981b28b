"""The messages about the vault's keys and age: rotation by staff, and money's look at the vault.

They are part of the protocol (kiosk/link/protocol.py).
"""

from __future__ import annotations

from kiosk.link.message import Message, Private


class RotateStoreKey(Private, frozen=True, tag="rotate_store_key"):
    """Put the vault under a new store key, and that under this new key of the faces process.

    `key` is 64 hex digits. Sent by the command line only; answered by `StoreKeyRotated`.
    """

    key: str


class StoreKeyRotated(Message, frozen=True, tag="store_key_rotated"):
    """Done; for how many people a data key was wrapped anew."""

    people: int


class WatchVault(Message, frozen=True, tag="watch_vault"):
    """Faces says how its vault stands and how far it has seen money's journal come.

    Money remembers the first for good and refuses a vault that is older than one it has seen, and
    a journal of its own that is shorter than faces has seen. Answered by `VaultWatched`.
    """

    epoch: int
    changes: int
    digest: str
    journal: str
    journal_records: int


class VaultWatched(Message, frozen=True, tag="vault_watched"):
    """Both are as they should be; which journal this is, and how far it has come."""

    journal: str
    journal_records: int


KeyCareMessage = RotateStoreKey | StoreKeyRotated | WatchVault | VaultWatched
