"""How often a PIN was tried, and when it may be tried again: pure rules over counted attempts.

Counting knows no PIN and no clock. Attempts are counted before the PIN is compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

LOCK = timedelta(hours=24)
"""How long a payer's PIN stays locked. After it, another five attempts a day against the 10^6
PINs: a guesser needs centuries."""


@dataclass(frozen=True, slots=True)
class PinRules:
    """Limits of guessing."""

    failures_max: int = 5
    """Failures in a row that lock a payer's PIN.

    NIST SP 800-63B-4 allows up to 100 in a row; five is the custom of payment cards and more
    than a person mistypes."""
    delays_s: tuple[float, ...] = (0, 0, 1, 5, 30)
    """After n failures, seconds before the next attempt may be made."""
    terminal_failures_max: int = 20
    """Failures of all payers in `terminal_window` after which nobody's PIN is tried.

    Our own choice: a busy evening has a few; trying one PIN on many numbers has many."""
    terminal_window: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PinCounter:
    """Failures in a row of one payer; an attempt counts as failed until it is known right."""

    failures: int = 0
    last_at: datetime | None = None

    def attempted(self, at: datetime) -> PinCounter:
        """Return the counter after one more attempt."""
        return PinCounter(self.after_lock(at).failures + 1, at)

    def verified(self) -> PinCounter:
        """Return the counter after a right PIN."""
        return PinCounter(0, self.last_at)

    def after_lock(self, now: datetime) -> PinCounter:
        """Return the counter as it stands now: a day of rest forgives."""
        if self.last_at is not None and now - self.last_at >= LOCK:
            return PinCounter(0, self.last_at)
        return self


def pin_refusal(counter: PinCounter, now: datetime, rules: PinRules) -> str | None:
    """Say why a payer's PIN may not be tried now, as a reason code, or None if it may.

    A clock that was set back only ever makes the wait longer.
    """
    current = counter.after_lock(now)
    if current.failures >= rules.failures_max:
        return "pin_locked"
    delay_s = rules.delays_s[min(current.failures, len(rules.delays_s) - 1)]
    waited = None if current.last_at is None else now - current.last_at
    if delay_s and waited is not None and waited < timedelta(seconds=delay_s):
        return "pin_too_soon"
    return None


def attempts_left(counter: PinCounter, now: datetime, rules: PinRules) -> int:
    """Return how many more failures a payer has."""
    return max(0, rules.failures_max - counter.after_lock(now).failures)


def terminal_refusal(failures: Iterable[datetime], now: datetime, rules: PinRules) -> str | None:
    """Say why this terminal tries no PIN now, as a reason code, or None if it does."""
    recent = sum(now - at < rules.terminal_window for at in failures)
    return "pin_terminal_paused" if recent >= rules.terminal_failures_max else None
