"""Writes what an accountant keeps of the journal: every record, nothing sealed or personal.

Left out: everything sealed, the payers' aliases, the lines of bills and what tills sent along (free
text), keys, and, unless asked for, the names of staff. Kept: when, what, how much, which order,
which reference, and the chain value behind each record, so that an export can be compared with the
journal it came from (`smiletill money journal verify` names the last value).
The journal is read without its lock and never changed.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import IdempotencyKey, reference_of
from kiosk.money.book import Book, apply, objection
from kiosk.money.errors import JournalAbsentError, JournalDamagedError, JournalWriteError
from kiosk.money.journal import BODY_BYTES_MAX, read_journal
from kiosk.money.ledger import JOURNAL_NAME
from kiosk.money.records import AnyRecord, decode_record
from kiosk.money.storage import file_chunks

HEADER_PREFIX_BYTES = 86
"""Before the body of a journal's line: see kiosk/money/journal.py."""

PLAIN = (
    "order_id", "end", "reason", "payment_ref", "basis", "consent", "pin_verified", "number", "way",
    "state", "by", "refund_ref", "bytes_removed", "statement", "item",
)  # fmt: skip
"""Fields that are taken over as they are; what is not named here, or made below, is left out."""
COLUMNS = (
    "n", "at", "kind", "order_id", "minor_units", "currency", "end", "reason", "reference",
    "refund_reference", "payment_ref", "refund_ref", "basis", "consent", "pin_verified", "number",
    "way", "state", "by", "statement", "item", "lines", "bytes_removed", "staff", "chain",
)  # fmt: skip
"""Columns of the CSV, in order; JSON lines have the same names, without the empty ones."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    records: int
    chain: str
    """Chain value behind the last record, in hex."""


def export_journal(data_dir: Path, out: Path, *, as_csv: bool, with_staff: bool) -> Exported:
    """Write the journal's records into a new file for the owner only.

    Args:
        data_dir: The installation.
        out: The file to make; one that exists is not overwritten.
        as_csv: CSV with `COLUMNS`, else JSON lines.
        with_staff: Keep the staff ids.

    Raises:
        BadInputError: The file exists, or its folder does not.
        JournalDamagedError, JournalAbsentError: The journal cannot be read.
        JournalWriteError: The file cannot be written.
    """
    path = data_dir / "money" / JOURNAL_NAME
    chain = _chain_of_header(path)
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        raise BadInputError(
            "The export cannot be written there.",
            code="export_exists" if isinstance(error, FileExistsError) else "export_no_folder",
            mend="Name a new file in a folder that exists.",
        ) from error
    except OSError as error:
        raise JournalWriteError(_name(error)) from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            return _write(path, file, chain, as_csv=as_csv, with_staff=with_staff)
    except OSError as error:
        out.unlink(missing_ok=True)
        raise JournalWriteError(_name(error)) from error
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _write(path: Path, file: IO[str], chain: bytes, *, as_csv: bool, with_staff: bool) -> Exported:
    put = _csv_writer(file) if as_csv else _json_writer(file)
    written = 0

    book = Book()

    def take(body: bytes) -> None:
        nonlocal chain, written
        record = decode_record(body)
        found = objection(book, record)
        if found is not None:
            raise JournalDamagedError(f"a record contradicts those before it: {found}")
        apply(book, record)
        written += 1
        chain = hashlib.sha256(chain + body).digest()
        put({"n": written, **_row(record, with_staff=with_staff), "chain": chain.hex()})

    reading = read_journal(file_chunks(path), take)
    assert reading.position.chain == chain, "the export's chain is the journal's"
    return Exported(written, chain.hex())


def _row(record: AnyRecord, *, with_staff: bool) -> dict[str, Any]:
    """Take of a record what may be seen."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    row: dict[str, Any] = {"at": fields["at"], "kind": fields["kind"]}
    order = fields.get("order")
    if isinstance(order, dict):
        row["order_id"] = order["order_id"]
    amount = fields.get("amount") or (order or {}).get("amount")
    if isinstance(amount, dict):
        row |= amount
    row |= {name: fields[name] for name in PLAIN if fields.get(name) not in {None, ""}}
    if "order_id" in row or "end" in row or fields["kind"] in _OF_PAYMENTS:
        _refer(row, "reference", fields.get("key"))
        _refer(row, "refund_reference", fields.get("refund_key"))
    if "keys" in fields:
        row["reference"] = " ".join(reference_of(IdempotencyKey(key)) for key in fields["keys"])
    if fields["kind"] == "statement":
        row["lines"] = len(fields["lines"])
    if with_staff and fields.get("staff"):
        row["staff"] = fields["staff"]
    return row


_OF_PAYMENTS = frozenset({"accepted", "contradiction", "reversed"})


def _refer(row: dict[str, Any], name: str, key: object) -> None:
    if isinstance(key, str) and key:
        row[name] = reference_of(IdempotencyKey(key))


def _json_writer(file: IO[str]) -> Callable[[dict[str, Any]], None]:
    def take(row: dict[str, Any]) -> None:
        file.write(json.dumps(row, ensure_ascii=True) + "\n")

    return take


def _csv_writer(file: IO[str]) -> Callable[[dict[str, Any]], None]:
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\r\n")
    writer.writeheader()

    def take(row: dict[str, Any]) -> None:
        writer.writerow({name: _harmless(value) for name, value in row.items()})

    return take


def _harmless(value: object) -> object:
    """Keep a spreadsheet from taking a text for a formula (OWASP, CSV injection)."""
    is_formula = isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}
    return f"'{value}" if is_formula else value


def _chain_of_header(path: Path) -> bytes:
    """Return the chain value behind the header, which is no record of ours."""
    try:
        with path.open("rb") as file:
            line = file.readline(HEADER_PREFIX_BYTES + BODY_BYTES_MAX)
    except OSError as error:
        raise JournalAbsentError(_name(error)) from error
    if not line:
        raise JournalAbsentError("it is empty")
    return hashlib.sha256(bytes(32) + line[HEADER_PREFIX_BYTES:-1]).digest()


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "OSError")
