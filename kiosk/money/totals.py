"""Adds a day or a shift up: orders by state, money in, money back, and what is open.

Pure: a book in, numbers out, so that the totals of the running process and those of a replay are
the same by construction. A period is from `since` on and before `until`; an order belongs to the
period in which it was opened, money to the one in which its arrival or return was journalled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from kiosk.domain.errors import BadInputError
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.refund import RefundState
from kiosk.money.book import Book
from kiosk.money.open_items import OpenItem, open_items

DAY_FIRST = date(2000, 1, 1)
DAY_LAST = date(2199, 12, 31)
"""Days that can be asked for. Beyond them Python's own calendar ends (years 1 and 9999) as soon as
a time zone is added, and no journal has them."""


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a shift, in aware times."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        """Refuse a period that ends before it begins."""
        if self.since >= self.until:
            raise BadInputError(
                "The period ends before it begins.",
                code="period_bad",
                mend="Give the earlier time first.",
            )

    def holds(self, at: datetime | None) -> bool:
        """Say whether a time lies in it."""
        return at is not None and self.since <= at < self.until


@dataclass(frozen=True, slots=True)
class Sum:
    """How many, and how much in minor units."""

    count: int
    minor_units: int


@dataclass(frozen=True, slots=True)
class Totals:
    """A period added up, in the terminal's one currency."""

    period: Period
    currency: str
    orders: dict[OrderState, Sum]
    """Orders opened in the period, by the state they are in now; every state is there."""
    received: Sum
    """Payments whose money came in, by this system, in the period."""
    refunded: Sum
    """Refunds that were done in the period."""
    refunds_open: Sum
    """Refunds that are open now, of any time."""
    open: tuple[OpenItem, ...]
    """Everything that is open now, of any time."""

    @property
    def net(self) -> int:
        """Minor units received less refunded; may be below zero."""
        return self.received.minor_units - self.refunded.minor_units


def check_day(day: date) -> date:
    """Return a day that somebody asked for.

    Raises:
        BadInputError: It is before `DAY_FIRST` or after `DAY_LAST`.
    """
    if not DAY_FIRST <= day <= DAY_LAST:
        raise BadInputError(
            f"The day is not between {DAY_FIRST} and {DAY_LAST}.",
            code="day_bad",
            mend="Write it like 2026-11-23.",
        )
    return day


def day_period(day: date) -> Period:
    """Return a calendar day in the time zone that the machine is set to.

    Two days of a year are 23 or 25 hours long where summer time is kept.
    """
    first = datetime.combine(day, time.min).astimezone()
    last = datetime.combine(day + timedelta(days=1), time.min).astimezone()
    return Period(first, last)


def totals_of(book: Book, period: Period, currency: str) -> Totals:
    """Add a period up."""
    opened = [entry for entry in book.orders.values() if period.holds(entry.opened_at)]
    settled = [
        attempt.amount
        for attempt in book.attempts.values()
        if attempt.end is AttemptEnd.SETTLED and period.holds(attempt.ended_at)
    ]
    refunds = book.refunds.entries
    done = [
        refund.amount
        for refund in refunds.values()
        if refund.state is RefundState.DONE and period.holds(refund.ended_at)
    ]
    return Totals(
        period=period,
        currency=currency,
        orders={
            state: _sum(entry.order.amount for entry in opened if entry.state is state)
            for state in OrderState
        },
        received=_sum(settled),
        refunded=_sum(done),
        refunds_open=_sum(refunds[number].amount for number in book.refunds.open),
        open=tuple(open_items(book)),
    )


def _sum(amounts: Iterable[Money]) -> Sum:
    units = [amount.minor_units for amount in amounts]
    return Sum(len(units), sum(units))
