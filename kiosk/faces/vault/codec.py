"""From values to sealed rows and back: which part of a person is sealed under what, and for where.

A person is four parts, each in a table of its own, sealed under a data key of its own, which is
wrapped under the store's key for that table:

    table      holds                                          row number
    person     the head: state, dates, where the rest lies    grows with every enrolment
    identity   name and phone number                          random
    consent    what was agreed to, when, and the signature    random
    account    the alias that money knows                     random
    template   the vectors, rotated (`transform.py`)          random

The claim (mission.md, R7): whoever holds the whole file and one of the store's keys for these
tables learns what stands in that one table, and nothing that joins it to another table's content.
The template key alone gives vectors without name, number, alias, date or id; the identity key alone
names and numbers without a face, an alias or a date; the consent key alone signatures and dates,
also without face and alias; the account key alone aliases. Row numbers of these four are drawn at
random, so neither number nor order joins them; no row of theirs names the person, in the clear or
as associated data. Only the head, under a key that opens neither name, nor face, nor alias, says
which rows belong together.
Not claimed: what money's journal tells beside the date of a consent; the places of rows inside the
pages of the file, which tell somebody with two of the keys the order in which rows of one page were
written, until `VACUUM`; and anything about whoever holds the store's key, from which all of these
are derived.

Nothing here touches the disk; rows are plain tuples and dictionaries.
Invariants: a row opens only in its own table and under its own number, a template also only for
its pack, a head only for its person and version. A part is never written twice: what changes gets a
new number and a new key, so that an older one cannot be put back.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.vault.envelope import (
    KEY_BYTES,
    new_key,
    place,
    seal,
    unseal,
    unseal_by,
    wipe,
)
from kiosk.faces.vault.errors import RecordDamagedError
from kiosk.faces.vault.keys import subkey
from kiosk.faces.vault.records import (
    Account,
    Census,
    ConsentRecord,
    Head,
    Identity,
    NewPerson,
    OutboxEntry,
    Person,
    PersonState,
    Revocation,
    pack_struct,
    searched,
    unpack_struct,
)

FORMAT = "3"
"""Version of the store's format; part of every record's associated data."""
PARTS = ("identity", "account", "consent", "template")
"""Tables whose rows carry a wrapped key of their own, besides `person`."""
CHUNK_BYTES = 2_560
"""Templates are cut to rows of this size: six share a page of 16 KiB, whatever their dimension.
A row above half a page would leave the other half empty (measured: 1.5 times the data)."""
ROW_ID_BITS = 62

Row = dict[str, Any]
_Part = TypeVar("_Part", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays in memory of each person: where the rows are, nothing of who it is."""

    row: int
    version: int
    wrapped_key: bytes
    head: Head


class StoreKeys:
    """The keys derived from the store's key, one a purpose."""

    def __init__(self, store_key: bytes | bytearray) -> None:
        """Derive one key for each purpose."""
        self.head = subkey(store_key, "vault head")
        self.identity = subkey(store_key, "vault identity")
        self.account = subkey(store_key, "vault account")
        self.consent = subkey(store_key, "vault consent")
        self.template = subkey(store_key, "vault template")
        self.transform = subkey(store_key, "vault transform")
        self.census = subkey(store_key, "vault census")
        self.outbox = subkey(store_key, "vault outbox")
        self.proof = subkey(store_key, "vault proof")
        self.before_3 = subkey(store_key, "vault wrapping")
        """Wraps the data keys of stores that are older than version 3."""
        self._ready: dict[str, AESGCM] = {}

    def wipe(self) -> None:
        """Overwrite them."""
        self._ready.clear()
        for key in vars(self).values():
            if isinstance(key, bytearray):
                wipe(key)

    def ready(self, table: str) -> AESGCM:
        """Return the key that wraps the data keys of a table, made ready once."""
        made = self._ready.get(table)
        if made is None:
            made = AESGCM(self.head if table == "person" else self.of_part(table))
            self._ready[table] = made
        return made

    def of_part(self, table: str) -> bytearray:
        """Return the key that wraps the data keys of a table."""
        keys = {
            "identity": self.identity,
            "account": self.account,
            "consent": self.consent,
            "template": self.template,
            "proof": self.proof,
        }
        return keys[table]

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

    def seal_space(self, number: int, secret: bytes) -> bytes:
        """Seal the secret of a rotation for its row."""
        return seal(self.transform, secret, place("transform", str(number), FORMAT))

    def open_space(self, number: int, record: object) -> bytearray:
        """Open it."""
        secret = bytearray(unseal(self.transform, record, place("transform", str(number), FORMAT)))
        if len(secret) != KEY_BYTES:
            raise RecordDamagedError
        return secret

    def person_mark(self, person: PersonId, version: int, wrapped_key: bytes) -> bytes:
        """Return the fingerprint of a person's row."""
        return self.fingerprint("person", person, version, wrapped_key)

    def row_mark(self, table: str, number: int, record: bytes) -> bytes:
        """Return the fingerprint of a row of outbox, transform or proof."""
        return self.fingerprint(table, str(number), 1, record)


