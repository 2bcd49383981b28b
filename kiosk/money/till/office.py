"""The back office as tills and the staff's tablet see it: refunds, totals, search, receipts, facts.

It adds and decides nothing: it asks kiosk/money's own desks and holds the lock while it reads.
How often a receipt was handed out is counted in memory only (docs/receipts.md): printing is no
fact about money. So of an order that had ended before this process started, every one is a reprint.
"""

from __future__ import annotations

import shutil
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.link.back_office import RefundAnswer, RefundOrder
from kiosk.money.banks.port import Bank
from kiosk.money.clock import Clock
from kiosk.money.config import MoneyConfig
from kiosk.money.errors import OrderUnknownError
from kiosk.money.ledger import Ledger
from kiosk.money.receipts.layout import Row, rows_of
from kiosk.money.receipts.model import REPRINTS_MAX, Copy, receipt_of
from kiosk.money.receipts.pdf import render_pdf
from kiosk.money.receipts.read import terminal_of
from kiosk.money.receipts.text import render_text
from kiosk.money.receipts.texts import Language
from kiosk.money.search import Found, Query, find_payments, look_at
from kiosk.money.till.menu import MenuItem, read_menu
from kiosk.money.till.room import Refund
from kiosk.money.till_book import TICK
from kiosk.money.totals import Period, Totals, check_day, day_period, totals_of

RECEIPT_WIDTH = 42
"""Characters of a line: 80 mm paper in the common font A of ESC/POS printers."""
DISK_FREE_MB_MIN = 200
"""Below it staff are warned: the journal of a busy year takes half of this."""
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before every journal."""
RECEIPTS_COUNTED_MAX = 20_000
"""Receipts handed out that are remembered: weeks of a busy till. A forgotten one is a reprint."""
_NOT_ENDED = frozenset({OrderState.OPEN, OrderState.IN_FLIGHT, OrderState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Facts:
    """How the kiosk's money process is."""

    is_ok: bool
    is_busy: bool
    journal: str
    records: int
    open_payments: int
    open_items: int
    disk_free_mb: int
    bank: str
    bank_reached: bool
    """The bank has answered since this process started."""
    clock_skew_s: float | None
    is_sandbox: bool


