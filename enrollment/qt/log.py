"""The audit log's page: whether it is whole, and who did what lately."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from enrollment import questions
from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.controls import Banner, button, column, label, row
from enrollment.qt.worker import Trouble
from kiosk.link.audit import AuditEntry, AuditVerdict

WIDTHS = {0: 200, 2: 180, 3: 130, 4: 120}
COLUMNS = ("at", "who", "what", "person", "outcome")


class LogPage(QWidget):
    """A sentence about the whole log, and its newest entries."""

    def __init__(self, context: Context, on_trouble: Callable[[Trouble], object]) -> None:
        """Start empty; `refresh` asks faces."""
        super().__init__()
        self.setObjectName("page")
        self._context, self._words, self._on_trouble = context, context.texts, on_trouble
        words = self._words
        self.banner = Banner(words("close"))
        self._verdict = label("", "quiet", name="log_verdict")
        again = button(words("verify_again"), self.refresh, name="verify_again")
        self._table = QTableWidget(0, len(COLUMNS))
        self._table.setObjectName("log")
        self._table.setAccessibleName(words("nav_log"))
        self._table.setHorizontalHeaderLabels([words(f"log_{name}") for name in COLUMNS])
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._table.setShowGrid(False)
        self._table.setTabKeyNavigation(False)
        self._table.setWordWrap(False)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(context.sizes.touch)
        header = self._table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for number, width in WIDTHS.items():
            self._table.setColumnWidth(number, width)
        top = row(label(words("nav_log"), "title", wrap=False), 1, again)
        whole = column(top, self.banner, self._verdict, self._table, gap=14, margin=theme.MARGIN)
        whole.setStretch(3, 1)
        self.setLayout(whole)

    def refresh(self) -> None:
        """Have the log verified, and ask for its newest entries."""
        self._verdict.setText(self._words("log_verifying"))
        self._context.worker.ask(
            lambda client, _lines: questions.newest_entries(client),
            self._came,
            otherwise=self._on_trouble,
        )

    def focus_first(self) -> None:
        """Put the keys on the table."""
        self._table.setFocus()

    def _came(self, found: tuple[AuditVerdict, tuple[AuditEntry, ...]]) -> None:
        verdict, entries = found
        words = self._words
        if verdict.whole:
            self._verdict.setText(words("log_whole", count=verdict.entries))
        else:
            self._verdict.setText("")
            first = verdict.problems[0] if verdict.problems else ""
            self.banner.show_sentence(words("log_broken"), first)
        self._table.setRowCount(len(entries))
        for number, entry in enumerate(entries):
            outcome = entry.detail.get("outcome", "").replace("_", " ")
            what = words.words.get(f"did_{entry.what}", entry.what.replace("_", " "))
            at = f"{words.day(entry.at)} {entry.at[11:16]}"
            cells = (at, entry.who, what, entry.person, outcome)
            for place, text in enumerate(cells):
                self._table.setItem(number, place, QTableWidgetItem(text))
