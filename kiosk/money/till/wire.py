"""Reads what a till sends: JSON without traps, amounts without floats.

It knows JSON, not nexo: what a message means is in nexo.py and rest.py.

Invariants: a number is read as the decimal that was written, never as a float; a name given twice,
NaN, an unpaired surrogate, a NUL, depth and length beyond the limits are refused, not repaired.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

from kiosk.domain.errors import BadInputError
from kiosk.domain.money import Money

BODY_BYTES_MAX = 65_536
"""One request: a bill of 100 lines of 200 characters of three bytes fits in."""
DEPTH_MAX = 24
"""The deepest nexo message that we know has ten levels."""
NUMBER_CHARS_MAX = 24

_AMOUNT = re.compile(r"\d{1,9}(?:\.\d{1,2}0*)?", re.ASCII)


def read_object(raw: bytes) -> dict[str, Any]:
    """Read the body of a request, which must be one JSON object.

    Raises:
        BadInputError: It is not, or holds what no till has reason to send.
    """
    if len(raw) > BODY_BYTES_MAX:
        raise _bad("it is too long")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad("it is not UTF-8") from None
    _check_depth(text)
    try:
        found = json.loads(
            text,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_constant,
            object_pairs_hook=_pairs,
        )
    except (json.JSONDecodeError, RecursionError):
        raise _bad("it cannot be read") from None
    if not isinstance(found, dict):
        raise _bad("it is not an object")
    _check_text(found)
    return found


def read_amount(value: object, currency: str, *, zero_ok: bool = False) -> Money:
    """Read an amount, written as a number or as text with at most two decimals.

    Raises:
        BadInputError: It is not a sum of money, or zero where that makes no sense.
    """
    text = format(value, "f") if isinstance(value, Decimal) else value
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise BadInputError(
            "The amount is not a sum of money.",
            code="amount_bad",
            mend="Send it like 12.50, without a sign and with at most two decimals.",
        )
    whole, _, rest = text.partition(".")
    minor_units = int(whole) * 100 + int(rest[:2].ljust(2, "0"))
    if minor_units == 0 and not zero_ok:
        raise BadInputError(
            "The amount is zero.", code="amount_zero", mend="There is nothing to pay."
        )
    return Money(minor_units, currency)


def as_text(amount: Money) -> str:
    """Write an amount without its currency, like `12.50`."""
    return f"{amount.minor_units // 100}.{amount.minor_units % 100:02d}"


def as_number(amount: Money) -> float:
    """Write an amount as nexo does, as a JSON number.

    The shortest decimal that Python writes for it is the amount itself, below 15 digits.
    """
    return amount.minor_units / 100


def write(value: dict[str, Any]) -> bytes:
    """Write an answer: compact, and the same bytes for the same content."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _check_depth(text: str) -> None:
    """Count brackets outside of strings, before anything recursive looks at them."""
    depth = 0
    in_string = False
    skip = False
    for sign in text:
        if skip:
            skip = False
        elif in_string:
            skip = sign == "\\"
            in_string = sign != '"'
        elif sign == '"':
            in_string = True
        elif sign in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise _bad("it is too deep")
        elif sign in "]}":
            depth -= 1


def _number(text: str) -> Decimal:
    if len(text) > NUMBER_CHARS_MAX or "e" in text.lower():
        raise _bad("a number in it is written in a way that no amount is")
    return Decimal(text)


def _no_constant(_: str) -> NoReturn:
    raise _bad("NaN and Infinity are no numbers")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _bad("a name in it is given twice")
    return found


def _check_text(value: object) -> None:
    """Refuse text that cannot be stored. The depth is bounded by now."""
    match value:
        case str():
            if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
                raise _bad("a text in it holds what is no character")
        case dict():
            for name, inner in value.items():
                _check_text(name)
                _check_text(inner)
        case list():
            for inner in value:
                _check_text(inner)
        case _:
            pass


def _bad(what: str) -> BadInputError:
    return BadInputError(
        f"The message cannot be used: {what}.",
        code="message_bad",
        mend="Send one JSON object as docs/till-api.md shows it.",
    )
