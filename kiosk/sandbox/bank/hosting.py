"""How a sandbox runs as a process: alone on its folder, until a signal, its refusals told.

The sandbox bank and the sandbox for cards share this; what they serve is their own.
Invariant: one service a folder, by a lock that the kernel drops when the process dies.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from kiosk.domain.errors import SetupError, SmileTillError
from kiosk.link.process import report
from kiosk.sandbox.bank.trouble import folder_trouble


@contextlib.contextmanager
def alone(folder: Path, lock_name: str, who: str) -> Iterator[Path]:
    """Hold the lock on a folder, making it if need be.

    Args:
        folder: Of the service; yielded.
        lock_name: Of the lock file in it.
        who: The service as a refusal names it, with its article.

    Raises:
        SetupError: Another one runs here, or the folder cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / lock_name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise folder_trouble(error) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SetupError(
                f"{who} is already running on this installation.",
                code="sandbox_already_running",
                mend="Use that one, or stop it first.",
            ) from error
        yield folder
    finally:
        os.close(lock)


@contextlib.contextmanager
def signals(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT set `stop`, and put the old handlers back afterwards."""
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(
    serve: Callable[[Path, int, int | None], None],
    program: str,
    description: str | None,
    arguments: list[str] | None,
) -> int:
    """Read a process's own words, serve, and tell a refusal to who waits; returns the exit code."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-fd", type=int, default=None)
    options = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        serve(options.data, options.port, options.ready_fd)
    except SmileTillError as error:
        sys.stderr.write(f"{error}\n")
        report(options.ready_fd, error)
        return error.exit_code
    return 0
