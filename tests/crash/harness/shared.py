"""Numbers that every process of an experiment sees, whichever of them is dead: clock and triggers.

They lie in memory that is shared by inheritance, so a SIGKILL neither loses nor delays them.
Waiting takes no time here: it moves the one clock that money and the bank both read. Real time
goes on as well, so that a time-out on a socket is still a time-out.
"""

from __future__ import annotations

import ctypes
import enum
import mmap
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

PR_SET_PDEATHSIG = 1
NOTICE_S_MAX = 0.04
"""Real seconds that the bank is given to notice a leap; a dead one never does."""


class Slot(enum.IntEnum):
    """Which number lies where."""

    SKIPPED_MS = 0
    """How far waiting has moved the clocks on."""
    MONEY_WALL_MS = 1
    """How wrong the terminal's time of day is."""
    BANK_WALL_MS = 2
    MONEY_PID = 3
    """The process that the bank shoots, or 0."""
    SHOOT_MONEY_AT = 4
    SHOOT_MONEY_LEFT = 5
    """How many times the bank passes that step until it shoots."""
    BANK_DIES_AT = 6
    BANK_DIES_LEFT = 7
    FALSE_ANSWERS = 8
    """How many payments the bank answers with another order's settled answer, executing none."""
    BANK_SAW_MS = 9
    """How far the clocks had been moved on when the bank last saw that nobody waits for it."""
    COUNT = 10


class BankStep(enum.IntEnum):
    """Steps of the bank at which it may shoot the money process, or die."""

    NEVER = 0
    READ = 1
    """The request is read; nothing is executed."""
    IN_TRANSACTION = 2
    """The debit is written, the answer under the key is not."""
    COMMITTED = 3
    """Executed; not one byte of the answer has left."""
    ANSWERED = 4
    """The whole answer has left."""


class Shared:
    """The numbers. Made before the first fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._numbers = memoryview(self._memory).cast("q")
        self._guard = threading.Lock()

    def __getitem__(self, slot: Slot) -> int:
        return self._numbers[slot]

    def __setitem__(self, slot: Slot, value: int) -> None:
        self._numbers[slot] = value

    def take(self, slot: Slot) -> bool:
        """Count a slot down; say whether it just reached zero."""
        with self._guard:
            if self._numbers[slot] <= 0:
                return False
            self._numbers[slot] -= 1
            return self._numbers[slot] == 0

    def take_one(self, slot: Slot) -> bool:
        """Use up one of several; say whether there was one."""
        with self._guard:
            if self._numbers[slot] <= 0:
                return False
            self._numbers[slot] -= 1
            return True

    def skip(self, duration_ms: int) -> None:
        """Move the clocks on, and let the bank notice before anything is sent to it.

        It counts a request's age from when it last saw nobody waiting, so that to a bank that has
        not looked since, everything sent after a leap is as old as the leap.
        """
        with self._guard:
            self._numbers[Slot.SKIPPED_MS] += max(0, duration_ms)
        ends_s = time.monotonic() + NOTICE_S_MAX
        while self[Slot.BANK_SAW_MS] != self[Slot.SKIPPED_MS] and time.monotonic() < ends_s:
            time.sleep(0.000_5)

    def calm(self) -> None:
        """Nobody shoots, nobody dies, every clock is right."""
        for slot in Slot:
            if slot not in {Slot.SKIPPED_MS, Slot.BANK_SAW_MS, Slot.COUNT}:
                self[slot] = 0

    def steady_ms(self) -> int:
        now_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        return now_ms + self[Slot.SKIPPED_MS]

    def bank_wall_s(self) -> float:
        return time.time() + (self[Slot.SKIPPED_MS] + self[Slot.BANK_WALL_MS]) / 1_000


class VirtualClock:
    """Money's clock over the shared one. Days are UTC days."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._stopped = False

    def steady_ms(self) -> int:
        return self._shared.steady_ms()

    def now(self) -> datetime:
        wrong_ms = self._shared[Slot.SKIPPED_MS] + self._shared[Slot.MONEY_WALL_MS]
        return datetime.now(UTC) + timedelta(milliseconds=wrong_ms)

    def day_of(self, time: datetime) -> date:
        return time.date()

    def wait(self, duration_ms: int) -> bool:
        if self._stopped:
            return False
        self._shared.skip(duration_ms)
        return True

    def stop(self) -> None:
        self._stopped = True


def fork_child(work: Callable[[], int | None]) -> int:
    """Run `work` in a child that dies with its parent; return its process id.

    The child never returns into the caller's frames: whatever `work` does, it ends there.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        code = work() or 0
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    except BaseException:  # noqa: BLE001 - the last frame of a process
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)
