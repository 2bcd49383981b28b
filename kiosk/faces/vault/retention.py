"""How long somebody who does not pay any more is kept: warned, then erased.

Pure: dates come as arguments. A clock that is wrong must never erase anybody, so an erasure needs
three things: the person has been unused for the whole time, they were warned, and since the later
of the warning and the last jump of the clock the whole notice period has passed, looked at at least
once a week. A clock that jumps, back or far forward, starts the notice of everybody anew; dates
that lie in the future come from such a clock and are mended, not believed.
"""

from __future__ import annotations

import calendar
import enum
from dataclasses import dataclass
from datetime import date, timedelta

JUMP_DAYS_MAX = 7
"""Days between two looks that are no jump. Longer ones - a clock set wrong, a winter's closing -
only put erasures off. It must be far below any notice period."""
NOTICE_DAYS_MIN = 4 * JUMP_DAYS_MAX


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """What an owner sets.

    Args:
        unused_months: Months without a payment after which a person is warned (docs/retention.md).
        notice_days: Days from the warning to the erasure.
    """

    unused_months: int = 12
    notice_days: int = 30

    def __post_init__(self) -> None:
        """Refuse a time in which nobody could come by, or that no law allows."""
        if not 1 <= self.unused_months <= 36:
            message = "retention.unused_months must be 1 to 36"
            raise ValueError(message)
        if not NOTICE_DAYS_MIN <= self.notice_days <= 365:
            message = f"retention.notice_days must be {NOTICE_DAYS_MIN} to 365"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known of the clock: the day last seen, and since when it has not jumped."""

    seen: date
    steady_since: date


class Step(enum.Enum):
    """What is to be done about one person."""

    KEEP = "keep"
    WARN = "warn"
    UNWARN = "unwarn"
    """They were warned and have paid since."""
    MEND = "mend"
    """A date of theirs lies in the future: the clock was wrong when it was written."""
    ERASE = "erase"


def look(before: Clock | None, today: date) -> Clock:
    """Return what is known of the clock after one more look at it."""
    if before is None:
        return Clock(today, today)
    passed = (today - before.seen).days
    if 0 <= passed <= JUMP_DAYS_MAX:
        return Clock(today, before.steady_since)
    return Clock(today, today)


def due_on(last_active: date, rules: RetentionRules) -> date:
    """Return the day from which somebody counts as unused."""
    month = last_active.month - 1 + rules.unused_months
    year, month = last_active.year + month // 12, month % 12 + 1
    return date(year, month, min(last_active.day, calendar.monthrange(year, month)[1]))


def erased_from(warned: date, clock: Clock, rules: RetentionRules) -> date:
    """Return the first day on which somebody who was warned may be erased."""
    return max(warned, clock.steady_since) + timedelta(days=rules.notice_days)


def judge(last_active: date, warned: date | None, clock: Clock, rules: RetentionRules) -> Step:
    """Say what is to be done about one person on the day last seen.

    Args:
        last_active: When they last paid, or enrolled.
        warned: When they were warned, if they were.
        clock: After today's `look()`.
        rules: The owner's.
    """
    today = clock.seen
    if last_active > today or (warned is not None and warned > today):
        return Step.MEND
    if today < due_on(last_active, rules):
        return Step.KEEP if warned is None else Step.UNWARN
    if warned is None:
        return Step.WARN
    return Step.ERASE if today >= erased_from(warned, clock, rules) else Step.KEEP