def new_person_id() -> PersonId:
    """Make an opaque id."""
    return PersonId(f"p{secrets.token_hex(8)}")


def seal_new(
    keys: StoreKeys, new: NewPerson, rotated: NDArray[np.float32], space: int, row: int
) -> tuple[PersonId, Kept, dict[str, list[Row]]]:
    """Seal a new, pending person, every part under a data key of its own.

    Args:
        keys: The store's.
        new: Who.
        rotated: Their vectors under the rotation of `space`.
        space: Number of the store's newest rotation.
        row: Free row number in `person`.

    Returns:
        Their id, what stays in memory, and the rows by table.
    """
    person = new_person_id()
    rows: dict[str, list[Row]] = {
        "identity": [seal_part(keys, "identity", Identity(new.name, new.phone))],
        "account": [seal_part(keys, "account", Account(new.alias))],
        "consent": [seal_part(keys, "consent", new.consent)],
        "template": seal_template(keys, new.pack, rotated),
    }
    head = Head(
        state=PersonState.PENDING,
        pack=new.pack,
        quality=new.quality,
        enrolled_at=new.enrolled_at,
        dimension=rotated.shape[1],
        sample_count=new.sample_count,
        vectors=len(rotated),
        space=space,
        identity=rows["identity"][0]["id"],
        account=rows["account"][0]["id"],
        consent=rows["consent"][0]["id"],
        template=rows["template"][0]["id"],
        adult_confirmed=new.adult_confirmed,
        pin_always=new.pin_always,
        look_alikes=new.look_alikes,
    )
    return person, *seal_person(keys, person, head, row, rows)


def seal_person(
    keys: StoreKeys,
    person: PersonId,
    head: Head,
    row: int,
    rows: dict[str, list[Row]],
) -> tuple[Kept, dict[str, list[Row]]]:
    """Seal the head of a person whose other parts are `rows` already."""
    key = new_key()
    try:
        wrapped = seal(keys.head, bytes(key), place("person", person))
        sealed = seal(key, pack_struct(head), _head_place(person, row, 1))
    finally:
        wipe(key)
    columns = {"id": row, "person": person, "version": 1, "wrapped_key": wrapped, "head": sealed}
    return Kept(row, 1, wrapped, head), {**rows, "person": [columns]}


def reseal_head(keys: StoreKeys, person: PersonId, kept: Kept) -> bytes:
    """Seal a changed head for the version of the person's row that `kept` tells."""
    key = _unwrap(keys.ready("person"), kept.wrapped_key, place("person", person))
    try:
        return seal(key, pack_struct(kept.head), _head_place(person, kept.row, kept.version))
    finally:
        wipe(key)


def open_head(keys: StoreKeys, columns: Sequence[Any]) -> tuple[PersonId, Kept]:
    """Prove a row of `person`: id, person, version, wrapped_key, head.

    Raises:
        RecordDamagedError: It is not what was written.
    """
    row, name, version, wrapped, sealed_head = columns
    if not (isinstance(row, int) and isinstance(name, str) and isinstance(version, int)):
        raise RecordDamagedError
    person = PersonId(name)
    key = _unwrap(keys.ready("person"), wrapped, place("person", person))
    try:
        head = unpack_struct(unseal(key, sealed_head, _head_place(person, row, version)), Head)
    finally:
        wipe(key)
    if not head.can_be:
        raise RecordDamagedError
    return person, Kept(row, version, wrapped, head)


def seal_part(keys: StoreKeys, table: str, part: msgspec.Struct) -> Row:
    """Seal a part of somebody under a new number and a new key of its own."""
    number = _new_row_id()
    key = new_key()
    try:
        return {
            "id": number,
            "wrapped_key": seal(keys.of_part(table), bytes(key), _key_place(table, number)),
            "record": seal(key, pack_struct(part), _part_place(table, number)),
        }
    finally:
        wipe(key)


def open_part(keys: StoreKeys, table: str, columns: Sequence[Any], kind: type[_Part]) -> _Part:
    """Open a row of a part that has one row a person: id, wrapped_key, record.

    Raises:
        RecordDamagedError: It is not what was written.
    """
    number, wrapped, record = columns
    key = _unwrap(keys.ready(table), wrapped, _key_place(table, number))
    try:
        return unpack_struct(unseal(key, record, _part_place(table, number)), kind)
    finally:
        wipe(key)


