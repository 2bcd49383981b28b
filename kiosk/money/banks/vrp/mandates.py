"""Consents: asked for, approved by the payer at the bank, used, revoked.

The request that asks for a consent is sealed before it is sent, so that the same key is asked for
with the same bytes and the same signature. A mandate is told active only once its tokens are here.
"""

from __future__ import annotations

import threading
from urllib.parse import quote

import msgspec

from kiosk.domain.ids import IdempotencyKey, MandateRef
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.exchange import Failure
from kiosk.money.banks.port import BankMandate, BankSecrets
from kiosk.money.banks.vrp.answers import (
    ConsentFacts,
    is_consent_for,
    parse_object,
    read_consent,
    read_refusal,
)
from kiosk.money.banks.vrp.approval import Approvals
from kiosk.money.banks.vrp.bodies import Terms, consent_body, terms_of
from kiosk.money.banks.vrp.consent_store import VERSION, Consent, ConsentRequest, ConsentStore
from kiosk.money.banks.vrp.jose import SignatureError
from kiosk.money.banks.vrp.options import VrpOptions
from kiosk.money.banks.vrp.session import Session
from kiosk.money.banks.vrp.tokens import EARLY_S, Refused, Tokens
from kiosk.money.banks.vrp.transport import Reply

NOT_FOUND = "U011"
GUARDS = 32
"""Locks, shared out among consents: an enrolment that waits for the bank holds no payment up."""


class Mandates:
    """All consents of this terminal at one bank; threads may share it."""

    def __init__(self, secrets: BankSecrets, options: VrpOptions) -> None:
        """Read nothing yet."""
        self._store = ConsentStore(secrets)
        self._options = options
        self._approvals = Approvals(self._store, options)
        self._guards = tuple(threading.RLock() for _ in range(GUARDS))

    # --- the port's mandate calls -------------------------------------------------------------

    def begin(self, session: Session, limits: MandateLimits, key: IdempotencyKey) -> BankMandate:
        """Ask for a consent; asking again with the same key gives the same one.

        Raises:
            BankUnreachableError: No usable answer.
        """
        request = self._request(session, limits, key)
        url = session.resource("domestic-vrp-consents")
        reply = _answered(session.as_client("POST", url, request.body, request.headers))
        _believe(session, reply)
        if reply.status != 201:
            # What the bank refuses now it refuses for ever; the next try signs anew.
            self._store.forget_request(key)
            raise BankUnreachableError(f"it refused the mandate with status {reply.status}")
        if not is_consent_for(reply.body, parse_object(request.body)):
            raise BankUnreachableError("its answer makes no sense")
        facts = _consent(reply, None)
        with self._guard(facts.consent_id):
            kept = self._store.consent(facts.consent_id)
            if kept is None:
                kept = Consent(VERSION, facts.consent_id, request.terms, begun_by=key)
                self._store.keep(kept)
        if facts.state is MandateState.PENDING and self._approvals.is_headless(session):
            self._approvals.begin(session, kept)
            self._approvals.simulate(session, kept)
            return self.read(session, MandateRef(facts.consent_id))
        return self._told(session, facts)

    def read(self, session: Session, ref: MandateRef) -> BankMandate:
        """Read a consent, and fetch its tokens once the payer has approved.

        Raises:
            BankUnreachableError: No usable answer.
        """
        facts = self.look(session, ref)
        if facts is None:
            return BankMandate(ref, MandateState.REVOKED, "")
        return self._told(session, facts)

    def look(self, session: Session, ref: str) -> ConsentFacts | None:
        """Read a consent as the bank tells it; None: it knows none of this id (any more).

        Raises:
            BankUnreachableError: No usable answer.
        """
        reply = _answered(session.as_client("GET", _address(session, ref)))
        _believe(session, reply)
        if reply.status == 200:
            return _consent(reply, ref)
        refusal = read_refusal(reply.body)
        if reply.status == 400 and refusal is not None and refusal.code == NOT_FOUND:
            # It does not say which consent: that of another request would revoke this one.
            _believe_refusal(session, reply)
            return None
        raise BankUnreachableError(f"it answered with status {reply.status}")

    def state(self, session: Session, ref: str) -> MandateState:
        """Read how a consent stands, and begin nothing: it may be another terminal's.

        Raises:
            BankUnreachableError: No usable answer.
        """
        facts = self.look(session, ref)
        if facts is None:
            return MandateState.REVOKED
        kept = self._store.consent(ref)
        is_usable = kept is not None and kept.access
        is_active = facts.state is MandateState.ACTIVE
        return MandateState.PENDING if is_active and not is_usable else facts.state

    def revoke(self, session: Session, ref: MandateRef) -> None:
        """Revoke a consent and forget its tokens; one that is gone is no error.

        Raises:
            BankUnreachableError: No usable answer; the tokens are kept until there is one.
        """
        reply = _answered(session.as_client("DELETE", _address(session, ref)))
        # An answer to DELETE is not signed, so "gone already" is asked for in a way that is.
        if reply.status in {400, 404}:
            is_gone = self.look(session, ref) is None
        else:
            is_gone = reply.status == 204
        if not is_gone:
            raise BankUnreachableError(f"it answered with status {reply.status}")
        with self._guard(ref):
            kept = self._store.consent(ref)
            if kept is not None:
                self._store.forget(kept)

    # --- for payments -------------------------------------------------------------------------

    def terms(self, ref: str) -> Terms | None:
        """Return what a consent fixes for its payments, or None if nothing is kept of it."""
        try:
            kept = self._store.consent(ref)
        except BankUnreachableError:
            return None
        return None if kept is None else kept.terms

    def token(self, session: Session, ref: str) -> str | Failure:
        """Return the access token of a consent, renewed if need be.

        A `Failure` says that nothing of the caller's own request was sent.
        """
        try:
            with self._guard(ref):
                return self._token(session, ref)
        except BankUnreachableError:
            return Failure(is_sent=False, reason="mandate_token_missing")

    def expire_token(self, ref: str) -> None:
        """Have a consent's token renewed before its next use: the bank has refused it."""
        try:
            with self._guard(ref):
                kept = self._store.consent(ref)
                if kept is not None:
                    self._store.keep(msgspec.structs.replace(kept, until_s=0.0))
        except BankUnreachableError:
            return  # it is read again at the next use, and fails there

    def _token(self, session: Session, ref: str) -> str | Failure:
        kept = self._store.consent(ref)
        if kept is None or not kept.access:
            return Failure(is_sent=False, reason="mandate_token_missing")
        # Its end is by our own reckoning; without a way to renew it the bank has the last word.
        if session.transport.clock.now_s() < kept.until_s - EARLY_S or not kept.refresh:
            return kept.access
        got = session.desk.refresh(kept.refresh)
        if isinstance(got, Failure):
            return Failure(is_sent=False, reason=got.reason)
        if isinstance(got, Refused):
            return Failure(is_sent=False, reason="mandate_token_missing")
        self._store.keep(_with_tokens(session, kept, got))
        return got.access

    # --- telling ------------------------------------------------------------------------------

    def _told(self, session: Session, facts: ConsentFacts) -> BankMandate:
        """Say how a mandate stands: active only once its payments could be sent."""
        ref = MandateRef(facts.consent_id)
        told = BankMandate(ref, facts.state, facts.account_hint)
        if facts.state not in {MandateState.PENDING, MandateState.ACTIVE}:
            return told
        with self._guard(ref):
            kept = self._store.consent(ref)
            if facts.state is MandateState.ACTIVE and kept is not None and kept.access:
                return told
            if kept is None:
                kept = Consent(VERSION, ref, terms_of(session.onboarding, self._options))
            if facts.state is MandateState.ACTIVE:
                got = self._approvals.tokens(session, kept)
                if isinstance(got, Tokens):
                    self._store.keep(_with_tokens(session, kept, got))
                    return told
                if isinstance(got, Refused):
                    kept = msgspec.structs.replace(kept, request_id="", state="")
            kept = self._approvals.begin(session, kept)
        where = self._approvals.address(session, kept)
        return BankMandate(ref, MandateState.PENDING, facts.account_hint, where)

    def _request(
        self, session: Session, limits: MandateLimits, key: IdempotencyKey
    ) -> ConsentRequest:
        with self._guard(key):
            request = self._store.request(key)
            if request is None:
                # Asking for a token first teaches the bank's clock, which the signature needs.
                token = session.desk.client()
                if isinstance(token, Failure):
                    raise BankUnreachableError(token.reason.replace("_", " "))
                terms = terms_of(session.onboarding, self._options)
                body = consent_body(terms, limits)
                request = ConsentRequest(VERSION, body, session.signed(body, key), terms)
                self._store.keep_request(key, request)
            return request

    def _guard(self, name: str) -> threading.RLock:
        return self._guards[hash(name) % GUARDS]


