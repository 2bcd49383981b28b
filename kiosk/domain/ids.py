"""Identifiers as types of their own, so that one can never be passed for another.

`PersonId` lives in the vault and `PayerAlias` in money; only the vault knows which belong together.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import NewType

from kiosk.domain.errors import BadInputError

PersonId = NewType("PersonId", str)
"""Opaque id of an enrolled person, made by the vault (`p` and 16 hex digits)."""

PayerAlias = NewType("PayerAlias", str)
"""Opaque name under which money knows a payer (`a` and 16 hex digits)."""

MandateRef = NewType("MandateRef", str)
"""The bank's own id of a mandate."""

PaymentRef = NewType("PaymentRef", str)
"""The bank's own id of a payment."""

OrderId = NewType("OrderId", str)
"""The till's name for one bill."""

OrderNonce = NewType("OrderNonce", str)
"""One-time word that money gives with an order and wants back with the authorisation."""

IdempotencyKey = NewType("IdempotencyKey", str)
"""Retry-safe name of one payment intent, stored before the first byte is sent."""

PackId = NewType("PackId", str)
"""Name and version of the model pack a template was made with, as in `starter@3`."""

ORDER_ID_LENGTH_MAX = 35
"""Characters; the length of `InstructionIdentification` in the UK Open Banking VRP API."""

REFERENCE_LENGTH = 18
"""Characters; commercial VRP providers take 6 to 18 (payments.md, 1.3), and 90 bits never meet."""

_ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def parse_order_id(text: str) -> OrderId:
    """Check an order id that came from outside.

    Raises:
        BadInputError: It is empty, too long, or holds other characters than `A-Za-z0-9._-`.
    """
    if len(text) > ORDER_ID_LENGTH_MAX or not _ORDER_ID.fullmatch(text):
        raise BadInputError(
            "The order id is not usable.",
            code="order_id_bad",
            mend=f"Use 1 to {ORDER_ID_LENGTH_MAX} letters, digits, dots, dashes or underscores.",
        )
    return OrderId(text)


def reference_of(key: IdempotencyKey) -> str:
    """Return what a bank statement shows of an attempt: 18 characters `A-Z2-7`.

    One text serves as instruction id, end-to-end id and remittance, so that an event or a line of
    a statement names the attempt although the bank's answer to it was lost.
    """
    digest = hashlib.sha256(key.encode()).digest()
    return base64.b32encode(digest).decode()[:REFERENCE_LENGTH]


def pack_name(pack: PackId) -> str:
    """Return a pack's name without its version."""
    return pack.partition("@")[0]
