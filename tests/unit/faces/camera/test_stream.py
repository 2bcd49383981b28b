"""The simulated camera's faces side: its text forms, and what a bad peer can do to it."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

import pytest

from kiosk.domain.errors import SetupError
from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.choice import camera_of
from kiosk.faces.camera.port import Camera, CameraDeviceError, CameraInputError
from kiosk.faces.camera.stream import SCENE_TEXT_MAX, StreamCamera, parse_scene
from kiosk.link.frames import (
    END,
    PEOPLE,
    FrameHeader,
    SceneRequest,
    decode_header,
    encode_answer,
    encode_header,
)
from kiosk.link.protocol import CameraSpec
from kiosk.link.sockets import listen

YES = encode_answer(None)
SIZE = (60, 80)
PIXELS = bytes(60 * 80 * 3)


@contextmanager
def people(tmp_path, *, says: bytes, hangs_up: bool = True):
    """A peer that takes the request, says what it was given, and hangs up or falls silent."""
    listener = listen(tmp_path, PEOPLE, 1)
    done = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(says)
            if hangs_up:
                connection.shutdown(socket.SHUT_WR)
            done.wait(10)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield StreamCamera(tmp_path, "empty", timeout_s=0.5)
    finally:
        done.set()
        thread.join()
        listener.close()


@pytest.mark.parametrize(
    ("text", "scene"),
    [
        ("empty", SceneRequest("empty")),
        ("empty:seed=3", SceneRequest("empty", seed=3)),
        ("live", SceneRequest("live")),
        ("customer:2", SceneRequest("customer", person=2)),
        ("photo:2:seed=1", SceneRequest("photo", person=2, seed=1)),
        ("customer:2:dim:injected", SceneRequest("customer", 2, dim=True, injected=True)),
        (
            "customer:0:smile=3000:seed=7:turning:frames=300",
            SceneRequest("customer", 0, 7, 3000, turning=True, frames_max=300),
        ),
    ],
)
def test_text_forms_are_read(text, scene):
    """Every form of the contract means its scene."""
    assert scene == parse_scene(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "customer",
        "customer:",
        "customer:-1",
        "customer:+1",
        "customer:01",
        "customer:99",
        "customer:1:",
        "customer:1:smile",
        "customer:1:smile=",
        "customer:1:smile=3.5",
        "customer:1:smile=999999999",
        "customer:1:seed=1:seed=2",
        "customer:1:turning=1",
        "customer:1:dim=1",
        "customer:1:person=2",
        "customer:1:version=2",
        "photo:seed=1",
        "live:seed=1",
        "party",
        "/dev/video0",
        "empty:frames=0",
        "empty:seed=" + "1" * SCENE_TEXT_MAX,
        "customer:²",
    ],
)
def test_anything_else_is_refused(text):
    """With the code that the desk and the till show."""
    with pytest.raises(CameraInputError) as caught:
        parse_scene(text)

    assert "scene_bad" == caught.value.code


def test_it_is_a_camera_and_never_a_live_one(tmp_path):
    """Money learns the kind from here."""
    camera = StreamCamera(tmp_path, "empty")

    assert isinstance(camera, Camera)
    assert CameraKind.SIMULATED is camera.kind
    assert not camera.kind.is_live


def test_frames_come_until_the_end(tmp_path):
    """Pixels, index and time as they were sent; then the camera ends."""
    one = encode_header(FrameHeader(4, 133, *SIZE)) + PIXELS
    with people(tmp_path, says=YES + one + encode_header(END)) as camera, camera:
        frames = list(camera.frames())

    assert [(4, 133, (60, 80, 3))] == [(f.index, f.at_ms, f.image.shape) for f in frames]


def test_nobody_there_is_a_missing_camera(tmp_path):
    """With a mend."""
    with pytest.raises(CameraDeviceError) as caught, StreamCamera(tmp_path, "empty"):
        pass

    assert "camera_missing" == caught.value.code
    assert caught.value.mend


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (YES, "camera_unplugged"),
        (YES + encode_header(FrameHeader(0, 0, *SIZE)) + PIXELS[:-1], "camera_unplugged"),
        (YES + b"SMF1" + b"\xff" * 16, "stream_broken"),
        (YES + b"x" * 20, "stream_broken"),
        (YES + encode_header(FrameHeader(0, 0, 1, 1)) + b"abc", "stream_broken"),
        (b"", "camera_unplugged"),
        (b"{}\n", "stream_broken"),
        (b"x" * 5000, "stream_broken"),
    ],
)
def test_a_peer_that_breaks_off_or_talks_nonsense_is_a_device_error(tmp_path, says, code):
    """Never a hang, never a crash, never a frame of somebody's choosing in size."""
    with (
        pytest.raises(CameraDeviceError) as caught,
        people(tmp_path, says=says) as camera,
        camera,
    ):
        list(camera.frames())

    assert code == caught.value.code


@pytest.mark.parametrize("says", [b"", YES, YES + b"SMF1"])
def test_a_silent_peer_stalls_the_camera_for_a_bounded_time(tmp_path, says):
    """Whether it is silent at once or in the middle."""
    with (
        pytest.raises(CameraDeviceError) as caught,
        people(tmp_path, says=says, hangs_up=False) as camera,
        camera,
    ):
        list(camera.frames())

    assert "camera_stalled" == caught.value.code


def test_impossible_headers_are_refused():
    """Too large, or flat."""
    for sizes in ((5000, 10), (10, 0), (0, 10)):
        with pytest.raises(SetupError):
            decode_header(encode_header(FrameHeader(0, 0, *sizes)))


@pytest.mark.parametrize("kind", [kind for kind in CameraKind if kind is not CameraKind.SIMULATED])
def test_a_pad_for_simulated_people_meets_no_other_camera(tmp_path, kind):
    """Refused before anything is opened, whoever asks."""
    with pytest.raises(SetupError) as caught:
        camera_of(CameraSpec(kind, path="x"), run_dir=tmp_path, pad_sandbox_only=True)

    assert "pad_sandbox_only" == caught.value.code


@pytest.mark.parametrize("pad_sandbox_only", [True, False])
def test_the_simulated_camera_goes_with_every_pack(tmp_path, pad_sandbox_only):
    """With an ordinary pack PAD simply refuses the drawings."""
    spec = CameraSpec(CameraKind.SIMULATED, path="empty")
    make = camera_of(spec, run_dir=tmp_path, pad_sandbox_only=pad_sandbox_only)

    assert isinstance(make(), StreamCamera)
