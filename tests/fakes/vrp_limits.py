"""Periodic limits found by walking the calendar day by day: slow, and hard to get wrong."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from fractions import Fraction


class SlowOracle:
    """Numbers the periods by walking from the anchor day by day; knows no division of dates."""

    def __init__(self, kind: tuple[str, bool], amount: int, anchor: date):
        self.period, self.is_calendar = kind
        self.amount, self.anchor = amount, anchor

    def number(self, day: date) -> int:
        """How many periods have begun since the anchor's, by the day `day`."""
        number, months = 0, 0
        walker = self.anchor
        while walker < day:
            walker += timedelta(days=1)
            month_end = calendar.monthrange(walker.year, walker.month)[1]
            months += walker.day == min(self.anchor.day, month_end)
            number += self._begins(walker, months)
        return number

    def _begins(self, day: date, months: int) -> bool:
        if self.is_calendar:
            return {
                "Day": True,
                "Week": day.isoweekday() == 1,
                "Month": day.day == 1,
                "Half-year": (day.month, day.day) in {(1, 1), (7, 1)},
                "Year": (day.month, day.day) == (1, 1),
            }[self.period]
        passed = (day - self.anchor).days
        anniversary = day.day == min(self.anchor.day, calendar.monthrange(day.year, day.month)[1])
        return {
            "Day": True,
            "Week": passed % 7 == 0,
            "Fortnight": passed % 14 == 0,
            "Month": anniversary,
            "Half-year": anniversary and months % 6 == 0,
            "Year": anniversary and months % 12 == 0,
        }[self.period]

    def allowed(self, number: int) -> int:
        """What the period of this number allows."""
        if number > 0 or not self.is_calendar:
            return self.amount
        whole = left = 1
        day = self.anchor
        while not self._begins(day, 0):
            day -= timedelta(days=1)
            whole += 1
        day = self.anchor + timedelta(days=1)
        while not self._begins(day, 0):
            day += timedelta(days=1)
            whole += 1
            left += 1
        return int(Fraction(self.amount * left, whole))
