"""What we draw ourselves: the ring with its pictogram, the signature, the QR code, the steps.

The pictogram stands for any head; no picture of the person before the camera comes here, and there
is no way by which one could.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import segno
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QVariantAnimation
from PySide6.QtGui import (
    QColor,
    QFont,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from enrollment.model.capture import Pose
from enrollment.model.signature import Strokes
from enrollment.qt import theme

SWEEP_MS = 220
QUIET_MODULES = 4
"""White modules around a QR code (ISO/IEC 18004)."""


def _pen(colour: str, width: float) -> QPen:
    pen = QPen(QColor(colour), width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen


class CaptureRing(QWidget):
    """How far the samples are, around a pictogram of how to look."""

    def __init__(self, *, motion: bool, size: int = 280) -> None:
        """Start empty."""
        super().__init__()
        self.setObjectName("capture_ring")
        self.setFixedSize(size, size)
        self._pose = Pose.PLAIN
        self._shown = 0.0
        self._target = 0.0
        self._colour = theme.ACCENT
        self._sweep: QVariantAnimation | None = None
        if motion:
            self._sweep = QVariantAnimation(self)
            self._sweep.setDuration(SWEEP_MS)
            self._sweep.valueChanged.connect(self._swept)

    def show_share(self, share: float, pose: Pose, words: str, *, good: bool = True) -> None:
        """Show how far it is; `words` are for a screen reader."""
        self._pose = pose
        self._colour = theme.ACCENT if good else theme.UNKNOWN
        self.setAccessibleName(words)
        if share != self._target:
            self._target = share
            if self._sweep is None:
                self._shown = share
            else:
                self._sweep.stop()
                self._sweep.setStartValue(self._shown)
                self._sweep.setEndValue(share)
                self._sweep.start()
        self.update()

    def _swept(self, value: float) -> None:
        self._shown = value
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw ring and pictogram."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = 9.0
        box = QRectF(self.rect()).adjusted(edge, edge, -edge, -edge)
        painter.setPen(_pen(theme.HAIRLINE, 10))
        painter.drawEllipse(box)
        if self._shown > 0:
            painter.setPen(_pen(self._colour, 12))
            painter.drawArc(box, 90 * 16, -round(self._shown * 360 * 16))
        draw_pose(painter, QRectF(self.rect()).center(), self.width() * 0.30, self._pose)
        painter.end()


def draw_pose(painter: QPainter, middle: QPointF, half: float, pose: Pose) -> None:
    """Draw a head that looks as the customer is asked to; `half` is half its height."""
    painter.save()
    painter.translate(middle)
    painter.setBrush(QColor(theme.ACCENT_TINT))
    painter.setPen(_pen(theme.INK, half * 0.055))
    head = QRectF(-half * 0.74, -half, half * 1.48, half * 2)
    painter.drawRoundedRect(head, half * 0.74, half * 0.82)
    shift = half * 0.26 if pose is Pose.TURN else 0.0
    eyes = [QPointF(shift + side * half * 0.30, -half * 0.16) for side in (-1, 1)]
    if pose is Pose.GLASSES:
        _draw_glasses(painter, eyes, half)
    painter.setBrush(QColor(theme.INK))
    painter.setPen(Qt.PenStyle.NoPen)
    for eye in eyes:
        painter.drawEllipse(eye, half * 0.07, half * 0.085)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(_pen(theme.INK, half * 0.06))
    painter.drawLine(
        QPointF(shift * 1.35, -half * 0.04), QPointF(shift * 1.35 + half * 0.05, half * 0.18)
    )
    painter.drawLine(
        QPointF(shift - half * 0.17, half * 0.46), QPointF(shift + half * 0.17, half * 0.46)
    )
    if pose is Pose.TURN:
        _draw_arrow(painter, half)
    painter.restore()


def _draw_glasses(painter: QPainter, eyes: Sequence[QPointF], half: float) -> None:
    painter.setBrush(QColor(theme.CARD))
    painter.setPen(_pen(theme.ACCENT, half * 0.065))
    for eye in eyes:
        painter.drawEllipse(eye, half * 0.22, half * 0.20)
    painter.drawLine(
        QPointF(eyes[0].x() + half * 0.22, eyes[0].y()),
        QPointF(eyes[1].x() - half * 0.22, eyes[1].y()),
    )


def _draw_arrow(painter: QPainter, half: float) -> None:
    painter.setPen(_pen(theme.ACCENT, half * 0.085))
    tip = QPointF(half * 1.32, 0)
    painter.drawLine(QPointF(half * 0.92, 0), tip)
    for side in (-1, 1):
        painter.drawLine(tip, QPointF(tip.x() - half * 0.16, side * half * 0.16))


class SignaturePad(QWidget):
    """Where the customer signs by finger, pen or mouse."""

    def __init__(self, strokes: Strokes, words: str, on_change: Callable[[], object]) -> None:
        """Show what was drawn before; tell of every change."""
        super().__init__()
        self.setObjectName("signature_pad")
        self.setAccessibleName(words)
        self.setMinimumHeight(150)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_AcceptTouchEvents, on=False)
        self._strokes = strokes
        self._words = words
        self._on_change = on_change

    def clear(self) -> None:
        """Start again."""
        self._strokes.clear()
        self.update()
        self._on_change()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Put the pen down; Qt makes a touch one of these."""
        self._strokes.begin(event.position().x(), event.position().y())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Draw on, within the pad."""
        x = min(max(event.position().x(), 0.0), float(self.width()))
        y = min(max(event.position().y(), 0.0), float(self.height()))
        if self._strokes.reach(x, y):
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Lift the pen."""
        del event
        self._on_change()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the field, the line to sign on, and the strokes."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(theme.CARD))
        painter.setPen(_pen(theme.EDGE, 2))
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
        base = self.height() - 40
        painter.setPen(_pen(theme.HAIRLINE, 2))
        painter.drawLine(QPointF(28, base), QPointF(self.width() - 28, base))
        if not self._strokes.strokes:
            painter.setPen(QColor(theme.QUIET))
            words = QRectF(28, base + 6, self.width() - 56, 28)
            painter.drawText(words, Qt.AlignmentFlag.AlignLeft, self._words)
        draw_strokes(painter, self._strokes.strokes)
        painter.end()


