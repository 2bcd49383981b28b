"""The bank port on top of a payment service for cards on file, in the public shape of Stripe's.

A mandate is a customer at the service with one saved card; the cardholder types its number into
the service's own page, never into anything of ours. A payment is a PaymentIntent that is made and
confirmed off session in one request; where the card's issuer wants the cardholder to authenticate,
that is a refusal: at a counter there is another way to pay.

The mandate's limits are ours alone: a card has none (`limits_at_bank` is False), so the engine's
own check of them is the only one.
What answers mean is decided in `meaning.py`, finding by key in `lookup.py`.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote

from kiosk.domain.errors import SetupError
from kiosk.domain.ids import IdempotencyKey, MandateRef, OrderId, PayerAlias
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.money.banks.cards import meaning
from kiosk.money.banks.cards.account import AccountSource
from kiosk.money.banks.cards.client import CardsClient, Reply, base_headers, encode
from kiosk.money.banks.cards.lookup import Lookup, items_of
from kiosk.money.banks.cards.meaning import REQUIRES_ACTION, Expected
from kiosk.money.banks.cards.news import News, Readers
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.exchange import Failure
from kiosk.money.banks.port import (
    BankAnswer,
    BankContext,
    BankEvent,
    BankHealth,
    BankMandate,
    Capabilities,
    EventBatch,
    Funds,
    Intent,
    OutcomeKind,
    Prepared,
    RefundIntent,
    RefundMode,
    Sought,
)

SANDBOX_CARD = "4242"
OPTIONS = {"sandbox_card": re.compile(r"[0-9]{4}"), "return_url": re.compile(r"https://\S{1,500}")}
RETURN_URL = "https://example.invalid/card-saved"
"""Where the service's page leads after the card was saved; nobody has to be there."""

_CAPABILITIES = Capabilities(
    is_sandbox=True,
    # The public documentation promises 24 hours at least.
    idempotency_life_s=86_400,
    min_resend_s=1.0,
    lookup_by_key=True,
    # The sandbox executes within 5 s of a request's arrival or never.
    arrival_s_max=10.0,
    headless_approval=True,
    lookup_by_ref=True,
    events=True,
    refund=RefundMode.API,
    limits_at_bank=False,
)
REAL_ARRIVAL_S_MAX = 180.0
"""An assumption, on the safe side: no promise is published. The service's own libraries wait 80 s
for an answer, so a request can be at work for that long; the rest is a margin."""

_CUSTOMER = re.compile(r"cus_[A-Za-z0-9]{1,60}", re.ASCII)
_METHOD = re.compile(r"pm_[A-Za-z0-9]{1,60}", re.ASCII)
_SESSION = re.compile(r"cs_[A-Za-z0-9_]{1,100}", re.ASCII)
_LAST4 = re.compile(r"[0-9]{4}", re.ASCII)


