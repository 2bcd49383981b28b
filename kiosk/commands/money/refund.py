"""`smiletill money refund|refunds|refund-close`: give money back, and follow it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import click

from kiosk.commands.common import emit, founded_data_option, json_option, passphrase_prompt
from kiosk.commands.money.staff import check_staff, staff_option
from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import OrderId, parse_order_id
from kiosk.domain.money import parse_amount
from kiosk.domain.refund import RefundState, RefundWay
from kiosk.link.back_office import (
    CloseRefund,
    ListRefunds,
    Refund,
    RefundAnswer,
    RefundOrder,
    Refunds,
)
from kiosk.settings import load_settings
from kiosk.supervisor import open_installation

CALL_S_MAX = 90.0
"""Longest wait for an answer: time-outs of the bank's connector, twice."""


@click.command()
@click.argument("order", metavar="ORDER")
@click.option("--amount", help="How much, like 5.00; without it, all that is left.")
@click.option("--reference", default="", help="Which payment, if the order was paid twice.")
@click.option("--reason", default="staff", show_default=True, help="One word.")
@click.option("--request", help="Id of this request; the same id is the same refund.")
@staff_option
@founded_data_option
@json_option
def refund(
    *,
    order: str,
    amount: str | None,
    reference: str,
    reason: str,
    request: str | None,
    staff: str,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Give money of a payment back, by the bank or as a transfer that you make.

    Exit code 0 if it is done or is your task now, 1 if not.
    """
    settings = load_settings(data_dir)
    ask = RefundOrder(
        request_id=request or f"cli-{secrets.token_hex(8)}",
        order_id=parse_order_id(order),
        staff=check_staff(data_dir, staff),
        reason=reason,
        amount=None if amount is None else parse_amount(amount, settings.currency),
        reference=reference,
    )
    with (
        open_installation(data_dir, prompt=passphrase_prompt()) as installation,
        installation.money() as till,
    ):
        answer = till.call(ask, RefundAnswer, timeout_s=CALL_S_MAX)
    return _tell(answer, as_json=as_json, request=ask.request_id)


@click.command()
@click.argument("number", type=click.IntRange(min=1))
@click.argument("end", type=click.Choice(["done", "withdrawn"]))
@staff_option
@founded_data_option
@json_option
def refund_close(*, number: int, end: str, staff: str, data_dir: Path, as_json: bool) -> int:
    """Say of refund NUMBER that you made the transfer, or that nobody will."""
    who = check_staff(data_dir, staff)
    with (
        open_installation(data_dir, prompt=passphrase_prompt()) as installation,
        installation.money() as till,
    ):
        answer = till.call(
            CloseRefund(number, done=end == "done", staff=who), RefundAnswer, timeout_s=CALL_S_MAX
        )
    if answer.refusal == "refund_unknown":
        raise BadInputError(
            "There is no refund of this number.",
            code="refund_unknown",
            mend="smiletill money refunds lists those that are open.",
        )
    return _tell(answer, as_json=as_json, closing=True)


@click.command()
@click.argument("order", metavar="[ORDER]", required=False)
@founded_data_option
@json_option
def refunds(*, order: str | None, data_dir: Path, as_json: bool) -> None:
    """List the refunds of an order, or all that are open."""
    order_id = None if order is None else parse_order_id(order)
    with (
        open_installation(data_dir, prompt=passphrase_prompt()) as installation,
        installation.money() as till,
    ):
        found = till.call(ListRefunds(order_id), Refunds).refunds
    lines = [_as_words(it) for it in found]
    emit({"refunds": [as_row(it) for it in found]}, as_json, "\n".join(lines) or "No refunds.")


def as_row(refund: Refund) -> dict[str, Any]:
    """Return a refund as JSON has it."""
    return {
        "number": refund.number,
        "request": refund.request_id,
        "order": refund.order_id,
        "minor_units": refund.amount.minor_units,
        "currency": refund.amount.currency,
        "way": refund.way.value,
        "state": refund.state.value,
        "reason": refund.reason,
        "reference": refund.reference,
        "payment_reference": refund.payment_reference,
        "staff": refund.staff,
        "at": refund.opened_at,
    }


def _tell(
    answer: RefundAnswer, *, as_json: bool, request: str | None = None, closing: bool = False
) -> int:
    told = answer.refund
    left = answer.refundable
    result: dict[str, Any] = {
        "refusal": answer.refusal,
        "refund": None if told is None else as_row(told),
        "refundable_minor_units": None if left is None else left.minor_units,
    }
    if request is not None:
        result["request"] = request
    words = f"NOT REFUNDED  {answer.refusal.replace('_', ' ')}"
    if left is not None and answer.refusal:
        words += f"; {left} could be refunded"
    if told is not None and not answer.refusal:
        words = _as_words(told)
    emit(result, as_json, words)
    if told is None or answer.refusal:
        return 1
    return 0 if closing or told.state in {RefundState.DONE, RefundState.PENDING} else 1


def _as_words(refund: Refund) -> str:
    head = f"Refund {refund.number}  {refund.amount}  of {OrderId(refund.order_id)}"
    match refund.state:
        case RefundState.PENDING if refund.way is RefundWay.MANUAL:
            return (
                f"{head}  TASK: find the payment {refund.payment_reference} in your bank's"
                f" application, transfer {refund.amount} back and write {refund.reference} on it"
            )
        case RefundState.PENDING | RefundState.UNKNOWN:
            return f"{head}  UNKNOWN: the bank is asked again; do not refund it another way yet"
        case RefundState.DONE:
            return f"{head}  DONE"
        case RefundState.NOT_DONE:
            return f"{head}  NOT REFUNDED: {refund.reason.replace('_', ' ')}"
