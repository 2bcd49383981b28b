"""Authorises payments: checks everything itself, then carries one attempt through to its end.

It trusts nothing that it can look up: amount and payee come from the journal, limits from the
mandate, the PIN from its own token. What faces says is only compared.

Invariants: one payment in flight per order; the last check and the intent happen under one lock,
so two orders of one payer cannot both slip under a limit; an answer is given only after its record
is stored; nothing is asked of the bank while the lock is held.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from kiosk.domain.consent import Basis
from kiosk.domain.ids import IdempotencyKey, OrderId, reference_of
from kiosk.domain.mandate import MandateState, limit_refusal, needs_pin
from kiosk.domain.order import Order, OrderState, Outcome
from kiosk.domain.payment import Begin, Payment, Phase, SendRules
from kiosk.link.protocol import Authorise, Authorised, OrderOffer
from kiosk.money.attempts import Performer, SealedRequest, Task
from kiosk.money.banks.port import Bank, Funds, Intent
from kiosk.money.book import OrderEntry
from kiosk.money.clock import CLOCK_SKEW_S_MAX, Clock
from kiosk.money.config import MoneyConfig
from kiosk.money.errors import OrderUnknownError
from kiosk.money.keys import MandateKeys, parse_alias
from kiosk.money.ledger import Ledger
from kiosk.money.mandates import MandateDesk
from kiosk.money.offers import Offers
from kiosk.money.records import IntentStored

JOIN_S_MAX = 120.0
"""Longest that a second request for the same order waits for the first one's outcome: the window
and the connector's time-outs end well before."""

Adopt = Callable[[IdempotencyKey, Payment], None]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Flight:
    """A payment in flight and the threads that wait for its outcome."""

    key: IdempotencyKey | None = None
    """None: nothing is journalled yet."""
    ended: threading.Event = field(default_factory=threading.Event)
    answer: Authorised | None = None


