"""A process whose parent died before it was ready ends by itself."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from kiosk.link.process import report


def test_a_report_to_nobody_ends_the_process() -> None:
    """The reading end is closed when the parent is dead; then we are told to stop, like by it."""
    told = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: told.set())
    try:
        reading, writing = os.pipe()
        os.close(reading)
        report(writing, None)
        assert told.wait(5)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("error", [None])
def test_a_report_to_somebody_is_one_line(error: None) -> None:
    """With a parent, one line arrives and nothing is ended."""
    reading, writing = os.pipe()
    report(writing, error)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"ready\n"
