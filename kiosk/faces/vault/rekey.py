"""Give a vault another store key: every data key is wrapped anew, nothing else is sealed again.

The caller (`Vault.rekey`) holds the vault's lock and the transaction, so the change is there whole
or not at all; `storekey.py` keeps both keys until the transaction has ended.
Invariants: templates, names and links are not decrypted; afterwards no row opens under the old key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
from sqlite_utils import Database

from kiosk.domain.ids import PersonId
from kiosk.faces.vault.codec import PARTS, Kept, StoreKeys, rewrap_head, rewrap_part
from kiosk.faces.vault.records import Census, Revocation

BATCH_ROWS = 1_000
"""Rows changed by one statement; bounds what is in memory besides the rows themselves."""


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What the vault remembers once its transaction has ended."""

    people: dict[PersonId, Kept]
    outbox: dict[int, bytes]
    proofs: dict[int, bytes]
    census: Census


def rekey(
    db: Database, old: StoreKeys, new: StoreKeys, people: dict[PersonId, Kept], before: Census
) -> Rekeyed:
    """Wrap everything anew inside the caller's transaction.

    Args:
        db: The open database.
        old: The keys in use.
        new: The keys to use from now on.
        people: Who is in the vault.
        before: The census of before.

    Raises:
        RecordDamagedError: A row is not what was written; the transaction must be undone.
    """
    kept = {
        person: replace(it, wrapped_key=rewrap_head(old, new, person, it.wrapped_key))
        for person, it in people.items()
    }
    _update(db, "person", [(it.wrapped_key, it.row) for it in kept.values()])
    for table in PARTS:
        question = f"SELECT id, wrapped_key FROM {table} WHERE length(wrapped_key) > 0"  # noqa: S608
        rows = db.execute(question).fetchall()
        wrapped = [(rewrap_part(old, new, table, number, key), number) for number, key in rows]
        _update(db, table, wrapped)
    marks = [new.person_mark(person, it.version, it.wrapped_key) for person, it in kept.items()]
    marks += _reseal_spaces(db, old, new).values()
    outbox = _reseal_outbox(db, old, new)
    proofs = _rewrap_proofs(db, old, new)
    census = msgspec.structs.replace(before, people=0, outbox=0, digest=Census().digest)
    census = census.moved(len(kept), len(outbox), *marks, *outbox.values(), *proofs.values())
    db.execute(
        "UPDATE store SET key_check = ?, census = ? WHERE id = 1",
        [new.key_check(), new.seal_census(census)],
    )
    return Rekeyed(kept, outbox, proofs, census)


def _update(db: Database, table: str, rows: list[tuple[bytes, int]]) -> None:
    statement = f"UPDATE {table} SET wrapped_key = ? WHERE id = ?"  # noqa: S608 - our own names
    for first in range(0, len(rows), BATCH_ROWS):
        db.conn.executemany(statement, rows[first : first + BATCH_ROWS])


def _reseal_outbox(db: Database, old: StoreKeys, new: StoreKeys) -> dict[int, bytes]:
    marks: dict[int, bytes] = {}
    for entry, record in db.execute("SELECT id, record FROM outbox ORDER BY id").fetchall():
        alias = old.open_revocation(entry, record).alias
        sealed = new.seal_revocation(entry, Revocation(alias))
        db.execute("UPDATE outbox SET record = ? WHERE id = ?", [sealed, entry])
        marks[entry] = new.row_mark("outbox", entry, sealed)
    return marks


def _reseal_spaces(db: Database, old: StoreKeys, new: StoreKeys) -> dict[int, bytes]:
    marks: dict[int, bytes] = {}
    for number, record in db.execute("SELECT id, record FROM transform ORDER BY id").fetchall():
        sealed = new.seal_space(number, bytes(old.open_space(number, record)))
        db.execute("UPDATE transform SET record = ? WHERE id = ?", [sealed, number])
        marks[number] = new.row_mark("transform", number, sealed)
    return marks


def _rewrap_proofs(db: Database, old: StoreKeys, new: StoreKeys) -> dict[int, bytes]:
    marks: dict[int, bytes] = {}
    question = "SELECT id, wrapped_key, record FROM proof ORDER BY id"
    for number, wrapped_key, record in db.execute(question).fetchall():
        wrapped = rewrap_part(old, new, "proof", number, wrapped_key)
        _update(db, "proof", [(wrapped, number)])
        marks[number] = new.row_mark("proof", number, wrapped + record)
    return marks
