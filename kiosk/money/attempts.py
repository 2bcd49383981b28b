"""Performs what the payment machine asks for one attempt: journal, bank, clock.

All decisions are in kiosk/domain/payment; here is only doing, and each deed is answered by exactly
one event.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import assert_never

import msgspec

from kiosk.domain.ids import IdempotencyKey, MandateRef, PaymentRef, reference_of
from kiosk.domain.payment import (
    AcceptedStored,
    Answered,
    AttemptEnd,
    Effect,
    Event,
    Find,
    Found,
    IntentStored,
    Payment,
    ResultStored,
    Send,
    SendRules,
    StoreAccepted,
    StoreFailed,
    StoreIntent,
    StoreResult,
    Tell,
    Tick,
    Verdict,
    Wait,
    WindowClosed,
    step,
)
from kiosk.domain.refund import Witness
from kiosk.link.protocol import Authorised
from kiosk.money import records
from kiosk.money.banks.port import Bank, Capabilities, Prepared, Sought
from kiosk.money.clock import Clock
from kiosk.money.config import MoneyConfig
from kiosk.money.errors import JournalWriteError
from kiosk.money.ledger import Ledger

APART_MS_MIN = 1_000
"""UK Open Banking profile: at least 1 s between sends of one key; a bank may ask for more."""
KEY_LIFE_SHARE = 23 / 24
"""How much of a key's life is used: clocks differ, so the last hour of a day is left alone."""


def send_rules(capabilities: Capabilities, config: MoneyConfig) -> SendRules:
    """Bring a bank's capabilities and the terminal's settings together."""
    return SendRules(
        resend_at_ms=tuple(round(second * 1_000) for second in config.resend_at_s),
        window_ms=round(config.resolve_window_s * 1_000),
        apart_ms_min=max(APART_MS_MIN, math.ceil(capabilities.min_resend_s * 1_000)),
        key_life_ms=math.floor(capabilities.idempotency_life_s * 1_000 * KEY_LIFE_SHARE),
        arrival_ms_max=math.ceil(capabilities.arrival_s_max * 1_000),
        can_find=capabilities.lookup_by_key,
        can_find_ref=capabilities.lookup_by_ref,
    )


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt as it is carried out.

    `intent` is there only in the process that made the attempt; `request` also where the journalled
    bytes were read back after a restart (kiosk/money/recall.py). Without it nothing can be sent.
    """

    key: IdempotencyKey
    intent: records.IntentStored | None = None
    request: Prepared | None = None
    mandate_ref: MandateRef | None = None


class SealedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is journalled, sealed, of a request: its exact bytes."""

    body: bytes
    headers: tuple[tuple[str, str], ...]


class Performer:
    """Drives attempts through their machine. Holds no state; threads may share it."""

    def __init__(self, ledger: Ledger, bank: Bank, clock: Clock) -> None:
        """Take what it works with."""
        self._ledger = ledger
        self._bank = bank
        self._clock = clock

    def advance(
        self, task: Task, payment: Payment, event: Event
    ) -> tuple[Payment, Event | None, Authorised | None]:
        """Take one event and perform what follows from it.

        Returns:
            The new state, the event that answers the deeds (None: nothing more happens now), and
            what is to be told (None: nothing yet).
        """
        after, effects = step(payment, event)
        answer: Event | None = None
        told: Authorised | None = None
        for effect in effects:
            if isinstance(effect, Tell):
                told = Authorised(effect.outcome, effect.reason)
                continue
            assert answer is None, "one deed at a time"
            answer = self._perform(task, after, effect)
        return after, answer, told

    def drive(
        self, task: Task, payment: Payment, event: Event | None
    ) -> tuple[Payment, Authorised | None]:
        """Go on until nothing more happens now; return the state and what was told last."""
        told: Authorised | None = None
        while event is not None:
            payment, event, news = self.advance(task, payment, event)
            told = news or told
        return payment, told

    def _perform(self, task: Task, payment: Payment, effect: Effect) -> Event:
        match effect:
            case StoreIntent():
                assert task.intent is not None
                return self._store_intent(task.intent)
            case Send():
                assert task.request is not None, "only who made a request may send it"
                assert task.mandate_ref is not None
                answer = self._bank.submit(task.request, task.mandate_ref)
                return Answered(
                    answer.kind, self._clock.steady_ms(), answer.reason, answer.payment_ref
                )
            case StoreAccepted(payment_ref):
                return self._store_accepted(task.key, PaymentRef(payment_ref))
            case Wait(duration_ms):
                in_time = self._clock.wait(duration_ms)
                at_ms = self._clock.steady_ms()
                return Tick(at_ms) if in_time else WindowClosed(at_ms)
            case Find():
                answer = self._bank.find(self._sought(task.key, payment.payment_ref))
                return Found(
                    answer.kind, self._clock.steady_ms(), answer.reason, answer.payment_ref
                )
            case StoreResult(verdict, is_correction):
                return self._store_end(task.key, verdict, is_correction=is_correction)
            case Tell():
                raise AssertionError("told by advance")
            case _ as never:
                assert_never(never)

    def _sought(self, key: IdempotencyKey, payment_ref: str | None) -> Sought:
        with self._ledger.lock:
            attempt = self._ledger.book.attempts[key]
        return Sought(
            key=key,
            order_id=attempt.order_id,
            amount=attempt.amount,
            reference=reference_of(key),
            payment_ref=None if payment_ref is None else PaymentRef(payment_ref),
        )

    def _store_intent(self, intent: records.IntentStored) -> Event:
        try:
            self._ledger.append(intent)
        except JournalWriteError:
            return StoreFailed()
        return IntentStored(self._clock.steady_ms())

    def _store_accepted(self, key: IdempotencyKey, payment_ref: PaymentRef) -> Event:
        try:
            self._ledger.append(records.AttemptAccepted(self._ledger.time(), key, payment_ref))
        except JournalWriteError:
            return StoreFailed()
        return AcceptedStored(self._clock.steady_ms())

    def _store_end(self, key: IdempotencyKey, verdict: Verdict, *, is_correction: bool) -> Event:
        ref = None if verdict.payment_ref is None else PaymentRef(verdict.payment_ref)
        kind = records.ResultCorrected if is_correction else records.ResultStored
        try:
            with self._ledger.lock:
                end = self._ledger.book.attempts[key].end
                if is_correction and end is not AttemptEnd.UNKNOWN:
                    # An event, a statement or staff came first while the bank was asked.
                    self._compare(key, end, verdict, ref)
                    return ResultStored()
                time = self._ledger.time()
                self._ledger.append(kind(time, key, verdict.end, verdict.reason, ref))
        except JournalWriteError:
            return StoreFailed()
        return ResultStored()

    def _compare(
        self,
        key: IdempotencyKey,
        end: AttemptEnd | None,
        verdict: Verdict,
        ref: PaymentRef | None,
    ) -> None:
        """Put the bank's word beside an end that somebody else has stored meanwhile."""
        time = self._ledger.time()
        if verdict.end is AttemptEnd.SETTLED and end is not AttemptEnd.SETTLED:
            self._ledger.append(records.ResultContradicted(time, key, Witness.BANK, ref))
        elif verdict.end is AttemptEnd.DECLINED and end is AttemptEnd.SETTLED:
            self._ledger.append(records.SettlementReversed(time, key, verdict.reason, Witness.BANK))
