"""Renewable templates: a secret rotation of this store, under which all its vectors are kept.

Every store draws a secret of its own, and from it one orthogonal matrix a pack. Templates are
rotated by it before they are sealed, and probes before they are compared; cosines do not change, so
neither do scores, thresholds or anybody's recognition. A new secret (`renew.py`) makes every vector
that was copied before compare with nobody, as between strangers, and vectors of two stores compare
with nobody either.

What it is not: whoever holds a store's secret, or as many pairs of plain and rotated vectors as
these have dimensions, can undo the rotation; and the cosines between people of one store stay as
they are. So the secret is sealed under a key of its own, apart from the templates' key.

The matrix must be the same on every machine: SHAKE-256 stretches the secret, Box and Muller make
normal numbers of it, and QR with positive diagonal makes those a uniformly random rotation, all in
double precision. Differences between libraries are of 1e-13, far below those of float32.
"""

from __future__ import annotations

import hashlib
import threading

import numpy as np
from numpy.typing import NDArray

from kiosk.domain.ids import PackId
from kiosk.faces.vault.envelope import KEY_BYTES, place, wipe

Vectors = NDArray[np.float32]


class Transform:
    """One rotation of vectors of one dimension. Frozen; safe to use from many threads."""

    def __init__(self, matrix: NDArray[np.float64]) -> None:
        """Take a d x d matrix with orthonormal rows."""
        assert matrix.ndim == 2
        assert matrix.shape[0] == matrix.shape[1]
        self._exact = matrix
        self._fast = np.ascontiguousarray(matrix, dtype=np.float32)

    def apply(self, plain: Vectors) -> Vectors:
        """Rotate one vector (d) or many (n x d); lengths and cosines stay."""
        rotated: Vectors = plain @ self._fast.T
        return rotated

    def undo(self, rotated: Vectors) -> Vectors:
        """Rotate back, up to the rounding of float32."""
        plain: Vectors = (rotated.astype(np.float64) @ self._exact).astype(np.float32)
        return plain

    def move(self, rotated: Vectors, goal: Transform) -> Vectors:
        """Take vectors under this rotation to another one, rounding once."""
        plain = rotated.astype(np.float64) @ self._exact
        return (plain @ goal._exact.T).astype(np.float32)

    def wipe(self) -> None:
        """Overwrite the matrix."""
        self._exact.fill(0.0)
        self._fast.fill(0.0)

    def __repr__(self) -> str:
        """Show the size only."""
        return f"Transform({len(self._fast)})"


class Space:
    """All rotations that one secret gives: one a pack and dimension, made when first asked for."""

    def __init__(self, number: int, secret: bytes | bytearray) -> None:
        """Keep a wipeable copy of the secret of generation `number`."""
        assert len(secret) == KEY_BYTES
        self.number = number
        self._secret = bytearray(secret)
        self._turn = threading.Lock()
        self._made: dict[tuple[PackId, int], Transform] = {}

    def transform(self, pack: PackId, dimension: int) -> Transform:
        """Return the rotation for the vectors of a pack."""
        with self._turn:
            made = self._made.get((pack, dimension))
            if made is None:
                made = Transform(_rotation(bytes(self._secret), pack, dimension))
                self._made[pack, dimension] = made
            return made

    @property
    def secret(self) -> bytes:
        """The secret, for its sealed record."""
        return bytes(self._secret)

    def wipe(self) -> None:
        """Overwrite secret and matrices."""
        with self._turn:
            wipe(self._secret)
            while self._made:
                self._made.popitem()[1].wipe()

    def __repr__(self) -> str:
        """Show the generation only."""
        return f"Space({self.number})"


def _rotation(secret: bytes, pack: PackId, dimension: int) -> NDArray[np.float64]:
    """Make a uniformly random rotation (Mezzadri 2007: QR with the signs of R's diagonal)."""
    label = place("rotation", pack, str(dimension))
    raw = hashlib.shake_256(secret + label).digest(16 * dimension * dimension)
    words = np.frombuffer(raw, "<u8").reshape(2, dimension, dimension)
    uniform = ((words >> np.uint64(11)) + np.float64(0.5)) * 2.0**-53
    normal = np.sqrt(-2.0 * np.log(uniform[0])) * np.cos(2.0 * np.pi * uniform[1])
    orthogonal, triangular = np.linalg.qr(normal)
    rotation: NDArray[np.float64] = orthogonal * np.sign(np.diag(triangular))
    return rotation
