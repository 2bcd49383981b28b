"""The list of an import: a CSV file, read strictly before anybody is brought in.

One row a person. `name`, `phone`, `pin`, `pictures` and `consent_given_at` are needed; `language`,
`signature`, `adult`, `limit_per_payment` and `limit_per_day` may be there. `pictures` are files or
folders below the import's folder, with `;` between them.
What is wrong with the whole file is an error; what is wrong with a row is that row's failure.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

from enrollment import flow
from kiosk.domain.errors import BadInputError
from kiosk.link.importing import ImportPerson

FILE_BYTES_MAX = 64 << 20
ROWS_MAX = 200_000
NEEDED = ("name", "phone", "pin", "pictures", "consent_given_at")
OPTIONAL = ("language", "signature", "adult", "limit_per_payment", "limit_per_day")
_YES = {"yes", "true", "1"}


class ListBadError(BadInputError):
    """The list cannot be used as a whole."""

    def __init__(self, what: str) -> None:
        """Say what is wrong; never repeat a cell."""
        super().__init__(
            f"The list of people cannot be used: {what}.",
            code="import_list_bad",
            mend=f"Write a UTF-8 CSV file with the columns {', '.join(NEEDED)}"
            f" and, if wanted, {', '.join(OPTIONAL)}.",
        )


class RowBadError(BadInputError):
    """One row cannot be used."""

    def __init__(self, code: str) -> None:
        """Name the reason by its code."""
        super().__init__(f"A row of the list: {code}.", code=code, mend="Mend the row.")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number in the file (the heading is row 1), and its cells."""

    number: int
    cells: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PeopleList:
    """The whole list."""

    rows: tuple[Row, ...]
    digest: str
    """SHA-256 of the file: another file is another import."""


def read_list(path: Path) -> PeopleList:
    """Read the file.

    Raises:
        ListBadError: It is no such list.
    """
    try:
        raw = path.read_bytes() if path.stat().st_size <= FILE_BYTES_MAX else None
    except OSError as error:
        raise ListBadError(error.strerror or "it cannot be read") from error
    if raw is None:
        raise ListBadError(f"it is longer than {FILE_BYTES_MAX >> 20} MiB")
    try:
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        names = reader.fieldnames or []
        rows = [
            Row(number, {key: (value or "").strip() for key, value in row.items() if key})
            for number, row in enumerate(reader, 2)
        ]
    except UnicodeDecodeError:
        raise ListBadError("it is not UTF-8") from None
    except csv.Error:
        raise ListBadError("it is no CSV") from None
    missing = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name not in {*NEEDED, *OPTIONAL}]
    if missing or len(names) != len(set(names)):
        raise ListBadError(f"columns are missing or doubled: {', '.join(missing) or 'doubled'}")
    if unknown:
        raise ListBadError("it has columns that mean nothing here")
    if not 0 < len(rows) <= ROWS_MAX:
        raise ListBadError(f"it has no row, or more than {ROWS_MAX}")
    return PeopleList(tuple(rows), hashlib.sha256(raw).hexdigest())


def as_message(row: Row, folder: Path, *, consent_version: str, pack: str | None) -> ImportPerson:
    """Turn a row into the message that brings its person in.

    Raises:
        RowBadError: Something is missing, or its pictures are not below the folder.
        BadInputError: A limit is no amount.
    """
    for name in NEEDED:
        if not row.cells.get(name):
            raise RowBadError(f"{name}_missing")
    limits = flow.limits(
        row.cells.get("limit_per_payment") or None, row.cells.get("limit_per_day") or None
    )
    return ImportPerson(
        name=row.cells["name"],
        phone=row.cells["phone"],
        pin=row.cells["pin"],
        consent_version=consent_version,
        consent_given_at=row.cells["consent_given_at"],
        pictures=_pictures(row.cells["pictures"], folder),
        pack=pack,
        limits=limits,
        language=row.cells.get("language", ""),
        signature=row.cells.get("signature", ""),
        adult=row.cells.get("adult", "").lower() in _YES,
    )


def _pictures(cell: str, folder: Path) -> tuple[str, ...]:
    """Return absolute places of pictures that lie below the folder."""
    top = folder.resolve()
    places = [(top / part.strip()).resolve() for part in cell.split(";") if part.strip()]
    if not places or not all(place.is_relative_to(top) for place in places):
        raise RowBadError("pictures_elsewhere")
    if not all(place.exists() for place in places):
        raise RowBadError("no_picture")
    return tuple(str(place) for place in places)