class Engine:
    """Offers orders and authorises payments. Safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        keys: MandateKeys,
        bank: Bank,
        mandates: MandateDesk,
        offers: Offers,
        clock: Clock,
        config: MoneyConfig,
        rules: SendRules,
    ) -> None:
        """Take what it works with."""
        self._ledger = ledger
        self._keys = keys
        self._bank = bank
        self._mandates = mandates
        self._offers = offers
        self._clock = clock
        self._config = config
        self._rules = rules
        self._performer = Performer(ledger, bank, clock)
        self._flights: dict[OrderId, _Flight] = {}
        self._idle = threading.Condition(ledger.lock)
        self._adopt: Adopt = lambda _key, _payment: None

    def hand_over_to(self, adopt: Adopt) -> None:
        """Name who goes on asking the bank when an attempt ends as unknown."""
        self._adopt = adopt

    def offer(self, order_id: OrderId) -> OrderOffer:
        """Return an order for the screen; if it is open, with a fresh nonce.

        Raises:
            OrderUnknownError: There is no such order.
        """
        with self._ledger.lock:
            entry = self._ledger.book.orders.get(order_id)
            if entry is None:
                raise OrderUnknownError
            nonce = self._offers.issue(order_id) if entry.state is OrderState.OPEN else None
            return OrderOffer(entry.order, entry.state, nonce, entry.reason)

    def flying(self) -> set[IdempotencyKey]:
        """Return the keys of payments that this process has in flight."""
        with self._ledger.lock:
            return {it.key for it in self._flights.values() if it.key is not None}

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is in flight; return whether that came in time."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._flights, timeout_s)

    def authorise(self, ask: Authorise) -> Authorised:
        """Charge a payer for an order, or say why not. Returns only what is on the disk.

        A nonce that fits is used up, whatever the answer: after a refusal the order must be
        offered anew. While a payment of this order is in flight, its outcome is the answer.

        Reasons of a refusal: `order_unknown`, `order_cancelled`, `order_paid_elsewhere`,
        `nonce_stale`, `amount_differs`, `mandate_unknown`, `mandate_…`, `limit_per_payment`,
        `limit_per_day`, `pin_required`, `pin_token_bad`, `clock_skew`, `insufficient_funds`.

        Raises:
            BadInputError: The alias is not usable.
            KeyFileError: The mandate's key cannot be used; nothing was sent.
        """
        parse_alias(ask.alias)
        flight = _Flight()
        with self._ledger.lock:
            other = self._flights.get(ask.order_id)
            if other is None:
                refusal = self._refusal(ask)
                if refusal is not None:
                    return refusal
                self._flights[ask.order_id] = flight
        return self._fly(flight, ask) if other is None else self._join(other)

    def _fly(self, flight: _Flight, ask: Authorise) -> Authorised:
        told: Authorised | None = None
        try:
            told = self._advice(ask) or self._carry(flight, ask)
        finally:
            if told is None:
                told = _accident(flight)
            with self._idle:
                flight.answer = told
                del self._flights[ask.order_id]
                flight.ended.set()
                self._idle.notify_all()
        if told.outcome is Outcome.NOT_PAID and told.reason.startswith("mandate_"):
            self._mandates.doubt(ask.alias)
        return told

    def _carry(self, flight: _Flight, ask: Authorise) -> Authorised | None:
        """Begin the attempt and bring it to its end; None if it ended by a mistake of ours."""
        with self._ledger.lock:
            # While the bank was asked for advice, the order or the payer's day may have changed.
            refusal = self._late_refusal(ask)
            if refusal is not None:
                return refusal
            task = self._prepare(ask)
            flight.key = task.key
            payment, event, _ = self._performer.advance(task, Payment(self._rules), Begin())
        payment, told = self._performer.drive(task, payment, event)
        if payment.phase is Phase.UNRESOLVED:
            self._adopt(task.key, payment)
        return told

    def _advice(self, ask: Authorise) -> Authorised | None:
        """Ask what speaks against sending at all; nothing is journalled but who asks is told."""
        skew_s = self._bank.health().clock_skew_s
        if skew_s is not None and abs(skew_s) > CLOCK_SKEW_S_MAX:
            logger.error("the bank's clock is %d s from ours; no payment is begun", round(skew_s))
            self._mandates.doubt(ask.alias)  # asking the bank anything measures it again
            return _no("clock_skew")
        if not self._bank.capabilities.funds_check:
            return None
        ref = self._mandates.ref_of(ask.alias)
        assert ref is not None, "an active mandate has the bank's id"
        funds = self._bank.check_funds(ref, ask.amount)
        return _no("insufficient_funds") if funds is Funds.NO else None

    def _late_refusal(self, ask: Authorise) -> Authorised | None:
        entry = self._ledger.book.orders[ask.order_id]
        if entry.state is not OrderState.OPEN:
            return self._refusal_of_state(entry)
        facts = self._mandates.facts(ask.alias)
        reason = "mandate_unknown" if facts is None else limit_refusal(facts, entry.order.amount)
        return None if reason is None else _no(reason)

    @staticmethod
    def _join(flight: _Flight) -> Authorised:
        flight.ended.wait(JOIN_S_MAX)
        return flight.answer or Authorised(Outcome.UNKNOWN, "still_in_flight")

    def _refusal(self, ask: Authorise) -> Authorised | None:
        """Check in order: the order, the nonce, the amount, the mandate, the limits, the PIN."""
        entry = self._ledger.book.orders.get(ask.order_id)
        if entry is None:
            return _no("order_unknown")
        if entry.state is OrderState.OPEN:
            return self._refusal_of_open(ask, entry.order)
        return self._refusal_of_state(entry)

    @staticmethod
    def _refusal_of_state(entry: OrderEntry) -> Authorised:
        match entry.state:
            case OrderState.PAID:
                return Authorised(Outcome.PAID, "already_paid")
            case OrderState.IN_FLIGHT | OrderState.UNKNOWN:
                return Authorised(Outcome.UNKNOWN, entry.reason or "no_answer")
            case OrderState.CANCELLED:
                return _no("order_cancelled")
            case OrderState.PAID_ELSEWHERE:
                return _no("order_paid_elsewhere")
            case OrderState.OPEN:
                raise AssertionError("an open order has no answer yet")

    def _refusal_of_open(self, ask: Authorise, order: Order) -> Authorised | None:
        offer = self._offers.take(ask.order_id, ask.nonce)
        if offer is None:
            return _no("nonce_stale")
        if ask.amount != order.amount:
            return _no("amount_differs")
        facts = self._mandates.facts(ask.alias)
        if facts is None:
            return _no("mandate_unknown")
        reason = limit_refusal(facts, order.amount)
        if reason is not None:
            if facts.state is not MandateState.ACTIVE:
                self._mandates.doubt(ask.alias)  # the bank may have let it be active again
            return _no(reason)
        if ask.pin_token is not None:
            proven = offer.proves(ask.alias, ask.pin_token, self._clock.steady_ms())
            return None if proven else _no("pin_token_bad")
        if ask.basis is not Basis.FACE or needs_pin(facts, order.amount, self._config.no_pin):
            return _no("pin_required")
        return None

    def _prepare(self, ask: Authorise) -> Task:
        entry = self._ledger.book.orders[ask.order_id]
        order = entry.order
        ref = self._mandates.ref_of(ask.alias)
        assert ref is not None, "an active mandate has the bank's id"
        key = self._keys.payment_key(order.order_id, len(entry.keys))
        request = self._bank.prepare(
            Intent(
                key=key,
                order_id=order.order_id,
                amount=order.amount,
                payee=order.payee,
                mandate_ref=ref,
                reference=reference_of(key),
                at_s=int(self._clock.now().timestamp()),
            )
        )
        plain = msgspec.json.encode(SealedRequest(request.body, request.headers))
        intent = IntentStored(
            at=self._ledger.time(),
            key=key,
            order_id=order.order_id,
            alias=ask.alias,
            amount=order.amount,
            basis=ask.basis,
            consent=ask.consent,
            pin_verified=ask.pin_token is not None,
            on_screen=ask.on_screen,
            sealed_request=self._keys.seal(ask.alias, "request", key, plain),
        )
        return Task(key, intent, request, ref)


def _accident(flight: _Flight) -> Authorised:
    """Tell who waits what a mistake of ours, or a key file that cannot be read, left behind."""
    if flight.key is None:
        return _no("not_begun")  # nothing was journalled, so nothing was sent
    logger.error("a payment ended by a mistake of ours; its outcome is looked up")
    return Authorised(Outcome.UNKNOWN, "internal_error")


def _no(reason: str) -> Authorised:
    return Authorised(Outcome.NOT_PAID, reason)