class Office:
    """Reads and asks; safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        bank: Bank,
        clock: Clock,
        config: MoneyConfig,
        refund: Refund,
        folder: Path,
    ) -> None:
        """Take what it works with.

        Args:
            ledger: Journal and book.
            bank: Asked for its health only; no request is made.
            clock: The time of day.
            config: Currency and menu.
            refund: Gives money back (kiosk/money/refunds.py).
            folder: The installation, to see how full its disk is and where the menu is.
        """
        self._ledger = ledger
        self._bank = bank
        self._clock = clock
        self._config = config
        self._refund = refund
        self._folder = folder
        self._counting = threading.Lock()
        self._given: OrderedDict[tuple[OrderId, Copy], int] = OrderedDict()
        """How often the receipt of an ended order was handed out by this process."""
        with ledger.lock:
            orders = ledger.book.orders
            self._old = {it for it, entry in orders.items() if entry.state not in _NOT_ENDED}
            """Orders whose originals may have been handed out: this process cannot know."""

    def now(self) -> str:
        """Return the time, as answers show it."""
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def refund(self, ask: RefundOrder) -> RefundAnswer:
        """Give money back; see RefundDesk.refund for refusals and errors."""
        return self._refund(ask)

    def totals(self, day: date | None = None) -> Totals:
        """Add a calendar day up, today's where none is named.

        Raises:
            BadInputError: The day is none that a journal could have.
        """
        # Today is not checked: a machine whose clock has stopped still says how it is.
        asked = self._clock.day_of(self._clock.now()) if day is None else check_day(day)
        with self._ledger.lock:
            return totals_of(self._ledger.book, day_period(asked), self._config.currency)

    def shift(self, till: str) -> Totals:
        """Add a till's shift up: everything of this kiosk since the till's last reconciliation."""
        with self._ledger.lock:
            since = self._ledger.book.till.shifts.get(till, FIRST)
            period = Period(since, max(self._clock.now(), since) + TICK)
            return totals_of(self._ledger.book, period, self._config.currency)

    def find(self, day: date | None, amount: Money | None, limit: int) -> tuple[Found, ...]:
        """Find orders, newest first.

        Raises:
            BadInputError: The day is none that a journal could have.
        """
        period = None if day is None else day_period(check_day(day))
        query = Query(
            amount=amount,
            since=None if period is None else period.since,
            until=None if period is None else period.until,
            limit=limit,
        )
        with self._ledger.lock:
            return find_payments(self._ledger.book, query)

    def look_at(self, order_id: OrderId) -> Found:
        """Return an order with its attempts and refunds.

        Raises:
            OrderUnknownError: There is no such order.
        """
        with self._ledger.lock:
            entry = self._ledger.book.orders.get(order_id)
            if entry is None:
                raise OrderUnknownError
            return look_at(self._ledger.book, entry)

    def receipt_text(self, order_id: OrderId, copy: Copy, *, original: bool = False) -> str:
        """Return a receipt in lines of `RECEIPT_WIDTH` characters.

        Args:
            order_id: Which order's.
            copy: For whom.
            original: It is the one in the payment's own answer, stored and repeated as it is; say
                `gave_originals` once it is handed out. Otherwise it is counted.

        Raises:
            OrderUnknownError: There is no such order.
        """
        return render_text(self._rows(order_id, copy, original=original), RECEIPT_WIDTH)

    def receipt_pdf(self, order_id: OrderId, copy: Copy) -> bytes:
        """Return a receipt as a PDF file, counted like the text.

        Raises:
            OrderUnknownError: There is no such order.
        """
        return render_pdf(self._rows(order_id, copy), language=Language.EN.value)

    def gave_originals(self, order_id: OrderId) -> None:
        """Remember that an order's originals, of all copies, were handed out."""
        for copy in Copy:
            self._count(order_id, copy)

    def _count(self, order_id: OrderId, copy: Copy) -> int:
        """Count a receipt; return the how-manieth reprint it is, 0 being the original."""
        with self._counting:
            before = self._given.pop((order_id, copy), int(order_id in self._old))
            self._given[order_id, copy] = min(before + 1, REPRINTS_MAX)
            if len(self._given) > RECEIPTS_COUNTED_MAX:
                (forgotten, _), _ = self._given.popitem(last=False)
                self._old.add(forgotten)
            return before

    def _rows(self, order_id: OrderId, copy: Copy, *, original: bool = False) -> tuple[Row, ...]:
        # Answers with a receipt in them are journalled, so the masked account is left out: it is
        # personal and lies only under the mandate's key.
        with self._ledger.lock:
            entry = self._ledger.book.orders.get(order_id)
            # Before its end an order has a notice that it is not paid, and nothing to count.
            counts = not original and entry is not None and entry.state not in _NOT_ENDED
            receipt = receipt_of(
                self._ledger.book,
                order_id,
                copy=copy,
                terminal=terminal_of(self._ledger.journal_id),
                reprint=self._count(order_id, copy) if counts else 0,
            )
        return rows_of(receipt, Language.EN)

    def menu(self) -> tuple[MenuItem, ...]:
        """Return the menu, read anew; empty where the settings name none.

        Raises:
            BadInputError, SetupError: It cannot be used.
        """
        if not self._config.till.menu:
            return ()
        return read_menu(self._folder / self._config.till.menu, self._config.currency)

    def facts(self) -> Facts:
        """Say how everything is, without asking anybody."""
        health = self._bank.health()
        try:
            free_mb = shutil.disk_usage(self._folder).free // 1_000_000
        except OSError:
            free_mb = 0
        with self._ledger.lock:
            book = self._ledger.book
            poisoned = self._ledger.is_poisoned
            busy = any(
                book.orders[it].state in {OrderState.OPEN, OrderState.IN_FLIGHT}
                for it in book.for_screen
            )
            open_payments = len(book.open_keys)
            records = self._ledger.records
        return Facts(
            is_ok=not poisoned and free_mb >= DISK_FREE_MB_MIN,
            is_busy=busy,
            journal="poisoned" if poisoned else "ok",
            records=records,
            open_payments=open_payments,
            open_items=len(self.totals().open),
            disk_free_mb=free_mb,
            bank=health.detail,
            bank_reached=health.clock_skew_s is not None,
            clock_skew_s=health.clock_skew_s,
            is_sandbox=self._bank.capabilities.is_sandbox,
        )
