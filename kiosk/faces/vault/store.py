"""The vault: people on the disk, every record sealed under the key of the person it belongs to.

Enrolment has two steps: `begin()` makes a pending record that survives a crash, `activate()` ends
it once money has the mandate. `erase()` destroys key and rows and leaves, in the same transaction,
the message that revokes the mandate; `outbox()` lists those messages until money has taken them.

It does not know consent texts, cameras or money.

Invariants:
- Nothing readable is on the disk but random ids, row numbers, pack ids and record sizes.
- Opening reads and proves every record before the file is opened for writing, so a vault that is
  damaged or belongs to another key is left as it is.
- A census sealed under the store's key counts the people and the waiting messages and binds their
  ids, versions and keys: a row that vanished, came back or was exchanged is damage, not silence.
- After every write the log is emptied into the database.
"""

from __future__ import annotations

import contextlib
import hmac
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self, Unpack

import msgspec
import numpy as np
from sqlite_utils import Database

from kiosk.domain.ids import PackId, PayerAlias, PersonId
from kiosk.faces.vault import codec, database
from kiosk.faces.vault.codec import PARTS, Kept, StoreKeys
from kiosk.faces.vault.errors import (
    PersonStateError,
    PersonUnknownError,
    RecordDamagedError,
    VaultDamagedError,
    WrongKeyError,
)
from kiosk.faces.vault.records import (
    LOOK_ALIKES_MAX,
    Amendment,
    Census,
    ErasureWork,
    Head,
    NewPerson,
    OutboxEntry,
    Person,
    PersonState,
    Revocation,
)
from kiosk.faces.vault.rekey import rekey
from kiosk.faces.vault.rows import (
    SELECT_PEOPLE,
    SELECT_TEMPLATES,
    expect_one,
    next_id,
    orphans,
    take_rows,
)

FOLDER_NAME = "vault"
_KEY_TRIALS = 16
"""People whose rows are tried, at most, before a key is said to be another vault's."""

Visitor = Callable[[Person], None]


