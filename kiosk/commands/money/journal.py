"""`smiletill money journal verify|export`: check the journal of payments, and keep a copy."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from kiosk.commands.common import NewFile, emit, json_option, there_data_option


@click.group()
def journal() -> None:
    """Check the journal of payments, or write it down for an accountant."""


@journal.command()
@there_data_option
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


@journal.command()
@click.option(
    "--out", required=True, type=NewFile(),
    help="The file to make; one that exists is not overwritten.",
)  # fmt: skip
@click.option(
    "--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True
)
@click.option("--with-staff", is_flag=True, help="Keep the names of staff.")
@there_data_option
@json_option
def export(*, out: Path, kind: str, with_staff: bool, data_dir: Path, as_json: bool) -> None:
    """Write every record, without what is sealed or personal, with the chain values."""
    from kiosk.money.export import export_journal  # noqa: PLC0415

    done = export_journal(data_dir, out, as_csv=kind == "csv", with_staff=with_staff)
    emit(
        {"ok": True, **asdict(done)},
        as_json,
        f"{done.records} records.\nChain value {done.chain}.",
    )
