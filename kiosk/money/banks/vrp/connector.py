"""The bank port on top of UK Open Banking VRP: one consent a payer, one payment an order.

What an exchange means is decided here (`_meaning_of_post`) and in `answers`:
- no connection was made, or what a payment needs beforehand (keys, a token) is missing: `NOT_SENT`;
- the bank's signed word about this very payment: `SETTLED`, `ACCEPTED` or `DECLINED`;
- a signed refusal that says that nothing was executed, a 401 that names the end of the token
  included: `DECLINED`;
- everything else, unsigned answers, 409, 429 and 5xx included: `UNKNOWN`.
No answer to a payment is `DECLINED` unless it names our interaction id and was signed after we sent
the request: a refusal does not say what it refuses, and an earlier one would pass for this one. An
unsigned 401 stays `UNKNOWN` whatever the consent says: a bank may execute, and its gateway refuse.
VRP cannot be asked by our own key: a payment whose answer was lost is resent by the engine (the
bank answers the same key with the same payment), or found by events.
The access token is added while sending: it is a secret and does not belong into the journal.
There is no refund: somebody makes an outgoing payment (`RefundMode.MANUAL`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from urllib.parse import quote

from kiosk.domain.errors import SetupError, SmileTillError
from kiosk.domain.ids import IdempotencyKey, MandateRef, PayerAlias
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.exchange import Failure, Timeouts
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
from kiosk.money.banks.vrp import answers, bodies
from kiosk.money.banks.vrp.answers import Asked, BankRefusal, PaymentFacts
from kiosk.money.banks.vrp.events import EventReader
from kiosk.money.banks.vrp.jose import SignatureError
from kiosk.money.banks.vrp.mandates import Mandates
from kiosk.money.banks.vrp.onboarding import Creditor
from kiosk.money.banks.vrp.options import VrpOptions, read_options
from kiosk.money.banks.vrp.session import JSON_TYPE, SIGNED_EARLY_S, Session, SessionSource
from kiosk.money.banks.vrp.transport import BankClock, Reply

logger = logging.getLogger(__name__)

IDEMPOTENCY_LIFE_S = 86_400
"""Read/Write profile v4.0, "Idempotency": 24 hours after the first request."""
MIN_RESEND_S = 1.0
SANDBOX_ARRIVAL_S_MAX = 10.0
"""The sandbox bank executes a request within 5 s of its reaching the machine or never, and loopback
delivers at once; the rest is a margin for slow timers."""
UNKNOWN_CLOCK_EARLY_S = 5
"""Before the first answer the bank's clock is not known: clocks set by a network differ less."""

SIGNATURE = "x-jws-signature"


