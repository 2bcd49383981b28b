"""The steps of the money process at which it may be killed, and the ports that pass them.

A step of the journal is named after the record and how far it has come: `intent.before`, `.half`,
`.written`, `.synced`. A step of the bank port: `send.before`, `send.after`, `find.before`,
`find.after`. The till's: `tell.before`, `tell.after`. A kill is SIGKILL to oneself: no `finally`
runs, no buffer is flushed.

The ports also write down, for the judge, what was acknowledged and what was sent. Those notes are
whole lines in one write to a file opened for appending, so a kill does not tear them.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.money.storage import FileStorage

_KIND = re.compile(rb'"kind":"([a-z_]+)"')


@dataclass(frozen=True)
class Kill:
    """Die at the `nth` passing of a step."""

    step: str
    nth: int = 1

    def __str__(self) -> str:
        return self.step if self.nth == 1 else f"{self.step}#{self.nth}"


class Notes:
    """What happened, for the judge; survives the process."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, **note: object) -> None:
        os.write(self._handle, json.dumps(note).encode() + b"\n")


def read_notes(path: Path, start: int = 0) -> list[dict]:
    """Read what was written down from a place in the file on."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(start)
        return [json.loads(line) for line in file]


@dataclass
class Steps:
    """Counts steps and kills at the chosen one. `on_pass` may start something at a step."""

    kill: Kill | None = None
    is_armed: bool = False
    passed: Counter = field(default_factory=Counter)
    on_pass: dict = field(default_factory=dict)

    def is_due(self, step: str) -> bool:
        """Count a step; say whether it is the one to die at."""
        if not self.is_armed:
            return False
        self.passed[step] += 1
        started = self.on_pass.pop(step, None)
        if started is not None:
            started()
        return self.kill == Kill(step, self.passed[step])

    def pass_by(self, step: str) -> None:
        """Count a step, and die if it is the one."""
        if self.is_due(step):
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class DiskTrouble:
    """One failure of the disk: at which record, in which call, with which error."""

    record: str
    call: str
    """`append` (half of it is written) or `sync`."""
    code: int = errno.ENOSPC


class CrashStorage(FileStorage):
    """The real file, with steps, trouble on order, and notes of what was acknowledged."""

    def __init__(
        self, path: Path, steps: Steps, notes: Notes, now_ms, trouble: DiskTrouble | None = None
    ) -> None:
        super().__init__(path)
        self._steps = steps
        self._notes = notes
        self._now_ms = now_ms
        self._trouble = trouble
        self._waiting = b""
        self._is_opening = False
        self._record = "header"

    def chunks(self) -> Iterator[bytes]:
        self._is_opening = True
        self._waiting = b""  # whatever is read may not be synced yet
        for piece in super().chunks():
            self._waiting += piece
            yield piece

    def append(self, data: bytes) -> int:
        found = _KIND.search(data)
        self._record = found[1].decode() if found else "header"
        self._steps.pass_by(f"{self._record}.before")
        self._notes.write(what="begun", kind=self._record, at_ms=self._now_ms())
        if self._steps.is_due(f"{self._record}.half"):
            super().append(data[: len(data) // 2])
            die()
        if self._is_troubled("append"):
            super().append(data[: len(data) // 2])
            raise OSError(self._code, os.strerror(self._code))
        taken = super().append(data)
        self._waiting += data[:taken]
        self._steps.pass_by(f"{self._record}.written")
        return taken

    def sync(self) -> None:
        if self._is_troubled("sync"):
            self._waiting = b""
            raise OSError(self._code, os.strerror(self._code))
        super().sync()
        for line in self._waiting.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            body = json.loads(line[line.index(b" {") :])
            self._notes.write(
                what="stored",
                at_ms=self._now_ms(),
                digest=hashlib.sha256(line).hexdigest(),
                kind=body.get("kind", "header"),
                key=body.get("key"),
                keys=body.get("keys"),
                end=body.get("end"),
            )
        self._waiting = b""
        if self._is_opening:
            self._is_opening = False
            return
        self._steps.pass_by(f"{self._record}.synced")

    def truncate(self, size: int) -> None:
        self._steps.pass_by("truncate.before")
        # Both a torn tail and a failed write are at the end; what was read stays at the front.
        super().truncate(size)
        self._waiting = self._waiting[:size] if self._is_opening else b""
        self._steps.pass_by("truncate.after")

    def _is_troubled(self, call: str) -> bool:
        trouble = self._trouble
        if trouble is None or not self._steps.is_armed:
            return False
        if (trouble.record, trouble.call) != (self._record, call):
            return False
        self._trouble, self._code = None, trouble.code
        return True


class CrashBank:
    """A bank connector with steps around its two dangerous calls, and notes of every send."""

    def __init__(self, bank, steps: Steps, notes: Notes, now_ms) -> None:
        self._bank = bank
        self._steps = steps
        self._notes = notes
        self._now_ms = now_ms

    def __getattr__(self, name: str):
        return getattr(self._bank, name)

    def submit(self, prepared, *rest):
        self._steps.pass_by("send.before")
        sealed = prepared.body + repr(prepared.headers).encode()
        digest = hashlib.sha256(sealed).hexdigest()
        self._notes.write(what="sent", key=prepared.key, digest=digest, at_ms=self._now_ms())
        answer = self._bank.submit(prepared, *rest)
        self._notes.write(what="answered", key=prepared.key, at_ms=self._now_ms())
        self._steps.pass_by("send.after")
        return answer

    def find(self, *asked):
        self._steps.pass_by("find.before")
        answer = self._bank.find(*asked)
        self._steps.pass_by("find.after")
        return answer
