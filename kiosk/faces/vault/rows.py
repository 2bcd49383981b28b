"""The statements on the vault's rows that must do exactly what they say, or undo everything.

Nothing here opens a record or holds a lock; callers hold the vault's.
"""

from __future__ import annotations

from typing import Any

from sqlite_utils import Database

from kiosk.faces.vault.codec import PARTS, Kept
from kiosk.faces.vault.errors import RecordDamagedError

SELECT_PEOPLE = (
    "SELECT p.id, p.person, p.version, p.wrapped_key, p.head, i.record, l.record, c.record"
    " FROM person p LEFT JOIN identity i ON i.id = p.id LEFT JOIN link l ON l.id = p.id"
    " LEFT JOIN consent c ON c.id = p.id"
)
SELECT_TEMPLATES = "SELECT id, owner, pack, record FROM template"


def next_id(db: Database, table: str) -> int:
    """Return the next row number: they grow in the order of people, on which opening relies."""
    (last,) = db.execute(f"SELECT MAX(id) FROM {table}").fetchone()  # noqa: S608 - our own names
    return (last or 0) + 1


def expect_one(db: Database, statement: str, parameters: list[Any]) -> None:
    """Change exactly one row, or undo the transaction: another number means damaged pages."""
    if db.execute(statement, parameters).rowcount != 1:
        raise RecordDamagedError


def take_rows(db: Database, kept: Kept) -> tuple[bytes, ...]:
    """Delete all rows of one person and return what was in them."""
    where = [("template", number) for number in kept.head.templates]
    where += [(table, kept.row) for table in PARTS]
    taken: list[bytes] = []
    for table, number in where:
        statement = f"DELETE FROM {table} WHERE id = ? RETURNING record"  # noqa: S608
        taken += [record for (record,) in db.execute(statement, [number]).fetchall()]
    statement = "DELETE FROM person WHERE id = ? RETURNING wrapped_key, head"
    for row in db.execute(statement, [kept.row]).fetchall():
        taken += row
    if len(taken) != len(where) + 2:
        raise RecordDamagedError
    return tuple(taken)


def orphans(table: str) -> str:
    """Return the question for rows of a table that belong to nobody."""
    return f"SELECT id FROM {table} WHERE id NOT IN (SELECT id FROM person)"  # noqa: S608
