"""One line of a statement as both formats give it, and the errors of files that are none."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kiosk.domain.errors import BadInputError
from kiosk.domain.money import Money

FILE_BYTES_MAX = 16 * 1024 * 1024
"""A year of a busy restaurant stays below it."""
LINES_MAX = 100_000
TEXT_MAX = 2_000
"""Characters of one line's text that are searched for references."""

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_UNITS_MAX = 10**15


@dataclass(frozen=True, slots=True)
class RawLine:
    """One movement of the account."""

    number: int
    """Line of the file, or number of the entry, for messages."""
    is_credit: bool
    is_reversal: bool
    amount: Money
    date: str
    """Booked on, as `2026-11-23`; empty if the file does not say."""
    text: str = field(repr=False)
    """Everything that may hold a reference."""


@dataclass(frozen=True, slots=True)
class RawStatement:
    """A file that was read."""

    lines: tuple[RawLine, ...]
    skipped: int = 0
    """Movements that are not booked yet: they prove nothing."""


class StatementError(BadInputError):
    """The file is no statement that can be read."""

    def __init__(self, where: str, what: str) -> None:
        """Say where and what, never the text itself.

        Args:
            where: Such as `line 12`.
            what: What is wrong there.
        """
        super().__init__(
            f"The statement cannot be read: {where}: {what}.",
            code="statement_bad",
            mend="See docs/backoffice.md for the columns; export it again from the bank.",
        )


def too_long(what: str) -> StatementError:
    """Return the error of a file above a limit."""
    return StatementError("the whole file", f"it has too many {what}")


def sum_of(whole: str, cents: str, currency: str, where: str) -> Money:
    """Make a sum of digits before and after the point.

    Raises:
        StatementError: It has more than two decimals that are not zero, or no currency.
    """
    if cents[2:].strip("0"):
        raise StatementError(where, "the amount has more than two decimals")
    if not _CURRENCY.fullmatch(currency):
        raise StatementError(where, "the currency is not three capital letters")
    units = int(whole) * 100 + int(cents[:2].ljust(2, "0"))
    if units >= _UNITS_MAX:
        raise StatementError(where, "the amount is beyond all measure")
    return Money(units, currency)
