"""How a session with step-up ends for whoever pays in a bench, with the factors of their own."""

from __future__ import annotations

import enum


class End(enum.Enum):
    """What was needed, all together; PIN means that it is asked for, and typed by the owner."""

    FACE = "face"
    DIGITS = "digits"
    PIN = "digits_and_pin"
    REFUSED = "refused"

    @property
    def is_without_pin(self) -> bool:
        """Say whether somebody was charged, and no PIN stood in the way."""
        return self in {End.FACE, End.DIGITS}
