"""Time as the money process sees it: a steady clock for waiting, a calendar for limits."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime
from typing import Protocol

CLOCK_SKEW_S_MAX = 300.0
"""Further from the bank's clock than this, no payment is begun, and none is sent again after a
restart: the day's limits, the journal's times and the signatures' would all be of another hour.
Connectors correct for less."""


class Clock(Protocol):
    """What the engine asks of time."""

    def steady_ms(self) -> int:
        """Return milliseconds that never jump or run backwards."""
        ...

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        ...

    def day_of(self, time: datetime) -> date:
        """Return the calendar day of the terminal that a time falls on."""
        ...

    def wait(self, duration_ms: int) -> bool:
        """Wait; return False at once, now and ever after, once `stop` was called."""
        ...

    def stop(self) -> None:
        """Wake every waiting thread, because the process ends."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._stopped = threading.Event()

    def steady_ms(self) -> int:
        """Return milliseconds of CLOCK_BOOTTIME, which also counts while the machine sleeps."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(UTC)

    def day_of(self, time: datetime) -> date:
        """Return the day in the time zone that the terminal is set to."""
        return time.astimezone().date()

    def wait(self, duration_ms: int) -> bool:
        """Wait; return False as soon as `stop` was called."""
        return not self._stopped.wait(max(0, duration_ms) / 1_000)

    def stop(self) -> None:
        """Wake every waiting thread."""
        self._stopped.set()
