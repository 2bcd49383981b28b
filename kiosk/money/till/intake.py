"""What a till and the screen may do with an order: open, take back, close as paid elsewhere, look.

It never sends anything to a bank and never undoes a payment.

Invariants: the same id with the same amount is the same order, with another amount an error; an
order whose payment is on its way, unknown or done cannot be taken back.
"""

from __future__ import annotations

import re
import threading
import time

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import OrderId, parse_order_id
from kiosk.domain.money import ORDER_AMOUNT_MAX_MINOR_UNITS, Money
from kiosk.domain.order import LINES_MAX, Order, OrderLine, OrderState
from kiosk.link.protocol import (
    LINE_BYTES_MAX,
    AbortOrder,
    AcknowledgeOrder,
    CloseElsewhere,
    OpenOrder,
    Orders,
    OrderStatus,
)
from kiosk.money.book import OrderEntry
from kiosk.money.config import MoneyConfig
from kiosk.money.errors import OrderUnknownError
from kiosk.money.ledger import Ledger
from kiosk.money.offers import Offers
from kiosk.money.records import OrderAborted, OrderClosedElsewhere, OrderOpened, OrderSeen

LINE_TEXT_MAX = 200
"""Characters of one line of the bill."""
ORDERS_IN_LIST_MAX = 1_000
STATUS_BYTES_MAX = 6 * 35 + 6 * 70 + 6 * 40 + 300
"""One status without lines, every character of it escaped."""
NEXT_WAIT_MS_MAX = 1_000
"""Longest wait for an order in one call: short, so that a process that is stopped can stop."""
FINISHED = frozenset({OrderState.PAID, OrderState.CANCELLED, OrderState.PAID_ELSEWHERE})

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)


