"""Kill each process at seeded moments of a payment: at most one debit, and no lie afterwards.

`SMILETILL_KILLS=30` kills each process thirty times (the issue's number); by default fewer, so
that a whole test run stays short.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kiosk import crew, supervisor
from kiosk.commands.pay import pay_order
from kiosk.domain.consent import ConsentKind
from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState, Outcome
from kiosk.link.protocol import GetOrderStatus, OrderStatus, PayHeadless, SessionReport
from kiosk.sandbox.bank.oracle import executed_debits
from tests.fakes.installation import Enrolled, enrol_without_camera, running

KILLS = int(os.environ.get("SMILETILL_KILLS", "6"))
SEED = int(os.environ.get("SMILETILL_SEED", "20261123"))
PAYMENT_S = 0.9
"""A payment by phone and PIN takes about this long here; the moments are spread over it."""
AMOUNT = Money(1)
PHONE, PIN = "447700900123", "135790"


@pytest.fixture
def person(data_dir: Path, passphrase: Path) -> Enrolled:
    del passphrase
    return enrol_without_camera(data_dir, PHONE, PIN)


def request(order_id: OrderId) -> PayHeadless:
    return PayHeadless(order_id, None, None, ConsentKind.TAP, pin=PIN, phone=PHONE)


def pay_while_killing(
    installation: supervisor.Installation, order_id: OrderId, pid: int, after_s: float
) -> SessionReport | SmileTillError:
    """Pay on a thread, kill a process after a while, and return what the payer was told."""
    told: list[SessionReport | SmileTillError] = []

    def pay() -> None:
        try:
            told.append(pay_order(installation, request(order_id), AMOUNT))
        except SmileTillError as error:
            told.append(error)

    payer = threading.Thread(target=pay)
    payer.start()
    time.sleep(after_s)  # the moment of the kill is the experiment
    os.kill(pid, signal.SIGKILL)
    payer.join()
    return told[0]


def settled_status(installation: supervisor.Installation, order_id: OrderId) -> OrderStatus | None:
    """Wait until money is back and the order is not in flight; None if it was never opened."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with installation.money() as money:
                status = money.call(GetOrderStatus(order_id), OrderStatus)
        except SmileTillError as error:
            if error.code == "order_unknown":
                return None
        else:
            if status.state is not OrderState.IN_FLIGHT:
                return status
        time.sleep(0.1)
    raise AssertionError("the order stayed in flight")


@pytest.mark.parametrize("victim", ["faces", "money", "bank"])
def test_killed_process_never_costs_a_second_debit(
    victim: str, data_dir: Path, person: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill faces, money or the bank mid-payment; then pay the same order again."""
    del person
    monkeypatch.setattr(crew, "RESTARTS_MAX", 10_000)
    chance = random.Random(f"{SEED} {victim}")
    told_paid = 0
    with running(data_dir) as (installation, pids):
        for number in range(KILLS):
            order_id = OrderId(f"{victim}-{number}")
            after_s = chance.uniform(0, PAYMENT_S)
            await_all(installation, pids)
            first = pay_while_killing(installation, order_id, pids[victim], after_s)
            status = settled_status(installation, order_id)
            debits = executed_debits(data_dir, order_id)
            assert_honest(first, status, debits)

            second = again(installation, order_id)
            debits = executed_debits(data_dir, order_id)
            assert debits <= 1, (victim, number, after_s)
            assert_honest(second, settled_status(installation, order_id), debits)
            told_paid += second.outcome is Outcome.PAID
    assert told_paid >= KILLS // 2, "most orders end paid, or the kills were no payments"


def await_all(installation: supervisor.Installation, pids: dict[str, int]) -> None:
    """Wait until every process has been started again and answers."""
    deadline = time.monotonic() + 60
    while not (
        all(is_alive(pid) for pid in pids.values())
        and installation.is_up("money")
        and installation.is_up("faces")
    ):
        assert time.monotonic() < deadline, "a killed process did not come back"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that is dead and not yet buried has no command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def again(installation: supervisor.Installation, order_id: OrderId) -> SessionReport:
    """Pay the same order again, as soon as all processes are back."""
    deadline = time.monotonic() + 60
    while True:
        try:
            told = pay_order(installation, request(order_id), AMOUNT)
        except SmileTillError:
            if time.monotonic() > deadline:
                raise
        else:
            if told.reason != "faces_stopped" or time.monotonic() > deadline:
                return told
        time.sleep(0.1)


def assert_honest(
    told: SessionReport | SmileTillError, status: OrderStatus | None, debits: int
) -> None:
    """What the payer was told, what the journal says and what the bank did agree."""
    assert debits <= 1
    state = None if status is None else status.state
    if state is OrderState.PAID:
        assert debits == 1
    if state in {OrderState.OPEN, OrderState.CANCELLED, None}:
        assert debits == 0
    if isinstance(told, SessionReport):
        if told.outcome is Outcome.PAID:
            assert debits == 1
        if told.outcome in {Outcome.NOT_PAID, Outcome.CANCELLED}:
            assert debits == 0


def test_killed_command_line_never_costs_a_second_debit(data_dir: Path, person: Enrolled) -> None:
    """Kill `smiletill pay` itself: its processes end too, and the next call knows the outcome."""
    del person
    chance = random.Random(f"{SEED} cli")
    for number in range(KILLS):
        order = f"cli-{number}"
        smiletill = Path(sys.executable).with_name("smiletill")
        words = [str(smiletill), "pay", "--amount", "0.01", "--order", order]
        words += ["--phone", PHONE, "--pin", PIN, "--data", str(data_dir), "--json"]
        victim = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.8, 3.2))  # the moment of the kill is the experiment
        victim.kill()
        victim.wait()
        assert executed_debits(data_dir, order) <= 1

        second = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)

        assert second.returncode in {0, 1}, second.stderr
        debits = executed_debits(data_dir, order)
        told = json.loads(second.stdout.splitlines()[-1])
        assert told["bank_debits"] == debits <= 1
        assert told["outcome"] == "paid" if debits else told["outcome"] != "paid"
