"""`smiletill pay`: one payment without a screen, by the same session machine and engine."""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import click

from kiosk.commands.cameras import camera_options
from kiosk.commands.common import data_option, emit, json_option, passphrase_prompt
from kiosk.domain.consent import ConsentKind
from kiosk.domain.errors import BadInputError, SmileTillError
from kiosk.domain.ids import OrderId, parse_order_id
from kiosk.domain.money import Money, parse_amount
from kiosk.domain.order import OrderState, Outcome
from kiosk.domain.pin import check_pin_shape
from kiosk.link.named_camera import named_camera
from kiosk.link.protocol import (
    AbortOrder,
    GetOrder,
    OpenOrder,
    OrderOffer,
    OrderStatus,
    PayHeadless,
    Progress,
    SessionReport,
)
from kiosk.link.sockets import LinkDownError
from kiosk.sandboxes import executed_debits
from kiosk.settings import load_settings
from kiosk.supervisor import Installation, open_installation

SESSION_S_MAX = 120.0
"""Longest silence of faces: the time-outs of money (45 s) twice, and room for a slow machine."""
SETTLE_S_MAX = 40.0
"""How long to wait for an order that is in flight after faces was lost."""
SETTLE_POLL_S = 0.5
LATE_NEWS_S = 3.0
"""How long to wait for the bank's word on an unknown outcome; asking it takes money a moment."""

_PHONE_DIGITS = re.compile(r"[0-9]{4}", re.ASCII)

logger = logging.getLogger(__name__)


