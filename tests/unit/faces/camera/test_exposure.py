"""A webcam's exposure on command: taken over, rounded, refused, given back whatever happens."""

from __future__ import annotations

import itertools
import threading

import pytest

from kiosk.faces.camera.device import DeviceCamera, DeviceLimits
from kiosk.faces.camera.exposure import (
    VALUE_MAX,
    ExposureControl,
    ExposureState,
    Obedience,
    WebcamExposure,
)
from kiosk.faces.camera.folder import FolderCamera
from kiosk.faces.camera.identity import CameraIdentity
from tests.fakes.webcam import AUTO, MANUAL, FakeWebcam

WEBCAM = CameraIdentity("uvcvideo", "046d:0825", "A1", "/sys/devices/usb1/1-3/video4linux/video0")


def exposure_of(webcam):
    return WebcamExposure(webcam, lambda: 7)


def test_a_command_is_relative_to_the_cameras_own_choice():
    """It is taken over first, then set, and what was carried out is told."""
    webcam = FakeWebcam(chosen=200.0)
    exposure = exposure_of(webcam)

    done = exposure.carry_out(0.65)

    assert (done.state, done.times, done.at_ms) == (ExposureState.HELD, 0.65, 7)
    assert (webcam.mode, webcam.value) == (MANUAL, 130.0)
    assert exposure.carry_out(None).state is ExposureState.AUTOMATIC
    assert webcam.mode == AUTO


def test_what_the_driver_rounds_is_told_as_it_is():
    """Older webcams know powers of two only."""
    done = exposure_of(FakeWebcam(chosen=156.0, steps=(39, 78, 156, 312))).carry_out(0.65)

    assert done.times == pytest.approx(0.5)


def test_a_long_exposure_is_bounded():
    """Frames must not come too slowly, unless the camera chose that itself."""
    webcam = FakeWebcam(chosen=200.0)
    exposure_of(webcam).carry_out(8.0)

    assert webcam.value == VALUE_MAX


@pytest.mark.parametrize("trouble", [{"refuses": True}, {"raises": True}, {"chosen": 0.0}])
def test_a_driver_that_will_not_is_left_alone(trouble):
    """No error, and nothing is left by hand."""
    webcam = FakeWebcam(**trouble)

    assert exposure_of(webcam).carry_out(0.65).state is ExposureState.REFUSED
    assert webcam.mode == AUTO


def test_a_capture_without_properties_is_left_alone():
    """Whatever is read from, it is not commanded."""
    assert exposure_of(object()).carry_out(0.65).state is ExposureState.REFUSED


def test_what_a_dead_process_left_by_hand_is_put_back():
    """Seen at the opening, before anything is commanded."""
    webcam = FakeWebcam(left_manual=True)
    exposure_of(webcam)

    assert webcam.mode == AUTO


def test_three_answers_in_a_row_make_a_camera_known_and_three_misses_end_that():
    """Once is chance; and whoever was taken wrongly for known is soon not."""
    seen = Obedience()
    words = []
    for followed in (True, True, False, True, True, True, False, False, False):
        seen.note("camera", followed=followed)
        words.append(seen.knows("camera"))

    assert words == [False] * 5 + [True] * 3 + [False]
    assert not seen.knows("another")


class Paced(FakeWebcam):
    """Frames come when the test lets them, and the test can wait for the thread to ask for one."""

    def __init__(self, **traits):
        super().__init__(**traits)
        self.asked, self._may_read = threading.Semaphore(0), threading.Semaphore(0)
        self._is_free = False

    def let(self):
        """Give one frame, and wait until the next one is asked for."""
        self._may_read.release()
        assert self.asked.acquire(timeout=5.0)

    def let_go(self):
        """Give as many as are wanted from now on."""
        self._is_free = True
        self._may_read.release()

    def read(self):
        self.asked.release()
        if not self._is_free:
            self._may_read.acquire(timeout=5.0)
        return super().read()


def camera_of(*captures, obedience=None):
    left = list(captures)
    clock = itertools.count(0, 33)
    return DeviceCamera(
        0,
        limits=DeviceLimits(reopen_pause_s=0.0),
        open_capture=lambda: left.pop(0) if len(left) > 1 else left[0],
        now_ms=lambda: next(clock),
        identify=lambda: WEBCAM,
        obedience=obedience,
    )


def test_the_cameras_own_thread_carries_the_newest_command_out():
    """Before the next frame; and at the end the exposure is the camera's again."""
    webcam = Paced(chosen=200.0)
    with camera_of(webcam, obedience=Obedience()) as camera:
        assert isinstance(camera, ExposureControl)
        assert webcam.asked.acquire(timeout=5.0)
        camera.expose(0.5)
        camera.expose(0.7)
        before = camera.exposure
        webcam.let()
        held = camera.exposure
        webcam.let_go()

    assert (before.state, before.number) == (ExposureState.AUTOMATIC, 0)
    assert (held.state, held.times, held.number) == (ExposureState.HELD, 0.7, 1)
    assert webcam.values == [140.0]
    assert (webcam.mode, webcam.released) == (AUTO, True)


def test_without_leave_nothing_is_touched():
    """`control_exposure = false`: commands are refused before they are given."""
    webcam = Paced()
    with camera_of(webcam) as camera:
        assert webcam.asked.acquire(timeout=5.0)
        camera.expose(0.5)
        webcam.let()
        state = camera.exposure.state
        webcam.let_go()

    assert state is ExposureState.REFUSED
    assert webcam.values == []


class Lost(FakeWebcam):
    """Gives frames until it has been commanded, and is unplugged then."""

    def read(self):
        return (False, None) if self.values else super().read()


def test_a_lost_camera_is_its_own_again_when_it_comes_back():
    """Whoever commanded is told: the exposure is automatic, by another number."""
    first, second = Lost(), Paced()
    with camera_of(first, second, obedience=Obedience()) as camera:
        camera.expose(0.5)
        assert second.asked.acquire(timeout=10.0)
        told = camera.exposure
        second.let_go()

    # One answer was the command's, the other that it is automatic again.
    assert (told.state, told.number) == (ExposureState.AUTOMATIC, 2)
    assert (first.mode, first.released, second.mode) == (AUTO, True, AUTO)


def test_a_folder_has_no_exposure(tmp_path):
    """What is recorded is as it is; the customer is asked instead."""
    assert not isinstance(FolderCamera(tmp_path), ExposureControl)
