"""The vault on the disk: nothing readable, nothing silently wrong, one owner."""

from __future__ import annotations

import base64
import errno
import random
import shutil
import sqlite3

import numpy as np
import pytest

from kiosk.domain.errors import SetupError
from kiosk.domain.ids import PersonId
from kiosk.faces.vault.codec import PARTS
from kiosk.faces.vault.database import sqlite_errors
from kiosk.faces.vault.errors import (
    PersonUnknownError,
    VaultDamagedError,
    VaultInUseError,
    VaultUnusableError,
    WrongKeyError,
)
from kiosk.faces.vault.opening import open_vault
from kiosk.faces.vault.records import PersonState
from kiosk.faces.vault.store import Vault
from tests.fakes.people import PACK, STORE_KEY, new_person

FLIPS = 300


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "vault"


def enrol(vault: Vault, number: int) -> PersonId:
    person = vault.begin(new_person(number))
    vault.activate(person)
    return person


def fill(folder, count: int) -> list[PersonId]:
    with Vault.open(folder, STORE_KEY) as vault:
        return [enrol(vault, number) for number in range(count)]


def forms_of(number: int) -> list[bytes]:
    """Return everything personal of made-up person `number`, in many encodings."""
    new = new_person(number)
    plain = [new.name.encode(), new.phone.encode(), new.phone[-6:].encode(), new.alias.encode()]
    plain += [new.name.encode("utf-16-le"), new.phone.encode("utf-16-le")]
    for vector in new.vectors():
        for kind in ("<f4", ">f4", "<f8", "<f2"):
            raw = vector.astype(kind).tobytes()
            plain += [raw[at : at + 16] for at in range(0, len(raw) - 16, 16)]
    texts = [base64.b64encode(form).rstrip(b"=")[:-1] for form in plain if len(form) > 8]
    return plain + texts + [form.hex().encode() for form in plain if len(form) > 8]


def assert_unreadable(folder, numbers) -> int:
    """Assert that no form of these people is in any file; return how many files were read."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        raw = path.read_bytes()
        for number in numbers:
            assert not any(form in raw for form in forms_of(number)), path.name
    return len(files)


def test_what_was_kept_comes_back(folder):
    """Every part of a person survives a restart, the vectors under the store's rotation."""
    ids = fill(folder, 3)

    with Vault.open(folder, STORE_KEY) as vault:
        assert tuple(ids) == vault.ids(PersonState.ACTIVE)
        assert PACK == vault.pack()
        for number, person in enumerate(vault.people()):
            new = new_person(number)
            assert ids[number] == person.person
            assert (new.name, new.phone, new.alias) == (person.name, person.phone, person.alias)
            assert new.consent == person.consent
            rotation = vault.transform(PACK, len(new.template))
            assert np.allclose(rotation.apply(new.template), person.template, atol=1e-6)
            assert np.array_equal(rotation.apply(new.vectors())[1:], person.samples)
            assert (new.sample_count, new.quality) == (person.sample_count, person.quality)
            assert new.enrolled_at == person.enrolled_at
            assert new.alias == vault.alias(person.person)


def test_nothing_personal_is_readable_in_any_file(folder):
    """Name, number, digits, alias and template are in no file: database, log, shared memory."""
    with Vault.open(folder, STORE_KEY) as vault:
        ids = [enrol(vault, number) for number in range(4)]
        vault.begin(new_person(4))
        vault.freeze(ids[1])
        vault.erase(ids[2])
        assert 4 <= assert_unreadable(folder, range(5)), "log and shared memory were there to read"
    assert assert_unreadable(folder, range(5))


def test_the_search_of_this_test_can_find(folder, tmp_path):
    """The same search finds the same things where they are readable."""
    for form in forms_of(1)[:5]:
        (tmp_path / "leak").write_bytes(b"before" + form + b"after")
        with pytest.raises(AssertionError):
            assert_unreadable(tmp_path, [1])


def test_the_log_is_empty_after_whatever_takes_something_away(folder):
    """Old bytes do not stay in the write-ahead log."""
    log = folder / "vault.db-wal"
    with Vault.open(folder, STORE_KEY) as vault:
        other = enrol(vault, 2)
        person = enrol(vault, 1)
        for step in (
            lambda: vault.change_identity(person, name="Somebody Else"),
            lambda: list(vault.renew()),
            lambda: vault.erase(person),
            lambda: vault.outbox_done(vault.outbox()[0].entry),
            lambda: vault.rekey(bytes(32)),
        ):
            vault.freeze(other)
            vault.activate(other)
            assert log.stat().st_size, "something is in the log"
            step()
            assert 0 == log.stat().st_size


