"""OAuth 2.0 at the bank: client tokens, a consent's tokens, and proof of who we are.

Tokens are bound to our TLS certificate (RFC 8705), so a stolen one is of no use elsewhere; they are
secrets all the same: never in a `repr`, a log or the journal.
It knows nothing of consents' states and stores nothing on a disk.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from kiosk.money.banks.exchange import Failure
from kiosk.money.banks.vrp.jose import SignatureError
from kiosk.money.banks.vrp.transport import TOKEN_LENGTH_MAX, Transport

SCOPE = "openid payments"
CIBA_GRANT = "urn:openid:params:grant-type:ciba"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE_S = 60
REQUEST_LIFE_S = 300
"""Of a request object: the customer needs time to find the phone."""
EARLY_S = 30
"""A token is renewed this much before its end, so that it does not end on its way."""
LIFE_S_MAX = 366 * 86_400
LIFE_S_DEFAULT = 300

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""RFC 6750: what may stand after `Bearer`."""
_ERROR = re.compile(r"[a-z_]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint gave."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    life_s: int
    id_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The token endpoint said no, in OAuth's words, such as `invalid_grant`."""

    error: str


@dataclass(frozen=True, slots=True)
class Backchannel:
    """A decoupled approval that has begun (CIBA)."""

    request_id: str = field(repr=False)
    life_s: int


class TokenDesk:
    """Asks the bank for tokens; keeps the client's own until it ends. Threads may share it."""

    def __init__(self, transport: Transport, client_auth: str) -> None:
        """Ask nothing yet."""
        self._transport = transport
        self._client_auth = client_auth
        self._guard = threading.Lock()
        self._client: tuple[str, float] | None = None

    def client(self, *, refused: str = "") -> str | Failure:
        """Return a token for what the client does alone.

        Args:
            refused: A token that the bank has just refused: it is not given again.
        """
        with self._guard:
            if self._client is not None:
                token, until_s = self._client
                if token != refused and time.monotonic() < until_s:
                    return token
            self._client = None
            got = self.grant({"grant_type": "client_credentials", "scope": "payments"})
            if isinstance(got, Failure):
                return got
            if isinstance(got, Refused):
                return Failure(is_sent=False, reason="bank_refuses_client")
            self._client = (got.access, time.monotonic() + max(1, got.life_s - EARLY_S))
            return got.access

    def code(self, code: str, verifier: str) -> Tokens | Refused | Failure:
        """Change an authorisation code into tokens."""
        redirect = self._transport.onboarding.redirect_uri
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
        return self.grant(form | {"code_verifier": verifier})

    def refresh(self, refresh_token: str) -> Tokens | Refused | Failure:
        """Renew a consent's tokens."""
        return self.grant({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def poll(self, request_id: str) -> Tokens | Refused | Failure:
        """Ask whether a decoupled approval has come."""
        return self.grant({"grant_type": CIBA_GRANT, "auth_req_id": request_id})

    def begin_backchannel(self, consent_id: str) -> Backchannel | Refused | Failure:
        """Begin a decoupled approval of a consent (Read/Write profile, "CIBA", by intent id)."""
        url = self._transport.onboarding.backchannel_authentication_endpoint
        if not url:
            return Refused("no_backchannel")
        claims = self._claims(REQUEST_LIFE_S) | {
            "scope": SCOPE,
            "openbanking-intent-id": consent_id,
        }
        form = {"request": self._transport.signer.token(claims)}
        body = self._post(url, form)
        if not isinstance(body, dict):
            return body
        request_id = body.get("auth_req_id")
        if not isinstance(request_id, str) or not _is_opaque(request_id):
            return Failure(is_sent=True, reason="answer_unreadable")
        return Backchannel(request_id, _life(body.get("expires_in")))

    def approval_request(self, consent_id: str) -> Approval:
        """Make the signed request that a browser takes to the bank (FAPI 1.0 Advanced)."""
        onboarding = self._transport.onboarding
        verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        digest = hashlib.sha256(verifier.encode()).digest()
        intent = {"value": consent_id, "essential": True}
        query = {
            "response_type": "code id_token",
            "client_id": onboarding.client_id,
            "scope": SCOPE,
            "redirect_uri": onboarding.redirect_uri,
            "state": state,
            "nonce": nonce,
        }
        claims = self._claims(REQUEST_LIFE_S) | query
        claims |= {
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "claims": {
                "id_token": {"openbanking_intent_id": intent},
                "userinfo": {"openbanking_intent_id": intent},
            },
        }
        signed = self._transport.signer.token(claims)
        outside = {name: query[name] for name in ("response_type", "client_id", "scope")}
        url = f"{onboarding.authorization_endpoint}?{urlencode(outside | {'request': signed})}"
        return Approval(url, verifier, state, nonce)

    def identity(
        self, id_token: str, consent_id: str, nonce: str | None = None
    ) -> dict[str, Any] | None:
        """Return an identity token's claims if it is the bank's, for us, of this very consent.

        Args:
            id_token: It.
            consent_id: The consent that must have been approved.
            nonce: What the request carried; None where it carried none.
        """
        onboarding = self._transport.onboarding
        try:
            claims = self._transport.claims(id_token)
        except SignatureError:
            return None
        audience, expiry = claims.get("aud"), claims.get("exp")
        is_ours = (
            claims.get("iss") == onboarding.issuer
            and onboarding.client_id in (audience if isinstance(audience, list) else [audience])
            and isinstance(expiry, int | float)
            and expiry > self._transport.clock.now_s()
            and claims.get("openbanking_intent_id") == consent_id
            and nonce in {None, claims.get("nonce")}
        )
        return claims if is_ours else None

    @staticmethod
    def half_hash(text: str) -> str:
        """Return what `c_hash` and `s_hash` hold (OpenID Connect Core, 3.3.2.11; PS256)."""
        digest = hashlib.sha256(text.encode()).digest()
        return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()

    def grant(self, form: dict[str, str]) -> Tokens | Refused | Failure:
        """Ask the token endpoint for tokens."""
        body = self._post(self._transport.onboarding.token_endpoint, form)
        if not isinstance(body, dict):
            return body
        access, refresh = body.get("access_token"), body.get("refresh_token", "")
        id_token, kind = body.get("id_token", ""), body.get("token_type")
        texts = (access, refresh, id_token, kind)
        if not all(isinstance(text, str) for text in texts) or str(kind).lower() != "bearer":
            return Failure(is_sent=True, reason="answer_unreadable")
        if not _is_token(str(access)) or (refresh and not _is_opaque(str(refresh))):
            return Failure(is_sent=True, reason="answer_unreadable")
        return Tokens(str(access), str(refresh), _life(body.get("expires_in")), str(id_token))

    def _post(self, url: str, form: dict[str, str]) -> dict[str, Any] | Refused | Failure:
        onboarding = self._transport.onboarding
        fields = form | {"client_id": onboarding.client_id}
        if self._client_auth == "private_key_jwt":
            claims = self._claims(ASSERTION_LIFE_S) | {
                "sub": onboarding.client_id,
                "aud": onboarding.token_endpoint,
            }
            fields["client_assertion_type"] = ASSERTION_TYPE
            fields["client_assertion"] = self._transport.signer.token(claims)
        reply = self._transport.send(
            "POST",
            url,
            urlencode(fields).encode(),
            (("Content-Type", "application/x-www-form-urlencoded"),),
        )
        if isinstance(reply, Failure):
            return reply
        if reply.status == 200 and reply.body is not None:
            return reply.body
        error = None if reply.body is None else reply.body.get("error")
        if reply.status in {400, 401, 403} and isinstance(error, str) and _ERROR.fullmatch(error):
            return Refused(error)
        return Failure(is_sent=True, reason=f"bank_status_{reply.status}")

    def _claims(self, life_s: int) -> dict[str, Any]:
        onboarding = self._transport.onboarding
        # A second back: the bank must find it in the past.
        now_s = int(self._transport.clock.now_s()) - 1
        return {
            "iss": onboarding.client_id,
            "aud": onboarding.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + life_s,
        }


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for a payer's approval, and what its answer is checked with."""

    url: str = field(repr=False)
    verifier: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)


def _is_token(text: str) -> bool:
    return len(text) <= TOKEN_LENGTH_MAX and bool(_TOKEN.fullmatch(text))


def _is_opaque(text: str) -> bool:
    return 0 < len(text) <= TOKEN_LENGTH_MAX and text.isascii() and text.isprintable()


def _life(value: object) -> int:
    """Read `expires_in`; what is not told is short."""
    if isinstance(value, bool) or not isinstance(value, int):
        return LIFE_S_DEFAULT
    return max(0, min(value, LIFE_S_MAX))
