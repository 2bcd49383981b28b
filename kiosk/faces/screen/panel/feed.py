"""The live scene, for the panel: its newest frames for the eye, and words to the people in it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kiosk.domain.errors import SmileTillError
from kiosk.link.frames import (
    ANSWER_BYTES_MAX,
    HEADER_BYTES,
    PEOPLE,
    PULL,
    ControlRequest,
    FrameHeader,
    SceneRequest,
    Word,
    broken_stream,
    check_answer,
    decode_header,
    encode_request,
)
from kiosk.link.sockets import LinkDownError, connect

TIMEOUT_S = 3.0
FRAME_PAUSE_S = 0.1
"""Ten frames a second are enough to follow; each one drawn costs the kiosk some time."""

Show = Callable[[FrameHeader, bytes], None]


def say(run_dir: Path, word: Word, person: int | None = None) -> None:
    """Tell the people of the live scene what to do.

    Raises:
        SmileTillError: They are not there, or do not understand.
    """
    with connect(run_dir, PEOPLE, TIMEOUT_S) as connection:
        connection.sendall(encode_request(ControlRequest(word, person)))
        check_answer(_line(connection))


class Feed:
    """Hands every frame it pulls to `show`, on a thread of its own, until `stop`.

    Args:
        run_dir: Where the people's socket lies.
        show: Takes a header and its BGR pixels; called on the feed's thread.
    """

    def __init__(self, run_dir: Path, show: Show) -> None:
        """Start to pull."""
        self._run_dir = run_dir
        self._show = show
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="panel-feed")
        self._thread.start()

    def stop(self) -> None:
        """Stop pulling and wait for the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._watch()
            except (OSError, SmileTillError):
                # The people are being started again; look for them a moment later.
                self._stopping.wait(1.0)

    def _watch(self) -> None:
        with connect(self._run_dir, PEOPLE, TIMEOUT_S) as connection:
            connection.sendall(encode_request(SceneRequest("live")))
            check_answer(_line(connection))
            while not self._stopping.wait(FRAME_PAUSE_S):
                connection.sendall(PULL)
                header = decode_header(_exactly(connection, HEADER_BYTES))
                if header.is_end:
                    return
                self._show(header, _exactly(connection, header.pixel_bytes))


def _line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < ANSWER_BYTES_MAX:
        line += _exactly(connection, 1)
    return line


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    deadline = time.monotonic() + TIMEOUT_S
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise LinkDownError(PEOPLE, "went away")
        if time.monotonic() > deadline:
            raise broken_stream()
        data += part
    return bytes(data)
