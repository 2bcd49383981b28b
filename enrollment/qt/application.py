"""Qt's application, the window on it, and the loop until it is closed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QTimer
from PySide6.QtGui import QFont, QGuiApplication
from PySide6.QtWidgets import QApplication

from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.texts import Texts
from enrollment.qt.window import Desk, Window
from enrollment.qt.worker import Connect, FacesWorker
from kiosk.domain.errors import SetupError
from kiosk.link.protocol import CameraSpec

SIGNAL_POLL_MS = 200


def application() -> QApplication:
    """Return the process's Qt application, made at the first call.

    Raises:
        SetupError: There is no display to draw on.
    """
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    # Qt ends the whole process where it finds no display, so look first.
    if not any(os.environ.get(it) for it in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise SetupError(
            "There is no display to draw the window on.",
            code="display_missing",
            mend="Start it in a graphical session, or use the command line: smiletill enrol add.",
        )
    app = QApplication([sys.argv[0]])
    app.setApplicationName("SmileTill")
    return app


def open_window(
    connect: Connect,
    connect_as_user: Connect,
    camera: CameraSpec,
    *,
    language: str,
    motion: bool,
    now: Callable[[], datetime],
    save_path: Callable[[str], object] | None = None,
) -> Window:
    """Open the window; closing it ends its thread and its connection.

    Args:
        connect: Connects to faces for whoever signs in.
        connect_as_user: Connects as the machine's own user.
        camera: Which camera people are enrolled with.
        language: Of the words, until another is chosen.
        motion: Whether things may move.
        now: The time, with its zone.
        save_path: Where files shall lie; the system's dialog unless a test says so.
    """
    app = application()
    screen = QGuiApplication.primaryScreen()
    sizes = theme.sizes_of(screen.physicalDotsPerInch(), motion=motion)
    worker = FacesWorker(connect)
    worker.start()

    def make_context(texts: Texts) -> Context:
        return Context(texts, sizes, worker, camera, now)

    window = Window(Desk(make_context, connect_as_user, save_path), language)  # type: ignore[arg-type]
    font = QFont(theme.FONTS)
    font.setPixelSize(theme.BODY)
    window.setFont(font)
    window.setStyleSheet(theme.style_sheet(sizes))
    del app
    window.show()
    return window


def run_window(window: Window) -> int:
    """Run until the window is closed, or the process is told to stop; then cancel what is open."""
    app = application()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # An exception cannot pass through Qt's loop, so a signal only asks it to end.
        signal.signal(number, lambda *_: stop.set())
    timer = QTimer()
    timer.setInterval(SIGNAL_POLL_MS)
    # The timer also lets Python handle its signals while Qt waits.
    timer.timeout.connect(lambda: window.close() if stop.is_set() else None)
    timer.start()
    return int(app.exec())
