"""Measures the vault on the disk beside what could not be beaten, all in one run on one file.

- open: `Vault.open()` with every record proved, beside reading the same rows with bare sqlite and
  the same number of AES-256-GCM openings of the same sizes, each under a key of its own;
- enrol: `begin()` and `activate()` (the PIN's hash is money's), beside one durable insert of the
  same number of bytes at the end of a plain table, and beside bare sqlite that writes rows of the
  same sizes to random places of a copy of the file in the same two durable steps; in turn, so that
  a busy neighbour slows all; and the pages that one enrolment writes to the log;
- file: the file as enrolment left it, beside the sealed bytes in it;
- erase: from the call to keys and rows gone and the log cut to nothing;
- proof: the search of all files, and what a customer who pays meanwhile waits for the vault.

People are made up; their vectors are random. Nothing is kept.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from kiosk.domain.ids import PackId, PayerAlias, PersonId
from kiosk.faces.vault.codec import PARTS, ROW_ID_BITS
from kiosk.faces.vault.database import FILE_NAME, PAGE_BYTES
from kiosk.faces.vault.envelope import KEY_BYTES, NONCE_BYTES, TAG_BYTES, cipher
from kiosk.faces.vault.erase import LeftoverSearch
from kiosk.faces.vault.records import ConsentRecord, NewPerson
from kiosk.faces.vault.store import FOLDER_NAME, Vault

PACK = PackId("bench@1")
BATCH = 500
ENROLMENTS = 200
COUNTED = 20
"""Enrolments whose pages in the log are counted."""
ERASURES = 20
OPENINGS = 3
BARE_SAMPLE = 2_000
"""People whose openings are measured bare; the rest costs the same."""
OPEN_RATIO_MAX, ENROL_RATIO_MAX, FILE_RATIO_MAX = 3.0, 3.0, 1.3
SHRED_MS_MAX = 200.0


def measure(count: int, dimension: int = 128, *, samples: int = 4, seed: int = 1) -> dict[str, Any]:
    """Measure with so many people, each with a template and some samples.

    Returns:
        The keys of the report; `ok` is whether every ratio is within its bound.
    """
    key = secrets.token_bytes(KEY_BYTES)
    with (
        tempfile.TemporaryDirectory(prefix="smiletill-bench-") as name,
        tqdm(total=count, unit=" people", desc="enrolling") as bar,
    ):
        data_dir = Path(name)
        folder = data_dir / FOLDER_NAME
        people = _people(dimension, samples, seed)
        filled = _fill(folder, key, people, count, bar)
        found: dict[str, Any] = {
            "n": count,
            "dimension": dimension,
            "vectors": samples + 1,
            "fill_s": filled,
        }
        bar.set_description("opening")
        found |= _opening(folder, key, count)
        bar.set_description("enrolling beside a raw insert")
        found |= _enrolling(folder, key, people, data_dir)
        bar.set_description("erasing and proving")
        found |= _erasing(folder, key, data_dir)
        bar.set_description("renewing")
        found |= _renewing(folder, key)
    found["ok"] = (
        found["open_ratio"] <= OPEN_RATIO_MAX
        and found["enrol_ratio"] <= ENROL_RATIO_MAX
        and found["file_ratio"] <= FILE_RATIO_MAX
        and found["shred_ms"]["max"] <= SHRED_MS_MAX
    )
    return found


def _people(dimension: int, samples: int, seed: int) -> Iterator[NewPerson]:
    random = np.random.default_rng(seed)
    number = 0
    while True:
        vectors = random.normal(size=(samples + 1, dimension)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        number += 1
        yield NewPerson(
            name=f"Somebody {number:07d}",
            phone=f"4477{number:09d}",
            alias=PayerAlias(f"a{secrets.token_hex(8)}"),
            pack=PACK,
            template=vectors[0],
            samples=vectors[1:],
            sample_count=8,
            quality=80,
            consent=ConsentRecord(
                "v1", "en", "ab" * 32, "2026-11-28T09:00:00+00:00", "typed", "cd" * 32
            ),
            enrolled_at="2026-11-28T09:00:00+00:00",
            adult_confirmed=True,
        )


def _fill(
    folder: Path, key: bytes, people: Iterator[NewPerson], count: int, bar: tqdm[Any]
) -> float:
    began = time.perf_counter()
    with Vault.open(folder, key) as vault:
        for first in range(0, count, BATCH):
            batch = min(BATCH, count - first)
            vault.begin_all([next(people) for _ in range(batch)])
            bar.update(batch)
    return round(time.perf_counter() - began, 1)


def _opening(folder: Path, key: bytes, count: int) -> dict[str, Any]:
    """Compare opening with its two floors, and the file with what is in it."""
    path = folder / FILE_NAME
    payload, sizes = _payload(path)
    reads, opens = [], []
    for _ in range(OPENINGS):
        reads.append(_timed(lambda: _read_all(path)))
        began = time.perf_counter()
        with Vault.open(folder, key, visit=lambda _: None):
            opens.append(time.perf_counter() - began)
    bare = _bare(sizes) * count
    floor = min(reads) + bare
    return {
        "open_s": round(min(opens), 2),
        "raw_read_s": round(min(reads), 2),
        "bare_decrypt_s": round(bare, 2),
        "open_ratio": round(min(opens) / floor, 2),
        "file_mb": round(path.stat().st_size / 1e6, 1),
        "payload_mb": round(payload / 1e6, 1),
        "file_ratio": round(path.stat().st_size / payload, 3),
    }


def _payload(path: Path) -> tuple[int, list[int]]:
    """Return the sealed bytes of all people, and the sizes of one person's sealed records."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as raw:
        total = 0
        sizes: list[int] = []
        for table in (*PARTS, "person"):
            record = "head" if table == "person" else "record"
            columns = f"length(wrapped_key), length({record})"
            question = f"SELECT SUM({columns.replace(', ', ' + ')}) FROM {table}"  # noqa: S608
            total += raw.execute(question).fetchone()[0]
            people = raw.execute("SELECT COUNT(*) FROM person").fetchone()[0]
            rows = raw.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]  # noqa: S608
            some = raw.execute(f"SELECT {columns} FROM {table} LIMIT ?", [rows // people])  # noqa: S608
            sizes += [size for row in some for size in row if size]
    return total, sizes


def _read_all(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as raw:
        for table in (*PARTS, "person"):
            for _ in raw.execute(f"SELECT * FROM {table}"):  # noqa: S608 - our own names
                pass


def _bare(sizes: list[int]) -> float:
    """Return the seconds of one person's openings, with nothing around them."""
    nonce, where = bytes(NONCE_BYTES), bytes(48)
    work: list[tuple[bytes, bytes]] = []
    for _ in range(BARE_SAMPLE):
        for size in sizes:
            secret = secrets.token_bytes(KEY_BYTES)
            plain = bytes(size - 1 - NONCE_BYTES - TAG_BYTES)
            work.append((secret, cipher(secret).encrypt(nonce, plain, where)))

    def opened() -> None:
        for secret, sealed in work:
            cipher(secret).decrypt(nonce, sealed, where)

    return min(_timed(opened) for _ in range(OPENINGS)) / BARE_SAMPLE


def _enrolling(
    folder: Path, key: bytes, people: Iterator[NewPerson], data_dir: Path
) -> dict[str, Any]:
    """Compare an enrolment with one durable insert of as many bytes."""
    _, sizes = _payload(folder / FILE_NAME)
    blob = secrets.token_bytes(sum(sizes))
    ours, floor, alike, pages = [], [], [], []
    with (
        contextlib.closing(_raw_table(data_dir / "raw.db")) as raw,
        contextlib.closing(_bare_copy(folder / FILE_NAME, data_dir / "copy.db")) as copy,
        Vault.open(folder, key) as vault,
    ):

        def insert() -> None:
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("INSERT INTO raw (record) VALUES (?)", [blob])
            raw.execute("COMMIT")

        steps = _bare_steps(copy)
        for _ in range(ENROLMENTS):
            new = next(people)
            ours.append(_timed(lambda new=new: vault.activate(vault.begin(new))))  # type: ignore[misc]
            floor.append(_timed(insert))
            alike.append(_timed(lambda: next(steps)))
        for _ in range(COUNTED):
            vault.shrink()  # it empties the log
            vault.activate(vault.begin(next(people)))
            log = (folder / f"{FILE_NAME}-wal").stat().st_size
            pages.append(log // PAGE_BYTES)  # heads of frames are too small to count as pages
    for pattern in ("raw.db*", "copy.db*"):
        for path in data_dir.glob(pattern):
            path.unlink()
    middle = statistics.median(ours)
    return {
        "enrol_ms": _milliseconds(ours),
        "enrol_log_pages": round(statistics.mean(pages), 1),
        "raw_insert_ms": _milliseconds(floor),
        "enrol_ratio": round(middle / statistics.median(floor), 2),
        "enrol_ratio_of_means": round(statistics.mean(ours) / statistics.mean(floor), 2),
        "same_rows_ms": _milliseconds(alike),
        "same_rows_ratio": round(middle / statistics.median(alike), 2),
    }


def _bare_copy(path: Path, goal: Path) -> sqlite3.Connection:
    """Open a copy of a closed vault with nothing but what makes a change durable."""
    shutil.copyfile(path, goal)
    bare = sqlite3.connect(goal, isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    return bare


def _bare_steps(bare: sqlite3.Connection) -> Iterator[None]:
    """Write somebody's rows and then change their head, at each step, with random bytes."""
    tables = (*PARTS, "person")
    like = {}
    for table in tables:
        record = "head" if table == "person" else "record"
        sizes = bare.execute(f"SELECT wrapped_key, {record} FROM {table} LIMIT 1")  # noqa: S608
        like[table] = [secrets.token_bytes(len(value)) for value in sizes.fetchone()]
    people, chunks = (
        bare.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]  # noqa: S608
        for table in ("person", "template")
    )
    (last,) = bare.execute("SELECT MAX(id) FROM person").fetchone()
    (census,) = bare.execute("SELECT census FROM store").fetchone()
    while True:
        last += 1
        bare.execute("BEGIN IMMEDIATE")
        for table in PARTS:
            first = 1 + secrets.randbits(ROW_ID_BITS)
            for at in range(chunks // people if table == "template" else 1):
                row = [first + at, *like[table]]
                bare.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", row)  # noqa: S608
        person = f"p{secrets.token_hex(8)}"
        bare.execute("INSERT INTO person VALUES (?, ?, 1, ?, ?)", [last, person, *like["person"]])
        bare.execute("UPDATE store SET census = ?", [census])
        bare.execute("COMMIT")
        bare.execute("BEGIN IMMEDIATE")
        change = [like["person"][1], last]
        bare.execute("UPDATE person SET version = 2, head = ? WHERE id = ?", change)
        bare.execute("UPDATE store SET census = ?", [census])
        bare.execute("COMMIT")
        yield


def _raw_table(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("CREATE TABLE raw (id INTEGER PRIMARY KEY, record BLOB)")
    return raw


def _erasing(folder: Path, key: bytes, data_dir: Path) -> dict[str, Any]:
    """Erase some people, and prove one of them while somebody else asks for their alias."""
    with Vault.open(folder, key) as vault:
        ids = vault.ids()
        gone = ids[:: max(1, len(ids) // ERASURES)][:ERASURES]
        shreds, work = [], None
        for person in gone:
            began = time.perf_counter()
            work = vault.erase(person, "2026-11-28T09:00:00+00:00")
            shreds.append(time.perf_counter() - began)
            assert (folder / f"{FILE_NAME}-wal").stat().st_size == 0
        assert work is not None
        left = vault.ids()[-1]
        alone = _waits(vault, left, lambda: time.sleep(1.0))
        began = time.perf_counter()
        results: list[int] = []

        def prove() -> None:
            while vault.shrink():
                pass
            results.append(LeftoverSearch(vault, data_dir, work).finish().places)

        beside = _waits(vault, left, prove)
        proof_s = time.perf_counter() - began
    return {
        "shred_ms": _milliseconds(shreds),
        "proof_s": round(proof_s, 1),
        "bytes_found": results[0],
        "alias_ms_alone": _milliseconds(alone),
        "alias_ms_beside_a_proof": _milliseconds(beside),
    }


def _waits(vault: Vault, person: PersonId, work: Callable[[], object]) -> list[float]:
    """Return how long each question for an alias takes while work is done on another thread."""
    worker = threading.Thread(target=work)
    worker.start()
    waits = [_timed(lambda: vault.alias(person))]
    while worker.is_alive():
        worker.join(0.01)
        waits.append(_timed(lambda: vault.alias(person)))
    worker.join()
    return waits


def _renewing(folder: Path, key: bytes) -> dict[str, Any]:
    """Renew all templates, and tell the longest step, for which a customer would wait."""
    steps = []
    with Vault.open(folder, key) as vault:
        under_way = vault.renew()
        while True:
            began = time.perf_counter()
            if next(under_way, None) is None:
                break
            steps.append(time.perf_counter() - began)
    return {"renew_s": round(sum(steps), 1), "renew_step_ms": _milliseconds(steps)}


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _milliseconds(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "p50": round(statistics.median(ordered) * 1e3, 3),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))] * 1e3, 3),
        "max": round(ordered[-1] * 1e3, 3),
    }
