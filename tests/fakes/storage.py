"""A disk in memory that keeps synced and unsynced bytes apart and fails on command."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field


class PowerCutError(BaseException):
    """The machine is off; nothing that runs on it gets an answer, nor the chance to go on."""


@dataclass
class FakeDisk:
    """What survives a power cut: `durable`, and of `unsynced` any part that the test chooses."""

    durable: bytes = b""
    unsynced: bytes = b""
    appends: int = 0
    syncs: int = 0
    cut_power_before_append: int | None = None
    """Number of the append (from 1) that finds the machine off."""
    cut_power_before_sync: int | None = None
    fail_append: list[int] = field(default_factory=list)
    """Errno values that the next appends raise, after having taken half of the bytes."""
    fail_sync: list[int] = field(default_factory=list)
    fail_truncate: list[int] = field(default_factory=list)
    take_at_most: int | None = None
    """Bytes that one append takes: short writes."""
    is_off: bool = False

    def restart(self, keep_unsynced: int = 0) -> FakeDisk:
        """Give the disk as the next process finds it, with this much of the unsynced bytes."""
        return FakeDisk(durable=self.durable + self.unsynced[:keep_unsynced])

    # Storage ---------------------------------------------------------------------------------

    def chunks(self) -> Iterator[bytes]:
        content = self.durable + self.unsynced
        for start in range(0, len(content), 1_000):
            yield content[start : start + 1_000]

    def append(self, data: bytes) -> int:
        self._alive()
        self.appends += 1
        if self.appends == self.cut_power_before_append:
            self.is_off = True
            raise PowerCutError
        if self.fail_append:
            self.unsynced += data[: len(data) // 2]
            code = self.fail_append.pop(0)
            raise OSError(code, errno.errorcode[code])
        taken = data[: self.take_at_most]
        self.unsynced += taken
        return len(taken)

    def sync(self) -> None:
        self._alive()
        self.syncs += 1
        if self.syncs == self.cut_power_before_sync:
            self.is_off = True
            raise PowerCutError
        if self.fail_sync:
            code = self.fail_sync.pop(0)
            raise OSError(code, errno.errorcode[code])
        self.durable += self.unsynced
        self.unsynced = b""

    def truncate(self, size: int) -> None:
        self._alive()
        if self.fail_truncate:
            code = self.fail_truncate.pop(0)
            raise OSError(code, errno.errorcode[code])
        content = (self.durable + self.unsynced)[:size]
        self.durable = content[: len(self.durable)]
        self.unsynced = content[len(self.durable) :]

    def close(self) -> None:
        pass

    def _alive(self) -> None:
        if self.is_off:
            raise PowerCutError


class BigDisk:
    """A disk that never fails and does not mind a hundred thousand records."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)
        self.syncs = 0

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.content), 1 << 20):
            yield bytes(self.content[start : start + (1 << 20)])

    def append(self, data: bytes) -> int:
        self.content += data
        return len(data)

    def sync(self) -> None:
        self.syncs += 1

    def truncate(self, size: int) -> None:
        del self.content[size:]

    def close(self) -> None:
        pass
