"""One-time words: the nonce that goes out with an order, and the token that proves a PIN for it.

They live in memory only and die with the process; the ledger's lock guards them.
Each is used at most once, and a new nonce for an order ends the one before it and its token.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hmac import compare_digest

from kiosk.domain.ids import OrderId, OrderNonce, PayerAlias

WORD_BYTES = 16
"""128 bits: not to be guessed."""
OFFERS_MAX = 1_000
"""As many as orders may be open; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class PinProof:
    """That this payer's PIN was right, until a time."""

    alias: PayerAlias
    token: str
    ends_at_ms: int

    def proves(self, alias: PayerAlias, token: str, at_ms: int) -> bool:
        """Say whether a token is this one, for this payer, in time."""
        fits = compare_digest(self.token.encode(), token.encode())
        return fits and self.alias == alias and at_ms < self.ends_at_ms


@dataclass(frozen=True, slots=True)
class Offer:
    """The word that is out for an order, and a PIN that was proven for it."""

    nonce: OrderNonce
    proof: PinProof | None = None

    def proves(self, alias: PayerAlias, token: str | None, at_ms: int) -> bool:
        """Say whether a token proves this payer's PIN now."""
        return (
            token is not None and self.proof is not None and self.proof.proves(alias, token, at_ms)
        )


class Offers:
    """The words that are out now."""

    def __init__(self) -> None:
        """Start with none."""
        self._offers: dict[OrderId, Offer] = {}

    def issue(self, order_id: OrderId) -> OrderNonce:
        """Make a new nonce for an order."""
        nonce = OrderNonce(secrets.token_urlsafe(WORD_BYTES))
        self._offers.pop(order_id, None)
        self._offers[order_id] = Offer(nonce)
        if len(self._offers) > OFFERS_MAX:
            del self._offers[next(iter(self._offers))]
        return nonce

    def fits(self, order_id: OrderId, nonce: OrderNonce) -> bool:
        """Say whether this is the nonce that is out for an order."""
        offer = self._offers.get(order_id)
        return offer is not None and compare_digest(offer.nonce.encode(), nonce.encode())

    def prove(
        self, order_id: OrderId, nonce: OrderNonce, alias: PayerAlias, ends_at_ms: int
    ) -> str | None:
        """Make a token for a payer whose PIN was right; None if the nonce is not out any more."""
        if not self.fits(order_id, nonce):
            return None
        token = secrets.token_urlsafe(WORD_BYTES)
        proof = PinProof(alias, token, ends_at_ms)
        self._offers[order_id] = Offer(nonce, proof)
        return token

    def take(self, order_id: OrderId, nonce: OrderNonce) -> Offer | None:
        """Use an offer up: return it, once, to who has its nonce."""
        if not self.fits(order_id, nonce):
            return None
        return self._offers.pop(order_id)

    def withdraw(self, order_id: OrderId) -> None:
        """End the offer of an order, if there is one."""
        self._offers.pop(order_id, None)
