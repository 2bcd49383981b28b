"""The service's objects as JSON, in the public shape; only the fields that somebody needs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from kiosk.sandbox.cards.forms import CardsError

_MESSAGES = {
    "authentication_required": "The cardholder has to be present for this payment.",
    "expired_card": "Your card has expired.",
}


def missing(param: str, identifier: str) -> CardsError:
    """Return the refusal of an id that there is not."""
    return CardsError(
        400, f"No such {param}: '{identifier[:64]}'",
        code="resource_missing", param=param,
    )  # fmt: skip


def customer(row: sqlite3.Row) -> dict[str, Any]:
    """Describe a customer."""
    if row["deleted"]:
        return {"id": row["id"], "object": "customer", "deleted": True}
    return {
        "id": row["id"],
        "object": "customer",
        "created": row["created"],
        "metadata": json.loads(row["metadata"]),
        "livemode": False,
    }


def session(row: sqlite3.Row, base_url: str) -> dict[str, Any]:
    """Describe a hosted page."""
    is_open = row["status"] == "open"
    return {
        "id": row["id"],
        "object": "checkout.session",
        "mode": "setup",
        "status": row["status"],
        "customer": row["customer"],
        "url": f"{base_url}/hosted/{row['id']}" if is_open else None,
        "livemode": False,
    }


def method(row: sqlite3.Row) -> dict[str, Any]:
    """Describe a saved card."""
    return {
        "id": row["id"],
        "object": "payment_method",
        "type": "card",
        "customer": row["customer"],
        "created": row["created"],
        "card": {"brand": "visa", "last4": row["last4"], "exp_month": 12, "exp_year": 2034},
        "livemode": False,
    }


def intent(row: sqlite3.Row, card: sqlite3.Row) -> dict[str, Any]:
    """Describe a payment."""
    is_paid = row["status"] == "succeeded"
    return {
        "id": row["id"],
        "object": "payment_intent",
        "amount": row["amount"],
        "amount_received": row["amount"] if is_paid else 0,
        "currency": row["currency"],
        "customer": row["customer"],
        "payment_method": row["method"] if is_paid or not row["code"] else None,
        "status": row["status"],
        "metadata": json.loads(row["metadata"]),
        "description": row["description"],
        "created": row["created"],
        "latest_charge": f"ch_{row['id'][3:]}" if row["status"] != "requires_action" else None,
        "last_payment_error": _payment_error(row, card),
        "next_action": {"type": "use_stripe_sdk"} if row["status"] == "requires_action" else None,
        "livemode": False,
    }


def _payment_error(row: sqlite3.Row, card: sqlite3.Row) -> dict[str, Any] | None:
    if not row["code"]:
        return None
    return {
        "type": "card_error",
        "code": row["code"],
        "decline_code": row["decline_code"],
        "message": _MESSAGES.get(row["code"], "Your card was declined."),
        "payment_method": method(card),
    }


def declined(described: dict[str, Any]) -> dict[str, Any]:
    """Return the error body of a payment whose card was declined."""
    error = dict(described["last_payment_error"])
    return {"error": {**error, "payment_intent": described}}


def refund(row: sqlite3.Row) -> dict[str, Any]:
    """Describe a refund."""
    return {
        "id": row["id"],
        "object": "refund",
        "amount": row["amount"],
        "currency": row["currency"],
        "payment_intent": row["intent"],
        "status": row["status"],
        "metadata": json.loads(row["metadata"]),
        "created": row["created"],
    }


def dispute(row: sqlite3.Row, intent: sqlite3.Row) -> dict[str, Any]:
    """Describe a dispute of a whole payment."""
    return {
        "id": row["id"],
        "object": "dispute",
        "amount": intent["amount"],
        "currency": intent["currency"],
        "charge": f"ch_{row['intent'][3:]}",
        "payment_intent": row["intent"],
        "reason": "fraudulent",
        "status": row["status"],
        "created": row["created"],
        "livemode": False,
    }


def event(row: sqlite3.Row) -> dict[str, Any]:
    """Describe an event."""
    return {
        "id": row["id"],
        "object": "event",
        "type": row["type"],
        "created": row["created"],
        "data": json.loads(row["object"]),
        "livemode": False,
    }


def page(items: Sequence[dict[str, Any]], url: str, *, more: bool) -> dict[str, Any]:
    """Return a page of a list."""
    return {"object": "list", "url": url, "has_more": more, "data": list(items)}