class OrderIntake:
    """The till's rules. Safe to use from several threads."""

    def __init__(self, ledger: Ledger, offers: Offers, config: MoneyConfig) -> None:
        """Take what it works with."""
        self._ledger = ledger
        self._offers = offers
        self._config = config
        self._opened = threading.Condition(ledger.lock)

    def open(self, ask: OpenOrder) -> OrderStatus:
        """Journal an order, or return the one that has this id and amount already.

        Raises:
            BadInputError: The order cannot be used, or its id has another amount.
            JournalWriteError: The order is not open.
        """
        order = self.check(ask)
        with self._ledger.lock:
            entry = self._ledger.book.orders.get(order.order_id)
            if entry is None:
                if self._ledger.book.open_orders >= self._config.open_orders_max:
                    raise BadInputError(
                        "Too many orders are open.",
                        code="too_many_open_orders",
                        mend="Take back the orders that nobody will pay.",
                    )
                self._ledger.append(OrderOpened(self._ledger.time(), order))
                self._opened.notify_all()
            elif entry.order.amount != order.amount:
                raise BadInputError(
                    "An order of this id exists with another amount.",
                    code="order_amount_differs",
                    mend="Use a new order id for another amount.",
                )
            return self.status(order.order_id)

    def abort(self, ask: AbortOrder) -> OrderStatus:
        """Take an open order back; any other is returned as it is.

        Raises:
            OrderUnknownError: There is no such order.
            BadInputError: The reason is not a word.
            JournalWriteError: The order is as it was.
        """
        reason = _word(ask.reason, "reason")
        with self._ledger.lock:
            if self._entry(ask.order_id).state is OrderState.OPEN:
                self._ledger.append(OrderAborted(self._ledger.time(), ask.order_id, reason))
                self._offers.withdraw(ask.order_id)
            return self.status(ask.order_id)

    def close_elsewhere(self, ask: CloseElsewhere) -> OrderStatus:
        """Close an order that was paid by other means: open ones, and those whose end is unknown.

        A payment on its way must end first: its order is returned as it is. A payment that turns
        out to be settled after all leaves the order closed, with the reason `refund_due`.

        Raises:
            OrderUnknownError: There is no such order.
            BadInputError: The staff id is not a word.
            JournalWriteError: The order is as it was.
        """
        staff = _word(ask.staff, "staff id")
        with self._ledger.lock:
            if self._entry(ask.order_id).state in {OrderState.OPEN, OrderState.UNKNOWN}:
                self._ledger.append(OrderClosedElsewhere(self._ledger.time(), ask.order_id, staff))
                self._offers.withdraw(ask.order_id)
            return self.status(ask.order_id)

    def next_for_screen(self, wait_ms: int) -> OrderId | None:
        """Wait for an order that needs the screen: ends that nobody has seen before open orders.

        Args:
            wait_ms: How long to wait; cut to `NEXT_WAIT_MS_MAX`. Real time, since people wait.
        """
        until = time.monotonic() + min(max(wait_ms, 0), NEXT_WAIT_MS_MAX) / 1_000
        with self._opened:
            while (found := self._first_for_screen()) is None:
                left_s = until - time.monotonic()
                if left_s <= 0:
                    return None
                self._opened.wait(left_s)
            return found

    def acknowledge(self, ask: AcknowledgeOrder) -> None:
        """Note that somebody has seen the end of an order; where nothing is to be seen, do nothing.

        A payment on its way has no end yet and stays to be seen.

        Raises:
            OrderUnknownError: There is no such order.
            JournalWriteError: It stays to be seen.
        """
        with self._ledger.lock:
            entry = self._entry(ask.order_id)
            if entry.on_screen and entry.state is not OrderState.IN_FLIGHT:
                self._ledger.append(OrderSeen(self._ledger.time(), ask.order_id))

    def _first_for_screen(self) -> OrderId | None:
        book = self._ledger.book
        unseen = (
            name for name in book.for_screen if book.orders[name].state is not OrderState.OPEN
        )
        return next(unseen, next(iter(book.for_screen), None))

    def status(self, order_id: OrderId) -> OrderStatus:
        """Return how far an order has come.

        Raises:
            OrderUnknownError: There is no such order.
        """
        with self._ledger.lock:
            entry = self._entry(order_id)
            return _status(entry, entry.order)

    def list(self, *, only_open: bool) -> Orders:
        """List the newest orders, oldest first, without their lines, as many as one frame holds.

        Args:
            only_open: Leave out what is paid, cancelled or closed.
        """
        count_max = min(ORDERS_IN_LIST_MAX, LINE_BYTES_MAX // STATUS_BYTES_MAX)
        chosen: list[OrderStatus] = []
        with self._ledger.lock:
            for entry in reversed(self._ledger.book.orders.values()):
                if only_open and entry.state in FINISHED:
                    continue
                if len(chosen) == count_max:
                    break
                order = entry.order
                bare = Order(order.order_id, order.amount, order.payee)
                chosen.append(_status(entry, bare))
        return Orders(tuple(reversed(chosen)))

    def _entry(self, order_id: OrderId) -> OrderEntry:
        entry = self._ledger.book.orders.get(order_id)
        if entry is None:
            raise OrderUnknownError
        return entry

    def check(self, ask: OpenOrder) -> Order:
        """Return the order that would be journalled.

        Raises:
            BadInputError: It cannot be used.
        """
        order_id = parse_order_id(ask.order_id)
        self._check_amount(ask.amount)
        if len(ask.lines) > LINES_MAX:
            raise _bad_lines(f"Send at most {LINES_MAX} lines.")
        for line in ask.lines:
            self._check_line(line)
        return Order(order_id, ask.amount, self._config.payee, ask.lines)

    def _check_amount(self, amount: Money) -> None:
        if amount.currency != self._config.currency:
            raise BadInputError(
                "The order is in another currency than this terminal.",
                code="currency_differs",
                mend=f"Send amounts in {self._config.currency}.",
            )
        if not 0 < amount.minor_units <= ORDER_AMOUNT_MAX_MINOR_UNITS:
            ceiling = Money(ORDER_AMOUNT_MAX_MINOR_UNITS, self._config.currency)
            raise BadInputError(
                "The amount is zero or above the ceiling of one order.",
                code="amount_out_of_range",
                mend=f"Send an amount up to {ceiling}.",
            )

    def _check_line(self, line: OrderLine) -> None:
        if not 0 < len(line.text) <= LINE_TEXT_MAX or not line.text.isprintable():
            raise _bad_lines(f"Use 1 to {LINE_TEXT_MAX} printable characters in a line.")
        if line.amount.currency != self._config.currency:
            raise _bad_lines(f"Send amounts in {self._config.currency}.")


def _status(entry: OrderEntry, order: Order) -> OrderStatus:
    return OrderStatus(order, entry.state, entry.reason, len(entry.keys))


def _bad_lines(mend: str) -> BadInputError:
    return BadInputError("The lines of the bill cannot be used.", code="lines_bad", mend=mend)


def _word(text: str, what: str) -> str:
    """Let nothing but an id or a reason code into the journal: free text could hold a name."""
    if not _WORD.fullmatch(text):
        raise BadInputError(
            f"The {what} is not usable.",
            code="word_bad",
            mend="Use 1 to 40 letters, digits, dots, dashes or underscores.",
        )
    return text
