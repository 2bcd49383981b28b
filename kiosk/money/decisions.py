"""What people know and the bank does not say: staff decide on payments whose end is unknown.

A decision is a correction in the journal with the name of who took it and one word of why. It is
taken only after everything that was sent has had time to arrive, and never against the bank: the
bank is asked once more, and its own word, if it has one, is what is stored.
What staff said can turn out wrong. Payments that they said were not made are looked up again for
`WATCH_S`, and money that came in after all is a contradiction: a record of its own, from which
follows that the order is paid, or that the money is due back (kiosk/money/open_items.py).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Protocol

from kiosk.domain.errors import BadInputError, SmileTillError
from kiosk.domain.ids import IdempotencyKey, PaymentRef, reference_of
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.refund import Witness
from kiosk.link.back_office import CloseConflict, Decided, DecideUnknown
from kiosk.money.banks.port import Bank, BankAnswer, OutcomeKind, Sought
from kiosk.money.book import Attempt, OrderEntry
from kiosk.money.clock import Clock
from kiosk.money.errors import OrderUnknownError
from kiosk.money.ledger import Ledger
from kiosk.money.records import ConflictClosed, ResultContradicted
from kiosk.money.words import check_word

WATCH_S = 14 * 86_400
"""Seconds for which the bank is asked about a payment that staff said was not made: two weeks are
longer than a statement takes to show it."""
LOOK_EVERY_MS = 60_000
LOOK_EVERY_MS_MAX = 6 * 3_600_000
"""Between two looks at such a payment: doubling from a minute to six hours."""
_AFFIRMED, _DENIED = "staff_said_paid:", "staff_said_not_paid:"

logger = logging.getLogger(__name__)


class Resolve(Protocol):
    """Corrects an attempt that is stored as unknown; tells whether it still was."""

    def __call__(
        self,
        key: IdempotencyKey,
        end: AttemptEnd,
        reason: str,
        by: Witness,
        *,
        staff: str = "",
        payment_ref: PaymentRef | None = None,
    ) -> bool:
        """Store the correction. Raises JournalWriteError."""
        ...


class DecisionDesk:
    """Takes decisions and watches over them. Safe to use from several threads."""

    def __init__(self, ledger: Ledger, bank: Bank, clock: Clock, resolve: Resolve) -> None:
        """Take what it works with; nothing is asked yet."""
        self._ledger = ledger
        self._bank = bank
        self._clock = clock
        self._resolve = resolve
        # Guarded by the ledger's lock: when a denied payment is looked up next, and how long
        # after that again.
        self._denied: dict[IdempotencyKey, tuple[int, int]] = {}
        with ledger.lock:
            for attempt in ledger.book.attempts.values():
                if attempt.end is AttemptEnd.DECLINED and attempt.reason.startswith(_DENIED):
                    self._denied[attempt.key] = (clock.steady_ms(), LOOK_EVERY_MS)

    def decide(self, ask: DecideUnknown) -> Decided:
        """Correct an unknown payment by the word of staff, or say why not.

        Refusals: `nothing_unknown`, `in_flight`, `too_early`, `bank_pending`, `bank_says_paid`,
        `bank_says_not_paid`. Where the bank has a word, that is stored, whoever was right.

        Raises:
            OrderUnknownError: There is no such order.
            BadInputError: The staff id or the reason is no word.
            JournalWriteError: Nothing has changed.
        """
        staff, reason = check_word(ask.staff, "staff id"), check_word(ask.reason, "reason")
        with self._ledger.lock:
            entry = self._entry(ask)
            attempt = self._unknown_of(entry)
            if isinstance(attempt, str):
                return _decided(entry, attempt)
            if not self._has_arrived(attempt):
                return _decided(entry, "too_early")
        answer = self._bank.find(_sought(attempt))
        refusal = self._heard(attempt.key, answer)
        if refusal is None:
            end = AttemptEnd.SETTLED if ask.paid else AttemptEnd.DECLINED
            word = f"{_AFFIRMED if ask.paid else _DENIED}{reason}"
            taken = self._resolve(attempt.key, end, word, Witness.STAFF, staff=staff)
            refusal = "" if taken else "nothing_unknown"
            if taken and not ask.paid:
                with self._ledger.lock:
                    self._denied[attempt.key] = (self._clock.steady_ms(), LOOK_EVERY_MS)
        elif refusal == ("bank_says_paid" if ask.paid else "bank_says_not_paid"):
            # Staff and bank say the same; the bank's word is what was stored.
            refusal = ""
        with self._ledger.lock:
            return _decided(self._entry(ask), refusal)

    def contradicted(
        self, key: IdempotencyKey, by: Witness, payment_ref: PaymentRef | None = None
    ) -> bool:
        """Note that a payment came in although its stored end denies it; say whether it did.

        Raises:
            JournalWriteError: It is not noted.
        """
        with self._ledger.lock:
            attempt = self._ledger.book.attempts.get(key)
            if attempt is None or attempt.is_open or attempt.end is AttemptEnd.SETTLED:
                return False
            self._ledger.append(ResultContradicted(self._ledger.time(), key, by, payment_ref))
            return True

    def close_conflict(self, ask: CloseConflict) -> None:
        """Note that staff have looked at a conflict; one that is closed stays closed.

        Raises:
            BadInputError: A word cannot be used, or there is no such open conflict.
            JournalWriteError: It stays open.
        """
        staff, reason = check_word(ask.staff, "staff id"), check_word(ask.reason, "reason")
        with self._ledger.lock:
            book = self._ledger.book
            late = {reference_of(key) for key in book.contradicted}
            if ask.item not in late and ask.item not in book.statements.conflicts:
                raise BadInputError(
                    "There is no open conflict of this name.",
                    code="conflict_unknown",
                    mend="See smiletill money open.",
                )
            self._ledger.append(ConflictClosed(self._ledger.time(), ask.item, staff, reason))

    def look(self) -> None:
        """Ask the bank again about payments that staff denied; what goes wrong is logged."""
        for attempt in self._to_look_up():
            answer = self._bank.find(_sought(attempt))
            if answer.kind is OutcomeKind.SETTLED:
                try:
                    self.contradicted(attempt.key, Witness.BANK, answer.payment_ref)
                except SmileTillError as error:
                    logger.warning("a contradiction cannot be noted: %s", error.code)

    def _to_look_up(self) -> list[Attempt]:
        """Return the payments that staff denied and that are due; forget those of long ago."""
        now_ms = self._clock.steady_ms()
        youngest = self._clock.now() - timedelta(seconds=WATCH_S)
        due: list[Attempt] = []
        with self._ledger.lock:
            for key, (at_ms, every_ms) in list(self._denied.items()):
                attempt = self._ledger.book.attempts[key]
                told_at = attempt.ended_at
                if attempt.end is AttemptEnd.SETTLED or told_at is None or told_at < youngest:
                    del self._denied[key]
                elif at_ms <= now_ms:
                    due.append(attempt)
                    later_ms = min(2 * every_ms, LOOK_EVERY_MS_MAX)
                    self._denied[key] = (now_ms + every_ms, later_ms)
        return due

    def _entry(self, ask: DecideUnknown) -> OrderEntry:
        entry = self._ledger.book.orders.get(ask.order_id)
        if entry is None:
            raise OrderUnknownError
        return entry

    def _unknown_of(self, entry: OrderEntry) -> Attempt | str:
        """Return the order's unknown attempt, or the reason why there is none."""
        attempts = [self._ledger.book.attempts[key] for key in entry.keys]
        if any(attempt.end is None for attempt in attempts):
            return "in_flight"
        unknown = [attempt for attempt in attempts if attempt.end is AttemptEnd.UNKNOWN]
        return unknown[-1] if unknown else "nothing_unknown"

    def _has_arrived(self, attempt: Attempt) -> bool:
        """Say whether what was sent can no longer be on its way; "unknown" burnt its key."""
        assert attempt.ended_at is not None
        quiet = self._clock.now() - attempt.ended_at
        return quiet >= timedelta(seconds=self._bank.capabilities.arrival_s_max)

    def _heard(self, key: IdempotencyKey, answer: BankAnswer) -> str | None:
        """Store the bank's word and name it; None if it has none."""
        match answer.kind:
            case OutcomeKind.SETTLED:
                self._resolve(
                    key,
                    AttemptEnd.SETTLED,
                    "settled",
                    Witness.BANK,
                    payment_ref=answer.payment_ref,
                )
                return "bank_says_paid"
            case OutcomeKind.DECLINED:
                reason = answer.reason or "declined"
                self._resolve(key, AttemptEnd.DECLINED, reason, Witness.BANK)
                return "bank_says_not_paid"
            case OutcomeKind.NOT_FOUND:
                self._resolve(key, AttemptEnd.NEVER_ARRIVED, "never_arrived", Witness.BANK)
                return "bank_says_not_paid"
            case OutcomeKind.ACCEPTED:
                return "bank_pending"
            case OutcomeKind.UNKNOWN | OutcomeKind.NOT_SENT:
                return None


def _sought(attempt: Attempt) -> Sought:
    return Sought(
        key=attempt.key,
        order_id=attempt.order_id,
        amount=attempt.amount,
        reference=reference_of(attempt.key),
        payment_ref=attempt.payment_ref,
    )


def _decided(entry: OrderEntry, refusal: str) -> Decided:
    return Decided(
        taken=not refusal,
        refusal=refusal,
        order_id=entry.order.order_id,
        state=entry.state,
        order_reason=entry.reason,
    )
