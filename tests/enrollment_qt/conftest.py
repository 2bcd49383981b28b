"""The staff tool's window, offscreen, with a faces process that does what the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QWidget

from enrollment.qt.application import open_window
from enrollment.qt.window import Window
from kiosk.domain.evidence import CameraKind
from kiosk.link.protocol import CameraSpec
from tests.fakes.desk_faces import FakeFaces

WAIT_MS = 5_000
CAMERA = CameraSpec(CameraKind.FRAME_FOLDER, path="/frames")
NAME, PHONE, PIN = "Ada Moreau", "07700 900123", "194638"


@dataclass
class Tool:
    """What a test touches: a window, and the faces process behind it."""

    qtbot: object
    folder: Path
    faces: FakeFaces = field(default_factory=FakeFaces)
    language: str = "en"
    connect: Callable | None = None
    connect_as_user: Callable | None = None
    camera: CameraSpec = CAMERA

    def open(self) -> Tool:
        self.window: Window = open_window(
            self.connect or self.faces.connect,
            self.connect_as_user or self.faces.connect_as_user,
            self.camera,
            language=self.language,
            motion=False,
            now=lambda: datetime(2026, 11, 28, 10, 30, tzinfo=UTC),
            save_path=lambda name: self.folder / name,
        )
        return self

    def close(self) -> None:
        self.window.close()
        self.window.deleteLater()

    # Looking ------------------------------------------------------------------------------------

    def find(self, name: str, kind: type = QWidget) -> QWidget:
        found = [it for it in self.window.findChildren(kind, name) if it.isVisible()]
        assert found, f"{name} is not shown"
        return found[0]

    def is_shown(self, name: str) -> bool:
        return any(it.isVisible() for it in self.window.findChildren(QWidget, name))

    def text(self, name: str) -> str:
        return self.find(name, QLabel).text()

    def said(self) -> str:
        """What the banner says."""
        return self.find("banner").accessibleName()

    def complaint(self, field_name: str) -> str:
        return self.text(f"{field_name}_complaint")

    @property
    def step(self) -> str:
        wizard = self.window.wizard
        return wizard.step.value if wizard is not None else "staff"

    def wait(self, condition: Callable[[], object], what: str = "") -> None:
        try:
            self.qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)
        except BaseException as error:
            raise AssertionError(f"waited in vain: {what}; step {self.step}") from error

    def until(self, name: str) -> None:
        self.wait(lambda: self.is_shown(name), name)

    # Doing --------------------------------------------------------------------------------------

    def click(self, name: str) -> None:
        self.until(name)
        button = self.find(name, QAbstractButton)
        assert button.isEnabled(), f"{name}: {button.toolTip()}"
        place = QPoint(20, button.height() // 2)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)

    def type(self, name: str, text: str) -> None:
        line = self.find(name, QLineEdit)
        line.clear()
        line.setFocus()
        QTest.keyClicks(line, text)

    def press(self, key: Qt.Key, name: str) -> None:
        QTest.keyClick(self.find(name), key)

    def sign(self) -> None:
        """Sign by hand, as a mouse or a finger does."""
        pad = self.find("signature_pad")
        points = [QPoint(30 + 6 * number, 60 + 20 * (number % 3)) for number in range(25)]
        QTest.mousePress(pad, Qt.MouseButton.LeftButton, pos=points[0])
        for point in points[1:]:
            QTest.mouseMove(pad, point)
        QTest.mouseRelease(pad, Qt.MouseButton.LeftButton, pos=points[-1])

    def sign_in(self, name: str = "mia", code: str = "green-apple") -> None:
        self.until("sign_in")
        self.type("staff_name", name)
        self.type("staff_code", code)
        self.click("sign_in")
        self.until("nav_enrol")
        self.wait(lambda: self.window.wizard._notice is not None, "the notice")

    def agree(self) -> None:
        self.wait(lambda: self.is_shown("next") and self.find("next").isEnabled(), "the notice")
        self.click("adult")
        self.sign()
        self.click("next")
        self.until("phone")

    def fill(self, name: str = NAME, phone: str = PHONE, pin: str = PIN, again: str = "") -> None:
        self.type("name", name)
        self.type("phone", phone)
        self.type("pin", pin)
        self.type("pin_again", again or pin)

    def to_camera(self) -> None:
        """Go all the way to the moment at which the camera is asked for."""
        self.sign_in()
        self.agree()
        self.fill()
        self.click("next")


@pytest.fixture
def make(qtbot, tmp_path) -> Iterator[Callable[..., Tool]]:
    opened: list[Tool] = []

    def open_tool(**parts: object) -> Tool:
        tool = Tool(qtbot, tmp_path, **parts)
        opened.append(tool)
        return tool.open()

    yield open_tool
    for tool in opened:
        tool.faces.go_on.set()
        tool.close()
        assert all(it.closed for it in tool.faces.connections), "connections are closed"


@pytest.fixture
def tool(make) -> Tool:
    return make()
