"""How frames of a simulated camera travel: one request line, one answer line, then pulled frames.

The client sends one line of JSON, a scene to be drawn or a word to the live scene. The answer is
one line too, `{"version": 1, "ok": true}` or an error. After a scene the client pulls: for each
byte `PULL` it gets one header and the pixels; a header without size is the end.
So nothing is drawn that nobody asked for, and nobody is sent more than was asked.
Between two pulls the client may set the camera's exposure, by a message without an answer.
Every number has a limit, and unknown fields are refused.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from kiosk.domain.errors import BadInputError, SetupError, SmileTillError

PEOPLE = "people"
"""Name of the simulated people's socket."""
FRAMES_VERSION: Final = 1
REQUEST_BYTES_MAX = 512
ANSWER_BYTES_MAX = 2_048
PULL = b"n"
EXPOSE = b"e"
"""Begins a message that sets the exposure: thousandths of the camera's own choice follow, as four
bytes; 0 gives it back to the camera."""
EXPOSE_BYTES = 4
EXPOSURE_MAX = 64.0
SIDE_MAX = 4_096
PERSON_MAX = 63
SEED_MAX = 2**31 - 1
SMILE_AT_MS_MAX = 120_000
FRAMES_MAX = 3_600
"""Two minutes at 30 frames a second, longer than any session."""
FRAMES_USUAL = 900

_HEADER = struct.Struct("!4sIQHH")
_MAGIC = b"SMF1"
HEADER_BYTES = _HEADER.size

Kind = Literal["customer", "photo", "empty", "live"]
Word = Literal[
    "smile", "neutral", "turn_left", "turn_right", "leave", "show_photo", "person", "preview"
]


class SceneRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scene to be drawn, on a clock of its own at 30 frames a second (`live`: in real time).

    Args:
        scene: Who is there.
        person: Which of the simulated people (`customer`, `photo`).
        seed: Decides room, light, movement and noise.
        smile_at_ms: When they begin to smile; None: they do not.
        turning: Whether they turn their head.
        dim: Whether the camera's own metering is misled, and leaves them dark (`customer`).
        injected: Whether it is a recording that is played into the kiosk, which follows no command.
        frames_max: After so many frames the scene ends.
        version: `FRAMES_VERSION`.
    """

    scene: Kind
    person: Annotated[int, msgspec.Meta(ge=0, le=PERSON_MAX)] = 0
    seed: Annotated[int, msgspec.Meta(ge=0, le=SEED_MAX)] = 0
    smile_at_ms: Annotated[int, msgspec.Meta(ge=0, le=SMILE_AT_MS_MAX)] | None = None
    turning: bool = False
    dim: bool = False
    injected: bool = False
    frames_max: Annotated[int, msgspec.Meta(ge=1, le=FRAMES_MAX)] = FRAMES_USUAL
    version: Literal[1] = FRAMES_VERSION


class ControlRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A word to the live scene; `preview` asks for its newest frame."""

    control: Word
    person: Annotated[int, msgspec.Meta(ge=0, le=PERSON_MAX)] | None = None
    version: Literal[1] = FRAMES_VERSION


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ok: bool
    version: Literal[1] = FRAMES_VERSION
    code: str = ""
    message: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What comes before the pixels: H x W x 3 bytes, BGR."""

    index: int
    at_ms: int
    height: int
    width: int

    @property
    def is_end(self) -> bool:
        """Say whether no frame follows, now or later."""
        return self.height == 0

    @property
    def pixel_bytes(self) -> int:
        """How many bytes of pixels follow."""
        return self.height * self.width * 3


END = FrameHeader(0, 0, 0, 0)


def encode_request(request: SceneRequest | ControlRequest) -> bytes:
    """Return the request's line."""
    return msgspec.json.encode(request) + b"\n"


def decode_request(line: bytes) -> SceneRequest | ControlRequest:
    """Read a request's line.

    Raises:
        BadInputError: `scene_bad`: it is not one.
    """
    try:
        if len(line) > REQUEST_BYTES_MAX:
            raise bad_scene()
        values = json.loads(line)
        if isinstance(values, dict) and "control" in values:
            return msgspec.convert(values, ControlRequest)
        return msgspec.convert(values, SceneRequest)
    except (ValueError, RecursionError) as error:
        # msgspec's ValidationError and json's JSONDecodeError are ValueErrors.
        raise bad_scene() from error


def encode_answer(error: SmileTillError | None) -> bytes:
    """Return the answer's line: yes, or what is wrong."""
    if error is None:
        return msgspec.json.encode(_Answer(ok=True)) + b"\n"
    answer = _Answer(ok=False, code=error.code, message=error.message, mend=error.mend)
    return msgspec.json.encode(answer) + b"\n"


def check_answer(line: bytes) -> None:
    """Read an answer's line.

    Raises:
        BadInputError: The scene was refused, in the other side's words.
        SetupError: `stream_broken`: this is no answer.
    """
    try:
        answer = msgspec.json.decode(line, type=_Answer)
    except (ValueError, RecursionError) as error:
        raise broken_stream() from error
    if not answer.ok:
        raise BadInputError(answer.message, code=answer.code, mend=answer.mend)


def encode_exposure(times: float | None) -> bytes:
    """Return the message that sets the exposure; None gives it back to the camera."""
    thousandths = 0 if times is None else max(1, round(1_000 * min(times, EXPOSURE_MAX)))
    return EXPOSE + thousandths.to_bytes(EXPOSE_BYTES, "big")


def decode_exposure(raw: bytes) -> float:
    """Return what the message sets, from the bytes after `EXPOSE`; 1 is the camera's own choice."""
    thousandths = int.from_bytes(raw, "big")
    return min(EXPOSURE_MAX, thousandths / 1_000) if thousandths else 1.0


def encode_header(header: FrameHeader) -> bytes:
    """Return the header's bytes."""
    return _HEADER.pack(_MAGIC, header.index, header.at_ms, header.height, header.width)


def decode_header(raw: bytes) -> FrameHeader:
    """Read a header.

    Raises:
        SetupError: `stream_broken`: it is none, or names an impossible size.
    """
    if len(raw) != HEADER_BYTES:
        raise broken_stream()
    magic, index, at_ms, height, width = _HEADER.unpack(raw)
    sizes_fit = height <= SIDE_MAX and width <= SIDE_MAX and (height == 0) == (width == 0)
    if magic != _MAGIC or not sizes_fit:
        raise broken_stream()
    return FrameHeader(index, at_ms, height, width)


def broken_stream() -> SetupError:
    """Return the error for a stream that does not keep to this."""
    return SetupError(
        "The simulated camera's stream cannot be read.",
        code="stream_broken",
        mend="Check that all parts of SmileTill are of the same version.",
    )


def bad_scene() -> BadInputError:
    """Return the error for a text or request that is no scene."""
    return BadInputError(
        "This is no scene that the simulated people can play.",
        code="scene_bad",
        mend="Name one such as customer:2:smile=3000:seed=7, photo:2:seed=1, empty or live.",
    )
