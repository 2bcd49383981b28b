"""Starts the sandbox for cards on one installation, says where it listens, and ends it cleanly.

`cards/account.json` in the sandbox folder, the terminal's onboarding file, appears whole once the
service listens and is rewritten at each start, because the port changes; the keys stay. After a
crash it may point to nobody: then nobody answers, which every client survives.
Invariant: one service an installation, by a lock that the kernel drops when the process dies.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from kiosk.domain.errors import SetupError
from kiosk.link.process import report
from kiosk.sandbox.bank.files import write_whole
from kiosk.sandbox.bank.hosting import alone, run, signals
from kiosk.sandbox.bank.serving import POLL_S
from kiosk.sandbox.cards.books import Books
from kiosk.sandbox.cards.server import CardsServer, Keys

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
        folder = stack.enter_context(alone(data_dir / FOLDER, LOCK_FILE, "A sandbox for cards"))
        stack.enter_context(signals(stop))
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
    return run(serve, "smiletill-sandbox-cards", main.__doc__, arguments)


if __name__ == "__main__":
    sys.exit(main())