@click.command()
@click.option("--amount", required=True, help="What is owed, like 12.50.")
@camera_options
@click.option(
    "--consent",
    type=click.Choice([kind.value for kind in ConsentKind]),
    default=ConsentKind.TAP.value,
    show_default=True,
    help="How the customer agrees to the amount.",
)
@click.option("--phone-digits", help="Last four digits of the phone number, if policy asks.")
@click.option("--pin", help="PIN, if policy asks; needed with --phone.")
@click.option("--phone", help="Full phone number: pay without a face, with --pin.")
@click.option("--order", help="Order id; the same id and amount is the same order.")
@click.option("--pack", help="Model pack; must be the installation's.")
@data_option
@json_option
def pay(
    amount: str,
    device: int | None,
    video: Path | None,
    frames: Path | None,
    consent: str,
    phone_digits: str | None,
    pin: str | None,
    phone: str | None,
    order: str | None,
    pack: str | None,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Pay one order from a camera, a video file or a folder of frames.

    Digits and PIN are used only where policy asks for them. Exit code 0 if PAID, else 1.
    """
    settings = load_settings(data_dir)
    sum_due = parse_amount(amount, settings.currency)
    order_id = OrderId(f"o-{secrets.token_hex(6)}") if order is None else parse_order_id(order)
    spec = named_camera(device, video, frames)
    if (spec is None) == (phone is None):
        message = "Name a camera (--camera, --video or --frames), or pay with --phone and --pin."
        raise click.UsageError(message)
    if phone is not None and pin is None:
        message = "--phone needs --pin."
        raise click.UsageError(message)
    _check_typed(phone_digits, pin, phone, settings.country_code)
    request = PayHeadless(
        order_id=order_id,
        nonce=None,
        camera=spec,
        consent=ConsentKind(consent),
        pack=pack,
        phone_digits=phone_digits,
        pin=pin,
        phone=phone,
    )
    with open_installation(data_dir, prompt=passphrase_prompt()) as installation:
        try:
            report = pay_order(installation, request, sum_due)
        except KeyboardInterrupt:
            # Money may be on its way: whoever interrupted is told what became of the order.
            report = _from_journal(installation, order_id, "interrupted")
        finally:
            if order is None:
                # Nobody knows the name of this order, so nobody will come back to pay it.
                take_back(installation, order_id)
        debits = executed_debits(settings, data_dir, order_id)
    result = _as_result(report, order_id, debits)
    emit(result, as_json, _as_words(report, sum_due, settings.payee))
    return 0 if report.outcome is Outcome.PAID else 1


def _check_typed(
    phone_digits: str | None, pin: str | None, phone: str | None, country_code: str
) -> None:
    """Refuse what nobody could have for digits, PIN or number, before anything is started.

    Raises:
        BadInputError: One of them has not its shape.
    """
    if phone_digits is not None and not _PHONE_DIGITS.fullmatch(phone_digits):
        raise BadInputError(
            "The phone digits are not four digits.",
            code="phone_digits_format",
            mend="Type the last four digits of the number.",
        )
    if pin is not None:
        check_pin_shape(pin)
    if phone is not None:
        # Imported here: a payment by face needs nothing of the desk in this process.
        from kiosk.faces.desk.people import check_phone  # noqa: PLC0415

        check_phone(phone, country_code)


def pay_order(installation: Installation, request: PayHeadless, amount: Money) -> SessionReport:
    """Open the order at money and have faces play a session for it.

    If faces is lost on the way, the journal says what became of the order.

    Raises:
        SmileTillError: The order, the camera or the installation cannot be used.
    """
    with installation.money() as money:
        money.call(OpenOrder(request.order_id, amount), OrderStatus)
        offer = money.call(GetOrder(request.order_id), OrderOffer)
    request = request.with_nonce(offer.nonce)
    try:
        with installation.faces() as faces:
            report = faces.call(
                request, SessionReport, timeout_s=SESSION_S_MAX, on_progress=_tell_hint
            )
    except LinkDownError:
        return _from_journal(installation, request.order_id, "faces_stopped")
    if report.outcome is not Outcome.UNKNOWN:
        return report
    # Money asks the bank again as soon as somebody asks for the order; its word may be near.
    known = _from_journal(installation, request.order_id, report.reason, patience_s=LATE_NEWS_S)
    return report if known.outcome is Outcome.UNKNOWN else known


def take_back(installation: Installation, order_id: OrderId) -> None:
    """Cancel an order that is still open; one that is paid or on its way stays as it is."""
    try:
        with installation.money() as money:
            money.call(AbortOrder(order_id, "not_paid"), OrderStatus)
    except SmileTillError:
        # It stays open in the journal, where staff see it.
        logger.info("an order could not be taken back")


def _from_journal(
    installation: Installation, order_id: OrderId, lost: str, *, patience_s: float = SETTLE_S_MAX
) -> SessionReport:
    """Ask money what became of an order whose session was lost.

    `GetOrder` draws a new nonce, and the session has only the one that it was given: whatever it
    still does, and whatever lies in a buffer, is refused. So "open" means for certain that nothing
    was sent and nothing will be.

    Args:
        installation: Where money runs.
        order_id: The order.
        lost: The reason to give if nothing was sent.
        patience_s: How long to wait for the end of a payment on its way, or for late news of an
            unknown one.
    """
    deadline = time.monotonic() + patience_s
    outcome, reason = Outcome.UNKNOWN, "money_unreachable"
    while time.monotonic() < deadline:
        try:
            with installation.money() as money:
                offer = money.call(GetOrder(order_id), OrderOffer)
        except LinkDownError:
            time.sleep(SETTLE_POLL_S)
            continue
        outcome, reason = {
            OrderState.OPEN: (Outcome.NOT_PAID, lost),
            OrderState.PAID: (Outcome.PAID, "already_paid"),
            OrderState.UNKNOWN: (Outcome.UNKNOWN, offer.reason or "unknown"),
            OrderState.IN_FLIGHT: (Outcome.UNKNOWN, "in_flight"),
            OrderState.CANCELLED: (Outcome.CANCELLED, offer.reason),
            OrderState.PAID_ELSEWHERE: (Outcome.CANCELLED, "paid_elsewhere"),
        }[offer.state]
        if offer.state not in {OrderState.IN_FLIGHT, OrderState.UNKNOWN}:
            break
        if offer.state is OrderState.UNKNOWN and patience_s > LATE_NEWS_S:
            patience_s = LATE_NEWS_S
            deadline = min(deadline, time.monotonic() + patience_s)
        time.sleep(SETTLE_POLL_S)
    return SessionReport(outcome, reason, (), None, 0, None, 0.0, {})


def _tell_hint(progress: Progress) -> None:
    sys.stderr.write(f"… {progress.code.replace('_', ' ')}\n")


def _as_result(report: SessionReport, order_id: OrderId, debits: int | None) -> dict[str, Any]:
    return {
        "outcome": report.outcome.value,
        "reason": report.reason,
        "asked": list(report.asked),
        "person": report.person,
        "order": order_id,
        "bank_debits": debits,
        "frames_seen": report.frames_seen,
        "identify_ms": report.identify_ms,
        "total_ms": report.total_ms,
        "stages_ms": report.stages_ms,
    }


def _as_words(report: SessionReport, amount: Money, payee: str) -> str:
    headline = {
        Outcome.PAID: f"PAID  {amount} to {payee}",
        Outcome.NOT_PAID: f"NOT PAID  {amount}",
        Outcome.CANCELLED: f"CANCELLED  {amount}",
        Outcome.UNKNOWN: f"UNKNOWN  {amount}: ask staff, and do not pay this bill another way yet",
    }[report.outcome]
    asked = f" (asked for: {', '.join(report.asked)})" if report.asked else ""
    return f"{headline}\nReason: {report.reason.replace('_', ' ')}{asked}"
