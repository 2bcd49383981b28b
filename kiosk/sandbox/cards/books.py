"""The books of the sandbox for cards: customers, cards, payments, refunds, events, money moves.

All calls need `transaction()`; whatever happens in one is on the disk together or not at all.
Payments that are processing come to their end lazily, by the clock, when somebody looks.

Invariants: a payment is captured at most once; never is more refunded than was captured; the sum
of `moves` is the oracle.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.domain.errors import SetupError
from kiosk.sandbox.bank.trouble import ledger_trouble
from kiosk.sandbox.cards import objects
from kiosk.sandbox.cards.forms import CardsError
from kiosk.sandbox.cards.schema import ADDED, SCHEMA, SCHEMA_VERSION
from kiosk.sandbox.cards.testcards import CARDS, Card, Fate

PROCESSING_S = 2.0
"""How long a payment is processing, unless `settle` ends it."""
SESSION_LIFE_S = 86_400
AMOUNT_MIN = 30
"""Minor units; the public documentation's least charge in GBP."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What moved, in minor units."""

    captures: int
    captured: int
    refunds: int
    refunded: int


class Books:
    """One SQLite file under one lock. Threads share it."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            SetupError: It cannot be used.
        """
        self.offset_s = 0
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = full")
            self._db.execute("pragma foreign_keys = on")
            version = self._db.execute("pragma user_version").fetchone()[0]
            if version == 0:
                self._db.executescript(f"begin; {SCHEMA} commit;")
            if version in {0, SCHEMA_VERSION}:
                self._db.executescript(f"begin; {ADDED} commit;")
        except sqlite3.Error as error:
            raise ledger_trouble(error) from error
        if version not in {0, SCHEMA_VERSION}:
            raise SetupError(
                "The books of the sandbox for cards are of another version.",
                code="sandbox_cards_version",
                mend="Remove cards.db from the sandbox folder: it holds no real money.",
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def now(self) -> float:
        """Return the service's time: the wall clock, moved by `offset_s`."""
        return time.time() + self.offset_s

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Do what follows together or not at all, alone."""
        with self._lock:
            self._db.execute("begin immediate")
            try:
                self._come_to_ends()
                yield
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    # --- customers and cards ------------------------------------------------------------------

    def create_customer(self, metadata: dict[str, str]) -> dict[str, Any]:
        """Make a customer."""
        customer = _new("cus")
        self._db.execute(
            "insert into customers (id, metadata, created) values (?, ?, ?)",
            (customer, json.dumps(metadata), int(self.now())),
        )
        return self.customer(customer)

    def customer(self, customer: str) -> dict[str, Any]:
        """Describe a customer. Raises CardsError."""
        return objects.customer(self._one("customers", customer, "customer"))

    def active_customer(self, customer: str) -> sqlite3.Row:
        """Return a customer's row who is not deleted. Raises CardsError."""
        row = self._one("customers", customer, "customer")
        if row["deleted"]:
            raise objects.missing("customer", customer)
        return row

    def delete_customer(self, customer: str) -> dict[str, Any]:
        """Delete a customer and forget the cards. Raises CardsError."""
        self.active_customer(customer)
        for row in self._rows("select id from methods where customer = ?", customer):
            self.detach(row["id"])
        self._db.execute("update customers set deleted = 1 where id = ?", (customer,))
        self._note("customer.deleted", {"id": customer, "object": "customer"})
        return {"id": customer, "object": "customer", "deleted": True}

    def create_session(self, customer: str, success_url: str, base_url: str) -> dict[str, Any]:
        """Make a hosted page on which a customer saves a card. Raises CardsError."""
        self.active_customer(customer)
        session = _new("cs_test")
        self._db.execute(
            "insert into sessions values (?, ?, 'open', ?, ?)",
            (session, customer, success_url, int(self.now())),
        )
        return objects.session(self._one("sessions", session, "session"), base_url)

    def session(self, session: str) -> sqlite3.Row:
        """Return a hosted page's row. Raises CardsError."""
        found = self._one("sessions", session, "session")
        if found["status"] == "open" and found["created"] + SESSION_LIFE_S < self.now():
            self._db.execute("update sessions set status = 'expired' where id = ?", (session,))
            return self._one("sessions", session, "session")
        return found

    def save_card(self, session: str, last4: str) -> str:
        """Save a test card through an open hosted page; the card's id. Raises CardsError."""
        found = self.session(session)
        if found["status"] != "open" or last4 not in CARDS:
            raise CardsError(400, "This page is not open, or there is no such test card.")
        self.active_customer(found["customer"])
        method = _new("pm")
        self._db.execute(
            "insert into methods values (?, ?, ?, ?)",
            (method, found["customer"], last4, int(self.now())),
        )
        self._db.execute("update sessions set status = 'complete' where id = ?", (session,))
        event = {"id": session, "object": "checkout.session", "customer": found["customer"]}
        self._note("checkout.session.completed", event)
        return method

    def methods(self, customer: str) -> list[dict[str, Any]]:
        """Describe a customer's cards, newest first. Raises CardsError."""
        self.active_customer(customer)
        rows = self._rows("select * from methods where customer = ? order by rowid desc", customer)
        return [objects.method(row) for row in rows]

    def detach(self, method: str) -> dict[str, Any]:
        """Take a card from its customer for good. Raises CardsError."""
        row = self._one("methods", method, "payment_method")
        if row["customer"] is None:
            raise CardsError(400, "The payment method is not attached to a customer.")
        self._db.execute("update methods set customer = null where id = ?", (method,))
        found = objects.method(self._one("methods", method, "payment_method"))
        self._note("payment_method.detached", found, {"customer": row["customer"]})
        return found

    def change_card(self, customer: str, last4: str) -> None:
        """Let a customer's cards behave as another test card from now on."""
        self._db.execute("update methods set last4 = ? where customer = ?", (last4, customer))

    # --- payments -----------------------------------------------------------------------------

    def pay(
        self,
        *,
        customer: str,
        method: str,
        amount: int,
        currency: str,
        metadata: dict[str, str],
        description: str,
    ) -> sqlite3.Row:
        """Make a payment and charge the card. Raises CardsError where nothing is made."""
        self.active_customer(customer)
        card = self._one("methods", method, "payment_method")
        if card["customer"] != customer:
            raise CardsError(400, "The payment method does not belong to the customer.")
        if amount < AMOUNT_MIN:
            raise CardsError(
                400, "The amount is too small.", code="amount_too_small", param="amount"
            )
        intent, behaviour = _new("pi"), CARDS[card["last4"]]
        self._db.execute(
            "insert into intents (id, customer, method, amount, currency, status, metadata,"
            " description, code, decline_code, settles_at, created)"
            " values (?, ?, ?, ?, ?, 'requires_payment_method', ?, ?, '', '', null, ?)",
            (
                intent, customer, method, amount, currency, json.dumps(metadata), description,
                int(self.now()),
            ),
        )  # fmt: skip
        self._note("payment_intent.created", objects.intent(self.intent(intent), card))
        match behaviour.fate:
            case Fate.SUCCEED:
                self._capture(intent)
            case Fate.DECLINE:
                self._decline(intent, behaviour)
            case Fate.ACTION:
                self._set(intent, "requires_action")
                self._tell(intent, "payment_intent.requires_action")
            case Fate.PROCESS | Fate.PROCESS_DECLINE:
                self._set(intent, "processing", settles_at=self.now() + PROCESSING_S)
                self._tell(intent, "payment_intent.processing")
        return self.intent(intent)

    def intent(self, intent: str) -> sqlite3.Row:
        """Return a payment's row. Raises CardsError."""
        return self._one("intents", intent, "intent")

    def describe(self, row: sqlite3.Row) -> dict[str, Any]:
        """Describe a payment."""
        return objects.intent(row, self._one("methods", row["method"], "payment_method"))

    def cancel(self, intent: str) -> sqlite3.Row:
        """Cancel a payment that has not succeeded and is not processing. Raises CardsError."""
        row = self.intent(intent)
        if row["status"] not in {"requires_action", "requires_payment_method"}:
            raise CardsError(
                400, "The payment cannot be canceled now.", code="payment_intent_unexpected_state"
            )
        self._set(intent, "canceled")
        self._tell(intent, "payment_intent.canceled")
        return self.intent(intent)

    def intents(
        self, *, customer: str | None, created_from: int, before: str | None, limit: int
    ) -> tuple[list[sqlite3.Row], bool]:
        """List payments, newest first; also say whether there are more. Raises CardsError."""
        top = None if before is None else self.intent(before)["seq"]
        rows = self._rows(
            "select * from intents where (? is null or customer = ?) and created >= ?"
            " and (? is null or seq < ?) order by seq desc limit ?",
            customer, customer, created_from, top, top, limit + 1,
        )  # fmt: skip
        return rows[:limit], len(rows) > limit

    # --- refunds ------------------------------------------------------------------------------

    def refund(self, intent: str, amount: int, metadata: dict[str, str]) -> dict[str, Any]:
        """Give back some of a payment. Raises CardsError where nothing is made."""
        row = self.intent(intent)
        if row["status"] != "succeeded":
            raise CardsError(
                400, "The payment has no successful charge.", code="payment_intent_unexpected_state"
            )
        given = self._db.execute(
            "select coalesce(sum(amount), 0) from refunds where intent = ? and status != 'failed'",
            (intent,),
        ).fetchone()[0]
        if given == row["amount"]:
            raise CardsError(
                400, "The charge has already been refunded.", code="charge_already_refunded"
            )
        if given + amount > row["amount"]:
            raise CardsError(400, "More than is left of the charge.", param="amount")
        refund = _new("re")
        behaviour = CARDS[self._one("methods", row["method"], "payment_method")["last4"]]
        settles_at = (
            None if behaviour.refund in {"succeeded", "returned"} else self.now() + PROCESSING_S
        )
        self._db.execute(
            "insert into refunds"
            " (id, intent, amount, currency, status, metadata, settles_at, created)"
            " values (?, ?, ?, ?, 'pending', ?, ?, ?)",
            (
                refund, intent, amount, row["currency"], json.dumps(metadata), settles_at,
                int(self.now()),
            ),
        )  # fmt: skip
        if settles_at is None:
            self._end_refund(refund, "succeeded")
        if behaviour.refund == "returned":
            self._db.execute(
                "update refunds set settles_at = ? where id = ?",
                (self.now() + PROCESSING_S, refund),
            )
        return self.refund_of(refund)

    def refund_of(self, refund: str) -> dict[str, Any]:
        """Describe a refund. Raises CardsError."""
        return objects.refund(self._one("refunds", refund, "refund"))

    def refunds(
        self, *, intent: str | None, before: str | None, limit: int
    ) -> tuple[list[dict[str, Any]], bool]:
        """List refunds, newest first; also say whether there are more. Raises CardsError."""
        top = None if before is None else self._one("refunds", before, "refund")["seq"]
        rows = self._rows(
            "select * from refunds where (? is null or intent = ?) and (? is null or seq < ?)"
            " order by seq desc limit ?",
            intent, intent, top, top, limit + 1,
        )  # fmt: skip
        return [objects.refund(row) for row in rows[:limit]], len(rows) > limit

    # --- disputes -----------------------------------------------------------------------------

    def dispute(self, order_id: str) -> dict[str, Any]:
        """Let the cardholder dispute the newest succeeded payment of an order.

        Raises:
            CardsError: There is no such payment, or it is disputed already.
        """
        rows = self._rows(
            "select * from intents where status = 'succeeded' and not exists"
            " (select 1 from disputes where intent = intents.id) order by seq desc"
        )
        row = next((it for it in rows if json.loads(it["metadata"]).get("order") == order_id), None)
        if row is None:
            raise objects.missing("payment_intent", order_id)
        dispute = _new("dp")
        self._db.execute(
            "insert into disputes (id, intent, status, created) values (?, ?, 'needs_response', ?)",
            (dispute, row["id"], int(self.now())),
        )
        found = self.dispute_of(dispute)
        self._note("charge.dispute.created", found)
        self._note("charge.dispute.funds_withdrawn", found)
        return found

    def dispute_of(self, dispute: str) -> dict[str, Any]:
        """Describe a dispute. Raises CardsError."""
        row = self._one("disputes", dispute, "dispute")
        return objects.dispute(row, self.intent(row["intent"]))

    def disputes(self, intent: str) -> list[dict[str, Any]]:
        """List the disputes of a payment: one, or none."""
        rows = self._rows("select * from disputes where intent = ?", intent)
        return [objects.dispute(row, self.intent(intent)) for row in rows]

    # --- events, oracle, idempotency ----------------------------------------------------------

    def events(
        self, *, after: str | None, types: list[str], limit: int
    ) -> tuple[list[dict[str, Any]], bool]:
        """List events newest first: the newest, or those just after one. Raises CardsError."""
        low = 0 if after is None else self._one("events", after, "event")["seq"]
        direction = "desc" if after is None else "asc"
        marks = ", ".join("?" * len(types)) or "null"
        rows = self._rows(
            f"select * from events where seq > ? and (? or type in ({marks}))"  # noqa: S608
            f" order by seq {direction} limit ?",
            low, not types, *types, limit + 1,
        )  # fmt: skip
        page = sorted(rows[:limit], key=lambda row: row["seq"], reverse=True)
        return [objects.event(row) for row in page], len(rows) > limit

    def sums(self, order_id: str | None) -> Sums:
        """Add up what moved, for one order or for all."""
        return count_moves(self._db, order_id)

    def settle(self) -> None:
        """Bring everything that is under way to its end now."""
        self._come_to_ends(ahead_s=PROCESSING_S + 1)

    def remembered(self, key: str, life_s: float) -> sqlite3.Row | None:
        """Return what a key was answered, unless that is too long ago."""
        self._db.execute("delete from idempotency where created < ?", (self.now() - life_s,))
        rows = self._rows("select * from idempotency where key = ?", key)
        return rows[0] if rows else None

    def remember(self, key: str, digest: str, status: int, body: str) -> None:
        """Keep what a key was answered."""
        self._db.execute(
            "insert into idempotency values (?, ?, ?, ?, ?)",
            (key, digest, status, body, self.now()),
        )

    # --- inside -------------------------------------------------------------------------------

    def _come_to_ends(self, ahead_s: float = 0.0) -> None:
        until = self.now() + ahead_s
        for row in self._rows("select * from intents where settles_at <= ?", until):
            behaviour = CARDS[self._one("methods", row["method"], "payment_method")["last4"]]
            if behaviour.fate is Fate.PROCESS_DECLINE:
                self._decline(row["id"], behaviour)
            else:
                self._capture(row["id"])
        for row in self._rows("select * from refunds where settles_at <= ?", until):
            method = self.intent(row["intent"])["method"]
            behaviour = CARDS[self._one("methods", method, "payment_method")["last4"]]
            fails = behaviour.refund in {"failed", "returned"}
            self._end_refund(row["id"], "failed" if fails else "succeeded")

    def _capture(self, intent: str) -> None:
        self._set(intent, "succeeded")
        self._move("capture", self.intent(intent), self.intent(intent)["amount"])
        self._tell(intent, "payment_intent.succeeded")

    def _decline(self, intent: str, card: Card) -> None:
        self._set(intent, "requires_payment_method", card.code, card.decline_code)
        self._tell(intent, "payment_intent.payment_failed")

    def _end_refund(self, refund: str, status: str) -> None:
        row = self._one("refunds", refund, "refund")
        self._db.execute(
            "update refunds set status = ?, settles_at = null where id = ?", (status, refund)
        )
        if status == "succeeded":
            self._move("refund", self.intent(row["intent"]), row["amount"])
        elif row["status"] == "succeeded":
            intent = self.intent(row["intent"])
            order = str(json.loads(intent["metadata"]).get("order", ""))
            self._db.execute(
                "insert into came_back values (?, ?, ?, ?)",
                (refund, order, row["amount"], self.now()),
            )
        kind = "refund.failed" if status == "failed" else "refund.updated"
        self._note(kind, self.refund_of(refund))

    def _move(self, kind: str, intent: sqlite3.Row, amount: int) -> None:
        order = str(json.loads(intent["metadata"]).get("order", ""))
        self._db.execute(
            "insert into moves (kind, intent, order_id, amount, currency, at_s)"
            " values (?, ?, ?, ?, ?, ?)",
            (kind, intent["id"], order, amount, intent["currency"], self.now()),
        )

    def _set(
        self,
        intent: str,
        status: str,
        code: str = "",
        decline_code: str = "",
        settles_at: float | None = None,
    ) -> None:
        self._db.execute(
            "update intents set status = ?, code = ?, decline_code = ?, settles_at = ?"
            " where id = ?",
            (status, code, decline_code, settles_at, intent),
        )

    def _tell(self, intent: str, kind: str) -> None:
        self._note(kind, self.describe(self.intent(intent)))

    def _note(
        self, kind: str, found: dict[str, Any], previous: dict[str, Any] | None = None
    ) -> None:
        data = {"object": found} | ({"previous_attributes": previous} if previous else {})
        self._db.execute(
            "insert into events (id, type, object, created) values (?, ?, ?, ?)",
            (_new("evt"), kind, json.dumps(data), int(self.now())),
        )

    def _one(self, table: str, identifier: str, param: str) -> sqlite3.Row:
        rows = self._rows(f"select * from {table} where id = ?", identifier)  # noqa: S608
        if not rows:
            raise objects.missing(param, identifier)
        return rows[0]

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        return self._db.execute(query, values).fetchall()


def count_moves(connection: sqlite3.Connection, order_id: str | None) -> Sums:
    """Add up what moved by the books on a connection, for one order or for all."""
    rows = connection.execute(
        "select kind, count(*), sum(amount) from moves where ? is null or order_id = ?"
        " group by kind",
        (order_id, order_id),
    ).fetchall()
    found = {row[0]: (row[1], row[2]) for row in rows}
    refunds, refunded = found.get("refund", (0, 0))
    has_returns = connection.execute("select 1 from sqlite_master where name = 'came_back'")
    if has_returns.fetchone() is not None:
        count, units = connection.execute(
            "select count(*), coalesce(sum(amount), 0) from came_back"
            " where ? is null or order_id = ?",
            (order_id, order_id),
        ).fetchone()
        refunds, refunded = refunds - count, refunded - units
    return Sums(*found.get("capture", (0, 0)), refunds, refunded)


def _new(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"
