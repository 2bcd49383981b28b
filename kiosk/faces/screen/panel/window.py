"""The panel's window, in the process of the command line."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from PySide6.QtCore import QSize
from PySide6.QtGui import QImage
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickImageProvider, QQuickWindow

from kiosk.domain.errors import SetupError
from kiosk.faces.screen.application import QML_DIR, application, run_until
from kiosk.faces.screen.panel.feed import Feed
from kiosk.faces.screen.panel.guide import Guide, PanelStory
from kiosk.faces.screen.panel.model import PanelModel
from kiosk.link.frames import FrameHeader


class SceneProvider(QQuickImageProvider):
    """Hands the newest frame of the simulated people to QML."""

    def __init__(self) -> None:
        """Start with an empty picture."""
        super().__init__(QQuickImageProvider.ImageType.Image)
        self._guard = threading.Lock()
        self._image = QImage(640, 480, QImage.Format.Format_BGR888)
        self._image.fill(0x202020)

    def take(self, header: FrameHeader, pixels: bytes) -> None:
        """Keep a frame; called on the feed's thread."""
        stride = header.width * 3
        image = QImage(
            pixels, header.width, header.height, stride, QImage.Format.Format_BGR888
        ).copy()
        with self._guard:
            self._image = image

    def requestImage(  # noqa: N802 - Qt's name
        self,
        id: str,  # noqa: A002 - Qt's name
        size: QSize,
        requestedSize: QSize,  # noqa: N803 - Qt's name
    ) -> QImage:
        """Return the newest frame."""
        del id, size, requestedSize
        with self._guard:
            return self._image


class Panel:
    """The window and what feeds it; `close` ends both.

    Args:
        run_dir: Where the sockets lie.
        story: The evening.

    Raises:
        SetupError: There is no display, or the QML cannot be loaded.
    """

    def __init__(self, run_dir: Path, story: PanelStory) -> None:
        """Open the window and start to look."""
        application()
        self.model = PanelModel(Guide(run_dir, story))
        provider = SceneProvider()
        self._engine = QQmlApplicationEngine()
        self._engine.addImageProvider("scene", provider)
        self._engine.addImportPath(str(QML_DIR))
        self._engine.setInitialProperties({"panel": self.model})
        self._engine.loadFromModule("SmileTillPanel", "Panel")
        windows = [it for it in self._engine.rootObjects() if isinstance(it, QQuickWindow)]
        if not windows:
            self.model.close()
            raise SetupError(
                "The demo's panel cannot be loaded.",
                code="screen_not_loaded",
                mend="Install SmileTill again; its QML files are missing or damaged.",
            )
        self.window = windows[0]

        def show(header: FrameHeader, pixels: bytes) -> None:
            provider.take(header, pixels)
            self.model.frame_arrived()

        self._feed = Feed(run_dir, show)

    def close(self) -> None:
        """Stop the feed and the work, then the window."""
        self._feed.stop()
        self.model.close()
        self._engine.deleteLater()


def run_panel(run_dir: Path, story: PanelStory, stop: threading.Event) -> None:
    """Show the panel until its window is closed or `stop` is set."""
    panel = Panel(run_dir, story)
    for number in (signal.SIGINT, signal.SIGTERM):
        # An exception cannot pass through Qt's loop, so a signal only asks it to end.
        signal.signal(number, lambda *_: stop.set())
    try:
        run_until(stop)
    finally:
        panel.close()
