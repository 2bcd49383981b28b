"""From values to sealed rows and back: which part of a person is sealed under what, and for where.

Keys: the store's key gives one key a purpose; the wrapping key wraps each person's data key; the
data key seals head, identity, link, consent and templates.
Nothing here touches the disk; rows are plain tuples and dictionaries.

Invariants: a row opens only in its own table, for its own person, pack, version and number; a
person whose head names other templates than the rows given is damaged.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.vault.envelope import KEY_BYTES, new_key, place, seal, unseal, wipe
from kiosk.faces.vault.errors import RecordDamagedError
from kiosk.faces.vault.keys import subkey
from kiosk.faces.vault.records import (
    DIMENSION_MAX,
    SAMPLES_MAX,
    Census,
    ConsentRecord,
    Head,
    Identity,
    Link,
    NewPerson,
    OutboxEntry,
    Person,
    PersonState,
    Revocation,
    pack_struct,
    pack_template,
    unpack_struct,
    unpack_template,
)

PARTS = ("identity", "link", "consent")
"""Tables with one row a person, besides `person` itself."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays in memory of each person: where the rows are, nothing of who it is."""

    row: int
    version: int
    wrapped_key: bytes
    head: Head


class StoreKeys:
    """The keys derived from the store's key."""

    def __init__(self, store_key: bytes | bytearray) -> None:
        """Derive one key for each purpose."""
        self.wrapping = subkey(store_key, "vault wrapping")
        self.census = subkey(store_key, "vault census")
        self.outbox = subkey(store_key, "vault outbox")

    def wipe(self) -> None:
        """Overwrite them."""
        for key in (self.wrapping, self.census, self.outbox):
            wipe(key)

    def fingerprint(self, kind: str, name: str, version: int, record: bytes) -> bytes:
        """Return 32 bytes that stand for one row in the census."""
        message = place(kind, name, str(version)) + hashlib.sha256(record).digest()
        return hmac.digest(bytes(self.census), message, "sha256")

    def key_check(self) -> bytes:
        """Return what tells whether a vault belongs to this key."""
        return self.fingerprint("key check", "", 1, b"")

    def seal_census(self, census: Census) -> bytes:
        """Seal the census for its row."""
        return seal(self.census, pack_struct(census), place("store"))

    def open_census(self, record: object) -> Census:
        """Open it."""
        return unpack_struct(unseal(self.census, record, place("store")), Census)

    def seal_revocation(self, entry: int, revocation: Revocation) -> bytes:
        """Seal a message to money for its row."""
        return seal(self.outbox, pack_struct(revocation), place("outbox", str(entry)))

    def open_revocation(self, entry: int, record: object) -> OutboxEntry:
        """Open it."""
        plain = unseal(self.outbox, record, place("outbox", str(entry)))
        return OutboxEntry(entry, unpack_struct(plain, Revocation).alias)

    def person_mark(self, person: PersonId, version: int, wrapped_key: bytes) -> bytes:
        """Return the fingerprint of a person's row."""
        return self.fingerprint("person", person, version, wrapped_key)

    def outbox_mark(self, entry: int, record: bytes) -> bytes:
        """Return the fingerprint of an outbox row."""
        return self.fingerprint("outbox", str(entry), 1, record)


def new_person_id() -> PersonId:
    """Make an opaque id."""
    return PersonId(f"p{secrets.token_hex(8)}")


def seal_new(
    keys: StoreKeys, new: NewPerson, person: PersonId, row: int, first_template: int
) -> tuple[Kept, dict[str, list[dict[str, Any]]]]:
    """Seal a new, pending person under a data key of their own.

    Args:
        keys: The store's.
        new: Who.
        person: Their id.
        row: Free row number in `person`.
        first_template: First of enough free row numbers in `template`.

    Returns:
        What stays in memory, and the rows by table.
    """
    vectors = new.vectors()
    numbers = tuple(range(first_template, first_template + len(vectors)))
    head = Head(
        state=PersonState.PENDING,
        pack=new.pack,
        quality=new.quality,
        enrolled_at=new.enrolled_at,
        dimension=vectors.shape[1],
        sample_count=new.sample_count,
        templates=numbers,
        adult_confirmed=new.adult_confirmed,
        pin_always=new.pin_always,
        look_alikes=new.look_alikes,
    )
    key = new_key()
    try:
        wrapped = seal(keys.wrapping, bytes(key), place("person", person))
        rows: dict[str, list[dict[str, Any]]] = {
            "person": [
                {
                    "id": row,
                    "person": person,
                    "version": 1,
                    "wrapped_key": wrapped,
                    "head": seal(key, pack_struct(head), _head_place(person, 1)),
                }
            ],
            "template": [
                {
                    "id": number,
                    "owner": row,
                    "pack": new.pack,
                    "record": seal(
                        key, pack_template(vector), _template_place(person, new.pack, number)
                    ),
                }
                for number, vector in zip(numbers, vectors, strict=True)
            ],
        }
        parts = (Identity(new.name, new.phone), Link(new.alias), new.consent)
        for table, part in zip(PARTS, parts, strict=True):
            record = seal(key, pack_struct(part), place(table, person, new.pack))
            rows[table] = [{"id": row, "record": record}]
    finally:
        wipe(key)
    return Kept(row, 1, wrapped, head), rows


