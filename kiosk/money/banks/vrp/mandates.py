"""Consents: asked for, approved by the payer at the bank, kept with their tokens, revoked.

A consent's tokens and terms lie in a sealed secret of their own, from the moment it exists until it
is revoked. The request that asks for a consent is sealed too before it is sent, so that the same
key is asked for with the same bytes and the same signature.
How the payer approves: in the sandbox the simulated customer does at once; else the payer's phone
does (CIBA by intent id: the QR code holds the consent's id, or the bank's page is opened), and
`read` asks for the tokens until they come.
"""

from __future__ import annotations

import hashlib
import threading
from urllib.parse import quote

import msgspec

from kiosk.domain.errors import SetupError
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
from kiosk.money.banks.vrp.bodies import Terms, consent_body, encode, terms_of
from kiosk.money.banks.vrp.jose import SignatureError
from kiosk.money.banks.vrp.options import VrpOptions
from kiosk.money.banks.vrp.session import JSON_TYPE, Session
from kiosk.money.banks.vrp.tokens import EARLY_S, Refused, Tokens
from kiosk.money.banks.vrp.transport import Reply

PENDING_WORDS = frozenset({"authorization_pending", "slow_down"})
NOT_FOUND = "U011"


class Consent(msgspec.Struct, frozen=True):
    """What is kept of a consent, sealed."""

    version: int
    consent_id: str
    terms: Terms
    begun_by: str = ""
    """Name of the secret with the request that asked for it."""
    access: str = ""
    refresh: str = ""
    until_s: float = 0.0
    """End of the access token, by the bank's clock."""
    request_id: str = ""
    """Of a decoupled approval that is waited for."""
    request_until_s: float = 0.0

    def __repr__(self) -> str:
        """Show nothing: it holds tokens."""
        return "Consent(…)"


class _Request(msgspec.Struct, frozen=True):
    """A request for a consent, as it is sent every time."""

    body: bytes
    headers: tuple[tuple[str, str], ...]
    terms: Terms

    def __repr__(self) -> str:
        """Show nothing."""
        return "_Request(…)"


