"""The rows of one pack in RAM, searched exactly whatever their number.

Rows lie in blocks that never move once they have their full size, so that a growing gallery copies
little and leaves nothing unwiped behind. A small block is searched by one product with the probe
(BLAS); a large one is first scanned as bytes (`gallery_codes.py`), and whoever could be among the
best by the scan's proven bound is compared exactly.

Invariants: the result is that of comparing with every row; row numbers are dense, 0 to `len() - 1`;
what is overwritten, removed or outgrown is zeros afterwards, in floats and bytes alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kiosk.faces.vault.gallery_codes import Codes, Vector
from kiosk.faces.vault.locked import LockedArray

BLOCK_ROWS = 65_536
"""Rows of a full block: 128 MiB of floats at 512 dimensions."""
FIRST_ROWS = 64
SCANNED_FROM = 2_048
"""Rows from which a block is scanned as bytes first; below, BLAS alone is as fast (measured)."""
KEPT_FIRST = 64
"""Rows that a block's scan names at first; almost always enough for the bound to close."""
WIDER = 8
"""How many times more it names, when they are not."""


class _Block:
    """Some rows in a row."""

    def __init__(self, capacity: int, dimension: int) -> None:
        self.floats = LockedArray((capacity, dimension), np.float32)
        self.rows: NDArray[np.float32] = self.floats.array
        self.used = 0
        self.codes: Codes | None = None

    def encode(self) -> None:
        """Begin to keep bytes beside the floats."""
        self.codes = Codes(len(self.rows), self.rows.shape[1])
        self.codes.write(0, self.rows[: self.used])

    def scores_of(self, places: NDArray[np.intp], probe: Vector) -> NDArray[np.float32]:
        """Compare some rows, and leave no copy of them."""
        gathered = self.rows[places]
        scores = gathered @ probe
        gathered.fill(0.0)
        return np.asarray(scores, np.float32)

    @property
    def is_locked(self) -> bool:
        return self.floats.is_locked and (self.codes is None or self.codes.is_locked)

    def close(self) -> None:
        self.floats.close()
        if self.codes is not None:
            self.codes.close()


