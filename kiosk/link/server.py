"""Serve one process's messages on its unix socket.

Each connection has a thread of its own, their number is bounded, and a peer of another user,
another protocol version or without manners is refused before the service hears of it.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Protocol, Self

from filelock import FileLock, Timeout

from kiosk.domain.errors import BadInputError, SetupError, SmileTillError
from kiosk.link.protocol import (
    LINE_BYTES_MAX,
    PROTOCOL_VERSION,
    AnyMessage,
    Frame,
    Hello,
    Ping,
    Pong,
    Problem,
    Progress,
    Welcome,
    decode_frame,
    encode_frame,
)
from kiosk.link.sockets import listen, peer_uid

CONNECTIONS_MAX = 16
"""At most this many peers at once: the screen, the staff tool, tills, and room for a restart."""
HANDSHAKE_S_MAX = 5.0
ACCEPT_POLL_S = 0.2

logger = logging.getLogger(__name__)


class Service(Protocol):
    """What a process offers over its socket."""

    @property
    def name(self) -> str:
        """The process: `money` or `faces`."""
        ...

    def admit(self, hello: Hello) -> None:
        """Raise a `SmileTillError` to refuse this peer."""
        ...

    def handle(self, hello: Hello, message: AnyMessage) -> Iterator[AnyMessage]:
        """Yield any number of `Progress` and then exactly one answer; errors become `Problem`."""
        ...

    def detail(self) -> dict[str, str]:
        """Facts for `Pong`."""
        ...


class AlreadyRunningError(SetupError):
    """Another process of this kind owns this installation."""

    def __init__(self, name: str) -> None:
        """Name the process."""
        super().__init__(
            f"Another {name} process already runs on this data directory.",
            code="already_running",
            mend="Stop it first, or use another --data directory.",
        )


class LinkServer:
    """A listening socket, its threads, and the lock that makes it the only one.

    Use as a context manager: entering starts to listen, leaving closes every connection.
    """

    def __init__(self, directory: Path, service: Service) -> None:
        """Remember where to listen and whom to serve; nothing is opened yet."""
        self._directory = directory
        self._service = service
        self._lock = FileLock(directory / f"{service.name}.lock", mode=0o600)
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Take the lock and listen.

        Raises:
            AlreadyRunningError: The lock is taken.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise AlreadyRunningError(self._service.name) from error
        self._listener = listen(self._directory, self._service.name, CONNECTIONS_MAX)
        self._listener.settimeout(ACCEPT_POLL_S)
        self._accepting = threading.Thread(
            target=self._accept, args=(self._listener,), name=f"{self._service.name}-accept"
        )
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, hang up on everybody, wait for their threads, give the lock back."""
        self._stopping.set()
        if self._accepting is not None:
            self._accepting.join()
        if self._listener is not None:
            self._listener.close()
        (self._directory / f"{self._service.name}.sock").unlink(missing_ok=True)
        with self._guard:
            open_connections = dict(self._connections)
        for connection, thread in open_connections.items():
            _hang_up(connection)
            thread.join()
        self._lock.release()

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                logger.exception("accept failed")
                return
            with self._guard:
                if len(self._connections) >= CONNECTIONS_MAX:
                    connection.close()
                    continue
                thread = threading.Thread(
                    target=self._serve, args=(connection,), name=f"{self._service.name}-peer"
                )
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._converse(connection)
        except OSError as error:
            logger.debug("peer went away: %s", type(error).__name__)
        finally:
            with self._guard:
                self._connections.pop(connection, None)
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        if peer_uid(connection) != os.getuid():
            logger.warning("refused a peer of another user")
            return
        connection.settimeout(HANDSHAKE_S_MAX)
        with connection.makefile("rb") as lines:
            hello = self._handshake(connection, lines.readline(LINE_BYTES_MAX + 1))
            if hello is None:
                return
            connection.settimeout(None)
            while line := lines.readline(LINE_BYTES_MAX + 1):
                if not self._answer(connection, hello, line):
                    return

    def _handshake(self, connection: socket.socket, line: bytes) -> Hello | None:
        try:
            frame = decode_frame(line)
            if not isinstance(frame.msg, Hello) or frame.msg.protocol != PROTOCOL_VERSION:
                raise BadInputError(
                    f"The peer does not speak version {PROTOCOL_VERSION} of the link.",
                    code="link_version",
                    mend="Install the same version of every part of SmileTill.",
                )
            self._service.admit(frame.msg)
        except SmileTillError as error:
            connection.sendall(encode_frame(Frame(0, Problem.of(error))))
            return None
        connection.sendall(encode_frame(Frame(0, Welcome(PROTOCOL_VERSION, self._service.name))))
        return frame.msg

    def _answer(self, connection: socket.socket, hello: Hello, line: bytes) -> bool:
        """Answer one line; return whether the conversation can go on."""
        try:
            frame = decode_frame(line)
        except SmileTillError as error:
            connection.sendall(encode_frame(Frame(0, Problem.of(error))))
            return False
        try:
            if isinstance(frame.msg, Ping):
                answers: Iterator[AnyMessage] = iter(
                    [Pong(self._service.name, self._service.detail())]
                )
            else:
                answers = self._service.handle(hello, frame.msg)
            self._send_all(connection, frame.id, answers)
        except SmileTillError as error:
            connection.sendall(encode_frame(Frame(frame.id, Problem.of(error))))
        except OSError:
            raise
        except Exception:
            # Our own bug: say so without repeating the message, and hang up on this peer only.
            logger.exception("a request failed inside %s", self._service.name)
            bug = SetupError(
                f"The {self._service.name} process made a mistake.",
                code="internal_error",
                mend="Look at its log, and report this.",
            )
            connection.sendall(encode_frame(Frame(frame.id, Problem.of(bug))))
            return False
        return True

    @staticmethod
    def _send_all(connection: socket.socket, number: int, answers: Iterator[AnyMessage]) -> None:
        try:
            for answer in answers:
                last = not isinstance(answer, Progress)
                connection.sendall(encode_frame(Frame(number, answer, last=last)))
                if last:
                    return
            message = "a service must answer"
            raise AssertionError(message)
        finally:
            # A peer that went away in the middle: what was begun for it is undone at once.
            if isinstance(answers, Generator):
                answers.close()


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        logger.debug("already gone: %s", type(error).__name__)
