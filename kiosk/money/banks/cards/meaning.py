"""What the payment service's answers mean for the money; pure, and decided nowhere else.

- no connection was made: `NOT_SENT`;
- this very payment (order, key, amount, currency), succeeded: `SETTLED`; processing: `ACCEPTED`;
  declined, or canceled: `DECLINED`;
- an error object of the service with 400, 401, 403 or 404: it tried nothing with this request, so
  `DECLINED`; the engine knows that this says nothing of an earlier send;
- a key conflict, 409, 429, 5xx, another payment's data, nonsense: `UNKNOWN`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kiosk.domain.ids import IdempotencyKey, OrderId, PaymentRef
from kiosk.domain.money import Money
from kiosk.money.banks.cards.client import Reply
from kiosk.money.banks.exchange import Failure
from kiosk.money.banks.port import BankAnswer, OutcomeKind

REQUIRES_ACTION = "requires_action"
"""Reason of an `UNKNOWN` that the connector can end: it cancels such a payment."""

_REF = re.compile(r"(?:pi|re|pyr)_[A-Za-z0-9_]{1,60}", re.ASCII)
_REFUSALS = frozenset({400, 401, 403, 404})
_DECLINES = {
    "authentication_required": "authentication_required",
    "card_velocity_exceeded": "limit_at_bank",
    "expired_card": "card_expired",
    "insufficient_funds": "insufficient_funds",
    "withdrawal_count_limit_exceeded": "limit_at_bank",
}
"""The service's words and ours; any other becomes `declined_by_bank`. A card that was reported
lost or stolen must not be told apart from any other, as the public documentation asks."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose answer it must be."""

    key: IdempotencyKey
    order_id: OrderId
    amount: Money


def of_payment(reply: Reply | Failure, expected: Expected) -> BankAnswer:
    """Say what an answer to a payment request or to a look-up by id means."""
    if isinstance(reply, Failure):
        return _of_failure(reply)
    if reply.status == 200:
        return of_intent(reply.body, expected)
    if reply.status == 402 and reply.error_type == "card_error":
        found = reply.error.get("payment_intent")
        if isinstance(found, dict):
            return of_intent(found, expected, reply.error)
        return BankAnswer(OutcomeKind.UNKNOWN, "answer_mismatch")
    return _of_refusal(reply)


def of_refund(reply: Reply | Failure, expected: Expected) -> BankAnswer:
    """Say what an answer to a refund request or to a look-up by id means."""
    if isinstance(reply, Failure):
        return _of_failure(reply)
    if reply.status == 200:
        return of_refund_object(reply.body, expected)
    return _of_refusal(reply)


def of_intent(
    found: dict[str, Any], expected: Expected, error: dict[str, Any] | None = None
) -> BankAnswer:
    """Say what a payment means, if it is the one that was asked about.

    Args:
        found: The payment, as the service describes it.
        expected: Which one it must be.
        error: Why its card was declined, where the answer says so beside it.
    """
    ref = _ref_of(found, "payment_intent", expected)
    if ref is None:
        return BankAnswer(OutcomeKind.UNKNOWN, "answer_mismatch")
    match found.get("status"):
        case "succeeded" if _is_same_sum(found.get("amount_received"), expected) and not error:
            return BankAnswer(OutcomeKind.SETTLED, "", ref)
        case "processing" if not error:
            return BankAnswer(OutcomeKind.ACCEPTED, "", ref)
        case "requires_payment_method":
            why = error or found.get("last_payment_error")
            # Without an error it was never tried, which ours always are: not ours to explain.
            if not isinstance(why, dict):
                return BankAnswer(OutcomeKind.UNKNOWN, "answer_mismatch", ref)
            return BankAnswer(OutcomeKind.DECLINED, _decline_reason(why), ref)
        case "requires_action":
            return BankAnswer(OutcomeKind.UNKNOWN, REQUIRES_ACTION, ref)
        case "canceled":
            return BankAnswer(OutcomeKind.DECLINED, "authentication_required", ref)
        case _:
            return BankAnswer(OutcomeKind.UNKNOWN, "answer_mismatch", ref)


def of_refund_object(found: dict[str, Any], expected: Expected) -> BankAnswer:
    """Say what a refund means, if it is the one that was asked about."""
    ref = _ref_of(found, "refund", expected)
    if ref is None:
        return BankAnswer(OutcomeKind.UNKNOWN, "answer_mismatch")
    match found.get("status"):
        case "succeeded":
            return BankAnswer(OutcomeKind.SETTLED, "", ref)
        case "pending":
            return BankAnswer(OutcomeKind.ACCEPTED, "", ref)
        case "failed" | "canceled":
            return BankAnswer(OutcomeKind.DECLINED, "refund_failed", ref)
        case _:
            return BankAnswer(OutcomeKind.UNKNOWN, "answer_mismatch", ref)


def takes_money_back(dispute: dict[str, Any]) -> bool:
    """Say whether a dispute has taken the money, or may.

    An early warning takes none; one that was won, or prevented, gives it back.
    """
    status = dispute.get("status")
    return status in {"needs_response", "under_review", "lost"}


def key_of(found: object) -> str:
    """Return the key that we wrote into a payment's or refund's metadata; empty if none."""
    metadata = found.get("metadata") if isinstance(found, dict) else None
    key = metadata.get("key") if isinstance(metadata, dict) else None
    return key if isinstance(key, str) else ""


def _of_failure(failure: Failure) -> BankAnswer:
    kind = OutcomeKind.UNKNOWN if failure.is_sent else OutcomeKind.NOT_SENT
    return BankAnswer(kind, failure.reason)


def _of_refusal(reply: Reply) -> BankAnswer:
    error = reply.error
    if reply.status not in _REFUSALS or reply.error_type != "invalid_request_error":
        return BankAnswer(OutcomeKind.UNKNOWN, f"bank_status_{reply.status}")
    if reply.is_missing() and error.get("param") in {"customer", "payment_method"}:
        return BankAnswer(OutcomeKind.DECLINED, "mandate_revoked")
    if error.get("code") == "payment_intent_unexpected_state":
        return BankAnswer(OutcomeKind.DECLINED, "mandate_pending")
    return BankAnswer(OutcomeKind.DECLINED, "declined_by_bank")


def _ref_of(found: dict[str, Any], kind: str, expected: Expected) -> PaymentRef | None:
    """Return the id of an object that is wholly about what we asked, else None."""
    metadata, ref = found.get("metadata"), found.get("id")
    is_ours = (
        found.get("object") == kind
        and isinstance(metadata, dict)
        and metadata.get("key") == expected.key
        and metadata.get("order") == expected.order_id
        and found.get("currency") == expected.amount.currency.lower()
        and _is_same_sum(found.get("amount"), expected)
    )
    if not is_ours or not isinstance(ref, str) or not _REF.fullmatch(ref):
        return None
    return PaymentRef(ref)


def _is_same_sum(found: object, expected: Expected) -> bool:
    return type(found) is int and found == expected.amount.minor_units


def _decline_reason(error: dict[str, Any]) -> str:
    for name in ("decline_code", "code"):
        word = error.get(name)
        if isinstance(word, str) and word in _DECLINES:
            return _DECLINES[word]
    return "declined_by_bank"
