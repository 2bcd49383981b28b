"""Finds frames that were seen before, among the newest ones, at little cost.

Each frame is a grid of some two thousand pixels. A hundred of them, the same ones always, are held
against all kept frames; only where those are much alike are the whole grids compared. Black and
white pixels say nothing and are left out. In memory only.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUICK_EVERY = 20
"""Every how many pixels of a grid one is looked at first; a hundred in all."""
QUICK_SHARE = 0.7
"""Equal share of those from which the whole grids are compared. Where nine in ten of all pixels are
equal, fewer than seven in ten of a hundred are so once in 10 ** 9."""
QUICK_PIXELS_MIN = 24
"""Fewer usable ones say nothing, and the whole grids are compared."""


class Repeats:
    """The newest frames of one stream.

    Args:
        kept: How many.
        pixels_min: Usable pixels of two grids below which they count as different.
    """

    def __init__(self, kept: int, pixels_min: int) -> None:
        """Begin with nothing seen."""
        self._grids: deque[tuple[NDArray[np.uint8], NDArray[np.bool_]]] = deque(maxlen=kept)
        self._kept = kept
        self._pixels_min = pixels_min
        self._quick = np.zeros((kept, 0), np.uint8)
        self._quick_usable = np.zeros((kept, 0), np.bool_)
        self._next = 0

    def add(self, grid: NDArray[np.uint8]) -> tuple[float, float] | None:
        """Take one more frame; return the share that it has in common with another.

        Returns:
            The largest share of equal pixels with any kept frame, as far as it is not small; and
            that with the last one. None for a first frame, or a first one of another size.
        """
        pixels = grid.ravel()
        usable = (pixels - np.uint8(4)) < 248  # Neither black nor white; the difference wraps.
        quick, quick_usable = pixels[::QUICK_EVERY], usable[::QUICK_EVERY]
        shares = None
        if self._grids and self._grids[-1][0].shape == pixels.shape:
            shares = self._shares(pixels, usable)
        else:
            self._grids.clear()
            self._next = 0
            self._quick = np.zeros((self._kept, len(quick)), np.uint8)
            self._quick_usable = np.zeros((self._kept, len(quick)), np.bool_)
        self._grids.append((pixels, usable))
        self._quick[self._next], self._quick_usable[self._next] = quick, quick_usable
        self._next = (self._next + 1) % self._kept
        return shares

    def kept(self) -> list[NDArray[np.uint8]]:
        """Return the kept grids, all of one size, each as a row; the newest last."""
        return [pixels for pixels, _ in self._grids]

    def _shares(self, pixels: NDArray[np.uint8], usable: NDArray[np.bool_]) -> tuple[float, float]:
        both = self._quick_usable & usable[::QUICK_EVERY]
        equal = ((self._quick == pixels[::QUICK_EVERY]) & both).sum(axis=1)
        counted = both.sum(axis=1)
        alike = (equal >= QUICK_SHARE * counted) | (counted < QUICK_PIXELS_MIN)
        last = self._share(len(self._grids) - 1, pixels, usable)
        most = last
        # Rows are filled round and round; the oldest kept frame is the next one to be overwritten.
        oldest = self._next if len(self._grids) == self._kept else 0
        for row in np.flatnonzero(alike[: len(self._grids)]):
            place = (int(row) - oldest) % self._kept
            most = max(most, self._share(place, pixels, usable))
        return most, last

    def _share(self, place: int, pixels: NDArray[np.uint8], usable: NDArray[np.bool_]) -> float:
        """Return the share of equal pixels with a kept frame; 0 where too few are usable."""
        kept, kept_usable = self._grids[place]
        both = kept_usable & usable
        counted = int(np.count_nonzero(both))
        if counted < self._pixels_min:
            return 0.0
        return int(np.count_nonzero((kept == pixels) & both)) / counted
