"""Starts the sandbox bank on one installation, says where it listens, and ends it cleanly.

`bank.json` in the sandbox folder appears, whole, once the bank listens; it is removed at a clean
end. After a crash it may point to nobody: then nobody answers, which every client survives.
Invariant: one bank an installation, by a lock that the kernel drops when the process dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.domain.errors import SetupError
from kiosk.link.process import report
from kiosk.sandbox.bank.files import write_whole
from kiosk.sandbox.bank.hosting import alone, run, signals
from kiosk.sandbox.bank.ledger import Ledger
from kiosk.sandbox.bank.server import BankServer, Tokens
from kiosk.sandbox.bank.serving import POLL_S
from kiosk.sandbox.bank.vrp.door import make_door

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiosk.sandbox.bank.vrp.door import Door

SANDBOX_FOLDER = "sandbox"
LEDGER_FILE = "bank.db"
ADDRESS_FILE = "bank.json"
ADDRESS_VERSION = 1
TOKEN_FILE = "merchant.token"  # noqa: S105 - a file name
LOCK_FILE = "bank.lock"


def serve(
    data_dir: Path,
    port: int = 0,
    ready_fd: int | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Run the bank until SIGTERM or SIGINT; call it on the main thread.

    Args:
        data_dir: The installation; the bank lives in `data_dir/sandbox`.
        port: TCP port on 127.0.0.1, or 0 for any free one.
        ready_fd: An open file descriptor that is told once the bank listens and `bank.json` is
            there, and is then closed.
        announce: Called with the address at the same moment.

    Raises:
        SetupError: Another bank runs here, the port is taken, the ledger is damaged, or the
            folder cannot be written.
    """
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(alone(data_dir / SANDBOX_FOLDER, LOCK_FILE, "A sandbox bank"))
        stack.enter_context(signals(stop))
        ledger = Ledger(folder / LEDGER_FILE)
        stack.callback(ledger.close)
        tokens = Tokens(merchant=_merchant_token(folder), control=secrets.token_urlsafe(24))
        server = _listen(ledger, tokens, port)
        loop = threading.Thread(target=server.serve_forever, args=(POLL_S,), name="bank-accept")
        loop.start()
        stack.callback(loop.join)
        stack.callback(server.stop)
        door = _make_door(folder, ledger, server)
        stack.enter_context(door.open())
        address = {
            "version": ADDRESS_VERSION,
            "url": server.url,
            "vrp_url": door.clients.url,
            "pid": os.getpid(),
            "control_token": tokens.control,
        }
        write_whole(folder / ADDRESS_FILE, json.dumps(address))
        stack.callback((folder / ADDRESS_FILE).unlink, missing_ok=True)
        report(ready_fd, None)
        if announce is not None:
            announce(server.url)
        stop.wait()


def _listen(ledger: Ledger, tokens: Tokens, port: int) -> BankServer:
    try:
        return BankServer(ledger, tokens, port)
    except (OSError, OverflowError) as error:
        raise SetupError(
            f"The sandbox bank cannot listen on port {port}: it is taken or not allowed.",
            code="port_taken",
            mend="Choose another port with --port, or leave it out to get a free one.",
        ) from error


def _make_door(folder: Path, ledger: Ledger, server: BankServer) -> Door:
    """Make the open-banking side of the same bank, and let the control side speak of it."""
    try:
        door = make_door(folder, ledger, server.faults)
    except OSError as error:
        raise SetupError(
            "The sandbox bank finds no free port for open banking.",
            code="port_taken",
            mend="End programs that hold very many connections, then try again.",
        ) from error
    server.more_control = door.control
    return door


def _merchant_token(folder: Path) -> str:
    """Read the merchant's token, or make it at the first start."""
    file = folder / TOKEN_FILE
    if not file.exists():
        write_whole(file, secrets.token_urlsafe(24))
    return file.read_text().strip()


def main(arguments: list[str] | None = None) -> int:
    """Run the bank as a process of its own: `python -m kiosk.sandbox.bank.main --data DIR`."""
    return run(serve, "smiletill-sandbox-bank", main.__doc__, arguments)


if __name__ == "__main__":
    sys.exit(main())
