"""Step 5: the customer approves the mandate at their bank, by a code for their phone."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QProgressBar, QStackedWidget, QWidget

from enrollment.model.capture import Seen
from enrollment.model.draft import Step
from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.controls import button, card, column, label, row
from enrollment.qt.drawn import QrCode

LINK_SHOWN = 60
"""Characters of the link that are shown below its code."""


class BankPage(QWidget):
    """The code with the time that is left, or what happens meanwhile, or why it came to nothing."""

    def __init__(self, context: Context, on_start: Callable[[], object]) -> None:
        """Start with the question to the bank under way."""
        super().__init__()
        self.setObjectName("page")
        self._words = context.texts
        self._stack = QStackedWidget()
        self._stack.addWidget(self._waiting())
        self._stack.addWidget(self._approving())
        self._stack.addWidget(self._stopped(on_start))
        self.setLayout(column(self._stack))

    def step(self) -> Step:
        """Return which step this is."""
        return Step.BANK

    def show_seen(self, seen: Seen) -> None:
        """Show one moment between the capture and the bank's yes."""
        if not seen.link:
            self._what.setText(self._words(f"{seen.code}_title"))
            self._stack.setCurrentIndex(0)
            return
        self._code.show_content(seen.link)
        shown = seen.link if len(seen.link) <= LINK_SHOWN else f"{seen.link[:LINK_SHOWN]}…"
        self._link.setText(shown)
        minutes, seconds = divmod(seen.seconds_left, 60)
        left = f"{minutes}:{seconds:02d}"
        self._left.setText(left)
        self._left.setAccessibleName(self._words("time_left", left=left))
        self._stack.setCurrentIndex(1)

    def show_stop(self, what: str, mend: str) -> None:
        """Say why the bank did not agree."""
        self._why.setText(what)
        self._mend.setText(mend)
        self._stack.setCurrentIndex(2)
        self._again.setFocus()

    def focus_first(self) -> None:
        """Put the keys on the one button, if it is there."""
        if self._stack.currentIndex() == 2:
            self._again.setFocus()

    def _waiting(self) -> QWidget:
        self._what = label(self._words("comparing_title"), "title", name="bank_what")
        self._what.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setFixedWidth(320)
        bar.setAccessibleName(self._words("comparing_title"))
        page = QWidget()
        page.setObjectName("page")
        page.setLayout(column(1, self._what, row(1, bar, 1), 2, gap=24))
        return page

    def _approving(self) -> QWidget:
        words = self._words
        self._code = QrCode(words("approve_title"), size=300)
        self._link = label("", "mono", name="approve_link")
        self._link.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._left = label("", "big", name="time_left")
        self._left.setStyleSheet(f"color: {theme.ACCENT};")
        left = column(row(1, self._code, 1), self._link)
        steps = [label(words(f"approve_{number}"), "lead") for number in (1, 2, 3)]
        right = column(
            label(words("approve_title"), "title"),
            *steps,
            1,
            label(words("approve_wait"), "quiet"),
            self._left,
            gap=14,
        )
        both = row(left, right, gap=40)
        both.setStretch(0, 4)
        both.setStretch(1, 5)
        page = QWidget()
        page.setObjectName("page")
        page.setLayout(column(1, card(both), 1))
        return page

    def _stopped(self, on_start: Callable[[], object]) -> QWidget:
        self._why = label("", "title", name="bank_stop_why")
        self._mend = label("", "lead", name="bank_stop_mend")
        self._again = button(
            self._words("try_again"), on_start, kind="primary", name="bank_try_again"
        )
        inside = column(
            self._why,
            self._mend,
            label(self._words("nothing_lost"), "quiet"),
            row(self._again, 1),
            gap=16,
        )
        page = QWidget()
        page.setObjectName("page")
        page.setLayout(column(1, card(inside), 2))
        return page
