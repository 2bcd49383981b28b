"""The people's socket and process, spoken to as faces and the demo's panel do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kiosk.domain.errors import SetupError
from kiosk.faces.camera.exposure import ExposureControl
from kiosk.faces.camera.port import CameraDeviceError, CameraInputError
from kiosk.faces.camera.stream import StreamCamera
from kiosk.link.frames import (
    HEADER_BYTES,
    PEOPLE,
    PULL,
    REQUEST_BYTES_MAX,
    ControlRequest,
    check_answer,
    decode_header,
    encode_request,
)
from kiosk.link.sockets import connect
from kiosk.sandbox.people.scene import CustomerScene
from kiosk.sandbox.people.server import CONNECTIONS_MAX, PeopleServer


@pytest.fixture
def run_dir(tmp_path, crowd):
    with PeopleServer(tmp_path / "run", crowd):
        yield tmp_path / "run"


def ask(run_dir: Path, line: bytes) -> bytes:
    """Send a line and return all that comes back until the other side hangs up or is silent."""
    with connect(run_dir, PEOPLE, 3.0) as connection:
        connection.sendall(line)
        return connection.makefile("rb").readline()


def test_a_scene_arrives_as_it_was_drawn(run_dir, crowd):
    """Same pixels, a clock of 30 frames a second, and an end."""
    scene = CustomerScene(crowd, 2, 7)
    with StreamCamera(run_dir, "customer:2:seed=7:frames=4") as camera:
        frames = list(camera.frames())

    assert [0, 1, 2, 3] == [frame.index for frame in frames]
    assert [0, 33, 66, 100] == [frame.at_ms for frame in frames]
    for frame in frames:
        assert np.array_equal(frame.image, scene.frame(frame.index, frame.at_ms, 0.0))


def test_two_scenes_at_once_do_not_mix(run_dir):
    """Each connection has a scene of its own."""
    with (
        StreamCamera(run_dir, "customer:0:seed=1:frames=3") as one,
        StreamCamera(run_dir, "photo:0:seed=1:frames=3") as two,
    ):
        pairs = list(zip(one.frames(), two.frames(), strict=True))

    assert 3 == len(pairs)
    assert all(not np.array_equal(a.image, b.image) for a, b in pairs)


def test_the_exposure_is_followed_but_by_a_recording(run_dir):
    """Half the light, and then the camera's own choice again; a dim scene begins with less."""
    means = {}
    for scene in ("customer:0:seed=1", "customer:0:seed=1:injected", "customer:0:seed=1:dim"):
        with StreamCamera(run_dir, f"{scene}:frames=6") as camera:
            assert isinstance(camera, ExposureControl)
            told = []
            for frame in camera.frames():
                told.append(float(frame.image.mean()))
                if frame.index in {1, 3}:
                    camera.expose(0.5 if frame.index == 1 else None)
            means[scene.rpartition(":")[2]] = told
            assert camera.exposure.number == 2

    usual, injected, dim = means["seed=1"], means["injected"], means["dim"]
    assert usual[3] / usual[1] == pytest.approx(0.5 ** (1 / 2.2), abs=0.03)
    assert usual[5] / usual[1] == pytest.approx(1.0, abs=0.02)
    assert injected[3] / injected[1] == pytest.approx(1.0, abs=0.02)
    assert dim[1] / usual[1] == pytest.approx(0.1 ** (1 / 2.2), abs=0.03)


def test_the_live_scene_follows_until_somebody_else_opens_it(run_dir):
    """The next one begins with the camera's own choice."""
    means = []
    for _ in range(2):
        with StreamCamera(run_dir, "live") as camera:
            frames = camera.frames()
            next(frames)  # perhaps the last one that somebody else was shown, in the same tick
            means.append(float(next(frames).image.mean()))
            camera.expose(0.3)
            means.append(float(next(frames).image.mean()))

    assert means[1] < 0.75 * means[0]
    assert means[2] == pytest.approx(means[0], rel=0.1)


