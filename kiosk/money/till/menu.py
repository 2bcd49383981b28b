"""Reads the menu file that the simple till offers: CSV with `item,price` and, if wanted, `group`.

It reads the file each time it is asked, so that a new price holds from the next look on.
Invariant: a menu is read whole or refused with the line and what is wrong there.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.money import Money
from kiosk.money.till.wire import read_amount

FILE_BYTES_MAX = 262_144
ITEMS_MAX = 1_000
TEXT_MAX = 80
"""Characters of an item's or a group's name."""
COLUMNS = ("item", "price", "group")


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One thing to sell."""

    item: str
    price: Money
    group: str = ""


def read_menu(path: Path, currency: str) -> tuple[MenuItem, ...]:
    """Read and check a menu.

    Raises:
        SetupError: The file cannot be read.
        BadInputError: `menu_bad`; the message names the line.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SetupError(
            "The menu file cannot be read.",
            code="menu_unreadable",
            mend="Check the path under [till] menu in settings.toml.",
        ) from error
    if len(raw) > FILE_BYTES_MAX:
        raise _bad(1, f"the file is longer than {FILE_BYTES_MAX} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _bad(line, "it is not UTF-8") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    return _items(rows, currency)


def _items(rows: csv._reader, currency: str) -> tuple[MenuItem, ...]:  # type: ignore[name-defined]
    found: list[MenuItem] = []
    names: dict[str, int] = {}
    columns: list[str] | None = None
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if columns is None:
                columns = _columns([cell.strip().lower() for cell in row])
                continue
            if len(found) == ITEMS_MAX:
                raise _bad(rows.line_num, f"a menu has at most {ITEMS_MAX} items")
            item = _item(rows.line_num, columns, row, currency)
            if item.item in names:
                raise _bad(rows.line_num, f"the item stands in line {names[item.item]} already")
            names[item.item] = rows.line_num
            found.append(item)
    except csv.Error:
        raise _bad(rows.line_num, "its quotes do not match") from None
    if columns is None:
        raise _bad(1, "it is empty; begin with item,price,group")
    return tuple(found)


def _columns(names: list[str]) -> list[str]:
    if not {"item", "price"} <= set(names) <= set(COLUMNS) or len(set(names)) != len(names):
        raise _bad(1, "the first line must name the columns item, price and, if wanted, group")
    return names


def _item(line: int, columns: list[str], row: list[str], currency: str) -> MenuItem:
    if len(row) != len(columns):
        raise _bad(line, f"it has {len(row)} columns instead of {len(columns)}")
    cells = dict(zip(columns, (cell.strip() for cell in row), strict=True))
    for name in ("item", "group"):
        text = cells.get(name, "")
        if len(text) > TEXT_MAX or not text.isprintable():
            raise _bad(line, f"the {name} must have at most {TEXT_MAX} printable characters")
    if not cells["item"]:
        raise _bad(line, "the item has no name")
    try:
        price = read_amount(cells["price"], currency)
    except BadInputError:
        raise _bad(line, "the price must be written like 12.50 and be above zero") from None
    return MenuItem(cells["item"], price, cells.get("group", ""))


def _bad(line: int, what: str) -> BadInputError:
    return BadInputError(
        f"Line {line} of the menu cannot be used: {what}.",
        code="menu_bad",
        mend="Mend the line; the next look reads the file again.",
    )
