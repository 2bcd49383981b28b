"""Between step 4 and 5, if it comes to that: somebody enrolled looks the same. Who is it?"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from enrollment.model.draft import Step
from enrollment.model.result import Result
from enrollment.qt.context import Context
from enrollment.qt.controls import allow, button, card, column, label, row


class LookAlikePage(QWidget):
    """The same person, or another one; staff decide, and both mean something to the customer."""

    def __init__(
        self, context: Context, on_same: Callable[[], object], on_other: Callable[[], object]
    ) -> None:
        """Build it."""
        super().__init__()
        self.setObjectName("page")
        words = context.texts
        self._words = words
        self._score = label("", "small", name="look_alike_score")
        self._same = button(words("same_person"), on_same, kind="primary", name="same_person")
        self._other = button(words("other_person"), on_other, kind="plain", name="other_person")
        self._reason = label("", "complaint", name="other_person_reason")
        same = column(
            label(words("same_title"), "large"),
            label(words("same_text"), "quiet"),
            1,
            row(self._same, 1),
        )
        other = column(
            label(words("other_title"), "large"),
            label(words("other_text"), "quiet"),
            1,
            self._reason,
            row(self._other, 1),
        )
        both = row(card(same), card(other), gap=20)
        both.setStretch(0, 1)
        both.setStretch(1, 1)
        self.setLayout(
            column(
                label(words("look_alike_title"), "title"),
                label(words("look_alike_text"), "lead"),
                both,
                self._score,
                2,
                gap=16,
            )
        )

    def step(self) -> Step:
        """Return which step this is."""
        return Step.FACE

    def show_result(self, result: Result, reason: str) -> None:
        """Show the score; `reason` is why staff of this role may not say that it is another."""
        if result.score is None or result.threshold is None:
            self._score.setText("")
        else:
            self._score.setText(
                self._words("look_alike_score", score=result.score, limit=result.threshold)
            )
        allow(self._other, reason)
        self._reason.setText(reason)

    def focus_first(self) -> None:
        """Put the keys on the harmless one."""
        self._same.setFocus()
