"""Checks the signature of an event that was delivered, by the service's public scheme.

Header `t=SECONDS,v1=HEX[,v1=HEX…]`; HEX is HMAC-SHA256 of `SECONDS.PAYLOAD` under the endpoint's
secret. The terminal polls and takes no deliveries; whoever relays them to it must check this first.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re

TOLERANCE_S = 300
"""As the service's own libraries allow."""
HEADER_LENGTH_MAX = 1_000
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)


class Delivery(enum.Enum):
    """What a signature says of a delivery."""

    GENUINE = "genuine"
    HEADER_BAD = "header_bad"
    SIGNATURE_WRONG = "signature_wrong"
    TOO_OLD = "too_old"
    """Or from the future: a replay, or a clock that is wrong."""


def check_delivery(
    payload: bytes, header: str, secret: str, now_s: float, tolerance_s: float = TOLERANCE_S
) -> Delivery:
    """Judge a delivery.

    Args:
        payload: The exact bytes that came.
        header: The `Stripe-Signature` header.
        secret: The endpoint's secret.
        now_s: Seconds since the epoch.
        tolerance_s: How old it may be.
    """
    if len(header) > HEADER_LENGTH_MAX or not header.isascii() or not secret:
        return Delivery.HEADER_BAD
    pairs = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not signatures:
        return Delivery.HEADER_BAD
    signed = times[0].encode() + b"." + payload
    right = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    # The signature first: an unsigned time proves nothing.
    if not any(hmac.compare_digest(right, given) for given in signatures):
        return Delivery.SIGNATURE_WRONG
    if abs(now_s - int(times[0])) > tolerance_s:
        return Delivery.TOO_OLD
    return Delivery.GENUINE
