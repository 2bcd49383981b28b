"""Which camera a message means."""

from __future__ import annotations

from kiosk.domain.evidence import CameraKind
from kiosk.link.message import Message


class CameraSpec(Message, frozen=True, tag="camera"):
    """Which camera to use for this call: a device number, or the path of a file or folder."""

    kind: CameraKind
    device: int = 0
    path: str = ""
