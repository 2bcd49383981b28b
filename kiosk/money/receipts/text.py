"""A receipt as lines of text for a fixed number of columns: for screens, tills and paper rolls.

Invariant: no line is wider than its columns, and no amount is ever cut.
"""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from kiosk.money.receipts.layout import (
    Banner,
    Code,
    Heading,
    IsAllowed,
    Note,
    Pair,
    Row,
    Rule,
    clean,
    pair_lines,
    wrap,
)

WIDTHS = (32, 42, 48)
"""Columns of the usual paper: 58 mm, and 80 mm with wide and with narrow letters."""
_STARS = "*** "


class Weight(enum.Enum):
    """How strongly a line is printed, where the paper can."""

    PLAIN = "plain"
    STRONG = "strong"
    TALL = "tall"


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line, already in its columns; or the content of a QR code."""

    text: str
    weight: Weight = Weight.PLAIN
    is_code: bool = False


def render_text(rows: Iterable[Row], width: int) -> str:
    """Return the receipt as text, each line with its end."""
    lines = text_lines(rows, width, lambda _char: True)
    return "".join(f"{line.text}\n" for line in lines if not line.is_code)


def text_lines(rows: Iterable[Row], width: int, is_allowed: IsAllowed) -> Iterator[TextLine]:
    """Fit rows into columns.

    Args:
        rows: From `layout.rows_of`.
        width: Columns, at least 20.
        is_allowed: Which characters there are.
    """
    assert width >= 20, "a receipt needs 20 columns"
    for row in rows:
        match row:
            case Heading(text):
                yield from _centred(clean(text, is_allowed), width, Weight.STRONG)
            case Note(text):
                yield from _centred(clean(text, is_allowed), width, Weight.PLAIN)
            case Banner(text):
                yield TextLine("")
                room = width - 2 * len(_STARS)
                for line in wrap(clean(text, is_allowed), room, cells):
                    framed = f"{_STARS}{line}{_STARS[::-1]}"
                    yield from _centred(framed, width, Weight.TALL)
                yield TextLine("")
            case Pair(left, right, is_strong):
                weight = Weight.STRONG if is_strong else Weight.PLAIN
                sides = clean(left, is_allowed), clean(right, is_allowed)
                for first, last in pair_lines(*sides, width, 1, cells):
                    space = " " * (width - cells(first) - cells(last))
                    yield TextLine(f"{first}{space}{last}".rstrip(), weight)
            case Rule():
                yield TextLine("-" * width)
            case Code(content):
                yield TextLine(content, is_code=True)
            case _ as never:
                assert_never(never)


def cells(text: str) -> int:
    """Return how many columns a text takes: two a wide character, none a mark above a letter."""
    return sum(
        0 if unicodedata.combining(char)
        else 2 if unicodedata.east_asian_width(char) in {"W", "F"}
        else 1
        for char in text
    )  # fmt: skip


def _centred(text: str, width: int, weight: Weight) -> Iterator[TextLine]:
    for line in wrap(text, width, cells):
        yield TextLine(" " * ((width - cells(line)) // 2) + line, weight)
