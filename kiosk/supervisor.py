"""Reach the running processes of an installation, or start them for one call.

The store key is unlocked here, once; each process then gets its own derived key (`kiosk.crew`).
Invariants: what a command started it also stops, but not under others who use it; what it found
running it leaves running.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from kiosk import installed
from kiosk.crew import Crew
from kiosk.domain.errors import SetupError, SmileTillError
from kiosk.faces.vault.keychange import kept_keyring
from kiosk.faces.vault.keys import derive, unlock
from kiosk.faces.vault.rollback import CounterGuard, guard_of
from kiosk.faces.vault.sources import KeyWish
from kiosk.faces.vault.swap import finish_swap
from kiosk.link.client import LinkClient
from kiosk.link.protocol import PROTOCOL_VERSION, Hello, Ping, Pong, Role
from kiosk.link.sockets import LinkDownError, run_dir_of
from kiosk.sandboxes import Sandbox, sandbox_of
from kiosk.settings import Settings, load_settings

TURN_S_MAX = 180.0
"""Seconds to wait for another command that uses the same installation."""
USERS_POLL_S = 0.05
BANK_SETTLES_S = 1.0
"""A bank that was told to end answers nobody any more after this."""

logger = logging.getLogger(__name__)

Prompt = Callable[[str], str]


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
        """Connect to faces as the command line's staff: a manager, by the user's id."""
        return LinkClient(self.run_dir, "faces", Hello(PROTOCOL_VERSION, Role.STAFF))

    def desk(self) -> LinkClient:
        """Connect to faces as the staff tool's window: nothing goes before somebody signs in."""
        return LinkClient(self.run_dir, "faces", Hello(PROTOCOL_VERSION, Role.DESK))

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
    with ExitStack() as stack:
        _make_private(installation.run_dir)
        users = stack.enter_context(_Users(installation.run_dir))
        if users.join() and installation.is_up("faces") and installation.is_up("money"):
            if screen:
                raise SetupError(
                    "SmileTill already runs on this data directory.",
                    code="already_running",
                    mend="Stop it first, or use another --data directory.",
                )
            yield installation
            return
        users.leave()
        stack.enter_context(turn(installation.run_dir))
        finish_swap(data_dir)
        installed.check(data_dir)
        keys, guard = _unlock_for_processes(
            data_dir, prompt, os.environ if env is None else env, key_wish(settings)
        )
        if guard is not None:
            guard.check()
            guard.advance()
            stack.callback(_advance_at_end, guard)
        crew = Crew(data_dir, pids)
        stack.callback(crew.stop)
        # Left first: whoever came to use what we started is waited for before it is stopped.
        stack.callback(users.outlast)
        sandbox = sandbox_of(settings, data_dir)
        if sandbox is not None and not _somebodys(sandbox, data_dir):
            crew.start(sandbox.process, None)
        if with_people:
            crew.start("people", None)
        crew.start("money", keys["money"])
        crew.start(
            "faces",
            keys["faces"],
            words=screen,
            closes=installation.window_closed if screen else None,
        )
        installed.note(data_dir)
        crew.watch()
        yield installation


def _somebodys(sandbox: Sandbox, data_dir: Path) -> bool:
    """Say whether somebody runs the sandbox; one that is just ending does not count."""
    if not sandbox.is_running(data_dir):
        return False
    time.sleep(BANK_SETTLES_S)
    return sandbox.is_running(data_dir)


class _Users:
    """Who uses the running processes: a file with a shared lock for each, by the kernel's care.

    A killed command leaves no trace. Whoever stops the processes takes the lock alone, so a
    newcomer either finds them running for as long as it needs them, or finds them stopped.
    """

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / "users.lock"
        self._handle = -1

    def __enter__(self) -> Self:
        try:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _not_writable() from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def join(self) -> bool:
        """Use what runs; wait while somebody stops it. Return whether that came in time."""
        return self._take(fcntl.LOCK_SH)

    def leave(self) -> None:
        """Use it no more."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)

    def outlast(self) -> None:
        """Wait until nobody else uses what we started, and let nobody in any more."""
        if not self._take(fcntl.LOCK_EX):
            logger.warning("the processes are stopped although another command uses them")

    def _take(self, kind: int) -> bool:
        deadline = time.monotonic() + TURN_S_MAX
        while True:
            try:
                fcntl.flock(self._handle, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(USERS_POLL_S)
            else:
                return True


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable() from error


def _not_writable() -> SetupError:
    return SetupError(
        "The data directory cannot be written.",
        code="data_dir_not_writable",
        mend="Check the folder given with --data, its owner and the free space.",
    )


@contextmanager
def turn(run_dir: Path) -> Iterator[None]:
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
    except OSError as error:
        raise _not_writable() from error
    try:
        yield
    finally:
        lock.release()


def key_wish(settings: Settings) -> KeyWish:
    """Return what the settings say of keys."""
    return KeyWish(tpm_only=settings.keys.source == "tpm", tcti=settings.keys.tcti)


def _unlock_for_processes(
    data_dir: Path, prompt: Prompt | None, env: Mapping[str, str], wish: KeyWish
) -> tuple[dict[str, bytes], CounterGuard | None]:
    with unlock(data_dir, env=env, prompt=prompt, wish=wish) as root:
        keys = {name: derive(root, name) for name in ("faces", "money")}
        return keys, guard_of(data_dir, kept_keyring(data_dir), root, wish.tcti)


def _advance_at_end(guard: CounterGuard) -> None:
    """Make every copy taken while it ran an older one; a TPM that refuses now does so next time."""
    try:
        guard.advance()
    except SmileTillError as error:
        logger.warning("the TPM's counter was not raised at the end: %s", error.code)
