"""Small parts that every page is made of: labels, buttons, fields, cards, banners, layouts.

They hold no state beyond what Qt holds, and every one that a test or a screen reader touches has a
name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from enrollment.qt import theme


def label(text: str, role: str = "body", *, name: str = "", wrap: bool = True) -> QLabel:
    """Return a line or paragraph of text; never read as markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role)
    made.setWordWrap(wrap)
    made.setObjectName(name)
    return made


def button(
    text: str,
    on_click: Callable[[], object],
    *,
    kind: str = "plain",
    name: str,
    tip: str = "",
) -> QPushButton:
    """Return a button that calls something when it is pressed, by touch, mouse, Enter or Space."""
    made = QPushButton(text)
    made.setProperty("kind", kind)
    made.setObjectName(name)
    made.setAccessibleName(text)
    made.setAutoDefault(True)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    made.clicked.connect(lambda _checked=False: on_click())
    if tip:
        made.setToolTip(tip)
        made.setAccessibleDescription(tip)
    return made


def allow(made: QPushButton, reason: str) -> None:
    """Enable a button, or disable it and say why."""
    made.setEnabled(not reason)
    made.setToolTip(reason)
    made.setAccessibleDescription(reason)


def restyle(widget: QWidget) -> None:
    """Have the style sheet look again at a widget whose property has changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def column(*items: QWidget | QLayout | int, gap: int = theme.GAP, margin: int = 0) -> QVBoxLayout:
    """Return things below each other; a number is a stretch."""
    return _lay(QVBoxLayout(), items, gap, margin)


def row(*items: QWidget | QLayout | int, gap: int = theme.GAP, margin: int = 0) -> QHBoxLayout:
    """Return things beside each other; a number is a stretch."""
    return _lay(QHBoxLayout(), items, gap, margin)


Box = TypeVar("Box", bound=QBoxLayout)


def _lay(box: Box, items: tuple[QWidget | QLayout | int, ...], gap: int, margin: int) -> Box:
    box.setSpacing(gap)
    box.setContentsMargins(margin, margin, margin, margin)
    for item in items:
        if isinstance(item, QWidget):
            box.addWidget(item)
        elif isinstance(item, QLayout):
            box.addLayout(item)
        else:
            box.addStretch(item)
    return box


def card(layout: QLayout, *, kind: str = "card", margin: int = theme.MARGIN) -> QFrame:
    """Return a white card around a layout."""
    made = QFrame()
    made.setProperty("kind", kind)
    layout.setContentsMargins(margin, margin, margin, margin)
    made.setLayout(layout)
    return made


def rule() -> QFrame:
    """Return a thin line between things."""
    made = QFrame()
    made.setProperty("kind", "rule")
    return made


def scrolled(inner: QWidget) -> QScrollArea:
    """Return an area that scrolls up and down where a page is longer than the window."""
    inner.setObjectName(inner.objectName() or "scrolled")
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(inner)
    return area


def clear(layout: QLayout) -> None:
    """Take everything out of a layout and delete it."""
    while (item := layout.takeAt(0)) is not None:
        inner = item.layout()
        widget = item.widget()
        if inner is not None:
            clear(inner)
        elif widget is not None:
            widget.hide()
            widget.deleteLater()


class Field(QWidget):
    """A line to type into, its name above it and what is wrong with it below.

    The place of the complaint is kept free, so that nothing jumps when one comes.
    """

    def __init__(self, title: str, name: str, *, text: str = "", hint: str = "") -> None:
        """Show what was typed before."""
        super().__init__()
        self.line = QLineEdit(text)
        self.line.setObjectName(name)
        self.line.setAccessibleName(title)
        self.line.setPlaceholderText(hint)
        self.line.setMaxLength(200)
        heading = label(title, "field")
        heading.setBuddy(self.line)
        self._complaint = label("", "complaint", name=f"{name}_complaint")
        self._complaint.setMinimumHeight(theme.SMALL + 6)
        self.setLayout(column(heading, self.line, self._complaint, gap=4))

    def hide_what_is_typed(self) -> None:
        """Show dots, as for a PIN."""
        self.line.setEchoMode(QLineEdit.EchoMode.Password)
        self.line.setInputMethodHints(
            Qt.InputMethodHint.ImhDigitsOnly | Qt.InputMethodHint.ImhSensitiveData
        )

    def complain(self, sentence: str) -> None:
        """Say what is wrong, or that nothing is ("")."""
        if sentence == self._complaint.text():
            return
        self._complaint.setText(sentence)
        self.line.setProperty("wrong", "true" if sentence else "false")
        self.line.setAccessibleDescription(sentence)
        restyle(self.line)

    def complaint(self) -> str:
        """Return what it says."""
        return self._complaint.text()


class Tick(QCheckBox):
    """A check box that a finger can hit, with a tick that we draw."""

    def __init__(self, text: str, name: str, *, checked: bool = False) -> None:
        """Show whether it is ticked."""
        super().__init__(text)
        self.setObjectName(name)
        self.setAccessibleName(text)
        self.setChecked(checked)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw what the style draws, and the tick."""
        super().paintEvent(event)
        if not self.isChecked():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(QColor(theme.PALE_INK), 3.4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        box = QRectF(2, (self.height() - 30) / 2, 30, 30)
        points = [(0.25, 0.52), (0.43, 0.70), (0.76, 0.31)]
        placed = [QPointF(box.x() + x * 30, box.y() + y * 30) for x, y in points]
        painter.drawPolyline(placed)
        painter.end()


class Choice(QComboBox):
    """A list to choose from, with an arrow that we draw."""

    def __init__(self, title: str, name: str) -> None:
        """Start empty."""
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw what the style draws, and the arrow."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(QColor(theme.QUIET), 2.4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        right, middle = self.width() - 24, self.height() / 2
        points = [(-6.0, -3.0), (0.0, 3.0), (6.0, -3.0)]
        painter.drawPolyline([QPointF(right + x, middle + y) for x, y in points])
        painter.end()


class Banner(QFrame):
    """One calm sentence about what happened, and what to do; hidden while there is none."""

    def __init__(self, close_text: str) -> None:
        """Start hidden."""
        super().__init__()
        self.setProperty("kind", "banner")
        self.setObjectName("banner")
        self._what = label("", "large", name="banner_what")
        self._what.setProperty("role", "body")
        self._mend = label("", "quiet", name="banner_mend")
        self._act = button("", self._acted, name="banner_act")
        self._close = button(close_text, self.hide, kind="flat", name="banner_close")
        self._on_act: Callable[[], object] = self.hide
        words = column(self._what, self._mend, gap=2)
        line = row(words, self._act, self._close)
        line.setStretch(0, 1)
        line.setContentsMargins(20, 12, 12, 12)
        self.setLayout(line)
        self.hide()

    def show_sentence(
        self,
        what: str,
        mend: str = "",
        *,
        tone: str = "wrong",
        act: str = "",
        on_act: Callable[[], object] | None = None,
    ) -> None:
        """Say something; `act` names a button that mends it."""
        self._what.setText(what)
        self._mend.setText(mend)
        self._mend.setVisible(bool(mend))
        self._act.setText(act)
        self._act.setAccessibleName(act)
        self._act.setVisible(bool(act))
        self._on_act = on_act or self.hide
        self.setProperty("tone", tone)
        self.setAccessibleName(f"{what} {mend}".strip())
        restyle(self)
        self.show()

    def _acted(self) -> None:
        self.hide()
        self._on_act()


class Centred(QWidget):
    """Holds one widget in the middle, never wider than a page that is read well."""

    def __init__(self, inner: QWidget, width_max: int) -> None:
        """Place it."""
        super().__init__()
        self.setObjectName("scrolled")
        inner.setMaximumWidth(width_max)
        inner.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addStretch(1)
        line.addWidget(inner, 1000)
        line.addStretch(1)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be as narrow as the window wants."""
        return QSize(0, super().minimumSizeHint().height())
