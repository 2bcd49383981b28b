"""Bring templates under another rotation (`transform.py`), some people at a time.

The caller (`Vault.renew`) holds the vault's lock and the transaction. A person is moved whole or
not at all: their rows of vectors are replaced under new numbers and a new key, and their head says
under which rotation they are.
Invariant: whoever stops in between leaves a store that opens, with both rotations.
"""

from __future__ import annotations

import msgspec
from sqlite_utils import Database

from kiosk.domain.ids import PersonId
from kiosk.faces.vault import codec
from kiosk.faces.vault.codec import Kept, StoreKeys
from kiosk.faces.vault.proving import in_space
from kiosk.faces.vault.rows import expect_one, insert_rows, read_template, take_rows
from kiosk.faces.vault.transform import Space

BATCH_PEOPLE = 32
"""People moved by one transaction: a payment waits for the vault that long, some milliseconds."""


def waiting(people: dict[PersonId, Kept], newest: Space) -> list[PersonId]:
    """Return who is not yet under the newest rotation."""
    return [person for person, kept in people.items() if kept.head.space != newest.number]


def move(
    db: Database,
    keys: StoreKeys,
    people: dict[PersonId, Kept],
    spaces: dict[int, Space],
    newest: Space,
) -> dict[PersonId, Kept]:
    """Move these people inside the caller's transaction, and return what to remember of them.

    Raises:
        RecordDamagedError: A row is not what was written; the transaction must be undone.
    """
    moved: dict[PersonId, Kept] = {}
    for person, kept in people.items():
        head = kept.head
        vectors = codec.open_template(keys, head, read_template(db, head))
        rows = codec.seal_template(keys, head.pack, in_space(spaces, newest, head, vectors))
        take_rows(db, "template", head.template, codec.chunk_count(head))
        insert_rows(db, {"template": rows})
        head = msgspec.structs.replace(head, template=rows[0]["id"], space=newest.number)
        now = Kept(kept.row, kept.version + 1, kept.wrapped_key, head)
        sealed = codec.reseal_head(keys, person, now)
        expect_one(
            db,
            "UPDATE person SET version = ?, head = ? WHERE id = ?",
            [now.version, sealed, now.row],
        )
        moved[person] = now
    return moved
