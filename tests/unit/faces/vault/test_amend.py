"""What changes in a record after enrolment, and stores that an older program wrote."""

from __future__ import annotations

import dataclasses
import lzma
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from kiosk.domain.errors import SetupError
from kiosk.domain.ids import PersonId
from kiosk.faces.vault import database
from kiosk.faces.vault.errors import (
    PersonStateError,
    PersonUnknownError,
    VaultDamagedError,
    WrongKeyError,
)
from kiosk.faces.vault.opening import open_vault
from kiosk.faces.vault.records import ConsentRecord, PersonState
from kiosk.faces.vault.store import Vault
from tests.fakes.people import PACK, STORE_KEY, new_person

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "vault"


def enrol(vault: Vault, number: int) -> PersonId:
    person = vault.begin(new_person(number))
    vault.activate(person)
    return person


def test_amendments_survive_a_restart_and_nothing_else_changes(folder):
    """Every field that can be amended is durable, alone, and leaves the other fields alone."""
    with Vault.open(folder, STORE_KEY) as vault:
        person, other = enrol(vault, 1), enrol(vault, 2)
        before = vault.get(person)
        vault.amend(person, pin_always="look_alike", look_alikes=(other,))
        vault.amend(person, last_used="2026-11-28")
        vault.amend(person, warned_at="2027-11-28", adult_confirmed=True)
        vault.amend(person)

    with Vault.open(folder, STORE_KEY) as vault:
        expected = dataclasses.replace(
            before,
            pin_always="look_alike",
            look_alikes=(other,),
            last_used="2026-11-28",
            warned_at="2027-11-28",
            adult_confirmed=True,
        )
        assert expected == vault.get(person)
        assert np.array_equal(before.template, vault.get(person).template)
        vault.amend(person, pin_always="", warned_at="")
        assert "" == vault.get(person).pin_always
        assert "" == vault.get(other).pin_always


def test_what_enrolment_knows_is_kept_at_once(folder):
    """Age, signature and look-alikes come with the first record."""
    consent = ConsentRecord("v1", "de", "ab" * 32, "2026-11-28T09:00:00+00:00", "typed", "cd" * 32)
    new = dataclasses.replace(
        new_person(1), consent=consent, adult_confirmed=True, pin_always="look_alike"
    )
    with Vault.open(folder, STORE_KEY) as vault:
        person = vault.begin(new)

    with Vault.open(folder, STORE_KEY) as vault:
        known = vault.get(person)
        assert consent == known.consent
        assert (True, "look_alike") == (known.adult_confirmed, known.pin_always)


def test_a_pause_is_the_customers_and_not_a_thaw(tmp_path):
    """Paused people are not searched, may come back themselves, and never out of a freeze."""
    with Vault.open(tmp_path / "vault", STORE_KEY) as vault:
        person, frozen = enrol(vault, 1), enrol(vault, 2)
        vault.freeze(frozen)
        vault.pause(person)
        vault.pause(person)
        for step in (vault.pause, vault.resume):
            with pytest.raises(PersonStateError) as caught:
                step(frozen)
        assert "person_state" == caught.value.code
        with pytest.raises(PersonUnknownError):
            vault.pause(PersonId("p0000000000000000"))

    vault, gallery = open_vault(tmp_path, STORE_KEY)
    with vault:
        assert (person,) == vault.ids(PersonState.PAUSED)
        assert 0 == gallery.size(PACK)
        vault.resume(person)
        assert PersonState.ACTIVE is vault.get(person).state


def test_another_name_or_number_is_kept(folder):
    """A changed identity survives a restart; the old name and number are in no record."""
    with Vault.open(folder, STORE_KEY) as vault:
        person, other = enrol(vault, 1), enrol(vault, 2)
        vault.change_identity(person, phone="4917012345678")
        vault.change_identity(person, name="Zoë Nováková")

    with Vault.open(folder, STORE_KEY) as vault:
        known = vault.get(person)
        assert ("Zoë Nováková", "4917012345678") == (known.name, known.phone)
        assert new_person(1).alias == known.alias
        assert new_person(2).name == vault.get(other).name
        work = vault.erase(person)
        assert "Zoë Nováková" == work.name
    Vault.open(folder, STORE_KEY).close()


