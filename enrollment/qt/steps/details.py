"""Step 3: name, full phone number, PIN twice, and what may be spent."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLineEdit, QPushButton, QWidget

from enrollment.model.draft import Draft, Entry, Step
from enrollment.qt.context import Context
from enrollment.qt.controls import Field, button, card, column, label, row
from kiosk.domain.pin import PIN_DIGITS

PAD = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "", "0", "⌫")


class DetailsPage(QWidget):
    """Who it is on the left, the PIN on the right, with digits to touch.

    What is wrong with an entry is said as soon as it has been left, or when one wants to go on.
    """

    def __init__(self, context: Context, draft: Draft, on_change: Callable[[], object]) -> None:
        """Show what was typed before."""
        super().__init__()
        self.setObjectName("page")
        self._words = context.texts
        self._draft = draft
        self._on_change = on_change
        self._left: set[Entry] = set()
        words = self._words
        self.fields = {
            Entry.NAME: Field(words("name"), "name", text=draft.name),
            Entry.PHONE: Field(words("phone"), "phone", text=draft.phone, hint=words("phone_hint")),
            Entry.PIN: Field(words("pin"), "pin", text=draft.pin),
            Entry.PIN_AGAIN: Field(words("pin_again"), "pin_again", text=draft.pin_again),
            Entry.LIMITS: Field(words("per_payment"), "per_payment", text=draft.per_payment),
        }
        self._per_day = Field(words("per_day"), "per_day", text=draft.per_day)
        self._wire()
        for entry in (Entry.PIN, Entry.PIN_AGAIN):
            self.fields[entry].hide_what_is_typed()
            self.fields[entry].line.setMaxLength(PIN_DIGITS)
        who = column(
            label(words("details_title"), "large"),
            self.fields[Entry.NAME],
            self.fields[Entry.PHONE],
            label(words("limits_title"), "large"),
            label(words("limits_text"), "quiet"),
            row(self.fields[Entry.LIMITS], self._per_day, gap=16),
            1,
            gap=6,
        )
        who.insertSpacing(1, 8)
        who.insertSpacing(4, 12)
        both = row(card(who, margin=22), self._pin_card(), gap=24)
        both.setStretch(0, 5)
        both.setStretch(1, 4)
        self.setLayout(both)
        self.setTabOrder(self.fields[Entry.NAME].line, self.fields[Entry.PHONE].line)
        self.setTabOrder(self.fields[Entry.PHONE].line, self.fields[Entry.LIMITS].line)
        self.setTabOrder(self.fields[Entry.LIMITS].line, self._per_day.line)
        self.setTabOrder(self._per_day.line, self.fields[Entry.PIN].line)
        self.setTabOrder(self.fields[Entry.PIN].line, self.fields[Entry.PIN_AGAIN].line)

    def step(self) -> Step:
        """Return which step this is."""
        return Step.DETAILS

    def focus_first(self) -> None:
        """Put the keys where something is missing, from the top."""
        problems = self._draft.problems(Step.DETAILS)
        entry = next(iter(problems), Entry.NAME)
        self.fields[entry].line.setFocus()

    def show_problems(self, problems: dict[Entry, str]) -> None:
        """Say what is wrong with every entry."""
        self._left.update(self.fields)
        for entry, field in self.fields.items():
            code = problems.get(entry, "")
            field.complain(self._words.problem(code) if code else "")

    def _wire(self) -> None:
        draft = self._draft
        setters: list[tuple[Entry, QLineEdit, str]] = [
            (Entry.NAME, self.fields[Entry.NAME].line, "name"),
            (Entry.PHONE, self.fields[Entry.PHONE].line, "phone"),
            (Entry.PIN, self.fields[Entry.PIN].line, "pin"),
            (Entry.PIN_AGAIN, self.fields[Entry.PIN_AGAIN].line, "pin_again"),
            (Entry.LIMITS, self.fields[Entry.LIMITS].line, "per_payment"),
            (Entry.LIMITS, self._per_day.line, "per_day"),
        ]
        for entry, line, attribute in setters:

            def typed(text: str, entry: Entry = entry, attribute: str = attribute) -> None:
                setattr(draft, attribute, text)
                draft.touched(entry)
                self._typed(entry)

            def left(entry: Entry = entry) -> None:
                self._left.add(entry)
                self._complain(entry)

            line.textChanged.connect(typed)
            line.editingFinished.connect(left)

    def _typed(self, entry: Entry) -> None:
        if entry in {Entry.PIN, Entry.PIN_AGAIN}:
            self._pin_typed(entry)
        elif entry in self._left:
            self._complain(entry)
        self._on_change()

    def _pin_typed(self, entry: Entry) -> None:
        """A PIN is judged as soon as it is whole, because it cannot be seen."""
        for one in (Entry.PIN, Entry.PIN_AGAIN):
            whole = len(self.fields[one].line.text()) >= PIN_DIGITS
            if whole or (one in self._left and one is not entry):
                self._complain(one)
            else:
                self.fields[one].complain("")
        if entry is Entry.PIN and len(self._draft.pin) == PIN_DIGITS and not self.problem_of_pin():
            self.fields[Entry.PIN_AGAIN].line.setFocus()

    def problem_of_pin(self) -> str:
        """Return what is wrong with the first PIN."""
        return self._draft.problem(Entry.PIN)

    def _complain(self, entry: Entry) -> None:
        code = self._draft.problem(entry)
        self.fields[entry].complain(self._words.problem(code) if code else "")

    def _pin_card(self) -> QWidget:
        grid = QGridLayout()
        grid.setSpacing(8)
        for place, mark in enumerate(PAD):
            if mark:
                grid.addWidget(self._key(mark), place // 3, place % 3)
        inside = column(
            label(self._words("pin_title"), "large"),
            label(self._words("pin_text"), "quiet"),
            self.fields[Entry.PIN],
            self.fields[Entry.PIN_AGAIN],
            grid,
            1,
            gap=6,
        )
        return card(inside, margin=22)

    def _key(self, mark: str) -> QPushButton:
        is_digit = mark.isdigit()
        name = f"digit{mark}" if is_digit else "digit_erase"
        key = button(mark, lambda: self._press(mark), kind="digit", name=name)
        key.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys of a keyboard have no need of it
        if not is_digit:
            key.setAccessibleName(self._words("erase_digit"))
        return key

    def _press(self, mark: str) -> None:
        again = self.fields[Entry.PIN_AGAIN].line
        line = again if again.hasFocus() else self.fields[Entry.PIN].line
        if not line.hasFocus():
            line.setFocus()
        if mark.isdigit():
            line.insert(mark)
        else:
            line.backspace()
