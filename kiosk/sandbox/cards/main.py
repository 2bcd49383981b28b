"""Starts the sandbox for cards on one installation, says where it listens, and ends it cleanly.

`cards/account.json` in the sandbox folder, the terminal's onboarding file, appears whole once the
service listens and is rewritten at each start, because the port changes; the keys stay. After a
crash it may point to nobody: then nobody answers, which every client survives.
Invariant: one service an installation, by a lock that the kernel drops when the process dies.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from kiosk.domain.errors import SetupError, SmileTillError
from kiosk.link.process import report
from kiosk.sandbox.bank.files import write_whole
from kiosk.sandbox.bank.trouble import folder_trouble
from kiosk.sandbox.cards.books import Books
from kiosk.sandbox.cards.server import POLL_S, CardsServer, Keys

FOLDER = Path("sandbox") / "cards"
BOOKS_FILE = "cards.db"
ACCOUNT_FILE = "account.json"
CONTROL_FILE = "control.json"
LOCK_FILE = "cards.lock"
VERSION = 1


def serve(
    data_dir: Path,
    port: int = 0,
    ready_fd: int | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Run the service until SIGTERM or SIGINT; call it on the main thread.

    Args:
        data_dir: The installation; the service lives in `data_dir/sandbox/cards`.
        port: TCP port on 127.0.0.1, or 0 for any free one.
        ready_fd: An open file descriptor that is told once the service listens.
        announce: Called with the address at the same moment.

    Raises:
        SetupError: Another one runs here, the port is taken, or the folder cannot be used.
    """
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(_alone(data_dir))
        stack.enter_context(_signals(stop))
        books = Books(folder / BOOKS_FILE)
        stack.callback(books.close)
        keys = _keys(folder)
        server = _listen(books, keys, port)
        loop = threading.Thread(target=server.serve_forever, args=(POLL_S,), name="cards-accept")
        loop.start()
        stack.callback(loop.join)
        stack.callback(server.stop)
        control = {"version": VERSION, "url": server.url, "control_token": keys.control}
        account = {
            "version": VERSION,
            "api_base": server.url,
            "api_key": keys.api,
            "webhook_secret": keys.webhook,
            "headless_approve_url": f"{server.url}/hosted/",
        }
        for name, content in ((CONTROL_FILE, control), (ACCOUNT_FILE, account)):
            write_whole(folder / name, json.dumps(content))
        stack.callback((folder / CONTROL_FILE).unlink, missing_ok=True)
        report(ready_fd, None)
        if announce is not None:
            announce(server.url)
        stop.wait()


def _listen(books: Books, keys: Keys, port: int) -> CardsServer:
    try:
        return CardsServer(books, keys, port)
    except (OSError, OverflowError) as error:
        raise SetupError(
            f"The sandbox for cards cannot listen on port {port}: it is taken or not allowed.",
            code="port_taken",
            mend="Choose another port with --port, or leave it out to get a free one.",
        ) from error


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[Path]:
    """Hold the lock on the folder, making it if need be."""
    folder = data_dir / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise folder_trouble(error) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SetupError(
                "A sandbox for cards is already running on this installation.",
                code="sandbox_already_running",
                mend="Use that one, or stop it first.",
            ) from error
        yield folder
    finally:
        os.close(lock)


@contextlib.contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
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


def _keys(folder: Path) -> Keys:
    """Take the keys of the last start, or make new ones; the control token is always new."""
    control = secrets.token_urlsafe(24)
    try:
        found = json.loads((folder / ACCOUNT_FILE).read_text())
        return Keys(str(found["api_key"]), control, str(found["webhook_secret"]))
    except (OSError, ValueError, KeyError, TypeError):
        webhook = f"whsec_{secrets.token_hex(16)}"
        return Keys(f"sk_test_{secrets.token_hex(16)}", control, webhook)


def main(arguments: list[str] | None = None) -> int:
    """Run the service as a process: `python -m kiosk.sandbox.cards.main --data DIR`."""
    parser = argparse.ArgumentParser(prog="smiletill-sandbox-cards", description=main.__doc__)
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


if __name__ == "__main__":
    sys.exit(main())
