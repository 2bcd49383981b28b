"""Simulated people as a camera: frames pulled from their process over a socket of their own.

A scene is named in one short text:
`customer:2:smile=3000:seed=7:turning:frames=300`, `photo:2:seed=1`, `empty` or `live`.
With back-pressure and a virtual clock of 30 frames a second; only `live` runs in real time.
`dim` has the camera's own metering misled, `injected` plays a recording that follows no command.
Its exposure can be commanded as a webcam's.
It draws nothing itself, and its kind is `SIMULATED`, which no real bank is ever combined with.
"""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING, Final, Self

import msgspec
import numpy as np

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.exposure import Exposure, ExposureState
from kiosk.faces.camera.port import (
    FRAME_PIXELS_MAX,
    FRAME_SIDE_MIN,
    CameraDeviceError,
    CameraInputError,
    Frame,
)
from kiosk.link.frames import (
    ANSWER_BYTES_MAX,
    HEADER_BYTES,
    PEOPLE,
    PULL,
    SceneRequest,
    bad_scene,
    check_answer,
    decode_header,
    encode_exposure,
    encode_request,
)
from kiosk.link.sockets import LinkDownError, connect, peer_uid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

TIMEOUT_S: Final = 5.0
"""Longest wait for one frame; drawing takes some 10 ms, so this is a process that hangs."""
SCENE_TEXT_MAX: Final = 120

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_WITH_PERSON: Final = frozenset({"customer", "photo"})
_KEYS: Final = {"smile": "smile_at_ms", "seed": "seed", "frames": "frames_max"}
_FLAGS: Final = {"turning": "turning", "dim": "dim", "injected": "injected"}


def parse_scene(text: str) -> SceneRequest:
    """Read a scene's text form.

    Raises:
        CameraInputError: `scene_bad`.
    """
    if len(text) > SCENE_TEXT_MAX:
        raise _bad_scene()
    first, *words = text.split(":")
    values: dict[str, object] = {"scene": first, "version": 1}
    if first in _WITH_PERSON:
        values["person"] = _number(words.pop(0) if words else "")
    for word in words:
        name, equals, number = word.partition("=")
        key = _KEYS.get(name) if equals else _FLAGS.get(name)
        if key is None or key in values or first == "live":
            raise _bad_scene()
        values[key] = _number(number) if equals else True
    try:
        return msgspec.convert(values, SceneRequest)
    except msgspec.ValidationError as error:
        raise _bad_scene() from error


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _bad_scene()
    return int(text)


