"""The window: Qt's application, the QML engine, and the loop that ends with the process.

The kiosk's QML is the module `SmileTill` beside this file. `KioskView` is the whole screen as an
item, so that another window can hold it; `Main` is the window of a real terminal.
No image provider is registered anywhere: no camera pixel has a way into the window.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import shiboken6
from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QFont, QGuiApplication
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickWindow
from PySide6.QtQuickControls2 import QQuickStyle

from kiosk.domain.errors import SetupError

QML_DIR = Path(__file__).parent / "qml"
STOP_POLL_MS = 100


def application() -> QGuiApplication:
    """Return the process's Qt application, made at the first call.

    Raises:
        SetupError: There is no display to draw on.
    """
    running = QGuiApplication.instance()
    if isinstance(running, QGuiApplication):
        return running
    _require_display()
    app = QGuiApplication([sys.argv[0]])
    app.setApplicationName("SmileTill")
    # Qt brings no font; the first of these that the machine has is taken.
    app.setFont(QFont(["Inter", "Noto Sans", "Open Sans", "Liberation Sans", "DejaVu Sans"]))
    QQuickStyle.setStyle("Basic")
    return app


def _require_display() -> None:
    """Qt ends the whole process where it finds no display, so look first."""
    told = any(os.environ.get(it) for it in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
    if not told:
        raise SetupError(
            "There is no display to draw the screen on.",
            code="display_missing",
            mend="Start it in a graphical session, or set DISPLAY; smiletill pay needs no screen.",
        )


def load_window(
    properties: Mapping[str, object],
    *,
    module: str = "SmileTill",
    root: str = "Main",
    import_dirs: tuple[Path, ...] = (),
) -> tuple[QQmlApplicationEngine, QQuickWindow]:
    """Load a window; keep both that are returned alive, and drop the engine first.

    Args:
        properties: The root's required properties, among them `session`, the `SessionModel`.
        module: QML module of the root.
        root: Its type.
        import_dirs: Where other modules than ours lie.

    Raises:
        SetupError: The QML cannot be loaded.
    """
    engine = QQmlApplicationEngine()
    for folder in (QML_DIR, *import_dirs):
        engine.addImportPath(str(folder))
    engine.setInitialProperties(dict(properties))
    engine.loadFromModule(module, root)
    windows = [it for it in engine.rootObjects() if isinstance(it, QQuickWindow)]
    if not windows:
        raise SetupError(
            "The screen cannot be loaded.",
            code="screen_not_loaded",
            mend="Install SmileTill again; its QML files are missing or damaged.",
        )
    return engine, windows[0]


def close_window(engine: QQmlApplicationEngine, window: QQuickWindow) -> None:
    """Close a window and its engine now, while what its bindings read is still there."""
    window.close()
    shiboken6.delete(window)
    shiboken6.delete(engine)


def run_until(stop: threading.Event) -> int:
    """Run Qt's loop until the window is closed or the process is told to stop."""
    app = application()
    timer = QTimer()
    timer.setInterval(STOP_POLL_MS)
    # The timer also lets Python handle its signals while Qt waits.
    timer.timeout.connect(lambda: app.quit() if stop.is_set() else None)
    timer.start()
    return int(app.exec())


def find(root: QObject, name: str) -> QObject | None:
    """Find an item by its objectName."""
    found: QObject | None = root.findChild(QObject, name)
    return found
