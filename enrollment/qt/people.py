"""The list of people, with a search; a person's page opens by Enter, double click or touch."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHeaderView,
    QLineEdit,
    QTableView,
    QWidget,
)

from enrollment import questions
from enrollment.model.people import ACTIVE, Listed, Row, search
from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.controls import Banner, button, column, label, row
from enrollment.qt.texts import Texts
from enrollment.qt.worker import Trouble

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("name", "number", "state", "notes", "since")
_ROOT = QModelIndex()


class PeopleTable(QAbstractTableModel):
    """Rows as Qt wants them; it holds no rule."""

    def __init__(self, words: Texts) -> None:
        """Start empty."""
        super().__init__()
        self._words = words
        self.rows: list[Row] = []

    def show_rows(self, rows: list[Row]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:  # noqa: N802 - Qt's name
        """Return how many there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = _ROOT) -> int:  # noqa: N802 - Qt's name
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Name a column."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._words(f"column_{COLUMNS[section]}")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a cell's text, or its colour."""
        one = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cell(one, COLUMNS[index.column()])
        if role == Qt.ItemDataRole.ForegroundRole:
            name = COLUMNS[index.column()]
            if name == "state" and one.state != ACTIVE:
                return QColor(theme.WRONG)
            if name in {"number", "since"}:
                return QColor(theme.QUIET)
        return None

    def _cell(self, one: Row, column_name: str) -> str:
        match column_name:
            case "name":
                return one.name
            case "number":
                return one.phone_hint
            case "state":
                return self._words(f"state_{one.state}")
            case "notes":
                return ", ".join(self._words(f"note_{note}") for note in one.notes)
            case _:
                return self._words.day(one.enrolled_at)


class PeoplePage(QWidget):
    """Everybody, or those who have to come by; a search in names and numbers."""

    def __init__(
        self,
        context: Context,
        *,
        on_open: Callable[[str], object],
        on_trouble: Callable[[Trouble], object],
    ) -> None:
        """Start empty; `refresh` asks faces."""
        super().__init__()
        self.setObjectName("page")
        self._context, self._words = context, context.texts
        self._on_open, self._on_trouble = on_open, on_trouble
        self._rows: tuple[Row, ...] = ()
        self._only_noted = False
        self.table = PeopleTable(self._words)
        self.view = self._view()
        self._search = QLineEdit()
        self._search.setObjectName("search")
        self._search.setAccessibleName(self._words("search"))
        self._search.setPlaceholderText(self._words("search"))
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(lambda _text: self._filter())
        self._search.returnPressed.connect(self._open_first)
        self._count = label("", "quiet", name="people_count", wrap=False)
        self._visits = label("", "quiet", name="visits")
        self._visits.hide()
        self.banner = Banner(self._words("close"))
        everybody = button(
            self._words("everybody"), lambda: self._only(False), kind="choice", name="everybody"
        )
        noted = button(self._words("noted"), lambda: self._only(True), kind="choice", name="noted")
        self._which = QButtonGroup(self)
        for choice in (everybody, noted):
            choice.setCheckable(True)
            self._which.addButton(choice)
        everybody.setChecked(True)
        top = row(label(self._words("people_title"), "title", wrap=False), 1, self._count)
        find = row(self._search, everybody, noted)
        find.setStretch(0, 1)
        whole = column(top, self.banner, find, self._visits, self.view, gap=16, margin=theme.MARGIN)
        whole.setStretch(4, 1)
        self.setLayout(whole)

    def refresh(self) -> None:
        """Ask faces for the list."""
        self._context.worker.ask(
            lambda client, _lines: questions.people(client),
            self.show_people,
            otherwise=self._on_trouble,
        )

    def show_people(self, listed: Listed) -> None:
        """Show a list, and until when some of it have to come by."""
        words = self._words
        self._rows = listed.rows
        sentence = words("visits", count=listed.waiting) if listed.waiting else ""
        if listed.grace_until:
            sentence = words(
                "visits_until", count=listed.waiting, day=words.day(listed.grace_until)
            )
        self._visits.setText(sentence)
        self._visits.setVisible(bool(sentence))
        self._filter()

    def everybody(self) -> tuple[Row, ...]:
        """Return the people of the list, as last seen."""
        return self._rows

    def focus_first(self) -> None:
        """Put the keys into the search."""
        self._search.setFocus()

    def _view(self) -> QTableView:
        view = QTableView()
        view.setObjectName("people")
        view.setAccessibleName(self._words("people_title"))
        view.setModel(self.table)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setShowGrid(False)
        view.setWordWrap(False)
        view.setTabKeyNavigation(False)
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(self._context.sizes.touch + 6)
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for number in (1, 2, 4):
            header.setSectionResizeMode(number, QHeaderView.ResizeMode.Fixed)
            view.setColumnWidth(number, 150 if number == 4 else 130)
        view.activated.connect(lambda index: self._open(index.row()))
        view.clicked.connect(lambda index: self._open(index.row()))
        return view

    def _only(self, noted: bool) -> None:  # noqa: FBT001 - a button's state
        self._only_noted = noted
        self._filter()

    def _filter(self) -> None:
        found = search(self._rows, self._search.text())
        if self._only_noted:
            found = [one for one in found if one.notes or one.state != ACTIVE]
        self.table.show_rows(found)
        self._count.setText(self._words("people_count", shown=len(found), count=len(self._rows)))

    def _open(self, number: int) -> None:
        if 0 <= number < len(self.table.rows):
            self._on_open(self.table.rows[number].person)

    def _open_first(self) -> None:
        if len(self.table.rows) == 1:
            self._open(0)
        elif self.table.rows:
            self.view.setFocus()
            self.view.selectRow(0)
