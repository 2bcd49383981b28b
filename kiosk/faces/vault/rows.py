"""The statements on the vault's rows that must do exactly what they say, or undo everything.

Nothing here opens a record or holds a lock; callers hold the vault's.
"""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from kiosk.faces.vault.codec import PARTS, Kept, Row, chunk_count
from kiosk.faces.vault.errors import RecordDamagedError
from kiosk.faces.vault.records import Head

SELECT_PEOPLE = "SELECT id, person, version, wrapped_key, head FROM person"

_SEALED = {
    "person": "wrapped_key, head",
    **dict.fromkeys((*PARTS, "proof"), "wrapped_key, record"),
}


def select_part(table: str) -> str:
    """Return the question for all rows of a part's table."""
    return f"SELECT id, wrapped_key, record FROM {table}"  # noqa: S608 - our own names


def insert_rows(db: Database, rows: dict[str, list[Row]]) -> None:
    """Write new rows, by table. Plain statements: building them anew each time would cost more."""
    for table, records in rows.items():
        columns = tuple(records[0])
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        db.conn.executemany(statement, [tuple(record.values()) for record in records])


def next_id(db: Database, table: str) -> int:
    """Return the next row number of a table whose numbers grow."""
    (last,) = db.execute(f"SELECT MAX(id) FROM {table}").fetchone()  # noqa: S608 - our own names
    return (last or 0) + 1


def read_part(db: Database, table: str, number: int) -> tuple[Any, ...]:
    """Return one row of a part: id, wrapped_key, record.

    Raises:
        RecordDamagedError: It is not there.
    """
    row = db.execute(f"{select_part(table)} WHERE id = ?", [number]).fetchone()
    if row is None:
        raise RecordDamagedError
    return tuple(row)


def read_template(db: Database, head: Head) -> list[tuple[Any, ...]]:
    """Return somebody's rows of `template`, as far as they are there."""
    last = head.template + chunk_count(head) - 1
    question = f"{select_part('template')} WHERE id BETWEEN ? AND ? ORDER BY id"
    return db.execute(question, [head.template, last]).fetchall()


def expect_one(db: Database, statement: str, parameters: list[Any]) -> None:
    """Change exactly one row, or undo the transaction: another number means damaged pages."""
    if db.execute(statement, parameters).rowcount != 1:
        raise RecordDamagedError


def take_rows(db: Database, table: str, first: int, count: int = 1) -> tuple[bytes, ...]:
    """Delete rows with neighbouring numbers and return all that was sealed in them."""
    returning = _SEALED.get(table, "record")
    statement = f"DELETE FROM {table} WHERE id BETWEEN ? AND ? RETURNING {returning}"  # noqa: S608
    taken = db.execute(statement, [first, first + count - 1]).fetchall()
    if len(taken) != count:
        raise RecordDamagedError
    return tuple(value for row in taken for value in row if value != b"")


def take_person(db: Database, kept: Kept) -> tuple[bytes, ...]:
    """Delete all rows of one person and return all that was sealed in them."""
    head = kept.head
    return (
        *take_rows(db, "template", head.template, chunk_count(head)),
        *take_rows(db, "identity", head.identity),
        *take_rows(db, "account", head.account),
        *take_rows(db, "consent", head.consent),
        *take_rows(db, "person", kept.row),
    )
