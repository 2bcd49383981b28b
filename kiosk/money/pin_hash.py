"""PINs: which ones are allowed, and how they are kept.

A PIN is six digits and is kept only as an Argon2id verifier (kiosk/money/mandates.py seals it).
Who may try how often is decided in pin_counter.py and carried out in pin_desk.py.
"""

from __future__ import annotations

import re
import secrets
import threading

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError

from kiosk.domain.errors import BadInputError
from kiosk.money.config import HashCost

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


class PinHasher:
    """Argon2id with one cost, one computation at a time so that memory stays bounded."""

    def __init__(self, cost: HashCost) -> None:
        """Prepare, and compute one verifier of a random secret for payers who are not there."""
        self._hasher = PasswordHasher(
            time_cost=cost.time_cost,
            memory_cost=cost.memory_kib,
            parallelism=cost.parallelism,
            hash_len=32,
            salt_len=16,
            type=Type.ID,
        )
        self._one_at_a_time = threading.Lock()
        self._nobody = self.hash(secrets.token_hex(16))

    def hash(self, pin: str) -> str:
        """Return a verifier, which holds its salt and cost."""
        with self._one_at_a_time:
            return self._hasher.hash(pin)

    def matches(self, verifier: str | None, pin: str) -> bool:
        """Compare a PIN with a verifier; None (there is no such payer) costs the same and fails."""
        with self._one_at_a_time:
            try:
                self._hasher.verify(self._nobody if verifier is None else verifier, pin)
            except VerificationError:
                return False
        return verifier is not None
