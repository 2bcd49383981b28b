"""The counter: everything that a till or staff may do, over intake, engine and ledger.

It decides what a till may have, not how it is written: nexo.py and rest.py speak to it.
It sends nothing to a bank but a refund, which kiosk/money/refunds.py does.

Invariants: a request is journalled before anything comes of it, and its answer before it is given;
one request has one answer for ever; at most one order of a till is open or on its way.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from kiosk.domain.ids import OrderId, parse_order_id
from kiosk.domain.money import Money
from kiosk.domain.order import Order, OrderLine, OrderState
from kiosk.link.protocol import AbortOrder, CloseElsewhere, OpenOrder
from kiosk.money.book import Book
from kiosk.money.config import MoneyConfig
from kiosk.money.ledger import Ledger
from kiosk.money.open_items import refundable
from kiosk.money.records import AnyRecord, TillAnswered, TillAsked
from kiosk.money.till.intake import OrderIntake
from kiosk.money.till_book import TillEntry

IN_PROGRESS = frozenset({OrderState.OPEN, OrderState.IN_FLIGHT})
TILL_ABORT = "till_abort"
"""The reason under which a till's own abort is journalled."""
ANSWER_CHARS_MAX = 16_000


class Refused(enum.Enum):
    """Why a till does not get what it asked for; nothing was journalled."""

    BUSY = "busy"
    """Another order is open or on its way at this kiosk."""
    AMOUNT_DIFFERS = "order_amount_differs"
    ABOVE_CEILING = "amount_above_ceiling"
    REQUEST_DIFFERS = "request_differs"
    """The same request id was used for something else."""
    NOT_YOURS = "order_of_another_till"
    NO_SUCH_ORDER = "order_unknown"
    NO_SUCH_REQUEST = "request_unknown"
    IN_FLIGHT = "in_flight"
    """The payment is on its way to the bank, or its end is unknown."""
    ENDED = "order_ended"
    """The order has another end already."""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order as a till sees it."""

    order: Order
    state: OrderState
    reason: str
    opened_at: str
    attempts: int
    till: str
    refunded: Money
    """What went back or may still go back."""
    refundable: Money
    """What could still be given back."""
    is_new: bool = False

    @property
    def in_progress(self) -> bool:
        """Say whether it can still be paid, or is on its way."""
        return self.state in IN_PROGRESS

    @property
    def may_retry(self) -> bool:
        """Say whether a try ended without money, so that the guest may try again."""
        return self.state is OrderState.OPEN and self.attempts > 0


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a till that must have one answer."""

    till: str
    request_id: str
    category: str
    order_id: OrderId
    digest: str
    """SHA-256, in hex, of what it asks for."""


Render = Callable[[OrderFacts | None], str]
"""Writes the answer for an order that has come to an end; None: it was never opened, because the
process ended between the request and the order."""


