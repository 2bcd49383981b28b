"""Memory that is kept out of swap where the system allows it, out of dumps, and wiped at the end.

It is whole pages of our own, so that letting go of one array never lets go of a neighbour's page.
Where the limit of the user (RLIMIT_MEMLOCK) is reached the array is usable all the same, and
`is_locked` says so: a warning for the doctor, never an error.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_LIBC = ctypes.CDLL(None, use_errno=True)


def lock(array: NDArray[Any]) -> bool:
    """Keep an array's pages in RAM; return whether the system agreed."""
    if array.nbytes == 0:
        return True
    return bool(_LIBC.mlock(ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes)) == 0)


def unlock(array: NDArray[Any]) -> None:
    """Let an array's pages go."""
    _LIBC.munlock(ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes))


class LockedArray:
    """An array of zeros in pages of its own.

    Args:
        shape: As numpy's.
        dtype: As numpy's.
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        """Take the pages, and lock them if that is allowed."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self._pages = mmap.mmap(-1, max(size, 1))
        for advice in (mmap.MADV_DONTDUMP, mmap.MADV_HUGEPAGE):
            with contextlib.suppress(OSError):  # kernels without one of them work all the same
                self._pages.madvise(advice)
        self.array: NDArray[Any] = np.frombuffer(self._pages, dtype, int(np.prod(shape))).reshape(
            shape
        )
        self.is_locked = lock(self.array)

    def close(self) -> None:
        """Overwrite everything and let the pages go; the array reads as zeros from now on."""
        self.array[...] = 0
        if self.is_locked:
            unlock(self.array)
            self.is_locked = False