def reseal_head(
    keys: StoreKeys, person: PersonId, wrapped_key: bytes, version: int, head: Head
) -> bytes:
    """Seal a changed head for a new version of a person's row."""
    key = _unwrap(keys, person, wrapped_key)
    try:
        return seal(key, pack_struct(head), _head_place(person, version))
    finally:
        wipe(key)


def open_head(keys: StoreKeys, columns: Sequence[Any]) -> tuple[PersonId, Kept]:
    """Prove a row of `person`: id, person, version, wrapped_key, head.

    Raises:
        RecordDamagedError: It is not what was written.
    """
    row, person, version, wrapped, sealed_head = columns
    if not (isinstance(row, int) and isinstance(person, str) and isinstance(version, int)):
        raise RecordDamagedError
    key = _unwrap(keys, PersonId(person), wrapped)
    try:
        plain = unseal(key, sealed_head, _head_place(PersonId(person), version))
    finally:
        wipe(key)
    head = unpack_struct(plain, Head)
    if not (2 <= len(head.templates) <= SAMPLES_MAX + 1 and 1 <= head.dimension <= DIMENSION_MAX):
        raise RecordDamagedError
    return PersonId(person), Kept(row, version, wrapped, head)


def open_person(
    keys: StoreKeys,
    person: PersonId,
    kept: Kept,
    parts: Sequence[object],
    templates: Sequence[Sequence[Any]],
) -> Person:
    """Open all of one person's rows.

    Args:
        keys: The store's.
        person: Whose rows they are to be.
        kept: Their proved row of `person`.
        parts: The records of `PARTS`, in that order.
        templates: Their rows of `template`: id, owner, pack, record.

    Raises:
        RecordDamagedError: One is missing, foreign or changed.
    """
    head = kept.head
    claimed = [(number, owner, pack) for number, owner, pack, _ in templates]
    if claimed != [(number, kept.row, head.pack) for number in head.templates]:
        raise RecordDamagedError
    key = _unwrap(keys, person, kept.wrapped_key)
    try:
        plain = [
            unseal(key, record, place(table, person, head.pack))
            for table, record in zip(PARTS, parts, strict=True)
        ]
        vectors = np.stack(
            [
                unpack_template(
                    unseal(key, record, _template_place(person, head.pack, number)), head.dimension
                )
                for number, _, _, record in templates
            ]
        )
    finally:
        wipe(key)
    identity = unpack_struct(plain[0], Identity)
    vectors.flags.writeable = False
    return Person(
        person=person,
        state=head.state,
        name=identity.name,
        phone=identity.phone,
        alias=unpack_struct(plain[1], Link).alias,
        pack=head.pack,
        template=vectors[0],
        samples=vectors[1:],
        sample_count=head.sample_count,
        quality=head.quality,
        consent=unpack_struct(plain[2], ConsentRecord),
        enrolled_at=head.enrolled_at,
        adult_confirmed=head.adult_confirmed,
        pin_always=head.pin_always,
        look_alikes=head.look_alikes,
        last_used=head.last_used,
        warned_at=head.warned_at,
    )


def rewrap_key(old: StoreKeys, new: StoreKeys, person: PersonId, wrapped_key: object) -> bytes:
    """Wrap a person's data key under another store key.

    Raises:
        RecordDamagedError: It does not open under the old one.
    """
    key = _unwrap(old, person, wrapped_key)
    try:
        return seal(new.wrapping, bytes(key), place("person", person))
    finally:
        wipe(key)


def reseal_identity(
    keys: StoreKeys,
    person: PersonId,
    kept: Kept,
    record: object,
    name: str | None,
    phone: str | None,
) -> tuple[Identity, bytes]:
    """Return a person's identity with another name, number or both, and the record of it."""
    where = place("identity", person, kept.head.pack)
    key = _unwrap(keys, person, kept.wrapped_key)
    try:
        old = unpack_struct(unseal(key, record, where), Identity)
        new = Identity(old.name if name is None else name, old.phone if phone is None else phone)
        return new, seal(key, pack_struct(new), where)
    finally:
        wipe(key)


def _unwrap(keys: StoreKeys, person: PersonId, wrapped_key: object) -> bytearray:
    key = bytearray(unseal(keys.wrapping, wrapped_key, place("person", person)))
    if len(key) != KEY_BYTES:
        raise RecordDamagedError
    return key


def _head_place(person: PersonId, version: int) -> bytes:
    return place("head", person, str(version))


def _template_place(person: PersonId, pack: PackId, number: int) -> bytes:
    return place("template", person, pack, str(number))
