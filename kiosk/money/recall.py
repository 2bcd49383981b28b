"""Reads a journalled request back, so that the process after a crash can send the same bytes.

Only for attempts whose end nobody was told: what is stored as unknown, or accepted by the bank, is
not in the book's requests any more. Nothing is decided here about time: how old an intent is, is
told to the machine (kiosk/domain/payment), which knows the window.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import msgspec

from kiosk.domain.ids import IdempotencyKey, MandateRef, PaymentRef
from kiosk.domain.mandate import MandateState
from kiosk.money.attempts import SealedRequest, Task
from kiosk.money.banks.port import Prepared
from kiosk.money.clock import Clock
from kiosk.money.errors import KeyFileError
from kiosk.money.keys import MandateKeys
from kiosk.money.ledger import Ledger
from kiosk.money.mandates import MandateDesk

_decoder = msgspec.json.Decoder(SealedRequest)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the journal still holds of an attempt; `age_ms` None: it must not be sent again."""

    task: Task
    age_ms: int | None
    payment_ref: PaymentRef | None


class Recaller:
    """Makes tasks of journalled intents. Holds no state; threads may share it."""

    def __init__(
        self, ledger: Ledger, keys: MandateKeys, mandates: MandateDesk, clock: Clock
    ) -> None:
        """Take what it works with."""
        self._ledger = ledger
        self._keys = keys
        self._mandates = mandates
        self._clock = clock

    def recall(self, key: IdempotencyKey) -> Recalled:
        """Return an attempt as the next process may carry it on. Never raises."""
        with self._ledger.lock:
            book = self._ledger.book
            attempt = book.attempts[key]
            sealed = book.sealed_requests.get(key)
            state = book.mandates[attempt.alias].state
            last_at = book.last_at
        bare = Recalled(Task(key), None, attempt.payment_ref)
        # A clock that shows less than the journal's last record cannot tell how old an intent is.
        if sealed is None or state is not MandateState.ACTIVE or self._ledger.time() < last_at:
            return bare
        try:
            plain = _decoder.decode(self._keys.open(attempt.alias, "request", key, sealed))
            ref = self._mandates.ref_of(attempt.alias)
        except (KeyFileError, msgspec.DecodeError):
            logger.warning("a journalled request cannot be read back; it is not sent again")
            return bare
        if ref is None:
            return bare
        request = Prepared(key, attempt.order_id, attempt.amount, plain.body, plain.headers)
        age_ms = round((self._clock.now() - attempt.at).total_seconds() * 1_000)
        task = Task(key, request=request, mandate_ref=MandateRef(ref))
        return Recalled(task, max(0, age_ms), attempt.payment_ref)
