"""One turn at the books: what every part of the open-banking side needs while it holds them.

A turn is one transaction under the ledger's lock with one bank time; it must not outlive it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from kiosk.sandbox.bank.ledger import IDEMPOTENCY_LIFE_S, OpenBooks
from kiosk.sandbox.bank.vrp.bodies import Personality
from kiosk.sandbox.bank.vrp.errors import Code, ObError

PAYMENTS_PATH = "/open-banking/v4.0/pisp"
EVENTS_PATH = "/open-banking/v4.0"


@dataclass(frozen=True, slots=True)
class Turn:
    """The open books, where the bank is found, and what kind of VRP it speaks."""

    books: OpenBooks
    origin: str
    """Scheme, host and port, without a path."""
    issuer: str
    personality: Personality

    @property
    def now_s(self) -> float:
        """Return the bank's time of this turn, in seconds since the epoch."""
        return self.books.now_s

    @property
    def today(self) -> date:
        """Return the bank's day; its days are UTC days."""
        return datetime.fromtimestamp(self.now_s, UTC).date()

    def link(self, path: str) -> str:
        """Return the URL of a resource of the payment side."""
        return f"{self.origin}{PAYMENTS_PATH}/{path}"

    def events_link(self, path: str) -> str:
        """Return the URL of a resource of the events side."""
        return f"{self.origin}{EVENTS_PATH}/{path}"

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a row."""
        self.books.db.table(table).insert(dict(row))

    def rows(self, sql: str, parameters: list[Any]) -> list[dict[str, Any]]:
        """Return the rows that a query finds."""
        return list(self.books.db.query(sql, parameters))

    def number(self, sql: str, parameters: list[Any]) -> int:
        """Return the one number that a query finds."""
        found: int = self.books.db.execute(sql, parameters).fetchone()[0]
        return found

    def change(self, sql: str, parameters: list[Any]) -> None:
        """Change working data."""
        self.books.db.execute(sql, parameters)


def known_under(turn: Turn, client_id: str, operation: str, key: str, digest: str) -> str | None:
    """Return the resource that was made under an idempotency key within its life, or None.

    Raises:
        ObError: U006, the key came before with other bytes.
    """
    rows = turn.rows(
        "select * from vrp_keys where client_id = ? and operation = ? and key = ?",
        [client_id, operation, key],
    )
    if not rows or turn.now_s - rows[0]["at_s"] >= IDEMPOTENCY_LIFE_S:
        return None
    if rows[0]["digest"] != digest:
        raise ObError(
            400, Code.HEADER_INVALID, "The key was used with another body.", "x-idempotency-key"
        )
    resource: str = rows[0]["resource_id"]
    return resource


def remember(
    turn: Turn, client_id: str, operation: str, key: str, digest: str, resource_id: str
) -> None:
    """Remember what was made under a key, in the transaction that makes it."""
    turn.books.db.table("vrp_keys").insert(
        {
            "client_id": client_id,
            "operation": operation,
            "key": key,
            "digest": digest,
            "resource_id": resource_id,
            "at_s": turn.now_s,
        },
        replace=True,  # only what has outlived IDEMPOTENCY_LIFE_S; the resources stay
    )


def iso_time(at_s: float) -> str:
    """Return a time as the standard writes it, in milliseconds."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")


def whole_answer(turn: Turn, path: str, data: Mapping[str, Any], risk: object) -> dict[str, Any]:
    """Return an answer's body around its `Data`."""
    return {"Data": dict(data), "Risk": risk, "Links": {"Self": turn.link(path)}, "Meta": {}}
