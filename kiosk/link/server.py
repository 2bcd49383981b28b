"""Serve one process's messages on its unix socket.

Each connection has a thread of its own, their number is bounded, and a peer of another user,
another protocol version or without manners is refused before the service hears of it.
"""

from __future__ import annotations

import itertools
import logging
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from kiosk.domain.errors import BadInputError, SetupError, SmileTillError
from kiosk.link.listener import Listener
from kiosk.link.peer import Peer
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
from kiosk.link.sockets import outer_uid, peer_uid

CONNECTIONS_MAX = 16
"""At most this many peers at once: the screen, the staff tool, tills, and room for a restart."""
HANDSHAKE_S_MAX = 5.0

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
        """Yield any number of `Progress` and then exactly one answer; errors become `Problem`.

        `hello` is the server's `Peer`: what was said at first, and who the kernel says said it.
        """
        ...

    def detail(self) -> dict[str, str]:
        """Facts for `Pong`."""
        ...


class Answers(Protocol):
    """Who answers one connection."""

    def handle(self, hello: Hello, message: AnyMessage) -> Iterator[AnyMessage]:
        """As `Service.handle`."""
        ...


@runtime_checkable
class PerPeer(Protocol):
    """A service that knows its connections apart, because something belongs to each of them."""

    def for_peer(self, peer: Peer) -> Answers:
        """Return who answers a new connection."""
        ...


class _PeerGoneError(Exception):
    """Nobody is left who could be told."""


class LinkServer:
    """Serves a service on its socket, from entering the block to leaving it.

    Args:
        directory: Where the socket goes.
        service: Who answers.
        connections_max: Peers at once.

    Raises (on entering):
        AlreadyRunningError: Another process of this kind is there.
    """

    def __init__(
        self, directory: Path, service: Service, *, connections_max: int = CONNECTIONS_MAX
    ) -> None:
        """Remember whom to serve; nothing is opened yet."""
        self._service = service
        self._numbers = itertools.count(1)
        self._listener = Listener(
            directory, service.name, self._converse, connections_max=connections_max
        )

    def __enter__(self) -> Self:
        """Listen."""
        self._listener.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up on everybody and wait for what they had under way."""
        self._listener.__exit__()

    def _converse(self, connection: socket.socket) -> None:
        connection.settimeout(HANDSHAKE_S_MAX)
        with connection.makefile("rb") as lines:
            hello = self._handshake(connection, lines.readline(LINE_BYTES_MAX + 1))
            if hello is None:
                return
            uid = outer_uid(peer_uid(connection))
            peer = Peer.of(hello, uid=uid, connection=next(self._numbers))
            connection.settimeout(None)
            answers: Answers = self._service
            if isinstance(self._service, PerPeer):
                answers = self._service.for_peer(peer)
            while line := lines.readline(LINE_BYTES_MAX + 1):
                if not self._answer(connection, answers, peer, line):
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

    def _answer(self, connection: socket.socket, peer: Answers, hello: Hello, line: bytes) -> bool:
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
                answers = peer.handle(hello, frame.msg)
            self._send_all(connection, frame.id, answers)
        except SmileTillError as error:
            connection.sendall(encode_frame(Frame(frame.id, Problem.of(error))))
        except _PeerGoneError:
            return False
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
                try:
                    connection.sendall(encode_frame(Frame(number, answer, last=last)))
                except OSError as error:
                    raise _PeerGoneError from error
                if last:
                    return
            message = "a service must answer"
            raise AssertionError(message)
        finally:
            # A peer that went away in the middle: what was begun for it is undone at once.
            if isinstance(answers, Generator):
                answers.close()
