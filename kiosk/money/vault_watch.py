"""Notices when an older copy of the vault, or of this journal, was put back.

Two witnesses who keep each other's last word: the journal remembers how the vault stood, the vault
remembers how far the journal had come. Put back alone, either of them is older than the other
knows it to have been. Put back together, both are as they were, and nobody here can tell: for that
there is the TPM's counter (kiosk/faces/vault/rollback.py).

It decides nothing about people or money; whoever asks stops when it raises.
"""

from __future__ import annotations

from kiosk.link.key_care import VaultWatched, WatchVault
from kiosk.money.errors import JournalRolledBackError, VaultRolledBackError
from kiosk.money.ledger import Ledger
from kiosk.money.records import VaultSeen


def watch_vault(ledger: Ledger, ask: WatchVault) -> VaultWatched:
    """Compare, and remember how the vault stands if it has changed.

    Raises:
        JournalRolledBackError: This journal is shorter than the vault has seen it, or another.
        VaultRolledBackError: The vault is older than this journal has seen it, or branched off.
        JournalWriteError: The disk refuses.
    """
    with ledger.lock:
        seen = ledger.book.vault
        now = (ask.epoch, ask.changes)
        if seen is not None:
            before = (seen.epoch, seen.changes)
            # A vault without any memory of a journal is new, or its memory was taken away: then it
            # passes only if it is exactly what was seen last.
            forgot = not ask.journal and ask.epoch == seen.epoch
            if now < before or ((now == before or forgot) and ask.digest != seen.digest):
                raise VaultRolledBackError
        other = ask.journal != ledger.journal_id or ask.journal_records > ledger.records
        if ask.journal and other:
            raise JournalRolledBackError
        if seen is None or (*now, ask.digest) != (seen.epoch, seen.changes, seen.digest):
            ledger.append(VaultSeen(ledger.time(), ask.epoch, ask.changes, ask.digest))
        return VaultWatched(ledger.journal_id, ledger.records)
