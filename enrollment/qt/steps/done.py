"""Step 6: whether paying would work, and the customer's copy of what they agreed to."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QStackedWidget, QWidget

from enrollment.model.draft import Step
from enrollment.model.result import Result
from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.controls import button, card, column, label, row
from enrollment.qt.drawn import QrCode


class Mark(QWidget):
    """A round sign: a tick."""

    def __init__(self, size: int = 72) -> None:
        """Take its place."""
        super().__init__()
        self.setFixedSize(size, size)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw it."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.PAID))
        painter.drawEllipse(self.rect())
        pen = QPen(QColor(theme.PALE_INK), self.width() / 11)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        side = self.width()
        points = [(0.28, 0.52), (0.44, 0.67), (0.73, 0.36)]
        painter.drawPolyline([QPointF(x * side, y * side) for x, y in points])
        painter.end()


class DonePage(QWidget):
    """The rehearsal while it lasts; then the result and the copy."""

    def __init__(
        self, context: Context, on_save: Callable[[], object], on_open: Callable[[], object]
    ) -> None:
        """Start with the rehearsal."""
        super().__init__()
        self.setObjectName("page")
        self._words = context.texts
        self._stack = QStackedWidget()
        rehearsing = QWidget()
        rehearsing.setObjectName("page")
        what = label(self._words("rehearsing_title"), "big", name="rehearsing")
        self._hint = label(self._words("rehearsing_text"), "lead", name="rehearsal_hint")
        free = label(self._words("rehearsing_free"), "small")
        for line in (what, self._hint, free):
            line.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        rehearsing.setLayout(column(1, what, self._hint, free, 2, gap=16))
        self._stack.addWidget(rehearsing)
        self._stack.addWidget(self._result(on_save, on_open))
        self.setLayout(column(self._stack))

    def step(self) -> Step:
        """Return which step this is."""
        return Step.DONE

    def show_rehearsal(self, hint: str) -> None:
        """Say that it is under way, and what the customer shall do."""
        self._hint.setText(self._words.hint(hint) if hint else self._words("rehearsing_text"))
        self._stack.setCurrentIndex(0)

    def show_result(self, result: Result, name: str, proof: str) -> None:
        """Say what came of it."""
        words = self._words
        self._title.setText(words("done_title", name=name))
        self._rehearsal.setText(words.rehearsal(result))
        self._samples.setText(str(result.samples))
        self._quality.setText(f"{result.quality}")
        self._account.setText(result.account_hint or words("none_told"))
        self._pin.setText(words.problem(f"pin_{result.pin_always}") if result.pin_always else "")
        self._pin.setVisible(bool(result.pin_always))
        self._code.show_content(proof)
        self._stack.setCurrentIndex(1)
        self.save.setFocus()

    def show_saved(self, path: str) -> None:
        """Say where the copy lies."""
        self._saved.setText(self._words("copy_saved", path=path))

    def focus_first(self) -> None:
        """Put the keys on the copy."""
        self.save.setFocus()

    def _result(self, on_save: Callable[[], object], on_open: Callable[[], object]) -> QWidget:
        words = self._words
        self._title = label("", "title", name="done_title")
        self._rehearsal = label("", "lead", name="rehearsal")
        self._pin = label("", "body", name="done_pin")
        self._samples = label("", "number", name="done_samples")
        self._quality = label("", "number", name="done_quality")
        self._account = label("", "number", name="done_account")
        facts = row(
            column(label(words("samples"), "field"), self._samples, gap=2),
            column(label(words("quality"), "field"), self._quality, gap=2),
            column(label(words("account"), "field"), self._account, gap=2),
            1,
            gap=40,
        )
        head = row(Mark(), column(self._title, self._rehearsal, gap=2), gap=20)
        head.setStretch(1, 1)
        self.save = button(words("save_copy"), on_save, kind="plain", name="save_copy")
        see = button(words("open_record"), on_open, kind="flat", name="open_record")
        self._saved = label("", "small", name="copy_saved")
        self._code = QrCode(words("copy_title"), size=212)
        copy = column(
            label(words("copy_title"), "large"),
            label(words("copy_text"), "quiet"),
            row(self.save, see, 1),
            self._saved,
            1,
        )
        both = row(copy, self._code, gap=24)
        both.setStretch(0, 1)
        page = QWidget()
        page.setObjectName("page")
        page.setLayout(column(card(column(head, self._pin, facts, gap=24)), card(both), 1, gap=16))
        return page
