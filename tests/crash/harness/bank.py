"""The real sandbox bank in a child, on the shared clock, able to shoot and to die at its own steps.

It runs the bank's own `serve`; what is added here wraps a few of its methods and changes no answer,
with one exception that the bank has no word for: an answer that belongs to another order while
nothing at all is executed (`Slot.FALSE_ANSWERS`).
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import time
from functools import partial
from pathlib import Path

import kiosk.sandbox.bank.main as bank_main
from kiosk.sandbox.bank import ledger as bank_ledger
from kiosk.sandbox.bank import server as bank_server
from kiosk.sandbox.bank import serving
from kiosk.sandbox.bank.vrp import door as vrp_door
from kiosk.sandbox.bank.vrp import oauth as vrp_oauth
from kiosk.sandbox.bank.vrp import payments as vrp_payments
from kiosk.sandbox.bank.vrp import server as vrp_server
from kiosk.sandbox.bank.wire import Answer
from tests.crash.harness.points import Notes, die
from tests.crash.harness.shared import BankStep, Shared, Slot, fork_child

START_S_MAX = 20.0
POLL_S = 0.004
"""Real seconds between two looks of the bank at who waits."""
PLAIN_PAYMENTS = "/payments"
VRP_PAYMENTS = "/open-banking/v4.0/pisp/domestic-vrps"


class BankChild:
    """The bank's process. `start` after construction and after each death."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        self.folder = folder
        self.log = folder / "requests.log"
        self._shared = shared
        self._pid = 0

    def start(self) -> None:
        """Start it, if it does not run, and wait until it listens."""
        if self._pid and os.waitpid(self._pid, os.WNOHANG) == (0, 0):
            return
        reading, writing = os.pipe()

        def work() -> int:
            os.close(reading)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            _prepare(self._shared, Notes(self.log))
            bank_main.serve(self.folder, ready_fd=writing)
            return 0

        self._pid = fork_child(work)
        os.close(writing)
        try:
            readable, _, _ = select.select([reading], [], [], START_S_MAX)
            said = os.read(reading, 100) if readable else b""
        finally:
            os.close(reading)
        if said != b"ready\n":
            raise RuntimeError("the sandbox bank did not start")

    def stop(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0

    def is_alive(self) -> bool:
        """Say whether it runs; one that has died is buried."""
        if self._pid and os.waitpid(self._pid, os.WNOHANG) == (0, 0):
            return True
        self._pid = 0
        return False


def _prepare(shared: Shared, notes: Notes) -> None:
    """Put the bank on the shared clock and let it pass its steps."""

    def boot_clock_s() -> float:
        return shared.steady_ms() / 1_000

    for module in (serving, bank_server, vrp_server, vrp_oauth):
        module.boot_clock_s = boot_clock_s
    for module in (bank_main, vrp_door):
        module.POLL_S = POLL_S
    _wrap_queue(shared)
    bank_main.Ledger = partial(bank_ledger.Ledger, wall_clock_s=shared.bank_wall_s)
    _wrap_handler(shared, notes)
    _wrap_ledger(shared)
    _wrap_door(shared, notes)


def _wrap_queue(shared: Shared) -> None:
    """Let every listener say which leap of the clocks it has noticed; the slowest one counts."""
    server = serving.BoundedServer
    service_actions = server.service_actions
    noticed: dict[int, int] = {}

    def noticing(self) -> None:
        skipped_ms, before_s = shared[Slot.SKIPPED_MS], self._queue_empty_s
        service_actions(self)
        if self._queue_empty_s != before_s:
            noticed[id(self)] = skipped_ms
            shared[Slot.BANK_SAW_MS] = min(noticed.values())

    server.service_actions = noticing


def _step(shared: Shared, step: BankStep) -> None:
    if shared[Slot.SHOOT_MONEY_AT] == step and shared.take(Slot.SHOOT_MONEY_LEFT):
        try:
            os.kill(shared[Slot.MONEY_PID], signal.SIGKILL)
        except ProcessLookupError:
            return  # it died of something else a moment ago
    if shared[Slot.BANK_DIES_AT] == step and shared.take(Slot.BANK_DIES_LEFT):
        die()


def _is_payment(handler) -> bool:
    return handler.command == "POST" and handler.path == PLAIN_PAYMENTS


def _wrap_handler(shared: Shared, notes: Notes) -> None:
    handler = bank_server._Handler
    read_body, merchant, send = handler._read_body, handler._merchant, handler._send

    def date_time_string(self, timestamp=None) -> str:
        return super(handler, self).date_time_string(timestamp or shared.bank_wall_s())

    def reading(self) -> bytes:
        body = read_body(self)
        if _is_payment(self):
            notes.write(
                what="arrived",
                key=self.headers.get("Idempotency-Key"),
                digest=hashlib.sha256(body).hexdigest(),
                at_ms=shared.steady_ms(),
                for_ms=round(self._since_s * 1_000),
            )
            _step(shared, BankStep.READ)
        return body

    def executing(self, path: str, body: bytes) -> Answer:
        if _is_payment(self) and shared.take_one(Slot.FALSE_ANSWERS):
            return Answer(201, _ANOTHER_ORDERS_ANSWER)
        return merchant(self, path, body)

    def sending(self, answer: Answer) -> None:
        send(self, answer)
        if _is_payment(self):
            self.wfile.flush()
            # A moment, so that the answer is there when the shot falls.
            time.sleep(0.002)
            _step(shared, BankStep.ANSWERED)

    handler.date_time_string = date_time_string
    handler._read_body, handler._merchant, handler._send = reading, executing, sending


_ANOTHER_ORDERS_ANSWER = {
    "payment_ref": "p0123456789abcdef",
    "status": "settled",
    "reason": "",
    "order_id": "another-order",
    "amount": {"minor_units": 777, "currency": "GBP"},
    "mandate_ref": "m0123456789abcdef",
    "key": "another-key",
}


def _wrap_ledger(shared: Shared) -> None:
    ledger = bank_ledger.Ledger
    pay, remember = ledger.pay, ledger._remember

    def paying(self, *arguments):
        answer = pay(self, *arguments)
        _step(shared, BankStep.COMMITTED)
        return answer

    def remembering(self, operation, *arguments) -> None:
        if operation == "payment":
            _step(shared, BankStep.IN_TRANSACTION)
        remember(self, operation, *arguments)

    ledger.pay, ledger._remember = paying, remembering


def _wrap_door(shared: Shared, notes: Notes) -> None:
    """The same steps on the open-banking side of the bank."""
    door, handler = vrp_door.Door, vrp_server._Handler
    answer, right, send = door._answer, door._right, handler._send
    remember = vrp_payments.remember

    def is_payment(request) -> bool:
        return request.method == "POST" and request.path == VRP_PAYMENTS

    def reading(self, request):
        if is_payment(request):
            signature = request.headers.get("x-jws-signature", "")
            notes.write(
                what="arrived",
                key=request.headers.get("x-idempotency-key"),
                digest=hashlib.sha256(request.body + signature.encode()).hexdigest(),
                at_ms=shared.steady_ms(),
                for_ms=round(request.arrived_s * 1_000),
            )
            _step(shared, BankStep.READ)
        return answer(self, request)

    last_made: list[Answer] = []

    def executing(self, request):
        if not is_payment(request):
            return right(self, request)
        if last_made and shared.take_one(Slot.FALSE_ANSWERS):
            return self._api._signed(last_made[-1])
        found = right(self, request)
        if found.status == 201:
            last_made[:] = [Answer(201, json.loads(found.payload()))]
        _step(shared, BankStep.COMMITTED)
        return found

    def remembering(turn, client_id, operation, *arguments):
        if operation == "payment":
            _step(shared, BankStep.IN_TRANSACTION)
        return remember(turn, client_id, operation, *arguments)

    def sending(self, found) -> None:
        send(self, found)
        if self.command == "POST" and self.path == VRP_PAYMENTS:
            self.wfile.flush()
            time.sleep(0.002)
            _step(shared, BankStep.ANSWERED)

    door._answer, door._right, handler._send = reading, executing, sending
    vrp_payments.remember = remembering
