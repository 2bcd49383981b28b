"""Step 4: the customer looks at the kiosk's camera, and is told how. No picture is shown."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QStackedWidget, QWidget

from enrollment.model.capture import Seen
from enrollment.model.draft import Step
from enrollment.qt.context import Context
from enrollment.qt.controls import button, card, column, label, row
from enrollment.qt.drawn import CaptureRing


class FacePage(QWidget):
    """Big words, a ring, and one hint; or why it stopped and what to do."""

    def __init__(self, context: Context, on_start: Callable[[], object]) -> None:
        """Start with nothing seen."""
        super().__init__()
        self.setObjectName("page")
        self._words = context.texts
        self._say = _middle(label("", "big", name="pose_words"))
        self._hint = _middle(label("", "lead", name="pose_hint"))
        self._ring = CaptureRing(motion=context.sizes.motion)
        self._note = _middle(label(self._words("no_mirror"), "small"))
        running = column(1, self._say, row(1, self._ring, 1), self._hint, self._note, 1, gap=18)
        looking = QWidget()
        looking.setObjectName("page")
        looking.setLayout(running)
        self._why = label("", "title", name="stop_why")
        self._mend = label("", "lead", name="stop_mend")
        again = button(self._words("try_again"), on_start, kind="primary", name="try_again")
        stopped = QWidget()
        stopped.setObjectName("page")
        inside = column(
            self._why,
            self._mend,
            label(self._words("nothing_lost"), "quiet"),
            row(again, 1),
            gap=16,
        )
        stopped.setLayout(column(1, card(inside), 2))
        self._again = again
        self._stack = QStackedWidget()
        self._stack.addWidget(looking)
        self._stack.addWidget(stopped)
        self.setLayout(column(self._stack))

    def step(self) -> Step:
        """Return which step this is."""
        return Step.FACE

    def show_seen(self, seen: Seen) -> None:
        """Show one moment of the capture."""
        self._stack.setCurrentIndex(0)
        key = seen.pose.value if seen.code != "checking" else "checking_title"
        self._say.setText(self._words(key))
        hint = self._words.hint(seen.hint) if seen.hint else self._words(f"{seen.pose.value}_text")
        self._hint.setText(hint)
        words = self._words("ring_words", percent=round(seen.share * 100))
        self._ring.show_share(seen.share, seen.pose, words, good=not seen.hint)

    def show_stop(self, what: str, mend: str) -> None:
        """Say why the capture ended without samples."""
        self._why.setText(what)
        self._mend.setText(mend)
        self._stack.setCurrentIndex(1)
        self._again.setFocus()

    def is_stopped(self) -> bool:
        """Say whether it waits for staff."""
        return self._stack.currentIndex() == 1

    def focus_first(self) -> None:
        """Put the keys on the one button, if it is there."""
        if self.is_stopped():
            self._again.setFocus()


def _middle(made: QLabel) -> QLabel:
    made.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    return made
