"""The simulated people, loaded once for all tests of theirs."""

from __future__ import annotations

import cv2
import pytest

from kiosk.sandbox.people.scene import Crowd, gather


@pytest.fixture(scope="session")
def crowd() -> Crowd:
    """All six, on one OpenCV thread and without its notes about targets."""
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    return gather()
