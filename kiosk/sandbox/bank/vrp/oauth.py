"""The bank's authorisation server: who a client is, and tokens for it and for its payers' consents.

FAPI 1.0 Advanced as far as a sandbox needs it: client_credentials, authorization_code (with PKCE
if the client asks), refresh_token, CIBA polling; `tls_client_auth` and `private_key_jwt`.
It shows no page; it does not decide a consent unless a simulated customer is told to
(`POST /psu/approve`).
Invariant: a consent's token is given only while the books say that its payer's approval stands.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from kiosk.sandbox.bank.serving import boot_clock_s
from kiosk.sandbox.bank.vrp import jose
from kiosk.sandbox.bank.vrp import tokens as mint_rules
from kiosk.sandbox.bank.vrp.errors import ObError
from kiosk.sandbox.bank.vrp.pki import Client, Pki, thumbprint_of
from kiosk.sandbox.bank.vrp.tokens import Kind, TokenMint
from kiosk.sandbox.bank.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiosk.sandbox.bank.vrp.books import VrpBooks
    from kiosk.sandbox.bank.vrp.server import Request

CIBA_GRANT = "urn:openid:params:grant-type:ciba"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = frozenset({"openid", "payments"})
FORM_FIELDS_MAX = 30
ASSERTIONS_MAX = 10_000
NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))


class OAuthError(Exception):
    """A refusal in OAuth's words."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        """Keep them for the answer."""
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are; they change with every start."""

    issuer: str
    """Of the listener for clients, whose name it is in tokens too."""
    front: str
    """Of the listener for browsers."""

    @property
    def token(self) -> str:
        """The token endpoint."""
        return f"{self.issuer}/token"

    @property
    def backchannel(self) -> str:
        """Where decoupled approvals begin."""
        return f"{self.issuer}/bc-authorize"

    @property
    def jwks(self) -> str:
        """The bank's public keys."""
        return f"{self.issuer}/jwks"

    @property
    def approve(self) -> str:
        """Where a simulated customer is told to approve."""
        return f"{self.issuer}/psu/approve"

    @property
    def authorise(self) -> str:
        """The page for payers."""
        return f"{self.front}/authorize"

    @property
    def landing(self) -> str:
        """Where a payer's browser goes afterwards; a third party would have its own page."""
        return f"{self.front}/landing"

    @property
    def audiences(self) -> set[str]:
        """The names under which the bank accepts a client's tokens."""
        return {self.issuer, self.token, self.backchannel}


