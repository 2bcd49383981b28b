"""How PINs are kept: only as an Argon2id verifier, which kiosk/money/mandates.py seals.

Which ones are allowed stands in kiosk/domain/pin.py.
Who may try how often is decided in pin_counter.py and carried out in pin_desk.py.
"""

from __future__ import annotations

import secrets
import threading

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError

from kiosk.money.config import HashCost


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
