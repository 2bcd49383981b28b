"""Reads a bank's CSV export: columns by name, delimiter found, amounts as banks write them.

The columns are those of docs/backoffice.md; other columns are ignored. It reads bytes and opens no
file. An amount that could be read in two ways is refused, with the number of its line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date

from kiosk.domain.money import Money
from kiosk.money.statements.line import (
    FILE_BYTES_MAX,
    LINES_MAX,
    TEXT_MAX,
    RawLine,
    RawStatement,
    StatementError,
    sum_of,
    too_long,
)

DELIMITERS = ",;\t|"
FIELD_MAX = 10_000
"""Characters of one field."""
COLUMNS_MAX = 100

COLUMNS = {
    "date": ("date", "booked", "booking date", "transaction date"),
    "amount": ("amount", "value"),
    "paid_in": ("paid in", "credit", "money in", "credit amount"),
    "paid_out": ("paid out", "debit", "money out", "debit amount"),
    "currency": ("currency", "ccy"),
}
"""Columns and the names that they may have, whatever the case."""
TEXT_COLUMNS = frozenset(
    {"reference", "description", "narrative", "remittance", "details", "memo", "text"}
)
"""Columns that are searched for references."""

_PLAIN = re.compile(r"(\d+)(?:[.,](\d{1,2}|\d{4,5}))?", re.ASCII)
_POINT = re.compile(r"(\d{1,3}(?:,\d{3})+)\.(\d{1,2})", re.ASCII)
_COMMA = re.compile(r"(\d{1,3}(?:\.\d{3})+),(\d{1,2})", re.ASCII)
_DATES = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?:[T ].*)?", re.ASCII),
    re.compile(r"(?P<d>\d{1,2})[./](?P<m>\d{1,2})[./](?P<y>\d{4})", re.ASCII),
)


def read_csv(data: bytes, currency: str) -> RawStatement:
    """Read a CSV statement.

    Args:
        data: The file.
        currency: Of the account, where the file has no such column.

    Raises:
        StatementError: It is too long, lacks a column, or has a line that makes no sense.
    """
    if len(data) > FILE_BYTES_MAX:
        raise too_long("bytes")
    text = _decoded(data)
    head = next((line for line in text.splitlines() if line.strip()), "")
    if not head:
        raise StatementError("line 1", "the file is empty")
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = _rows(reader)
    first = next(rows, None)
    if first is None:
        # Lines of delimiters alone, or of characters that only Python takes for the end of a line.
        raise StatementError("line 1", "there is no line with column names")
    number, header = first
    columns = _columns(header, number)
    lines: list[RawLine] = []
    for number, row in rows:
        if len(lines) >= LINES_MAX:
            raise too_long("lines")
        lines.append(_line(number, row, columns, currency))
    return RawStatement(tuple(lines))


def _decoded(data: bytes) -> str:
    if b"\0" in data:
        raise StatementError("line 1", "the file is no text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What banks write otherwise; references are ASCII in both.
        return data.decode("cp1252", errors="replace")


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that hold something, with the number of the line they end on."""
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            raise StatementError(_where(_line_of(reader) + 1), "it is no line of CSV") from None
        if row is None:
            return
        if not any(cell.strip() for cell in row):
            continue
        number = _line_of(reader)
        if len(row) > COLUMNS_MAX or any(len(cell) > FIELD_MAX for cell in row):
            raise StatementError(_where(number), "it is too long")
        yield number, row


def _line_of(reader: Iterator[list[str]]) -> int:
    number: int = getattr(reader, "line_num", 0)
    return number


def _columns(header: list[str], number: int) -> dict[str, list[int]]:
    """Find the columns; a name that stands twice is ambiguous, text columns are all taken."""
    found: dict[str, list[int]] = {"text": []}
    for index, cell in enumerate(header):
        name = " ".join(cell.strip().lower().replace("_", " ").split())
        if name in TEXT_COLUMNS:
            found["text"].append(index)
        for column, names in COLUMNS.items():
            if name in names:
                if column in found:
                    raise StatementError(_where(number), f"there are two columns for {column}")
                found[column] = [index]
    if not found["text"]:
        raise StatementError(_where(number), "there is no column for the reference")
    if ("amount" in found) == ("paid_in" in found):
        raise StatementError(
            _where(number), "there must be a column for the amount, or one for money in and out"
        )
    return found


def _line(number: int, row: list[str], columns: dict[str, list[int]], currency: str) -> RawLine:
    where = _where(number)

    def cell(column: str) -> str:
        indexes = columns.get(column, [])
        return row[indexes[0]].strip() if indexes and indexes[0] < len(row) else ""

    own = cell("currency").upper() or currency
    if "amount" in columns:
        is_credit, amount = _signed(cell("amount"), own, where)
    else:
        paid_in, paid_out = cell("paid_in"), cell("paid_out")
        if bool(paid_in.strip("0., ")) == bool(paid_out.strip("0., -")):
            raise StatementError(where, "it must have money in or money out")
        is_credit = bool(paid_in.strip("0., "))
        positive, amount = _signed(paid_in if is_credit else paid_out, own, where)
        if is_credit and not positive:
            raise StatementError(where, "money in is below zero")
    text = " ".join(row[index] for index in columns["text"] if index < len(row))
    return RawLine(
        number=number,
        is_credit=is_credit,
        is_reversal=False,
        amount=amount,
        date=_date(cell("date"), where),
        text=text[:TEXT_MAX],
    )


def _signed(text: str, currency: str, where: str) -> tuple[bool, Money]:
    """Read a sum with an optional sign; return whether it is above zero, and the sum."""
    bare = text.replace("\N{NO-BREAK SPACE}", "").replace("'", "").replace(" ", "")
    bare = bare.replace("\N{MINUS SIGN}", "-")
    negative = bare.startswith("-") or bare.endswith("-")
    # One sign, before or behind.
    bare = bare.removeprefix("-") if bare.startswith("-") else bare.removesuffix("-")
    bare = bare if negative else bare.removeprefix("+")
    for pattern in (_PLAIN, _POINT, _COMMA):
        match = pattern.fullmatch(bare)
        if match is not None:
            whole = match[1].replace(",", "").replace(".", "")
            return not negative, sum_of(whole, match[2] or "", currency, where)
    raise StatementError(where, "the amount is no sum like 12.50")


def _date(text: str, where: str) -> str:
    if not text:
        return ""
    for pattern in _DATES:
        match = pattern.fullmatch(text)
        if match is not None:
            try:
                return date(int(match["y"]), int(match["m"]), int(match["d"])).isoformat()
            except ValueError:
                break
    raise StatementError(where, "the date is none like 2026-11-23 or 23/11/2026")


def _where(number: int) -> str:
    return f"line {number}"
