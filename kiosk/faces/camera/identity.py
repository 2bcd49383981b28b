"""Who a camera device is, by the kernel: its driver, its USB ids and the place it is plugged in.

A loopback driver makes a camera of a program's pictures, so it is refused. Two sightings of one
device number are compared, so that another camera cannot take the place of one that was unplugged.
It reads /sys and opens no device. Elsewhere than on Linux it knows nothing and refuses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class/video4linux")
LOOPBACK_DRIVERS = frozenset({"v4l2loopback", "v4l2_loopback", "vivid", "vimc", "akvcam"})
"""Drivers whose pictures come from software: loopbacks and the kernel's own test devices."""


@dataclass(frozen=True, slots=True)
class CameraIdentity:
    """One video device.

    Args:
        driver: Name of its kernel driver; empty where unknown.
        usb: Vendor and product, such as `046d:0825`; empty without USB.
        serial: The maker's serial number, if it tells one.
        place: Where it is in the tree of devices.
    """

    driver: str = ""
    usb: str = ""
    serial: str = ""
    place: str = ""

    @property
    def is_virtual(self) -> bool:
        """Say whether its pictures come from software."""
        return self.driver in LOOPBACK_DRIVERS or "/devices/virtual/" in self.place


def identity_of(number: int, sysfs: Path = SYSFS) -> CameraIdentity:
    """Return who `/dev/video<number>` is; what the kernel does not tell stays empty."""
    node = sysfs / f"video{number}"
    try:
        place = node.resolve(strict=True)
    except OSError:
        return CameraIdentity()
    device = (node / "device").resolve()
    driver = (node / "device" / "driver").resolve().name if (device / "driver").exists() else ""
    # The USB device is one step above its interface, which the video device belongs to.
    vendor, product, serial = (
        _line(device.parent / name) for name in ("idVendor", "idProduct", "serial")
    )
    usb = f"{vendor}:{product}" if vendor and product else ""
    return CameraIdentity(driver=driver, usb=usb, serial=serial, place=str(place))


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:200].strip()
    except OSError:
        return ""
