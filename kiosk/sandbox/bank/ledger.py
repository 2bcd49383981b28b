"""The bank's books: accounts, mandates, payments, and every answer that was given under a key.

It does no networking and reads no wall clock of its own: the time comes in as a function.
Invariants:
- Money moves only as a transfer whose entries sum to zero; a customer's debit always has the
  merchant's credit beside it. Entries, transfers and payments are never changed or deleted.
- Executing a payment and remembering the answer under its idempotency key is one transaction:
  after a crash either both happened or neither.
- All access goes through one lock, so that an answer "no such key" is final for every request
  whose time is already over (see `pay`).
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from kiosk.sandbox.bank.schema import MIGRATIONS
from kiosk.sandbox.bank.trouble import ledger_damaged, ledger_trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kiosk.sandbox.bank.wire import MandateRequest, PaymentRequest

OPENING_BALANCE_MINOR_UNITS = 100_000
"""1,000.00 in each simulated customer's account: five days at the default daily limit."""

IDEMPOTENCY_LIFE_S = 86_400
"""24 h from the first request, as the UK Open Banking Read/Write API 4.0 has it."""

BANK_ACCOUNT = "bank"
MERCHANT_ACCOUNT = "merchant"


class KeyConflictError(Exception):
    """The key was used before with another body."""


class TooLateError(Exception):
    """The request waited too long to be executed; nothing was done or remembered."""


class UnknownMandateError(Exception):
    """The bank has no such mandate."""


@dataclass(frozen=True, slots=True)
class Debits:
    """What was executed: number of debits and their sum in minor units."""

    count: int
    sum_minor_units: int


@dataclass(frozen=True, slots=True)
class OpenBooks:
    """The books while one transaction holds them; of no use once it is over."""

    db: Database
    now_s: float
    """The bank's time, the same for all that the transaction does."""
    transfer: Callable[[str, str, int, str, str | None], None]
    """Book a payment: debtor, creditor, minor units, currency, order."""
    open_account: Callable[[str, str, int, str], None]
    """Open an account: id, number, opening balance in minor units (0 for none), currency."""
    balance: Callable[[str, str], int]
    """Balance of an account in a currency, in minor units."""


