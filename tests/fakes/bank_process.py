"""The real sandbox bank as a child process, for tests that kill, stop and restart it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

from kiosk.sandbox.bank import oracle

REPOSITORY = Path(__file__).resolve().parents[2]
START_S_MAX = 20.0


class BankProcess:
    """Starts on construction and waits until the bank listens; `kill` is -9, `stop` is SIGTERM."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.data_dir = data_dir
        reading, writing = os.pipe()
        with os.fdopen(reading) as ready:
            try:
                self.process = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "kiosk.sandbox.bank.main"),
                        *("--data", str(data_dir), "--ready-fd", str(writing)),
                        *arguments,
                    ],
                    cwd=REPOSITORY,
                    pass_fds=[writing],
                    stderr=subprocess.PIPE,
                    text=True,
                )
            finally:
                os.close(writing)
            readable, _, _ = select.select([ready], [], [], START_S_MAX)
            assert readable, "the bank did not start in time"
            # Anything else is why it refused to start, for `wait`.
            is_ready = ready.readline() == "ready\n"
        self.url = self.address().url if is_ready else ""

    def address(self) -> oracle.Address:
        found = oracle.read_address(self.data_dir)
        assert found is not None
        return found

    def kill(self) -> None:
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        self.process.terminate()
        return self._reap()

    def wait(self) -> tuple[int, str]:
        """Wait for an end that the bank chose itself; returns its exit code and stderr."""
        try:
            _, stderr = self.process.communicate(timeout=START_S_MAX)
        finally:
            self.process.kill()
        return self.process.returncode, stderr

    def _reap(self) -> int:
        self.process.communicate(timeout=START_S_MAX)
        return self.process.returncode