class Counter:
    """The rules. Safe to use from several threads; every method is short but `old_answer`."""

    def __init__(
        self,
        ledger: Ledger,
        intake: OrderIntake,
        config: MoneyConfig,
        look_soon: Callable[[OrderId], None],
    ) -> None:
        """Take what it works with.

        Args:
            ledger: Journal and book.
            intake: The rules of orders.
            config: Currency and ceiling.
            look_soon: Has an open payment looked up, because somebody asks for its order.
        """
        self._ledger = ledger
        self._intake = intake
        self._config = config
        self._look_soon = look_soon

    @property
    def currency(self) -> str:
        """The currency of this terminal."""
        return self._config.currency

    # Orders ----------------------------------------------------------------------------------

    def open(
        self, request: Request, amount: Money, lines: tuple[OrderLine, ...]
    ) -> OrderFacts | Refused:
        """Have an order paid at this kiosk, or return the one that this request opened.

        Raises:
            BadInputError: The order cannot be used.
            JournalWriteError: It is not open.
        """
        ask = OpenOrder(parse_order_id(request.order_id), amount, lines)
        with self._ledger.lock:
            known = self._known(request)
            if isinstance(known, Refused):
                return known
            refusal = self._refusal(request, amount)
            if refusal is not None:
                return refusal
            is_new = request.order_id not in self._ledger.book.orders
            if known is not None and known.is_answered and is_new:
                return Refused.ENDED
            if is_new:
                self._intake.check(ask)
            if known is None:
                self._ask(request)
            self._intake.open(ask)
            return self._facts(request.order_id, is_new=is_new)

    def _refusal(self, request: Request, amount: Money) -> Refused | None:
        book = self._ledger.book
        entry = book.orders.get(request.order_id)
        if entry is not None:
            if entry.order.amount != amount:
                return Refused.AMOUNT_DIFFERS
            owner = book.till.owners.get(request.order_id, "")
            return None if owner == request.till else Refused.NOT_YOURS
        if amount.minor_units > self._config.till.amount_max_minor_units:
            return Refused.ABOVE_CEILING
        return Refused.BUSY if self.in_progress() is not None else None

    def in_progress(self) -> OrderId | None:
        """Return the order that this kiosk is busy with, or None."""
        with self._ledger.lock:
            book = self._ledger.book
            for order_id in book.for_screen:
                if book.orders[order_id].state in IN_PROGRESS:
                    return order_id
            for key in book.open_keys:
                order_id = book.attempts[key].order_id
                if book.orders[order_id].state is OrderState.IN_FLIGHT:
                    return order_id
            return None

    def abort(self, order_id: OrderId) -> OrderFacts | Refused:
        """Take an order back for certain, or say that it is too late.

        Raises:
            JournalWriteError: The order is as it was.
        """
        with self._ledger.lock:
            if order_id not in self._ledger.book.orders:
                return Refused.NO_SUCH_ORDER
            self._intake.abort(AbortOrder(order_id, TILL_ABORT))
            facts = self._facts(order_id)
        match facts.state:
            case OrderState.CANCELLED:
                return facts
            case OrderState.IN_FLIGHT | OrderState.UNKNOWN:
                return Refused.IN_FLIGHT
            case OrderState.PAID | OrderState.PAID_ELSEWHERE | OrderState.OPEN:
                return Refused.ENDED

    def close_elsewhere(self, order_id: OrderId, staff: str) -> OrderFacts | Refused:
        """Close an order that was paid by other means.

        Raises:
            BadInputError: The staff id is not a word.
            JournalWriteError: The order is as it was.
        """
        with self._ledger.lock:
            if order_id not in self._ledger.book.orders:
                return Refused.NO_SUCH_ORDER
            self._intake.close_elsewhere(CloseElsewhere(order_id, staff))
            facts = self._facts(order_id)
        match facts.state:
            case OrderState.PAID_ELSEWHERE:
                return facts
            case OrderState.IN_FLIGHT:
                return Refused.IN_FLIGHT
            case OrderState.PAID | OrderState.CANCELLED | OrderState.OPEN | OrderState.UNKNOWN:
                return Refused.ENDED

    def facts(self, order_id: OrderId, till: str | None = None) -> OrderFacts | None:
        """Return an order, and have an unknown payment looked up soon; None if there is none.

        Args:
            order_id: Which.
            till: Only this till's own orders are there; None: all are.
        """
        self._look_soon(order_id)
        with self._ledger.lock:
            book = self._ledger.book
            if order_id not in book.orders:
                return None
            if till is not None and book.till.owners.get(order_id) != till:
                return None
            return self._facts(order_id)

    def _facts(self, order_id: OrderId, *, is_new: bool = False) -> OrderFacts:
        book = self._ledger.book
        entry = book.orders[order_id]
        return OrderFacts(
            order=entry.order,
            state=entry.state,
            reason=entry.reason,
            opened_at=entry.opened_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            attempts=len(entry.keys),
            till=book.till.owners.get(order_id, ""),
            refunded=Money(sum(map(book.refunds.held, entry.keys)), self.currency),
            refundable=Money(sum(refundable(book, key) for key in entry.keys), self.currency),
            is_new=is_new,
        )

    # Requests and their answers --------------------------------------------------------------

    def entry(self, till: str, request_id: str) -> TillEntry | None:
        """Return what a till asked for under this id, or None."""
        with self._ledger.lock:
            return self._ledger.book.till.asked.get((till, request_id))

    def note(self, request: Request) -> TillEntry | Refused:
        """Journal a request that concerns an order, or return what it is known as.

        Raises:
            JournalWriteError: It is not noted; nothing may come of it.
        """
        with self._ledger.lock:
            known = self._known(request)
            if known is None:
                self._ask(request)
                return self._ledger.book.till.asked[request.till, request.request_id]
            return known

    def answer(self, till: str, request_id: str, text: str) -> str:
        """Journal the answer to a request and return it; if it has one already, that one.

        Raises:
            JournalWriteError: It is not stored and may not be given.
        """
        assert len(text) <= ANSWER_CHARS_MAX, "an answer of ours outgrew its limit"
        with self._ledger.lock:
            entry = self._ledger.book.till.asked[till, request_id]
            if not entry.is_answered:
                self._ledger.append(TillAnswered(self._ledger.time(), till, request_id, text))
                return text
        return self.known_answer(till, request_id) or text

    def decide(self, request: Request, act: Callable[[], str]) -> str | Refused:
        """Journal a request, do what it asks for, journal the answer, all under one lock.

        Raises:
            JournalWriteError: The answer is not stored and may not be given.
        """
        with self._ledger.lock:
            noted = self.note(request)
            if isinstance(noted, Refused):
                return noted
            if not noted.is_answered:
                return self.answer(request.till, request.request_id, act())
        return self.known_answer(request.till, request.request_id) or ""

    def settle(self, till: str, request_id: str, render: Render) -> str | None:
        """Return the one answer of a request to have an order paid; None while it is in progress.

        Args:
            till: Who asked.
            request_id: Under which id.
            render: Writes the answer for an order that has come to an end.

        Raises:
            JournalWriteError: The answer is not stored and may not be given.
        """
        with self._ledger.lock:
            entry = self._ledger.book.till.asked[till, request_id]
            if not entry.is_answered:
                is_there = entry.order_id in self._ledger.book.orders
                facts = self._facts(entry.order_id) if is_there else None
                if facts is not None and facts.in_progress:
                    return None
                return self.answer(till, request_id, render(facts))
        return self.known_answer(till, request_id)

    def known_answer(self, till: str, request_id: str) -> str | None:
        """Return the stored answer of a request, from the journal if it is an old one."""
        entry = self.entry(till, request_id)
        if entry is None or not entry.is_answered:
            return None
        return entry.answer or self._old_answer(till, request_id)

    def _old_answer(self, till: str, request_id: str) -> str:
        found = ""

        def take(record: AnyRecord, _: Book) -> None:
            nonlocal found
            if isinstance(record, TillAnswered) and (record.till, record.service_id) == (
                till,
                request_id,
            ):
                found = record.answer

        self._ledger.replay(take)
        return found

    def _known(self, request: Request) -> TillEntry | Refused | None:
        entry = self._ledger.book.till.asked.get((request.till, request.request_id))
        if entry is None:
            return None
        same = (entry.category, entry.order_id, entry.digest) == (
            request.category,
            request.order_id,
            request.digest,
        )
        return entry if same else Refused.REQUEST_DIFFERS

    def _ask(self, request: Request) -> None:
        self._ledger.append(
            TillAsked(
                self._ledger.time(),
                request.till,
                request.request_id,
                request.category,
                request.order_id,
                request.digest,
            )
        )
