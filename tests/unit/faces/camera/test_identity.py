"""A loopback is no camera, and a camera cannot be exchanged for another while it is in use."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from kiosk.faces.camera.device import DeviceCamera, DeviceLimits
from kiosk.faces.camera.identity import CameraIdentity, identity_of
from kiosk.faces.camera.port import CameraDeviceError

WEBCAM = CameraIdentity("uvcvideo", "046d:0825", "A1", "/sys/devices/pci/usb1/1-3/1-3:1.0/video0")
OTHER = CameraIdentity("uvcvideo", "1234:5678", "", "/sys/devices/pci/usb1/1-3/1-3:1.0/video0")
QUICK = DeviceLimits(failed_reads_max=1, reopen_pause_s=0.0, frame_timeout_s=1.0)


class OneFrame:
    """A device that gives one frame and is unplugged."""

    def __init__(self):
        self._left = 1

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def read(self):
        self._left -= 1
        return (True, np.full((48, 48, 3), 99, np.uint8)) if self._left >= 0 else (False, None)

    def release(self):
        pass


def usb_device(tmp_path, driver):
    usb = tmp_path / "devices" / "usb1" / "1-3"
    node = usb / "1-3:1.0" / "video4linux" / "video0"
    node.mkdir(parents=True)
    for name, value in (("idVendor", "046d"), ("idProduct", "0825"), ("serial", "A1")):
        (usb / name).write_text(value + "\n")
    (tmp_path / "drivers" / driver).mkdir(parents=True)
    (usb / "1-3:1.0" / "driver").symlink_to(tmp_path / "drivers" / driver)
    (node / "device").symlink_to(usb / "1-3:1.0")
    listed = tmp_path / "class"
    listed.mkdir()
    (listed / "video0").symlink_to(node)
    return listed


def test_the_kernel_tells_who_a_webcam_is(tmp_path):
    """Driver, USB ids, serial and place."""
    found = identity_of(0, usb_device(tmp_path, "uvcvideo"))

    assert (found.driver, found.usb, found.serial) == ("uvcvideo", "046d:0825", "A1")
    assert found.place.endswith("video4linux/video0")
    assert not found.is_virtual


def test_a_loopback_is_known_by_driver_or_place(tmp_path):
    """Either is enough."""
    assert identity_of(0, usb_device(tmp_path, "v4l2loopback")).is_virtual
    assert CameraIdentity(place="/sys/devices/virtual/video4linux/video7").is_virtual


def test_an_unknown_device_is_nobody(tmp_path):
    """Where the kernel tells nothing, nothing is refused for it."""
    assert identity_of(3, tmp_path) == CameraIdentity()


def test_a_loopback_is_not_opened():
    """It is refused before anything is read from it."""
    fake = CameraIdentity("v4l2loopback")
    opened = []
    camera = DeviceCamera(
        0, open_capture=lambda: opened.append(1) or OneFrame(), identify=lambda: fake
    )

    with pytest.raises(CameraDeviceError) as caught, camera:
        pass
    assert caught.value.code == "camera_virtual"
    assert opened == []


def test_another_camera_in_its_place_ends_it():
    """A replug of the same device goes on; a different one does not."""
    seen = [WEBCAM, WEBCAM, OTHER]
    camera = DeviceCamera(
        0,
        limits=QUICK,
        open_capture=OneFrame,
        identify=lambda: seen.pop(0) if len(seen) > 1 else seen[0],
    )

    with camera, pytest.raises(CameraDeviceError) as caught:
        for _ in camera.frames():
            pass
    assert caught.value.code == "camera_swapped"


def test_a_loss_before_the_first_look_is_told_by_the_frames():
    """A device that opened is entered, however soon it was lost; its frame comes first."""
    lost = threading.Event()
    seen = [WEBCAM, OTHER]

    def exchanged():
        found = seen.pop(0)
        if found is OTHER:
            lost.set()
        return found

    camera = DeviceCamera(0, limits=QUICK, open_capture=OneFrame, identify=exchanged)

    with camera:
        assert lost.wait(5)
        frames = camera.frames()
        assert next(frames).index == 0
        with pytest.raises(CameraDeviceError) as caught:
            next(frames)
    assert caught.value.code == "camera_swapped"
