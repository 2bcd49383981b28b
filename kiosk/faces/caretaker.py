"""What faces does beside its customers: proofs of erasures, renewals, who is unused, the log.

One thread, one thing after another, each in short steps that leave the vault to everybody else in
between. Whatever is cut off here goes on at the next start.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from kiosk.domain.errors import SmileTillError

CARE_EVERY_S = 2.0
"""Seconds between two looks for something to do."""

Stopping = Callable[[], bool]
Care = Callable[[Stopping], object]

logger = logging.getLogger(__name__)


class Caretaker:
    """The thread; started when made, ended by `close()`.

    Args:
        cares: What to do at each look, in this order. Each returns soon when told to stop.
        every_s: Seconds between two looks.
    """

    def __init__(self, cares: Sequence[Care], every_s: float = CARE_EVERY_S) -> None:
        """Start."""
        self._cares = tuple(cares)
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="caretaker")
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait for the step under way. Calling it twice is no error."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            for care in self._cares:
                if self._stopping.is_set():
                    return
                try:
                    care(self._stopping.is_set)
                except SmileTillError as error:
                    logger.warning("put off: %s", error.code)
