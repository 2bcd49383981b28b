"""The words `smiletill bank sandbox …`: run the sandbox bank, ask its oracle, script its faults.

It holds no rule of its own. The oracle's answer comes from the bank's books, never from money.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kiosk.commands.common import data_option, emit, json_option
from kiosk.sandbox.bank import oracle as sandbox_oracle
from kiosk.sandbox.bank.faults import DELAY_S_MAX, METHODS, STATUSES, FaultKind
from kiosk.sandbox.bank.main import serve as serve_bank

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def bank() -> None:
    """The bank's side of things."""


@bank.group()
def sandbox() -> None:
    """A bank that moves no real money, for trying everything out."""


@sandbox.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=0, show_default="any free port",
    help="TCP port on 127.0.0.1.",
)  # fmt: skip
@data_option
def serve(port: int, data_dir: Path) -> None:
    """Run the sandbox bank until it is interrupted."""
    serve_bank(
        data_dir,
        port,
        announce=lambda url: click.echo(f"The sandbox bank listens at {url}.", err=True),
    )


@sandbox.command()
@click.option("--order", "order_id", metavar="ID", default=None, help="Only this order.")
@data_option
@json_option
def oracle(order_id: str | None, data_dir: Path, as_json: bool) -> None:
    """Say how many debits the bank really executed."""
    debits = sandbox_oracle.all_debits(data_dir, order_id)
    result: dict[str, Any] = {"debits": debits.count, "sum_minor_units": debits.sum_minor_units}
    if order_id is not None:
        result["order"] = order_id
    total = f"{debits.sum_minor_units // 100}.{debits.sum_minor_units % 100:02d}"
    emit(result, as_json, f"{debits.count} executed, {total} in all.")


@sandbox.command()
@click.argument("kind", type=click.Choice([*(kind.value for kind in FaultKind), "none"]))
@click.option("--path", default="/payments", show_default=True, help="And everything below it.")
@click.option("--method", type=click.Choice(METHODS), default="POST", show_default=True)
@click.option(
    "--times", type=click.IntRange(1, 1_000_000), default=1, show_default=True,
    help="How many requests are spoilt.",
)  # fmt: skip
@click.option(
    "--after-commit", is_flag=True, help="slow, hang and status: execute the request first."
)
@click.option("--seconds", type=click.FloatRange(0, DELAY_S_MAX), default=0.0, help="For slow.")
@click.option(
    "--status", type=click.Choice([str(status) for status in STATUSES]), default="500",
    help="For status.",
)  # fmt: skip
@data_option
@json_option
def fault(data_dir: Path, kind: str, as_json: bool, **fields: Any) -> None:
    """Spoil the next requests to the running bank; KIND none lets it behave again."""
    if kind == "none":
        sandbox_oracle.clear_faults(data_dir)
    else:
        fields["status"] = int(fields["status"])
        sandbox_oracle.add_fault(data_dir, {"kind": kind, **fields})
    emit({"ok": True, "kind": kind}, as_json, "Done.")


@sandbox.command()
@click.argument("offset_s", metavar="SECONDS", type=int)
@data_option
@json_option
def clock(offset_s: int, data_dir: Path, as_json: bool) -> None:
    """Set the running bank's clock to the wall clock plus SECONDS."""
    sandbox_oracle.set_clock(data_dir, offset_s)
    emit({"ok": True, "offset_s": offset_s}, as_json, "Done.")