def test_a_person_nobody_knows_is_bad_input(run_dir):
    """The refusal reaches whoever named the scene, with its code."""
    with pytest.raises(CameraInputError) as caught, StreamCamera(run_dir, "customer:9"):
        pass

    assert "person_unknown" == caught.value.code


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"not json\n",
        b'{"version":2,"scene":"empty"}\n',
        b'{"version":1,"scene":"party"}\n',
        b'{"version":1,"scene":"customer","person":-1}\n',
        b'{"version":1,"scene":"customer","frames_max":1000000}\n',
        b'{"version":1,"scene":"customer","file":"/etc/passwd"}\n',
        b'{"version":1,"control":"dance"}\n',
        b"[" * 400 + b"\n",
        b"x" * (REQUEST_BYTES_MAX + 1),
    ],
)
def test_a_malformed_scene_gets_an_error_line(run_dir, line):
    """And the server goes on."""
    assert b'"code":"scene_bad"' in ask(run_dir, line)
    assert b'"ok":true' in ask(run_dir, b'{"version":1,"scene":"empty"}\n')


def test_the_live_scene_is_told_and_looked_at_by_others(run_dir):
    """A word on one connection changes what the camera on another sees; a preview shows it too."""
    with StreamCamera(run_dir, "live") as camera:
        frames = camera.frames()
        empty = next(frames)
        answer = ask(run_dir, encode_request(ControlRequest("person", person=0)))
        someone = next(frames)
        preview = look(run_dir)
        later = next(frames)

    check_answer(answer)
    assert someone.index > empty.index
    assert np.abs(someone.image.astype(int) - empty.image).mean() > 5.0
    # The preview was taken between the two; on a busy machine the person may have moved by then.
    apart = [np.abs(frame.image.astype(int) - preview).mean() for frame in (someone, later)]
    assert min(apart) < 5.0


def look(run_dir: Path):
    with connect(run_dir, PEOPLE, 3.0) as connection:
        connection.sendall(encode_request(ControlRequest("preview")))
        stream = connection.makefile("rb")
        check_answer(stream.readline())
        connection.sendall(PULL)
        header = decode_header(stream.read(HEADER_BYTES))
        pixels = stream.read(header.pixel_bytes)
    return np.frombuffer(pixels, np.uint8).reshape(header.height, header.width, 3)


def test_nothing_is_sent_that_was_not_pulled(run_dir):
    """After the answer the line is silent until a frame is asked for."""
    with connect(run_dir, PEOPLE, 0.2) as connection:
        connection.sendall(b'{"version":1,"scene":"empty"}\n')
        assert connection.makefile("rb").readline()
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_too_many_peers_are_hung_up_on(run_dir):
    """One more than the limit gets nothing, and the others keep their scenes."""
    cameras = [StreamCamera(run_dir, "empty:frames=1") for _ in range(CONNECTIONS_MAX)]
    for camera in cameras:
        camera.__enter__()
    try:
        with pytest.raises(CameraDeviceError), StreamCamera(run_dir, "empty"):
            pass
        assert all(1 == len(list(camera.frames())) for camera in cameras)
    finally:
        for camera in cameras:
            camera.__exit__(None, None, None)


def test_one_crowd_an_installation(run_dir, crowd):
    """A second server on the same folder is refused."""
    with pytest.raises(SetupError) as caught, PeopleServer(run_dir, crowd):
        pass

    assert "already_running" == caught.value.code


def test_the_process_starts_serves_ends_and_leaves_no_picture(data_dir):
    """Ready on its pipe, frames on its socket, gone at SIGTERM; on the disk only an empty lock."""
    reading, writing = os.pipe()
    words = [sys.executable, "-m", "kiosk.sandbox.people.main", "--data", str(data_dir)]
    process = subprocess.Popen([*words, "--ready-fd", str(writing)], pass_fds=[writing])
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as ready:
            assert b"ready\n" == ready.read()
        with StreamCamera(data_dir / "run", "customer:1:smile=100:frames=5") as camera:
            frames = camera.frames()
            assert (480, 640, 3) == next(frames).image.shape
            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait(10)
            with pytest.raises(CameraDeviceError) as caught:
                list(frames)
    finally:
        process.kill()
        process.wait()

    assert "camera_unplugged" == caught.value.code
    left = [path for path in data_dir.rglob("*") if path.is_file()]
    assert ["people.lock"] == [path.name for path in left]
    assert 0 == left[0].stat().st_size
