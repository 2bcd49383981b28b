"""Renewable templates: same scores, and what was stolen before compares with nobody after."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from kiosk.faces.vault.errors import VaultDamagedError
from kiosk.faces.vault.opening import open_vault
from kiosk.faces.vault.store import Vault
from kiosk.faces.vault.transform import Space
from tests.fakes.people import PACK, STORE_KEY, new_person, unit, vectors

PEOPLE = 60
ALIKE = 0.7
"""Made-up samples of one face score above, of two faces below."""


def fill(folder, count=PEOPLE, **options):
    with Vault.open(folder, STORE_KEY) as vault:
        for number in range(count):
            vault.activate(vault.begin(new_person(number, **options)))


def stored(folder, key=STORE_KEY) -> np.ndarray:
    """Return the vectors as they lie on the disk, after the seal: what a thief with keys has."""
    with Vault.open(folder, key) as vault:
        return np.stack([person.template for person in vault.people()])


@pytest.mark.parametrize("dimension", [8, 64, 128, 512])
def test_scores_do_not_change(dimension):
    """Any two vectors have the same cosine before and after, to the rounding of float32."""
    rotation = Space(1, bytes(range(32))).transform(PACK, dimension)
    plain = vectors(1, 40, dimension)

    rotated = rotation.apply(plain)

    assert np.abs(plain @ plain.T - rotated @ rotated.T).max() < 2e-6
    assert np.abs(rotation.undo(rotated) - plain).max() < 2e-6
    one_by_one = np.stack([rotation.apply(vector) for vector in plain])
    assert np.abs(one_by_one - rotated).max() < 2e-6


def test_a_rotation_is_the_same_wherever_it_is_made():
    """A store that moves to another machine keeps its people: these numbers must never change."""
    rotation = Space(1, bytes(range(32))).transform(PACK, 8)

    found = rotation.apply(np.eye(8, dtype=np.float32)[0])

    expected = [-0.2036946, -0.3259142, 0.1736990, -0.8090784]
    expected += [-0.1415797, -0.3810450, 0.0193988, 0.0435077]
    assert np.abs(np.array(expected) - found).max() < 1e-6


def test_people_are_found_by_probes_as_the_encoder_makes_them(tmp_path):
    """The door of the gallery rotates probes; scores are those of plain vectors."""
    fill(tmp_path / "vault")
    vault, gallery = open_vault(tmp_path, STORE_KEY)
    with vault:
        for number, person in enumerate(vault.ids()):
            new = new_person(number)
            best, *_ = gallery.search(PACK, new.samples[0])
            assert person == best.person
            assert abs(float(new.samples[0] @ new.template) - best.score) < 2e-6


def test_a_gallery_beside_the_first_takes_the_same_probes(tmp_path):
    """Whoever is compared apart - frozen people, somebody who rehearses - is found there too."""
    fill(tmp_path / "vault", 3)
    vault, gallery = open_vault(tmp_path, STORE_KEY)
    with vault:
        beside = gallery.aside()
        beside.add(vault.get(vault.ids()[1]))
        assert beside.search(PACK, new_person(1).samples[0])[0].score > ALIKE
        assert 1 == beside.size(PACK)


def test_after_a_renewal_old_rows_match_nothing(tmp_path):
    """Stolen vectors score with their own owners as strangers do, in both directions."""
    folder = tmp_path / "vault"
    fill(folder)
    old = stored(folder)
    with Vault.open(folder, STORE_KEY) as vault:
        assert (PEOPLE, PEOPLE) == list(vault.renew())[-1]

    new = stored(folder)

    between_strangers = old @ old.T
    np.fill_diagonal(between_strangers, 0.0)
    crossed = old @ new.T
    assert np.abs(crossed).max() < ALIKE
    assert np.abs(np.diag(crossed)).mean() < 1.3 * np.abs(between_strangers).mean() + 0.01
    assert np.abs(old @ old.T - new @ new.T).max() < 4e-6, "and the store's own scores stay"


def test_an_old_row_does_not_open_the_door_after_a_renewal(tmp_path):
    """A stolen vector, given to the door as a probe or undone with another secret, finds nobody."""
    fill(tmp_path / "vault")
    old = stored(tmp_path / "vault")
    with Vault.open(tmp_path / "vault", STORE_KEY) as vault:
        list(vault.renew())
    vault, gallery = open_vault(tmp_path, STORE_KEY)
    with vault:
        worst = max(gallery.search(PACK, vector)[0].score for vector in old)
        assert worst < ALIKE
        assert gallery.search(PACK, new_person(3).samples[1])[0].score > ALIKE


def test_two_stores_of_the_same_people_are_strangers_to_each_other(tmp_path):
    """Even under the same store key, the vectors of one store find nobody in another."""
    for name in ("one", "two"):
        fill(tmp_path / name)

    one, two = stored(tmp_path / "one"), stored(tmp_path / "two")

    assert np.abs(np.diag(one @ two.T)).max() < ALIKE
    assert np.abs(one @ two.T).mean() < 0.15


def test_the_open_kiosk_does_not_notice_a_renewal(tmp_path):
    """Scores stay at every step; people enrolled, changed and erased meanwhile are as they are."""
    fill(tmp_path / "vault")
    vault, gallery = open_vault(tmp_path, STORE_KEY)
    with vault:
        ids = vault.ids()
        probe = new_person(5).samples[2]
        before = gallery.search(PACK, probe)
        erased = 0
        for step, _ in enumerate(vault.renew()):
            assert before == gallery.search(PACK, probe)
            gallery.add(vault.get(ids[5]))
            again = gallery.search(PACK, probe)
            assert abs(before[0].score - again[0].score) < 4e-6
            added = vault.begin(new_person(1000 + step))
            vault.activate(added)
            gallery.add(vault.get(added))
            found = gallery.search(PACK, new_person(1000 + step).template)[0]
            assert (added, True) == (found.person, found.score > 0.99)
            if step == 0:
                vault.erase(ids[-1])
                erased += 1
        assert not vault.renewal_waits
        count = len(vault.ids())
    assert PEOPLE + 2 - erased == count
    assert count == len(stored(tmp_path / "vault"))


def test_a_renewal_that_was_cut_off_goes_on(tmp_path):
    """At any step: the store opens, everybody is found, and the renewal ends when asked again."""
    folder = tmp_path / "vault"
    fill(folder)
    old = stored(folder)
    for steps in (0, 1):
        with Vault.open(folder, STORE_KEY) as vault:
            under_way = vault.renew()
            for _ in range(steps):
                next(under_way)
            if steps:
                assert vault.renewal_waits
        mixed, gallery = open_vault(tmp_path, STORE_KEY)
        with mixed:
            for number, person in enumerate(mixed.ids()):
                assert person == gallery.search(PACK, new_person(number).samples[0])[0].person
            if steps:
                assert mixed.renewal_waits
                list(mixed.renew())
            assert not mixed.renewal_waits
    assert np.abs(np.diag(old @ stored(folder).T)).mean() < 0.2


def test_nothing_of_the_old_rotation_is_left(tmp_path):
    """Neither the sealed secret nor any sealed vector of before is in a file afterwards."""
    folder = tmp_path / "vault"
    fill(folder, 8)
    with Vault.open(folder, STORE_KEY) as vault:
        gone = [row for (row,) in vault._database.execute("SELECT record FROM transform")]
        gone += [row for (row,) in vault._database.execute("SELECT record FROM template")]
        list(vault.renew())
        raw = b"".join(path.read_bytes() for path in sorted(folder.glob("vault.db*")))
    assert not any(part in raw for row in gone for part in (row[13:45], row[-40:]))


def test_a_head_that_names_an_unknown_rotation_is_damage(tmp_path):
    """Vectors whose secret is gone cannot be compared, and that is said."""
    folder = tmp_path / "vault"
    fill(folder, 2)
    with Vault.open(folder, STORE_KEY) as vault:
        person = vault.ids()[0]
        vault._rehead(person, msgspec.structs.replace(vault._people[person].head, space=7))
        with pytest.raises(VaultDamagedError):
            vault.get(person)
    with pytest.raises(VaultDamagedError):
        Vault.open(folder, STORE_KEY)


def test_made_up_faces_are_as_this_test_takes_them():
    """Samples of one made-up face are alike, of two are not."""
    faces = [vectors(number) for number in range(PEOPLE)]
    own = min(float((face @ unit(face.mean(axis=0))).min()) for face in faces)
    templates = np.stack([unit(face.mean(axis=0)) for face in faces])
    others = templates @ templates.T - np.eye(PEOPLE)
    assert others.max() < ALIKE < own
