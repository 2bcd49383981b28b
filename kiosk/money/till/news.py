"""News of orders for tills: what has changed, with the number of the record that changed it.

The number is the place of the record in the journal, so a listener that lost its connection names
the last one it saw and gets what came after, also after a restart. Somebody who missed more than
`NEWS_KEPT` is told to look at the orders instead.
It knows nothing of HTTP; stream.py sends.

Invariants: news is told only once its record is durable; a listener's queue is bounded, and one
that does not keep up is dropped, never waited for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.money.book import Book
from kiosk.money.ledger import Ledger
from kiosk.money.records import (
    AnyRecord,
    IntentStored,
    OrderOpened,
    ResultContradicted,
    ResultCorrected,
    ResultsMissing,
    ResultStored,
)

NEWS_KEPT = 1_000
"""Changes of orders at hand for listeners who come back: half a day of a busy till."""


@dataclass(frozen=True, slots=True)
class News:
    """One change of one order."""

    record: int
    """Number of the record in the journal, the header being number 1."""
    at: str
    order_id: OrderId
    amount: Money
    state: OrderState
    reason: str
    is_late: bool
    """It changes what was said before: a payment whose end was unknown, or wrongly told."""
    till: str
    """Which till asked for the order; empty where none did."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What a listener that comes back has missed."""

    news: tuple[News, ...]
    is_whole: bool
    """Whether that is all of it."""


Hear = Callable[[News], None]


class NewsDesk:
    """Keeps the newest changes and tells listeners of each. Safe to use from several threads."""

    def __init__(self, ledger: Ledger) -> None:
        """Listen to the journal from now on."""
        self._ledger = ledger
        self._kept: deque[News] = deque(maxlen=NEWS_KEPT)
        self._kept_from = ledger.records
        """Every change after this record is kept, unless the queue has dropped it."""
        self._hearers: dict[int, Hear] = {}
        self._next = 0
        self._filling = threading.Lock()
        ledger.watch(self._take)

    def listen(self, hear: Hear) -> int:
        """Have every later change told to `hear`, under the ledger's lock; it must be quick."""
        with self._ledger.lock:
            self._next += 1
            self._hearers[self._next] = hear
            return self._next

    def stop(self, number: int) -> None:
        """Tell a listener nothing any more."""
        with self._ledger.lock:
            self._hearers.pop(number, None)

    def since(self, record: int) -> Missed:
        """Return the changes after a record, oldest first.

        Raises:
            JournalDamagedError, OSError: The journal cannot be read any more.
        """
        with self._ledger.lock:
            if record >= self._kept_from:
                return self._after(record)
        with self._filling:
            self._fill()
        with self._ledger.lock:
            return self._after(record)

    def _after(self, record: int) -> Missed:
        found = tuple(it for it in self._kept if it.record > record)
        return Missed(found, is_whole=record >= self._kept_from)

    def _take(self, record: AnyRecord) -> None:
        for news in _news_of(record, self._ledger.book, self._ledger.records):
            self._keep(news)
            for hear in tuple(self._hearers.values()):
                hear(news)

    def _keep(self, news: News) -> None:
        if len(self._kept) == NEWS_KEPT:
            self._kept_from = self._kept[0].record
        self._kept.append(news)

    def _fill(self) -> None:
        """Read the journal once for what was before this process."""
        found: deque[News] = deque(maxlen=NEWS_KEPT)
        dropped = 0
        number = 1

        def take(record: AnyRecord, book: Book) -> None:
            nonlocal number, dropped
            number += 1
            for news in _news_of(record, book, number):
                if len(found) == NEWS_KEPT:
                    dropped = found[0].record
                found.append(news)

        self._ledger.replay(take)
        with self._ledger.lock:
            last = found[-1].record if found else 0
            found.extend(news for news in self._kept if news.record > last)
            self._kept, self._kept_from = found, dropped


def _news_of(record: AnyRecord, book: Book, number: int) -> list[News]:
    is_late = isinstance(record, (ResultCorrected, ResultContradicted))
    found: list[News] = []
    for order_id in _orders_of(record, book):
        entry = book.orders.get(order_id)
        if entry is not None:
            found.append(
                News(
                    record=number,
                    at=record.at,
                    order_id=order_id,
                    amount=entry.order.amount,
                    state=entry.state,
                    reason=entry.reason,
                    is_late=is_late,
                    till=book.till.owners.get(order_id, ""),
                )
            )
    return found


def _orders_of(record: AnyRecord, book: Book) -> list[OrderId]:
    """Name the orders that a record is about; kinds that are about none give none."""
    match record:
        case OrderOpened(order=order):
            return [order.order_id]
        case IntentStored(order_id=order_id):
            return [order_id]
        case ResultStored(key=key) | ResultCorrected(key=key) | ResultContradicted(key=key):
            return [book.attempts[key].order_id]
        case ResultsMissing(keys=keys):
            return [book.attempts[key].order_id for key in keys]
        case _:
            # What tills asked comes before their order is; the rest names its order, or has none.
            name = getattr(record, "order_id", "")
            return [OrderId(name)] if name in book.orders else []
