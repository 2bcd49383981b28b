"""The window stays responsive while the eyes work, and Qt takes nothing from the interpreter.

A stall is the time between two turns of a 5 ms timer on the main thread. The promise is 100 ms on a
machine of its own (issue 3); a shared test machine may take the processor away for a moment, so the
assertion allows one such moment and prints what it measured.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer

from kiosk.domain.evidence import CameraKind
from kiosk.faces.camera.choice import Cameras
from kiosk.faces.terminal import RoomLooker
from kiosk.faces.vault.gallery import Gallery
from kiosk.faces.vision.room import VisionRoom
from kiosk.link.protocol import CameraSpec
from tests.fakes.screen import FakeLooker

STALL_MS_MAX = 100.0
OVER_MAX = 1
"""Turns that may be over it, for what else the machine does."""
LOOK_MS = 2_500


class Stalls:
    """Collects the gaps between the turns of a 5 ms timer."""

    def __init__(self) -> None:
        self.gaps_ms: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._turn)
        self._timer.start(5)

    def _turn(self) -> None:
        now = time.perf_counter()
        self.gaps_ms.append((now - self._last) * 1_000)
        self._last = now

    def stop(self) -> str:
        self._timer.stop()
        counts, edges = np.histogram(self.gaps_ms, [0, 10, 20, 50, 100, 200, 1e9])
        shares = ", ".join(f">={edge:.0f} ms: {n}" for edge, n in zip(edges, counts, strict=False))
        return f"{shares}; longest {max(self.gaps_ms):.0f} ms"

    @property
    def over(self) -> int:
        return sum(gap > STALL_MS_MAX for gap in self.gaps_ms)


def burn() -> None:
    """Hold the interpreter as greedily as Python code can, for 30 ms."""
    until = time.perf_counter() + 0.03
    while time.perf_counter() < until:
        sum(range(200))


def test_a_busy_vision_thread_does_not_stall_the_window(make, qtbot):
    """A looker that burns Python on its thread: the ring still turns."""
    terminal = make(looker=FakeLooker(work=burn))
    terminal.order()
    stalls = Stalls()
    terminal.click("pressSmile")
    terminal.until("looking")
    qtbot.wait(LOOK_MS)
    found = stalls.stop()
    print(f"\nfake looker: {found}")  # noqa: T201 - the measurement is the point

    assert terminal.view == "looking"
    assert stalls.over <= OVER_MAX, found


@pytest.mark.vision
def test_the_real_pipeline_does_not_stall_the_window(make, qtbot, shared, tmp_path):
    """The starter pack's networks on real frames, in their thread."""
    folder = tmp_path / "frames"
    folder.mkdir()
    pictures = sorted((shared / "faces").glob("*.jpg"))[:90]
    if not pictures:
        pytest.skip("no face pictures in the shared data folder")
    for number, picture in enumerate(pictures):
        (folder / f"{number:03d}.jpg").symlink_to(picture)
    room = VisionRoom(tmp_path)
    pack = room.resolve("starter")
    looker = RoomLooker(
        room,
        Gallery(),
        lambda: (pack,),
        CameraSpec(CameraKind.FRAME_FOLDER, path=str(folder)),
        Cameras(tmp_path),
    )
    terminal = make(looker=looker)
    with room.visit(pack):
        pass  # The networks are loaded before the first customer.
    terminal.order()
    stalls = Stalls()
    terminal.click("pressSmile")
    terminal.until("looking")
    qtbot.wait(LOOK_MS)
    found = stalls.stop()
    print(f"\nreal pipeline: {found}")  # noqa: T201 - the measurement is the point

    assert stalls.over <= OVER_MAX, found


def test_nothing_is_taken_from_the_interpreter(terminal, qtbot):
    """After two seconds of turns and answers, True, False and None have what they had.

    PySide6 6.12.0 loses references where Python's constants are not immortal; a terminal that runs
    for weeks would end by that (kiosk/faces/screen/signals.py).
    """
    qtbot.wait(200)
    before = [sys.getrefcount(it) for it in (True, False, None)]
    ticks = []
    terminal.model._timer.timeout.connect(lambda: ticks.append(1))
    terminal.model._timer.setInterval(2)
    app_loop_s = 2.0
    began = time.perf_counter()
    while time.perf_counter() - began < app_loop_s:
        qtbot.wait(500)
    after = [sys.getrefcount(it) for it in (True, False, None)]
    lost = [b - a for b, a in zip(before, after, strict=True)]
    print(f"\nlost {lost} in {len(ticks)} ticks")  # noqa: T201

    assert len(ticks) > 100
    assert max(lost) < 50
