"""A vault gets another store key: whole or not at all, and the old key opens nothing any more."""

from __future__ import annotations

import sqlite3

import pytest

from kiosk.faces.vault.errors import VaultUnusableError, WrongKeyError
from kiosk.faces.vault.store import Vault
from tests.fakes.people import STORE_KEY, new_person

OTHER_KEY = bytes(reversed(STORE_KEY))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "vault"


def fill(folder, count: int):
    with Vault.open(folder, STORE_KEY) as vault:
        people = [vault.begin(new_person(number)) for number in range(count)]
        for person in people:
            vault.activate(person)
        vault.erase(people.pop())
    return people


def test_after_a_change_of_keys_only_the_new_one_opens_and_everybody_is_there(folder):
    """People and waiting messages are the same under the new key; the old key is wrong."""
    people = fill(folder, 4)
    with Vault.open(folder, STORE_KEY) as vault:
        before = [vault.get(person) for person in people], vault.outbox()
        vault.rekey(OTHER_KEY)
        assert before == ([vault.get(person) for person in people], vault.outbox())
        added = vault.begin(new_person(9))

    with Vault.open(folder, OTHER_KEY) as vault:
        assert [*people, added] == list(vault.ids())
        assert before == ([vault.get(person) for person in people], vault.outbox())
    with pytest.raises(WrongKeyError):
        Vault.open(folder, STORE_KEY)


def test_no_wrapped_key_of_before_is_left_in_the_files(folder):
    """A copy of the old store key is worth nothing against the vault as it is afterwards."""
    fill(folder, 3)
    with sqlite3.connect(folder / "vault.db") as db:
        old = [key for (key,) in db.execute("SELECT wrapped_key FROM person")]
    db.close()
    with Vault.open(folder, STORE_KEY) as vault:
        vault.rekey(OTHER_KEY)
        raw = b"".join(path.read_bytes() for path in sorted(folder.glob("vault.db*")))

    assert old
    assert not any(key in raw for key in old)


def test_a_disk_that_refuses_leaves_the_old_key(folder, monkeypatch):
    """A change of keys that fails in the middle is as if it had not begun."""
    people = fill(folder, 3)
    with Vault.open(folder, STORE_KEY) as vault:

        def full(*_):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("kiosk.faces.vault.codec.StoreKeys.seal_census", full)
            with pytest.raises(VaultUnusableError):
                vault.rekey(OTHER_KEY)
        assert vault.get(people[0])

    with Vault.open(folder, STORE_KEY) as vault:
        assert people == list(vault.ids())


def test_every_change_is_counted_and_the_count_only_grows(folder):
    """What tells an older copy from the newest one goes up by one a change, over restarts too."""
    seen = []
    with Vault.open(folder, STORE_KEY) as vault:
        seen.append(vault.census().changes)
        person = vault.begin(new_person(1))
        seen.append(vault.census().changes)
        vault.activate(person)
    with Vault.open(folder, STORE_KEY) as vault:
        seen.append(vault.census().changes)
        vault.rekey(OTHER_KEY)
        seen.append(vault.census().changes)
        vault.erase(person)
        seen.append(vault.census().changes)

    assert [0, 1, 2, 3, 4] == seen