class Rows:
    """The vectors of one pack, by row number. Not thread-safe: the gallery locks.

    Args:
        dimension: Floats of a vector.
        block_rows: Rows of a full block.
        scanned_from: Rows from which a block is scanned as bytes.
        kept_first: Rows that a block's scan names at first.
    """

    def __init__(
        self,
        dimension: int,
        *,
        block_rows: int = BLOCK_ROWS,
        scanned_from: int = SCANNED_FROM,
        kept_first: int = KEPT_FIRST,
    ) -> None:
        """Start without a row."""
        self.dimension = dimension
        self._block_rows = block_rows
        self._scanned_from = scanned_from
        self._kept_first = kept_first
        self._blocks: list[_Block] = []

    def __len__(self) -> int:
        """Return how many rows there are."""
        if not self._blocks:
            return 0
        return (len(self._blocks) - 1) * self._block_rows + self._blocks[-1].used

    def append(self, vector: Vector) -> int:
        """Keep a vector behind all others; return its row."""
        row = len(self)
        block = self._room()
        place = block.used
        block.rows[place] = vector
        block.used += 1
        if block.codes is not None:
            block.codes.write(place, block.rows[place : place + 1])
        elif block.used >= self._scanned_from:
            block.encode()
        return row

    def extend(self, vectors: NDArray[np.float32]) -> None:
        """Keep many vectors, faster than one by one."""
        done = 0
        while done < len(vectors):
            block = self._room(len(vectors) - done)
            count = min(len(block.rows) - block.used, len(vectors) - done)
            block.rows[block.used : block.used + count] = vectors[done : done + count]
            if block.codes is not None:
                block.codes.write(block.used, vectors[done : done + count])
            block.used += count
            done += count
            if block.codes is None and block.used >= self._scanned_from:
                block.encode()

    def remove(self, row: int) -> None:
        """Overwrite a row with the last one, and the last one with zeros."""
        last = len(self) - 1
        assert 0 <= row <= last
        final = self._blocks[-1]
        block, place = self._place(row)
        if row != last:
            block.rows[place] = final.rows[final.used - 1]
            if block.codes is not None:
                block.codes.write(place, block.rows[place : place + 1])
        final.used -= 1
        final.rows[final.used] = 0.0
        if final.codes is not None:
            final.codes.wipe(final.used)
        if not final.used:
            self._blocks.pop().close()

    def scores(self, probe: Vector) -> NDArray[np.float32]:
        """Return the scores of all rows, in their order."""
        parts = [block.rows[: block.used] @ probe for block in self._blocks]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def scores_of(self, rows: NDArray[np.intp], probe: Vector) -> NDArray[np.float32]:
        """Return the scores of some rows."""
        found = np.empty(len(rows), np.float32)
        blocks, places = np.divmod(rows, self._block_rows)
        for number in np.unique(blocks):
            here = blocks == number
            found[here] = self._blocks[number].scores_of(places[here], probe)
        return found

    def copy(self, rows: NDArray[np.intp], out: NDArray[np.float32]) -> None:
        """Copy some rows, in this order; whoever asks overwrites them."""
        blocks, places = np.divmod(rows, self._block_rows)
        for number in np.unique(blocks):
            here = blocks == number
            gathered = self._blocks[number].rows[places[here]]
            out[here] = gathered
            gathered.fill(0.0)

    def best(self, probe: Vector, k: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the k rows that score highest, and their scores, in no order."""
        if len(self._blocks) == 1 and self._blocks[0].codes is None:
            scores = self._blocks[0].rows[: self._blocks[0].used] @ probe
            best = top(scores, k)
            return best, scores[best]
        found = _Found(k)
        scanned: list[tuple[int, int]] = []
        for number, block in enumerate(self._blocks):
            if block.codes is None:
                self._compare(probe, number, found)
            else:
                scanned.append((number, max(self._kept_first, 2 * k)))
        while scanned:
            scanned = self._scan(probe, scanned, found)
        return found.rows, found.scores

    def _scan(
        self, probe: Vector, blocks: list[tuple[int, int]], found: _Found
    ) -> list[tuple[int, int]]:
        """Scan blocks for so many rows each; return those that must be scanned for more."""
        limits: list[tuple[int, int, float]] = []
        for number, kept in blocks:
            block = self._blocks[number]
            assert block.codes is not None
            if kept * 4 >= block.used:  # so many that comparing with all is as fast
                self._compare(probe, number, found)
                continue
            places, last, bound = block.codes.scan(probe, block.used, kept)
            rows = number * self._block_rows + places
            found.add(rows, block.scores_of(places, probe))
            limits.append((number, kept, last + bound))
        least = found.least
        return [(number, kept * WIDER) for number, kept, limit in limits if limit >= least]

    def _compare(self, probe: Vector, number: int, found: _Found) -> None:
        """Compare with every row of a block."""
        block = self._blocks[number]
        scores = block.rows[: block.used] @ probe
        best = top(scores, found.k)
        found.add(number * self._block_rows + best, scores[best])

    @property
    def is_locked(self) -> bool:
        """Say whether all of it is kept out of swap."""
        return all(block.is_locked for block in self._blocks)

    def close(self) -> None:
        """Overwrite everything."""
        for block in self._blocks:
            block.close()
        self._blocks.clear()

    def _place(self, row: int) -> tuple[_Block, int]:
        number, place = divmod(row, self._block_rows)
        return self._blocks[number], place

    def _room(self, wanted: int = 1) -> _Block:
        """Return a block with room for one more row, the last one."""
        if not self._blocks or self._blocks[-1].used == self._block_rows:
            capacity = FIRST_ROWS if not self._blocks else self._block_rows
            while capacity < min(wanted, self._block_rows):
                capacity *= 2
            self._blocks.append(_Block(min(capacity, self._block_rows), self.dimension))
        block = self._blocks[-1]
        if block.used == len(block.rows):
            larger = _Block(min(2 * len(block.rows), self._block_rows), self.dimension)
            larger.rows[: block.used] = block.rows
            larger.used = block.used
            if block.codes is not None:
                larger.encode()
            block.close()
            self._blocks[-1] = block = larger
        return block


class _Found:
    """The k best so far, each row once."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.rows = np.zeros(0, np.intp)
        self.scores = np.zeros(0, np.float32)

    def add(self, rows: NDArray[np.intp], scores: NDArray[np.float32]) -> None:
        if len(self.rows):
            rows, first = np.unique(np.concatenate([self.rows, rows]), return_index=True)
            scores = np.concatenate([self.scores, scores])[first]
        self.rows, self.scores = rows, scores
        best = top(self.scores, self.k)
        self.rows, self.scores = self.rows[best], self.scores[best]

    @property
    def least(self) -> float:
        """The lowest score that is among the best; below all while there are fewer than k."""
        return float(self.scores.min()) if len(self.rows) >= self.k else -np.inf


def top(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return the places of the k highest scores, in no order."""
    if len(scores) <= k:
        return np.arange(len(scores))
    return np.asarray(np.argpartition(scores, -k)[-k:], dtype=np.intp)
