"""`smiletill money statement FILE`: compare the account's statement with the journal.

The file is read here; only lines that name a reference of ours go on, without their text.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import click

from kiosk.commands.common import emit, founded_data_option, json_option, passphrase_prompt
from kiosk.commands.money.staff import check_staff, staff_option
from kiosk.domain.errors import BadInputError
from kiosk.domain.refund import LineFate
from kiosk.link.back_office import StatementLine, StatementTaken, TakeStatement
from kiosk.settings import load_settings
from kiosk.supervisor import open_installation

CALL_S_MAX = 90.0


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@staff_option
@founded_data_option
@json_option
def statement(*, file: Path, staff: str, data_dir: Path, as_json: bool) -> int:
    """Import a statement of your own account, as CSV or camt.053.

    It proves what was paid, never what was not. Importing it again changes nothing. Exit code 1 if
    there are lines that somebody has to look at.
    """
    # Imported here: listing the words must not load the crypto.
    from kiosk.money.reading import read_installation  # noqa: PLC0415
    from kiosk.money.statements.desk import LINES_IN_CALL_MAX  # noqa: PLC0415
    from kiosk.money.statements.line import FILE_BYTES_MAX  # noqa: PLC0415
    from kiosk.money.statements.matching import reduce_lines, references_of  # noqa: PLC0415
    from kiosk.money.statements.reading import read_statement  # noqa: PLC0415

    who = check_staff(data_dir, staff)
    data = _bytes_of(file, FILE_BYTES_MAX)
    raw = read_statement(data, load_settings(data_dir).currency)
    _, book = read_installation(data_dir)
    reduced = reduce_lines(raw, references_of(book))
    fates: list[LineFate] = []
    if reduced.lines:
        digest = hashlib.sha256(data).hexdigest()
        with (
            open_installation(data_dir, prompt=passphrase_prompt()) as installation,
            installation.money() as till,
        ):
            for first in range(0, len(reduced.lines), LINES_IN_CALL_MAX):
                part = reduced.lines[first : first + LINES_IN_CALL_MAX]
                taken = till.call(
                    TakeStatement(digest, who, part), StatementTaken, timeout_s=CALL_S_MAX
                )
                fates += taken.fates
    counts = Counter(fates)
    counts[LineFate.UNKNOWN_REFERENCE] += reduced.unknown
    told = [
        _row(line, fate)
        for line, fate in zip(reduced.lines, fates, strict=True)
        if fate not in {LineFate.AGREES, LineFate.KNOWN_LINE}
    ]
    result: dict[str, Any] = {
        "lines": len(raw.lines),
        "not_booked": raw.skipped,
        **{fate.value: counts[fate] for fate in LineFate},
        "told": told,
    }
    emit(result, as_json, _words(result))
    return 1 if any(counts[fate] for fate in _TO_LOOK_AT) else 0


_TO_LOOK_AT = [fate for fate in LineFate if fate.is_conflict or fate is LineFate.NOT_PAID_HERE]


def _bytes_of(file: Path, bytes_max: int) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(bytes_max + 1)
    except OSError as error:
        raise BadInputError(
            "The statement's file cannot be read.",
            code="statement_unreadable",
            mend="Check its name and its rights.",
        ) from error


def _row(line: StatementLine, fate: LineFate) -> dict[str, Any]:
    return {
        "line": line.line,
        "fate": fate.value,
        "references": list(line.references),
        "minor_units": line.amount.minor_units,
        "currency": line.amount.currency,
        "is_credit": line.is_credit,
    }


def _words(result: dict[str, Any]) -> str:
    counts = ", ".join(
        f"{result[fate.value]} {fate.value.replace('_', ' ')}"
        for fate in LineFate
        if result[fate.value]
    )
    head = f"{result['lines']} lines: {counts or 'nothing'}."
    if result["not_booked"]:
        head += f" {result['not_booked']} are not booked yet and prove nothing."
    lines = [
        f"  {row['fate'].replace('_', ' ')}  {row['minor_units'] / 100:.2f} {row['currency']}"
        f"  {' '.join(row['references'])}  (line {row['line']})"
        for row in result["told"]
    ]
    return "\n".join([head, *lines])
