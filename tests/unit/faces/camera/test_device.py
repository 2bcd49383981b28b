"""A webcam that hangs, is unplugged or missing never hangs the session."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest

from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.device import DeviceCamera, DeviceLimits
from kiosk.faces.camera.port import Camera, CameraDeviceError

QUICK = DeviceLimits(
    open_timeout_s=10.0,
    frame_timeout_s=10.0,
    failed_reads_max=2,
    reopen_attempts_max=2,
    reopen_pause_s=0.01,
    black_frames_min=3,
)


class FakeCapture:
    """Delivers what it was given, then fails; a gate lets the test pace it."""

    def __init__(self, pictures, *, opened=True, gate=None):
        self._pictures = iter(pictures)
        self._opened = opened
        self._gate = gate
        self.released = False

    def isOpened(self):  # noqa: N802
        return self._opened

    def read(self):
        if self._gate is not None:
            self._gate.wait(10.0)
        picture = next(self._pictures, None)
        return picture is not None, picture

    def release(self):
        self.released = True


def picture(value):
    return np.full((48, 64, 3), value, np.uint8)


def camera_of(captures, limits=QUICK):
    remaining = iter(captures)
    clock = itertools.count(0, 33)
    return DeviceCamera(
        99,
        limits=limits,
        open_capture=lambda: next(remaining, FakeCapture([], opened=False)),
        now_ms=lambda: next(clock),
    )


def test_a_device_is_live_and_opens_nothing_before_it_is_entered():
    """Making the camera starts no thread and opens no device."""
    opened = []
    camera = DeviceCamera(0, open_capture=lambda: opened.append(1) or FakeCapture([]))

    assert camera.kind is CameraKind.DEVICE
    assert camera.kind.is_live
    assert isinstance(camera, Camera)
    assert not opened


def test_a_missing_device_is_named():
    """No such device: exit code 3 and what to do."""
    camera = camera_of([FakeCapture([], opened=False)])

    with pytest.raises(CameraDeviceError) as caught, camera:
        pass

    assert caught.value.code == "camera_missing"
    assert caught.value.exit_code == 3
    assert caught.value.mend


def test_the_newest_frame_wins():
    """Frames that nobody fetched in time are overwritten, never queued."""
    gate = threading.Event()
    gate.set()
    seen = threading.Event()

    def pictures():
        for value in (10, 20, 30):
            yield picture(value)
        seen.set()
        hold.wait(10.0)

    hold = threading.Event()
    with camera_of([FakeCapture(pictures(), gate=gate)]) as camera:
        assert seen.wait(10.0)
        frame = next(camera.frames())
        hold.set()

    assert int(frame.image[0, 0, 0]) == 30
    assert frame.index == 2


def test_an_unplugged_camera_is_reopened():
    """After failed reads the device is opened again and frames go on."""
    hold = threading.Event()

    def second():
        yield picture(50)
        hold.wait(10.0)

    first = FakeCapture([picture(10)])
    with camera_of([first, FakeCapture(second())]) as camera:
        values = []
        for frame in camera.frames():
            values.append(int(frame.image[0, 0, 0]))
            if values[-1] == 50:
                break
        hold.set()

    assert values[-1] == 50
    assert first.released
    assert camera.reopened >= 1


def test_a_camera_that_stays_away_is_an_error():
    """Attempts to reopen are bounded, and then the session is told."""
    with (
        camera_of([FakeCapture([picture(10)])]) as camera,
        pytest.raises(CameraDeviceError) as caught,
    ):
        for _ in camera.frames():
            pass

    assert caught.value.code == "camera_unplugged"
    assert camera.reopened == QUICK.reopen_attempts_max


def test_a_driver_that_hangs_stalls_only_its_own_thread():
    """The consumer gets an error in time although read() never returns."""
    never = threading.Event()
    impatient = replace(QUICK, frame_timeout_s=0.05)
    with camera_of([FakeCapture([], gate=never)], impatient) as camera:
        with pytest.raises(CameraDeviceError) as caught:
            next(camera.frames())
        never.set()

    assert caught.value.code == "camera_stalled"


def test_a_covered_lens_is_noticed():
    """A run of black frames is noted; the frames are delivered all the same."""
    hold, seen = threading.Event(), threading.Event()

    def black():
        for _ in range(3):
            yield picture(0)
        seen.set()
        hold.wait(10.0)

    with camera_of([FakeCapture(black())]) as camera:
        assert seen.wait(10.0)
        covered = camera.looks_covered
        hold.set()

    assert covered


def test_leaving_releases_the_device():
    """The capture is released on the camera's own thread before the with block is over."""
    capture = FakeCapture(picture(10) for _ in range(10_000_000))
    with camera_of([capture]) as camera:
        next(camera.frames())

    assert capture.released
