"""A loopback is no camera, and a camera cannot be exchanged for another while it is in use."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest

from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.choice import Cameras
from kiosk.faces.camera.device import DeviceCamera, DeviceLimits
from kiosk.faces.camera.identity import CameraIdentity, CameraPin, identity_of
from kiosk.faces.camera.port import CameraDeviceError
from kiosk.link.protocol import CameraSpec
from kiosk.settings import load_settings

WEBCAM = CameraIdentity("uvcvideo", "046d:0825", "A1", "/sys/devices/pci/usb1/1-3/1-3:1.0/video0")
OTHER = CameraIdentity("uvcvideo", "1234:5678", "", "/sys/devices/pci/usb1/1-3/1-3:1.0/video0")
QUICK = DeviceLimits(failed_reads_max=1, reopen_pause_s=0.0, frame_timeout_s=10.0)


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
        assert lost.wait(10.0)
        frames = camera.frames()
        assert next(frames).index == 0
        with pytest.raises(CameraDeviceError) as caught:
            next(frames)
    assert caught.value.code == "camera_swapped"


# Pinned -------------------------------------------------------------------------------------------

PIN = CameraPin.of(WEBCAM)


def pinned(pin, *seen):
    """A camera that is told, sighting for sighting, who is there; the last word stays."""
    left = list(seen)
    return DeviceCamera(
        0,
        limits=QUICK,
        open_capture=OneFrame,
        identify=lambda: left.pop(0) if len(left) > 1 else left[0],
        pin=pin,
    )


def test_the_line_for_settings_pins_the_camera_it_was_made_of(tmp_path):
    """What is printed is TOML, and the camera it came from fits it; its number plays no part."""
    found = identity_of(0, usb_device(tmp_path, "uvcvideo"))
    (tmp_path / "settings.toml").write_text(CameraPin.of(found).line() + "\n", encoding="utf-8")

    read = load_settings(tmp_path).camera
    pin = CameraPin(read.usb, read.serial, read.path)

    assert (pin.usb, pin.serial) == ("046d:0825", "A1")
    assert pin.path.endswith("usb1/1-3/1-3:1.0")
    assert pin.fits(found)
    assert pin.fits(dataclasses.replace(found, place=found.place.replace("video0", "video4")))


@pytest.mark.parametrize(
    ("pin", "fits"),
    [
        (CameraPin(), True),
        (PIN, True),
        (CameraPin(usb="046d:0825"), True),
        (CameraPin(usb="046d:0825", serial="B2"), False),
        (CameraPin(usb="1234:0825", path=PIN.path), False),
        (CameraPin(path="devices/pci/usb1/1-4/1-4:1.0"), False),
    ],
)
def test_all_that_is_pinned_must_be_shown(pin, fits):
    """What is left empty may be anything."""
    assert pin.fits(WEBCAM) is fits


@pytest.mark.parametrize("found", [OTHER, CameraIdentity(), dataclasses.replace(WEBCAM, serial="")])
def test_who_is_not_the_pinned_camera_is_not_opened(found):
    """Another device, and one of which the kernel tells nothing or less."""
    with pytest.raises(CameraDeviceError) as caught, pinned(PIN, found):
        pass
    assert (caught.value.code, caught.value.exit_code) == ("camera_not_pinned", 3)
    assert caught.value.mend


def test_the_pinned_camera_is_opened():
    """Its frames come."""
    with pinned(PIN, WEBCAM) as camera:
        assert int(next(camera.frames()).image[0, 0, 0]) == 99


def test_an_exchange_while_it_is_opened_is_seen():
    """Who it is is asked again when it is open, before a frame of it is read."""
    with pytest.raises(CameraDeviceError) as caught, pinned(PIN, WEBCAM, OTHER) as camera:
        next(camera.frames())
    assert caught.value.code == "camera_not_pinned"


def test_a_pinned_camera_that_comes_back_as_nobody_is_refused():
    """At a reopening an unknown device is enough to refuse it."""
    with pinned(PIN, WEBCAM, WEBCAM, CameraIdentity()) as camera:
        frames = camera.frames()
        assert next(frames).index == 0
        with pytest.raises(CameraDeviceError) as caught:
            next(frames)
    assert caught.value.code == "camera_not_pinned"


@pytest.mark.parametrize(
    "kind", [CameraKind.FRAME_FOLDER, CameraKind.VIDEO_FILE, CameraKind.SIMULATED]
)
def test_only_a_device_is_pinned(tmp_path, kind):
    """Folders, files and simulated people are made as ever."""
    cameras = Cameras(tmp_path, CameraPin(usb="ffff:ffff"))

    assert cameras.of(CameraSpec(kind, path="x"), pad_sandbox_only=False)().kind is kind
    assert cameras.of(CameraSpec(CameraKind.DEVICE), pad_sandbox_only=False)().kind.is_live
