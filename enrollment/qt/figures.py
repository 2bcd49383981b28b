"""The pictures of numbers, drawn by matplotlib: scores, quality, activity.

A figure is drawn when its page is shown and again when its size changes. Colours and letters are
the window's; what a picture says is also said in one sentence, for whoever does not see it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from matplotlib.axes import Axes
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PySide6.QtWidgets import QWidget

from enrollment.qt import theme
from enrollment.qt.controls import card, column, label
from enrollment.qt.texts import Texts
from kiosk.link.figures import ActivityFigure, QualityFigure, ScoresFigure

DOTS_AN_INCH = 100
HEIGHT = 208
SMALL_POINTS = 9.0
SHOWN_SCORE_MIN = -0.5
"""Scores below are nobody's who could be taken for another; they are counted in the first bar."""
Draw = Callable[[Axes], None]


class Picture(QWidget):
    """A title, a picture, and its sentence."""

    def __init__(self, title: str, name: str) -> None:
        """Start empty."""
        super().__init__()
        self._title = label(title, "large")
        self._sentence = label("", "quiet", name=f"{name}_sentence")
        self._figure = Figure(dpi=DOTS_AN_INCH, layout="constrained", facecolor=theme.CARD)
        self.canvas = FigureCanvasQTAgg(self._figure)  # type: ignore[no-untyped-call]
        self.canvas.setObjectName(name)
        self.canvas.setFixedHeight(HEIGHT)
        inside = column(self._title, self._sentence, self.canvas, gap=6)
        inside.setStretch(2, 1)
        self.setLayout(column(card(inside, margin=20)))

    def show_numbers(self, draw: Draw, sentence: str) -> None:
        """Draw something else."""
        self._figure.clear()
        axes = self._figure.add_subplot()
        axes.set_facecolor(theme.CARD)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(theme.EDGE)
        axes.tick_params(colors=theme.QUIET, labelsize=SMALL_POINTS, length=3)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        axes.grid(axis="y", color=theme.FAINT, linewidth=1)
        axes.set_axisbelow(True)
        draw(axes)
        self._sentence.setText(sentence)
        self.canvas.setAccessibleName(sentence)
        self.canvas.draw_idle()  # type: ignore[no-untyped-call]


def draw_scores(figure: ScoresFigure, words: Texts) -> Draw:
    """Return what draws one person's scores against everybody, with the two thresholds."""

    def draw(axes: Axes) -> None:
        lefts, heights = _upper_bars(figure)
        width = figure.edges[1] - figure.edges[0]
        axes.bar(lefts, heights, width=width * 0.9, align="edge", color=theme.EDGE)
        top = max([1, *heights]) * 1.08
        axes.set_ylim(0, top)
        axes.set_xlim(SHOWN_SCORE_MIN, 1.02)
        for number, score in enumerate(figure.own):
            name = words("plot_own") if number == 0 else None
            axes.plot(
                [score, score], [0, top * 0.16], color=theme.ACCENT, linewidth=2.5, label=name
            )
        _line(axes, figure.threshold, words("plot_threshold"), theme.PAID, "-")
        if abs(figure.duplicate_from - figure.threshold) > 0.005:
            _line(axes, figure.duplicate_from, words("plot_duplicate"), theme.WRONG, "--")
        axes.set_xlabel(words("plot_score"), color=theme.QUIET, fontsize=SMALL_POINTS)
        axes.set_ylabel(words("plot_people"), color=theme.QUIET, fontsize=SMALL_POINTS)
        _legend(axes)

    return draw


def scores_sentence(figure: ScoresFigure, words: Texts) -> str:
    """Say how near the nearest other person is."""
    if not figure.highest:
        return words("plot_scores_alone")
    return words(
        "plot_scores_text",
        count=figure.people,
        nearest=figure.highest[0],
        threshold=figure.threshold,
    )


def draw_quality(figure: QualityFigure, words: Texts) -> Draw:
    """Return what draws everybody's quality, and one person's if they are named."""

    def draw(axes: Axes) -> None:
        width = figure.edges[1] - figure.edges[0]
        axes.bar(
            figure.edges[:-1], figure.counts, width=width * 0.86, align="edge", color=theme.EDGE
        )
        axes.set_xlim(0, 100)
        axes.set_ylim(0, max([1, *figure.counts]) * 1.08)
        if figure.own is not None:
            _line(axes, figure.own, words("plot_this_person"), theme.ACCENT, "-")
            _legend(axes)
        axes.set_xlabel(words("quality"), color=theme.QUIET, fontsize=SMALL_POINTS)
        axes.set_ylabel(words("plot_people"), color=theme.QUIET, fontsize=SMALL_POINTS)

    return draw


def draw_activity(figure: ActivityFigure, words: Texts) -> Draw:
    """Return what draws enrolments above, erasures below, day by day."""
    days = [date.fromisoformat(day) for day in figure.days]

    def draw(axes: Axes) -> None:
        axes.bar(days, figure.enrolled, color=theme.ACCENT, label=words("plot_enrolled"))  # type: ignore[arg-type]
        below = [-count for count in figure.erased]
        axes.bar(days, below, color=theme.WRONG, label=words("plot_erased"))  # type: ignore[arg-type]
        axes.plot(
            days,  # type: ignore[arg-type]
            figure.refused,
            linestyle="none",
            marker="o",
            markersize=4,
            color=theme.UNKNOWN,
            markeredgecolor=theme.INK,
            markeredgewidth=0.6,
            label=words("plot_refused"),
            markevery=[count > 0 for count in figure.refused],
        )
        highest = max([1, *figure.enrolled, *figure.refused])
        axes.set_ylim(min([-1, *below]) * 1.2, highest * 1.1)
        axes.axhline(0, color=theme.EDGE, linewidth=1)
        axes.yaxis.set_major_formatter(lambda value, _place: f"{abs(value):.0f}")
        locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(formatter)
        _legend(axes)

    return draw


def _upper_bars(figure: ScoresFigure) -> tuple[list[float], list[int]]:
    """Put everything below what is shown into the first bar."""
    lefts: list[float] = []
    heights: list[int] = []
    below = 0
    for left, count in zip(figure.edges, figure.counts, strict=False):
        if left < SHOWN_SCORE_MIN - 1e-9:
            below += count
        else:
            lefts.append(left)
            heights.append(count)
    if heights:
        heights[0] += below
    return lefts, heights


def _line(axes: Axes, at: float, name: str, colour: str, style: str) -> None:
    axes.axvline(at, color=colour, linewidth=2, linestyle=style, label=name)


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 0.99),
        frameon=False,
        fontsize=SMALL_POINTS,
        labelcolor=theme.INK,
        ncols=3,
        handlelength=1.4,
        borderaxespad=0.0,
    )
