"""Step 1: who works at the desk. On a new installation the first manager is made here."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget

from enrollment.qt import theme
from enrollment.qt.context import Context
from enrollment.qt.controls import Banner, Field, button, card, column, label, row

WIDTH_MAX = 460


class SignInPage(QWidget):
    """Name and code; nothing of the restaurant's people is on this page.

    Args:
        context: Words.
        name: Who was signed in before, if it was lost.
        first: Whether there is nobody yet who could sign in: this makes a manager.
        on_submit: Called with name and code.
        on_language: Called when another language is wanted.
    """

    def __init__(
        self,
        context: Context,
        *,
        name: str,
        first: bool,
        on_submit: Callable[[str, str], object],
        on_language: Callable[[], object],
    ) -> None:
        """Wait for name and code."""
        super().__init__()
        self.setObjectName("page")
        words = context.texts
        self._words, self._on_submit, self._first = words, on_submit, first
        self.banner = Banner(words("close"))
        self._name = Field(words("staff_name"), "staff_name", text=name)
        self._code = Field(words("staff_code"), "staff_code")
        self._code.line.setEchoMode(QLineEdit.EchoMode.Password)
        self._code.line.setInputMethodHints(Qt.InputMethodHint.ImhSensitiveData)
        self._again = Field(words("staff_code_again"), "staff_code_again")
        self._again.line.setEchoMode(QLineEdit.EchoMode.Password)
        self._again.setVisible(first)
        key = "first_manager" if first else "sign_in"
        self._go = button(words(f"{key}_button"), self.submit, kind="primary", name="sign_in")
        for field in (self._name, self._code, self._again):
            field.line.returnPressed.connect(self.submit)
        inside = column(
            label(words(f"{key}_title"), "title"),
            label(words(f"{key}_text"), "quiet"),
            self._name,
            self._code,
            self._again,
            self._go,
            gap=8,
        )
        box = card(inside, margin=36)
        box.setFixedWidth(WIDTH_MAX)
        self.banner.setFixedWidth(WIDTH_MAX)
        language = button(words("other_language"), on_language, kind="flat", name="language")
        brand = label("SmileTill", "large")
        middle = column(1, self.banner, box, 2, gap=16)
        whole = column(row(brand, 1, language), row(1, middle, 1), gap=0, margin=theme.MARGIN)
        whole.setStretch(1, 1)
        self.setLayout(whole)

    def focus_first(self) -> None:
        """Put the keys where something is missing."""
        (self._code if self._name.line.text() else self._name).line.setFocus()

    def submit(self) -> None:
        """Hand name and code over, if both are there."""
        name, code = self._name.line.text().strip(), self._code.line.text()
        self._name.complain("" if name else self._words.problem("staff_name_missing"))
        self._code.complain("" if code else self._words.problem("staff_code_missing"))
        differs = self._first and bool(code) and self._again.line.text() != code
        self._again.complain(self._words.problem("staff_code_differs") if differs else "")
        if not name or not code or differs:
            return
        self._go.setEnabled(False)
        self._on_submit(name, code)

    def refused(self, what: str, mend: str, tone: str = "wrong") -> None:
        """Say why nobody was signed in, and wait for another try."""
        self._go.setEnabled(True)
        self._code.line.clear()
        self._again.line.clear()
        self.banner.show_sentence(what, mend, tone=tone)
        self.focus_first()
