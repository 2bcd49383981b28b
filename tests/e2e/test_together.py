"""Several commands on one installation: nobody is stopped under anybody, nobody is lied to."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np

from kiosk.commands import pay as pay_module
from kiosk.commands.pay import pay_order
from kiosk.domain.consent import ConsentKind
from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import Outcome
from kiosk.link.protocol import CameraSpec, GetOrder, ListOrders, OrderOffer, Orders, PayHeadless
from kiosk.sandbox.bank.oracle import executed_debits
from tests.e2e.conftest import Call, Smiletill
from tests.fakes.installation import enrol_without_camera, running

PHONE, PIN = "447700900123", "135790"


def test_four_commands_at_once_all_pay(
    data_dir: Path, passphrase: Path, smiletill: Smiletill
) -> None:
    """Whoever started the processes stops them only when the others have finished."""
    del passphrase
    enrol_without_camera(data_dir, PHONE, PIN)
    told: dict[int, Call] = {}

    def pay(number: int) -> None:
        told[number] = smiletill(
            *("pay", "--amount", "1.00", "--phone", PHONE, "--pin", PIN),
            *("--order", f"t-{number}", "--data", data_dir, "--json"),
        )

    threads = [threading.Thread(target=pay, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {number: call.result.get("outcome") for number, call in told.items()} == dict.fromkeys(
        range(4), "paid"
    ), [call.stderr for call in told.values()]
    assert all(executed_debits(data_dir, f"t-{number}") == 1 for number in range(4))


def test_a_session_given_up_for_lost_can_charge_nobody(data_dir: Path, passphrase: Path) -> None:
    """Once "not paid" was said from the journal, the session's own nonce is worthless."""
    del passphrase
    enrol_without_camera(data_dir, PHONE, PIN)
    with running(data_dir) as (installation, _):
        order_id = OrderId("lost")
        request = PayHeadless(order_id, None, None, ConsentKind.TAP, pin=PIN, phone=PHONE)
        with installation.money() as money:
            money.call(pay_module.OpenOrder(order_id, Money(100)), pay_module.OrderStatus)
            given = money.call(GetOrder(order_id), OrderOffer).nonce
        assert given is not None
        said = pay_module._from_journal(installation, order_id, "faces_stopped")
        with installation.faces() as faces:
            late = faces.call(
                request.with_nonce(given),
                pay_module.SessionReport,
                timeout_s=60,
            )

    assert (said.outcome, said.reason) == (Outcome.NOT_PAID, "faces_stopped")
    assert late.outcome is Outcome.NOT_PAID
    assert executed_debits(data_dir, "lost") == 0


def test_orders_that_nobody_can_name_are_taken_back(
    data_dir: Path, passphrase: Path, smiletill: Smiletill
) -> None:
    """A `pay` without an order id leaves no open order; a named one stays and can be aborted."""
    del passphrase
    enrol_without_camera(data_dir, PHONE, PIN)
    with running(data_dir) as (installation, _):
        words = ("pay", "--amount", "1.00", "--phone", "447700900999", "--pin", PIN)
        unnamed = smiletill(*words, "--data", data_dir, "--json")
        named = smiletill(*words, "--order", "named", "--data", data_dir, "--json")
        with installation.money() as money:
            waiting = money.call(ListOrders(only_open=True), Orders).orders
        aborted = smiletill("money", "abort", "named", "--data", data_dir, "--json")

    assert unnamed.result["outcome"] == named.result["outcome"] == "not_paid"
    assert [status.order.order_id for status in waiting] == ["named"]
    assert (aborted.code, aborted.result["state"]) == (0, "cancelled")


def test_one_order_cannot_be_tried_without_end(
    data_dir: Path, passphrase: Path, tmp_path: Path
) -> None:
    """The fourth session by face on one order is refused before the camera is opened."""
    del passphrase
    enrol_without_camera(data_dir, PHONE, PIN)
    wall = tmp_path / "wall"
    wall.mkdir()
    for number in range(6):
        assert cv2.imwrite(str(wall / f"{number}.png"), np.full((480, 640, 3), 128, np.uint8))
    camera = CameraSpec(CameraKind.FRAME_FOLDER, path=str(wall))
    request = PayHeadless(OrderId("tries"), None, camera, ConsentKind.TAP)
    with running(data_dir) as (installation, _):
        told = [pay_order(installation, request, Money(100)) for _ in range(4)]

    assert [(it.reason, it.frames_seen) for it in told] == [
        *[("no_face", 6)] * 3,
        ("too_many_tries", 0),
    ]