class VrpBank:
    """The bank port for one bank; threads may share it."""

    def __init__(
        self, context: BankContext, options: VrpOptions, timeouts: Timeouts, clock: BankClock
    ) -> None:
        """Remember where everything is; nothing is read or sent yet."""
        self._options = options
        self._clock = clock
        self._source = SessionSource(context.data_dir, context.secrets, options, timeouts, clock)
        self._mandates = Mandates(context.secrets, options)
        self._events = EventReader(self._payment_event, self._consent_event)
        self._detail = ""

    @property
    def capabilities(self) -> Capabilities:
        """What this bank can do.

        Raises:
            SmileTillError: The sealed onboarding file cannot be used.
        """
        is_sandbox = self._source.is_sandbox
        return Capabilities(
            is_sandbox=is_sandbox,
            idempotency_life_s=IDEMPOTENCY_LIFE_S,
            min_resend_s=MIN_RESEND_S,
            lookup_by_key=False,
            arrival_s_max=SANDBOX_ARRIVAL_S_MAX if is_sandbox else self._options.arrival_s_max,
            headless_approval=is_sandbox and self._options.approval in {"auto", "headless"},
            lookup_by_ref=True,
            funds_check=True,
            events=True,
            refund=RefundMode.MANUAL,
        )

    def close(self) -> None:
        """Do nothing: no connection outlives its exchange."""

    def health(self) -> BankHealth:
        """Say what the last exchanges taught."""
        return BankHealth(self._clock.skew_s, self._detail)

    # --- mandates -----------------------------------------------------------------------------

    def begin_mandate(
        self, alias: PayerAlias, limits: MandateLimits, key: IdempotencyKey
    ) -> BankMandate:
        """Ask for a consent; in the sandbox the simulated customer approves it.

        The bank learns no name and no alias: it knows its own customer.

        Raises:
            BankUnreachableError: No usable answer; asking again with the same key is safe.
        """
        del alias
        return self._mandates.begin(self._session(), limits, key)

    def mandate(self, ref: MandateRef) -> BankMandate:
        """Read a consent; one that the bank does not know authorises nothing, so it is revoked.

        Raises:
            BankUnreachableError: No usable answer.
        """
        return self._mandates.read(self._session(), ref)

    def revoke(self, ref: MandateRef) -> None:
        """Revoke a consent and forget its tokens.

        Raises:
            BankUnreachableError: No usable answer; asking again is safe.
        """
        self._mandates.revoke(self._session(), ref)

    def check_funds(self, ref: MandateRef, amount: Money) -> Funds:
        """Ask for cover; advice only. Never raises."""
        session = self._try_session()
        if session is None:
            return Funds.UNKNOWN
        token = self._mandates.token(session, ref)
        if isinstance(token, Failure):
            return Funds.UNKNOWN
        body = bodies.funds_body(ref, amount)
        url = session.resource(f"domestic-vrp-consents/{quote(ref, safe='')}/funds-confirmation")
        reply = session.transport.send("POST", url, body, session.signed(body), token)
        # Advice of another moment is worth nothing, so here the echo is asked for too.
        if isinstance(reply, Failure) or not reply.is_echoed:
            return Funds.UNKNOWN
        if not self._is_signed(session, reply):
            return Funds.UNKNOWN
        if reply.status not in {200, 201}:
            return Funds.UNKNOWN
        return answers.read_funds(reply.body, ref, amount)

    # --- payments -----------------------------------------------------------------------------

    def prepare(self, intent: Intent) -> Prepared:
        """Make and sign the request, without asking anybody; the body follows from the intent.

        Each call signs anew (PS256 is randomised), so the caller keeps what it got. Without a key
        to sign with there is no signature, and `submit` will not send it.
        """
        session = self._try_session()
        terms = self._mandates.terms(intent.mandate_ref)
        if terms is None and session is not None:
            terms = bodies.terms_of(session.onboarding, self._options)
        body = b"" if terms is None else bodies.payment_body(intent, terms)
        headers: tuple[tuple[str, str], ...] = (JSON_TYPE, ("x-idempotency-key", intent.key))
        if session is not None and body:
            skew_s = self._clock.skew_s
            early_s = UNKNOWN_CLOCK_EARLY_S if skew_s is None else SIGNED_EARLY_S
            iat_s = int(intent.at_s + (skew_s or 0.0)) - early_s
            signature = session.transport.signer.detached(body, iat_s)
            headers = (*headers, (SIGNATURE, signature))
        return Prepared(intent.key, intent.order_id, intent.amount, body, headers)

    def submit(self, prepared: Prepared, mandate_ref: MandateRef) -> BankAnswer:
        """Send it once and say what came of it; never raises for anything the network does."""
        session = self._try_session()
        if session is None:
            return _not_sent("bank_not_running")
        if SIGNATURE not in dict(prepared.headers):
            return _not_sent("bank_not_running")
        # Fetched before money depends on them: an answer that cannot be checked is no answer.
        if not session.transport.has_keys():
            return _not_sent("bank_not_reached")
        token = self._mandates.token(session, mandate_ref)
        if isinstance(token, Failure):
            return _not_sent(token.reason)
        url = session.resource("domestic-vrps")
        reply = session.transport.send("POST", url, prepared.body, prepared.headers, token)
        if isinstance(reply, Failure):
            return BankAnswer(_kind_of(reply), reply.reason)
        return self._meaning_of_post(session, prepared, mandate_ref, reply)

    def find(self, sought: Sought) -> BankAnswer:
        """Ask how a payment stands whose id the bank has told; `UNKNOWN` without one."""
        if sought.payment_ref is None:
            return _unknown("bank_cannot_say")
        session = self._try_session()
        if session is None:
            return _unknown("bank_not_running")
        asked = Asked(sought.amount, sought.reference, payment_ref=sought.payment_ref)
        facts = self._payment(session, sought.payment_ref)
        if isinstance(facts, str):
            return _unknown(facts)
        if not answers.is_about(facts, asked, self._creditor(session, facts)):
            return _unknown("answer_mismatch")
        return self._explained(session, facts)

    def prepare_refund(self, intent: RefundIntent) -> Prepared:
        """Refunds are made by hand here; nobody may ask for this."""
        raise AssertionError(f"no refund request of order {intent.order_id} goes to this bank")

    def submit_refund(self, prepared: Prepared) -> BankAnswer:
        """Refunds are made by hand here; nobody may ask for this."""
        raise AssertionError(f"no refund request of order {prepared.order_id} goes to this bank")

    def find_refund(self, sought: Sought) -> BankAnswer:
        """Refunds are made by hand here: the bank cannot be asked."""
        del sought
        return _unknown("bank_cannot_say")

    # --- news ---------------------------------------------------------------------------------

    def events(self) -> EventBatch:
        """Poll for news.

        Raises:
            BankUnreachableError: No usable answer.
        """
        return self._events.poll(self._session())

    def acknowledge(self, event_ids: tuple[str, ...]) -> None:
        """Tell the bank that these are stored; without success they come again."""
        session = self._try_session()
        if session is not None:
            self._events.acknowledge(session, event_ids)

    # --- what an answer means -----------------------------------------------------------------

    def _meaning_of_post(
        self, session: Session, prepared: Prepared, mandate_ref: MandateRef, reply: Reply
    ) -> BankAnswer:
        refusal = answers.read_refusal(reply.body)
        if reply.status == 401:
            return self._meaning_of_401(session, mandate_ref, reply, refusal)
        if reply.status not in {201, 400, 403}:
            return _unknown(f"bank_status_{reply.status}")
        if not self._is_signed(session, reply):
            return _unknown("answer_not_signed")
        if reply.status == 201:
            return self._meaning_of_created(session, prepared, reply)
        if refusal is None or not refusal.is_proof:
            return _unknown(f"bank_status_{reply.status}")
        if not self._is_of_this(session, reply):
            return _unknown("answer_not_of_this_request")
        return BankAnswer(OutcomeKind.DECLINED, self._reason(session, mandate_ref, refusal))

    def _meaning_of_401(
        self, session: Session, ref: MandateRef, reply: Reply, refusal: BankRefusal | None
    ) -> BankAnswer:
        is_about_token = refusal is not None and refusal.code in answers.TOKEN_CODES
        if refusal is None or not is_about_token or not self._is_of_this(session, reply):
            self._mandates.expire_token(ref)
            return _unknown("bank_status_401")
        return BankAnswer(OutcomeKind.DECLINED, self._reason(session, ref, refusal))

    def _meaning_of_created(self, session: Session, prepared: Prepared, reply: Reply) -> BankAnswer:
        facts = answers.read_payment(reply.body)
        data = json.loads(prepared.body)["Data"]
        instruction = data["Instruction"]
        asked = Asked(
            prepared.amount, instruction["EndToEndIdentification"], consent_id=data["ConsentId"]
        )
        creditor = Creditor(**instruction["CreditorAccount"])
        if facts is None or not answers.is_about(facts, asked, creditor):
            return _unknown("answer_mismatch")
        answer = self._explained(session, facts)
        if answer.kind is OutcomeKind.DECLINED and not self._is_of_this(session, reply):
            return _unknown("answer_not_of_this_request")
        return answer

    def _reason(self, session: Session, ref: MandateRef, refusal: BankRefusal) -> str:
        """Say why the bank refused; of a consent that is not active, ask why that is."""
        if refusal.is_our_fault:
            logger.error("the bank finds fault with a request: %s", refusal.code)
            self._detail = f"request refused with {refusal.code}"
        if refusal.code not in answers.CONSENT_CODES:
            return refusal.reason
        try:
            facts = self._mandates.look(session, ref)
        except BankUnreachableError:
            return refusal.reason
        if facts is None:
            return "mandate_revoked"
        is_active = facts.state is MandateState.ACTIVE
        return refusal.reason if is_active else f"mandate_{facts.state.value}"

    def _explained(self, session: Session, facts: PaymentFacts) -> BankAnswer:
        """Say what a status means, and look for the reason of a refusal where it is missing."""
        answer = answers.meaning(facts)
        if answer.reason == "bank_status_not_known":
            self._detail = f"payment status {facts.status} is not known"
        if answer.kind is not OutcomeKind.DECLINED or facts.reason_code:
            return answer
        path = f"domestic-vrps/{quote(facts.payment_ref, safe='')}/payment-details"
        reply = session.as_client("GET", session.resource(path))
        if isinstance(reply, Failure) or reply.status != 200 or not self._is_signed(session, reply):
            return answer
        reason = answers.details_reason(reply.body)
        return BankAnswer(answer.kind, reason or answer.reason, answer.payment_ref)

    def _payment(self, session: Session, payment_ref: str) -> PaymentFacts | str:
        """Read a payment; a text says why it cannot be."""
        path = f"domestic-vrps/{quote(payment_ref, safe='')}"
        reply = session.as_client("GET", session.resource(path))
        if isinstance(reply, Failure):
            return reply.reason
        if reply.status != 200:
            return f"bank_status_{reply.status}"
        if not self._is_signed(session, reply):
            return "answer_not_signed"
        facts = answers.read_payment(reply.body)
        if facts is None or facts.payment_ref != payment_ref:
            return "answer_mismatch"
        return facts

    def _creditor(self, session: Session, facts: PaymentFacts) -> Creditor:
        """Return the account that payments of a consent go to: what was agreed, else today's."""
        terms = self._mandates.terms(facts.consent_id)
        return session.onboarding.creditor if terms is None else terms.creditor

    def _is_signed(self, session: Session, reply: Reply) -> bool:
        return self._is_believed(session.transport.check, reply)

    def _is_of_this(self, session: Session, reply: Reply) -> bool:
        """Say whether the bank signed this answer, and made it for the request just sent."""
        return self._is_believed(session.transport.check_refusal, reply)

    def _is_believed(self, check: Callable[[Reply], None], reply: Reply) -> bool:
        try:
            check(reply)
        except SignatureError as error:
            logger.error("an answer of the bank cannot be believed: %s", error.reason)  # noqa: TRY400
            self._detail = error.reason.replace("_", " ")
            return False
        return True

    # --- news, looked up ----------------------------------------------------------------------

    def _payment_event(self, session: Session, event_id: str, resource: str) -> BankEvent | None:
        facts = self._payment(session, resource)
        if isinstance(facts, str):
            # "No such payment" and "not yours" will not change; anything else may.
            is_final = facts in {"bank_status_400", "bank_status_403"}
            return BankEvent(event_id) if is_final else None
        if facts.creditor != answers.account_of(self._creditor(session, facts)):
            return BankEvent(event_id)
        answer = self._explained(session, facts)
        return BankEvent(event_id, facts.reference, facts.amount, answer)

    def _consent_event(self, session: Session, event_id: str, resource: str) -> BankEvent | None:
        try:
            state = self._mandates.state(session, resource)
        except BankUnreachableError:
            return None
        return BankEvent(event_id, mandate_ref=MandateRef(resource), mandate_state=state)

    # --- the session --------------------------------------------------------------------------

    def _session(self) -> Session:
        session = self._try_session()
        if session is None:
            raise BankUnreachableError("it is not running")
        return session

    def _try_session(self) -> Session | None:
        try:
            return self._source.session()
        except SmileTillError as error:
            logger.error("the bank's onboarding file cannot be used: %s", error.code)  # noqa: TRY400
            return None


def open_vrp(context: BankContext) -> VrpBank:
    """Make the connector; nothing is read or sent until it is used.

    Raises:
        BadInputError: `[bank.options]` has a word or value that is not known.
        SetupError: `bank.url` is set, but the addresses are in the onboarding file.
    """
    if context.url is not None:
        raise SetupError(
            "The connector vrp takes the bank's addresses from the onboarding file only.",
            code="bank_url_unused",
            mend="Remove bank.url from settings.toml; use `smiletill money bank import FILE`.",
        )
    return VrpBank(context, read_options(context.options), Timeouts(), BankClock())


def _kind_of(failure: Failure) -> OutcomeKind:
    return OutcomeKind.UNKNOWN if failure.is_sent else OutcomeKind.NOT_SENT


def _not_sent(reason: str) -> BankAnswer:
    return BankAnswer(OutcomeKind.NOT_SENT, reason)


def _unknown(reason: str) -> BankAnswer:
    return BankAnswer(OutcomeKind.UNKNOWN, reason)
