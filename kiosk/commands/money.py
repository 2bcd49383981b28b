"""`smiletill money …`: look at the orders and check the journal, without the money process.

Both words only read the journal, so they work while the till is selling and need no key.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from kiosk.commands.common import data_option, emit, json_option
from kiosk.domain.money import Money


@click.group()
def money() -> None:
    """Look at orders and check the payment journal."""


@money.command()
@click.option("--open", "only_open", is_flag=True, help="Only what is not finished.")
@data_option
@json_option
def orders(*, only_open: bool, data_dir: Path, as_json: bool) -> None:
    """List the orders as the journal knows them, oldest first."""
    # Imported here: listing the words must not load SQLite and the crypto.
    from kiosk.money.ledger_view import list_orders  # noqa: PLC0415

    found = list_orders(data_dir, only_open=only_open)
    lines = [
        f"{row['order_id']}  {Money(_int(row['minor_units']), str(row['currency']))}"
        f"  {row['state']}{'  ' + str(row['reason']) if row['reason'] else ''}"
        for row in found
    ]
    emit({"orders": found}, as_json, "\n".join(lines) or "No orders.")


@money.group()
def journal() -> None:
    """Check the journal of payments."""


@journal.command()
@data_option
@json_option
def verify(*, data_dir: Path, as_json: bool) -> None:
    """Read every record and check sums, order and meaning; exit code 3 on damage."""
    from kiosk.money.ledger_view import verify_journal  # noqa: PLC0415

    facts = verify_journal(data_dir)
    torn = f" A tail of {facts.torn_bytes} bytes was cut off." if facts.torn_bytes else ""
    emit(
        {"ok": True, **asdict(facts)},
        as_json,
        f"The journal is whole: {facts.records} records, {facts.open_payments} open payments."
        f"{torn}\nChain value {facts.chain}.",
    )


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