class CardsBank:
    """The connector. Threads may share it."""

    def __init__(self, context: BankContext) -> None:
        """Take what it is made with; nothing is sent or read yet."""
        self._context = context
        self._secrets = context.secrets
        self._source = AccountSource(context)
        self._client = CardsClient(self._source)
        self._lookup = Lookup(self._client)
        self._news = News(
            self._client,
            context.secrets,
            Readers(
                self._payment_event, self._refund_event, self._dispute_event, self._mandate_event
            ),
        )
        self._methods: dict[MandateRef, str] = {}
        self._guard = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """What this service can do; in doubt it is a real one."""
        if self._source.is_sandbox:
            account = self._source.account()
            headless = account is None or bool(account.headless_approve_url)
            return replace(_CAPABILITIES, headless_approval=headless)
        return replace(
            _CAPABILITIES,
            is_sandbox=False,
            headless_approval=False,
            arrival_s_max=REAL_ARRIVAL_S_MAX,
        )

    # --- mandates -----------------------------------------------------------------------------

    def begin_mandate(
        self, alias: PayerAlias, limits: MandateLimits, key: IdempotencyKey
    ) -> BankMandate:
        """Make a customer and a page on which a card is saved; simulated customers save one.

        Raises:
            BankUnreachableError: No usable answer; asking again with the same key is safe.
        """
        # The service learns no name and not even our alias of the payer.
        del alias, limits
        made = self._ask("POST", "/v1/customers", {"metadata[mandate]": key}, f"{key}-customer")
        ref = MandateRef(_text(made, "id", _CUSTOMER))
        fields = {
            "mode": "setup",
            "customer": ref,
            "currency": self._context.currency.lower(),
            "success_url": self._context.options.get("return_url", RETURN_URL),
            "payment_method_types[]": "card",
        }
        page = self._ask("POST", "/v1/checkout/sessions", fields, f"{key}-page")
        session, url = _text(page, "id", _SESSION), page.get("url")
        account = self._source.account()
        if account is not None and account.headless_approve_url:
            card = self._context.options.get("sandbox_card", SANDBOX_CARD)
            if not self._client.approve(account, session, card):
                raise BankUnreachableError("its page for cards does not answer")
        found = self.mandate(ref)
        is_pending = found.state is MandateState.PENDING
        return replace(found, approval_url=url) if is_pending and isinstance(url, str) else found

    def mandate(self, ref: MandateRef) -> BankMandate:
        """Read a mandate, and take note of its card once there is one.

        A customer whom the service does not know, or whose card was taken away, authorises nothing.

        Raises:
            BankUnreachableError: No usable answer.
        """
        path = f"/v1/customers/{quote(ref, safe='')}/payment_methods"
        reply = self._client.get(path, {"type": "card", "limit": "1"})
        if isinstance(reply, Failure):
            raise BankUnreachableError(reply.reason.replace("_", " "))
        if reply.is_missing():
            return BankMandate(ref, MandateState.REVOKED, "")
        if reply.status != 200 or not isinstance(reply.body.get("data"), list):
            raise BankUnreachableError(f"it answered with status {reply.status}")
        card = next(items_of(reply), None)
        if card is None:
            had_one = self._method_of(ref) is not None
            return BankMandate(ref, MandateState.REVOKED if had_one else MandateState.PENDING, "")
        details = card.get("card")
        if card.get("customer") != ref or not isinstance(details, dict):
            raise BankUnreachableError("its answer makes no sense")
        self._keep_method(ref, _text(card, "id", _METHOD))
        return BankMandate(ref, MandateState.ACTIVE, f"••{_text(details, 'last4', _LAST4)}")

    def revoke(self, ref: MandateRef) -> None:
        """Delete the customer with the card; one that is gone already is no error.

        Raises:
            BankUnreachableError: No usable answer; asking again is safe.
        """
        reply = self._client.delete(f"/v1/customers/{quote(ref, safe='')}")
        if isinstance(reply, Failure):
            raise BankUnreachableError(reply.reason.replace("_", " "))
        is_gone = reply.is_missing() or (reply.status == 200 and reply.body.get("deleted") is True)
        if not is_gone:
            raise BankUnreachableError(f"it answered with status {reply.status}")
        with self._guard:
            self._methods.pop(ref, None)
        if _CUSTOMER.fullmatch(ref):
            self._secrets.delete(_method_name(ref))

    def check_funds(self, ref: MandateRef, amount: Money) -> Funds:
        """Return `UNKNOWN`: a card cannot be asked without being charged."""
        del ref, amount
        return Funds.UNKNOWN

    # --- payments -----------------------------------------------------------------------------

    def prepare(self, intent: Intent) -> Prepared:
        """Make the request, without the network; the same intent gives the same bytes.

        Without a saved card the request has none, and the service refuses it.
        """
        fields = {
            "amount": str(intent.amount.minor_units),
            "currency": intent.amount.currency.lower(),
            "customer": intent.mandate_ref,
            "confirm": "true",
            "off_session": "true",
            # So that nothing is left waiting for a cardholder who has gone home.
            "error_on_requires_action": "true",
            "description": f"{intent.payee} {intent.reference}",
            "metadata[key]": intent.key,
            "metadata[order]": intent.order_id,
            "metadata[reference]": intent.reference,
        }
        method = self._method_of(intent.mandate_ref)
        if method is not None:
            fields["payment_method"] = method
        return _prepared(intent, fields)

    def submit(self, prepared: Prepared, mandate_ref: MandateRef) -> BankAnswer:
        """Send it once and say what came of it; never raises for anything the network does."""
        self._lookup.remember(prepared.key, "customer", mandate_ref)
        reply = self._send(prepared, "/v1/payment_intents")
        return self._ended(meaning.of_payment(reply, _expected(prepared)), _expected(prepared))

    def find(self, sought: Sought) -> BankAnswer:
        """Ask what became of a payment, by the service's id if known, else by key."""
        expected = _expected(sought)
        if sought.payment_ref is not None:
            path = f"/v1/payment_intents/{quote(sought.payment_ref, safe='')}"
            answer = _looked_up(self._client.get(path), expected, meaning.of_payment)
        else:
            answer = self._lookup.payment(
                sought.key, lambda found: meaning.of_intent(found, expected)
            )
        return self._ended(answer, expected)

    def _ended(self, answer: BankAnswer, expected: Expected) -> BankAnswer:
        """Cancel a payment that waits for its cardholder: only then is "no" certain."""
        if answer.reason != REQUIRES_ACTION or answer.payment_ref is None:
            return answer
        path = f"/v1/payment_intents/{quote(answer.payment_ref, safe='')}/cancel"
        reply = self._client.post(path, {"cancellation_reason": "abandoned"})
        canceled = meaning.of_payment(reply, expected)
        if canceled.kind is OutcomeKind.DECLINED and canceled.payment_ref == answer.payment_ref:
            return canceled
        return answer

    # --- refunds ------------------------------------------------------------------------------

    def prepare_refund(self, intent: RefundIntent) -> Prepared:
        """Make a refund request, without the network."""
        fields = {
            "payment_intent": intent.payment_ref,
            "amount": str(intent.amount.minor_units),
            "metadata[key]": intent.key,
            "metadata[order]": intent.order_id,
            "metadata[reference]": intent.reference,
        }
        return _prepared(intent, fields)

    def submit_refund(self, prepared: Prepared) -> BankAnswer:
        """Send a refund once; never raises for anything the network does."""
        payment = dict(parse_qsl(prepared.body.decode("ascii"))).get("payment_intent", "")
        self._lookup.remember(prepared.key, "payment_intent", payment)
        return meaning.of_refund(self._send(prepared, "/v1/refunds"), _expected(prepared))

    def find_refund(self, sought: Sought) -> BankAnswer:
        """Ask what became of a refund, as `find`."""
        expected = _expected(sought)
        if sought.payment_ref is None:
            return self._lookup.refund(
                sought.key, lambda found: meaning.of_refund_object(found, expected)
            )
        path = f"/v1/refunds/{quote(sought.payment_ref, safe='')}"
        return _looked_up(self._client.get(path), expected, meaning.of_refund)

    # --- news and health ----------------------------------------------------------------------

    def events(self) -> EventBatch:
        """Poll for news.

        Raises:
            BankUnreachableError: The service did not answer.
        """
        return self._news.poll()

    def acknowledge(self, event_ids: tuple[str, ...]) -> None:
        """Move on past these events, for good."""
        self._news.acknowledge(event_ids)

    def health(self) -> BankHealth:
        """Say what the last exchange taught of the service's clock."""
        return BankHealth(self._client.clock_skew_s)

    def close(self) -> None:
        """Do nothing: no connection outlives its exchange."""

    def _payment_event(self, event_id: str, intent: str) -> BankEvent | None:
        found = self._fresh("payment_intents", intent)
        ours = self._ours(found)
        if ours is None:
            return None
        expected, reference = ours
        answer = meaning.of_intent(found, expected)
        dispute = self._dispute_of(found) if answer.kind is OutcomeKind.SETTLED else None
        if dispute is not None:
            # A late "succeeded" must not undo what the chargeback did.
            return self._chargeback(event_id, expected, reference, answer)
        return BankEvent(event_id, reference, expected.amount, self._ended(answer, expected))

    def _refund_event(self, event_id: str, refund: str) -> BankEvent | None:
        found = self._fresh("refunds", refund)
        ours = self._ours(found)
        if ours is None:
            return None
        expected, reference = ours
        answer = meaning.of_refund_object(found, expected)
        return BankEvent(event_id, reference, expected.amount, answer, is_refund=True)

    def _dispute_event(self, event_id: str, dispute: str) -> BankEvent | None:
        told = self._fresh("disputes", dispute)
        intent = told.get("payment_intent")
        if not meaning.takes_money_back(told) or not isinstance(intent, str):
            return None
        found = self._fresh("payment_intents", intent)
        ours = self._ours(found)
        if ours is None:
            return None
        expected, reference = ours
        return self._chargeback(event_id, expected, reference, meaning.of_intent(found, expected))

    @staticmethod
    def _chargeback(
        event_id: str, expected: Expected, reference: str, answer: BankAnswer
    ) -> BankEvent:
        denied = BankAnswer(OutcomeKind.DECLINED, "disputed", answer.payment_ref)
        return BankEvent(event_id, reference, expected.amount, denied, takes_back=True)

    def _dispute_of(self, found: dict[str, Any]) -> dict[str, Any] | None:
        """Return the dispute that took a payment's money back, if there is one."""
        reply = self._client.get(
            "/v1/disputes", {"payment_intent": str(found.get("id")), "limit": "10"}
        )
        if isinstance(reply, Failure) or reply.status != 200:
            raise BankUnreachableError("it does not say whether a payment is disputed")
        return next((it for it in items_of(reply) if meaning.takes_money_back(it)), None)

    def _fresh(self, family: str, name: str) -> dict[str, Any]:
        """Read what news are about as it is now."""
        reply = self._client.get(f"/v1/{family}/{quote(name, safe='')}")
        if isinstance(reply, Failure) or reply.status != 200:
            raise BankUnreachableError("it does not say what its news are about")
        return reply.body

    def _ours(self, found: dict[str, Any]) -> tuple[Expected, str] | None:
        """Return whose payment or refund this is, and its reference; None: not one of ours."""
        metadata, units = found.get("metadata"), found.get("amount")
        if not isinstance(metadata, dict) or type(units) is not int or units < 0:
            return None
        key, order, reference = (metadata.get(name) for name in ("key", "order", "reference"))
        if not (isinstance(key, str) and isinstance(order, str) and isinstance(reference, str)):
            return None  # of the same account, by another program
        if found.get("currency") != self._context.currency.lower():
            return None
        amount = Money(units, self._context.currency)
        return Expected(IdempotencyKey(key), OrderId(order), amount), reference

    def _mandate_event(self, event_id: str, ref: MandateRef) -> BankEvent:
        state = self.mandate(ref).state
        return BankEvent(event_id, mandate_ref=ref, mandate_state=state)

    # --- inside -------------------------------------------------------------------------------

    def _send(self, prepared: Prepared, path: str) -> Reply | Failure:
        return self._client.send("POST", path, prepared.body, dict(prepared.headers))

    def _ask(self, method: str, path: str, fields: dict[str, str], key: str) -> dict[str, Any]:
        assert method == "POST", "only changes have keys"
        reply = self._client.post(path, fields, key)
        if isinstance(reply, Failure):
            raise BankUnreachableError(reply.reason.replace("_", " "))
        if reply.status != 200:
            raise BankUnreachableError(f"it answered with status {reply.status}")
        return reply.body

    def _method_of(self, ref: MandateRef) -> str | None:
        with self._guard:
            known = self._methods.get(ref)
        if known is not None or not _CUSTOMER.fullmatch(ref):
            return known
        try:
            sealed = self._secrets.get(_method_name(ref))
        except SetupError:
            return None  # unreadable is as good as absent: the service will refuse
        return None if sealed is None else sealed.decode("ascii")

    def _keep_method(self, ref: MandateRef, method: str) -> None:
        if self._method_of(ref) != method:
            self._secrets.put(_method_name(ref), method.encode("ascii"))
        with self._guard:
            self._methods[ref] = method