def chunk_count(head: Head) -> int:
    """Return how many rows of `template` a person has."""
    return -(-4 * head.vectors * head.dimension // CHUNK_BYTES)


def seal_template(keys: StoreKeys, pack: PackId, rotated: NDArray[np.float32]) -> list[Row]:
    """Seal all vectors of somebody under new, neighbouring numbers and a new key of their own."""
    raw = np.ascontiguousarray(rotated, dtype="<f4").tobytes()
    chunks = [raw[at : at + CHUNK_BYTES] for at in range(0, len(raw), CHUNK_BYTES)]
    first = _new_row_id()
    key = new_key()
    try:
        wrapped = seal(keys.template, bytes(key), _key_place("template", first))
        return [
            {
                "id": first + at,
                "wrapped_key": b"" if at else wrapped,
                "record": seal(key, chunk, _template_place(first, pack, at, len(chunks))),
            }
            for at, chunk in enumerate(chunks)
        ]
    finally:
        wipe(key)


def open_template(
    keys: StoreKeys, head: Head, rows: Sequence[Sequence[Any]]
) -> NDArray[np.float32]:
    """Open somebody's rows of `template` (id, wrapped_key, record), still rotated.

    Raises:
        RecordDamagedError: One is missing, foreign or changed.
    """
    count = chunk_count(head)
    if [row[0] for row in rows] != [*range(head.template, head.template + count)]:
        raise RecordDamagedError
    if any(row[1] != b"" for row in rows[1:]):
        raise RecordDamagedError
    key = _unwrap(keys.ready("template"), rows[0][1], _key_place("template", head.template))
    try:
        chunks = [
            unseal(key, record, _template_place(head.template, head.pack, at, count))
            for at, (_, _, record) in enumerate(rows)
        ]
    finally:
        wipe(key)
    raw = chunks[0] if count == 1 else b"".join(chunks)
    if len(raw) != 4 * head.vectors * head.dimension:
        raise RecordDamagedError
    return (
        np.frombuffer(raw, "<f4")
        .reshape(head.vectors, head.dimension)
        .astype(np.float32, copy=False)
    )


def person_of(
    person: PersonId,
    head: Head,
    consent: ConsentRecord,
    identity: Identity,
    account: Account,
    vectors: NDArray[np.float32],
) -> Person:
    """Put the opened parts of one person together."""
    template = searched(vectors, head.adapted)
    vectors.flags.writeable = template.flags.writeable = False
    first_added = len(vectors) - head.adapted
    return Person(
        person=person,
        state=head.state,
        name=identity.name,
        phone=identity.phone,
        alias=account.alias,
        pack=PackId(sys.intern(head.pack)),
        template=template,
        samples=vectors[1:first_added],
        anchor=vectors[0],
        adaptive=vectors[first_added:],
        sample_count=head.sample_count,
        quality=head.quality,
        consent=consent,
        enrolled_at=head.enrolled_at,
        adult_confirmed=head.adult_confirmed,
        pin_always=head.pin_always,
        look_alikes=head.look_alikes,
        last_used=head.last_used,
        warned_at=head.warned_at,
        adapted_at=head.adapted_at,
    )


def rewrap_head(old: StoreKeys, new: StoreKeys, person: PersonId, wrapped_key: object) -> bytes:
    """Wrap a head's data key under another store key.

    Raises:
        RecordDamagedError: It does not open under the old one.
    """
    where = place("person", person)
    return _rewrap(old.ready("person"), new.head, wrapped_key, where)


def rewrap_part(
    old: StoreKeys, new: StoreKeys, table: str, number: int, wrapped_key: object
) -> bytes:
    """Wrap the data key of a part under another store key.

    Raises:
        RecordDamagedError: It does not open under the old one.
    """
    where = _key_place(table, number)
    return _rewrap(old.ready(table), new.of_part(table), wrapped_key, where)


def _rewrap(old: AESGCM, new: bytearray, wrapped_key: object, where: bytes) -> bytes:
    key = _unwrap(old, wrapped_key, where)
    try:
        return seal(new, bytes(key), where)
    finally:
        wipe(key)


def _unwrap(wrapping: AESGCM, wrapped_key: object, where: bytes) -> bytearray:
    key = bytearray(unseal_by(wrapping, wrapped_key, where))
    if len(key) != KEY_BYTES:
        raise RecordDamagedError
    return key


def _new_row_id() -> int:
    """Draw a row number: neither number nor order says when it was written, or for whom."""
    return 1 + secrets.randbits(ROW_ID_BITS)


def _head_place(person: PersonId, row: int, version: int) -> bytes:
    return _HEAD_PLACE + place(person, str(row), str(version)) + _FORMAT_PLACE


def _key_place(table: str, number: int) -> bytes:
    return _KEY_PLACES[table] + _numbered(number)


def _part_place(table: str, number: int) -> bytes:
    return _PART_PLACES[table] + _numbered(number)


def _template_place(first: int, pack: PackId, at: int, count: int) -> bytes:
    return _PART_PLACES["template"] + _numbered(first) + place(pack, str(at), str(count))


def _numbered(number: int) -> bytes:
    digits = b"%d" % number
    return len(digits).to_bytes(2, "big") + digits + _FORMAT_PLACE


# A place is its parts one after another, so that what is always the same is made once: opening a
# vault names ten places a person.
_FORMAT_PLACE = place(FORMAT)
_HEAD_PLACE = place("head")
_KEY_PLACES = {table: place(f"{table} key") for table in (*PARTS, "proof")}
_PART_PLACES = {table: place(table) for table in (*PARTS, "proof")}