class Vault:
    """The open vault of one installation. Made by `Vault.open()`; safe to use from many threads."""

    def __init__(self, folder: Path, keys: StoreKeys, owner: database.OwnerLock) -> None:
        """Use `Vault.open()`."""
        self.folder = folder
        self._keys = keys
        self._owner = owner
        self._turn = threading.RLock()
        self._db: Database | None = None
        self._people: dict[PersonId, Kept] = {}
        self._outbox: dict[int, bytes] = {}
        self._census = Census()
        self._held: dict[tuple[int, int], int] = {}

    @classmethod
    def open(
        cls, folder: Path, store_key: bytes | bytearray, *, visit: Visitor | None = None
    ) -> Self:
        """Open a vault, or make an empty one where none is.

        Args:
            folder: `DIR/vault`.
            store_key: The 32 bytes that `keys.derive(root, "faces")` gave.
            visit: Called once with every person, in order of enrolment, while all records are
                proved anyway. If this method raises afterwards, forget what was visited.

        Raises:
            VaultInUseError: Another process has it.
            WrongKeyError: It belongs to another key.
            VaultDamagedError: It is not whole; the file was not touched.
            VaultTooNewError: A newer program wrote it.
            VaultUnusableError: The disk refuses.
        """
        vault = cls(folder, StoreKeys(store_key), database.OwnerLock(folder))
        try:
            with database.sqlite_errors():
                vault._start(visit)
        except BaseException:
            vault.close()
            raise
        return vault

    def begin(self, new: NewPerson) -> PersonId:
        """Keep a new person as pending, durably.

        Raises:
            VaultUnusableError: The disk refuses; nothing was kept.
        """
        person = codec.new_person_id()
        with self._turn:
            with self._writing() as db:
                kept, rows = codec.seal_new(
                    self._keys, new, person, next_id(db, "person"), next_id(db, "template")
                )
                for table, records in rows.items():
                    db.table(table).insert_all(records)
                census = self._count(db, 1, 0, self._mark(person, kept))
            self._census = census
            self._people[person] = kept
        return person

    def activate(self, person: PersonId) -> None:
        """End the enrolment of a pending person, or thaw a frozen one."""
        self._set_state(person, PersonState.ACTIVE)

    def freeze(self, person: PersonId) -> None:
        """Keep a person but have them searched no more, until staff thaw them."""
        self._set_state(person, PersonState.FROZEN)

    def pause(self, person: PersonId) -> None:
        """Have an active person searched no more, because they want it. Twice is no error.

        Raises:
            PersonUnknownError: Nobody has this id.
            PersonStateError: They are neither active nor paused.
        """
        self._move(person, PersonState.ACTIVE, PersonState.PAUSED)

    def resume(self, person: PersonId) -> None:
        """End a person's own pause. Twice is no error.

        Raises:
            PersonUnknownError: Nobody has this id.
            PersonStateError: They are neither paused nor active: nobody thaws themselves.
        """
        self._move(person, PersonState.PAUSED, PersonState.ACTIVE)

    def amend(self, person: PersonId, **changes: Unpack[Amendment]) -> None:
        """Change some fields of a person's head, durably; what is left out stays.

        It writes nothing when nothing changes.

        Raises:
            PersonUnknownError: Nobody has this id.
        """
        assert len(changes.get("look_alikes", ())) <= LOOK_ALIKES_MAX
        with self._turn:
            before = self._kept(person).head
            head = msgspec.structs.replace(before, **changes)
            if head != before:
                self._rehead(person, head)

    def change_identity(
        self, person: PersonId, *, name: str | None = None, phone: str | None = None
    ) -> None:
        """Change a person's name, number or both, durably. The number is digits only.

        Raises:
            PersonUnknownError: Nobody has this id.
            VaultDamagedError: The record is not what was written.
        """

        def also(db: Database, kept: Kept) -> None:
            row = db.execute("SELECT record FROM identity WHERE id = ?", [kept.row]).fetchone()
            _, record = codec.reseal_identity(self._keys, person, kept, row and row[0], name, phone)
            expect_one(db, "UPDATE identity SET record = ? WHERE id = ?", [record, kept.row])

        with self._turn:
            self._rehead(person, self._kept(person).head, also)

    def erase(self, person: PersonId) -> ErasureWork:
        """Destroy the person's key and rows, and leave the order to revoke their mandate.

        When this returns, no key to the person's records exists any more and the log is empty.
        `erase.LeftoverSearch` then looks for what is returned.

        Raises:
            PersonUnknownError: Nobody has this id.
            VaultUnusableError: The disk refuses; nothing was changed.
        """
        with self._turn:
            known = self.get(person)
            kept = self._people[person]
            with self._writing() as db:
                ciphertexts = take_rows(db, kept)
                entry = next_id(db, "outbox")
                record = self._keys.seal_revocation(entry, Revocation(known.alias))
                db.table("outbox").insert({"id": entry, "record": record})
                mark = self._keys.outbox_mark(entry, record)
                census = self._count(db, -1, 1, self._mark(person, kept), mark)
            self._census = census
            self._outbox[entry] = mark
            del self._people[person]
        vectors = np.vstack([known.template, known.samples])
        return ErasureWork(known.name, known.phone, vectors, ciphertexts, entry)

    def compact(self) -> None:
        """Rewrite the file without free pages, and empty the log again."""
        with self._turn, database.sqlite_errors():
            self._database.vacuum()
            database.truncate_wal(self._database)

    def rekey(self, store_key: bytes | bytearray) -> None:
        """Wrap every data key under another store key; people can be searched meanwhile.

        Raises:
            VaultUnusableError: The disk refuses; the old key is still the one.
        """
        keys = StoreKeys(store_key)
        with self._turn:
            try:
                with self._writing() as db:
                    done = rekey(db, self._keys, keys, self._people, self._census.changes)
            except BaseException:
                keys.wipe()
                raise
            self._people, self._outbox, self._census = done.people, done.outbox, done.census
            old, self._keys = self._keys, keys
            old.wipe()

    def get(self, person: PersonId) -> Person:
        """Return one person.

        Raises:
            PersonUnknownError: Nobody has this id.
            VaultDamagedError: The record is not what was written.
        """
        with self._turn, _as_damage(), database.sqlite_errors():
            kept = self._people.get(person)
            if kept is None:
                raise PersonUnknownError
            db = self._database
            columns = db.execute(f"{SELECT_PEOPLE} WHERE p.id = ?", [kept.row]).fetchone()
            if columns is None or codec.open_head(self._keys, columns[:5]) != (person, kept):
                raise RecordDamagedError
            templates = db.execute(
                f"{SELECT_TEMPLATES} WHERE id BETWEEN ? AND ? ORDER BY id",
                [kept.head.templates[0], kept.head.templates[-1]],
            ).fetchall()
            return codec.open_person(self._keys, person, kept, columns[5:], templates)

    def people(self) -> Iterator[Person]:
        """Yield everybody, also pending and frozen people, in order of enrolment."""
        for person in self.ids():
            try:
                known = self.get(person)
            except PersonUnknownError:
                continue  # erased since we began
            yield known

    def ids(self, state: PersonState | None = None) -> tuple[PersonId, ...]:
        """Return the ids of all people, or of those in one state, in order of enrolment."""
        with self._turn:
            return tuple(
                person
                for person, kept in self._people.items()
                if state is None or kept.head.state is state
            )

    def qualities(self) -> dict[PersonId, int]:
        """Return the quality of everybody's samples, 0 to 100; no record is read for it."""
        with self._turn:
            return {
                person: kept.head.quality
                for person, kept in self._people.items()
                if kept.head.state is not PersonState.PENDING
            }

    def head(self, person: PersonId) -> Head:
        """Return a person's flags and state, from memory; raise `PersonUnknownError`."""
        with self._turn:
            return self._kept(person).head

    def alias(self, person: PersonId) -> PayerAlias:
        """Return under which alias money knows a person.

        Raises:
            PersonUnknownError: Nobody has this id.
        """
        return self.get(person).alias

    def pack(self) -> PackId | None:
        """Return the model pack of the people in here, or None while nobody is."""
        with self._turn:
            return next((kept.head.pack for kept in self._people.values()), None)

    def outbox(self) -> tuple[OutboxEntry, ...]:
        """Return the messages that money has not yet taken, oldest first."""
        with self._turn, _as_damage(), database.sqlite_errors():
            rows = self._database.execute("SELECT id, record FROM outbox ORDER BY id").fetchall()
            return tuple(self._keys.open_revocation(entry, record) for entry, record in rows)

    def outbox_done(self, entry: int) -> None:
        """Forget a message that money has taken. Doing it twice is no error."""
        with self._turn:
            mark = self._outbox.get(entry)
            if mark is None:
                return
            with self._writing() as db:
                expect_one(db, "DELETE FROM outbox WHERE id = ?", [entry])
                census = self._count(db, 0, -1, mark)
            self._census = census
            del self._outbox[entry]

    def census(self) -> Census:
        """Return how much is in here, and how often it was changed."""
        with self._turn:
            return self._census

    def hold(self, path: Path) -> int:
        """Return a descriptor for reading one of the database's own files, open until `close()`.

        POSIX drops all locks of a process on a file when any descriptor of it is closed, SQLite's
        included (sqlite.org/howtocorrupt.html, section 2.2). So these are closed after SQLite.
        """
        with self._turn:
            facts = path.stat()
            identity = (facts.st_dev, facts.st_ino)
            if identity not in self._held:
                self._held[identity] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            return self._held[identity]

    def close(self) -> None:
        """Close the file, wipe the keys and give the lock back. Calling it twice is no error."""
        with self._turn:
            if self._db is not None:
                self._db.close()
                self._db = None
            while self._held:
                os.close(self._held.popitem()[1])
            self._people.clear()
            self._keys.wipe()
            self._owner.release()

    def __enter__(self) -> Self:
        """Return the open vault."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def _database(self) -> Database:
        assert self._db is not None, "the vault was used after it was closed"
        return self._db

    def _start(self, visit: Visitor | None) -> None:
        path = self.folder / database.FILE_NAME
        if not path.exists():
            database.create(
                self.folder, self._keys.key_check(), self._keys.seal_census(self._census)
            )
        db = database.connect(path, read_only=True)
        try:
            database.check_version(db)
            with _as_damage():
                self._prove(db, visit)
        finally:
            db.close()
        self._db = database.connect(path)
        database.migrate(self._db)
        database.truncate_wal(self._db)

    def _prove(self, db: Database, visit: Visitor | None) -> None:
        """Read and prove everything, and remember where it is."""
        stores = db.execute("SELECT id, key_check, census FROM store").fetchall()
        if len(stores) != 1:
            raise RecordDamagedError
        self._census = self._open_census(db, *stores[0][1:])
        counted = Census()
        templates = iter(db.execute(f"{SELECT_TEMPLATES} ORDER BY id"))
        for columns in db.execute(f"{SELECT_PEOPLE} ORDER BY p.id"):
            person, kept = codec.open_head(self._keys, columns[:5])
            own = list(itertools.islice(templates, len(kept.head.templates)))
            known = codec.open_person(self._keys, person, kept, columns[5:], own)
            self._people[person] = kept
            counted = counted.moved(1, 0, self._mark(person, kept))
            if visit is not None:
                visit(known)
        for entry, record in db.execute("SELECT id, record FROM outbox ORDER BY id"):
            self._keys.open_revocation(entry, record)
            self._outbox[entry] = self._keys.outbox_mark(entry, record)
            counted = counted.moved(0, 1, self._outbox[entry])
        left = [*templates]
        left += [row for part in PARTS for row in db.execute(orphans(part))]
        if left or not counted.counts_the_same(self._census) or len(self._people) != counted.people:
            raise RecordDamagedError

    def _open_census(self, db: Database, key_check: object, record: object) -> Census:
        """Open the census, and tell another key's vault from a damaged one of ours."""
        ours = isinstance(key_check, bytes) and hmac.compare_digest(
            key_check, self._keys.key_check()
        )
        try:
            census = self._keys.open_census(record)
        except RecordDamagedError:
            if ours or self._opens_anybody(db):
                raise
            raise WrongKeyError from None
        if not ours:
            raise RecordDamagedError
        return census

    def _opens_anybody(self, db: Database) -> bool:
        for columns in db.execute(f"{SELECT_PEOPLE} LIMIT {_KEY_TRIALS}"):
            with contextlib.suppress(RecordDamagedError):
                codec.open_head(self._keys, columns[:5])
                return True
        return False

    def _kept(self, person: PersonId) -> Kept:
        kept = self._people.get(person)
        if kept is None:
            raise PersonUnknownError
        return kept

    def _set_state(self, person: PersonId, state: PersonState) -> None:
        with self._turn:
            self._rehead(person, msgspec.structs.replace(self._kept(person).head, state=state))

    def _move(self, person: PersonId, before: PersonState, after: PersonState) -> None:
        with self._turn:
            state = self._kept(person).head.state
            if state is after:
                return
            if state is not before:
                raise PersonStateError(state.value)
            self._set_state(person, after)

    def _rehead(
        self, person: PersonId, head: Head, also: Callable[[Database, Kept], None] | None = None
    ) -> None:
        """Seal a changed head as the next version, with what else changes in one transaction."""
        with self._turn:
            kept = self._kept(person)
            now = Kept(kept.row, kept.version + 1, kept.wrapped_key, head)
            with self._writing() as db:
                if also is not None:
                    also(db, kept)
                sealed = codec.reseal_head(self._keys, person, kept.wrapped_key, now.version, head)
                expect_one(
                    db,
                    "UPDATE person SET version = ?, head = ? WHERE id = ?",
                    [now.version, sealed, now.row],
                )
                census = self._count(db, 0, 0, self._mark(person, kept), self._mark(person, now))
            self._census = census
            self._people[person] = now

    def _mark(self, person: PersonId, kept: Kept) -> bytes:
        return self._keys.person_mark(person, kept.version, kept.wrapped_key)

    def _count(self, db: Database, people: int, outbox: int, *marks: bytes) -> Census:
        """Write the census as it is once this transaction is done."""
        census = self._census.moved(people, outbox, *marks)
        expect_one(db, "UPDATE store SET census = ? WHERE id = 1", [self._keys.seal_census(census)])
        return census

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Database]:
        """One transaction, durable at its end, with the log emptied afterwards."""
        with self._turn, _as_damage(), database.sqlite_errors():
            with self._database.atomic():
                yield self._database
            database.truncate_wal(self._database)


@contextlib.contextmanager
def _as_damage() -> Iterator[None]:
    """One bad record is a damaged vault."""
    try:
        yield
    except RecordDamagedError as error:
        raise VaultDamagedError("its records are not as they were written") from error
