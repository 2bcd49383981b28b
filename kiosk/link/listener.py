"""A listening unix socket, a thread for each peer, and the lock that makes it the only one.

The number of peers is bounded, a peer of another user is hung up on before a byte of it is read,
and whatever one peer does, the others are served on.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from kiosk.domain.errors import SetupError
from kiosk.link.sockets import listen, peer_uid

ACCEPT_POLL_S = 0.2

logger = logging.getLogger(__name__)

Converse = Callable[[socket.socket], None]
"""Talks to one peer until it goes away; runs on the peer's thread. An OSError means that it did."""


class AlreadyRunningError(SetupError):
    """Another process of this kind owns this installation."""

    def __init__(self, name: str) -> None:
        """Name the process."""
        super().__init__(
            f"Another {name} process already runs on this data directory.",
            code="already_running",
            mend="Stop it first, or use another --data directory.",
        )


class Listener:
    """Use as a context manager: entering starts to listen, leaving hangs up on everybody.

    Args:
        directory: Where the socket and the lock go.
        name: The process; its socket is `name.sock`.
        converse: Talks to one peer.
        connections_max: Peers at once; one more is hung up on.
    """

    def __init__(
        self, directory: Path, name: str, converse: Converse, *, connections_max: int
    ) -> None:
        """Remember where to listen; nothing is opened yet."""
        self._directory = directory
        self._name = name
        self._converse = converse
        self._connections_max = connections_max
        self._lock = FileLock(directory / f"{name}.lock", mode=0o600)
        self._guard = threading.Lock()
        self._peers: dict[socket.socket, threading.Thread] = {}
        self._socket: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self.stopping = threading.Event()
        """Set when the conversations have to end."""

    def __enter__(self) -> Self:
        """Take the lock and listen.

        Raises:
            AlreadyRunningError: The lock is taken.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise AlreadyRunningError(self._name) from error
        self._socket = listen(self._directory, self._name, self._connections_max)
        self._socket.settimeout(ACCEPT_POLL_S)
        self._accepting = threading.Thread(
            target=self._accept, args=(self._socket,), name=f"{self._name}-accept"
        )
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, hang up on everybody, wait for their threads, give the lock back."""
        self.stopping.set()
        if self._accepting is not None:
            self._accepting.join()
        if self._socket is not None:
            self._socket.close()
        (self._directory / f"{self._name}.sock").unlink(missing_ok=True)
        with self._guard:
            peers = dict(self._peers)
        for connection, thread in peers.items():
            _hang_up(connection)
            thread.join()
        self._lock.release()

    def _accept(self, listening: socket.socket) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            except OSError:
                logger.exception("accept failed")
                return
            with self._guard:
                if len(self._peers) >= self._connections_max or not _is_ours(connection):
                    connection.close()
                    continue
                thread = threading.Thread(
                    target=self._serve, args=(connection,), name=f"{self._name}-peer"
                )
                self._peers[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._converse(connection)
        except OSError as error:
            logger.debug("a peer went away: %s", type(error).__name__)
        finally:
            with self._guard:
                self._peers.pop(connection, None)
            connection.close()


def _is_ours(connection: socket.socket) -> bool:
    if peer_uid(connection) == os.getuid():
        return True
    logger.warning("refused a peer of another user")
    return False


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        logger.debug("already gone: %s", type(error).__name__)
