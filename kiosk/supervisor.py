"""Start, watch and stop the processes of one installation, and reach those that already run.

The store key is unlocked here, once; each process then gets its own derived key and nothing else.
Faces is started with networking refused (`unshare --net`, in a user namespace of its own where
we are not root).
Invariants: what this supervisor started it also stops; what it found running it leaves running.
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from kiosk.domain.errors import SetupError, SmileTillError
from kiosk.faces.vault.keys import derive, unlock
from kiosk.link.client import LinkClient
from kiosk.link.process import process_command, read_report, write_key
from kiosk.link.protocol import LINE_BYTES_MAX, PROTOCOL_VERSION, Hello, Ping, Pong, Role
from kiosk.link.sockets import LinkDownError
from kiosk.settings import Settings, load_settings

START_S_MAX = 60.0
"""Seconds until a process must say that it is ready; a slow disk with 100,000 people needs 10."""
STOP_S_MAX = 8.0
"""Seconds that a process gets to end by itself: a payment's request and its record fit in."""
TURN_S_MAX = 180.0
"""Seconds to wait for another command that uses the same installation."""
RESTARTS_MAX = 3
RESTART_WINDOW_S = 60.0
WATCH_POLL_S = 0.05
PREDECESSOR_S_MAX = 40.0
"""Seconds that a process of a killed command gets to bring its payment to a stored end."""
BANK_PREDECESSOR_S_MAX = 8.0
"""The same for a sandbox bank, which ends within its request deadline of 5 s."""
PREDECESSOR_POLL_S = 0.2

logger = logging.getLogger(__name__)

Prompt = Callable[[str], str]


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


def run_dir_of(data_dir: Path) -> Path:
    """Return where the sockets and locks of an installation lie."""
    return data_dir / "run"


class Installation:
    """The running processes of one data directory, seen from the command line."""

    def __init__(self, data_dir: Path, settings: Settings) -> None:
        """Remember the place; `open_installation` does the rest."""
        self.data_dir = data_dir
        self.settings = settings
        self.run_dir = run_dir_of(data_dir)
        self.window_closed = threading.Event()
        """Set when the screen was closed, or cannot be kept alive."""

    def faces(self) -> LinkClient:
        """Connect to faces as staff."""
        return LinkClient(self.run_dir, "faces", Hello(PROTOCOL_VERSION, Role.STAFF))

    def money(self) -> LinkClient:
        """Connect to money as a till."""
        return LinkClient(self.run_dir, "money", Hello(PROTOCOL_VERSION, Role.TILL))

    def is_up(self, name: str) -> bool:
        """Say whether a process answers."""
        try:
            client = self.faces() if name == "faces" else self.money()
            with client:
                client.call(Ping(), Pong)
        except LinkDownError:
            return False
        return True


@contextmanager
def open_installation(
    data_dir: Path,
    *,
    prompt: Prompt | None = None,
    pids: Callable[[str, int], None] | None = None,
    with_people: bool = False,
    env: Mapping[str, str] | None = None,
    screen: tuple[str, ...] = (),
) -> Iterator[Installation]:
    """Attach to the running processes of an installation, else start them for this call.

    Args:
        data_dir: The installation; made if it is not there.
        prompt: Asks for the passphrase where a terminal is.
        pids: Told the name and process id of everything started (for crash tests).
        with_people: Start the simulated customers too.
        env: Where the key source is named; the environment, unless the caller has its own.
        screen: Words for faces that make it open its window; it is never attached to then.

    Raises:
        SmileTillError: A setting, a key, a vault or a journal is not in order, with its own mend.
    """
    settings = load_settings(data_dir)
    installation = Installation(data_dir, settings)
    if installation.is_up("faces") and installation.is_up("money"):
        if screen:
            raise SetupError(
                "SmileTill already runs on this data directory.",
                code="already_running",
                mend="Stop it first, or use another --data directory.",
            )
        yield installation
        return
    with ExitStack() as stack:
        _make_private(installation.run_dir)
        stack.enter_context(_turn(installation.run_dir))
        keys = _unlock_for_processes(data_dir, prompt, os.environ if env is None else env)
        crew = _Crew(data_dir, pids)
        stack.callback(crew.stop)
        if settings.bank.connector == "sandbox":
            crew.start("bank", None)
        if with_people:
            crew.start("people", None)
        crew.start("money", keys["money"])
        crew.start(
            "faces",
            keys["faces"],
            words=screen,
            closes=installation.window_closed if screen else None,
        )
        crew.watch()
        yield installation


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            "The data directory cannot be written.",
            code="data_dir_not_writable",
            mend="Check the folder given with --data, its owner and the free space.",
        ) from error


@contextmanager
def _turn(run_dir: Path) -> Iterator[None]:
    """Wait for other commands that have started this installation's processes for themselves."""
    lock = FileLock(run_dir / "command.lock", mode=0o600)
    try:
        lock.acquire(timeout=TURN_S_MAX)
    except Timeout as error:
        raise SetupError(
            "Another command uses this installation and does not end.",
            code="installation_busy",
            mend="Wait for it or stop it, then try again.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _unlock_for_processes(
    data_dir: Path, prompt: Prompt | None, env: Mapping[str, str]
) -> dict[str, bytes]:
    with unlock(data_dir, env=env, prompt=prompt) as root:
        return {name: derive(root, name) for name in ("faces", "money")}


class _Crew:
    """The processes that we started, the thread that watches them, and how they end."""

    def __init__(self, data_dir: Path, pids: Callable[[str, int], None] | None) -> None:
        self._data_dir = data_dir
        self._pids = pids
        self._children: list[_Child] = []
        self._stopping = threading.Event()
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
                if error.code == _BANK_RUNS and waited_s > BANK_PREDECESSOR_S_MAX:
                    # Not a dying bank but one that somebody runs: it serves us as well.
                    return
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
        if self._watcher is not None:
            self._watcher.join()
        for child in reversed(self._children):
            child.process.terminate()
            try:
                child.process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                # The journal is on the disk after every step, so a kill loses nothing.
                child.process.kill()
                child.process.wait()

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
        while not self._stopping.wait(WATCH_POLL_S):
            for child in self._children:
                if child.process.poll() is not None and not self._stopping.is_set():
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
    "people": "kiosk.sandbox.people.main",
    "money": "kiosk.money.main",
    "faces": "kiosk.faces.main",
}


_BANK_RUNS = "sandbox_already_running"
_OWNED = {"already_running", _BANK_RUNS, "journal_busy", "vault_in_use"}
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

    Faces tells in its `Pong` whether it really has none, and the doctor warns.
    """
    words = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None:
        return []
    trial = subprocess.run([*words, "true"], check=False, capture_output=True, timeout=STOP_S_MAX)
    return [*words, "--"] if trial.returncode == 0 else []


def _environment() -> dict[str, str]:
    """Return the children's environment: ours without anything that names a key."""
    hidden = {"CREDENTIALS_DIRECTORY", "SMILETILL_PASSPHRASE_FILE"}
    return {name: value for name, value in os.environ.items() if name not in hidden}
