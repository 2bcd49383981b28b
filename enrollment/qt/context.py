"""What every page is handed: the words of a language, sizes, and the way to faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from enrollment.qt.texts import Texts
from enrollment.qt.theme import Sizes
from enrollment.qt.worker import FacesWorker
from kiosk.link.protocol import CameraSpec


@dataclass(frozen=True)
class Context:
    """One language of one window.

    Args:
        texts: The words.
        sizes: What depends on the screen, and whether things may move.
        worker: Talks to faces.
        camera: Which camera people are enrolled with.
        now: The time, with its zone.
    """

    texts: Texts
    sizes: Sizes
    worker: FacesWorker
    camera: CameraSpec
    now: Callable[[], datetime]
