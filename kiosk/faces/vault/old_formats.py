"""Stores of versions 1 and 2: proved as they are, then brought to ours by one transaction.

They kept one data key a person, wrapped under one key of the store, for all parts of a record; the
parts stood under one row number, and the vectors as the encoder made them.
Nothing here is used for a store of our version.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from sqlite_utils import Database

from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.vault import codec
from kiosk.faces.vault.codec import StoreKeys
from kiosk.faces.vault.envelope import KEY_BYTES, new_key, place, unseal, wipe
from kiosk.faces.vault.errors import RecordDamagedError
from kiosk.faces.vault.records import (
    DIMENSION_MAX,
    SAMPLES_MAX,
    Account,
    Census,
    ConsentRecord,
    Head,
    Identity,
    PersonState,
    unpack_struct,
)
from kiosk.faces.vault.transform import Space, Vectors

_PARTS = ("identity", "link", "consent")


class OldHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The head of versions 1 and 2; the fields with a default came with version 2."""

    state: PersonState
    pack: PackId
    quality: int
    enrolled_at: str
    dimension: int
    sample_count: int
    templates: tuple[int, ...]
    adult_confirmed: bool = False
    pin_always: str = ""
    look_alikes: tuple[PersonId, ...] = ()
    last_used: str = ""
    warned_at: str = ""


class OldPerson(msgspec.Struct, frozen=True):
    """One person of an old store, opened."""

    person: PersonId
    version: int
    wrapped_key: bytes
    head: OldHead
    identity: Identity
    account: Account
    consent: ConsentRecord
    vectors: Any

    def __repr__(self) -> str:
        """Show nothing of who it is."""
        return f"OldPerson({self.person})"


def prove(db: Database, keys: StoreKeys, census: Census) -> None:
    """Prove everything in a store of version 1 or 2.

    Raises:
        RecordDamagedError: Something is not as it was written.
    """
    counted = Census()
    for old in people(db, keys):
        counted = counted.moved(1, 0, keys.person_mark(old.person, old.version, old.wrapped_key))
    for entry, record in db.execute("SELECT id, record FROM outbox ORDER BY id"):
        keys.open_revocation(entry, record)
        counted = counted.moved(0, 1, keys.row_mark("outbox", entry, record))
    if not counted.counts_the_same(census):
        raise RecordDamagedError


def people(db: Database, keys: StoreKeys, *, before: str = "") -> Iterator[OldPerson]:
    """Yield everybody, in order of enrolment, and prove that nothing else is there.

    Args:
        db: The open database.
        keys: The store's.
        before: What stands before the names of the tables.

    Raises:
        RecordDamagedError: A row is missing, foreign, changed, or nobody's.
    """
    templates = iter(
        db.execute(f"SELECT id, owner, pack, record FROM {before}template ORDER BY id")  # noqa: S608
    )
    question = (
        "SELECT p.id, p.person, p.version, p.wrapped_key, p.head, i.record, l.record, c.record"  # noqa: S608
        f" FROM {before}person p LEFT JOIN {before}identity i ON i.id = p.id"
        f" LEFT JOIN {before}link l ON l.id = p.id LEFT JOIN {before}consent c ON c.id = p.id"
        " ORDER BY p.id"
    )
    for columns in db.execute(question):
        yield _open(keys, columns, templates)
    left = list(itertools.islice(templates, 1))
    for part in _PARTS:
        left += db.execute(
            f"SELECT id FROM {before}{part} WHERE id NOT IN (SELECT id FROM {before}person)"  # noqa: S608
        ).fetchall()
    if left:
        raise RecordDamagedError


def opens(keys: StoreKeys, columns: Sequence[Any]) -> bool:
    """Say whether a row of `person` (id, person, version, wrapped_key, head) is of these keys."""
    try:
        wipe(_unwrap(keys, columns[1], columns[3]))
    except RecordDamagedError:
        return False
    return True


