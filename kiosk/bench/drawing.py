"""Figures of the benches: drawn without a screen, saved as PNG, closed in any case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

from kiosk.domain.errors import BadInputError


def subplots() -> tuple[Any, Any]:
    """Return a figure and its axes."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - the backend must be chosen before

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    return figure, axes


def save(figure: Any, path: Path) -> None:
    """Write a figure.

    Raises:
        BadInputError: `plot_unwritable`.
    """
    from matplotlib import pyplot as plt  # noqa: PLC0415 - as above

    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise BadInputError(
            f"The plot cannot be written to {path}.",
            code="plot_unwritable",
            mend="Name a file in a folder that exists.",
        ) from error
    finally:
        plt.close(figure)
