"""Periodic limits of a VRP consent: which period a day falls in, and how much it allows.

Pure: dates and whole minor units in, dates and whole minor units out.
A calendar period that had begun before the consent is pro-rated by its days left, rounded down to
a whole minor unit so that the limit is never exceeded; a consent period is never pro-rated.
Source: UK Open Banking v4.0, domestic-vrp-consents, "Examples of Periodic Limits".
"""

from __future__ import annotations

import calendar
import enum
from dataclasses import dataclass
from datetime import date, timedelta

_WEEK_DAYS = 7
_FORTNIGHT_DAYS = 14
_YEAR_MONTHS = 12
_HALF_YEAR_MONTHS = 6


class PeriodType(enum.Enum):
    """How long a period is, in the words of the standard."""

    DAY = "Day"
    WEEK = "Week"
    FORTNIGHT = "Fortnight"
    MONTH = "Month"
    HALF_YEAR = "Half-year"
    YEAR = "Year"


_DAYS = {PeriodType.DAY: 1, PeriodType.WEEK: _WEEK_DAYS, PeriodType.FORTNIGHT: _FORTNIGHT_DAYS}
_MONTHS = {
    PeriodType.MONTH: 1,
    PeriodType.HALF_YEAR: _HALF_YEAR_MONTHS,
    PeriodType.YEAR: _YEAR_MONTHS,
}


@dataclass(frozen=True, slots=True)
class PeriodicLimit:
    """One entry of `PeriodicLimits`; `minor_units` is what a whole period allows."""

    period: PeriodType
    is_calendar: bool
    minor_units: int


@dataclass(frozen=True, slots=True)
class Period:
    """A period from its first to its last day, both included, and what it allows."""

    first: date
    last: date
    minor_units: int


def period_of(limit: PeriodicLimit, anchor: date, day: date) -> Period:
    """Return the period of a limit that a day falls in.

    Args:
        limit: The limit.
        anchor: The day from which the consent counts.
        day: The day of a payment, not before `anchor`.
    """
    assert day >= anchor, "no period begins before the consent"
    if not limit.is_calendar:
        first, last = _consent_period(limit.period, anchor, day)
        return Period(first, last, limit.minor_units)
    first, last = _calendar_period(limit.period, day)
    if first >= anchor:
        return Period(first, last, limit.minor_units)
    days_left = (last - anchor).days + 1
    days = (last - first).days + 1
    return Period(anchor, last, limit.minor_units * days_left // days)


def _calendar_period(period: PeriodType, day: date) -> tuple[date, date]:
    """Return the period of the ISO calendar: weeks begin on Monday, half-years in January, July."""
    assert period is not PeriodType.FORTNIGHT, "the calendar has no fortnights"
    if period is PeriodType.DAY:
        return day, day
    if period is PeriodType.WEEK:
        first = day - timedelta(days=day.weekday())
        return first, first + timedelta(days=_WEEK_DAYS - 1)
    months = _MONTHS[period]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return first, _months_later(first, months) - timedelta(days=1)


def _consent_period(period: PeriodType, anchor: date, day: date) -> tuple[date, date]:
    """Return the period counted from the consent; each begins on the anchor's day of the month.

    Where a month has no such day, its last day stands in, and only there.
    """
    days = _DAYS.get(period)
    if days is not None:
        first = anchor + timedelta(days=(day - anchor).days // days * days)
        return first, first + timedelta(days=days - 1)
    step = _MONTHS[period]
    months = (day.year - anchor.year) * _YEAR_MONTHS + day.month - anchor.month
    if _months_later(anchor, months) > day:
        months -= 1
    months = months // step * step
    last = _months_later(anchor, months + step) - timedelta(days=1)
    return _months_later(anchor, months), last


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * _YEAR_MONTHS + day.month - 1 + months, _YEAR_MONTHS)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
