"""The real sandbox for cards as a child process, for tests that kill, stop and restart it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

from kiosk.sandbox.cards import oracle

REPOSITORY = Path(__file__).resolve().parents[2]
START_S_MAX = 20.0


class CardsProcess:
    """Starts on construction and waits until the service listens; `kill` is -9."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        reading, writing = os.pipe()
        with os.fdopen(reading) as ready:
            try:
                self.process = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "kiosk.sandbox.cards.main"),
                        *("--data", str(data_dir), "--ready-fd", str(writing)),
                    ],
                    cwd=REPOSITORY,
                    pass_fds=[writing],
                )
            finally:
                os.close(writing)
            readable, _, _ = select.select([ready], [], [], START_S_MAX)
            assert readable, "the sandbox for cards did not start in time"
            assert ready.readline() == "ready\n"

    def say(self, method: str, word: str, /, **body: object) -> dict[str, object]:
        return oracle.control(self.data_dir, method, word, body)

    def fault(self, kind: str, **fields: object) -> None:
        self.say("POST", "faults", kind=kind, **fields)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(START_S_MAX)
