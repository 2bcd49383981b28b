"""What every process of SmileTill does alike: take its key, say that it is ready, serve, end.

A process gets only its own derived key, through a pipe that it was born with, and reports back on
another one: `ready`, or the error that kept it from starting, so that whoever started it can show
the sentence and the mend.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from kiosk.domain.errors import SetupError, SmileTillError
from kiosk.link.listener import AlreadyRunningError
from kiosk.link.protocol import LINE_BYTES_MAX, Frame, Problem, decode_frame, encode_frame
from kiosk.link.server import LinkServer, Service

KEY_BYTES = 32
READY_LINE = b"ready\n"

logger = logging.getLogger(__name__)


def process_command(module: str) -> list[str]:
    """Return the words that start one of our modules as a process of its own.

    Args:
        module: Its dotted name, `kiosk.….main`.

    Returns:
        From a checkout Python and the module; in a package, where `sys.executable` is SmileTill
        itself, the switch that `packaging/pyinstaller/smiletill_entry.py` understands.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, "--process", module]
    return [sys.executable, "-m", module]


def read_key(key_fd: int) -> bytearray:
    """Read this process's own key from the pipe it was born with, and close the pipe.

    Raises:
        SetupError: The pipe does not hold exactly one key.
    """
    with os.fdopen(key_fd, "rb") as pipe:
        key = bytearray(pipe.read(KEY_BYTES + 1))
    if len(key) != KEY_BYTES:
        raise SetupError(
            "The process was started without its key.",
            code="key_missing",
            mend="Start it through smiletill, which unlocks the store key.",
        )
    return key


def write_key(key: bytes | bytearray) -> int:
    """Put a key into a new pipe and return its reading end, for a child to inherit."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(key)
    return reading


def report(ready_fd: int | None, error: SmileTillError | None) -> None:
    """Tell the parent that we are ready, or why we are not. Without a parent: do nothing.

    If the parent was killed meanwhile we end as well: the kernel's word about its death may have
    come before we asked to be told.
    """
    if ready_fd is None:
        return
    line = READY_LINE if error is None else encode_frame(Frame(0, Problem.of(error)))
    try:
        with os.fdopen(ready_fd, "wb") as pipe:
            pipe.write(line)
    except BrokenPipeError:
        os.kill(os.getpid(), signal.SIGTERM)


def read_report(line: bytes, name: str) -> None:
    """Take the report of a child.

    Raises:
        SmileTillError: The child's own error, or that it ended without a word.
    """
    if line == READY_LINE:
        return
    if line and len(line) <= LINE_BYTES_MAX:
        message = decode_frame(line).msg
        if isinstance(message, Problem):
            raise message.to_error()
    raise SetupError(
        f"The {name} process ended before it was ready.",
        code="process_died",
        mend="Look at its words above, and at smiletill doctor.",
    )


def _wait(stop: threading.Event) -> None:
    stop.wait()


def run_process(
    name: str,
    run_dir: Path,
    ready_fd: int | None,
    build: Callable[[], Service],
    close: Callable[[Service], None],
    serve: Callable[[threading.Event], None] = _wait,
) -> int:
    """Build a service, serve it until SIGTERM or SIGINT, close it.

    Args:
        name: The process, for its log.
        run_dir: Where its socket goes.
        ready_fd: Pipe to the parent, or None.
        build: Makes the service; what it raises is reported, not traced.
        close: Ends what `build` made.
        serve: What the main thread does meanwhile; returns when the event is set, or when the
            process is to end by itself.

    Returns:
        The exit code.
    """
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s {name} %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    # A crash dump would hold faces, keys and PINs, so there is none.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        service = build()
    except SmileTillError as error:
        if ready_fd is None:
            logger.error("%s", error)  # noqa: TRY400 - the sentence is for people
        report(ready_fd, error)
        return error.exit_code
    try:
        with LinkServer(run_dir, service):
            report(ready_fd, None)
            serve(stop)
    except AlreadyRunningError as error:
        report(ready_fd, error)
        return error.exit_code
    finally:
        close(service)
    return 0
