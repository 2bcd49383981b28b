"""The demo's panel: its buttons do what they say, its work never blocks the window."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QObject
from PySide6.QtQml import QQmlApplicationEngine

from kiosk.domain.errors import SetupError
from kiosk.faces.screen.application import QML_DIR, application
from kiosk.faces.screen.panel.guide import PanelGuest, PanelStory, PanelVisit
from kiosk.faces.screen.panel.model import PanelModel
from kiosk.faces.screen.panel.window import SceneProvider
from kiosk.link.frames import FrameHeader

GUESTS = tuple(PanelGuest(n, name, "1", "2") for n, name in enumerate(("Alex", "Robin", "Sam")))
STORY = PanelStory("sandbox", GUESTS, (PanelVisit("Alex pays", "Press.", "12.50", 0, False),))


class FakeGuide:
    """Notes what is asked of it; the till may be away."""

    def __init__(self) -> None:
        self.story = STORY
        self.done: list[object] = []
        self.hold = threading.Event()
        self.hold.set()
        self.away = False

    def enrol_all(self, tell: Callable[[str], None]) -> str:
        tell("Alex enrols …")
        self.hold.wait(5)
        self.done.append("enrol")
        return "3 guests are enrolled."

    def begin(self, visit: PanelVisit) -> str:
        self.done.append(visit.title)
        return visit.advice

    def send(self, amount: str) -> str:
        if self.away:
            raise SetupError("The till is away.", code="away", mend="Wait.")
        self.done.append(amount)
        return "sent"

    def gesture(self, word: str, person: int | None = None) -> str:
        self.done.append((word, person))
        return ""

    def outcome(self) -> str:
        return "PAID"

    def takings(self) -> str:
        return "1 paid, 12.50 in all"


@pytest.fixture
def guide() -> FakeGuide:
    return FakeGuide()


@pytest.fixture
def panel(qtbot, guide: FakeGuide) -> Iterator[PanelModel]:
    application()
    model = PanelModel(guide)  # type: ignore[arg-type]
    yield model
    model.close()


@pytest.fixture
def window(panel: PanelModel) -> Iterator[QObject]:
    """The real QML, offscreen; any warning of it fails the test."""
    warnings: list[str] = []
    engine = QQmlApplicationEngine()
    engine.warnings.connect(lambda found: warnings.extend(map(str, found)))
    engine.addImageProvider("scene", SceneProvider())
    engine.addImportPath(str(QML_DIR))
    engine.setInitialProperties({"panel": panel})
    engine.loadFromModule("SmileTillPanel", "Panel")
    yield engine.rootObjects()[0]
    engine.deleteLater()
    assert not warnings


def press(window: QObject, name: str) -> None:
    button = window.findChild(QObject, name)
    assert button is not None
    button.clicked.emit()


def test_the_story_goes_step_by_step(qtbot, guide, panel, window) -> None:
    """Next enrols, then sends the first guest; while a step runs, the button waits."""
    guide.hold.clear()
    press(window, "next")
    qtbot.waitUntil(lambda: panel._words == "Alex enrols …")
    assert panel._busy
    press(window, "next")
    guide.hold.set()
    qtbot.waitUntil(lambda: panel._step == 1)
    press(window, "next")
    qtbot.waitUntil(lambda: panel._step == 2)

    assert guide.done == ["enrol", "Alex pays"]
    assert window.findChild(QObject, "words").property("text") == "Press."


def test_gestures_and_bills_of_ones_own(qtbot, guide, panel, window) -> None:
    """Smile makes whoever is there smile; a typed bill is sent as it was typed."""
    press(window, "smile")
    press(window, "send")
    panel.guest(1)

    qtbot.waitUntil(lambda: len(guide.done) == 3)
    assert guide.done == [("smile", None), "12.50", ("person", 1)]


def test_turns_are_told_to_whoever_is_there(qtbot, guide, panel, window) -> None:
    """To the side that the kiosk shows."""
    press(window, "turnLeft")
    press(window, "turnRight")

    qtbot.waitUntil(lambda: len(guide.done) == 2)
    assert guide.done == [("turn_left", None), ("turn_right", None)]


def test_a_till_that_is_away_is_said_and_nothing_breaks(qtbot, guide, panel, window) -> None:
    """An error is a sentence in the panel."""
    guide.away = True
    press(window, "send")

    qtbot.waitUntil(lambda: "The till is away." in panel._words)


def test_the_outcome_of_the_bill_is_shown(qtbot, panel, window) -> None:
    """The panel asks money how the bill stands, again and again."""
    qtbot.waitUntil(lambda: panel._outcome == "PAID")
    assert panel._takings == "1 paid, 12.50 in all"


def test_frames_are_copied_before_they_are_shown(qtbot) -> None:
    """The feed may reuse its bytes; the picture on the screen stays what it was."""
    application()
    provider = SceneProvider()
    provider.take(FrameHeader(0, 0, 2, 2), bytes([255, 0, 0] * 4))

    image = provider.requestImage("1", None, None)  # type: ignore[arg-type]
    assert (image.width(), image.pixelColor(0, 0).blue()) == (2, 255)
