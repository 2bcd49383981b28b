"""Emit a signal of ours, without the reference that PySide6 6.12.0 loses at every emission.

WORKAROUND: `SignalInstance.emit` returns True without owning it, so each call takes one reference
from Python's own `True`; where that is not immortal (Python 3.11) the interpreter ends after some
hundred emissions. The same as in kiosk/faces/screen/signals.py, which the staff tool may not
import; delete both when requirements.lock holds a version that does not lose it.
Everything in Python that emits a signal here calls `ring`.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

from PySide6.QtCore import QObject, Signal, SignalInstance

PROBES = 16
"""Enough to tell a loss from other threads' work, and few enough to do no harm."""


class _Bell(QObject):
    rung = Signal()


@cache
def loses_references() -> bool:
    """Say whether this PySide6 takes a reference from True at each emission."""
    bell = _Bell()
    before = sys.getrefcount(True)
    for _ in range(PROBES):
        bell.rung.emit()
    lost = before - sys.getrefcount(True) >= PROBES // 2
    if lost:
        for _ in range(PROBES):
            _give_back()
    return lost


def ring(signal: SignalInstance, *values: object) -> None:
    """Emit a signal."""
    signal.emit(*values)
    if loses_references():
        _give_back()


def _give_back() -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(True))
