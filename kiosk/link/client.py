"""Ask another process and wait for its answer, with a limit on the time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

from kiosk.domain.errors import BadInputError
from kiosk.link.protocol import (
    LINE_BYTES_MAX,
    AnyMessage,
    Frame,
    Hello,
    Problem,
    Progress,
    Welcome,
    decode_frame,
    encode_frame,
)
from kiosk.link.sockets import LinkDownError, connect

CONNECT_S_MAX = 5.0
CALL_S_MAX = 10.0
"""Default limit of one call; calls that wait for people or banks pass their own."""

Answer = TypeVar("Answer")


class LinkClient:
    """One connection to one process; calls from several threads take turns.

    After an error of the connection the client is closed and must be made anew: an answer that
    comes late can then never be taken for the answer to another question.
    """

    def __init__(self, directory: Path, server: str, hello: Hello) -> None:
        """Connect and shake hands.

        Raises:
            LinkDownError: Nobody is there.
            SmileTillError: The other side refuses, with its own words.
        """
        self._server = server
        self._turn = threading.Lock()
        self._number = 0
        self._socket = connect(directory, server, CONNECT_S_MAX)
        self._lines = self._socket.makefile("rb")
        try:
            answer = self._exchange(hello, CONNECT_S_MAX, None)
        except BaseException:
            self.close()
            raise
        if not isinstance(answer, Welcome):
            self.close()
            raise LinkDownError(server, "did not shake hands")

    def call(
        self,
        message: AnyMessage,
        expect: type[Answer],
        *,
        timeout_s: float = CALL_S_MAX,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Answer:
        """Send a message and return its answer.

        Args:
            message: The question.
            expect: The type of answer that the caller can use.
            timeout_s: Longest silence, in seconds, between two lines of the other side.
            on_progress: Told of every step before the answer.

        Raises:
            LinkDownError: The other side went away, stayed silent or answered something else.
            SmileTillError: The other side's own error, unpacked.
        """
        with self._turn:
            answer = self._exchange(message, timeout_s, on_progress)
        if not isinstance(answer, expect):
            self.close()
            raise LinkDownError(self._server, "answered something else")
        return answer

    def hang_up(self) -> None:
        """End the call that another thread waits in: it fails as if the other side had gone.

        Never waits for that call, as `close` would; whoever made the client still closes it.
        """
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up. Calling it twice is no error."""
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> Self:
        """Return the connected client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.close()

    def _exchange(
        self,
        message: AnyMessage,
        timeout_s: float,
        on_progress: Callable[[Progress], None] | None,
    ) -> AnyMessage:
        number, self._number = self._number, self._number + 1
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(encode_frame(Frame(number, message)))
            while True:
                line = self._lines.readline(LINE_BYTES_MAX + 1)
                if not line:
                    raise ConnectionError
                frame = decode_frame(line)
                if frame.id != number:
                    raise ConnectionError
                if frame.last:
                    break
                if on_progress is not None and isinstance(frame.msg, Progress):
                    on_progress(frame.msg)
        except TimeoutError as error:
            self.close()
            raise LinkDownError(self._server, "stays silent") from error
        except (OSError, ValueError, BadInputError) as error:
            self.close()
            raise LinkDownError(self._server, "went away") from error
        if isinstance(frame.msg, Problem):
            raise frame.msg.to_error()
        return frame.msg
