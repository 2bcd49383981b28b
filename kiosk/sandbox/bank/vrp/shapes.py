"""Small checks that the bodies of requests are put together from, by hand and strictly.

A check takes a value and its JSON path and raises `ObError`, or returns nothing.
Missing fields are U004, unknown ones U005, wrong JSON types U010, wrong values U002.
Invariant: no refusal carries a value from the request, nor a name that is not plain letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, NoReturn

from kiosk.sandbox.bank.vrp.errors import Code, ObError

Check = Callable[[object, str], None]

_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of characters that cannot be written as UTF-8."""
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_AMOUNT = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,5}))?")
"""`OBActiveCurrencyAndAmount_SimpleType`, with ASCII digits only."""
_MINOR_DIGITS = 2


def refuse(code: Code, message: str, path: str = "") -> NoReturn:
    """Refuse a request with 400."""
    raise ObError(400, code, message, path)


def fields(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Return a check of an object with these fields and no others."""
    known = {**required, **(optional or {})}

    def check(value: object, path: str) -> None:
        found = an_object(value, path)
        for name in required:
            if name not in found:
                refuse(Code.FIELD_MISSING, "A required field is missing.", _below(path, name))
        for name, inner in found.items():
            if name not in known:
                plain = _PLAIN_NAME.fullmatch(name)
                where = _below(path, name) if plain else path
                refuse(Code.FIELD_UNEXPECTED, "This bank does not know the field.", where)
            known[name](inner, _below(path, name))

    return check


def items(inner: Check, low: int, high: int) -> Check:
    """Return a check of a list with `low` to `high` entries."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, list):
            refuse(Code.FORMAT_INVALID, "A list is expected.", path)
        if not low <= len(value) <= high:
            refuse(Code.FIELD_INVALID, f"The list holds {low} to {high} entries.", path)
        for index, entry in enumerate(value):
            inner(entry, f"{path}[{index}]")

    return check


def text(low: int, high: int, pattern: re.Pattern[str] | None = None) -> Check:
    """Return a check of text of `low` to `high` printable characters."""

    def check(value: object, path: str) -> None:
        found = a_text(value, path)
        if not low <= len(found) <= high or _UNFIT.search(found):
            refuse(Code.FIELD_INVALID, f"The text has {low} to {high} characters.", path)
        if pattern is not None and not pattern.fullmatch(found):
            refuse(Code.FIELD_INVALID, "The text is not of the pattern asked for.", path)

    return check


def choice(values: Collection[str], code: Code = Code.FIELD_INVALID) -> Check:
    """Return a check of one of a few words."""

    def check(value: object, path: str) -> None:
        if a_text(value, path) not in values:
            refuse(code, "The value is none of those that this bank knows.", path)

    return check


def flag(value: object, path: str) -> None:
    """Check a JSON boolean."""
    if not isinstance(value, bool):
        refuse(Code.FORMAT_INVALID, "true or false is expected.", path)


def whole(low: int, high: int) -> Check:
    """Return a check of a whole number."""

    def check(value: object, path: str) -> None:
        # `type is int`: JSON true is an int to isinstance, and 12.0 must not pass for 12.
        if type(value) is not int:
            refuse(Code.FORMAT_INVALID, "A whole number is expected.", path)
        if not low <= value <= high:
            refuse(Code.FIELD_INVALID, f"The number is {low} to {high}.", path)

    return check


def date_time(value: object, path: str) -> None:
    """Check a date and time with its offset."""
    read_date_time(value, path)


def unsupported(value: object, path: str) -> None:
    """Refuse a field that the standard has and this bank cannot process."""
    del value
    refuse(Code.FIELD_UNEXPECTED, "This bank cannot process the field.", path)


def an_object(value: object, path: str) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ObError: It is something else.
    """
    if not isinstance(value, dict):
        refuse(Code.FORMAT_INVALID, "An object is expected.", path)
    return value


def a_text(value: object, path: str) -> str:
    """Return a JSON string.

    Raises:
        ObError: It is something else.
    """
    if not isinstance(value, str):
        refuse(Code.FORMAT_INVALID, "Text is expected.", path)
    return value


def read_date_time(value: object, path: str) -> datetime:
    """Read an ISO 8601 date and time with its offset.

    Raises:
        ObError: U003, or U010 if it is no text.
    """
    found = a_text(value, path)
    if _DATE_TIME.fullmatch(found):
        try:
            return datetime.fromisoformat(found)
        except ValueError:
            pass  # such as the 30th of February
    refuse(Code.FIELD_INVALID_DATE, "A date and time with its offset is expected.", path)


def read_amount(value: object, path: str) -> int:
    """Read an amount of money exactly, in minor units of a currency with two decimals.

    Raises:
        ObError: Not of the standard's pattern, zero, or a fraction of a minor unit.
    """
    found = _AMOUNT.fullmatch(a_text(value, path))
    if found is None:
        refuse(Code.FIELD_INVALID, "The amount is not of the pattern asked for.", path)
    major, decimals = found[1], found[2] or ""
    if decimals[_MINOR_DIGITS:].strip("0"):
        refuse(Code.FIELD_INVALID, "The amount has a fraction of a minor unit.", path)
    minor_units = int(major + decimals[:_MINOR_DIGITS].ljust(_MINOR_DIGITS, "0"))
    if minor_units == 0:
        refuse(Code.FIELD_INVALID, "The amount is zero.", path)
    return minor_units


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
