"""A software TPM (swtpm) of a test's own, started as a process, and a reason to skip without it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import pytest

from kiosk.faces.vault.tpm import TCTI_VARIABLE, Tpm

PROGRAMS = ("swtpm", "tpm2_unseal")
READY_S_MAX = 10.0
POLL_S = 0.01


def need_tpm_programs() -> None:
    """Skip a test where the software TPM or the tools are not installed."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt-get install swtpm tpm2-tools)")


class SoftwareTpm:
    """One TPM with a state of its own; `restart` is what a reboot does to its PCRs."""

    def __init__(self) -> None:
        # In /tmp and not in tmp_path: the path of a socket may have 108 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="swtpm-")
        self.tcti = f"swtpm:path={self._folder.name}/tpm.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()

    @property
    def tpm(self) -> Tpm:
        return Tpm(self.tcti)

    def start(self) -> None:
        folder = self._folder.name
        socket = Path(folder, "tpm.sock")
        socket.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}",
                "--server", f"type=unixio,path={socket}",
                "--ctrl", f"type=unixio,path={socket}.ctrl",
                "--flags", "not-need-init,startup-clear",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + READY_S_MAX
        while not socket.exists():
            assert self._process.poll() is None, "swtpm ended at once"
            assert time.monotonic() < deadline, "swtpm does not listen"
            time.sleep(POLL_S)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(READY_S_MAX)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def measure(self, pcr: int = 7, what: str = "01") -> None:
        """Extend a PCR, as firmware does at each start."""
        subprocess.run(
            ["tpm2_pcrextend", f"{pcr}:sha256={what * 32}"],
            check=True,
            capture_output=True,
            env={TCTI_VARIABLE: self.tcti, "PATH": "/usr/bin:/bin"},
        )
