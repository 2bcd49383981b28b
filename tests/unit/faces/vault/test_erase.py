"""Erasure with proof: nothing of the person is in any file, others are untouched, leaks show."""

from __future__ import annotations

import base64
import dataclasses
import json

import numpy as np
import pytest

from kiosk.domain.ids import PersonId
from kiosk.faces.vault.erase import CHUNK_BYTES, LeftoverSearch, certify
from kiosk.faces.vault.records import ErasureWork
from kiosk.faces.vault.store import Vault
from tests.fakes.people import STORE_KEY, new_person, vectors


@pytest.fixture
def vault(data_dir):
    with Vault.open(data_dir / "vault", STORE_KEY) as opened:
        yield opened


def enrol(vault: Vault, number: int) -> PersonId:
    person = vault.begin(new_person(number))
    vault.activate(person)
    return person


def erase(vault: Vault, person: PersonId) -> ErasureWork:
    work = vault.erase(person)
    vault.compact()
    return work


def places(vault, data_dir, work) -> int:
    return LeftoverSearch(vault, data_dir, work).finish().places


def test_a_snapshot_taken_before_is_found_nowhere_afterwards(vault, data_dir):
    """Neither the sealed rows as they lay on the disk nor anything readable is in any file."""
    others = [enrol(vault, number) for number in (1, 3)]
    person = enrol(vault, 2)
    head = vault._people[person].head
    tables = {"template": head.template, "identity": head.identity, "account": head.account}
    snapshot = [
        vault._database.execute(f"SELECT record FROM {table} WHERE id = ?", [number]).fetchone()
        for table, number in tables.items()
    ]
    before = b"".join(path.read_bytes() for path in (data_dir / "vault").glob("vault.db*"))
    assert all(record in before for (record,) in snapshot), "the snapshot can be found"

    work = erase(vault, person)

    assert {record for (record,) in snapshot} <= set(work.ciphertexts)
    parts = [row[at : at + 16] for row in work.ciphertexts for at in range(0, len(row), 16)]
    for path in (path for path in data_dir.rglob("*") if path.is_file()):
        raw = path.read_bytes()
        assert not any(part in raw for part in parts if len(part) == 16), path.name
    assert 0 == places(vault, data_dir, work)
    assert tuple(others) == vault.ids()
    assert new_person(3).name == vault.get(others[1]).name


def test_the_same_holds_without_compacting_and_after_a_restart(vault, data_dir):
    """Deleted bytes are overwritten at once; what compacting adds is only a smaller file."""
    enrol(vault, 1)
    work = vault.erase(enrol(vault, 2))
    assert 0 == places(vault, data_dir, work)
    vault.close()

    with Vault.open(data_dir / "vault", STORE_KEY) as again:
        assert 0 == places(again, data_dir, work)


def base64_shifted(raw: bytes, shift: int) -> bytes:
    return base64.b64encode(b"x" * shift + raw + b"tail")


LEAKS = {
    "row": lambda w: w.ciphertexts[0],
    "part of a row": lambda w: w.ciphertexts[2][40:60],
    "row in base64": lambda w: base64_shifted(w.ciphertexts[1], 1),
    "row in hex": lambda w: w.ciphertexts[3].hex().encode(),
    "wrapped key": lambda w: w.ciphertexts[-2],
    "template": lambda w: w.vectors[0].tobytes(),
    "part of a template": lambda w: w.vectors[2].tobytes()[80:112],
    "template, big endian": lambda w: w.vectors[1].astype(">f4").tobytes(),
    "template, double": lambda w: w.vectors[1].astype("<f8").tobytes(),
    "template, half": lambda w: w.vectors[1].astype("<f2").tobytes(),
    "template in base64": lambda w: base64_shifted(w.vectors[0].tobytes(), 2),
    "template in hex": lambda w: w.vectors[0].tobytes().hex().upper().encode(),
    "template in JSON": lambda w: json.dumps(w.vectors[0].tolist()).encode(),
    "template printed": lambda w: ", ".join(map(str, w.vectors[0])).encode(),
    "name": lambda w: w.name.encode(),
    "name in JSON": lambda w: json.dumps({"name": w.name}).encode(),
    "name in UTF-16": lambda w: w.name.encode("utf-16"),
    "name in hex": lambda w: w.name.encode().hex().encode(),
    "name in base64, shift 0": lambda w: base64_shifted(w.name.encode(), 0),
    "name in base64, shift 1": lambda w: base64_shifted(w.name.encode(), 1),
    "name in base64, shift 2": lambda w: base64_shifted(w.name.encode(), 2),
    "number": lambda w: f"+{w.phone}".encode(),
    "number in UTF-16": lambda w: w.phone.encode("utf-16-be"),
    "number in base64": lambda w: base64_shifted(w.phone.encode(), 1),
}


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("offset", [0, 3, CHUNK_BYTES - 9])
def test_a_leak_in_any_encoding_is_found(vault, data_dir, leak, offset):
    """The search finds what it claims to look for, wherever it lies, also across two reads."""
    work = erase(vault, enrol(vault, 2))
    assert 0 == places(vault, data_dir, work)
    (data_dir / "logs").mkdir()
    (data_dir / "logs" / "some.log").write_bytes(b"." * offset + LEAKS[leak](work) + b"end\n")

    leftovers = LeftoverSearch(vault, data_dir, work).finish()

    assert 1 <= leftovers.places
    assert ("logs/some.log",) == leftovers.found_in


