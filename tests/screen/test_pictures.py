"""Every view can be drawn, fits its screen at every size, and has no way in for a camera."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEventLoop, QPointF, QRectF
from PySide6.QtQuick import QQuickItem

from kiosk.faces.screen.application import QML_DIR, application, close_window, load_window
from kiosk.faces.screen.pictures import SIZES, PosedModel, poses
from kiosk.faces.screen.signals import loses_references
from kiosk.faces.screen.views import View

PRESSED = {
    "digit1", "digit0", "digitEnter", "pressSmile", "otherWays", "tapAgree", "cancel", "done",
    "ownNumber", "skipTurn",
    "ownData", "ownPress", "ownLimits", "ownPause", "ownErase", "ownPayment0", "ownPayment3",
    "ownDay0", "ownDay3", "ownEraseHold", "ownDone", "ownBack", "ownLeave",
    "back", "otherWaysBelow", "retry", "payOtherWay", "holdSeen", "choosePhone", "language",
}  # fmt: skip
TOUCH_MM = 11.9
SLACK = 1.0


@pytest.fixture(scope="module")
def shown(qapp):
    model = PosedModel("de")  # the longer words
    engine, window = load_window({"session": model, "windowed": True})
    warnings: list[str] = []
    engine.warnings.connect(lambda found: warnings.extend(map(str, found)))
    yield model, engine, window, warnings
    close_window(engine, window)


def tree(root: QQuickItem):
    yield root
    for child in root.childItems():
        yield from tree(child)


def place(item: QQuickItem) -> QRectF:
    corner = item.mapToScene(QPointF(0, 0))
    return QRectF(corner.x(), corner.y(), item.width(), item.height())


def test_every_view_has_a_pose(qapp):
    """A new view is drawn for the documents, or fails here."""
    model = PosedModel("en")

    assert {model.pose(pose) for pose in poses()} == set(View)


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_or_covered_and_buttons_are_for_fingers(shown, size):
    """No sentence leaves the screen, no button covers another, each is at least 12 mm high."""
    model, _engine, window, warnings = shown
    window.resize(*SIZES[size])
    screen = QRectF(0, 0, *SIZES[size])
    millimetre = window.screen().physicalDotsPerInch() / 25.4
    for pose in poses():
        model.pose(pose)
        for _ in range(4):
            application().processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 10)
        window.grabWindow()
        visible = [it for it in tree(window.contentItem()) if it.isVisible() and it.width() > 0]
        for item in visible:
            if item.property("text") and item.property("contentWidth") is not None:
                where = f"{pose.name}: {item.property('text')}"
                assert screen.adjusted(-SLACK, -SLACK, SLACK, SLACK).contains(place(item)), where
                assert item.property("contentWidth") <= item.width() + SLACK, where
        buttons = [it for it in visible if it.objectName() in PRESSED]
        for number, button in enumerate(buttons):
            assert button.height() >= TOUCH_MM * millimetre, f"{pose.name}: {button.objectName()}"
            for other in buttons[:number]:
                assert not place(button).intersects(place(other)), pose.name
    assert warnings == []


def test_no_camera_pixel_has_a_way_into_the_window(shown, repository):
    """No image provider is registered, and no QML file shows any image at all."""
    _model, engine, _window, _warnings = shown
    for name in ("camera", "frame", "frames", "face", "live", "preview"):
        assert engine.imageProvider(name) is None
    words = ("Image", "VideoOutput", "ShaderEffectSource", "Camera {", "image://")
    for file in (QML_DIR / "SmileTill").glob("*.qml"):
        text = file.read_text()
        assert not any(word in text for word in words), file.name
        assert len(text.splitlines()) <= 150, file.name
    for file in (repository / "kiosk/faces/screen").glob("*.py"):
        assert "ImageProvider" not in file.read_text()


def test_the_loss_of_references_is_measured(qapp):
    """Whatever the version, the answer is one of two and costs nothing after the first time."""
    assert loses_references() in {True, False}
    assert loses_references.cache_info().currsize == 1
