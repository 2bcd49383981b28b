"""`smiletill money order|orders|abort`: send an order to a till, list orders, take one back."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from kiosk.commands.common import (
    emit,
    founded_data_option,
    json_option,
    passphrase_prompt,
    there_data_option,
)
from kiosk.domain.errors import SetupError
from kiosk.domain.ids import OrderId, parse_order_id
from kiosk.domain.money import Money, parse_amount
from kiosk.domain.order import OrderState
from kiosk.link.protocol import AbortOrder, OpenOrder, OrderStatus
from kiosk.settings import load_settings
from kiosk.supervisor import Installation, open_installation


@click.command()
@click.option("--open", "only_open", is_flag=True, help="Only what is not finished.")
@there_data_option
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


@click.command()
@click.option("--amount", required=True, help="What is owed, like 12.50.")
@click.option("--order", help="Order id; the same id and amount is the same order.")
@founded_data_option
@json_option
def order(*, amount: str, order: str | None, data_dir: Path, as_json: bool) -> None:
    """Send an order to the till that runs on this data directory; its screen shows it."""
    order_id = OrderId(f"o-{secrets.token_hex(6)}") if order is None else parse_order_id(order)
    settings = load_settings(data_dir)
    due = parse_amount(amount, settings.currency)
    installation = Installation(data_dir, settings)
    if not installation.is_up("money"):
        raise SetupError(
            "No terminal runs on this data directory, so nothing would show the order.",
            code="link_down",
            mend="Start it with smiletill run; without a screen, use smiletill pay.",
        )
    with installation.money() as till:
        status = till.call(OpenOrder(order_id, due), OrderStatus)
    emit(
        {"order": order_id, "state": status.state.value, "reason": status.reason},
        as_json,
        f"{order_id}  {due}  {status.state.value}",
    )


@click.command()
@click.argument("order", metavar="ID")
@founded_data_option
@json_option
def abort(*, order: str, data_dir: Path, as_json: bool) -> int:
    """Take back an order that nobody will pay; one that is paid or on its way stays as it is."""
    order_id = parse_order_id(order)
    with (
        open_installation(data_dir, prompt=passphrase_prompt()) as installation,
        installation.money() as till,
    ):
        status = till.call(AbortOrder(order_id, "staff"), OrderStatus)
    emit(
        {"order": order_id, "state": status.state.value, "reason": status.reason},
        as_json,
        f"{order_id}  {status.state.value}",
    )
    return 0 if status.state is OrderState.CANCELLED else 1


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
