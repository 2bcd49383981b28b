"""Staff codes: who is at the tablet, for what only staff may do.

The codes are the screen's (`[screen.staff_codes]`). Four digits can be guessed, so wrong ones are
counted twice: by key and name, and by key alone. Somebody's right code clears the count of that
name, never another's and never the key's, which only time clears; so who has a code of their own
cannot use it to go on guessing somebody else's.
It keeps nothing on the disk: a restart of the process counts anew.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest

WRONG_CODES_MAX = 5
"""Wrong codes for one name, from one key, within `PAUSE_S`."""
PAUSE_S = 600.0
"""Seconds for which a wrong code counts against its name: 30 tries an hour against 10,000 codes."""
WRONG_CODES_KEY_MAX = 10
"""Wrong codes from one key, for whatever names, within `KEY_PAUSE_S`."""
KEY_PAUSE_S = 1_800.0
"""Seconds for which a wrong code counts against its key: 20 tries an hour, all names together."""


@dataclass(slots=True)
class _Wrong:
    """When a key sent wrong codes, oldest first: at most `WRONG_CODES_KEY_MAX` of each."""

    all: deque[float] = field(default_factory=deque)
    by_name: deque[tuple[float, str]] = field(default_factory=deque)


class StaffDesk:
    """Compares names and codes. Safe to use from several threads."""

    def __init__(
        self, codes: Mapping[str, str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Take names and codes; without any, nobody is staff.

        Args:
            codes: Name to code.
            monotonic: Seconds that only grow.
        """
        self._codes = dict(codes)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        # One for each key of the ring that ever sent a wrong code; the ring is bounded.
        self._wrong: dict[str, _Wrong] = {}

    @property
    def is_manned(self) -> bool:
        """Say whether there is any code."""
        return bool(self._codes)

    def left_s(self, till: str, name: str) -> float:
        """Return the seconds until this name may be tried from this key; 0 where it may now."""
        with self._lock:
            return self._left_s(till, name)

    def is_staff(self, till: str, name: str, code: str) -> bool:
        """Say whether this is somebody's name and code; who has to wait gets no answer."""
        with self._lock:
            if self._left_s(till, name) > 0:
                return False
            known = self._codes.get(name, "")
            # Compared also where nobody has this name, so that the time tells nothing.
            fits = compare_digest(known.encode(), code.encode("utf-8", "replace")) and known != ""
            wrong = self._wrong.get(till)
            if fits and wrong is not None:
                wrong.by_name = deque(it for it in wrong.by_name if it[1] != name)
            elif not fits:
                wrong = self._wrong.setdefault(till, _Wrong())
                wrong.all.append(self._monotonic())
                wrong.by_name.append((self._monotonic(), name))
            return fits

    def _left_s(self, till: str, name: str) -> float:
        wrong = self._wrong.get(till)
        if wrong is None:
            return 0.0
        now = self._monotonic()
        while wrong.all and wrong.all[0] + KEY_PAUSE_S <= now:
            wrong.all.popleft()
        while wrong.by_name and wrong.by_name[0][0] + PAUSE_S <= now:
            wrong.by_name.popleft()
        own = [at for at, named in wrong.by_name if named == name]
        ends = [now]
        if len(own) >= WRONG_CODES_MAX:
            ends.append(own[-WRONG_CODES_MAX] + PAUSE_S)
        if len(wrong.all) >= WRONG_CODES_KEY_MAX:
            ends.append(wrong.all[-WRONG_CODES_KEY_MAX] + KEY_PAUSE_S)
        return max(ends) - now
