"""One life of the money process: the real service on a real file and a real connector, in a child.

Till and screen are played in the same process by calling the service as the link does; what they
are told goes to a pipe, so that it is known although the process is dead. Only what has been
written there counts as told.
The thread that looks after open payments is driven by hand, because its pauses are real time.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.errors import SmileTillError
from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import OrderId, PayerAlias
from kiosk.domain.mandate import DEFAULT_LIMITS
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.link.protocol import (
    PROTOCOL_VERSION,
    AbortOrder,
    Authorise,
    CloseElsewhere,
    GetOrder,
    GetOrderStatus,
    Hello,
    OpenMandate,
    OpenOrder,
    Role,
)
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.config import HashCost, MoneyConfig
from kiosk.money.keys import MandateKeys
from kiosk.money.service import MoneyService
from tests.crash.harness.connectors import change_mandate, open_connector
from tests.crash.harness.plan import Plan, Till
from tests.crash.harness.points import CrashBank, CrashStorage, Kill, Notes, Steps
from tests.crash.harness.shared import BankStep, Shared, Slot, VirtualClock

KEY = bytes(range(32))
PIN = "482913"
FACES = Hello(PROTOCOL_VERSION, Role.FACES, CameraKind.DEVICE)
TILL = Hello(PROTOCOL_VERSION, Role.TILL)
CONFIG = MoneyConfig(hash_cost=HashCost(time_cost=1, memory_kib=8, parallelism=1))
ENROL_TRIES_MAX = 20
LOOKS_MAX = 12
LOOK_EVERY_MS = 61_000
"""More than `MoneyConfig.reconcile_every_s_max`, so that everything open is due."""


@dataclass(frozen=True)
class World:
    """Where a run takes place."""

    shared: Shared
    bank_folder: Path
    folder: Path
    plan: Plan

    @property
    def journal(self) -> Path:
        return self.folder / "money" / "journal.log"

    @property
    def notes(self) -> Path:
        return self.folder / "notes.log"

    @property
    def order_id(self) -> OrderId:
        return OrderId(f"c{self.plan.number}")

    @property
    def alias(self) -> PayerAlias:
        return PayerAlias(f"a{self.plan.number:016x}")


class Life:
    """The service of one life, and the people who speak with it."""

    def __init__(self, world: World, number: int, kill: Kill | None, told: int) -> None:
        self.world, self.number, self.plan = world, number, world.plan
        self.clock = VirtualClock(world.shared)
        self.told = told
        self.notes = Notes(world.notes)
        self.steps = Steps(kill)
        self._shoot(kill)
        trouble = world.plan.disk if number == 1 else None
        now_ms = world.shared.steady_ms
        # Recovery is under fire from the first byte that is read; a first life once it has a payer.
        self.steps.is_armed = number > 1
        started_s = time.monotonic()
        storage = CrashStorage(world.journal, self.steps, self.notes, now_ms, trouble)
        keys = MandateKeys(world.folder / "money" / "keys", KEY)
        connector = open_connector(
            world.plan.connector, world.bank_folder, keys, world.folder, self._wall_s
        )
        self.bank = CrashBank(connector, self.steps, self.notes, now_ms)
        self.service = MoneyService(storage, keys, self.bank, self.clock, CONFIG)
        self.service._reconciler.recover()
        resume = getattr(self.service._reconciler, "resume", None)
        if resume is not None:
            resume()
        self.tell(what="ready", after_s=time.monotonic() - started_s)

    def _wall_s(self) -> float:
        return self.clock.now().timestamp()

    def _shoot(self, kill: Kill | None) -> None:
        shared = self.world.shared
        shared[Slot.MONEY_PID] = os.getpid()
        shared[Slot.SHOOT_MONEY_AT] = BankStep.NEVER
        if kill is not None and kill.step.startswith("bank:"):
            shared[Slot.SHOOT_MONEY_LEFT] = kill.nth
            shared[Slot.SHOOT_MONEY_AT] = BankStep[kill.step.removeprefix("bank:")]

    # What people do ---------------------------------------------------------------------------

    def ask(self, message, hello: Hello = TILL):
        (answer,) = self.service.handle(hello, message)
        return answer

    def tell(self, **news: object) -> None:
        """Say something to a person; from here on it cannot be taken back."""
        self.steps.pass_by("tell.before")
        news |= {"life": self.number, "at_ms": self.world.shared.steady_ms()}
        os.write(self.told, json.dumps(news).encode() + b"\n")
        self.steps.pass_by("tell.after")

    def enrol(self) -> None:
        for attempt in range(ENROL_TRIES_MAX):
            try:
                self.ask(OpenMandate(self.world.alias, DEFAULT_LIMITS, PIN), FACES)
                break
            except BankUnreachableError:  # short patience on a busy machine; it may be repeated
                if attempt == ENROL_TRIES_MAX - 1:
                    raise
        if self.plan.trouble.mandate_state:
            ref = self.service._mandates.ref_of(self.world.alias)
            change_mandate(self.plan.connector, self.world.bank_folder, ref)
        self.steps.is_armed = True

    def open_order(self, extra: int = 0) -> None:
        amount = Money(self.plan.amount + extra)
        self._status_told(lambda: self.ask(OpenOrder(self.world.order_id, amount)))

    def status(self) -> OrderState | None:
        return self._status_told(lambda: self.ask(GetOrderStatus(self.world.order_id)))

    def abort(self) -> OrderState | None:
        return self._status_told(lambda: self.ask(AbortOrder(self.world.order_id, "guest_left")))

    def close_elsewhere(self) -> OrderState | None:
        return self._status_told(lambda: self.ask(CloseElsewhere(self.world.order_id, "s1")))

    def pay(self, *, at_once: bool = False) -> None:
        """Offer the order on the screen and have it paid, by one face or by two calls at once."""
        offer = self._answer(lambda: self.ask(GetOrder(self.world.order_id), FACES))
        if offer is None or offer.nonce is None:
            return
        request = Authorise(
            offer.order.order_id, offer.order.amount, offer.nonce, self.world.alias,
            Basis.FACE, ConsentKind.SMILE,
        )  # fmt: skip

        def authorise() -> None:
            answer = self._answer(lambda: self.ask(request, FACES))
            if answer is not None:
                self.tell(what="paid", outcome=answer.outcome.value, reason=answer.reason)

        others = [threading.Thread(target=authorise)] if at_once else []
        for other in others:
            other.start()
        authorise()
        for other in others:
            other.join()

    def drain(self) -> None:
        """Let the bank's word arrive."""
        for _ in range(LOOKS_MAX):
            if self.service._reconciler.look() == 0:
                return
            self.clock.wait(LOOK_EVERY_MS)

    def _status_told(self, ask: Callable) -> OrderState | None:
        answer = self._answer(ask)
        if answer is None:
            return None
        self.tell(what="status", state=answer.state.value, reason=answer.reason)
        return answer.state

    def _answer(self, ask: Callable):
        try:
            return ask()
        except SmileTillError as error:
            self.tell(what="error", code=error.code)
            return None


