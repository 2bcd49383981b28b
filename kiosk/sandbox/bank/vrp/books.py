"""The open-banking side of the sandbox bank's books: one class, all that the door may ask.

It speaks UK Open Banking VRP v4.0 in bodies and refusals (`ObError`), and knows nothing of HTTP,
tokens or signatures. Safe to use from many threads; the time is the ledger's.
Invariant: every method is one transaction. Before it does anything, all that is due by the bank's
clock happens in it: statuses are taken, money moves, consents expire, events are queued.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from kiosk.sandbox.bank.ledger import Ledger, TooLateError
from kiosk.sandbox.bank.vrp import bodies, consents, events, payments
from kiosk.sandbox.bank.vrp.ladder import Final, Ladder, Status, read_ladder
from kiosk.sandbox.bank.vrp.schema import MIGRATIONS
from kiosk.sandbox.bank.vrp.turn import Turn

SETTLE_S = 0.2
"""How long a payment stays accepted before it is settled, unless scripted otherwise."""


class VrpBooks:
    """Consents, payments, events and subscriptions on the ledger's own file."""

    def __init__(
        self, ledger: Ledger, base_url: str, *, issuer: str = "", is_commercial: bool = False
    ) -> None:
        """Make the tables if need be.

        Args:
            ledger: The books; not closed here.
            base_url: Where the door listens; only scheme, host and port are used.
            issuer: The `iss` of events; the door's address if empty.
            is_commercial: Speak commercial VRP (more VRP types, no cancelled payments).
        """
        parts = urlsplit(base_url)
        self._ledger = ledger
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._issuer = issuer or self._origin
        self._personality = bodies.Personality(is_commercial)
        self._ladder = Ladder({Status.SETTLED: SETTLE_S})
        self._trouble = events.EventTrouble()
        self.house_rules = payments.HouseRules()
        """What is refused beyond the standard; a restarted bank has forgotten it."""
        with ledger.transaction() as books:
            MIGRATIONS.apply(books.db)
        ledger.before_counting(self.advance)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[Turn]:
        with self._ledger.transaction() as books:
            turn = Turn(books, self._origin, self._issuer, self._personality)
            payments.climb_due(turn)
            consents.expire_due(turn)
            yield turn

    # --- consents -----------------------------------------------------------------------------

    def create_consent(self, client_id: str, key: str, digest: str, body: object) -> dict[str, Any]:
        """Answer `POST /domestic-vrp-consents`; a known key gets the consent as it is now.

        Args:
            client_id: Who asks.
            key: Idempotency key.
            digest: Hash of the request's exact bytes.
            body: The JSON that was sent.

        Raises:
            ObError: The request is refused.
        """
        with self._turn() as turn:
            return consents.create_consent(turn, client_id, key, digest, body)

    def consent(self, client_id: str, consent_id: str) -> dict[str, Any]:
        """Answer `GET /domestic-vrp-consents/{ConsentId}`.

        Raises:
            ObError: U011 or 403.
        """
        with self._turn() as turn:
            return consents.consent_answer(turn, consents.own_consent(turn, client_id, consent_id))

    def delete_consent(self, client_id: str, consent_id: str) -> None:
        """Answer `DELETE /domestic-vrp-consents/{ConsentId}`.

        Raises:
            ObError: U011 or 403.
        """
        with self._turn() as turn:
            consents.delete(turn, client_id, consent_id)

    def decide_consent(self, consent_id: str, decision: str, account: str | None = None) -> None:
        """Let the payer or the bank decide about a consent.

        Args:
            consent_id: The consent.
            decision: `approve`, `reject`, `suspend`, `reauthorise` or `expire`.
            account: Which account to pay from, as `consent_for_page` names them; the first if None.

        Raises:
            ObError: U011, U002 or U009.
        """
        with self._turn() as turn:
            consents.decide(turn, consent_id, decision, account)

    def consent_for_page(self, consent_id: str) -> dict[str, Any]:
        """Return what the payer is shown: payee, limits, status and the accounts to pick from.

        Raises:
            ObError: U011.
        """
        with self._turn() as turn:
            return consents.page(turn, consent_id)

    def set_account_state(self, consent_id: str, state: str) -> None:
        """Make the account of a consent `open`, `closed` or `blocked`.

        Raises:
            ObError: U011, U002 or U009.
        """
        with self._turn() as turn:
            consents.set_account_state(turn, consent_id, state)

    # --- payments -----------------------------------------------------------------------------

    def confirm_funds(
        self, client_id: str, token_consent_id: str, consent_id: str, body: object
    ) -> dict[str, Any]:
        """Answer `POST /domestic-vrp-consents/{ConsentId}/funds-confirmation`.

        Raises:
            ObError: The request is refused.
        """
        with self._turn() as turn:
            return payments.funds_answer(turn, (client_id, token_consent_id), consent_id, body)

    def create_payment(
        self,
        client_id: str,
        token_consent_id: str,
        key: str,
        digest: str,
        body: object,
        in_time: Callable[[], bool],
    ) -> dict[str, Any]:
        """Answer `POST /domestic-vrps`; a known key gets the payment as it is now.

        Args:
            client_id: Who asks.
            token_consent_id: The consent that the access token was given for.
            key: Idempotency key; remembered for 24 hours of the bank's clock.
            digest: Hash of the request's exact bytes.
            body: The JSON that was sent.
            in_time: Whether this request may still be executed; asked under the lock.

        Raises:
            ObError: The request is refused; nothing was made or remembered.
            TooLateError: `in_time` said no; nothing was made or remembered.
        """
        with self._turn() as turn:
            if not in_time():
                raise TooLateError
            return payments.create_payment(
                turn,
                (client_id, token_consent_id),
                key,
                digest,
                body,
                self._ladder,
                house_rules=self.house_rules,
            )

    def payment(self, client_id: str, payment_id: str) -> dict[str, Any]:
        """Answer `GET /domestic-vrps/{DomesticVRPId}`.

        Raises:
            ObError: U011 or 403.
        """
        with self._turn() as turn:
            return payments.payment_answer(turn, payments.own_payment(turn, client_id, payment_id))

    def payment_details(self, client_id: str, payment_id: str) -> dict[str, Any]:
        """Answer `GET /domestic-vrps/{DomesticVRPId}/payment-details`.

        Raises:
            ObError: U011 or 403.
        """
        with self._turn() as turn:
            return payments.details_answer(turn, payments.own_payment(turn, client_id, payment_id))

    def advance(self) -> None:
        """Let happen what is due by now; every other method does so first."""
        with self._turn():
            pass

    # --- scripts ------------------------------------------------------------------------------

    def set_ladder(
        self, delays_s: Mapping[str, float], final: str = "settle", reason: str = "AM04"
    ) -> None:
        """Script the statuses of payments to come; a restarted bank settles again.

        Args:
            delays_s: Seconds before each named status, from the step before.
            final: `settle`, `reject`, `block` or (not commercial) `cancel`. A rejection that
                names no other status and no delay is in the answer to the POST.
            reason: `StatusReasonCode` of a rejection.

        Raises:
            ValueError: Something in it is not known.
        """
        may_cancel = not self._personality.is_commercial
        self._ladder = read_ladder(delays_s, final, reason, may_cancel=may_cancel)

    def speak_commercial(self, *, is_commercial: bool) -> None:
        """Change between commercial VRP and VRP for requests to come."""
        self._personality = bodies.Personality(is_commercial)
        if is_commercial and self._ladder.final is Final.CANCEL:
            self._ladder = Ladder()

    def set_event_trouble(self, *, delay_s: float = 0.0, newest_first: bool = False) -> None:
        """Script late or reordered events; without arguments they are in time and in order."""
        self._trouble = events.EventTrouble(delay_s, newest_first)

    # --- events -------------------------------------------------------------------------------

    def poll_events(self, client_id: str, body: object) -> dict[str, Any]:
        """Answer `POST /events`, with claims in place of signed tokens.

        Raises:
            ObError: The request is refused.
        """
        request = bodies.check_poll(body)
        with self._turn() as turn:
            return events.poll_events(turn, client_id, request, self._trouble)

    def create_subscription(self, client_id: str, body: object) -> dict[str, Any]:
        """Answer `POST /event-subscriptions`.

        Raises:
            ObError: The request is refused.
        """
        request = bodies.check_subscription(body)
        with self._turn() as turn:
            return events.create_subscription(turn, client_id, request)

    def subscriptions(self, client_id: str) -> dict[str, Any]:
        """Answer `GET /event-subscriptions`."""
        with self._turn() as turn:
            return events.list_subscriptions(turn, client_id)

    def change_subscription(
        self, client_id: str, subscription_id: str, body: object
    ) -> dict[str, Any]:
        """Answer `PUT /event-subscriptions/{EventSubscriptionId}`.

        Raises:
            ObError: The request is refused.
        """
        request = bodies.check_subscription(body, subscription_id)
        with self._turn() as turn:
            return events.change_subscription(turn, client_id, subscription_id, request)

    def delete_subscription(self, client_id: str, subscription_id: str) -> None:
        """Answer `DELETE /event-subscriptions/{EventSubscriptionId}`.

        Raises:
            ObError: U011.
        """
        with self._turn() as turn:
            events.delete_subscription(turn, client_id, subscription_id)
