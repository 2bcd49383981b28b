"""How far an import has come, so that it can be stopped at any moment and gone on with.

One JSON line a step, appended and synced: `begun` before a row is sent, then `enrolled` or
`failed`. It holds row numbers, reason codes and opaque ids: nothing of the list's cells. It belongs
to one list by the hash of its file.

Invariant: a row that was enrolled is never sent again; one that was begun and has no end is.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from kiosk.domain.errors import SetupError

VERSION = 1
FOLDER_NAME = "imports"
LINE_BYTES_MAX = 4_096


class ImportStateError(SetupError):
    """The state of the import cannot be read or written."""

    def __init__(self, detail: str) -> None:
        """Say why."""
        super().__init__(
            f"The state of the import cannot be used ({detail}).",
            code="import_state_bad",
            mend="Look at the folder imports of the installation; moved away, the import begins"
            " anew and finds whoever is enrolled already by their number.",
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What is known of a row."""

    row: int
    state: str
    """`begun`, `enrolled` or `failed`."""
    reason: str = ""
    person: str = ""
    samples: int = 0
    quality: int = 0
    score: float | None = None
    """Of whoever looks the same, if that was the reason."""


class ImportState:
    """The open state of one import; a context manager.

    Args:
        folder: `DIR/imports`.
        digest: The list's.

    Raises (on entering):
        ImportStateError: Another one runs, or the file is not ours.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        """Remember where; nothing is opened yet."""
        self._path = folder / f"{digest[:32]}.jsonl"
        self._digest = digest
        self._file: IO[bytes] | None = None
        self.steps: dict[int, Step] = {}

    def __enter__(self) -> Self:
        """Read what is there, take a torn last line away, and keep the file for appending."""
        import fcntl  # noqa: PLC0415 - beside its one use

        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(handle, "r+b")
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read(self._file)
        except BlockingIOError as error:
            self.__exit__()
            raise ImportStateError("this list is being imported already") from error
        except OSError as error:
            self.__exit__()
            raise ImportStateError(error.strerror or "the disk refuses") from error
        except ValueError as error:
            self.__exit__()
            raise ImportStateError("it is not what was written") from error
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, which lets another one go on."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def put(self, step: Step) -> None:
        """Keep a step, durably.

        Raises:
            ImportStateError: The disk refuses.
        """
        told = {key: getattr(step, key) for key in Step.__dataclass_fields__}
        self._append({key: value for key, value in told.items() if value not in {"", 0, None}})
        self.steps[step.row] = step

    def _read(self, file: IO[bytes]) -> None:
        good = 0
        for line in file:
            if not line.endswith(b"\n"):
                break
            told = json.loads(line)
            if good == 0:
                if told != {"version": VERSION, "list": self._digest}:
                    raise ValueError
            else:
                step = Step(**told)
                self.steps[step.row] = step
            good += len(line)
        file.truncate(good)
        file.seek(good)
        if good == 0:
            self._append({"version": VERSION, "list": self._digest})

    def _append(self, told: dict[str, Any]) -> None:
        assert self._file is not None, "the state is used inside its block"
        line = json.dumps(told).encode() + b"\n"
        assert len(line) <= LINE_BYTES_MAX
        try:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ImportStateError(error.strerror or "the disk refuses") from error