class Mandates:
    """All consents of this terminal at one bank; threads may share it."""

    def __init__(self, secrets: BankSecrets, options: VrpOptions) -> None:
        """Read nothing yet."""
        self._secrets = secrets
        self._options = options
        self._guard = threading.Lock()

    # --- the port's mandate calls -------------------------------------------------------------

    def begin(self, session: Session, limits: MandateLimits, key: IdempotencyKey) -> BankMandate:
        """Ask for a consent; asking again with the same key gives the same one.

        Raises:
            BankUnreachableError: No usable answer.
        """
        name = _secret_name("begin", key)
        request = self._request(session, name, limits, key)
        url = session.resource("domestic-vrp-consents")
        reply = _answered(session.as_client("POST", url, request.body, request.headers))
        _checked(session, reply)
        if reply.status != 201:
            # What the bank refuses now it refuses for ever; the next try signs anew.
            self._forget(name)
            raise BankUnreachableError(f"it refused the mandate with status {reply.status}")
        asked = parse_object(request.body)
        if not is_consent_for(reply.body, asked):
            raise BankUnreachableError("its answer makes no sense")
        facts = _consent(reply, None)
        kept = self.kept(facts.consent_id)
        if kept is None:
            kept = Consent(1, facts.consent_id, request.terms, begun_by=name)
            self._keep(kept)
        if facts.state is MandateState.PENDING and self._is_headless(session):
            self._waiting(session, kept)
            _approve(session, facts.consent_id)
            return self.read(session, MandateRef(facts.consent_id))
        return self._told(session, facts, kept)

    def read(self, session: Session, ref: MandateRef) -> BankMandate:
        """Read a consent, and fetch its tokens once the payer has approved.

        Raises:
            BankUnreachableError: No usable answer.
        """
        facts = self.look(session, ref)
        if facts is None:
            return BankMandate(ref, MandateState.REVOKED, "")
        return self._told(session, facts, self.kept(ref))

    def look(self, session: Session, ref: str) -> ConsentFacts | None:
        """Read a consent as the bank tells it; None: it knows none of this id (any more).

        Raises:
            BankUnreachableError: No usable answer.
        """
        reply = _answered(session.as_client("GET", _address(session, ref)))
        _checked(session, reply)
        if reply.status == 200:
            return _consent(reply, ref)
        refusal = read_refusal(reply.body)
        if reply.status == 400 and refusal is not None and refusal.code == NOT_FOUND:
            return None
        raise BankUnreachableError(f"it answered with status {reply.status}")

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
        kept = self.kept(ref)
        if kept is not None and kept.begun_by:
            self._forget(kept.begun_by)
        self._forget(_secret_name("consent", ref))

    # --- for payments -------------------------------------------------------------------------

    def terms(self, ref: str) -> Terms | None:
        """Return what a consent fixes for its payments, or None if nothing is kept of it."""
        try:
            kept = self.kept(ref)
        except BankUnreachableError:
            return None
        return None if kept is None else kept.terms

    def token(self, session: Session, ref: str) -> str | Failure:
        """Return the access token of a consent, renewed if need be.

        A `Failure` says that nothing of the caller's own request was sent.
        """
        try:
            with self._guard:
                return self._token(session, ref)
        except BankUnreachableError:
            return Failure(is_sent=False, reason="bank_secret_bad")

    def _token(self, session: Session, ref: str) -> str | Failure:
        kept = self.kept(ref)
        if kept is None or not kept.access:
            return Failure(is_sent=False, reason="mandate_token_missing")
        if session.transport.clock.now_s() < kept.until_s - EARLY_S:
            return kept.access
        if not kept.refresh:
            # Its end is by our own reckoning; the bank has the last word on its own token.
            return kept.access
        got = session.desk.refresh(kept.refresh)
        if isinstance(got, Failure):
            return Failure(is_sent=False, reason=got.reason)
        if isinstance(got, Refused):
            return Failure(is_sent=False, reason="mandate_token_missing")
        self._keep(self._with_tokens(session, kept, got))
        return got.access

    def expire_token(self, ref: str) -> None:
        """Have a consent's token renewed before its next use: the bank has refused it."""
        try:
            with self._guard:
                kept = self.kept(ref)
                if kept is not None:
                    self._keep(msgspec.structs.replace(kept, until_s=0.0))
        except BankUnreachableError:
            return  # it is read again at the next use, and fails there

    # --- approval -----------------------------------------------------------------------------

    def _told(self, session: Session, facts: ConsentFacts, kept: Consent | None) -> BankMandate:
        """Say how a mandate stands: active only once its payments could be sent."""
        ref = MandateRef(facts.consent_id)
        is_open = facts.state in {MandateState.PENDING, MandateState.ACTIVE}
        if not is_open or (kept is not None and kept.access and facts.state is MandateState.ACTIVE):
            return BankMandate(ref, facts.state, facts.account_hint)
        if self._is_headless(session) and facts.state is MandateState.PENDING:
            return BankMandate(ref, facts.state, facts.account_hint)
        if kept is None:
            kept = Consent(1, facts.consent_id, terms_of(session.onboarding, self._options))
        if kept.request_id and facts.state is MandateState.ACTIVE:
            got = session.desk.poll(kept.request_id)
            if isinstance(got, Failure):
                raise BankUnreachableError(got.reason.replace("_", " "))
            if isinstance(got, Tokens):
                if got.id_token and not session.desk.is_identity(got.id_token, ref):
                    raise BankUnreachableError("its answer makes no sense")
                self._keep(self._with_tokens(session, kept, got))
                return BankMandate(ref, MandateState.ACTIVE, facts.account_hint)
            if got.error == "access_denied":
                return BankMandate(ref, MandateState.REJECTED, facts.account_hint)
            if got.error not in PENDING_WORDS:
                kept = msgspec.structs.replace(kept, request_id="")
        kept = self._waiting(session, kept)
        return BankMandate(
            ref, MandateState.PENDING, facts.account_hint, self._approval_url(session, ref)
        )

    def _waiting(self, session: Session, kept: Consent) -> Consent:
        """Have a decoupled approval under way."""
        now_s = session.transport.clock.now_s()
        if kept.request_id and now_s < kept.request_until_s:
            return kept
        begun = session.desk.begin_backchannel(kept.consent_id)
        if isinstance(begun, Failure):
            raise BankUnreachableError(begun.reason.replace("_", " "))
        if isinstance(begun, Refused):
            raise BankUnreachableError("it does not take decoupled approvals")
        kept = msgspec.structs.replace(
            kept, request_id=begun.request_id, request_until_s=now_s + begun.life_s
        )
        self._keep(kept)
        return kept

    def _approval_url(self, session: Session, ref: MandateRef) -> str:
        if self._options.approval == "page" and session.onboarding.authorization_endpoint:
            return session.desk.approval_request(ref).url
        return ref

    def _is_headless(self, session: Session) -> bool:
        return session.onboarding.is_sandbox and self._options.approval in {"auto", "headless"}

    # --- what is kept -------------------------------------------------------------------------

    def kept(self, ref: str) -> Consent | None:
        """Return what is kept of a consent.

        Raises:
            BankUnreachableError: It cannot be read.
        """
        raw = self._get(_secret_name("consent", ref))
        if raw is None:
            return None
        try:
            kept = msgspec.json.decode(raw, type=Consent)
        except msgspec.MsgspecError as error:
            raise BankUnreachableError("what is kept of a mandate is damaged") from error
        return kept if kept.version == 1 and kept.consent_id == ref else None

    def _with_tokens(self, session: Session, kept: Consent, got: Tokens) -> Consent:
        return msgspec.structs.replace(
            kept,
            access=got.access,
            # A bank that gives no new refresh token means the old one.
            refresh=got.refresh or kept.refresh,
            until_s=session.transport.clock.now_s() + got.life_s,
            request_id="",
            request_until_s=0.0,
        )

    def _request(
        self, session: Session, name: str, limits: MandateLimits, key: IdempotencyKey
    ) -> _Request:
        raw = self._get(name)
        if raw is not None:
            try:
                return msgspec.json.decode(raw, type=_Request)
            except msgspec.MsgspecError as error:
                raise BankUnreachableError("what is kept of a mandate is damaged") from error
        terms = terms_of(session.onboarding, self._options)
        body = consent_body(terms, limits)
        request = _Request(body, session.signed(body, key), terms)
        self._put(name, msgspec.json.encode(request))
        return request

    def _keep(self, kept: Consent) -> None:
        self._put(_secret_name("consent", kept.consent_id), msgspec.json.encode(kept))

    def _get(self, name: str) -> bytes | None:
        try:
            return self._secrets.get(name)
        except SetupError as error:
            raise BankUnreachableError("a secret of it cannot be read") from error

    def _put(self, name: str, value: bytes) -> None:
        try:
            self._secrets.put(name, value)
        except SetupError as error:
            raise BankUnreachableError("a secret of it cannot be stored") from error

    def _forget(self, name: str) -> None:
        try:
            self._secrets.delete(name)
        except SetupError as error:
            raise BankUnreachableError("a secret of it cannot be removed") from error