def convert(db: Database, keys: StoreKeys, before: str) -> None:
    """Seal everybody anew for our version; the caller holds the transaction.

    Args:
        db: The open database, with our tables, empty, and the old ones.
        keys: The store's.
        before: What stands before the names of the old tables.
    """
    stores = db.execute("SELECT census FROM store").fetchall()
    if not stores:
        return  # a store that is being made
    old_census = keys.open_census(stores[0][0])
    space = Space(1, new_key())
    sealed_space = keys.seal_space(space.number, space.secret)
    db.table("transform").insert({"id": space.number, "record": sealed_space})
    census = Census(changes=old_census.changes)
    census = census.moved(0, 0, keys.row_mark("transform", space.number, sealed_space))
    for row, old in enumerate(people(db, keys, before=before), start=1):
        rows, mark = _seal(keys, old, space, row)
        for table, records in rows.items():
            db.table(table).insert_all(records)
        census = census.moved(1, 0, mark)
    for entry, record in db.execute("SELECT id, record FROM outbox").fetchall():
        census = census.moved(0, 1, keys.row_mark("outbox", entry, record))
    census = msgspec.structs.replace(census, changes=old_census.changes + 1)
    db.execute("UPDATE store SET census = ?", [keys.seal_census(census)])
    space.wipe()


def _seal(
    keys: StoreKeys, old: OldPerson, space: Space, row: int
) -> tuple[dict[str, list[codec.Row]], bytes]:
    vectors: Vectors = old.vectors
    rotated = space.transform(old.head.pack, vectors.shape[1]).apply(vectors)
    rows: dict[str, list[codec.Row]] = {
        "identity": [codec.seal_part(keys, "identity", old.identity)],
        "account": [codec.seal_part(keys, "account", old.account)],
        "consent": [codec.seal_part(keys, "consent", old.consent)],
        "template": codec.seal_template(keys, old.head.pack, rotated),
    }
    head = Head(
        state=old.head.state,
        pack=old.head.pack,
        quality=old.head.quality,
        enrolled_at=old.head.enrolled_at,
        dimension=old.head.dimension,
        sample_count=old.head.sample_count,
        vectors=len(rotated),
        space=space.number,
        identity=rows["identity"][0]["id"],
        account=rows["account"][0]["id"],
        consent=rows["consent"][0]["id"],
        template=rows["template"][0]["id"],
        adult_confirmed=old.head.adult_confirmed,
        pin_always=old.head.pin_always,
        look_alikes=old.head.look_alikes,
        last_used=old.head.last_used,
        warned_at=old.head.warned_at,
    )
    kept, rows = codec.seal_person(keys, old.person, head, row, rows)
    return rows, keys.person_mark(old.person, kept.version, kept.wrapped_key)


def _open(keys: StoreKeys, columns: Sequence[Any], templates: Iterator[Any]) -> OldPerson:
    row, name, version, wrapped, sealed_head, *parts = columns
    if not (isinstance(row, int) and isinstance(name, str) and isinstance(version, int)):
        raise RecordDamagedError
    person = PersonId(name)
    key = _unwrap(keys, person, wrapped)
    try:
        head = unpack_struct(unseal(key, sealed_head, place("head", person, str(version))), OldHead)
        if not (
            2 <= len(head.templates) <= SAMPLES_MAX + 1 and 1 <= head.dimension <= DIMENSION_MAX
        ):
            raise RecordDamagedError
        own = list(itertools.islice(templates, len(head.templates)))
        if [tuple(it[:3]) for it in own] != [(number, row, head.pack) for number in head.templates]:
            raise RecordDamagedError
        plain = [
            unseal(key, record, place(table, person, head.pack))
            for table, record in zip(_PARTS, parts, strict=True)
        ]
        raw = [
            unseal(key, record, place("template", person, head.pack, str(number)))
            for number, _, _, record in own
        ]
    finally:
        wipe(key)
    if any(len(vector) != 4 * head.dimension for vector in raw):
        raise RecordDamagedError
    return OldPerson(
        person=person,
        version=version,
        wrapped_key=wrapped,
        head=head,
        identity=unpack_struct(plain[0], Identity),
        account=unpack_struct(plain[1], Account),
        consent=unpack_struct(plain[2], ConsentRecord),
        vectors=np.frombuffer(b"".join(raw), "<f4").reshape(len(raw), -1).astype(np.float32),
    )


def _unwrap(keys: StoreKeys, person: str, wrapped_key: object) -> bytearray:
    key = bytearray(unseal(keys.before_3, wrapped_key, place("person", person)))
    if len(key) != KEY_BYTES:
        raise RecordDamagedError
    return key
