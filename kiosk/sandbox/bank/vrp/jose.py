"""Signatures of UK Open Banking v4.0: detached ones over bodies, and signed tokens.

Everything is PS256. A body is signed as an ordinary JWS whose payload part is taken out, with the
three critical claims of the standard in its header; there is no `b64` header in v4.0.
It keeps no keys and reads no clock. Invariants:
- A signature is accepted only with exactly the documented claims: what is missing, unknown or
  wrong is refused with its own code before any cryptography.
- A check returns nothing or the claims; it raises where it fails, so that no answer of it can be
  overlooked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jwcrypto.common import JWException, JWSEHeaderParameter  # type: ignore[import-untyped]
from jwcrypto.jwk import JWK  # type: ignore[import-untyped]
from jwcrypto.jws import JWS  # type: ignore[import-untyped]

from kiosk.sandbox.bank.vrp.errors import Code, ObError

ALGORITHM = "PS256"
IAT = "http://openbanking.org.uk/iat"
ISS = "http://openbanking.org.uk/iss"
TAN = "http://openbanking.org.uk/tan"
CRITICAL = (IAT, ISS, TAN)
CLAIMS = frozenset({"alg", "kid", "crit", *CRITICAL})
CLAIMS_OPTIONAL = {"typ": ("JOSE",), "cty": ("json", "application/json")}
HEADER_LENGTH_MAX = 4096
"""Characters of a whole signature; one with a 4,096-bit key is below 1,200."""
TOKEN_LENGTH_MAX = 16_384
JWT_LIFE_S_MAX = 3600
"""Longest life of a client's assertion or request object; FAPI 1.0 Advanced says 60 minutes."""
JWT_SKEW_S = 60
"""How far a client's clock may be ahead in `nbf` and `iat` of a token (not of a body signature)."""

_PART = re.compile(r"[A-Za-z0-9_-]+")
_REGISTRY = {
    name: JWSEHeaderParameter(f"Open Banking {name}", True, True, None) for name in CRITICAL
}


class JwtError(Exception):
    """A signed token is not what it must be; the text says in a few words why."""


@dataclass(frozen=True)
class SigningKey:
    """An RSA key as PEM, with what follows from it."""

    pem: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse anything but an RSA key.

        Raises:
            ValueError: It is none.
        """
        if self.jwk["kty"] != "RSA":
            raise ValueError

    @cached_property
    def jwk(self) -> JWK:
        """The key as jwcrypto has it."""
        return JWK.from_pem(self.pem.encode())

    @cached_property
    def kid(self) -> str:
        """The key's name: its thumbprint of RFC 7638."""
        return str(self.jwk.thumbprint())

    def public(self) -> dict[str, Any]:
        """Return what a key set shows."""
        shown: dict[str, Any] = self.jwk.export_public(as_dict=True)
        return shown | {"kid": self.kid, "alg": ALGORITHM, "use": "sig"}


def sign_detached(body: bytes, key: SigningKey, issuer: str, anchor: str, iat: int) -> str:
    """Return the `x-jws-signature` of a body.

    Args:
        body: The exact bytes that are sent.
        key: Who signs.
        issuer: `iss` of the signer: a bank's is its organisation id.
        anchor: The domain name of the trust anchor.
        iat: Seconds since the epoch.
    """
    head, _, signature = _sign(body, key, _ob_header(key, issuer, anchor, iat)).split(".")
    return f"{head}..{signature}"