def _approve(session: Session, consent_id: str) -> None:
    """Have the simulated customer approve; what came of it is read from the consent."""
    session.transport.send(
        "POST",
        session.onboarding.headless_approve_url,
        encode({"consent_id": consent_id, "decision": "approve"}),
        (JSON_TYPE,),
    )


def _secret_name(kind: str, text: str) -> str:
    """Name a secret after text of any kind, which becomes part of a file's name."""
    return f"vrp-{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _address(session: Session, ref: str) -> str:
    return session.resource(f"domestic-vrp-consents/{quote(ref, safe='')}")


def _answered(reply: Reply | Failure) -> Reply:
    if isinstance(reply, Failure):
        raise BankUnreachableError(reply.reason.replace("_", " "))
    return reply


def _checked(session: Session, reply: Reply) -> None:
    """Believe the bank's own word only; a gateway's refusal is not signed."""
    if reply.status not in {200, 201, 400}:
        raise BankUnreachableError(f"it answered with status {reply.status}")
    try:
        session.transport.check(reply)
    except SignatureError as error:
        raise BankUnreachableError(error.reason.replace("_", " ")) from error


def _consent(reply: Reply, ref: str | None) -> ConsentFacts:
    facts = read_consent(reply.body)
    if facts is None or (ref is not None and facts.consent_id != ref):
        raise BankUnreachableError("its answer makes no sense")
    return facts
