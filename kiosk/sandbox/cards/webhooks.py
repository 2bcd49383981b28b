"""Signs events as the service does for webhooks: `t=SECONDS,v1=HMAC-SHA256` over `t.payload`."""

from __future__ import annotations

import hashlib
import hmac


def sign(payload: bytes, secret: str, at_s: int) -> str:
    """Return the `Stripe-Signature` header of a payload.

    Args:
        payload: The exact bytes that are delivered.
        secret: The endpoint's secret.
        at_s: When it is signed, seconds since the epoch.
    """
    signed = b"%d." % at_s + payload
    return f"t={at_s},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