def test_a_moved_log_leaves_everybody_in_the_database_itself(folder):
    """After `move_log()` the database alone, without its log, holds whoever was enrolled."""
    with Vault.open(folder, STORE_KEY) as vault:
        before = (folder / "vault.db").read_bytes()
        person = enrol(vault, 1)
        assert before == (folder / "vault.db").read_bytes(), "it was in the log only"
        vault.move_log()
        alone = folder.parent / "alone"
        alone.mkdir()
        (alone / "vault.db").write_bytes((folder / "vault.db").read_bytes())
        with Vault.open(alone, STORE_KEY) as copy:
            assert (person,) == copy.ids()
            assert vault.census() == copy.census()


def test_only_the_owner_may_read_the_files(folder):
    """No file is open to other users of the machine."""
    fill(folder, 1)

    assert 0o700 == folder.stat().st_mode & 0o777
    for path in folder.iterdir():
        assert 0 == path.stat().st_mode & 0o077, path.name


def test_a_pending_person_survives_as_pending(folder):
    """A crash between the two steps of enrolment leaves what recovery can roll back."""
    with Vault.open(folder, STORE_KEY) as vault:
        person = vault.begin(new_person(1))

    with Vault.open(folder, STORE_KEY) as vault:
        assert (person,) == vault.ids(PersonState.PENDING)
        assert () == vault.ids(PersonState.ACTIVE)


def test_the_gallery_gets_active_people_only(tmp_path):
    """Pending and frozen people are not searched after a start."""
    with Vault.open(tmp_path / "vault", STORE_KEY) as vault:
        active, frozen = enrol(vault, 1), enrol(vault, 2)
        pending = vault.begin(new_person(3))
        vault.freeze(frozen)

    vault, gallery = open_vault(tmp_path, STORE_KEY)
    with vault:
        assert [True, False, False] == [p in gallery for p in (active, frozen, pending)]
        assert 1 == gallery.size(PACK)


def test_erasing_leaves_the_order_to_revoke(folder):
    """The message is there in the same moment as the rows are gone, and until it is taken."""
    with Vault.open(folder, STORE_KEY) as vault:
        person, other = enrol(vault, 1), enrol(vault, 2)
        vault.erase(person)

    with Vault.open(folder, STORE_KEY) as vault:
        assert (other,) == vault.ids()
        (entry,) = vault.outbox()
        assert new_person(1).alias == entry.alias
        vault.outbox_done(entry.entry)
        vault.outbox_done(entry.entry)
        assert () == vault.outbox()
        with pytest.raises(PersonUnknownError):
            vault.get(person)
        with pytest.raises(PersonUnknownError):
            vault.erase(person)

    with Vault.open(folder, STORE_KEY) as vault:
        assert () == vault.outbox()


def test_a_second_owner_is_refused(folder):
    """Two processes never write one vault; the first one is not disturbed."""
    with Vault.open(folder, STORE_KEY) as vault:
        with pytest.raises(VaultInUseError):
            Vault.open(folder, STORE_KEY)
        enrol(vault, 1)
    Vault.open(folder, STORE_KEY).close()


def test_another_key_is_a_wrong_key(folder):
    """Another installation's key is told apart from damage, and the file is left alone."""
    fill(folder, 2)
    before = (folder / "vault.db").read_bytes()

    with pytest.raises(WrongKeyError) as caught:
        Vault.open(folder, bytes(32))

    assert "key_wrong" == caught.value.code
    assert before == (folder / "vault.db").read_bytes()


@pytest.mark.parametrize("keep", [0, 1, 100, 16_384, 40_000])
def test_a_truncated_file_is_damage(folder, keep):
    """A vault that lost its end is not opened, not mended and not replaced."""
    fill(folder, 12)
    path = folder / "vault.db"
    path.write_bytes(path.read_bytes()[:keep])
    before = path.read_bytes()

    with pytest.raises(VaultDamagedError) as caught:
        Vault.open(folder, STORE_KEY)

    assert "vault_damaged" == caught.value.code
    assert caught.value.mend
    assert before == path.read_bytes()


