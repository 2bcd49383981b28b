"""The retention clock: unused, warned, erased; and a wrong clock erases nobody."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from kiosk.faces.vault.retention import (
    JUMP_DAYS_MAX,
    Clock,
    RetentionRules,
    Step,
    due_on,
    erased_from,
    judge,
    look,
)

RULES = RetentionRules()
ENROLLED = date(2026, 1, 31)


def days(count: int) -> timedelta:
    return timedelta(days=count)


@pytest.mark.parametrize(
    ("active", "months", "due"),
    [
        (date(2026, 1, 31), 12, date(2027, 1, 31)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 12, 15), 36, date(2029, 12, 15)),
    ],
)
def test_months_are_those_of_the_calendar(active, months, due):
    """A month ends with its last day where the same day is not in it."""
    assert due == due_on(active, RetentionRules(unused_months=months))


def walk(first: date, last: date, every: int = 1, used: dict[date, bool] | None = None):
    """Return what is done about one person enrolled at `first`, by day, until they are erased."""
    clock, warned, active, told = None, None, first, []
    today = first
    while today <= last:
        clock = look(clock, today)
        if used and used.get(today):
            active, warned = today, None
        step = judge(active, warned, clock, RULES)
        if step is not Step.KEEP:
            told.append((today, step))
        warned = today if step is Step.WARN else None if step is Step.UNWARN else warned
        if step is Step.ERASE:
            break
        today += days(every)
    return told


def test_unused_people_are_warned_and_then_erased():
    """After twelve months a warning, thirty days later the erasure, not a day before."""
    warned, erased = walk(ENROLLED, date(2028, 1, 1))
    assert (date(2027, 1, 31), Step.WARN) == warned
    assert (date(2027, 3, 2), Step.ERASE) == erased


def test_whoever_pays_after_the_warning_stays():
    """A payment in the notice period starts the time anew."""
    told = walk(ENROLLED, date(2028, 3, 1), used={date(2027, 2, 20): True})
    assert [(date(2027, 1, 31), Step.WARN), (date(2028, 2, 20), Step.WARN)] == told


@pytest.mark.parametrize("every", [1, 3, JUMP_DAYS_MAX])
def test_a_terminal_that_is_off_for_days_still_erases(every):
    """Days off between two looks are no jump, up to a week."""
    assert Step.ERASE is walk(ENROLLED, date(2028, 1, 1), every)[-1][1]


def test_a_terminal_that_is_seldom_on_erases_nobody():
    """Looks more than a week apart could be jumps; the notice never ends."""
    told = walk(ENROLLED, date(2030, 1, 1), JUMP_DAYS_MAX + 1)
    assert [Step.WARN] == [step for _, step in told]


@pytest.mark.parametrize("jump", [8, 40, 400, 5_000, 20_000])
def test_a_jump_far_forward_erases_nobody_at_once(jump):
    """Whoever was warned before gets the whole notice again; so staff have time to see it."""
    warned = date(2027, 1, 31)
    clock = look(Clock(date(2027, 2, 28), ENROLLED), date(2027, 2, 28) + days(jump))
    assert Step.KEEP is judge(ENROLLED, warned, clock, RULES)
    assert clock.seen + days(RULES.notice_days) == erased_from(warned, clock, RULES)


def test_a_clock_put_right_again_mends_what_was_written_meanwhile():
    """Warnings and payments of a wrong day are not believed once the day is over."""
    wrong = look(Clock(date(2026, 6, 1), ENROLLED), date(2040, 6, 1))
    assert Step.WARN is judge(ENROLLED, None, wrong, RULES)
    right = look(wrong, date(2026, 6, 2))
    assert Clock(date(2026, 6, 2), date(2026, 6, 2)) == right
    assert Step.MEND is judge(ENROLLED, date(2040, 6, 1), right, RULES)
    assert Step.MEND is judge(date(2040, 6, 1), None, right, RULES)


def test_no_history_of_a_jumping_clock_erases_without_a_month_of_steady_days():
    """Seeded clocks that jump to and fro: an erasure always ends a whole notice of steady looks."""
    seeded = random.Random(5)
    for _ in range(200):
        clock, warned, today, steady = None, None, ENROLLED, 0
        for _ in range(400):
            step = seeded.choice([1, 1, 1, 1, 1, 2, 7, -1, 90, -400, 700])
            if seeded.random() < 0.9:
                step = 1
            today = max(ENROLLED, today + days(step))
            steady = steady + step if 0 <= step <= JUMP_DAYS_MAX else 0
            clock = look(clock, today)
            told = judge(ENROLLED, warned, clock, RULES)
            if told is Step.ERASE:
                assert steady >= RULES.notice_days
                break
            if told is Step.WARN:
                warned = today
            if told in {Step.MEND, Step.UNWARN}:
                warned = None


@pytest.mark.parametrize("bad", [{"unused_months": 0}, {"unused_months": 37}, {"notice_days": 27}])
def test_rules_that_no_law_or_guest_could_bear_are_refused(bad):
    """Beyond three years (BIPA) or with a notice that a jump could end, nothing starts."""
    with pytest.raises(ValueError, match="retention"):
        RetentionRules(**bad)
