"""Periodic limits: the standard's own examples, and an independent oracle that walks the days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.sandbox.bank.vrp.limits import PeriodicLimit, PeriodType, period_of
from tests.fakes.vrp_limits import SlowOracle

JUNE_6 = date(2021, 6, 6)
JUNE_5 = date(2021, 6, 5)


@pytest.mark.parametrize(
    ("period", "is_calendar", "amount", "anchor", "expected"),
    [
        ("Month", True, 30000, JUNE_6, [("06-06", "06-30", 25000), ("07-01", "07-31", 30000)]),
        ("Month", False, 50000, JUNE_5, [("06-05", "07-04", 50000), ("07-05", "08-04", 50000)]),
        ("Year", True, 50000, JUNE_6, [("06-06", "12-31", 28630), ("01-01", "12-31", 50000)]),
        ("Year", False, 50000, JUNE_5, [("06-05", "06-04", 50000), ("06-05", "06-04", 50000)]),
    ],
)
def test_examples_of_the_standard(period, is_calendar, amount, anchor, expected):
    """The limits of v4.0, domestic-vrp-consents, "Examples of Periodic Limits", to the penny."""
    limit = PeriodicLimit(PeriodType(period), is_calendar, amount)

    first = period_of(limit, anchor, anchor)
    second = period_of(limit, anchor, first.last + timedelta(days=1))

    for (first_day, last_day, minor_units), found in zip(expected, (first, second), strict=True):
        assert (first_day, last_day) == (f"{found.first:%m-%d}", f"{found.last:%m-%d}")
        assert minor_units == found.minor_units


def test_last_day_of_the_month_comes_back():
    """A consent of the 31st has short months end early, and the next one on the 31st again."""
    limit = PeriodicLimit(PeriodType.MONTH, is_calendar=False, minor_units=100)
    anchor = date(2027, 1, 31)

    assert date(2027, 2, 27) == period_of(limit, anchor, date(2027, 2, 1)).last
    assert date(2027, 2, 28) == period_of(limit, anchor, date(2027, 3, 30)).first
    assert date(2027, 3, 31) == period_of(limit, anchor, date(2027, 3, 31)).first


KINDS = st.sampled_from(
    [(period.value, aligned) for period in PeriodType for aligned in (True, False)]
).filter(lambda kind: kind != ("Fortnight", True))


@given(
    kind=KINDS,
    amount=st.integers(1, 10_000_000),
    anchor=st.dates(date(2023, 1, 1), date(2028, 12, 31)),
    days=st.integers(0, 900),
)
def test_periods_are_those_of_the_slow_oracle(kind, amount, anchor, days):
    """Any day of any limit is in the period, and under the amount, that walking the days finds."""
    oracle = SlowOracle(kind, amount, anchor)
    day = anchor + timedelta(days=days)

    found = period_of(PeriodicLimit(PeriodType(kind[0]), kind[1], amount), anchor, day)

    assert found.first <= day <= found.last
    number = oracle.number(day)
    assert number == oracle.number(found.first) == oracle.number(found.last)
    assert number + 1 == oracle.number(found.last + timedelta(days=1))
    assert found.first == anchor or number - 1 == oracle.number(found.first - timedelta(days=1))
    assert oracle.allowed(number) == found.minor_units
