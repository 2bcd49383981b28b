"""The processes of one installation that we started: how they start, are watched, and end.

Each gets its own derived key through a pipe, and nothing else of a secret.
Faces is started with networking refused (`unshare --net`, in a user namespace of its own where
we are not root).
A process that dies is started again, at most `RESTARTS_MAX` times a minute.
"""

from __future__ import annotations

import logging
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.domain.errors import SetupError, SmileTillError
from kiosk.link.process import process_command, read_report, write_key
from kiosk.link.protocol import LINE_BYTES_MAX

START_S_MAX = 60.0
"""Seconds until a process must say that it is ready; a slow disk with 100,000 people needs 10."""
STOP_S_MAX = 8.0
"""Seconds that a process gets to end by itself: a payment's request and its record fit in."""
RESTARTS_MAX = 3
RESTART_WINDOW_S = 60.0
WATCH_POLL_S = 0.05
PREDECESSOR_S_MAX = 40.0
"""Seconds that a process of a killed command gets to bring its payment to a stored end."""
PREDECESSOR_POLL_S = 0.2

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Child:
    """One process that we started."""

    name: str
    key: bytes | None = field(repr=False)
    process: subprocess.Popen[bytes]
    starts: list[float] = field(default_factory=list)
    words: tuple[str, ...] = ()
    """What the process is told besides where its data lie."""
    closes: threading.Event | None = None
    """Set when the process has ended as it should, or for good; without it, it never should."""


class Crew:
    """The processes that we started, the thread that watches them, and how they end."""

    def __init__(self, data_dir: Path, pids: Callable[[str, int], None] | None) -> None:
        """Start nothing yet; `pids` is told the name and process id of whatever is started."""
        self._data_dir = data_dir
        self._pids = pids
        self._children: list[_Child] = []
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._spawning = threading.Lock()
        self._watcher: threading.Thread | None = None

    def start(
        self,
        name: str,
        key: bytes | None,
        *,
        words: tuple[str, ...] = (),
        closes: threading.Event | None = None,
    ) -> None:
        """Start one process and wait until it is ready.

        Args:
            name: Which.
            key: Its own key, or None.
            words: What it is told besides where its data lie.
            closes: Set when it has ended by itself and as it should, or cannot be kept alive.

        Raises:
            SmileTillError: It could not start, in its own words.
        """
        began = time.monotonic()
        while True:
            try:
                process = self._spawn(name, key, words)
            except SmileTillError as error:
                waited_s = time.monotonic() - began
                if error.code not in _OWNED or waited_s > PREDECESSOR_S_MAX:
                    raise
                # Processes of a command that was killed end by themselves, a moment later.
                time.sleep(PREDECESSOR_POLL_S)
                continue
            self._children.append(_Child(name, key, process, [began], words, closes))
            return

    def watch(self) -> None:
        """Start to watch."""
        self._watcher = threading.Thread(target=self._watch, name="supervisor-watch")
        self._watcher.start()

    def stop(self) -> None:
        """End all processes, last started first: faces before the money it talks to."""
        self._stopping.set()
        with self._spawning:
            for child in reversed(self._children):
                child.process.terminate()
                try:
                    child.process.wait(STOP_S_MAX)
                except subprocess.TimeoutExpired:
                    # The journal is on the disk after every step, so a kill loses nothing.
                    child.process.kill()
                    child.process.wait()
        # Last: what it started again would be told to end together with its thread.
        self._ended.set()
        if self._watcher is not None:
            self._watcher.join()

    def _spawn(
        self, name: str, key: bytes | None, more: tuple[str, ...]
    ) -> subprocess.Popen[bytes]:
        reading, writing = os.pipe()
        inherited = [writing]
        words = [*process_command(_MODULES[name]), "--data", str(self._data_dir)]
        words += ["--ready-fd", str(writing)]
        key_fd = None
        if key is not None:
            key_fd = write_key(key)
            inherited.append(key_fd)
            words += ["--key-fd", str(key_fd)]
        words += more
        process = subprocess.Popen(
            [*_prefix(name), *words],
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            env=_environment(),
            start_new_session=True,
        )
        for handle in inherited:
            os.close(handle)
        with os.fdopen(reading, "rb") as ready:
            try:
                _await_ready(ready.fileno(), process, name)
            except SmileTillError:
                process.kill()
                process.wait()
                raise
        if self._pids is not None:
            self._pids(name, process.pid)
        return process

    def _watch(self) -> None:
        while not self._ended.wait(WATCH_POLL_S):
            for child in self._children:
                with self._spawning:
                    if not self._stopping.is_set() and child.process.poll() is not None:
                        self._restart(child)

    def _restart(self, child: _Child) -> None:
        if child.closes is not None and child.process.returncode == 0:
            child.closes.set()
            return
        now = time.monotonic()
        child.starts = [at for at in child.starts if now - at < RESTART_WINDOW_S]
        if len(child.starts) > RESTARTS_MAX:
            if child.closes is not None:
                child.closes.set()
            return
        child.starts.append(now)
        logger.warning("the %s process died and is started again", child.name)
        try:
            child.process = self._spawn(child.name, child.key, child.words)
        except SmileTillError as error:
            logger.error("the %s process cannot start: %s", child.name, error)  # noqa: TRY400


_MODULES = {
    "bank": "kiosk.sandbox.bank.main",
    "cards": "kiosk.sandbox.cards.main",
    "people": "kiosk.sandbox.people.main",
    "money": "kiosk.money.main",
    "faces": "kiosk.faces.main",
}


_OWNED = {"already_running", "sandbox_already_running", "journal_busy", "vault_in_use"}
"""What a process says that cannot start because its predecessor has not ended."""


def _await_ready(handle: int, process: subprocess.Popen[bytes], name: str) -> None:
    """Wait for a child's one line."""
    ready, _, _ = select.select([handle], [], [], START_S_MAX)
    if not ready:
        raise SetupError(
            f"The {name} process does not get ready.",
            code="process_slow",
            mend="Look at its words above, and at the machine's load.",
        )
    line = b""
    while not line.endswith(b"\n") and len(line) <= LINE_BYTES_MAX:
        part = os.read(handle, LINE_BYTES_MAX)
        if not part:
            process.wait(STOP_S_MAX)
            break
        line += part
    read_report(line, name)


def _prefix(name: str) -> list[str]:
    """Return the words before a process's own: end with us, and for faces no network."""
    ending = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
    return [*network_refusal(), *ending] if name == "faces" else ending


def network_refusal() -> list[str]:
    """Return the words that start a process without a network, or none where that is not allowed.

    Faces tells in its `Pong` whether it really has none; staff are warned, and so does the doctor.
    """
    words = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None:
        return []
    trial = subprocess.run([*words, "true"], check=False, capture_output=True, timeout=STOP_S_MAX)
    if trial.returncode != 0:
        logger.warning("this machine does not let the faces process be started without a network")
        return []
    return [*words, "--"]


def _environment() -> dict[str, str]:
    """Return the children's environment: ours without anything that names a key."""
    hidden = {"CREDENTIALS_DIRECTORY", "SMILETILL_PASSPHRASE_FILE"}
    return {name: value for name, value in os.environ.items() if name not in hidden}
