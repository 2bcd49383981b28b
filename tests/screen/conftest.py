"""One terminal with a real window, offscreen, and eyes and money that do what the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtQuick import QQuickItem, QQuickWindow
from PySide6.QtTest import QTest

from kiosk.domain.session import SessionLimits
from kiosk.domain.stepup import StepUpPolicy
from kiosk.faces.screen.application import application, close_window, load_window
from kiosk.faces.screen.session_model import SessionModel
from tests.fakes.screen import FakeCashier, FakeLooker, FakeRegistrar, order

WAIT_MS = 5_000


@dataclass
class Clock:
    """The session's milliseconds; they pass when the test says so."""

    ms: int = 1_000

    def __call__(self) -> int:
        return self.ms


@dataclass
class Terminal:
    """What a test touches: a window, and who stands behind it."""

    qtbot: object
    looker: FakeLooker = field(default_factory=FakeLooker)
    cashier: FakeCashier = field(default_factory=FakeCashier)
    clock: Clock = field(default_factory=Clock)
    policy: StepUpPolicy = field(default_factory=StepUpPolicy)
    limits: SessionLimits = field(default_factory=SessionLimits)
    language: str = "en"
    staff_can_close: bool = True
    registrar: FakeRegistrar | None = None
    warnings: list[str] = field(default_factory=list)

    def open(self) -> Terminal:
        application()
        self.model = SessionModel(
            self.looker,
            self.cashier,
            policy=self.policy,
            payee="Bistro",
            language=self.language,
            staff_can_close=self.staff_can_close,
            limits=self.limits,
            clock_ms=self.clock,
            registrar=self.registrar,
        )
        self.engine, self.window = load_window({"session": self.model, "windowed": True})
        self.engine.warnings.connect(lambda found: self.warnings.extend(map(str, found)))
        self.model.start()
        return self

    def close(self) -> None:
        ended = self.model.stop()
        close_window(self.engine, self.window)
        assert ended, "every thread of the screen ends in time"

    def order(self, name: str = "o-1", minor_units: int = 1_250) -> None:
        self.cashier.orders.append(order(name, minor_units))
        self.until("offer")

    def until(self, view: str) -> None:
        self.wait(lambda: self.view == view, f"view {view}, not {self.view}")

    def wait(self, condition: Callable[[], bool], what: str = "") -> None:
        try:
            self.qtbot.waitUntil(condition, timeout=WAIT_MS)  # type: ignore[attr-defined]
        except BaseException as error:
            state = self.model.session
            raise AssertionError(f"waited in vain: {what}; {self.view}; {state}") from error

    @property
    def view(self) -> str:
        return self.model.view_name()

    def pass_ms(self, ms: int) -> None:
        self.clock.ms += ms
        self.model.tick()

    def item(self, name: str) -> QQuickItem:
        found = [it for it in items(self.window.contentItem()) if it.objectName() == name]
        shown = [it for it in found if it.isVisible()]
        assert shown, f"{name} is not shown in {self.view}"
        return shown[0]

    def is_shown(self, name: str) -> bool:
        found = [it for it in items(self.window.contentItem()) if it.objectName() == name]
        return any(it.isVisible() for it in found)

    def text(self, name: str) -> str:
        return str(self.item(name).property("text"))

    def click(self, name: str) -> None:
        self.wait(lambda: self.is_shown(name), f"{name} shown")
        places: list[QPoint] = []

        def is_still() -> bool:
            places.append(self.middle(name))
            return len(places) > 1 and places[-1] == places[-2] and self.item(name).width() > 0

        self.wait(is_still, f"{name} laid out")
        QTest.mouseClick(
            self.window,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            self.middle(name),
        )

    def middle(self, name: str) -> QPoint:
        item = self.item(name)
        return item.mapToScene(QPointF(item.width() / 2, item.height() / 2)).toPoint()

    def type(self, digits: str) -> None:
        for digit in digits:
            self.click(f"digit{digit}")


def items(root: QQuickItem) -> Iterator[QQuickItem]:
    yield root
    for child in root.childItems():
        yield from items(child)


@pytest.fixture
def make(qtbot) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_terminal(**parts: object) -> Terminal:
        terminal = Terminal(qtbot, **parts)  # type: ignore[arg-type]
        opened.append(terminal)
        return terminal.open()

    yield open_terminal
    for terminal in opened:
        terminal.close()
        assert terminal.warnings == []


@pytest.fixture
def terminal(make) -> Terminal:
    return make()


__all__ = ["QQuickWindow", "Terminal"]
