"""A clock that stands still until a test, or somebody who waits, moves it."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta


class FakeClock:
    """Waiting takes no time and moves both clocks on. Days are UTC days."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) -> None:
        self._guard = threading.Lock()
        self._steady_ms = 1_000_000
        self._now = now
        self.waits: list[int] = []
        self.stopped = False

    def steady_ms(self) -> int:
        with self._guard:
            return self._steady_ms

    def now(self) -> datetime:
        with self._guard:
            return self._now

    def day_of(self, time: datetime) -> date:
        return time.date()

    def wait(self, duration_ms: int) -> bool:
        if self.stopped:
            return False
        self.waits.append(duration_ms)
        self.pass_ms(duration_ms)
        return True

    def stop(self) -> None:
        self.stopped = True

    def pass_ms(self, duration_ms: int) -> None:
        with self._guard:
            self._steady_ms += duration_ms
            self._now += timedelta(milliseconds=duration_ms)

    def pass_s(self, duration_s: float) -> None:
        self.pass_ms(round(duration_s * 1_000))

    def set_now(self, now: datetime) -> None:
        with self._guard:
            self._now = now