def open_cards(context: BankContext) -> CardsBank:
    """Make the connector.

    Args:
        context: Without the bank secret `cards` and without an address, the sandbox of its
            `data_dir` is meant. Options: `sandbox_card`, the last four digits of the test card that
            simulated customers save; `return_url`, where the service's page leads.

    Raises:
        SetupError: There is an option that it does not know or cannot use.
    """
    for name, value in context.options.items():
        if name not in OPTIONS or not OPTIONS[name].fullmatch(value):
            raise SetupError(
                "An option of the connector for cards cannot be used.",
                code="bank_options_bad",
                mend=f"Under [bank.options] use only: {', '.join(sorted(OPTIONS))}.",
            )
    return CardsBank(context)


def _prepared(intent: Intent | RefundIntent, fields: dict[str, str]) -> Prepared:
    headers = (*base_headers(), ("Idempotency-Key", intent.key))
    return Prepared(intent.key, intent.order_id, intent.amount, encode(fields), headers)


def _expected(what: Prepared | Sought) -> Expected:
    return Expected(what.key, what.order_id, what.amount)


def _looked_up(reply: Reply | Failure, expected: Expected, judge: Any) -> BankAnswer:
    """Judge a look-up by id: that it fails says nothing about the payment."""
    answer: BankAnswer = judge(reply, expected)
    is_told = isinstance(reply, Reply) and reply.status == 200
    return answer if is_told else BankAnswer(OutcomeKind.UNKNOWN, answer.reason)


def _text(found: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise BankUnreachableError("its answer makes no sense")
    return value


def _method_name(ref: MandateRef) -> str:
    return f"cards-{ref}"
