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
    Answered,
    Effect,
    Event,
    Find,
    Found,
    IntentStored,
    Payment,
    ResultStored,
    Send,
    SendRules,
    StoreFailed,
    StoreIntent,
    StoreResult,
    Tell,
    Tick,
    Wait,
    WindowClosed,
    step,
)
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
    )


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt as it is carried out.

    `intent` and `request` are there only in the process that made the attempt: nobody else may
    send it.
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
            answer = self._perform(task, effect)
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

    def _perform(self, task: Task, effect: Effect) -> Event:
        match effect:
            case StoreIntent():
                assert task.intent is not None
                return self._store(task.intent)
            case Send():
                assert task.request is not None, "only who made a request may send it"
                assert task.mandate_ref is not None
                answer = self._bank.submit(task.request, task.mandate_ref)
                return Answered(
                    answer.kind, self._clock.steady_ms(), answer.reason, answer.payment_ref
                )
            case Wait(duration_ms):
                in_time = self._clock.wait(duration_ms)
                at_ms = self._clock.steady_ms()
                return Tick(at_ms) if in_time else WindowClosed(at_ms)
            case Find():
                answer = self._bank.find(self._sought(task.key))
                return Found(
                    answer.kind, self._clock.steady_ms(), answer.reason, answer.payment_ref
                )
            case StoreResult(verdict, is_correction):
                kind = records.ResultCorrected if is_correction else records.ResultStored
                ref = None if verdict.payment_ref is None else PaymentRef(verdict.payment_ref)
                return self._store(
                    kind(self._ledger.time(), task.key, verdict.end, verdict.reason, ref)
                )
            case Tell():
                raise AssertionError("told by advance")
            case _ as never:
                assert_never(never)

    def _sought(self, key: IdempotencyKey) -> Sought:
        with self._ledger.lock:
            attempt = self._ledger.book.attempts[key]
        return Sought(
            key=key,
            order_id=attempt.order_id,
            amount=attempt.amount,
            reference=reference_of(key),
            payment_ref=attempt.payment_ref,
        )

    def _store(
        self, record: records.IntentStored | records.ResultStored | records.ResultCorrected
    ) -> Event:
        try:
            self._ledger.append(record)
        except JournalWriteError:
            return StoreFailed()
        if isinstance(record, records.IntentStored):
            return IntentStored(self._clock.steady_ms())
        return ResultStored()
