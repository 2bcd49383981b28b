"""An erasure, as staff see it: how far it is, and the proof at its end."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QProgressBar, QWidget

from enrollment.qt.context import Context
from enrollment.qt.controls import button, card, column, label, row
from kiosk.link.protocol import Erased, Progress


class ErasingPart(QWidget):
    """The step at hand and a bar."""

    def __init__(self, context: Context) -> None:
        """Start with the first step."""
        super().__init__()
        self.setObjectName("page")
        self._words = context.texts
        self._doing = label("", "title", name="erase_doing")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self._words("erase_title"))
        text = label(self._words("erasing_text"), "quiet")
        self.setLayout(column(card(column(self._doing, text, self._bar, gap=16)), 1))

    def show_line(self, line: Progress) -> None:
        """Show a step."""
        self._doing.setText(self._words(f"{line.code}_title"))
        self._bar.setRange(0, line.total)
        self._bar.setValue(line.done)


class ErasedPart(QWidget):
    """What was found, whether the bank has confirmed, and the certificate."""

    def __init__(self, context: Context, on_back: Callable[[], object]) -> None:
        """Start empty."""
        super().__init__()
        self.setObjectName("page")
        words = self._words = context.texts
        self._found = label("", name="erased_found")
        self._mandate = label("", name="erased_mandate")
        self._certificate = label("", "mono", name="erased_certificate")
        self._back = button(words("to_people"), on_back, kind="primary", name="erased_back")
        inside = column(
            label(words("erased_title"), "title"),
            self._found,
            self._mandate,
            label(words("erased_text"), "quiet"),
            self._certificate,
            row(self._back, 1),
            gap=14,
        )
        self.setLayout(column(card(inside), 1))

    def show_erased(self, erased: Erased) -> None:
        """Show the proof."""
        words, found = self._words, erased.bytes_found
        self._found.setText(
            words("erased_found", count=found) if found else words("erased_nothing")
        )
        key = "erased_mandate" if erased.mandate_revoked else "erased_mandate_waits"
        self._mandate.setText(words(key))
        self._certificate.setText(words("erased_certificate", certificate=erased.certificate))
        self._back.setFocus()
