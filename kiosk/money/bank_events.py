"""Takes the bank's news: what became of payments, and what changed about mandates.

Each event has its effect once, however often, late or out of order it comes: what it says is
compared with what the journal holds, and only a difference is stored. It is acknowledged when that
is durable, never before, so a crash in between brings it again.
A payment is matched by its reference and its amount. What matches nothing is an alarm, not an
error: it is counted for the doctor, and acknowledged, because it would never match.

Deliberately not here: attempts in flight. Their event waits at the bank until the engine is done.
"""

from __future__ import annotations

import logging
from collections import Counter

from kiosk.domain.ids import IdempotencyKey
from kiosk.domain.payment import AttemptEnd, OutcomeKind
from kiosk.domain.refund import RefundState, RefundWay, Witness
from kiosk.money.banks.port import Bank, BankAnswer, BankEvent, Sought
from kiosk.money.book import Attempt
from kiosk.money.ledger import Ledger
from kiosk.money.mandates import MandateDesk
from kiosk.money.records import (
    AttemptAccepted,
    RefundEnded,
    RefundReversed,
    ResultContradicted,
    ResultCorrected,
    SettlementReversed,
)

BATCHES_MAX = 20
"""Of one poll: a bank that always has more must not keep the look-ups waiting."""

logger = logging.getLogger(__name__)