class StreamCamera:
    """Frames from the simulated people's process.

    Args:
        run_dir: Where their socket lies.
        scene: The scene's text form; read on entering, not before.
        timeout_s: Longest wait for a frame.
    """

    def __init__(self, run_dir: Path, scene: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Remember whom to ask; connect to nobody."""
        self._run_dir = run_dir
        self._scene = scene
        self._timeout_s = timeout_s
        self._connection: socket.socket | None = None
        self._last_ms = 0
        self._exposure = Exposure()
        self._commanded: tuple[float | None] | None = None

    is_known_to_follow: Final = True
    """What simulated people are looked at with always follows; what does not is injected."""
    times_to_hold: Final = 1.0

    @property
    def exposure(self) -> Exposure:
        """What was done to the exposure last."""
        return self._exposure

    def expose(self, times: float | None) -> None:
        """Have the exposure changed before the next frame is pulled."""
        self._commanded = (times,)

    def note_answer(self, *, followed: bool) -> None:
        """Nothing is to be learned about a simulated camera."""

    def note_hold(self, times: float) -> None:
        """It tells what it chose."""

    @property
    def kind(self) -> CameraKind:
        """Simulated people are never a live device."""
        return CameraKind.SIMULATED

    def __enter__(self) -> Self:
        """Connect and ask for the scene.

        Raises:
            CameraInputError: `scene_bad`, or why the scene is refused.
            CameraDeviceError: `camera_missing`, `camera_stalled` or `camera_unplugged`.
        """
        request = parse_scene(self._scene)
        try:
            connection = connect(self._run_dir, PEOPLE, self._timeout_s)
        except LinkDownError as error:
            raise CameraDeviceError(
                "The simulated people are not running.",
                code="camera_missing",
                mend="Start them with --simulated, or use a real camera.",
            ) from error
        self._connection = connection
        self._last_ms, self._exposure, self._commanded = 0, Exposure(), None
        try:
            if peer_uid(connection) != os.geteuid():
                raise _gone()
            self._send(encode_request(request))
            check_answer(self._line())
        except BadInputError as error:
            self._close()
            raise _as_input_error(error) from error
        except SetupError as error:
            self._close()
            raise _as_device_error(error) from error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._close()

    def frames(self) -> Iterator[Frame]:
        """Yield the scene's frames in order.

        Raises:
            CameraDeviceError: `camera_unplugged` when the people's process goes away,
                `camera_stalled` when it is silent, `stream_broken` when it sends nonsense.
        """
        assert self._connection is not None, "frames() is for inside the with block"
        while self._connection is not None:
            self._set_exposure()
            self._send(PULL)
            header = self._read_header()
            if header is None:
                return
            index, at_ms, height, width = header
            image = np.frombuffer(self._exactly(height * width * 3), np.uint8)
            self._last_ms = max(self._last_ms, at_ms)
            yield Frame(image.reshape(height, width, 3), index, self._last_ms)

    def _set_exposure(self) -> None:
        if self._commanded is None:
            return
        (times,), self._commanded = self._commanded, None
        self._send(encode_exposure(times))
        state = ExposureState.AUTOMATIC if times is None else ExposureState.HELD
        number = self._exposure.number + 1
        self._exposure = Exposure(state, times or 1.0, self._last_ms, number)

    def _read_header(self) -> tuple[int, int, int, int] | None:
        raw = bytes(self._exactly(HEADER_BYTES))
        try:
            header = decode_header(raw)
        except SetupError as error:
            raise _as_device_error(error) from error
        if header.is_end:
            return None
        if (
            min(header.height, header.width) < FRAME_SIDE_MIN
            or header.height * header.width > FRAME_PIXELS_MAX
        ):
            raise CameraDeviceError(
                "The simulated camera sends frames of an impossible size.",
                code="stream_broken",
                mend="Check that all parts of SmileTill are of the same version.",
            )
        return header.index, header.at_ms, header.height, header.width

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n") and len(line) <= ANSWER_BYTES_MAX:
            line += bytes(self._exactly(1))
        return line

    def _send(self, data: bytes) -> None:
        assert self._connection is not None, "only while connected"
        try:
            self._connection.sendall(data)
        except TimeoutError as error:
            raise _stalled() from error
        except OSError as error:
            raise _gone() from error

    def _exactly(self, count: int) -> bytearray:
        assert self._connection is not None, "only while connected"
        data = bytearray(count)
        view = memoryview(data)
        got = 0
        while got < count:
            try:
                received = self._connection.recv_into(view[got:])
            except TimeoutError as error:
                raise _stalled() from error
            except OSError as error:
                raise _gone() from error
            if received == 0:
                raise _gone()
            got += received
        return data

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _as_device_error(error: SetupError) -> CameraDeviceError:
    return CameraDeviceError(error.message, code=error.code, mend=error.mend)


def _as_input_error(error: BadInputError) -> CameraInputError:
    return CameraInputError(error.message, code=error.code, mend=error.mend)


def _bad_scene() -> CameraInputError:
    return _as_input_error(bad_scene())


def _gone() -> CameraDeviceError:
    return CameraDeviceError(
        "The simulated people went away.",
        code="camera_unplugged",
        mend="Start them again, and the payment anew.",
    )


def _stalled() -> CameraDeviceError:
    return CameraDeviceError(
        "The simulated camera sends no frames.",
        code="camera_stalled",
        mend="Stop the simulated people and start them again.",
    )
