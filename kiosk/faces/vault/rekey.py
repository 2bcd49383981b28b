"""Give a vault another store key: every data key is wrapped anew, nothing else is sealed again.

The caller (`Vault.rekey`) holds the vault's lock and the transaction, so the change is there whole
or not at all; `storekey.py` keeps both keys until the transaction has ended.
Invariants: templates, names and links are not decrypted; afterwards no row opens under the old key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlite_utils import Database

from kiosk.domain.ids import PersonId
from kiosk.faces.vault.codec import Kept, StoreKeys, rewrap_key
from kiosk.faces.vault.records import Census, Revocation

BATCH_ROWS = 1_000
"""Rows changed by one statement; bounds what is in memory besides the rows themselves."""


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What the vault remembers once its transaction has ended."""

    people: dict[PersonId, Kept]
    outbox: dict[int, bytes]
    census: Census


def rekey(
    db: Database, old: StoreKeys, new: StoreKeys, people: dict[PersonId, Kept], changes: int
) -> Rekeyed:
    """Wrap everything anew inside the caller's transaction.

    Args:
        db: The open database.
        old: The keys in use.
        new: The keys to use from now on.
        people: Who is in the vault.
        changes: How often the vault was changed before.

    Raises:
        RecordDamagedError: A row is not what was written; the transaction must be undone.
    """
    census = Census(changes=changes)
    kept = {
        person: replace(it, wrapped_key=rewrap_key(old, new, person, it.wrapped_key))
        for person, it in people.items()
    }
    rows = [(it.wrapped_key, it.row) for it in kept.values()]
    for first in range(0, len(rows), BATCH_ROWS):
        batch = rows[first : first + BATCH_ROWS]
        db.conn.executemany("UPDATE person SET wrapped_key = ? WHERE id = ?", batch)
    marks = [new.person_mark(person, it.version, it.wrapped_key) for person, it in kept.items()]
    outbox: dict[int, bytes] = {}
    for entry, record in db.execute("SELECT id, record FROM outbox ORDER BY id").fetchall():
        alias = old.open_revocation(entry, record).alias
        sealed = new.seal_revocation(entry, Revocation(alias))
        db.execute("UPDATE outbox SET record = ? WHERE id = ?", [sealed, entry])
        outbox[entry] = new.outbox_mark(entry, sealed)
    census = census.moved(len(kept), len(outbox), *marks, *outbox.values())
    db.execute(
        "UPDATE store SET key_check = ?, census = ? WHERE id = 1",
        [new.key_check(), new.seal_census(census)],
    )
    return Rekeyed(kept, outbox, census)