def sign_jwt(claims: dict[str, Any], key: SigningKey) -> str:
    """Return a signed token: an id_token, or an event as the standard's examples have it."""
    return _sign(_dump(claims), key, {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"})


def check_detached(
    signature: str | None, body: bytes, key: SigningKey, issuer: str, anchor: str, now_s: float
) -> None:
    """Check the `x-jws-signature` of a request.

    Args:
        signature: The header, or None.
        body: The exact bytes that came.
        key: The only key that this client signs with.
        issuer: Who must have signed.
        anchor: The trust anchor that both sides know.
        now_s: The bank's time.

    Raises:
        ObError: 400 with U015 to U019.
    """
    if signature is None:
        raise _refusal(Code.SIGNATURE_MISSING, "This request must be signed.")
    parts = signature.split(".")
    if len(signature) > HEADER_LENGTH_MAX or len(parts) != 3 or parts[1]:
        raise _refusal(Code.SIGNATURE_MALFORMED, "It is no detached JWS.")
    try:
        header = json.loads(_decode(parts[0]), object_pairs_hook=_no_duplicates)
        _decode(parts[2])
    except (ValueError, RecursionError) as error:
        raise _refusal(Code.SIGNATURE_MALFORMED, "It cannot be decoded.") from error
    if not isinstance(header, dict):
        raise _refusal(Code.SIGNATURE_MALFORMED, "Its header is no object.")
    _check_claims(header, key.kid, issuer, anchor, now_s)
    payload = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    try:
        _verify(f"{parts[0]}.{payload}.{parts[2]}", key)
    except JWException as error:
        raise _refusal(Code.SIGNATURE_INVALID, "It does not fit the body.") from error


def read_jwt(token: str, key: SigningKey, audiences: set[str], now_s: float) -> dict[str, Any]:
    """Check a token that a client signed (an assertion or a request object).

    Args:
        token: The compact form.
        key: The only key that this client signs with.
        audiences: The names under which the bank accepts tokens.
        now_s: The bank's time.

    Returns:
        Its claims; `exp` lies in the future, not further than `JWT_LIFE_S_MAX`.

    Raises:
        JwtError: Something is wrong with it.
    """
    if len(token) > TOKEN_LENGTH_MAX:
        raise JwtError("it is too long")
    try:
        header = json.loads(
            _decode(token.split(".", maxsplit=1)[0]), object_pairs_hook=_no_duplicates
        )
        if header.get("alg") != ALGORITHM or header.get("kid") != key.kid:
            raise JwtError("its algorithm or key is not the registered one")
        claims = json.loads(_verify(token, key), object_pairs_hook=_no_duplicates)
    except (JWException, ValueError, AttributeError, RecursionError) as error:
        raise JwtError("it is not signed as it should be") from error
    if not isinstance(claims, dict):
        raise JwtError("it holds no claims")
    audience = claims.get("aud")
    if not any(
        name in audiences for name in (audience if isinstance(audience, list) else [audience])
    ):
        raise JwtError("it is meant for somebody else")
    expiry = _time(claims, "exp")
    if expiry is None or not now_s < expiry <= now_s + JWT_LIFE_S_MAX + JWT_SKEW_S:
        raise JwtError("its time is over or too far away")
    for name in ("nbf", "iat"):
        at_s = _time(claims, name)
        if at_s is not None and at_s > now_s + JWT_SKEW_S:
            raise JwtError("its time has not come")
    return claims


def half_hash(text: str) -> str:
    """Return `c_hash` or `s_hash` of OpenID Connect for SHA-256."""
    digest = hashlib.sha256(text.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _check_claims(header: dict[str, Any], kid: str, issuer: str, anchor: str, now_s: float) -> None:
    for name in sorted(CLAIMS - header.keys()):
        raise _refusal(Code.SIGNATURE_MISSING_CLAIM, "A claim is missing.", name)
    for name in sorted(header.keys() - CLAIMS - CLAIMS_OPTIONAL.keys()):
        raise _refusal(Code.SIGNATURE_INVALID_CLAIM, "A claim is not known.", name)
    iat, critical = header[IAT], header["crit"]
    good = {
        "alg": header["alg"] == ALGORITHM,
        "kid": header["kid"] == kid,
        # A number in JSON; true is an int to Python.
        IAT: type(iat) in {int, float} and 0 <= iat <= now_s,
        ISS: header[ISS] == issuer,
        TAN: header[TAN] == anchor,
        "crit": isinstance(critical, list)
        and len(critical) == len(CRITICAL)
        and all(name in critical for name in CRITICAL),
    } | {name: header.get(name, known[0]) in known for name, known in CLAIMS_OPTIONAL.items()}
    for name, is_good in good.items():
        if not is_good:
            raise _refusal(Code.SIGNATURE_INVALID_CLAIM, "A claim has a wrong value.", name)


def _refusal(code: Code, message: str, claim: str = "") -> ObError:
    path = f"x-jws-signature {claim}".strip()
    return ObError(400, code, message, path)


def _ob_header(key: SigningKey, issuer: str, anchor: str, iat: int) -> dict[str, Any]:
    return {
        "alg": ALGORITHM,
        "kid": key.kid,
        IAT: iat,
        ISS: issuer,
        TAN: anchor,
        "crit": list(CRITICAL),
    }


def _sign(payload: bytes, key: SigningKey, header: dict[str, Any]) -> str:
    token = JWS(payload, header_registry=_REGISTRY)
    token.allowed_algs = [ALGORITHM]
    token.add_signature(key.jwk, alg=None, protected=json.dumps(header, separators=(",", ":")))
    serialised: str = token.serialize(compact=True)
    return serialised


def _verify(token: str, key: SigningKey) -> bytes:
    read = JWS(header_registry=_REGISTRY)
    read.allowed_algs = [ALGORITHM]
    read.deserialize(token)
    read.verify(key.jwk)
    payload: bytes = read.payload
    return payload


def _dump(claims: dict[str, Any]) -> bytes:
    return json.dumps(claims, separators=(",", ":")).encode()


def _decode(part: str) -> bytes:
    if not _PART.fullmatch(part):
        raise ValueError("no base64url")
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise ValueError("no base64url") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _time(claims: dict[str, Any], name: str) -> float | None:
    """Read a time; the standard's own examples have it as text."""
    value = claims.get(name)
    if isinstance(value, str) and re.fullmatch(r"\d{1,12}", value, re.ASCII):
        return float(value)
    return value if type(value) in {int, float} else None