class Ledger:
    """The books in one SQLite file; safe to use from many threads."""

    def __init__(self, path: Path, wall_clock_s: Callable[[], float] = time.time) -> None:
        """Open the books, make them if need be, and check them.

        Args:
            path: The database file; its folder exists.
            wall_clock_s: Seconds since the epoch; the bank's own clock is this plus an offset.

        Raises:
            SetupError: The file is damaged, is no ledger, or does not balance; or the disk refuses.
        """
        self._lock = threading.Lock()
        self._wall_clock_s = wall_clock_s
        self.approve_at_once = True
        self._bring_up_to_date: Callable[[], object] = lambda: None
        try:
            # Threads take turns under the lock, which is what sqlite3 asks for.
            self._connection = sqlite3.connect(path, check_same_thread=False)
        except sqlite3.Error as error:
            raise ledger_trouble(error) from error
        try:
            self._db = Database(self._connection, execute_plugins=False)
            self._db.enable_wal()
            # Each commit reaches the disk before it is answered; the default in WAL mode is weaker.
            self._db.execute("PRAGMA synchronous = FULL")
            healthy = next(iter(self._db.query("PRAGMA quick_check")))["quick_check"] == "ok"
            MIGRATIONS.apply(self._db)
            healthy = healthy and self.is_balanced()
        except sqlite3.Error as error:
            self._connection.close()
            raise ledger_trouble(error) from error
        if not healthy:
            self._connection.close()
            raise ledger_damaged()

    def close(self) -> None:
        """Close the file; every commit is on the disk already."""
        with self._lock:
            self._connection.close()

    # --- the other side of the same bank ------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self) -> Iterator[OpenBooks]:
        """Hold the lock and one transaction, for the open-banking side of the bank.

        All of it reaches the disk at the end, or none of it when an exception leaves the block.
        Nothing in the block may call another public method of the ledger.
        """
        with self._lock, self._db.atomic():
            yield OpenBooks(
                db=self._db,
                now_s=self._now_s(),
                transfer=self._book_payment,
                open_account=self._open_account,
                balance=self._balance,
            )

    def before_counting(self, bring_up_to_date: Callable[[], object]) -> None:
        """Have this called, without the lock, before executed debits are counted."""
        self._bring_up_to_date = bring_up_to_date

    def _book_payment(
        self, debtor: str, creditor: str, minor_units: int, currency: str, order_id: str | None
    ) -> None:
        self._transfer("payment", debtor, creditor, minor_units, currency, order_id)

    def _open_account(self, account: str, number: str, minor_units: int, currency: str) -> None:
        self._db.table("accounts").insert({"id": account, "number": number})
        if minor_units:
            self._transfer("opening", BANK_ACCOUNT, account, minor_units, currency)

    # --- the bank's clock ---------------------------------------------------------------------

    def now_s(self) -> float:
        """Return the bank's time in seconds since the epoch."""
        with self._lock:
            return self._now_s()

    def set_clock(self, offset_s: int) -> None:
        """Move the bank's clock to the wall clock plus `offset_s`; survives a restart."""
        with self._lock, self._db.atomic():
            self._db.table("settings").upsert(
                {"name": "clock_offset_s", "value": offset_s}, pk="name"
            )

    def _now_s(self) -> float:
        rows = list(self._db.table("settings").rows_where("name = ?", ["clock_offset_s"]))
        return self._wall_clock_s() + (rows[0]["value"] if rows else 0)

    # --- mandates -----------------------------------------------------------------------------

    def open_mandate(self, key: str, digest: str, request: MandateRequest) -> dict[str, Any]:
        """Open a mandate with an account of its own; the simulated customer approves it.

        Args:
            key: Idempotency key of this request.
            digest: Hash of the request's exact bytes.
            request: What is asked.

        Returns:
            The mandate as the wire has it; for a known key the answer that was given first.

        Raises:
            KeyConflictError: The key was used with other bytes.
        """
        with self._lock, self._db.atomic():
            known = self._answer_under("mandate", key, digest)
            if known is not None:
                return known
            ref = "m" + secrets.token_hex(8)
            number = "".join(secrets.choice("0123456789") for _ in range(8))
            account = f"customer-{ref}"
            currency = request.per_payment.currency
            self._open_account(account, number, OPENING_BALANCE_MINOR_UNITS, currency)
            self._db.table("mandates").insert(
                {
                    "ref": ref,
                    "alias": request.alias,
                    "account": account,
                    "state": "active" if self.approve_at_once else "pending",
                    "per_payment": request.per_payment.minor_units,
                    "per_day": request.per_day.minor_units,
                    "currency": currency,
                }
            )
            answer = self._mandate(ref)
            self._remember("mandate", key, digest, answer)
            return answer

    def mandate(self, ref: str) -> dict[str, Any]:
        """Read a mandate as the wire has it.

        Raises:
            UnknownMandateError: There is none.
        """
        with self._lock:
            return self._mandate(ref)

    def set_mandate_state(self, ref: str, state: str) -> None:
        """Let the customer or the bank change a mandate; a revoked one stays revoked.

        Raises:
            UnknownMandateError: There is none.
        """
        with self._lock, self._db.atomic():
            if self._mandate(ref)["state"] != "revoked":
                self._db.table("mandates").update(ref, {"state": state})

    def _mandate_row(self, ref: str) -> dict[str, Any]:
        for row in self._db.table("mandates").rows_where("ref = ?", [ref]):
            return row
        raise UnknownMandateError

    def _mandate(self, ref: str) -> dict[str, Any]:
        row = self._mandate_row(ref)
        number = next(self._db.table("accounts").rows_where("id = ?", [row["account"]]))["number"]
        limits = {
            name: {"minor_units": row[name], "currency": row["currency"]}
            for name in ("per_payment", "per_day")
        }
        return {
            "ref": ref,
            "state": row["state"],
            "account_hint": "••" + number[-2:],
            "limits": limits,
        }

    # --- payments -----------------------------------------------------------------------------

    def pay(
        self, key: str, digest: str, request: PaymentRequest, in_time: Callable[[], bool]
    ) -> dict[str, Any]:
        """Execute or decline a payment once, and remember the answer in the same transaction.

        `in_time` is asked under the lock. `payment_by_key` takes the same lock, so that once it
        has said "no such key", a request whose time is over can no longer be executed.

        Args:
            key: Idempotency key.
            digest: Hash of the request's exact bytes.
            request: What is to be paid.
            in_time: Whether this request may still be executed.

        Returns:
            The answer as the wire has it; for a known key the answer that was given first.

        Raises:
            KeyConflictError: The key was used with other bytes.
            TooLateError: `in_time` said no.
        """
        with self._lock:
            if not in_time():
                raise TooLateError
            with self._db.atomic():
                known = self._answer_under("payment", key, digest)
                return known if known is not None else self._execute(key, digest, request)

    def payment_by_key(self, key: str) -> dict[str, Any] | None:
        """Return the answer that was given under a key, however long ago, or None."""
        with self._lock:
            row = self._remembered("payment", key)
            return None if row is None else json.loads(row["answer"])

    def _execute(self, key: str, digest: str, request: PaymentRequest) -> dict[str, Any]:
        reason = self._decline_reason(request)
        ref = "p" + secrets.token_hex(8)
        now_s = self._now_s()
        if not reason:
            account = self._mandate_row(request.mandate_ref)["account"]
            self._transfer(
                "payment",
                account,
                MERCHANT_ACCOUNT,
                request.amount.minor_units,
                request.amount.currency,
                order_id=request.order_id,
            )
        answer = {
            "payment_ref": ref,
            "status": "declined" if reason else "settled",
            "reason": reason,
            "order_id": request.order_id,
            "amount": request.amount.to_wire(),
            "mandate_ref": request.mandate_ref,
            "key": key,
        }
        self._db.table("payments").insert(
            {
                "ref": ref,
                "key": key,
                "order_id": request.order_id,
                "mandate_ref": request.mandate_ref,
                "payee": request.payee,
                "minor_units": request.amount.minor_units,
                "currency": request.amount.currency,
                "status": answer["status"],
                "reason": reason,
                "day": _day(now_s),
                "at_s": now_s,
            }
        )
        self._remember("payment", key, digest, answer)
        return answer

    def _decline_reason(self, request: PaymentRequest) -> str:
        """Return why the bank says no, or an empty text."""
        try:
            mandate = self._mandate_row(request.mandate_ref)
        except UnknownMandateError:
            return "mandate_unknown"
        amount = request.amount.minor_units
        if mandate["state"] != "active":
            return f"mandate_{mandate['state']}"
        if mandate["currency"] != request.amount.currency:
            return "currency_mismatch"
        if amount > mandate["per_payment"]:
            return "limit_per_payment"
        spent = self._number(
            "select coalesce(sum(minor_units), 0) from payments"
            " where mandate_ref = ? and status = 'settled' and day = ?",
            [request.mandate_ref, _day(self._now_s())],
        )
        if spent + amount > mandate["per_day"]:
            return "limit_per_day"
        if amount > self._balance(mandate["account"], mandate["currency"]):
            return "insufficient_funds"
        return ""

    # --- double entry -------------------------------------------------------------------------

    def _transfer(
        self,
        kind: str,
        debtor: str,
        creditor: str,
        minor_units: int,
        currency: str,
        order_id: str | None = None,
    ) -> None:
        """Write one movement of money: what the debtor loses the creditor gains."""
        assert minor_units > 0, "money moves from debtor to creditor"
        transfer = secrets.token_hex(8)
        self._db.table("transfers").insert(
            {"id": transfer, "kind": kind, "order_id": order_id, "at_s": self._now_s()}
        )
        for account, signed in ((debtor, -minor_units), (creditor, minor_units)):
            self._db.table("entries").insert(
                {
                    "transfer": transfer,
                    "account": account,
                    "minor_units": signed,
                    "currency": currency,
                }
            )
        sum_written = self._number(
            "select sum(minor_units) from entries where transfer = ?", [transfer]
        )
        assert sum_written == 0, "every debit has its credit"

    def _balance(self, account: str, currency: str) -> int:
        return self._number(
            "select coalesce(sum(minor_units), 0) from entries where account = ? and currency = ?",
            [account, currency],
        )

    def is_balanced(self) -> bool:
        """Say whether every transfer has one debit and one credit that cancel out."""
        with self._lock:
            return not self._number(
                "select count(*) from (select t.id from transfers t"
                " left join entries e on e.transfer = t.id group by t.id"
                " having count(e.id) <> 2 or sum(e.minor_units) <> 0"
                " or count(distinct e.currency) <> 1)",
                [],
            )

    def debits(self, order_id: str | None = None) -> Debits:
        """Count what was really taken from customers, for one order or for all."""
        self._bring_up_to_date()
        with self._lock:
            return executed_debits(self._connection, order_id)

    # --- answers under a key ------------------------------------------------------------------

    def _remembered(self, operation: str, key: str) -> dict[str, Any] | None:
        rows = self._db.table("answers").rows_where("operation = ? and key = ?", [operation, key])
        return next(iter(rows), None)

    def _answer_under(self, operation: str, key: str, digest: str) -> dict[str, Any] | None:
        """Return the stored answer, unless there is none or its life is over."""
        row = self._remembered(operation, key)
        if row is None or self._now_s() - row["at_s"] >= IDEMPOTENCY_LIFE_S:
            return None
        if row["digest"] != digest:
            raise KeyConflictError
        answer: dict[str, Any] = json.loads(row["answer"])
        return answer

    def _remember(self, operation: str, key: str, digest: str, answer: dict[str, Any]) -> None:
        # Replaces only what has outlived IDEMPOTENCY_LIFE_S; `payments` keeps both.
        self._db.table("answers").insert(
            {
                "operation": operation,
                "key": key,
                "digest": digest,
                "answer": json.dumps(answer),
                "at_s": self._now_s(),
            },
            replace=True,
        )

    def _number(self, sql: str, parameters: list[Any]) -> int:
        number: int = self._db.execute(sql, parameters).fetchone()[0]
        return number


def executed_debits(connection: sqlite3.Connection, order_id: str | None) -> Debits:
    """Count the debit entries of payments; works on any open connection to the books.

    Args:
        connection: The bank's own, or a read-only one while the bank is not running.
        order_id: One order, or None for all.
    """
    count, total = connection.execute(
        "select count(*), coalesce(-sum(e.minor_units), 0) from entries e"
        " join transfers t on t.id = e.transfer"
        " where t.kind = 'payment' and e.minor_units < 0 and (?1 is null or t.order_id = ?1)",
        [order_id],
    ).fetchone()
    return Debits(count, total)


def _day(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).date().isoformat()
