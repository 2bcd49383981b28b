"""Amounts of money as whole minor units.

A float never enters: text is parsed digit by digit, and arithmetic is on integers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kiosk.domain.errors import BadInputError

DEFAULT_CURRENCY = "GBP"

ORDER_AMOUNT_MAX_MINOR_UNITS = 100_000
"""1,000.00: the hard ceiling of one order.

A restaurant bill for a table stays below it, and a slip of the finger by two zeros does not.
"""

# Far more digits than the ceiling has, so that a sum with two zeros too many is told to be one.
_AMOUNT = re.compile(r"(\d{1,12})(?:\.(\d{2}))?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """A sum of money: whole minor units (pence, cents) of one ISO 4217 currency.

    Only currencies with two decimals are supported.
    """

    minor_units: int
    currency: str = DEFAULT_CURRENCY

    def __post_init__(self) -> None:
        """Refuse anything that is not a non-negative whole number of a named currency."""
        if type(self.minor_units) is not int or self.minor_units < 0:
            message = "minor_units must be a non-negative int"
            raise ValueError(message)
        if not _CURRENCY.fullmatch(self.currency):
            message = "currency must be three capital letters"
            raise ValueError(message)

    def __add__(self, other: Money) -> Money:
        """Add two sums of the same currency."""
        self._same_currency(other)
        return Money(self.minor_units + other.minor_units, self.currency)

    def exceeds(self, limit: Money) -> bool:
        """Say whether this sum is above a limit of the same currency."""
        self._same_currency(limit)
        return self.minor_units > limit.minor_units

    def _same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            message = "sums of different currencies cannot be compared or added"
            raise ValueError(message)

    def __str__(self) -> str:
        """Return the amount as people write it, for example `12.50 GBP`."""
        return f"{self.minor_units // 100}.{self.minor_units % 100:02d} {self.currency}"


def parse_amount(text: str, currency: str = DEFAULT_CURRENCY) -> Money:
    """Read an amount that somebody typed, such as `12.50` or `12`.

    Raises:
        BadInputError: It is not a number with no or two decimals, is zero, or is above
            `ORDER_AMOUNT_MAX_MINOR_UNITS`.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise BadInputError(
            "The amount is not a sum of money.",
            code="amount_bad",
            mend="Write it like 12.50, with no sign and with no or two decimals.",
        )
    minor_units = int(match[1]) * 100 + int(match[2] or 0)
    if minor_units == 0:
        raise BadInputError(
            "The amount is zero.", code="amount_zero", mend="There is nothing to pay."
        )
    if minor_units > ORDER_AMOUNT_MAX_MINOR_UNITS:
        raise BadInputError(
            f"The amount is above the ceiling of {Money(ORDER_AMOUNT_MAX_MINOR_UNITS, currency)}.",
            code="amount_above_ceiling",
            mend="Check the amount, or split the bill.",
        )
    return Money(minor_units, currency)