class OAuth:
    """Answers at the token endpoint and beside it."""

    def __init__(
        self,
        pki: Pki,
        books: VrpBooks,
        mint: TokenMint,
        now_s: Callable[[], float],
        addresses: Addresses,
    ) -> None:
        """Answer from these."""
        self._pki = pki
        self._books = books
        self._mint = mint
        self._now_s = now_s
        self._addresses = addresses
        self._lock = threading.Lock()
        self._assertions: dict[str, float] = {}

    def answer(self, request: Request) -> Answer:
        """Do what is asked."""
        try:
            match request.method, request.path:
                case "GET", "/.well-known/openid-configuration":
                    answer = Answer(200, self._configuration())
                case "GET", "/jwks":
                    answer = Answer(200, {"keys": [self._pki.signing.public()]})
                case "POST", "/token":
                    answer = Answer(200, self._token(request), NO_STORE)
                case "POST", "/bc-authorize":
                    answer = Answer(200, self._begin_backchannel(request), NO_STORE)
                case "POST", "/psu/approve":
                    answer = self._approve(request)
                case _, ("/.well-known/openid-configuration" | "/jwks"):
                    answer = Answer(405, None, (("Allow", "GET"),))
                case _, ("/token" | "/bc-authorize" | "/psu/approve"):
                    answer = Answer(405, None, (("Allow", "POST"),))
                case _:
                    answer = Answer(404)
        except OAuthError as error:
            body = {"error": error.error}
            if error.description:
                body["error_description"] = error.description
            return Answer(error.status, body, NO_STORE)
        return answer

    def id_token(self, client_id: str, consent_id: str, more: dict[str, Any]) -> str:
        """Return a signed statement that a payer approved this consent for this client."""
        now_s = int(self._now_s())
        claims = {
            "iss": self._addresses.issuer,
            "aud": client_id,
            "sub": consent_id,
            "openbanking_intent_id": consent_id,
            "acr": "urn:openbanking:psd2:sca",
            "iat": now_s,
            "auth_time": now_s,
            "exp": now_s + mint_rules.BACKCHANNEL_LIFE_S,
        }
        return jose.sign_jwt(claims | more, self._pki.signing)

    # --- who it is ----------------------------------------------------------------------------

    def _client(self, request: Request, form: dict[str, str]) -> tuple[Client, str]:
        """Return who asks and the thumbprint of the certificate that its tokens are bound to."""
        client = self._pki.client_of(request.certificate or b"")
        if client is None:
            raise OAuthError("invalid_client", "This certificate is not known.", 401)
        named = form.get("client_id")
        if "client_assertion" in form:
            self._check_assertion(client, form)
        elif named is None:
            raise OAuthError("invalid_client", "Say who you are with client_id.", 401)
        if named is not None and named != client.client_id:
            raise OAuthError("invalid_client", "The certificate is another client's.", 401)
        return client, thumbprint_of(request.certificate or b"")

    def _check_assertion(self, client: Client, form: dict[str, str]) -> None:
        """Check `private_key_jwt`."""
        refusal = OAuthError("invalid_client", "The assertion is not accepted.", 401)
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise refusal
        now_s = self._now_s()
        try:
            claims = jose.read_jwt(
                form["client_assertion"], client.signing, self._addresses.audiences, now_s
            )
        except jose.JwtError as error:
            raise OAuthError("invalid_client", f"The assertion: {error}.", 401) from error
        identity = claims.get("jti")
        if not (
            claims.get("iss") == claims.get("sub") == client.client_id
            and isinstance(identity, str)
            and 0 < len(identity) <= 128
        ):
            raise refusal
        with self._lock:
            for old in [name for name, end_s in self._assertions.items() if end_s <= now_s]:
                del self._assertions[old]
            if identity in self._assertions or len(self._assertions) >= ASSERTIONS_MAX:
                raise refusal
            self._assertions[identity] = now_s + jose.JWT_LIFE_S_MAX + jose.JWT_SKEW_S

    # --- tokens -------------------------------------------------------------------------------

    def _token(self, request: Request) -> dict[str, Any]:
        form = read_form(request)
        client, thumbprint = self._client(request, form)
        match form.get("grant_type"):
            case "client_credentials":
                _check_scope(form.get("scope", ""))
                life_s = mint_rules.CLIENT_TOKEN_LIFE_S
                token = self._mint.issue(Kind.CLIENT, client.client_id, thumbprint, life_s)
                return _bearer(token, life_s) | {"scope": "payments"}
            case "authorization_code":
                return self._from_code(client, thumbprint, form)
            case "refresh_token":
                grant = self._mint.read(form.get("refresh_token", ""), {Kind.REFRESH})
                if grant is None or (grant.client_id, grant.thumbprint) != (
                    client.client_id,
                    thumbprint,
                ):
                    raise OAuthError("invalid_grant", "The refresh token is not accepted.")
                return self._consent_tokens(client, thumbprint, grant.consent_id)
            case value if value == CIBA_GRANT:
                return self._from_backchannel(client, thumbprint, form)
            case _:
                raise OAuthError("unsupported_grant_type")

    def _from_code(self, client: Client, thumbprint: str, form: dict[str, str]) -> dict[str, Any]:
        code = self._mint.take_code(form.get("code", ""))
        if (
            code is None
            or code.client_id != client.client_id
            or code.redirect_uri != form.get("redirect_uri")
        ):
            raise OAuthError("invalid_grant", "The code is not accepted.")
        if code.challenge:
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if not hmac.compare_digest(made, code.challenge):
                raise OAuthError("invalid_grant", "The code verifier is wrong.")
        nonce = {"nonce": code.nonce} if code.nonce else {}
        return self._consent_tokens(client, thumbprint, code.consent_id, nonce)

    def _from_backchannel(
        self, client: Client, thumbprint: str, form: dict[str, str]
    ) -> dict[str, Any]:
        name = form.get("auth_req_id", "")
        grant, too_soon = self._mint.poll_backchannel(name, boot_clock_s())
        if grant is None:
            raise OAuthError("expired_token")
        if (grant.client_id, grant.thumbprint) != (client.client_id, thumbprint):
            raise OAuthError("invalid_grant", "This request is another client's.")
        match self._status(client, grant.consent_id):
            case "AUTH":
                extra = {"urn:openid:params:jwt:claim:auth_req_id": name}
                return self._consent_tokens(client, thumbprint, grant.consent_id, extra)
            case "AWAU" | "CANC":
                raise OAuthError("slow_down" if too_soon else "authorization_pending")
            case _:
                raise OAuthError("access_denied")

    def _consent_tokens(
        self,
        client: Client,
        thumbprint: str,
        consent_id: str,
        claims: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return an access, a refresh and an identity token of one consent."""
        if self._status(client, consent_id) != "AUTH":
            raise OAuthError("invalid_grant", "The consent does not stand.")
        rest_s = self._rest_s(client, consent_id)
        life_s = min(rest_s, self._mint.consent_life_s or rest_s)
        refresh = self._mint.issue(Kind.REFRESH, client.client_id, thumbprint, rest_s, consent_id)
        access = self._mint.issue(Kind.CONSENT, client.client_id, thumbprint, life_s, consent_id)
        return _bearer(access, life_s) | {
            "refresh_token": refresh,
            "scope": "openid payments",
            "id_token": self.id_token(client.client_id, consent_id, claims or {}),
        }

    def _status(self, client: Client, consent_id: str) -> str:
        try:
            return str(self._books.consent(client.client_id, consent_id)["Data"]["Status"])
        except ObError as error:
            raise OAuthError("invalid_grant", "There is no such consent.") from error

    def _rest_s(self, client: Client, consent_id: str) -> int:
        """Return how long the consent goes on; at least a second, for a token is told its life."""
        found = self._books.consent(client.client_id, consent_id)
        until = found["Data"]["ControlParameters"].get("ValidToDateTime")
        if until is None:
            return mint_rules.CONSENT_TOKEN_LIFE_S
        rest_s = datetime.fromisoformat(until).timestamp() - self._now_s()
        return max(1, min(int(rest_s), mint_rules.CONSENT_TOKEN_LIFE_S))

    # --- decoupled approval -------------------------------------------------------------------

    def _begin_backchannel(self, request: Request) -> dict[str, Any]:
        form = read_form(request)
        client, thumbprint = self._client(request, form)
        if "request" not in form:
            raise OAuthError("invalid_request", "A signed request is needed.")
        claims = read_request_object(
            form["request"], client, self._addresses.audiences, self._now_s()
        )
        for hint in ("login_hint_token", "login_hint", "id_token_hint"):
            if hint in claims:
                raise OAuthError("invalid_request", "Only the intent says who approves.")
        consent_id = intent_of(claims)
        if self._status(client, consent_id) not in {"AWAU", "AUTH", "CANC"}:
            raise OAuthError("invalid_request", "The consent cannot be approved any more.")
        name = self._mint.begin_backchannel(client.client_id, thumbprint, consent_id)
        return {
            "auth_req_id": name,
            "expires_in": mint_rules.BACKCHANNEL_LIFE_S,
            "interval": mint_rules.BACKCHANNEL_INTERVAL_S,
        }

    def _approve(self, request: Request) -> Answer:
        """Let the simulated customer of one of the caller's own consents decide."""
        client = self._pki.client_of(request.certificate or b"")
        if client is None:
            raise OAuthError("invalid_client", status=401)
        try:
            found = json.loads(request.body)
        except (ValueError, RecursionError) as error:
            raise OAuthError("invalid_request", "Send a JSON object.") from error
        fields = found if isinstance(found, dict) else {}
        consent_id, decision = fields.get("consent_id"), fields.get("decision", "approve")
        account = fields.get("account")
        if not isinstance(consent_id, str) or not isinstance(account, str | None):
            raise OAuthError("invalid_request", "Name the consent_id.")
        if decision not in {"approve", "reject"}:
            raise OAuthError("invalid_request", "A customer approves or rejects.")
        try:
            self._books.consent(client.client_id, consent_id)
            decide(self._books, consent_id, decision, account)
            status = self._status(client, consent_id)
        except ObError as error:
            return Answer(error.status, error.body())
        return Answer(200, {"consent_id": consent_id, "status": status})

    def _configuration(self) -> dict[str, Any]:
        at = self._addresses
        return {
            "issuer": at.issuer,
            "authorization_endpoint": at.authorise,
            "token_endpoint": at.token,
            "backchannel_authentication_endpoint": at.backchannel,
            "jwks_uri": at.jwks,
            "response_types_supported": ["code id_token"],
            "grant_types_supported": [
                "client_credentials", "authorization_code", "refresh_token", CIBA_GRANT,
            ],
            "scopes_supported": sorted(SCOPES),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [jose.ALGORITHM],
            "request_object_signing_alg_values_supported": [jose.ALGORITHM],
            "require_signed_request_object": True,
            "token_endpoint_auth_methods_supported": ["tls_client_auth", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": [jose.ALGORITHM],
            "tls_client_certificate_bound_access_tokens": True,
            "backchannel_token_delivery_modes_supported": ["poll"],
            "code_challenge_methods_supported": ["S256"],
        }  # fmt: skip


def decide(books: VrpBooks, consent_id: str, decision: str, account: str | None) -> None:
    """Let a payer decide; approving what the bank has suspended approves it again.

    Raises:
        ObError: The consent is not in a state for it, or there is no such account.
    """
    suspended = books.consent_for_page(consent_id)["status"] == "CANC"
    if decision == "approve" and suspended:
        books.decide_consent(consent_id, "reauthorise")
    else:
        books.decide_consent(consent_id, decision, account)


def read_request_object(
    token: str, client: Client, audiences: set[str], now_s: float
) -> dict[str, Any]:
    """Check a request object and return its claims.

    Raises:
        OAuthError: `invalid_request_object`, or `invalid_scope`.
    """
    try:
        claims = jose.read_jwt(token, client.signing, audiences, now_s)
    except jose.JwtError as error:
        raise OAuthError("invalid_request_object", f"The request: {error}.") from error
    if claims.get("iss") != client.client_id:
        raise OAuthError("invalid_request_object", "The request is another client's.")
    scope = claims.get("scope")
    _check_scope(scope if isinstance(scope, str) else "")
    return claims


def intent_of(claims: dict[str, Any]) -> str:
    """Return the consent that a request object is about.

    Banks and the standard's own text name the claim in three ways; all are understood.

    Raises:
        OAuthError: It names none.
    """
    wanted = claims.get("claims")
    inner = wanted.get("id_token") if isinstance(wanted, dict) else None
    nested = inner.get("openbanking_intent_id") if isinstance(inner, dict) else None
    for value in (
        nested.get("value") if isinstance(nested, dict) else None,
        claims.get("openbanking_intent_id"),
        claims.get("openbanking-intent-id"),
    ):
        if isinstance(value, str) and 0 < len(value) <= 128:
            return value
    raise OAuthError("invalid_request_object", "The request names no intent.")


def read_pairs(text: str) -> dict[str, str]:
    """Read a form or a query, each name once.

    Raises:
        OAuthError: `invalid_request`.
    """
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=FORM_FIELDS_MAX
        )
    except ValueError as error:
        raise OAuthError("invalid_request", "The form cannot be read.") from error
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OAuthError("invalid_request", "A name comes twice.")
    return found


def read_form(request: Request) -> dict[str, str]:
    """Read the body of a form.

    Raises:
        OAuthError: `invalid_request`.
    """
    kind = request.headers.get_content_type()
    if request.trouble is not None or kind != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "Send a form.")
    try:
        return read_pairs(request.body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise OAuthError("invalid_request", "The form cannot be read.") from error


def _check_scope(scope: str) -> None:
    words = set(scope.split())
    if "payments" not in words or not words <= SCOPES:
        raise OAuthError("invalid_scope")


def _bearer(token: str, life_s: int) -> dict[str, Any]:
    return {"access_token": token, "token_type": "Bearer", "expires_in": life_s}
