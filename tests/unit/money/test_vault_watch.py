"""Money remembers how the vault stood, the vault how far the journal had come; older is refused."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kiosk.domain.errors import SetupError
from kiosk.link.key_care import WatchVault
from kiosk.money.errors import JournalRolledBackError, VaultRolledBackError

EMPTY = WatchVault(epoch=0, changes=0, digest="00" * 32, journal="", journal_records=0)


def vault(changes: int, epoch: int = 0, digest: str | None = None) -> WatchVault:
    return WatchVault(epoch, changes, digest or f"{changes:064x}", "", 0)


def knowing(ask: WatchVault, room) -> WatchVault:
    """The same vault, with the memory of the journal as it is now."""
    ledger = room.service._ledger
    return replace(ask, journal=ledger.journal_id, journal_records=ledger.records)


def test_a_vault_that_moves_on_is_remembered_once_a_change(room):
    """Looks cost a record only where something changed, and last over a restart."""
    told = room.ask(vault(3))
    records = told.journal_records
    assert records == room.ask(knowing(vault(3), room)).journal_records
    assert records + 1 == room.ask(knowing(vault(5), room)).journal_records
    room.restart()

    assert records + 1 == room.ask(knowing(vault(5), room)).journal_records
    assert 5 == room.book.vault.changes


def test_an_older_vault_is_refused_at_every_start(room):
    """Fewer changes than were seen, an older epoch, or other rows under the same count."""
    room.ask(vault(7, epoch=1))
    for older in (vault(6, epoch=1), vault(9, epoch=0), vault(7, epoch=1, digest="ff" * 32)):
        for ask in (older, knowing(older, room)):
            with pytest.raises(VaultRolledBackError):
                room.ask(ask)
    room.restart()
    with pytest.raises(VaultRolledBackError):
        room.ask(knowing(vault(6, epoch=1), room))

    assert room.ask(knowing(vault(7, epoch=1), room))


def test_an_older_journal_is_refused_by_what_the_vault_remembers(room):
    """A journal with fewer records than the vault has seen, or another one, was put back."""
    told = room.ask(vault(1))
    ahead = replace(vault(2), journal=told.journal, journal_records=told.journal_records + 1)
    with pytest.raises(JournalRolledBackError):
        room.ask(ahead)
    with pytest.raises(JournalRolledBackError):
        room.ask(replace(knowing(vault(2), room), journal="ab" * 16))
    assert room.ask(knowing(vault(2), room))


def test_a_vault_whose_memory_was_taken_away_passes_only_unchanged(room):
    """Removing the memory does not let an older journal pass: its last word differs."""
    room.ask(vault(4))
    assert room.ask(vault(4))  # a crash before the memory was kept
    with pytest.raises(VaultRolledBackError):
        room.ask(vault(5))


def test_a_restore_with_a_new_epoch_may_be_older_and_ends_what_was_before(room):
    """The ceremony's epoch is greater; afterwards the former vault is the older one."""
    room.ask(vault(9))
    assert room.ask(vault(2, epoch=1))
    with pytest.raises(VaultRolledBackError):
        room.ask(knowing(vault(10), room))


def test_only_faces_may_say_how_the_vault_stands(room):
    """A till that claims an epoch cannot lock the vault out."""
    from tests.fakes.money_room import TILL

    with pytest.raises(SetupError) as caught:
        room.ask(EMPTY, TILL)
    assert "message_not_allowed" == caught.value.code