def test_a_store_of_version_1_is_brought_to_ours(folder):
    """People, states, templates and waiting messages of an old store are all there, twice."""
    old_store(folder, "vault-1.db.xz")
    states = [PersonState.ACTIVE, PersonState.FROZEN, PersonState.ACTIVE, PersonState.PENDING]
    numbers = [0, 1, 3, 4]

    for _ in range(2):
        with Vault.open(folder, STORE_KEY) as vault:
            people = list(vault.people())
            assert states == [person.state for person in people]
            for number, person in zip(numbers, people, strict=True):
                new = new_person(number)
                assert (new.name, new.phone, new.alias) == (person.name, person.phone, person.alias)
                assert np.allclose(
                    new.samples @ new.template, person.samples @ person.template, atol=1e-6
                )
                assert new.consent == person.consent
            assert [new_person(2).alias] == [entry.alias for entry in vault.outbox()]
            vault.amend(people[0].person, last_used="2026-11-28")


def old_store(folder, name: str) -> None:
    folder.mkdir()
    (folder / "vault.db").write_bytes(lzma.decompress((SAMPLES / name).read_bytes()))


def test_a_store_of_version_2_keeps_what_was_amended(folder):
    """Pauses, reasons, look-alikes and dates come along."""
    old_store(folder, "vault-2.db.xz")

    with Vault.open(folder, STORE_KEY) as vault:
        first, second, third = vault.people()
        assert ("look_alike", (third.person,)) == (first.pin_always, first.look_alikes)
        assert ("2026-11-27", True) == (first.last_used, first.adult_confirmed)
        assert PersonState.PAUSED is second.state
        assert new_person(3).name == third.name


@pytest.mark.parametrize("name", ["vault-1.db.xz", "vault-2.db.xz"])
def test_an_old_store_is_found_by_the_new_door_and_leaves_nothing_behind(tmp_path, name):
    """Probes find the people of an old store; no sealed row of the old form is in any file."""
    folder = tmp_path / "vault"
    old_store(folder, name)
    with sqlite3.connect(folder / "vault.db") as db:
        gone = [row for (row,) in db.execute("SELECT record FROM template")]
        gone += [row for (row,) in db.execute("SELECT record FROM link")]
    db.close()

    vault, gallery = open_vault(tmp_path, STORE_KEY)
    with vault:
        best = gallery.search(PACK, new_person(3).samples[1])[0]
        assert new_person(3).name == vault.get(best.person).name
        raw = b"".join(path.read_bytes() for path in folder.glob("vault.db*"))
        assert not any(row[13:45] in raw for row in gone)


@pytest.mark.parametrize("steps", [1, 30, 300, 900, 1500])
def test_a_migration_that_is_cut_off_leaves_the_old_store(folder, steps, monkeypatch):
    """An error anywhere in it undoes all of it; the next start does it whole."""
    old_store(folder, "vault-1.db.xz")
    connect = database.connect

    def failing(path, **options):
        db = connect(path, **options)
        if not options:
            left = iter([0] * steps)
            db.conn.set_progress_handler(lambda: next(left, 1), 5)
        return db

    with monkeypatch.context() as patch:
        patch.setattr(database, "connect", failing)
        with pytest.raises(SetupError):
            Vault.open(folder, STORE_KEY)
    with Vault.open(folder, STORE_KEY) as vault:
        assert [0, 1, 3, 4] == [int(person.name[-5:]) for person in vault.people()]


@pytest.mark.parametrize("name", ["vault-1.db.xz", "vault-2.db.xz"])
def test_a_damaged_old_store_is_left_alone(folder, name):
    """An old store is proved before anything is written, as ours is."""
    old_store(folder, name)
    with sqlite3.connect(folder / "vault.db") as db:
        db.execute("DELETE FROM consent WHERE id = 1")
    db.close()
    before = (folder / "vault.db").read_bytes()

    with pytest.raises(VaultDamagedError):
        Vault.open(folder, STORE_KEY)
    with pytest.raises(WrongKeyError):
        Vault.open(folder, bytes(32))

    assert before == (folder / "vault.db").read_bytes()