def test_a_flipped_byte_is_an_error_or_changes_nothing(folder, tmp_path):
    """At 300 seeded places: a clear error with the file untouched, or exactly the same people."""
    fill(folder, 6)
    with Vault.open(folder, STORE_KEY) as vault:
        vault.erase(vault.ids()[2])
        true = [(p.person, p.name, p.phone, p.alias, p.state) for p in vault.people()]
        outbox = vault.outbox()
    whole = (folder / "vault.db").read_bytes()
    seeded = random.Random(20261123)
    # The header and the page headers decide most: they get a share of their own.
    places = [seeded.randrange(len(whole)) for _ in range(FLIPS)]
    places += list(range(100)) + [
        page + n for page in range(0, len(whole), 16_384) for n in range(12)
    ]
    codes = []
    for at in places:
        copy = tmp_path / "copy"
        copy.mkdir()
        flipped = bytearray(whole)
        flipped[at] ^= 1 << seeded.randrange(8)
        (copy / "vault.db").write_bytes(flipped)
        try:
            with Vault.open(copy, STORE_KEY) as vault:
                found = [(p.person, p.name, p.phone, p.alias, p.state) for p in vault.people()]
                assert (true, outbox) == (found, vault.outbox()), at
        except SetupError as error:
            codes.append(error.code)
            untouched = flipped == (copy / "vault.db").read_bytes()
            assert untouched, at
        shutil.rmtree(copy)
    assert set(codes) <= {"vault_damaged", "vault_too_new", "vault_unusable"}
    assert FLIPS // 4 < len(codes)


SECOND, PERSON = "SELECT ", " FROM person WHERE id = 2"
COPY = (
    "UPDATE {1} SET {0} = (SELECT {0} FROM {1} WHERE id = (SELECT MAX(id) FROM {1}))"
    " WHERE id = (SELECT MIN(id) FROM {1})"
)
FIRST, LAST = "SELECT MIN(id) FROM", "SELECT MAX(id) FROM"


def change(folder, statement: str, *parameters) -> None:
    connection = sqlite3.connect(folder / "vault.db")
    with connection:
        assert connection.execute(statement, parameters).rowcount
    connection.close()


@pytest.mark.parametrize(
    "statements",
    [
        *(
            [f"UPDATE {table} SET id = -1 WHERE id = 1",
             f"UPDATE {table} SET id = 1 WHERE id = 2",
             f"UPDATE {table} SET id = 2 WHERE id = -1"]
            for table in ("person",)
        ),
        *(
            [f"UPDATE {table} SET id = -1 WHERE rowid = ({FIRST} {table})",
             f"UPDATE {table} SET id = ({LAST} {table}) + 1 WHERE id = ({LAST} {table})",
             f"UPDATE {table} SET id = ({LAST} {table}) - 1 WHERE id = -1"]
            for table in PARTS
        ),
        *(
            [COPY.format(column, table)]
            for table in PARTS for column in ("wrapped_key", "record")
        ),
        [f"UPDATE person SET wrapped_key = ({SECOND}wrapped_key{PERSON}) WHERE id = 1"],
        ["UPDATE person SET head = (SELECT head FROM person WHERE id = 2) WHERE id = 1"],
        ["UPDATE person SET person = 'p0000000000000000' WHERE id = 1"],
        ["UPDATE person SET version = 1 WHERE id = 1"],
        *([f"DELETE FROM {table} WHERE id = ({FIRST} {table})"] for table in PARTS),
        ["DELETE FROM person WHERE id = 3"],
        [f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT 1)"
         for table in (*PARTS, "person")],
        ["DELETE FROM transform"],
        ["INSERT INTO transform SELECT 2, record FROM transform"],
        ["DELETE FROM outbox"],
        ["DELETE FROM store"],
        *([f"INSERT INTO {table} SELECT 99, wrapped_key, record FROM {table} LIMIT 1"]
          for table in PARTS),
        ["INSERT INTO outbox SELECT 99, record FROM outbox"],
    ],
)  # fmt: skip
def test_rows_exchanged_added_or_removed_by_hand_are_damage(folder, statements):
    """Rows that somebody swapped between people, dropped or doubled are never believed."""
    with Vault.open(folder, STORE_KEY) as vault:
        for number in range(4):
            enrol(vault, number)
        vault.erase(vault.ids()[3])
    for statement in statements:
        change(folder, statement)

    with pytest.raises(VaultDamagedError):
        Vault.open(folder, STORE_KEY)