def live(world: World, number: int, kill: Kill | None, told: int, log: Path) -> int:
    """Be one life; returns the exit code, unless it is killed."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 2)
    logging.basicConfig(level=logging.INFO, force=True)
    try:
        life = Life(world, number, kill, told)
    except SmileTillError as error:
        os.write(told, json.dumps({"what": "refused", "code": error.code}).encode() + b"\n")
        return error.exit_code
    if number == 1:
        _first_life(life)
    elif number == 2:
        _second_life(life)
    else:
        _last_life(life)
    return 0


def _first_life(life: Life) -> None:
    """Enrol, open an order, and have it paid, with whatever the plan holds beside it."""
    plan, shared = life.plan, life.world.shared
    life.enrol()
    shared[Slot.BANK_DIES_LEFT] = 1
    shared[Slot.BANK_DIES_AT] = plan.trouble.bank_dies_at
    shared[Slot.FALSE_ANSWERS] = plan.trouble.false_answers
    shared[Slot.MONEY_WALL_MS] = plan.wall_jumps_s[0] * 1_000
    life.open_order()
    racing: list[threading.Thread] = []
    if plan.till == Till.ABORT:
        racer = threading.Thread(target=life.abort)
        racing.append(racer)
        life.steps.on_pass[plan.abort_at] = racer.start
    if plan.till == Till.REPEATED:
        life.open_order()
        life.open_order(extra=1)
    life.pay(at_once=plan.till == Till.AT_ONCE)
    for racer in racing:
        if racer.ident is not None:
            racer.join()
    if plan.till == Till.REPEATED:
        life.open_order()
        life.pay()
    if plan.till == Till.CASH and life.status() is OrderState.UNKNOWN:
        life.close_elsewhere()
    life.clock.wait(LOOK_EVERY_MS)
    life.service._reconciler.look()


def _second_life(life: Life) -> None:
    """Come back to the till, which asks again, while the bank is as bad as it was."""
    life.status()
    if life.plan.till == Till.REPEATED:
        life.open_order()
        life.open_order(extra=1)
    if life.plan.till == Till.CASH:
        life.close_elsewhere()
    life.clock.wait(LOOK_EVERY_MS)
    life.service._reconciler.look()
    life.status()


def _last_life(life: Life) -> None:
    """The bank behaves, nobody kills: everything comes to an end that can."""
    life.open_order()
    life.drain()
    if life.status() is OrderState.OPEN:
        if life.plan.pays_again:
            life.pay()
            life.drain()
        else:
            life.abort()
    life.status()
    life.service.stop()
