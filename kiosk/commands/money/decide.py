"""`smiletill money decide|close-conflict`: what staff know and the bank does not say."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.common import emit, founded_data_option, json_option, passphrase_prompt
from kiosk.commands.money.staff import check_staff, staff_option
from kiosk.domain.ids import parse_order_id
from kiosk.link.back_office import CloseConflict, Decided, DecideUnknown
from kiosk.link.protocol import Done
from kiosk.supervisor import open_installation

CALL_S_MAX = 90.0


@click.command()
@click.argument("order", metavar="ORDER")
@click.argument("word", type=click.Choice(["paid", "not-paid"]))
@click.option("--reason", required=True, help="One word, such as statement or guest-left.")
@staff_option
@founded_data_option
@json_option
def decide(*, order: str, word: str, reason: str, staff: str, data_dir: Path, as_json: bool) -> int:
    """Decide a payment whose end is unknown, after the bank was asked once more.

    Exit code 1 if it cannot be decided, or the bank says otherwise.
    """
    who = check_staff(data_dir, staff)
    ask = DecideUnknown(parse_order_id(order), paid=word == "paid", staff=who, reason=reason)
    with (
        open_installation(data_dir, prompt=passphrase_prompt()) as installation,
        installation.money() as till,
    ):
        decided = till.call(ask, Decided, timeout_s=CALL_S_MAX)
    words = f"{decided.order_id}  {decided.state.value}"
    if decided.refusal:
        words = f"NOT DECIDED  {decided.refusal.replace('_', ' ')}; {words}"
    emit(
        {
            "taken": decided.taken,
            "refusal": decided.refusal,
            "order": decided.order_id,
            "state": decided.state.value,
            "reason": decided.order_reason,
        },
        as_json,
        words,
    )
    return 0 if decided.taken else 1


@click.command()
@click.argument("item", metavar="ITEM")
@click.option("--reason", default="looked-at", show_default=True, help="One word.")
@staff_option
@founded_data_option
@json_option
def close_conflict(*, item: str, reason: str, staff: str, data_dir: Path, as_json: bool) -> None:
    """Say that you have looked at a conflict that `money open` lists; nothing else changes."""
    ask = CloseConflict(item, check_staff(data_dir, staff), reason)
    with (
        open_installation(data_dir, prompt=passphrase_prompt()) as installation,
        installation.money() as till,
    ):
        till.call(ask, Done)
    emit({"ok": True, "item": item}, as_json, "Closed.")