def test_an_older_row_of_an_erased_person_put_back_is_damage(folder):
    """Rows saved before an erasure cannot be slipped in again afterwards."""
    ids = fill(folder, 2)
    saved = sqlite3.connect(folder / "vault.db")
    names = ("person", *PARTS)
    rows = {name: saved.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    saved.close()
    with Vault.open(folder, STORE_KEY) as vault:
        vault.erase(ids[1])
    back = sqlite3.connect(folder / "vault.db")
    with back:
        for name, kept in rows.items():
            marks = ",".join("?" * len(kept[0]))
            back.executemany(f"INSERT OR IGNORE INTO {name} VALUES ({marks})", kept)
    back.close()

    with pytest.raises(VaultDamagedError):
        Vault.open(folder, STORE_KEY)


def test_a_newer_vault_is_named_and_left_alone(folder):
    """An older program does not call a newer vault damaged, and does not write into it."""
    fill(folder, 1)
    change(
        folder,
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " VALUES ('vault', 'm999_later', 'then')",
    )

    with pytest.raises(SetupError) as caught:
        Vault.open(folder, STORE_KEY)

    assert "vault_too_new" == caught.value.code


def test_a_log_without_its_database_is_damage(folder):
    """A lost main file is not taken for a first start."""
    fill(folder, 1)
    (folder / "vault.db").rename(folder / "vault.db-wal")

    with pytest.raises(VaultDamagedError):
        Vault.open(folder, STORE_KEY)


def fill_up(vault: Vault) -> None:
    for number in range(2, 40):
        enrol(vault, number)


def test_a_full_disk_undoes_the_step(folder, monkeypatch):
    """An enrolment that the disk refuses leaves the people as they were, in memory and on disk."""
    with Vault.open(folder, STORE_KEY) as vault:
        enrol(vault, 1)
        vault._database.execute("PRAGMA max_page_count = 1")
        with pytest.raises(SetupError) as caught:
            fill_up(vault)
        assert "vault_unusable" == caught.value.code
        assert "The vault cannot be read or written: the disk is full." == caught.value.message
        ids = vault.ids()
        vault._database.execute("PRAGMA max_page_count = 100000")
        more = enrol(vault, 50)

    with Vault.open(folder, STORE_KEY) as vault:
        assert (*ids, more) == vault.ids()


def test_frozen_people_thaw(folder):
    """Freeze and activate are durable and can be undone."""
    (person,) = fill(folder, 1)
    for state in (PersonState.FROZEN, PersonState.ACTIVE):
        with Vault.open(folder, STORE_KEY) as vault:
            (vault.freeze if state is PersonState.FROZEN else vault.activate)(person)
        with Vault.open(folder, STORE_KEY) as vault:
            assert state is vault.get(person).state


def test_nothing_personal_is_in_a_repr():
    """Values that may land in a log show neither name, number, alias nor vectors."""
    new = new_person(7)

    for secret in (new.name, new.phone, new.alias, "array"):
        assert secret not in repr(new)


def test_a_schema_that_is_no_text_is_damage(folder):
    """SQLite quotes a damaged schema in its error, which then is no UTF-8 either."""
    fill(folder, 1)
    path = folder / "vault.db"
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b'CREATE TABLE "person"', b'CREATE TABLE "person\x85', 1))

    with pytest.raises(VaultDamagedError):
        Vault.open(folder, STORE_KEY)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_IOERR_SHMSIZE, "the disk is full"),
        (sqlite3.SQLITE_IOERR_WRITE, "the disk reports an error"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "its files cannot be written"),
    ],
)
def test_what_the_disk_refuses_is_said_in_plain_words(code, words):
    """Staff read no code of SQLite's."""
    error = sqlite3.OperationalError("as SQLite has it")
    error.sqlite_errorcode = code

    with pytest.raises(VaultUnusableError) as caught, sqlite_errors():
        raise error
    assert caught.value.message == f"The vault cannot be read or written: {words}."


def test_a_first_start_on_a_full_disk_is_said(folder, monkeypatch):
    """The vault's file cannot be put in place: a sentence, not a traceback."""

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kiosk.faces.vault.database.sync_folder", refuse)
    with pytest.raises(VaultUnusableError):
        Vault.open(folder, STORE_KEY)
