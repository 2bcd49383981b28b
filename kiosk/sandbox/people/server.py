"""The simulated people's socket: scenes for the simulated camera, words for the live scene.

One thread a connection, their number bounded; peers of another user are hung up on. A scene is
drawn only as fast as its frames are pulled. Messages are those of `kiosk.link.frames`.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kiosk.domain.errors import BadInputError
from kiosk.link.frames import (
    END,
    EXPOSE,
    EXPOSE_BYTES,
    PEOPLE,
    PULL,
    REQUEST_BYTES_MAX,
    ControlRequest,
    FrameHeader,
    SceneRequest,
    decode_exposure,
    decode_request,
    encode_answer,
    encode_header,
)
from kiosk.link.listener import Listener
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

_Frames = Iterator[tuple[FrameHeader, "NDArray[np.uint8]"]]
_Expose = Callable[[float], None]

logger = logging.getLogger(__name__)


class PeopleServer:
    """A listening socket and its threads; entering starts to listen, leaving hangs up on all.

    Args:
        run_dir: Where the socket goes.
        crowd: The people.
    """

    def __init__(self, run_dir: Path, crowd: Crowd) -> None:
        """Remember the people; nothing is opened yet."""
        self._crowd = crowd
        self._live = LiveScene(crowd)
        self._listener = Listener(run_dir, PEOPLE, self._converse, connections_max=CONNECTIONS_MAX)

    def __enter__(self) -> Self:
        """Listen.

        Raises:
            AlreadyRunningError: They run on this data directory already.
        """
        self._listener.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up on everybody."""
        self._listener.__exit__()

    def _converse(self, connection: socket.socket) -> None:
        connection.settimeout(REQUEST_S_MAX)
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
        frames, expose = self._frames(request)
        expose(1.0)  # whoever opens a camera finds it as it is by itself
        self._serve(connection, frames, expose)

    def _serve(self, connection: socket.socket, frames: _Frames, expose: _Expose) -> None:
        """Give a frame for every pull, and set the exposure in between."""
        while (word := connection.recv(1)) and not self._listener.stopping.is_set():
            if word == EXPOSE:
                expose(decode_exposure(_exactly(connection, EXPOSE_BYTES)))
                continue
            if word != PULL:
                return
            # Drawn now and not before: a live frame must be of this moment.
            header, image = next(frames, (END, None))
            connection.sendall(encode_header(header))
            if image is None:
                return
            connection.sendall(image.data)

    def _frames(self, request: SceneRequest | ControlRequest) -> tuple[_Frames, _Expose]:
        """Draw what was asked for, each frame only when the one before has been taken.

        Returns:
            The frames, and what sets the exposure of what is seen on them.
        """
        if isinstance(request, ControlRequest):
            return self._live_frames(1 if request.control == "preview" else 0), _follow_nothing
        if request.scene == "live":
            return self._live_frames(None), self._live.expose
        scene = scene_of(self._crowd, request)
        if request.injected:
            return _drawn(scene, request), _follow_nothing
        return _drawn(scene, request), partial(setattr, scene.sensor, "times")

    def _live_frames(self, count: int | None) -> _Frames:
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
            return CustomerScene(
                crowd, request.person, request.seed, turning=request.turning, dim=request.dim
            )
        case "photo":
            return PhotoScene(crowd, request.person, request.seed)
        case "empty":
            return EmptyScene(crowd, request.seed)
        case "live":
            message = "the live scene is one for all"
            raise AssertionError(message)


def _follow_nothing(_times: float) -> None:
    """A recording stays as it is."""


def _drawn(scene: Scene, request: SceneRequest) -> _Frames:
    for index in range(request.frames_max):
        at_ms = index * 1000 // FRAME_RATE
        image = scene.frame(index, at_ms, smile_level(at_ms, request.smile_at_ms))
        yield _header(index, at_ms, image), image


def _header(index: int, at_ms: int, image: NDArray[np.uint8]) -> FrameHeader:
    return FrameHeader(index, at_ms, image.shape[0], image.shape[1])


def _exactly(connection: socket.socket, count: int) -> bytes:
    """Read so many bytes, or fewer from who hangs up."""
    read = b""
    while len(read) < count and (part := connection.recv(count - len(read))):
        read += part
    return read


def _line(connection: socket.socket) -> bytes:
    """Read a line, or as much as a request may have."""
    line = b""
    while not line.endswith(b"\n") and len(line) <= REQUEST_BYTES_MAX:
        part = connection.recv(REQUEST_BYTES_MAX + 1 - len(line))
        if not part:
            break
        line += part
    return line
