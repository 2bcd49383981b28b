"""The open file of a vault: its lock, its keys, what is known of everybody, and how it is changed.

What a vault is for stands in `store.py`. Here is what every change of it goes through: one
transaction, one census, one turn.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Self

import msgspec
from sqlite_utils import Database

from kiosk.domain.ids import PackId, PersonId
from kiosk.faces.vault import codec, database, old_formats
from kiosk.faces.vault.codec import Kept, StoreKeys
from kiosk.faces.vault.envelope import new_key
from kiosk.faces.vault.errors import (
    PersonUnknownError,
    RecordDamagedError,
    VaultDamagedError,
    WrongKeyError,
)
from kiosk.faces.vault.proving import Visitor, in_space, prove
from kiosk.faces.vault.records import Census, Head
from kiosk.faces.vault.retention import Clock
from kiosk.faces.vault.rows import SELECT_PEOPLE, expect_one, insert_rows, take_rows
from kiosk.faces.vault.transform import Space, Transform, Vectors

_KEY_TRIALS = 16
"""People whose records are tried, at most, before a key is said to be another vault's."""


class VaultCore:
    """An open vault without its operations. Safe to use from many threads."""

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
        self._proofs: dict[int, bytes] = {}
        self._spaces: dict[int, Space] = {}
        self._space: Space | None = None
        self._held: dict[tuple[int, int], int] = {}

    @classmethod
    def open(
        cls, folder: Path, store_key: bytes | bytearray, *, visit: Visitor | None = None
    ) -> Self:
        """Open a vault, or make an empty one where none is.

        Args:
            folder: `DIR/vault`.
            store_key: The 32 bytes that `keys.derive(root, "faces")` gave.
            visit: Called once with every person, in no particular order, while all records are
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

    def clock(self) -> Clock | None:
        """Return what is known of the retention clock, or None before the first look."""
        with self._turn:
            seen, steady = self._census.clock_seen, self._census.clock_steady
        return Clock(date.fromisoformat(seen), date.fromisoformat(steady)) if seen else None

    def note_clock(self, clock: Clock) -> None:
        """Keep what is known of the retention clock, durably."""
        seen, steady = clock.seen.isoformat(), clock.steady_since.isoformat()
        with self._turn:
            before = self._census
            self._census = msgspec.structs.replace(before, clock_seen=seen, clock_steady=steady)
            try:
                with self._writing() as db:
                    census = self._count(db, 0, 0)
            except BaseException:
                self._census = before
                raise
            self._census = census

    def move_log(self) -> None:
        """Move what enrolments left in the log into the database, while nobody waits for it.

        Without this, each 256 pages of log make one enrolment or another wait for the disk.

        Raises:
            VaultUnusableError: The disk refuses; the log stays and nothing is lost.
        """
        with self._turn, database.sqlite_errors():
            database.move_wal(self._database)

    def transform(self, pack: PackId, dimension: int) -> Transform:
        """Return the rotation to bring a probe under before it is compared with what is in here.

        It is the same until the vault is closed, and never waits for the vault's other work.
        """
        assert self._space is not None, "the vault was used before it was open"
        return self._space.transform(pack, dimension)

    def close(self) -> None:
        """Close the file, wipe the keys and give the lock back. Calling it twice is no error."""
        with self._turn:
            if self._db is not None:
                self._db.close()
                self._db = None
            while self._held:
                os.close(self._held.popitem()[1])
            self._people.clear()
            for space in self._spaces.values():
                space.wipe()
            if self._space is not None:
                self._space.wipe()
            self._spaces.clear()
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
            database.create(self.folder, self._fill_new)
        db = database.connect(path, read_only=True)
        try:
            is_old = database.version(db) < len(database.VERSIONS)
            with as_damage():
                self._prove(db, visit, is_old=is_old)
        finally:
            db.close()
        if is_old:
            database.migrate(path, lambda db: old_formats.convert(db, self._keys, database.OLD))
            self._start(visit)
            return
        self._db = database.connect(path)
        database.settle(self._db)
        self._make_ready(self._newest)  # now, and not when the first customer pays

    def _fill_new(self, db: Database) -> None:
        """Write the rows of a vault that is made."""
        space = Space(1, new_key())
        record = self._keys.seal_space(space.number, space.secret)
        space.wipe()
        mark = self._keys.row_mark("transform", 1, record)
        census = msgspec.structs.replace(Census().moved(0, 0, mark), changes=0)
        db.table("transform").insert({"id": 1, "record": record})
        key_check, sealed = self._keys.key_check(), self._keys.seal_census(census)
        db.table("store").insert({"id": 1, "key_check": key_check, "census": sealed})

    def _prove(self, db: Database, visit: Visitor | None, *, is_old: bool) -> None:
        """Read and prove everything, and remember where it is."""
        stores = db.execute("SELECT id, key_check, census FROM store").fetchall()
        if len(stores) != 1:
            raise RecordDamagedError
        self._census = self._open_census(db, *stores[0][1:], is_old=is_old)
        if is_old:
            old_formats.prove(db, self._keys, self._census)
            return
        proved = prove(db, self._keys, self._census, visit)
        self._people, self._outbox = proved.people, proved.outbox
        self._proofs = proved.proofs
        self._spaces = proved.spaces
        self._space = self._newest

    def _open_census(
        self, db: Database, key_check: object, record: object, *, is_old: bool
    ) -> Census:
        """Open the census, and tell another key's vault from a damaged one of ours."""
        ours = isinstance(key_check, bytes) and hmac.compare_digest(
            key_check, self._keys.key_check()
        )
        try:
            census = self._keys.open_census(record)
        except RecordDamagedError:
            if ours or self._opens_anybody(db, is_old=is_old):
                raise
            raise WrongKeyError from None
        if not ours:
            raise RecordDamagedError
        return census

    def _opens_anybody(self, db: Database, *, is_old: bool) -> bool:
        if is_old:
            rows = db.execute("SELECT id, person, version, wrapped_key FROM person LIMIT 16")
            return any(old_formats.opens(self._keys, row) for row in rows)
        for columns in db.execute(f"{SELECT_PEOPLE} LIMIT {_KEY_TRIALS}"):
            with contextlib.suppress(RecordDamagedError):
                codec.open_head(self._keys, columns)
                return True
        return False

    @property
    def _newest(self) -> Space:
        return self._spaces[max(self._spaces)]

    def _shown(self, head: Head, vectors: Vectors) -> Vectors:
        """Return somebody's vectors under the rotation of this open vault."""
        assert self._space is not None
        return in_space(self._spaces, self._space, head, vectors)

    def _draw_space(self) -> None:
        """Keep a new rotation, durably; nobody is under it yet."""
        space = Space(self._newest.number + 1, new_key())
        # Before anybody has to wait: making a matrix takes long on a machine that is busy.
        self._make_ready(space)
        with self._turn:
            self._keep_space(space)

    def _make_ready(self, space: Space) -> None:
        with self._turn:
            kinds = {(kept.head.pack, kept.head.dimension) for kept in self._people.values()}
        for pack, dimension in kinds:
            space.transform(pack, dimension)

    def _keep_space(self, space: Space) -> None:
        record = self._keys.seal_space(space.number, space.secret)
        with self._writing() as db:
            insert_rows(db, {"transform": [{"id": space.number, "record": record}]})
            mark = self._keys.row_mark("transform", space.number, record)
            census = self._count(db, 0, 0, mark)
        self._census = census
        self._spaces[space.number] = space

    def _drop_spaces(self) -> None:
        """Forget all rotations on the disk but the newest, for good; nobody is under them."""
        with self._turn:
            old = [number for number in self._spaces if number != self._newest.number]
            with self._writing() as db:
                marks = []
                for number in old:
                    (record,) = take_rows(db, "transform", number)
                    marks.append(self._keys.row_mark("transform", number, record))
                census = self._count(db, 0, 0, *marks)
            self._census = census
            for number in old:
                space = self._spaces.pop(number)
                if space is not self._space:
                    space.wipe()
            self._empty_log()

    def _kept(self, person: PersonId) -> Kept:
        kept = self._people.get(person)
        if kept is None:
            raise PersonUnknownError
        return kept

    def _rehead(
        self, person: PersonId, head: Head, also: Callable[[Database], None] | None = None
    ) -> None:
        """Seal a changed head as the next version, with what else changes in one transaction."""
        with self._turn:
            kept = self._kept(person)
            now = Kept(kept.row, kept.version + 1, kept.wrapped_key, head)
            with self._writing() as db:
                if also is not None:
                    also(db)
                sealed = codec.reseal_head(self._keys, person, now)
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
        """One transaction, durable at its end."""
        with self._turn, as_damage(), database.sqlite_errors(), self._database.atomic():
            yield self._database

    def _empty_log(self) -> None:
        """Move the log into the database, so that what was taken away is in no file."""
        with database.sqlite_errors():
            database.truncate_wal(self._database)


@contextlib.contextmanager
def as_damage() -> Iterator[None]:
    """One bad record is a damaged vault."""
    try:
        yield
    except RecordDamagedError as error:
        raise VaultDamagedError("its records are not as they were written") from error
