"""Starts the simulated people of one installation and ends them cleanly.

`python -m kiosk.sandbox.people.main --data DIR` listens on DIR/run/people.sock until SIGTERM.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import signal
import sys
import threading
from pathlib import Path

import cv2

from kiosk.domain.errors import SmileTillError
from kiosk.link.process import report
from kiosk.link.sockets import run_dir_of
from kiosk.sandbox.people.scene import gather
from kiosk.sandbox.people.server import PeopleServer


def serve(data_dir: Path, ready_fd: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT; call it on the main thread.

    Args:
        data_dir: The installation.
        ready_fd: Told once the socket listens, and then closed.

    Raises:
        SetupError: The people run here already, or their photograph cannot be used.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with PeopleServer(run_dir_of(data_dir), gather()):
        report(ready_fd, None)
        stop.wait()


def main(arguments: list[str] | None = None) -> int:
    """Run the people as a process of their own."""
    parser = argparse.ArgumentParser(prog="smiletill-people", description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--ready-fd", type=int, default=None)
    options = parser.parse_args(arguments)
    os.umask(0o077)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s people %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    # The photograph stays in memory, also after a crash.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        serve(options.data, options.ready_fd)
    except SmileTillError as error:
        sys.stderr.write(f"{error}\n")
        report(options.ready_fd, error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
