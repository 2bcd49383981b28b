"""The words `smiletill bank sandbox …`: run the sandbox bank, ask its oracle, script what it does.

It holds no rule of its own. The oracle's answer comes from the bank's books, never from money.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kiosk.commands.common import data_option, emit, json_option, there_data_option
from kiosk.domain.errors import SetupError
from kiosk.domain.ids import OrderId
from kiosk.sandbox.bank import oracle as sandbox_oracle
from kiosk.sandbox.bank.faults import DELAY_S_MAX, METHODS, STATUSES, FaultKind
from kiosk.sandbox.bank.main import serve as serve_bank
from kiosk.sandbox.bank.vrp.control import DECISIONS, TOKEN_LIFE_S_MAX
from kiosk.sandbox.bank.vrp.ladder import DELAY_S_MAX as STATUS_DELAY_S_MAX
from kiosk.sandbox.bank.vrp.ladder import Final, Status
from kiosk.sandboxes import sandbox_of
from kiosk.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def _refuse_cards(data_dir: Path, word: str) -> None:
    """Refuse a word that scripts the sandbox bank where the sandbox for cards is in its place.

    Raises:
        SetupError: The connector is `cards`.
    """
    if load_settings(data_dir).bank.connector == "cards":
        raise SetupError(
            f'With connector = "cards" there is no sandbox bank: {word} does not reach it.',
            code="sandbox_is_cards",
            mend="For cards, oracle works here; to have a charge declined or a refund fail, set"
            " sandbox_card under [bank.options] (docs/cards.md lists the test cards).",
        )


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
@there_data_option
@json_option
def oracle(order_id: str | None, data_dir: Path, as_json: bool) -> None:
    """Say how many debits the sandbox of this installation's connector really executed."""
    found = sandbox_of(load_settings(data_dir), data_dir)
    if found is None:
        raise SetupError(
            "A real bank is connected: it has no oracle.",
            code="sandbox_absent",
            mend="Compare with the bank's own account statement.",
        )
    debits = found.debits(data_dir, None if order_id is None else OrderId(order_id))
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
@there_data_option
@json_option
def fault(data_dir: Path, kind: str, as_json: bool, **fields: Any) -> None:
    """Spoil the next requests to the running bank; KIND none lets it behave again."""
    _refuse_cards(data_dir, "fault")
    if kind == "none":
        sandbox_oracle.clear_faults(data_dir)
    else:
        fields["status"] = int(fields["status"])
        sandbox_oracle.add_fault(data_dir, {"kind": kind, **fields})
    emit({"ok": True, "kind": kind}, as_json, "Done.")


@sandbox.command()
@click.argument("offset_s", metavar="SECONDS", type=int)
@there_data_option
@json_option
def clock(offset_s: int, data_dir: Path, as_json: bool) -> None:
    """Set the running bank's clock to the wall clock plus SECONDS."""
    _refuse_cards(data_dir, "clock")
    sandbox_oracle.set_clock(data_dir, offset_s)
    emit({"ok": True, "offset_s": offset_s}, as_json, "Done.")


@sandbox.command()
@click.argument("decision", type=click.Choice(DECISIONS))
@click.argument("consent_id", metavar="CONSENT")
@there_data_option
@json_option
def consent(decision: str, consent_id: str, data_dir: Path, as_json: bool) -> None:
    """Let the payer or the bank decide about an open-banking CONSENT (its id)."""
    sandbox_oracle.decide_consent(data_dir, consent_id, decision)
    emit({"ok": True, "decision": decision}, as_json, "Done.")


@sandbox.command()
@click.option(
    "--delay", "delays",
    type=(
        click.Choice([status.value for status in Status]), click.FloatRange(0, STATUS_DELAY_S_MAX)
    ),
    multiple=True, metavar="STATUS SECONDS", help="Seconds before a status; may be repeated.",
)  # fmt: skip
@click.option(
    "--final", type=click.Choice([final.value for final in Final]), default="settle",
    show_default=True, help="How the payments end.",
)  # fmt: skip
@click.option(
    "--reason", metavar="CODE", default="AM04", show_default=True, help="Why they are rejected."
)
@there_data_option
@json_option
def ladder(
    delays: tuple[tuple[str, float], ...], final: str, reason: str, data_dir: Path, as_json: bool
) -> None:
    """Script which statuses the next open-banking payments take, and when."""
    sandbox_oracle.set_ladder(data_dir, dict(delays), final, reason)
    emit({"ok": True, "final": final}, as_json, "Done.")


@sandbox.command()
@click.option(
    "--life", "life_s", metavar="SECONDS", type=click.IntRange(1, TOKEN_LIFE_S_MAX), default=None,
    help="Life of payers' tokens to come; without it they live as long as their consent.",
)  # fmt: skip
@click.option("--forget", is_flag=True, help="End all tokens that were given out.")
@there_data_option
@json_option
def tokens(life_s: int | None, forget: bool, data_dir: Path, as_json: bool) -> None:
    """Shorten or end the access tokens of the open-banking door."""
    sandbox_oracle.set_tokens(data_dir, life_s, forget=forget)
    emit({"ok": True}, as_json, "Done.")


@sandbox.command()
@there_data_option
@json_option
def requests(data_dir: Path, as_json: bool) -> None:
    """List the requests that came to the open-banking door; hashes only, no content."""
    found = sandbox_oracle.door_requests(data_dir)
    lines = [
        f"{entry['status']} {entry['method']} {entry['path']} {entry['key']}".rstrip()
        for entry in found
    ]
    emit({"requests": found}, as_json, "\n".join(lines) or "None.")
