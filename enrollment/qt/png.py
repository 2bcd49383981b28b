"""The window's pictures of numbers as PNG files, for the command line; no window is opened."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from enrollment.qt import theme
from enrollment.qt.figures import Draw, draw_activity, draw_quality, draw_scores
from enrollment.qt.texts import Texts
from kiosk.link.figures import ActivityFigure, QualityFigure, ScoresFigure

INCHES = (8.0, 4.0)
DOTS_AN_INCH = 120


def write_png(numbers: ScoresFigure | QualityFigure | ActivityFigure, path: Path) -> None:
    """Draw a figure into a file.

    Raises:
        OSError: The file cannot be written.
    """
    figure = Figure(figsize=INCHES, dpi=DOTS_AN_INCH, layout="constrained", facecolor=theme.CARD)
    axes = figure.add_subplot()
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=theme.FAINT, linewidth=1)
    _draw(numbers)(axes)
    with path.open("wb") as file:
        figure.savefig(file, format="png")


def _draw(numbers: ScoresFigure | QualityFigure | ActivityFigure) -> Draw:
    words = Texts("en")
    match numbers:
        case ScoresFigure():
            return draw_scores(numbers, words)
        case QualityFigure():
            return draw_quality(numbers, words)
        case ActivityFigure():
            return draw_activity(numbers, words)
