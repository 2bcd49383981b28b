"""`smiletill money journal …`: check the journal of payments."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from kiosk.commands.common import data_option, emit, json_option


@click.group()
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
