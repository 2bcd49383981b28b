"""Comparing a PIN: counted before, constant in its answers, and proven by a token after.

A payer whom money does not know, or whose mandate is revoked, is answered in the same words and
after the same work as one whose PIN was wrong.
"""

from __future__ import annotations

from kiosk.domain.ids import PayerAlias
from kiosk.domain.order import OrderState
from kiosk.domain.pin import is_pin
from kiosk.link.protocol import PinVerdict, VerifyPin
from kiosk.money.clock import Clock
from kiosk.money.config import MoneyConfig
from kiosk.money.keys import parse_alias
from kiosk.money.ledger import Ledger
from kiosk.money.mandates import MandateDesk
from kiosk.money.offers import Offers
from kiosk.money.pin_counter import PinCounter, attempts_left, pin_refusal, terminal_refusal
from kiosk.money.pin_hash import PinHasher
from kiosk.money.records import PinAttempted, PinVerified


class PinDesk:
    """Verifies PINs for open orders. Safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        mandates: MandateDesk,
        offers: Offers,
        hasher: PinHasher,
        clock: Clock,
        config: MoneyConfig,
    ) -> None:
        """Take what it works with."""
        self._ledger = ledger
        self._mandates = mandates
        self._offers = offers
        self._hasher = hasher
        self._clock = clock
        self._config = config

    def verify(self, ask: VerifyPin) -> PinVerdict:
        """Compare what was typed, for one order and the nonce that is out for it.

        Reasons of a refusal: `pin_format`, `order_not_open`, `nonce_stale` (none of which count as
        attempts), `pin_locked`, `pin_too_soon`, `pin_terminal_paused`, `pin_wrong`.

        Raises:
            BadInputError: The alias is not usable.
            JournalWriteError, KeyFileError: The PIN was not compared.
        """
        parse_alias(ask.alias)
        with self._ledger.lock:
            refusal = self._refusal(ask)
            if refusal is not None:
                return self._verdict(ask, refusal)
            hidden = self._begin(ask.alias)
        if not self._hasher.matches(hidden, ask.pin):
            return self._verdict(ask, "pin_wrong")
        ends_at_ms = self._clock.steady_ms() + int(self._config.pin_token_life_s * 1_000)
        with self._ledger.lock:
            self._ledger.append(PinVerified(self._ledger.time(), ask.alias))
            token = self._offers.prove(ask.order_id, ask.nonce, ask.alias, ends_at_ms)
            return self._verdict(ask, "" if token is not None else "nonce_stale", token)

    def compare(self, alias: PayerAlias, pin: str) -> tuple[str, int]:
        """Compare what was typed without an order, under the same counters.

        Returns:
            The reason of a refusal as in `verify` (empty: the PIN is right), and the tries left.

        Raises:
            BadInputError: The alias is not usable.
            JournalWriteError, KeyFileError: The PIN was not compared.
        """
        parse_alias(alias)
        with self._ledger.lock:
            refusal = None if is_pin(pin) else "pin_format"
            refusal = refusal or self._wait(alias)
            if refusal is not None:
                return refusal, self._left(alias)
            hidden = self._begin(alias)
        if not self._hasher.matches(hidden, pin):
            return "pin_wrong", self._left(alias)
        with self._ledger.lock:
            self._ledger.append(PinVerified(self._ledger.time(), alias))
            return "", self._left(alias)

    def _begin(self, alias: PayerAlias) -> str | None:
        """Count an attempt, and return the verifier to compare with."""
        self._ledger.append(PinAttempted(self._ledger.time(), alias))
        hidden = self._mandates.secrets_of(alias)
        return None if hidden is None else hidden.pin_verifier

    def _refusal(self, ask: VerifyPin) -> str | None:
        if not is_pin(ask.pin):
            return "pin_format"
        order = self._ledger.book.orders.get(ask.order_id)
        if order is None or order.state is not OrderState.OPEN:
            return "order_not_open"
        if not self._offers.fits(ask.order_id, ask.nonce):
            return "nonce_stale"
        return self._wait(ask.alias)

    def _wait(self, alias: PayerAlias) -> str | None:
        now = self._clock.now()
        failures = (at for _, at in self._ledger.book.terminal_failures)
        return terminal_refusal(failures, now, self._config.pin) or pin_refusal(
            self._counter(alias), now, self._config.pin
        )

    def _verdict(self, ask: VerifyPin, reason: str, token: str | None = None) -> PinVerdict:
        return PinVerdict(token is not None, reason, self._left(ask.alias), token)

    def _left(self, alias: PayerAlias) -> int:
        with self._ledger.lock:
            return attempts_left(self._counter(alias), self._clock.now(), self._config.pin)

    def _counter(self, alias: PayerAlias) -> PinCounter:
        return self._ledger.book.pins.get(alias, PinCounter())
