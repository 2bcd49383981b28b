"""Which PINs are allowed: one rule for the desk, which asks early, and money, which enforces it.

Nothing is kept here, and no message repeats a PIN.
"""

from __future__ import annotations

import re

from kiosk.domain.errors import BadInputError

PIN_DIGITS = 6
DIFFERENT_DIGITS_MIN = 3
"""Of all PINs 0.3 % have fewer, and people choose them far more often (Markert et al.)."""
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


def check_pin_shape(pin: str) -> None:
    """Check that what somebody typed can be a PIN at all, before anybody is asked about it.

    Raises:
        BadInputError: It is not six digits.
    """
    if not is_pin(pin):
        raise BadInputError(
            "The PIN is not six digits.", code="pin_format", mend="Type six digits."
        )


def check_new_pin(pin: str, phone: str = "") -> None:
    """Check a PIN that somebody wants to have.

    Args:
        pin: What they chose.
        phone: Digits of their number, where it is known: a PIN that stands in it is no secret.

    Raises:
        BadInputError: It is not six digits, or one of those that are guessed first: one or two
            digits, three repeated, a run up or down, a common choice, or a part of the number.
    """
    if not is_pin(pin):
        raise BadInputError(
            "The PIN is not six digits.", code="pin_format", mend="Choose six digits."
        )
    few = len(set(pin)) < DIFFERENT_DIGITS_MIN
    repeats = few or any(pin == pin[:period] * (PIN_DIGITS // period) for period in (1, 2, 3))
    if phone and pin in phone:
        raise BadInputError(
            "The PIN is a part of the phone number.",
            code="pin_banned",
            mend="Choose six digits that are not in the number.",
        )
    if repeats or pin in _UP or pin in _DOWN or pin in _COMMON:
        raise BadInputError(
            "The PIN is one of those that are guessed first.",
            code="pin_banned",
            mend="Choose six digits without a pattern.",
        )
