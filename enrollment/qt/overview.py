"""What happened over time: enrolments and erasures, and how good everybody's samples are."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QButtonGroup, QWidget

from enrollment import questions
from enrollment.qt import figures, theme
from enrollment.qt.context import Context
from enrollment.qt.controls import Banner, button, column, label, row, scrolled
from enrollment.qt.figures import Picture
from enrollment.qt.worker import Trouble
from kiosk.link.figures import ActivityFigure, QualityFigure

SPANS = (30, 90, 365)


class OverviewPage(QWidget):
    """Two pictures, and how many days they show."""

    def __init__(self, context: Context, on_trouble: Callable[[Trouble], object]) -> None:
        """Start empty; `refresh` asks faces."""
        super().__init__()
        self.setObjectName("page")
        self._context, self._words, self._on_trouble = context, context.texts, on_trouble
        self._days = SPANS[1]
        words = self._words
        self.banner = Banner(words("close"))
        self._activity = Picture(words("plot_activity_title"), "plot_activity")
        self._quality = Picture(words("plot_quality_title"), "plot_quality_all")
        line = row(label(words("nav_overview"), "title", wrap=False), 1)
        group = QButtonGroup(self)
        for days in SPANS:
            choice = button(
                words("days", count=days),
                lambda days=days: self._show_days(days),  # type: ignore[misc]
                kind="choice",
                name=f"days_{days}",
            )
            choice.setCheckable(True)
            choice.setChecked(days == self._days)
            group.addButton(choice)
            line.addWidget(choice)
        self._group = group
        pictures = QWidget()
        pictures.setObjectName("scrolled")
        pictures.setLayout(column(self._activity, self._quality, 1, gap=16))
        whole = column(line, self.banner, scrolled(pictures), gap=16, margin=theme.MARGIN)
        whole.setStretch(2, 1)
        self.setLayout(whole)

    def refresh(self) -> None:
        """Ask faces for the numbers."""
        days = self._days
        self._context.worker.ask(
            lambda client, _lines: questions.overview(client, days),
            self._came,
            otherwise=self._on_trouble,
        )

    def focus_first(self) -> None:
        """Put the keys on the span that is shown."""
        checked = self._group.checkedButton()
        if checked is not None:
            checked.setFocus()

    def _show_days(self, days: int) -> None:
        self._days = days
        self.refresh()

    def _came(self, numbers: tuple[ActivityFigure, QualityFigure]) -> None:
        activity, quality = numbers
        words = self._words
        sentence = words(
            "plot_activity_text",
            enrolled=sum(activity.enrolled),
            erased=sum(activity.erased),
            refused=sum(activity.refused),
        )
        self._activity.show_numbers(figures.draw_activity(activity, words), sentence)
        said = words("plot_quality_all_text", count=quality.people)
        self._quality.show_numbers(figures.draw_quality(quality, words), said)
