"""The simulated people's socket: scenes for the simulated camera, words for the live scene.

One thread a connection, their number bounded; peers of another user are hung up on. A scene is
drawn only as fast as its frames are pulled. Messages are those of `kiosk.link.frames`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.link.frames import (
    END,
    PEOPLE,
    PULL,
    REQUEST_BYTES_MAX,
    ControlRequest,
    FrameHeader,
    SceneRequest,
    decode_request,
    encode_answer,
    encode_header,
)
from kiosk.link.sockets import listen, peer_uid
from kiosk.sandbox.people.cast import EVERYBODY
from kiosk.sandbox.people.live import FRAME_RATE, LiveScene, unknown_person
from kiosk.sandbox.people.motion import smile_level
from kiosk.sandbox.people.scene import Crowd, CustomerScene, EmptyScene, PhotoScene, Scene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONNECTIONS_MAX = 8
REQUEST_S_MAX = 5.0
IDLE_S_MAX = 120.0
"""Longest pause between two pulls; a session that thinks is over sooner."""
ACCEPT_POLL_S = 0.2

logger = logging.getLogger(__name__)


class PeopleServer:
    """A listening socket and its threads; entering starts to listen, leaving hangs up on all.

    Args:
        run_dir: Where the socket goes.
        crowd: The people.
    """

    def __init__(self, run_dir: Path, crowd: Crowd) -> None:
        """Remember where to listen; nothing is opened yet."""
        self._run_dir = run_dir
        self._crowd = crowd
        self._live = LiveScene(crowd)
        self._lock = FileLock(run_dir / f"{PEOPLE}.lock", mode=0o600)
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._peers: dict[socket.socket, threading.Thread] = {}
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Take the lock and listen.

        Raises:
            SetupError: `already_running`.
        """
        self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise SetupError(
                "The simulated people already run on this data directory.",
                code="already_running",
                mend="Use those, or stop them first.",
            ) from error
        self._listener = listen(self._run_dir, PEOPLE, CONNECTIONS_MAX)
        self._listener.settimeout(ACCEPT_POLL_S)
        self._accepting = threading.Thread(
            target=self._accept, args=(self._listener,), name="people-accept"
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
        (self._run_dir / f"{PEOPLE}.sock").unlink(missing_ok=True)
        with self._guard:
            peers = dict(self._peers)
        for connection, thread in peers.items():
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
                if len(self._peers) >= CONNECTIONS_MAX or peer_uid(connection) != os.geteuid():
                    connection.close()
                    continue
                thread = threading.Thread(
                    target=self._serve, args=(connection,), name="people-peer"
                )
                self._peers[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(REQUEST_S_MAX)
            self._converse(connection)
        except OSError:
            # Gone or silent: there is nobody left to tell.
            logger.debug("a peer went away")
        finally:
            connection.close()
            with self._guard:
                self._peers.pop(connection, None)

    def _converse(self, connection: socket.socket) -> None:
        try:
            request = decode_request(_line(connection))
            if isinstance(request, ControlRequest):
                self._live.tell(request.control, request.person)
            elif request.person >= EVERYBODY:
                raise unknown_person()
        except BadInputError as error:
            connection.sendall(encode_answer(error))
            return
        connection.sendall(encode_answer(None))
        connection.settimeout(IDLE_S_MAX)
        frames = self._frames(request)
        while connection.recv(1) == PULL and not self._stopping.is_set():
            # Drawn now and not before: a live frame must be of this moment.
            header, image = next(frames, (END, None))
            connection.sendall(encode_header(header))
            if image is None:
                return
            connection.sendall(image.data)

    def _frames(
        self, request: SceneRequest | ControlRequest
    ) -> Iterator[tuple[FrameHeader, NDArray[np.uint8]]]:
        """Draw what was asked for; each frame only when the one before has been taken."""
        if isinstance(request, ControlRequest):
            return self._live_frames(1 if request.control == "preview" else 0)
        if request.scene == "live":
            return self._live_frames(None)
        return _drawn(scene_of(self._crowd, request), request)

    def _live_frames(self, count: int | None) -> Iterator[tuple[FrameHeader, NDArray[np.uint8]]]:
        index = -1
        while count is None or count > 0:
            picture = self._live.after(index)
            index = picture.index
            yield _header(picture.index, picture.at_ms, picture.image), picture.image
            count = None if count is None else count - 1


def scene_of(crowd: Crowd, request: SceneRequest) -> Scene:
    """Return the scene that was asked for; `live` is no such scene."""
    match request.scene:
        case "customer":
            return CustomerScene(crowd, request.person, request.seed, turning=request.turning)
        case "photo":
            return PhotoScene(crowd, request.person, request.seed)
        case "empty":
            return EmptyScene(crowd, request.seed)
        case "live":
            message = "the live scene is one for all"
            raise AssertionError(message)


def _drawn(scene: Scene, request: SceneRequest) -> Iterator[tuple[FrameHeader, NDArray[np.uint8]]]:
    for index in range(request.frames_max):
        at_ms = index * 1000 // FRAME_RATE
        image = scene.frame(index, at_ms, smile_level(at_ms, request.smile_at_ms))
        yield _header(index, at_ms, image), image


def _header(index: int, at_ms: int, image: NDArray[np.uint8]) -> FrameHeader:
    return FrameHeader(index, at_ms, image.shape[0], image.shape[1])


def _line(connection: socket.socket) -> bytes:
    """Read a line, or as much as a request may have."""
    line = b""
    while not line.endswith(b"\n") and len(line) <= REQUEST_BYTES_MAX:
        part = connection.recv(REQUEST_BYTES_MAX + 1 - len(line))
        if not part:
            break
        line += part
    return line


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The peer was faster.
        logger.debug("a peer had hung up already")
