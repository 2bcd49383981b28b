"""What faces asks of money, with one reconnection and no guess about money.

Every question but the authorisation may be asked again after a lost connection.
An authorisation is sent once; what became of it is asked by order, never by sending it again.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Self, TypeVar

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import OrderId, OrderNonce, PayerAlias
from kiosk.domain.mandate import MandateFacts
from kiosk.domain.order import Order, OrderState, Outcome
from kiosk.link.client import CALL_S_MAX, LinkClient
from kiosk.link.protocol import (
    PROTOCOL_VERSION,
    AnyMessage,
    Authorise,
    Authorised,
    Facts,
    GetFacts,
    GetOrder,
    GetOrderStatus,
    Hello,
    OrderOffer,
    OrderStatus,
    PinVerdict,
    Role,
    VerifyPin,
)
from kiosk.link.rights import PinProven, ProvePin
from kiosk.link.sockets import LinkDownError

AUTHORISE_S_MAX = 45.0
"""Seconds of silence; money's own window for unclear answers (25 s) ends well before."""

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)


class MoneyLink:
    """One session's connection to money, made at the first question.

    Args:
        run_dir: Where money's socket lies.
        camera: The kind of camera of this session, declared in the handshake; None without one.
        sandbox_only: Whether anything of this session must never meet a real bank.
    """

    def __init__(self, run_dir: Path, camera: CameraKind | None, *, sandbox_only: bool) -> None:
        """Remember what to declare."""
        self._run_dir = run_dir
        self._hello = Hello(PROTOCOL_VERSION, Role.FACES, camera, sandbox_only)
        self._client: LinkClient | None = None

    def __enter__(self) -> Self:
        """Return the link, not yet connected."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.close()

    def close(self) -> None:
        """Hang up; the next question connects anew."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def ask(
        self, message: AnyMessage, expect: type[Answer], timeout_s: float = CALL_S_MAX
    ) -> Answer:
        """Ask a question that does no harm when asked twice.

        Raises:
            LinkDownError: Money cannot be reached, twice.
            SmileTillError: Money refuses.
        """
        try:
            return self._connected().call(message, expect, timeout_s=timeout_s)
        except LinkDownError:
            logger.info("money went away once; asking again")
            self.close()
            return self._connected().call(message, expect, timeout_s=timeout_s)

    def order(self, order_id: OrderId) -> OrderOffer:
        """Get an order, with the nonce of this session."""
        return self.ask(GetOrder(order_id), OrderOffer)

    def facts(self, alias: PayerAlias) -> MandateFacts | None:
        """Get the mandate facts of a payer."""
        return self.ask(GetFacts(alias), Facts).facts

    def verify_pin(
        self, alias: PayerAlias, order_id: OrderId, nonce: OrderNonce, pin: str
    ) -> PinVerdict:
        """Have a PIN checked, once: each asking counts as an attempt."""
        try:
            return self._connected().call(VerifyPin(alias, order_id, nonce, pin), PinVerdict)
        except LinkDownError:
            self.close()
            raise

    def prove_pin(self, alias: PayerAlias, pin: str) -> PinProven:
        """Have a PIN checked without an order, once: each asking counts as an attempt."""
        try:
            return self._connected().call(ProvePin(alias, pin), PinProven)
        except LinkDownError:
            self.close()
            raise

    def authorise(
        self,
        order: Order,
        nonce: OrderNonce,
        alias: PayerAlias,
        *,
        basis: Basis,
        consent: ConsentKind,
        pin_token: str | None,
        on_screen: bool = False,
    ) -> Authorised:
        """Ask for the money, once.

        Raises:
            LinkDownError: Its answer was lost; ask `outcome`.
        """
        message = Authorise(
            order.order_id, order.amount, nonce, alias, basis, consent, pin_token, on_screen
        )
        try:
            return self._connected().call(message, Authorised, timeout_s=AUTHORISE_S_MAX)
        except LinkDownError:
            self.close()
            raise

    def outcome(self, order_id: OrderId) -> tuple[Outcome, str] | None:
        """Ask what became of an order after an authorisation whose answer was lost.

        A fresh nonce is drawn first: it makes the lost authorisation, should it still lie in a
        buffer somewhere, worthless, so that "still open" means that it was never begun.

        Returns:
            The outcome and its reason, or None while it is in flight.
        """
        offer = self.ask(GetOrder(order_id), OrderOffer)
        match offer.state:
            case OrderState.PAID:
                return Outcome.PAID, offer.reason
            case OrderState.UNKNOWN:
                return Outcome.UNKNOWN, offer.reason
            case OrderState.IN_FLIGHT:
                return None
            case OrderState.OPEN:
                return Outcome.NOT_PAID, offer.reason or "never_begun"
            case OrderState.CANCELLED | OrderState.PAID_ELSEWHERE:
                return Outcome.CANCELLED, offer.state.value

    def status(self, order_id: OrderId) -> OrderStatus:
        """Get how far an order has come."""
        return self.ask(GetOrderStatus(order_id), OrderStatus)

    def _connected(self) -> LinkClient:
        if self._client is None:
            self._client = LinkClient(self._run_dir, "money", self._hello)
        return self._client