@pytest.mark.parametrize(
    ("kept", "written"), [("447700900123", "07700900123"), ("07700900123", "447700900123")]
)
def test_the_other_form_of_a_number_is_found(vault, data_dir, kept, written):
    """What is kept is one form; what staff typed, and some file may hold, is the other."""
    person = vault.begin(dataclasses.replace(new_person(1), phone=kept))
    work = vault.erase(person)
    (data_dir / "notes.txt").write_text(f"call {written} back")

    assert LeftoverSearch(vault, data_dir, work, "44").finish().found_in == ("notes.txt",)


def test_files_full_of_hashes_raise_no_false_alarm(vault, data_dir):
    """A journal of hex hashes and numbers, and random bytes, are not taken for the person."""
    work = erase(vault, enrol(vault, 2))
    random = np.random.default_rng(5)
    (data_dir / "money").mkdir()
    lines = (f'{{"hash":"{random.bytes(32).hex()}","n":{n}}}\n' for n in range(20_000))
    (data_dir / "money" / "journal.log").write_text("".join(lines))
    (data_dir / "money" / "random").write_bytes(random.bytes(8 << 20))
    (data_dir / "money" / "zeros").write_bytes(bytes(1 << 20))

    assert 0 == places(vault, data_dir, work)


def test_a_short_name_is_looked_for_in_quotes(vault, data_dir):
    """`Bo` is part of many words; `"Bo"` is the person."""
    work = ErasureWork("Bo", "447700900000", vectors(1), (bytes(range(64)),), 1)
    (data_dir / "a.log").write_bytes(b"Book, Bob, Bo\n")
    assert 0 == places(vault, data_dir, work)

    (data_dir / "a.log").write_bytes(b'{"name": "Bo"}\n')
    assert 1 <= places(vault, data_dir, work)


def test_licences_of_models_are_not_searched_for_names(vault, data_dir):
    """`Grant of Copyright License` is no trace of Mr Grant; his number there would be one."""
    work = ErasureWork("Grant", "447700900000", vectors(1), (bytes(range(64)),), 1)
    (data_dir / "models" / "open").mkdir(parents=True)
    licence = data_dir / "models" / "open" / "LICENSE"
    licence.write_bytes(b"Grant of Copyright License\n")
    assert 0 == places(vault, data_dir, work)

    licence.write_bytes(b"447700900000")
    assert 1 <= places(vault, data_dir, work)


def test_the_certificate_names_nobody(vault, data_dir):
    """It proves that an erasure took place, and nothing in it leads to the person."""
    person = enrol(vault, 2)
    work = erase(vault, person)
    leftovers = LeftoverSearch(vault, data_dir, work).finish()

    certificate = certify(vault, work, leftovers, "2026-11-23T10:00:00+00:00")

    path = data_dir / "vault" / "certificates" / f"{certificate.certificate}.json"
    content = json.loads(path.read_text())
    assert 0 == content["bytes_found"]
    assert len(work.ciphertexts) == content["records"]
    assert 64 == len(content["records_sha256"])
    new = new_person(2)
    for secret in (person, new.name, new.phone, new.phone[-4:], new.alias):
        assert secret not in path.read_text().replace(content["records_sha256"], "")
    assert 0 == places(vault, data_dir, work)


def test_the_database_keeps_its_locks_while_it_is_searched(vault, data_dir):
    """Reading the vault's own files does not take SQLite's locks away (POSIX would)."""
    import subprocess
    import sys

    work = erase(vault, enrol(vault, 2))
    places(vault, data_dir, work)
    places(vault, data_dir, work)
    attempt = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0);"
        "c.execute('PRAGMA locking_mode = EXCLUSIVE'); c.execute('PRAGMA journal_mode = DELETE');"
        "print(c.execute('PRAGMA journal_mode').fetchone()[0])"
    )
    path = str(data_dir / "vault" / "vault.db")
    end = subprocess.run(
        [sys.executable, "-c", attempt, path], capture_output=True, text=True, check=False
    )
    assert "database is locked" in end.stderr
    enrol(vault, 9)