class EventDesk:
    """Polls and applies events. Used by one thread; `alarms` may be read by others."""

    def __init__(self, ledger: Ledger, bank: Bank, mandates: MandateDesk) -> None:
        """Take what it works with; nothing is asked yet."""
        self._ledger = ledger
        self._bank = bank
        self._mandates = mandates
        self.alarms: Counter[str] = Counter()
        """How often something came that should not: `unmatched`, `amount_differs`, `contradicted`,
        `reversed`. Since the start of the process; what was stored is in the journal too."""

    def poll(self) -> int:
        """Take the news there is, within a bound; return how many events were acknowledged.

        Raises:
            BankUnreachableError: It did not answer; nothing is lost.
            JournalWriteError, KeyFileError: The disk refuses; what was not stored comes again.
        """
        taken = 0
        for _ in range(BATCHES_MAX):
            batch = self._bank.events()
            done = tuple(event.event_id for event in batch.events if self._take(event))
            if done:
                self._bank.acknowledge(done)
            taken += len(done)
            # What waits for a payment in flight would come again at once.
            if not batch.more or len(done) < len(batch.events):
                break
        return taken

    def _take(self, event: BankEvent) -> bool:
        """Apply one event; return whether it need not come again."""
        if event.mandate_ref is not None and event.mandate_state is not None:
            alias = self._mandates.alias_of(event.mandate_ref)
            if alias is None:
                self._alarm("unmatched")
            else:
                self._mandates.changed(alias, event.mandate_state)
            return True
        if event.is_refund and event.answer is not None:
            return self._refund(event, event.answer)
        if event.answer is None:
            self._alarm("unmatched")
            return True
        with self._ledger.lock:
            key = self._ledger.book.by_reference.get(event.reference)
            attempt = None if key is None else self._ledger.book.attempts[key]
        if attempt is None:
            self._alarm("unmatched")
            return True
        if event.amount != attempt.amount:
            self._alarm("amount_differs")
            return True
        if attempt.end is None:
            return False
        if event.takes_back:
            return self._taken_back(attempt, event.answer)
        return self._compare(attempt.key, event.answer, event.reference)

    def _compare(self, key: IdempotencyKey, answer: BankAnswer, reference: str) -> bool:
        """Put the bank's word beside the journal's and store the difference."""
        match answer.kind:
            case OutcomeKind.SETTLED:
                self._settled(key, answer)
            case OutcomeKind.DECLINED:
                return self._declined(key, answer, reference)
            case OutcomeKind.ACCEPTED if answer.payment_ref is not None:
                with self._ledger.lock:
                    attempt = self._ledger.book.attempts[key]
                    if attempt.is_open and attempt.payment_ref is None:
                        time = self._ledger.time()
                        self._ledger.append(AttemptAccepted(time, key, answer.payment_ref))
            case _:
                pass
        return True

    def _settled(self, key: IdempotencyKey, answer: BankAnswer) -> None:
        with self._ledger.lock:
            end, time = self._ledger.book.attempts[key].end, self._ledger.time()
            if end is AttemptEnd.SETTLED:
                return
            if end is AttemptEnd.UNKNOWN:
                self._ledger.append(
                    ResultCorrected(
                        time,
                        key,
                        AttemptEnd.SETTLED,
                        "settled",
                        answer.payment_ref,
                        by=Witness.EVENT,
                    )
                )
                return
            self._alarm("contradicted")
            self._ledger.append(ResultContradicted(time, key, Witness.EVENT, answer.payment_ref))

    def _declined(self, key: IdempotencyKey, answer: BankAnswer, reference: str) -> bool:
        with self._ledger.lock:
            attempt = self._ledger.book.attempts[key]
            if attempt.end is AttemptEnd.UNKNOWN and not attempt.is_reversed:
                reason = answer.reason or "declined"
                self._ledger.append(
                    ResultCorrected(
                        self._ledger.time(),
                        key,
                        AttemptEnd.DECLINED,
                        reason,
                        answer.payment_ref,
                        by=Witness.EVENT,
                    )
                )
                return True
        if attempt.end is not AttemptEnd.SETTLED:
            return True
        return self._reversed(attempt, answer, reference)

    def _reversed(self, attempt: Attempt, answer: BankAnswer, reference: str) -> bool:
        """Take back a settlement, unless the bank, asked once more, says that it stands."""
        can = self._bank.capabilities
        ref = attempt.payment_ref or answer.payment_ref
        if can.lookup_by_key or (can.lookup_by_ref and ref is not None):
            found = self._bank.find(
                Sought(attempt.key, attempt.order_id, attempt.amount, reference, ref)
            )
            if found.kind is OutcomeKind.UNKNOWN:
                return False  # too grave to believe unasked; it comes again
            if found.kind is OutcomeKind.SETTLED:
                self._alarm("contradicted")
                return True
        return self._store_reversal(attempt, answer)

    def _taken_back(self, attempt: Attempt, answer: BankAnswer) -> bool:
        """Believe a chargeback: asking for the payment again would say that it succeeded."""
        if attempt.end is AttemptEnd.SETTLED:
            return self._store_reversal(attempt, answer)
        if not attempt.is_reversed:
            # Nothing of ours was settled by it: a person must look, and can.
            self._alarm("contradicted")
        return True

    def _store_reversal(self, attempt: Attempt, answer: BankAnswer) -> bool:
        self._alarm("reversed")
        with self._ledger.lock:
            if self._ledger.book.attempts[attempt.key].end is AttemptEnd.SETTLED:
                reason = answer.reason or "declined"
                self._ledger.append(
                    SettlementReversed(self._ledger.time(), attempt.key, reason, Witness.EVENT)
                )
        return True

    def _refund(self, event: BankEvent, answer: BankAnswer) -> bool:
        """Put the bank's word on a refund beside the journal's and store the difference."""
        with self._ledger.lock:
            refunds = self._ledger.book.refunds
            entry = next(
                (it for it in refunds.entries.values() if it.reference == event.reference), None
            )
            if entry is None or entry.way is not RefundWay.API:
                self._alarm("unmatched")
                return True
            if event.amount != entry.amount:
                self._alarm("amount_differs")
                return True
            if entry.state is RefundState.PENDING:
                return False  # it may be on its way this moment
            time, number = self._ledger.time(), entry.number
            reason = answer.reason or "declined"
            match answer.kind:
                case OutcomeKind.SETTLED if entry.state is RefundState.UNKNOWN:
                    state, reason = RefundState.DONE, "refunded"
                case OutcomeKind.DECLINED if entry.state is RefundState.UNKNOWN:
                    state = RefundState.NOT_DONE
                case OutcomeKind.DECLINED if entry.state is RefundState.DONE:
                    if entry.by is not Witness.STAFF:
                        self._alarm("reversed")
                        self._ledger.append(RefundReversed(time, number, reason, Witness.EVENT))
                    return True
                case OutcomeKind.SETTLED if entry.state is RefundState.NOT_DONE:
                    self._alarm("contradicted")
                    return True
                case _:
                    return True
            self._ledger.append(
                RefundEnded(
                    time, number, state, reason, Witness.EVENT, refund_ref=answer.payment_ref
                )
            )
        return True

    def _alarm(self, name: str) -> None:
        self.alarms[name] += 1
        logger.warning("an event of the bank needs a look: %s", name)
