"""Strict reading of what clients send, and the shape of what the bank answers.

Everything that is not exactly as documented is refused with a short code.
A refusal of this module depends on the bytes of the request alone, so that the same bytes are
refused every time: a client may conclude from it that they were and will be executed never.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

AMOUNT_MINOR_UNITS_MAX = 100_000_000
"""1,000,000.00: far above any restaurant bill, far below where integers could surprise anyone."""

ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,34}")
PAYEE = re.compile(r"[^\x00-\x1f\x7f]{1,70}")
ALIAS = re.compile(r"[A-Za-z0-9._-]{1,64}")
REF = re.compile(r"[A-Za-z0-9_-]{1,40}")
KEY = re.compile(r"[A-Za-z0-9._:-]{1,40}")
"""At most 40 characters, as `x-idempotency-key` in the UK Open Banking Read/Write API."""
CONSENT_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
CURRENCY = re.compile(r"[A-Z]{3}")


class RequestError(Exception):
    """A request that is refused: an HTTP status and a short code."""

    def __init__(self, status: int, code: str) -> None:
        """Keep both for the answer."""
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. `raw` replaces the JSON; `cut` closes the connection half way through."""

    status: int
    body: Mapping[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    cut: bool = False

    def payload(self) -> bytes:
        """Return the bytes of the body."""
        if self.raw is not None:
            return self.raw
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class Sum:
    """Whole minor units of one currency, above zero."""

    minor_units: int
    currency: str

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"minor_units": self.minor_units, "currency": self.currency}


@dataclass(frozen=True, slots=True)
class MandateRequest:
    """What a merchant asks of a payer's bank: an authority with two limits of one currency."""

    alias: str = field(repr=False)
    per_payment: Sum
    per_day: Sum


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """One payment under a mandate."""

    order_id: str
    amount: Sum
    payee: str
    mandate_ref: str


def _refuse(code: str) -> NoReturn:
    raise RequestError(400, code)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("json_duplicate_field")
    return found


def read_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object without repeated names.

    Raises:
        RequestError: It is anything else.
    """
    try:
        found = json.loads(body, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        _refuse("json_bad")
    if not isinstance(found, dict):
        _refuse("json_not_an_object")
    return found


def require_fields(found: object, names: frozenset[str], code: str) -> dict[str, Any]:
    """Return `found` if it is an object with exactly these fields.

    Raises:
        RequestError: A field is missing or unknown.
    """
    if not isinstance(found, dict) or found.keys() != names:
        _refuse(code)
    return found


def read_text(value: object, pattern: re.Pattern[str], code: str) -> str:
    """Return `value` if it is text of this pattern.

    Raises:
        RequestError: It is not.
    """
    if not isinstance(value, str) or not pattern.fullmatch(value):
        _refuse(code)
    return value


def read_sum(value: object, code: str) -> Sum:
    """Read `{"minor_units": 1250, "currency": "GBP"}`.

    Raises:
        RequestError: Not a whole number from 1 to `AMOUNT_MINOR_UNITS_MAX`, or no currency.
    """
    found = require_fields(value, frozenset({"minor_units", "currency"}), code)
    minor_units = found["minor_units"]
    # `type is int`: JSON true is an int to isinstance, and 12.0 must not pass for 12.
    if type(minor_units) is not int or not 0 < minor_units <= AMOUNT_MINOR_UNITS_MAX:
        _refuse(code)
    return Sum(minor_units, read_text(found["currency"], CURRENCY, code))


def read_mandate_request(body: bytes) -> MandateRequest:
    """Read the body of `POST /mandates`.

    Raises:
        RequestError: It is not exactly as documented.
    """
    found = require_fields(read_object(body), frozenset({"alias", "limits"}), "fields_bad")
    limits = require_fields(found["limits"], frozenset({"per_payment", "per_day"}), "limits_bad")
    request = MandateRequest(
        alias=read_text(found["alias"], ALIAS, "alias_bad"),
        per_payment=read_sum(limits["per_payment"], "limits_bad"),
        per_day=read_sum(limits["per_day"], "limits_bad"),
    )
    if request.per_payment.currency != request.per_day.currency:
        _refuse("limits_bad")
    return request


def read_payment_request(body: bytes) -> PaymentRequest:
    """Read the body of `POST /payments`.

    Raises:
        RequestError: It is not exactly as documented.
    """
    found = require_fields(
        read_object(body), frozenset({"order_id", "amount", "payee", "mandate_ref"}), "fields_bad"
    )
    return PaymentRequest(
        order_id=read_text(found["order_id"], ORDER_ID, "order_id_bad"),
        amount=read_sum(found["amount"], "amount_bad"),
        payee=read_text(found["payee"], PAYEE, "payee_bad"),
        mandate_ref=read_text(found["mandate_ref"], REF, "mandate_ref_bad"),
    )
