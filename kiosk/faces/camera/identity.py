"""Who a camera device is, by the kernel: its driver, its USB ids and the place it is plugged in.

A loopback driver makes a camera of a program's pictures, so it is refused. Two sightings of one
device number are compared, so that another camera cannot take the place of one that was unplugged.
An owner can pin the camera (`[camera]` in settings.toml): then every camera that does not show what
was pinned is refused, and so is one of which the kernel tells nothing.
It reads /sys and opens no device. Elsewhere than on Linux it knows nothing; without a pin it then
refuses nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/class/video4linux")
_NUMBERED = re.compile(r"/video4linux/video[0-9]+$")
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

    @property
    def is_known(self) -> bool:
        """Say whether the kernel told anything of it."""
        return self != CameraIdentity()

    @property
    def path(self) -> str:
        """Return where it is plugged in, without its number, which can change at every start."""
        _, devices, rest = self.place.partition("/devices/")
        return "" if not devices else "devices/" + _NUMBERED.sub("", rest)


@dataclass(frozen=True, slots=True)
class CameraPin:
    """What the owner says the camera is; what is empty may be anything.

    Args:
        usb: As in `CameraIdentity`.
        serial: As in `CameraIdentity`.
        path: As `CameraIdentity.path`.
    """

    usb: str = ""
    serial: str = ""
    path: str = ""

    @classmethod
    def of(cls, identity: CameraIdentity) -> CameraPin:
        """Return the pin that this camera fits, and as few others as can be told apart."""
        return cls(identity.usb, identity.serial, identity.path)

    @property
    def is_set(self) -> bool:
        """Say whether anything was pinned."""
        return self != CameraPin()

    def fits(self, identity: CameraIdentity) -> bool:
        """Say whether a camera shows all that was pinned; one that shows nothing does not."""
        shown = (identity.usb, identity.serial, identity.path)
        return all(one in {"", other} for one, other in zip(self._words(), shown, strict=True))

    def line(self) -> str:
        """Return the line of settings.toml that pins it."""
        names = ("usb", "serial", "path")
        words = [f"{n} = {_quoted(w)}" for n, w in zip(names, self._words(), strict=True) if w]
        return f"camera = {{ {', '.join(words)} }}"

    def _words(self) -> tuple[str, str, str]:
        return self.usb, self.serial, self.path


UNPINNED = CameraPin()


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


def _quoted(text: str) -> str:
    # What JSON writes of a line of text is a basic string of TOML too, if it is left as it is.
    return json.dumps(text, ensure_ascii=False)
