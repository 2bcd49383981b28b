"""The vault's own key: rotated while the vault is open, found again after any cut-off rotation."""

from __future__ import annotations

import json
import random
import shutil

import pytest

from kiosk.domain.errors import SetupError
from kiosk.faces.vault import opening, storekey
from kiosk.faces.vault.errors import WrongKeyError
from kiosk.faces.vault.opening import open_vault, open_with_keys, rotate_store_key
from tests.fakes.people import STORE_KEY, new_person

SECOND = bytes(reversed(STORE_KEY))
THIRD = bytes(32 - number for number in range(32))
KILLS = 24


class KilledError(BaseException):
    """Stands for SIGKILL: nothing that handles errors may see it."""


def fill(data_dir, count: int = 3) -> list[str]:
    vault, gallery = open_vault(data_dir, STORE_KEY)
    with vault:
        people = [vault.begin(new_person(number)) for number in range(count)]
        for person in people:
            vault.activate(person)
    gallery.close()
    return people


def people_under(data_dir, key: bytes) -> list[str]:
    vault, gallery = open_vault(data_dir, key)
    gallery.close()
    with vault:
        return list(vault.ids())


def rotate(data_dir, old: bytes, new: bytes) -> None:
    vault, gallery, file = open_with_keys(data_dir, old)
    with vault:
        rotate_store_key(vault, file, new)
    gallery.close()


def test_until_the_new_key_was_used_the_old_one_opens_too_and_then_never_again(data_dir):
    """A process that dies after a rotation starts again with the key its supervisor still holds."""
    people = fill(data_dir)
    rotate(data_dir, STORE_KEY, SECOND)

    assert people == people_under(data_dir, STORE_KEY)
    assert people == people_under(data_dir, STORE_KEY)
    assert people == people_under(data_dir, SECOND)
    with pytest.raises(WrongKeyError):
        open_vault(data_dir, STORE_KEY)
    assert people == people_under(data_dir, SECOND)


def test_old_copies_of_key_file_and_process_key_do_not_open_the_rotated_vault(data_dir):
    """What was stolen before a rotation is worth nothing against the vault after it."""
    fill(data_dir)
    rotate(data_dir, STORE_KEY, SECOND)
    people_under(data_dir, SECOND)
    stolen = (data_dir / "vault" / storekey.NAME).read_bytes()
    rotate(data_dir, SECOND, THIRD)
    people_under(data_dir, THIRD)
    (data_dir / "vault" / storekey.NAME).write_bytes(stolen)

    with pytest.raises(WrongKeyError):
        open_vault(data_dir, SECOND)


def test_what_is_saved_with_the_old_key_after_a_rotation_opens_with_the_new_one(data_dir):
    """A process restarted with its old key keeps its memory without locking the new key out."""
    from msgspec.structs import replace

    people = fill(data_dir)
    rotate(data_dir, STORE_KEY, SECOND)
    vault, gallery, file = open_with_keys(data_dir, STORE_KEY)
    file.save(replace(file.body, journal_records=7))
    vault.close()
    gallery.close()
    vault, gallery, file = open_with_keys(data_dir, SECOND)
    vault.close()
    gallery.close()

    assert 7 == file.body.journal_records
    assert people == people_under(data_dir, SECOND)


def test_a_rotation_killed_at_any_step_leaves_everybody_under_one_of_the_two_keys(
    tmp_path, monkeypatch
):
    """Whatever moment the kill comes at, the next start opens, and a second rotation succeeds."""
    killed = 0
    people = fill(tmp_path / "before", 1)
    for seed in range(KILLS):
        data_dir = tmp_path / f"run-{seed}"
        shutil.copytree(tmp_path / "before", data_dir)
        die_at = random.Random(seed).randrange(12)
        steps = iter(range(1_000))

        def dying(real, die_at=die_at, steps=steps):
            def step(*arguments, **options):
                if next(steps) == die_at:
                    raise KilledError
                done = real(*arguments, **options)
                if next(steps) == die_at:
                    raise KilledError
                return done

            return step

        with monkeypatch.context() as patch:
            for place, name in (
                (storekey, "write_durably"),
                (storekey, "sync_folder"),
                (opening.Vault, "rekey"),
                (opening.StoreKeyFile, "save"),
            ):
                patch.setattr(place, name, dying(getattr(place, name)))
            vault, gallery, file = open_with_keys(data_dir, STORE_KEY)
            try:
                rotate_store_key(vault, file, SECOND)
            except KilledError:
                killed += 1
            vault.close()
            gallery.close()
        # The supervisor still has the old key; a full start has the new one if it was written.
        assert people == people_under(data_dir, STORE_KEY), seed
        if seed % 3 == 0:
            rotate(data_dir, STORE_KEY, THIRD)
            assert people == people_under(data_dir, THIRD), seed

    assert killed >= KILLS // 2


@pytest.mark.parametrize("kind", ["cut", "empty", "other", "newer", "flipped", "long"])
def test_a_damaged_key_file_is_a_clear_error_and_stays_as_it_is(data_dir, kind):
    """Nothing is replaced or guessed when the file is not what was written."""
    fill(data_dir)
    rotate(data_dir, STORE_KEY, SECOND)
    path = data_dir / "vault" / storekey.NAME
    raw = path.read_bytes()
    content = json.loads(raw)
    bad = {
        "cut": raw[:100],
        "empty": b"",
        "other": b'{"version":1,"slots":[],"body":"00"}',
        "newer": b'{"version":2}',
        "flipped": json.dumps(content | {"body": content["body"][:-2] + "00"}).encode(),
        "long": b" " * 20_000,
    }[kind]
    path.write_bytes(bad)

    with pytest.raises(SetupError) as caught:
        open_vault(data_dir, SECOND)
    assert ("vault_too_new" if kind == "newer" else "vault_damaged") == caught.value.code
    assert bad == path.read_bytes()