def _with_tokens(session: Session, kept: Consent, got: Tokens) -> Consent:
    return msgspec.structs.replace(
        kept,
        access=got.access,
        # A bank that gives no new refresh token means the old one.
        refresh=got.refresh or kept.refresh,
        until_s=session.transport.clock.now_s() + got.life_s,
        request_id="",
        request_until_s=0.0,
        page_url="",
        state="",
        nonce="",
        verifier="",
    )


def _address(session: Session, ref: str) -> str:
    return session.resource(f"domestic-vrp-consents/{quote(ref, safe='')}")


def _answered(reply: Reply | Failure) -> Reply:
    if isinstance(reply, Failure):
        raise BankUnreachableError(reply.reason.replace("_", " "))
    return reply


def _believe(session: Session, reply: Reply) -> None:
    """Believe the bank's own word only; a gateway's refusal is not signed."""
    if reply.status not in {200, 201, 400}:
        raise BankUnreachableError(f"it answered with status {reply.status}")
    try:
        session.transport.check(reply)
    except SignatureError as error:
        raise BankUnreachableError(error.reason.replace("_", " ")) from error


def _believe_refusal(session: Session, reply: Reply) -> None:
    try:
        session.transport.check_refusal(reply)
    except SignatureError as error:
        raise BankUnreachableError(error.reason.replace("_", " ")) from error


def _consent(reply: Reply, ref: str | None) -> ConsentFacts:
    facts = read_consent(reply.body)
    if facts is None or (ref is not None and facts.consent_id != ref):
        raise BankUnreachableError("its answer makes no sense")
    return facts
