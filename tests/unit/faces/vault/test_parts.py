"""Face, name and account are kept apart: no one key of the store leads from one to another."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from kiosk.faces.vault import codec
from kiosk.faces.vault.codec import PARTS, StoreKeys
from kiosk.faces.vault.envelope import place, unseal
from kiosk.faces.vault.errors import RecordDamagedError
from kiosk.faces.vault.store import Vault
from tests.fakes.people import PACK, STORE_KEY, new_person

PEOPLE = 120
OPENS = {
    "head": {"person"},
    "identity": {"identity"},
    "account": {"account"},
    "consent": {"consent"},
    "template": {"template"},
    "transform": {"transform"},
    "census": {"store"},
    "outbox": {"outbox"},
    "proof": set(),
    "before_3": set(),
}
"""Which tables each key opens; every key of the store must stand here."""


@pytest.fixture(scope="module")
def stolen(tmp_path_factory):
    """Return all rows of a vault by table, and its head's key holder's view of who owns which."""
    folder = tmp_path_factory.mktemp("parts") / "vault"
    with Vault.open(folder, STORE_KEY) as vault:
        people = [vault.begin(new_person(number)) for number in range(PEOPLE)]
        for person in people:
            vault.activate(person)
        vault.erase(people.pop())
        heads = [vault._people[person].head for person in people]
    with sqlite3.connect(folder / "vault.db") as db:
        names = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        db.row_factory = sqlite3.Row
        tables = {
            name: [dict(row) for row in db.execute(f"SELECT rowid, * FROM {name}")]
            for name in names
            if not name.startswith("_")
        }
    db.close()
    return tables, heads


def readable(tables, key: bytes) -> dict[str, list[bytes]]:
    """Return everything that whoever has one key of the store can open, by table.

    They know the program, so they know every place; ids that stand in no table they do not know.
    """
    found: dict[str, list[bytes]] = {}

    def attempt(table: str, secret: bytes, record: bytes, where: bytes) -> bytes | None:
        try:
            plain = unseal(secret, record, where)
        except RecordDamagedError:
            return None
        found.setdefault(table, []).append(plain)
        return plain

    def unwrap(record: bytes, where: bytes) -> bytes | None:
        try:
            return unseal(key, record, where)
        except RecordDamagedError:
            return None

    for row in tables["person"]:
        data_key = unwrap(row["wrapped_key"], place("person", row["person"]))
        if data_key is not None:
            where = codec._head_place(row["person"], row["id"], row["version"])
            attempt("person", data_key, row["head"], where)
    for table in PARTS:
        for row in tables[table]:
            data_key = row["wrapped_key"] and unwrap(
                row["wrapped_key"], codec._key_place(table, row["id"])
            )
            if data_key:
                where = (
                    codec._template_place(row["id"], PACK, 0, 1)
                    if table == "template"
                    else codec._part_place(table, row["id"])
                )
                attempt(table, data_key, row["record"], where)
    for row in tables["outbox"]:
        attempt("outbox", key, row["record"], place("outbox", str(row["id"])))
    for row in tables["transform"]:
        where = place("transform", str(row["id"]), codec.FORMAT)
        attempt("transform", key, row["record"], where)
    attempt("store", key, tables["store"][0]["census"], place("store"))
    return found


def test_each_key_opens_its_own_table_and_no_other(stolen):
    """The map of keys and tables holds for every key that there is, and every row."""
    tables, _ = stolen
    made = vars(StoreKeys(STORE_KEY))
    keys = {name: key for name, key in made.items() if isinstance(key, bytearray)}
    assert set(OPENS) == set(keys)
    for purpose, secret in keys.items():
        found = readable(tables, bytes(secret))
        assert OPENS[purpose] == set(found), purpose
        for table, plain in found.items():
            assert len(plain) == len(tables[table]), table


def test_what_one_key_opens_holds_nothing_of_the_other_parts(stolen):
    """Names come without faces, aliases, ids and dates; faces and aliases come with nothing."""
    tables, heads = stolen
    keys = StoreKeys(STORE_KEY)
    names = [new_person(number).name.encode() for number in range(PEOPLE)]
    aliases = [new_person(number).alias.encode() for number in range(PEOPLE)]
    ids = [row["person"].encode() for row in tables["person"]]
    days = [b"2026"]
    rows = [str(getattr(head, table)).encode() for head in heads for table in PARTS]
    forbidden = {
        "identity": [*aliases, *ids, *days, *rows],
        "account": [*names, *ids, *days, *rows],
        "consent": [*aliases, *ids, *rows],
        "template": [*names, *aliases, *ids, *days, *rows],
        "head": [*names, *aliases],
    }
    for purpose, secrets in forbidden.items():
        for plain in readable(tables, bytes(getattr(keys, purpose))).values():
            text = b"\n".join(plain)
            assert not any(secret in text for secret in secrets), purpose


def ranks(tables, heads, table: str) -> np.ndarray:
    """Return for everybody, in order of enrolment, where in a table their row stands."""
    order = [row["id"] for row in tables[table]]
    return np.array([order.index(getattr(head, table)) for head in heads])


def test_neither_row_numbers_nor_their_order_join_the_tables(stolen):
    """No number occurs twice, and a row's place says nothing about the time or another place."""
    tables, heads = stolen
    numbers = [row["id"] for table in PARTS for row in tables[table]]
    assert len(numbers) == len(set(numbers))
    enrolled = np.arange(len(heads))
    placed = {table: ranks(tables, heads, table) for table in PARTS} | {"enrolled": enrolled}
    for one in placed:
        for other in placed:
            if one < other:
                agreement = np.corrcoef(placed[one], placed[other])[0, 1]
                # Four standard deviations of the correlation of 119 random ranks.
                assert abs(agreement) < 4 / np.sqrt(len(heads)), (one, other)


def test_columns_that_are_not_sealed_name_nobody(stolen):
    """Tables of parts have a number, a wrapped key and a record, and nothing else to join by."""
    tables, _ = stolen
    for table in PARTS:
        assert all({"id", "wrapped_key", "record"} == set(row) for row in tables[table])
    sizes = {len(row["record"]) for row in tables["account"]}
    assert 1 == len(sizes), "aliases are told apart by nothing"
