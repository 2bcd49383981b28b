"""Staff codes: who is at the tablet, for what only staff may do.

The codes are the screen's (`[screen.staff_codes]`). Four digits can be guessed, so wrong ones are
counted by the key that sent them, and that key gets no further try for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest

from kiosk.money.till.access import FailureBrake

WRONG_CODES_MAX = 5
PAUSE_S = 600.0
"""Ten minutes: 30 tries an hour against 10,000 codes, told in the log and in the diagnosis."""


class StaffDesk:
    """Compares names and codes. Safe to use from several threads."""

    def __init__(self, codes: Mapping[str, str]) -> None:
        """Take names and codes; without any, nobody is staff."""
        self._codes = dict(codes)
        self.brake = FailureBrake(free=WRONG_CODES_MAX, pause_s=PAUSE_S)

    @property
    def is_manned(self) -> bool:
        """Say whether there is any code."""
        return bool(self._codes)

    def left_s(self, till: str) -> float:
        """Return how many seconds a till has to wait before its next try."""
        return self.brake.left_s(till)

    def is_staff(self, till: str, name: str, code: str) -> bool:
        """Say whether this is somebody's name and code; a till that has to wait gets no answer."""
        if self.brake.left_s(till) > 0:
            return False
        known = self._codes.get(name, "")
        # Compared also where nobody has this name, so that the time tells nothing.
        fits = compare_digest(known.encode(), code.encode("utf-8", "replace")) and known != ""
        if fits:
            self.brake.succeeded(till)
        else:
            self.brake.failed(till)
        return fits
