"""Draws what the benches found, one PNG each: no window, and no picture of anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kiosk.bench.verification import GENUINE_MAX, Comparisons, det_curve
from kiosk.domain.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from kiosk.bench.detect import Detection

BINS = 80
SIZE_INCHES = (11.0, 4.5)


def draw_identify(file: Path, pack: str, ours: Comparisons, bare: Comparisons) -> None:
    """Draw the DET curves of both ways, and our score histograms."""
    figure, left, right = _panels(f"{pack}: comparisons of single pictures")
    for name, found, style in (("pipeline", ours, "-"), ("bare", bare, "--")):
        fmr, fnmr = det_curve(found)
        left.plot(fmr, fnmr, style, label=name)
    left.set(xscale="log", yscale="log", xlabel="FMR", ylabel="FNMR")
    left.grid(visible=True, which="both", alpha=0.3)
    left.legend()
    edges = np.linspace(min(-0.2, float(ours.genuine.min())), 1, BINS).tolist()
    right.hist(ours.genuine, edges, density=True, alpha=0.6, label="same person")
    right.hist(ours.high, edges, density=True, alpha=0.6, label="strangers, highest scores only")
    right.set(xlabel=f"score (at most {GENUINE_MAX} genuine pairs a person)", ylabel="density")
    right.legend()
    _save(figure, file)


def draw_calibration(
    file: Path, pack: str, found: Comparisons, thresholds: dict[str, float]
) -> None:
    """Draw the DET curve and histograms of the owner's people, with today's thresholds."""
    figure, left, right = _panels(f"{pack}: the owner's own people, single pictures")
    fmr, fnmr = det_curve(found)
    left.plot(fmr, fnmr)
    # Of few people nobody may be missed, and then there is nothing that a logarithm could show.
    left.set(
        xscale="log" if (fmr > 0).any() else "linear",
        yscale="log" if (fnmr > 0).any() else "linear",
        xlabel="FMR",
        ylabel="FNMR",
    )
    left.grid(visible=True, which="both", alpha=0.3)
    edges = np.linspace(min(-0.2, float(found.genuine.min())), 1, BINS).tolist()
    right.hist(found.genuine, edges, density=True, alpha=0.6, label="same person")
    right.hist(found.high, edges, density=True, alpha=0.6, label="strangers, highest scores only")
    for (name, score), style in zip(thresholds.items(), (":", "--", "-"), strict=False):
        right.axvline(score, color="black", linewidth=1, linestyle=style, label=name)
    right.set(xlabel="score", ylabel="density")
    right.legend()
    _save(figure, file)


def draw_detect(file: Path, name: str, found: Detection) -> None:
    """Draw landmark errors as a distribution, and recall by set."""
    figure, left, right = _panels(f"{name}: against the reference")
    for source, part in found.sets.items():
        if part.errors:
            errors = np.sort(part.errors)
            left.plot(errors, np.arange(1, len(errors) + 1) / len(errors), label=source)
    left.set(xlabel="landmark error, share of the eye distance", ylabel="share of faces")
    left.set_xlim(0, 0.2)
    left.grid(visible=True, alpha=0.3)
    left.legend()
    shown = {k: v.found / v.faces for k, v in found.sets.items() if v.faces}
    right.bar(list(shown), list(shown.values()))
    right.set(ylabel="faces of the reference found", ylim=(0.9, 1.0))
    _save(figure, file)


def draw_smile(
    file: Path,
    pack: str,
    report: dict[str, Any],
    smiling: NDArray[np.float64],
    neutral: NDArray[np.float64],
) -> None:
    """Draw the ROC curve and both score histograms."""
    figure, left, right = _panels(f"{pack}: smile, AUC {report['auc']:.4f}")
    cuts = np.unique(np.concatenate([smiling, neutral]))
    hit = 1 - np.searchsorted(np.sort(smiling), cuts, "left") / len(smiling)
    alarm = 1 - np.searchsorted(np.sort(neutral), cuts, "left") / len(neutral)
    left.plot(alarm, hit)
    left.set(xlabel="neutral taken for smiling", ylabel="smiles seen")
    left.grid(visible=True, alpha=0.3)
    edges = np.linspace(0, 1, BINS).tolist()
    right.hist(smiling, edges, alpha=0.6, label="happiness")
    right.hist(neutral, edges, alpha=0.6, label="neutral")
    right.axvline(report["threshold"], color="black", linewidth=1)
    right.set(xlabel="score", ylabel="pictures", yscale="log")
    right.legend()
    _save(figure, file)


def _panels(title: str) -> tuple[Figure, Axes, Axes]:
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    return figure, left, right


def _save(figure: Figure, file: Path) -> None:
    try:
        figure.savefig(file, format="png", dpi=110)
    except OSError as error:
        raise BadInputError(
            f"The plot cannot be written to {file}.",
            code="plot_not_written",
            mend="Give a file in a folder that exists.",
        ) from error
