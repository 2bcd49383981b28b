"""The vault: people on the disk, every record sealed under the key of the person it belongs to.

Enrolment has two steps: `begin()` makes a pending record that survives a crash, `activate()` ends
it once money has the mandate. `erase()` destroys keys and rows and leaves, in the same transaction,
the message that revokes the mandate; `outbox()` lists those messages until money has taken them.
Vectors go in as an encoder makes them and come out rotated (`transform.py`).

It does not know consent texts, cameras or money.

Invariants:
- Nothing readable is on the disk but random ids, row numbers, pack ids and record sizes.
- Opening reads and proves every record before the file is opened for writing, so a vault that is
  damaged or belongs to another key is left as it is.
- A census sealed under the store's key counts the people and the waiting messages and binds their
  ids, versions and keys: a row that vanished, came back or was exchanged is damage, not silence.
- Whatever takes something away - erasing, replacing, changing keys - empties the log into the
  database before it returns. Enrolment only adds, and leaves the log to the next of these or to
  `move_log()`: emptying it each time would make an enrolment six times a raw durable insert
  (measured).
- An open vault keeps all vectors that it hands out under one rotation until it is closed, also
  while `renew()` puts another one on the disk: the gallery needs no refilling.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator, Sequence
from typing import Unpack

import msgspec
import numpy as np
from sqlite_utils import Database

from kiosk.domain.ids import PackId, PayerAlias, PersonId
from kiosk.faces.vault import codec, database, renew
from kiosk.faces.vault.adaptive import Adapting
from kiosk.faces.vault.codec import Kept, StoreKeys
from kiosk.faces.vault.core import as_damage
from kiosk.faces.vault.errors import PersonStateError, PersonUnknownError, RecordDamagedError
from kiosk.faces.vault.records import (
    LOOK_ALIKES_MAX,
    Account,
    Amendment,
    ConsentRecord,
    ErasureWork,
    Head,
    Identity,
    NewPerson,
    OutboxEntry,
    Person,
    PersonState,
    Reference,
    Revocation,
    Ticket,
)
from kiosk.faces.vault.rekey import rekey
from kiosk.faces.vault.rows import (
    SELECT_PEOPLE,
    expect_one,
    insert_rows,
    next_id,
    read_part,
    read_template,
    take_person,
    take_rows,
)

FOLDER_NAME = "vault"


class Vault(Adapting):
    """The open vault of one installation. Made by `Vault.open()`; safe to use from many threads."""

    def begin(self, new: NewPerson) -> PersonId:
        """Keep a new person as pending, durably.

        Raises:
            VaultUnusableError: The disk refuses; nothing was kept.
        """
        return self.begin_all([new])[0]

    def begin_all(self, people: Sequence[NewPerson]) -> list[PersonId]:
        """Keep new people as pending, all of them or none, durably and in one transaction.

        Raises:
            VaultUnusableError: The disk refuses; nobody was kept.
        """
        begun: dict[PersonId, Kept] = {}
        with self._turn:
            newest = self._newest
            with self._writing() as db:
                for row, new in enumerate(people, start=next_id(db, "person")):
                    rotation = newest.transform(new.pack, len(new.template))
                    rotated = rotation.apply(new.vectors())
                    person, kept, rows = codec.seal_new(
                        self._keys, new, rotated, newest.number, row
                    )
                    insert_rows(db, rows)
                    begun[person] = kept
                marks = [self._mark(person, kept) for person, kept in begun.items()]
                census = self._count(db, len(begun), 0, *marks)
            self._census = census
            self._people |= begun
        return list(begun)

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
        with self._turn, as_damage():
            head = self._kept(person).head
            old = codec.open_part(
                self._keys,
                "identity",
                read_part(self._database, "identity", head.identity),
                Identity,
            )
            now = Identity(
                old.name if name is None else name, old.phone if phone is None else phone
            )
            row = codec.seal_part(self._keys, "identity", now)

            def also(db: Database) -> None:
                take_rows(db, "identity", head.identity)
                insert_rows(db, {"identity": [row]})

            self._rehead(person, msgspec.structs.replace(head, identity=row["id"]), also)
            self._empty_log()

    def retemplate(self, person: PersonId, new: Reference) -> None:
        """Exchange a person's vectors for those of a new enrolment, durably; the rest stays.

        The old rows and their key are gone when this returns.

        Raises:
            PersonUnknownError: Nobody has this id.
            VaultUnusableError: The disk refuses; nothing was changed.
        """
        with self._turn:
            head, newest = self._kept(person).head, self._newest
            rotated = newest.transform(new.pack, len(new.template)).apply(new.vectors())
            rows = codec.seal_template(self._keys, new.pack, rotated)

            def also(db: Database) -> None:
                take_rows(db, "template", head.template, codec.chunk_count(head))
                insert_rows(db, {"template": rows})

            changed = msgspec.structs.replace(
                head,
                pack=new.pack,
                quality=new.quality,
                sample_count=new.sample_count,
                dimension=rotated.shape[1],
                vectors=len(rotated),
                space=newest.number,
                template=rows[0]["id"],
                adapted=0,
                adapted_at="",
            )
            self._rehead(person, changed, also)
            self._empty_log()

    def erase(self, person: PersonId, at: str = "") -> ErasureWork:
        """Destroy the person's keys and rows, and leave the order to revoke their mandate.

        When this returns, no key to the person's records exists any more and the log is empty.
        The proof (`erase.LeftoverSearch`) is owed from then on, also after a crash, until
        `proof_done()`; nobody who was never more than pending is owed one.

        Args:
            person: Whom.
            at: The time, UTC, ISO 8601, for the certificate.

        Raises:
            PersonUnknownError: Nobody has this id.
            VaultUnusableError: The disk refuses; nothing was changed.
        """
        with self._turn:
            known = self.get(person)
            kept = self._people[person]
            with self._writing() as db:
                work = self._work(known, take_person(db, kept), next_id(db, "outbox"), at)
                entry = work.outbox_entry
                record = self._keys.seal_revocation(entry, Revocation(known.alias))
                rows = {"outbox": [{"id": entry, "record": record}]}
                mark = self._keys.row_mark("outbox", entry, record)
                marks = [self._mark(person, kept), mark]
                if kept.head.state is not PersonState.PENDING:
                    ticket = codec.seal_part(self._keys, "proof", work.to_ticket())
                    rows["proof"] = [ticket]
                    sealed = ticket["wrapped_key"] + ticket["record"]
                    marks.append(self._keys.row_mark("proof", ticket["id"], sealed))
                    work = dataclasses.replace(work, ticket=ticket["id"])
                insert_rows(db, rows)
                census = self._count(db, -1, 1, *marks)
            self._census = census
            self._outbox[entry] = mark
            if work.ticket:
                self._proofs[work.ticket] = marks[-1]
            del self._people[person]
            self._empty_log()
        return work

    def proofs(self) -> tuple[int, ...]:
        """Return which proofs of erasures are owed, by ticket."""
        with self._turn:
            return tuple(self._proofs)

    def proof(self, ticket: int) -> ErasureWork:
        """Take up a proof that is owed.

        Raises:
            VaultDamagedError: The record is not what was written.
        """
        with self._turn, as_damage(), database.sqlite_errors():
            row = read_part(self._database, "proof", ticket)
            return ErasureWork.of_ticket(ticket, codec.open_part(self._keys, "proof", row, Ticket))

    def proof_done(self, ticket: int) -> None:
        """Destroy what a proof looked for; its certificate is on the disk. Twice is no error."""
        with self._turn:
            mark = self._proofs.get(ticket)
            if mark is None:
                return
            with self._writing() as db:
                take_rows(db, "proof", ticket)
                census = self._count(db, 0, 0, mark)
            self._census = census
            del self._proofs[ticket]
            self._empty_log()

    def shrink(self) -> bool:
        """Give some free pages back to the disk; return whether there may be more.

        Unlike `compact()` it takes a bounded, short time, so that nobody waits for the vault.
        """
        with self._turn, database.sqlite_errors():
            more = database.shrink(self._database)
            database.truncate_wal(self._database)
            return more

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
                    done = rekey(db, self._keys, keys, self._people, self._census)
            except BaseException:
                keys.wipe()
                raise
            self._people, self._outbox, self._proofs = done.people, done.outbox, done.proofs
            self._census = done.census
            old, self._keys = self._keys, keys
            old.wipe()
            self._empty_log()

    def renew(self) -> Iterator[tuple[int, int]]:
        """Keep all vectors under a new rotation, so that copies of before compare with nobody.

        Yields people done and people in all; between two steps everybody can use the vault. It is
        durable step by step: what a crash cuts off goes on when this is called again, and
        `renewal_waits` tells of it.

        Raises:
            VaultUnusableError: The disk refuses; what was done stays done.
        """
        if not self.renewal_waits:
            self._draw_space()
        with self._turn:
            left = renew.waiting(self._people, self._newest)
        for first in range(0, len(left), renew.BATCH_PEOPLE):
            with self._turn:
                some = left[first : first + renew.BATCH_PEOPLE]
                batch = {
                    person: self._people[person]
                    for person in some
                    if person in self._people  # neither erased nor moved since we began
                    and self._people[person].head.space != self._newest.number
                }
                with self._writing() as db:
                    moved = renew.move(db, self._keys, batch, self._spaces, self._newest)
                    marks = [self._mark(person, kept) for person, kept in batch.items()]
                    marks += [self._mark(person, kept) for person, kept in moved.items()]
                    census = self._count(db, 0, 0, *marks)
                self._census = census
                self._people |= moved
            yield min(first + renew.BATCH_PEOPLE, len(left)), len(left)
        self._drop_spaces()

    @property
    def renewal_waits(self) -> bool:
        """Whether a renewal was begun and not ended."""
        with self._turn:
            return len(self._spaces) > 1

    def get(self, person: PersonId) -> Person:
        """Return one person.

        Raises:
            PersonUnknownError: Nobody has this id.
            VaultDamagedError: The record is not what was written.
        """
        with self._turn, as_damage(), database.sqlite_errors():
            kept = self._kept(person)
            db, keys, head = self._database, self._keys, kept.head
            columns = db.execute(f"{SELECT_PEOPLE} WHERE id = ?", [kept.row]).fetchone()
            if columns is None or codec.open_head(keys, columns) != (person, kept):
                raise RecordDamagedError
            consent = read_part(db, "consent", head.consent)
            identity = read_part(db, "identity", head.identity)
            account = read_part(db, "account", head.account)
            vectors = codec.open_template(keys, head, read_template(db, head))
            return codec.person_of(
                person,
                head,
                codec.open_part(keys, "consent", consent, ConsentRecord),
                codec.open_part(keys, "identity", identity, Identity),
                codec.open_part(keys, "account", account, Account),
                self._shown(head, vectors),
            )

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
        with self._turn, as_damage(), database.sqlite_errors():
            row = read_part(self._database, "account", self._kept(person).head.account)
            return codec.open_part(self._keys, "account", row, Account).alias

    def pack(self) -> PackId | None:
        """Return the model pack of the people in here, or None while nobody is."""
        with self._turn:
            return next((kept.head.pack for kept in self._people.values()), None)

    def packs(self) -> dict[PackId, tuple[PersonId, ...]]:
        """Return whom each model pack's vectors belong to, whatever state they are in."""
        found: dict[PackId, list[PersonId]] = {}
        with self._turn:
            for person, kept in self._people.items():
                if kept.head.state is not PersonState.PENDING:
                    found.setdefault(kept.head.pack, []).append(person)
        return {pack: tuple(people) for pack, people in found.items()}

    def outbox(self) -> tuple[OutboxEntry, ...]:
        """Return the messages that money has not yet taken, oldest first."""
        with self._turn, as_damage(), database.sqlite_errors():
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
            self._empty_log()

    def _work(
        self, known: Person, ciphertexts: tuple[bytes, ...], entry: int, at: str
    ) -> ErasureWork:
        """Say what is to be looked for: also the vectors without any rotation."""
        shown = np.vstack([known.anchor, known.samples])
        if len(known.adaptive):
            shown = np.vstack([shown, known.adaptive, known.template])
        rotation = self.transform(known.pack, shown.shape[1])
        newest = self._newest.transform(known.pack, shown.shape[1])
        vectors = shown if rotation is newest else rotation.move(shown, newest)
        return ErasureWork(
            known.name,
            known.phone,
            vectors,
            ciphertexts,
            entry,
            plain=rotation.undo(shown),
            certificate=f"c{secrets.token_hex(8)}",
            erased_at=at,
        )

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
