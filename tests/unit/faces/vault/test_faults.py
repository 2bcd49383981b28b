"""Faults of the disk and of hands: a clear error or safe recovery, and nothing lost silently."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3

import pytest

from kiosk.domain.errors import SetupError
from kiosk.faces.vault.errors import VaultDamagedError
from kiosk.faces.vault.store import Vault
from tests.fakes.people import STORE_KEY, new_person

FLIPS_IN_LOG = 40
FLIPS_IN_PAGES = 60


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "vault"


def told(vault: Vault) -> list[tuple]:
    return [
        (person.name, person.phone, person.alias, person.state, person.template.tobytes())
        for person in vault.people()
    ]


def fill(vault: Vault, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        vault.activate(vault.begin(new_person(number)))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM proof",
        "UPDATE proof SET record = zeroblob(200)",
        "UPDATE proof SET id = id + 1",
        "INSERT INTO proof SELECT 7, wrapped_key, record FROM proof",
        "UPDATE transform SET record = zeroblob(61)",
        "UPDATE transform SET id = 2",
    ],
)
def test_a_proof_that_is_owed_and_a_rotation_cannot_be_slipped_away(folder, statement):
    """Whoever removes what an erasure still owes, or exchanges the rotation, is found out."""
    with Vault.open(folder, STORE_KEY) as vault:
        fill(vault, 3)
        vault.erase(vault.ids()[0])
    with sqlite3.connect(folder / "vault.db") as db:
        assert db.execute(statement).rowcount
    db.close()

    with pytest.raises(VaultDamagedError):
        Vault.open(folder, STORE_KEY)


def test_flips_in_sampled_pages_of_a_larger_vault(folder, tmp_path):
    """Seeded pages of every kind, one flip each: an error with the file untouched, or no change."""
    with Vault.open(folder, STORE_KEY) as vault:
        vault.begin_all([new_person(number, dimension=512) for number in range(60)])
        true = told(vault)
    whole = (folder / "vault.db").read_bytes()
    seeded = random.Random(5)
    pages = len(whole) // 16_384
    assert pages > 30
    codes: list[str] = []
    for _ in range(FLIPS_IN_PAGES):
        copy = tmp_path / "copy"
        copy.mkdir()
        at = seeded.randrange(pages) * 16_384 + seeded.randrange(16_384)
        flipped = bytearray(whole)
        flipped[at] ^= 1 << seeded.randrange(8)
        (copy / "vault.db").write_bytes(flipped)
        try:
            with Vault.open(copy, STORE_KEY) as vault:
                assert true == told(vault), at
        except SetupError as error:
            codes.append(error.code)
            untouched = flipped == (copy / "vault.db").read_bytes()
            assert untouched, at
        shutil.rmtree(copy)
    assert len(codes) > FLIPS_IN_PAGES // 3
    assert set(codes) <= {"vault_damaged", "vault_too_new", "vault_unusable"}


def test_a_damaged_log_is_an_error_or_a_state_that_was(folder, tmp_path):
    """After a power cut with a flipped bit in the log: some moment of before, whole; or an error.

    That it is an older moment is noticed by whoever counts changes (`Census.changes`).
    """
    with Vault.open(folder, STORE_KEY) as vault:
        moments = [(told(vault), 0)]
        for number in range(4):
            vault.begin(new_person(number))
            moments.append((told(vault), vault.census().changes))
        copied = tmp_path / "cut"
        shutil.copytree(folder, copied)
    log = (copied / "vault.db-wal").read_bytes()
    assert log, "the copy is as a power cut leaves it"
    seeded = random.Random(6)
    codes: list[str] = []
    for _ in range(FLIPS_IN_LOG):
        copy = tmp_path / "copy"
        shutil.copytree(copied, copy)
        flipped = bytearray(log)
        flipped[seeded.randrange(len(log))] ^= 1 << seeded.randrange(8)
        (copy / "vault.db-wal").write_bytes(flipped)
        (copy / "vault.db-shm").unlink(missing_ok=True)
        try:
            with Vault.open(copy, STORE_KEY) as vault:
                assert (told(vault), vault.census().changes) in moments
        except SetupError as error:
            codes.append(error.code)
        shutil.rmtree(copy)
    assert set(codes) <= {"vault_damaged"}


WORKS = {
    "enrol": lambda vault: vault.begin(new_person(30)),
    "amend": lambda vault: vault.amend(vault.ids()[0], last_used="2026-11-28"),
    "erase": lambda vault: vault.erase(vault.ids()[0]),
    "rename": lambda vault: vault.change_identity(vault.ids()[0], name="Somebody Else"),
    "rotate": lambda vault: vault.rekey(bytes(32)),
    "renew": lambda vault: list(vault.renew()),
}


@pytest.mark.parametrize("name", list(WORKS))
def test_a_disk_that_is_full_undoes_the_step_and_is_said(folder, name):
    """No byte more fits into the log: an error in words, everybody as before, then it goes on."""
    with Vault.open(folder, STORE_KEY) as vault:
        fill(vault, 3)
        before = told(vault)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            vault = Vault.open(folder, STORE_KEY)
            resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, resource.RLIM_INFINITY))
            try:
                WORKS[name](vault)
            except SetupError as error:
                status = 0 if error.code == "vault_unusable" and error.mend else 2
            same = told(vault) == before
            status = status if same else 3
        finally:
            os._exit(status)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    with Vault.open(folder, STORE_KEY) as vault:
        assert before == told(vault)
        WORKS[name](vault)
        assert not vault.renewal_waits
