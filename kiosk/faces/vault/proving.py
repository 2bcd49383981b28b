"""The one pass over a vault at its opening: everything is read, opened and counted.

Nothing is written. What must be joined is joined in memory, since only the heads know what belongs
together; a row that no head names, or a head whose row is missing, is damage.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.vault import codec
from kiosk.faces.vault.codec import Kept, StoreKeys
from kiosk.faces.vault.errors import RecordDamagedError
from kiosk.faces.vault.records import (
    Account,
    Census,
    ConsentRecord,
    Findable,
    Head,
    Identity,
    searched,
)
from kiosk.faces.vault.rows import SELECT_PEOPLE, select_part
from kiosk.faces.vault.transform import Space

Visitor = Callable[[Findable], None]
_Part = TypeVar("_Part", bound=msgspec.Struct)


@dataclass(slots=True)
class Proved:
    """What the pass found. `spaces` are wiped by whoever takes them."""

    census: Census
    people: dict[PersonId, Kept] = field(default_factory=dict)
    outbox: dict[int, bytes] = field(default_factory=dict)
    proofs: dict[int, bytes] = field(default_factory=dict)
    spaces: dict[int, Space] = field(default_factory=dict)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Have nothing collected while very much is made and nothing is thrown away."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_no_collection()
def prove(db: Database, keys: StoreKeys, census: Census, visit: Visitor | None) -> Proved:
    """Read and prove everything.

    Args:
        db: The open database.
        keys: The store's.
        census: What is to be there.
        visit: Called once with every person, if given, in no particular order.

    Raises:
        RecordDamagedError: Something is not as it was written.
    """
    proved = Proved(census)
    counted = _prove_spaces(db, keys, proved, Census())
    marks: list[bytes] = []
    for columns in db.execute(f"{SELECT_PEOPLE} ORDER BY id"):
        person, kept = codec.open_head(keys, columns)
        proved.people[person] = kept
        marks.append(keys.person_mark(person, kept.version, kept.wrapped_key))
    counted = counted.moved(len(marks), 0, *marks)
    for entry, record in db.execute("SELECT id, record FROM outbox ORDER BY id"):
        keys.open_revocation(entry, record)
        proved.outbox[entry] = keys.row_mark("outbox", entry, record)
        counted = counted.moved(0, 1, proved.outbox[entry])
    for number, wrapped_key, record in db.execute(f"{select_part('proof')} ORDER BY id"):
        if not (isinstance(wrapped_key, bytes) and isinstance(record, bytes)):
            raise RecordDamagedError
        proved.proofs[number] = keys.row_mark("proof", number, wrapped_key + record)
        counted = counted.moved(0, 0, proved.proofs[number])
    if not counted.counts_the_same(census) or len(proved.people) != counted.people:
        raise RecordDamagedError
    phones: dict[PersonId, str] = {}
    for person, identity in _prove_part(db, keys, "identity", Identity, proved):
        phones[person] = identity.phone
    for table, kind in (("account", Account), ("consent", ConsentRecord)):
        for _ in _prove_part(db, keys, table, kind, proved):
            pass  # proved is all that is asked of them
    for person, head, vectors in _prove_templates(db, keys, proved):
        if visit is not None:
            phone, shown = phones.pop(person), searched(vectors, head.adapted)
            visit(Findable(person, head.state, PackId(sys.intern(head.pack)), phone, shown))
    return proved


def _prove_spaces(db: Database, keys: StoreKeys, proved: Proved, counted: Census) -> Census:
    for number, record in db.execute("SELECT id, record FROM transform ORDER BY id"):
        secret = keys.open_space(number, record)
        proved.spaces[number] = Space(number, secret)
        counted = counted.moved(0, 0, keys.row_mark("transform", number, record))
    if not proved.spaces:
        raise RecordDamagedError
    return counted


def _prove_part(
    db: Database, keys: StoreKeys, table: str, kind: type[_Part], proved: Proved
) -> Iterator[tuple[PersonId, _Part]]:
    """Prove a table with one row a person, and yield what is in it."""
    owners = {getattr(kept.head, table): person for person, kept in proved.people.items()}
    if len(owners) != len(proved.people):
        raise RecordDamagedError
    for row in db.execute(select_part(table)):
        person = owners.pop(row[0], None)
        if person is None:
            raise RecordDamagedError
        yield person, codec.open_part(keys, table, row, kind)
    if owners:
        raise RecordDamagedError


def _prove_templates(
    db: Database, keys: StoreKeys, proved: Proved
) -> Iterator[tuple[PersonId, Head, NDArray[np.float32]]]:
    """Prove the vectors and yield them under the newest rotation."""
    owners = {kept.head.template: person for person, kept in proved.people.items()}
    newest = proved.spaces[max(proved.spaces)]
    rows = iter(db.execute(f"{select_part('template')} ORDER BY id"))
    for first in rows:
        person = owners.pop(first[0], None)
        if person is None:
            raise RecordDamagedError
        head = proved.people[person].head
        own = [first, *itertools.islice(rows, codec.chunk_count(head) - 1)]
        vectors = codec.open_template(keys, head, own)
        yield person, head, in_space(proved.spaces, newest, head, vectors)
    if owners:
        raise RecordDamagedError


def in_space(
    spaces: dict[int, Space], goal: Space, head: Head, vectors: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return somebody's vectors under another rotation than they are kept under.

    Raises:
        RecordDamagedError: The store does not know the rotation that they are kept under.
    """
    if head.space == goal.number:
        return vectors
    kept_in = spaces.get(head.space)
    if kept_in is None:
        raise RecordDamagedError
    here = kept_in.transform(head.pack, head.dimension)
    return here.move(vectors, goal.transform(head.pack, head.dimension))