def draw_strokes(painter: QPainter, strokes: Sequence[Sequence[tuple[int, int]]]) -> None:
    """Draw a signature."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(_pen(theme.INK, 3.2))
    for stroke in strokes:
        path = QPainterPath(QPointF(*stroke[0]))
        for point in stroke[1:]:
            path.lineTo(QPointF(*point))
        painter.drawPath(path)


class QrCode(QWidget):
    """A QR code, drawn sharp at any size; empty while there is no content."""

    def __init__(self, words: str, size: int = 240) -> None:
        """Start empty."""
        super().__init__()
        self.setObjectName("qr_code")
        self.setAccessibleName(words)
        self.setFixedSize(size, size)
        self.content = ""
        self._modules: tuple[bytearray, ...] = ()

    def show_content(self, content: str) -> None:
        """Show what a phone shall read."""
        if content == self.content:
            return
        self.content = content
        self._modules = tuple(segno.make(content, error="m", micro=False).matrix) if content else ()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the modules on white."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.CARD))
        if self._modules:
            count = len(self._modules) + 2 * QUIET_MODULES
            side = self.width() // count
            left = (self.width() - side * len(self._modules)) // 2
            for y, line in enumerate(self._modules):
                for x, dark in enumerate(line):
                    if dark:
                        painter.fillRect(
                            left + x * side, left + y * side, side, side, QColor(theme.INK)
                        )
        painter.end()


class StepBar(QWidget):
    """The steps of an enrolment: those that are done, the one at hand, those to come."""

    HEIGHT = 62

    def __init__(self, names: Sequence[str]) -> None:
        """Start at the first."""
        super().__init__()
        self.setObjectName("step_bar")
        self._names = list(names)
        self.at = 0
        self.setMinimumHeight(self.HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_step(self, at: int, words: str) -> None:
        """Show which step it is; `words` say so to a screen reader."""
        self.at = at
        self.setAccessibleName(words)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Take the whole width."""
        return QSize(600, self.HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw circles, lines and names."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        wide = self.width() / len(self._names)
        font = QFont(self.font())
        for number, name in enumerate(self._names):
            middle = QPointF(wide * (number + 0.5), 17)
            if number:
                done = number <= self.at
                painter.setPen(_pen(theme.ACCENT if done else theme.HAIRLINE, 3))
                painter.drawLine(QPointF(middle.x() - wide + 24, 17), QPointF(middle.x() - 24, 17))
            self._draw_circle(painter, middle, number)
            font.setPixelSize(theme.SMALL)
            font.setWeight(QFont.Weight.DemiBold if number == self.at else QFont.Weight.Normal)
            painter.setFont(font)
            painter.setPen(QColor(theme.INK if number == self.at else theme.QUIET))
            words = QRectF(wide * number, 38, wide, 22)
            painter.drawText(words, Qt.AlignmentFlag.AlignHCenter, name)
        painter.end()

    def _draw_circle(self, painter: QPainter, middle: QPointF, number: int) -> None:
        filled = number <= self.at
        painter.setBrush(QColor(theme.ACCENT if filled else theme.CARD))
        painter.setPen(_pen(theme.ACCENT if filled else theme.EDGE, 2))
        painter.drawEllipse(middle, 15, 15)
        if number < self.at:
            painter.setPen(_pen(theme.PALE_INK, 3))
            tick = [(-6, 0.5), (-1.5, 5), (6.5, -4.5)]
            painter.drawPolyline([QPointF(middle.x() + x, middle.y() + y) for x, y in tick])
            return
        font = QFont(self.font())
        font.setPixelSize(theme.SMALL)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(theme.PALE_INK if filled else theme.QUIET))
        box = QRectF(middle.x() - 15, middle.y() - 15, 30, 30)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(number + 1))
