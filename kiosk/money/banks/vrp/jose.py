"""Signatures: ours on requests and assertions, the bank's on answers, tokens and events.

The Open Banking form is a detached JWS, `header..signature`, PS256, whose protected header names
`iat`, `iss` and `tan` under `http://openbanking.org.uk/` and marks exactly these as critical
(Read/Write profile v4.0, "Message Signing"). It reads no clock and fetches no key.
Invariant: `verify_*` returns only if every rule held; anything else raises `SignatureError` with a
reason code and none of the text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.registry import HeaderParameter

ALGORITHM = "PS256"
_SPACE = "http://openbanking.org.uk/"
IAT, ISS, TAN = f"{_SPACE}iat", f"{_SPACE}iss", f"{_SPACE}tan"
CRITICAL = (IAT, ISS, TAN)
_ALLOWED = {"alg", "kid", "typ", "cty", "crit", *CRITICAL}

AHEAD_S_MAX = 5
"""Seconds that an answer may be from the future, after our clock was corrected: `Date` is told in
whole seconds, and the way takes some time."""
OLD_S_MAX = 300
"""Seconds that an answer's signature may be old: it is made for this very answer."""


class SignatureError(Exception):
    """A signature that cannot be believed.

    Args:
        reason: A code in snake case.
    """

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


class _Registry(jws.JWSRegistry):
    """The library's checks, with room for the long subject names of eIDAS certificates."""

    max_header_length = 2_048


def _any_number(value: object) -> None:
    """Allow every JSON number, as the profile does; the library knows whole ones only."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = "not a number"
        raise ValueError(message)  # noqa: TRY004 - what the library catches


def _registry(*, is_required: bool) -> _Registry:
    kinds = ((IAT, _any_number), (ISS, "str"), (TAN, "str"))
    known = {name: HeaderParameter(name, kind, required=is_required) for name, kind in kinds}
    return _Registry(known, algorithms=[ALGORITHM])


_DETACHED = _registry(is_required=True)
_PLAIN = _registry(is_required=False)
"""For whole tokens: the bank may sign an event with the profile's header or with a plain one."""


class Signer:
    """Signs as the payment service provider; threads may share it."""

    def __init__(self, key_pem: str, kid: str, iss: str, tan: str) -> None:
        """Load the private key."""
        self._key = RSAKey.import_key(key_pem)
        self._kid = kid
        self._iss = iss
        self._tan = tan

    def detached(self, body: bytes, iat_s: int) -> str:
        """Return the value of `x-jws-signature` for a body.

        Args:
            body: The exact bytes that are sent.
            iat_s: When it is signed, by the bank's clock, which must find it in the past.
        """
        header = {
            "alg": ALGORITHM,
            "kid": self._kid,
            IAT: iat_s,
            ISS: self._iss,
            TAN: self._tan,
            "crit": list(CRITICAL),
        }
        whole = jws.serialize_compact(header, body, self._key, registry=_DETACHED)
        head, _, signature = whole.split(".")
        return f"{head}..{signature}"

    def token(self, claims: Mapping[str, Any]) -> str:
        """Return a signed JWT: a client assertion or a request object."""
        header = {"alg": ALGORITHM, "kid": self._kid, "typ": "JWT"}
        body = json.dumps(dict(claims), separators=(",", ":")).encode()
        return jws.serialize_compact(header, body, self._key, registry=_PLAIN)


def key_id(text: str) -> str:
    """Return the key that a signature names, before anything of it is believed.

    Raises:
        SignatureError: It is no JWS.
    """
    kid = _header(text).get("kid")
    if not isinstance(kid, str) or not kid:
        raise SignatureError("signature_malformed")
    return kid


def verify_detached(
    text: str,
    body: bytes,
    key: RSAKey,
    *,
    iss: str,
    tan: str,
    now_s: float,
    since_s: float | None = None,
) -> None:
    """Check the bank's signature of an answer.

    Args:
        text: The value of `x-jws-signature`.
        body: The exact bytes that came.
        key: The bank's public key of the `kid` that it names.
        iss: Who must have signed.
        tan: The trust anchor that must be named.
        now_s: Seconds since the epoch, by the bank's clock as we know it.
        since_s: The earliest time at which it may have been made, by the same clock, where it
            must be younger than `OLD_S_MAX` allows.

    Raises:
        SignatureError: It is malformed, breaks a rule of the profile, is of somebody else, of
            another time, or of other bytes.
    """
    header = _header(text)
    _check_profile(header)
    if header[ISS] != iss or header[TAN] != tan:
        raise SignatureError("signature_of_another")
    if not now_s - OLD_S_MAX <= header[IAT] <= now_s + AHEAD_S_MAX:
        raise SignatureError("signature_stale")
    if since_s is not None and header[IAT] < since_s:
        raise SignatureError("signature_before_request")
    head, middle, signature = text.split(".")
    if middle:
        raise SignatureError("signature_malformed")
    _verify(f"{head}..{signature}", key, _DETACHED, body)


def verify_token(text: str, key: RSAKey) -> dict[str, Any]:
    """Check a JWT of the bank (an identity token, an event) and return its claims.

    Raises:
        SignatureError: It is malformed, or not signed by this key with PS256.
    """
    payload = _verify(text, key, _PLAIN, None)
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise SignatureError("token_malformed")
    return claims


def _header(text: str) -> dict[str, Any]:
    try:
        found = jws.extract_compact(text.encode(), None, _DETACHED).protected
    except (JoseError, ValueError, RecursionError, UnicodeError):
        raise SignatureError("signature_malformed") from None
    if not isinstance(found, dict):
        raise SignatureError("signature_malformed")
    return dict(found)


def _check_profile(header: Mapping[str, Any]) -> None:
    """Hold the header to the profile: exactly its claims, each of its kind.

    The library knows the rules of JWS; that nothing else may be critical or even there is ours.
    """
    critical = header.get("crit")
    iat = header.get(IAT)
    if (
        header.get("alg") != ALGORITHM
        or set(header) - _ALLOWED
        or not isinstance(critical, list)
        or sorted(map(str, critical)) != sorted(CRITICAL)
        or isinstance(iat, bool)
        or not isinstance(iat, int | float)
        or not isinstance(header.get(ISS), str)
        or not isinstance(header.get(TAN), str)
        or header.get("typ", "JOSE") != "JOSE"
        or header.get("cty", "json") not in {"json", "application/json"}
    ):
        raise SignatureError("signature_claims_bad")


def _verify(text: str, key: RSAKey, registry: jws.JWSRegistry, payload: bytes | None) -> bytes:
    try:
        return jws.deserialize_compact(text, key, registry=registry, payload=payload).payload
    except (JoseError, ValueError, RecursionError, UnicodeError):
        raise SignatureError("signature_wrong") from None
