"""Which PINs are allowed: one rule for the desk, which asks early, and money, which enforces it.

Nothing is kept here, and no message repeats a PIN.
"""

from __future__ import annotations

import re

from kiosk.domain.errors import BadInputError

PIN_DIGITS = 6
_PIN = re.compile(r"[0-9]{6}", re.ASCII)

# What people choose most among six digits, besides the patterns below: keypad columns and shapes,
# words, repeated halves (after the lists discussed by Markert et al., IEEE S&P 2020).
_COMMON = frozenset({
    "007007", "101010", "102030", "112233", "123321", "131313", "142536", "147258", "147852",
    "159357", "159753", "192837", "258369", "258456", "332211", "456123", "520520", "696969",
    "741852", "753951", "789456", "852456", "963852", "987321",
})  # fmt: skip
_UP = "01234567890123456789"
_DOWN = _UP[::-1]


def is_pin(text: str) -> bool:
    """Say whether a text has the shape of a PIN."""
    return _PIN.fullmatch(text) is not None


def check_new_pin(pin: str) -> None:
    """Check a PIN that somebody wants to have.

    Raises:
        BadInputError: It is not six digits, or one of those that are guessed first: one digit, two
            or three digits repeated, a run up or down, or a common choice.
    """
    if not is_pin(pin):
        raise BadInputError(
            "The PIN is not six digits.", code="pin_format", mend="Choose six digits."
        )
    repeats = any(pin == pin[:period] * (PIN_DIGITS // period) for period in (1, 2, 3))
    if repeats or pin in _UP or pin in _DOWN or pin in _COMMON:
        raise BadInputError(
            "The PIN is one of those that are guessed first.",
            code="pin_banned",
            mend="Choose six digits without a pattern.",
        )
