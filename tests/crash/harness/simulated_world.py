"""A world in one process: a clock, a disk and a bank that a power cut can separate from their user.

Every call of an adapter is a step at which the power may go: from then on each adapter raises
`PowerCutError`, so that whatever code still runs reaches nothing. The disk keeps some of what was
not synced, or none, or some with a sector missing. The bank and real time go on.
"""

from __future__ import annotations

import errno
import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from tests.fakes.storage import PowerCutError

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECTOR_BYTES = 512
_KIND = re.compile(rb'"kind":"([a-z_]+)"')


@dataclass
class Power:
    """Counts the steps of one life and cuts the power at the chosen one (0: never)."""

    cut_at: int = 0
    steps: int = 0
    is_off: bool = False
    cut_where: str = ""

    def step(self, where: str) -> None:
        if self.is_off:
            raise PowerCutError
        self.steps += 1
        if self.steps == self.cut_at:
            self.is_off, self.cut_where = True, where
            raise PowerCutError


@dataclass
class World:
    """What goes on whether the terminal runs or not."""

    chance: random.Random
    now_ms: int = 0
    """Real time."""
    booted_ms: int = 0
    """When the terminal was switched on: its steady clock begins there."""
    wall_error_ms: int = 0
    power: Power = field(default_factory=Power)
    notes: list[dict] = field(default_factory=list)

    def note(self, **what: object) -> None:
        self.notes.append({**what, "at_ms": self.now_ms})


class SimulatedClock:
    """Money's clock. Waiting passes real time at once. It begins anew with each boot."""

    def __init__(self, world: World) -> None:
        self._world = world

    def steady_ms(self) -> int:
        return 60_000 + self._world.now_ms - self._world.booted_ms

    def now(self) -> datetime:
        ms = self._world.now_ms + self._world.wall_error_ms
        return START + timedelta(milliseconds=ms)

    def day_of(self, time: datetime) -> date:
        return time.date()

    def wait(self, duration_ms: int) -> bool:
        self._world.power.step("wait")
        self._world.now_ms += duration_ms
        return True

    def stop(self) -> None:
        pass


class SimulatedDisk:
    """A file whose unsynced bytes a power cut may take, whole or in sectors."""

    def __init__(self, world: World, content: bytes) -> None:
        self._world = world
        self.durable = content
        self.unsynced = b""
        self.trouble: tuple[str, str, int] | None = None
        """Record, call (`append` or `sync`) and errno of one failure."""
        self._record = "header"
        self._is_opening = False

    def after_power_cut(self) -> bytes:
        """Return what the next life finds."""
        chance = self._world.chance
        kept = bytearray(self.unsynced[: chance.randint(0, len(self.unsynced))])
        if kept and chance.random() < 0.3:
            # A sector in the middle never reached the disk and reads as zeros.
            start = len(self.durable) + chance.randrange(len(kept))
            start -= start % SECTOR_BYTES
            first = max(0, start - len(self.durable))
            last = min(len(kept), start + SECTOR_BYTES - len(self.durable))
            kept[first:last] = bytes(last - first)
        return self.durable + bytes(kept)

    def chunks(self) -> Iterator[bytes]:
        self._is_opening = True
        yield self.durable + self.unsynced

    def append(self, data: bytes) -> int:
        found = _KIND.search(data)
        self._record = found[1].decode() if found else "header"
        self._world.power.step(f"{self._record}.before")
        self._world.note(what="begun", kind=self._record)
        if self._fails("append"):
            self.unsynced += data[: len(data) // 2]
            raise OSError(errno.ENOSPC, "full")
        self.unsynced += data
        self._world.power.step(f"{self._record}.written")
        return len(data)

    def sync(self) -> None:
        if self._is_opening:
            self._is_opening = False
            self.durable, self.unsynced = self.durable + self.unsynced, b""
            # What a power cut left whole is stored from here on, although its writer never knew.
            self._note_stored(self.durable)
            self._world.power.step("opened")
            return
        if self._fails("sync"):
            # The kernel has dropped the bytes and will say nothing of it again.
            self.unsynced = b""
            raise OSError(errno.EIO, "lost")
        self._note_stored(self.unsynced)
        self.durable += self.unsynced
        self.unsynced = b""
        self._world.power.step(f"{self._record}.synced")

    def _note_stored(self, lines: bytes) -> None:
        for line in lines.splitlines(keepends=True):
            body = json.loads(line[line.index(b" {") :])
            self._world.note(
                what="stored",
                digest=hashlib.sha256(line).hexdigest(),
                kind=body.get("kind", "header"),
                key=body.get("key"),
                keys=body.get("keys"),
            )

    def truncate(self, size: int) -> None:
        self._world.power.step("truncate")
        whole = (self.durable + self.unsynced)[:size]
        self.durable, self.unsynced = whole[: len(self.durable)], whole[len(self.durable) :]

    def close(self) -> None:
        pass

    def _fails(self, call: str) -> bool:
        if self.trouble is None or self.trouble[:2] != (self._record, call):
            return False
        self.trouble = None
        return True
