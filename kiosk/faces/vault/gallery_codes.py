"""Rows as one byte a dimension: a quarter of what a search has to read, with a proven bound.

A row x is kept as c = round(x / step), a probe q is scanned as p = round(q / own step). The scan by
faiss multiplies whole numbers, so its product is exact, and by the Cauchy-Schwarz inequality

    |q·x - scale·(p·c)|  <=  |q - own·p| · |step·c|  +  |q| · |x - step·c|  <=  bound

where the errors of all rows and of the probe are measured, not assumed. What the scan leaves out is
therefore known to score below its last one by at most the bound: `gallery_rows` looks further until
nobody who was left out could be among the best. (faiss's own recall figures play no part.)

The codes lie in one vector of faiss's, which is written, locked and wiped in place: faiss keeps no
other copy. Measured on 1,000,000 x 512: docs/search.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kiosk.faces.vault import locked

LEVELS = 127
SPREAD = 5.5
"""Standard deviations of a random unit vector's coordinate that the levels cover. What is beyond
is cut off and counts as error: at 5.5, one coordinate in 26 million."""
ROUNDING = 2e-5
"""For float32: the scan's sum is told as one, and the exact scores are computed in it."""

Vector = NDArray[np.float32]


class Codes:
    """The codes of one block of rows. Not thread-safe: the gallery locks.

    Args:
        capacity: Rows that fit in.
        dimension: Floats of a row.
    """

    def __init__(self, capacity: int, dimension: int) -> None:
        """Make room, all zeros."""
        import faiss  # noqa: PLC0415 - 0.3 s that only large galleries need

        faiss.omp_set_num_threads(1)  # one probe is one thread's work; the screen keeps a core
        self._step = np.float32(SPREAD / np.sqrt(dimension) / LEVELS)
        self._index: Any = faiss.IndexScalarQuantizer(
            dimension, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
        )
        self._index.codes.resize(capacity * dimension)
        flat = faiss.rev_swig_ptr(self._index.codes.data(), capacity * dimension)
        self._codes: NDArray[np.uint8] = flat.reshape(capacity, dimension)
        self._codes[:] = 0
        self._errors = np.zeros(capacity, np.float32)
        self._lengths = np.zeros(capacity, np.float32)
        self.is_locked = locked.lock(self._codes)

    def write(self, start: int, rows: NDArray[np.float32]) -> None:
        """Keep rows from place `start` on."""
        end = start + len(rows)
        quantised = np.clip(np.rint(rows / self._step), -LEVELS, LEVELS)
        shown = quantised * self._step
        self._codes[start:end] = (quantised + 128.0).astype(np.uint8)
        self._errors[start:end] = np.linalg.norm(rows - shown, axis=1)
        self._lengths[start:end] = np.linalg.norm(shown, axis=1)
        for temporary in (quantised, shown):
            temporary.fill(0.0)

    def move(self, source: int, target: int) -> None:
        """Copy one row over another."""
        for kept in (self._codes, self._errors, self._lengths):
            kept[target] = kept[source]

    def wipe(self, row: int) -> None:
        """Overwrite one row."""
        self._codes[row] = 0
        self._errors[row] = self._lengths[row] = 0.0

    def scan(self, probe: Vector, count: int, k: int) -> tuple[NDArray[np.intp], float, float]:
        """Return the k rows of the first `count` with the highest products.

        Returns:
            Their places; the last one's score as far as the scan knows it; and the bound by which
            the true score of any row of these can differ from the scanned one.
        """
        own = float(np.max(np.abs(probe))) / LEVELS
        whole = np.rint(probe / np.float32(own)) if own else np.zeros_like(probe)
        self._index.ntotal = count
        products, rows = self._index.search(whole[np.newaxis], k)
        missed = float(np.linalg.norm(probe - whole * np.float32(own)))
        bound = (
            missed * float(self._lengths[:count].max())
            + float(np.linalg.norm(probe)) * float(self._errors[:count].max())
            + ROUNDING
        )
        last = float(products[0, -1]) * own * float(self._step)
        whole.fill(0.0)
        return rows[0], last, bound

    def close(self) -> None:
        """Overwrite everything."""
        self._index.ntotal = 0
        self._codes[:] = 0
        self._errors[:] = 0.0
        self._lengths[:] = 0.0
        if self.is_locked:
            locked.unlock(self._codes)
            self.is_locked = False
