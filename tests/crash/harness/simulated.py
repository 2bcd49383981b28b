"""Runs in one process: the real service, journal and machines in a simulated world.

A run is a till, a payer and a bad power supply: some lives that a power cut ends at a drawn step,
then one in which everything is in order. It depends on the seed and its number alone.
"""

from __future__ import annotations

import dataclasses
import logging
import random
from collections.abc import Iterable
from pathlib import Path

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import OrderId, PayerAlias
from kiosk.domain.mandate import DEFAULT_LIMITS
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.domain.payment import AttemptEnd
from kiosk.link.protocol import (
    AbortOrder,
    Authorise,
    CloseElsewhere,
    GetOrder,
    GetOrderStatus,
    OpenMandate,
    OpenOrder,
)
from kiosk.money.book import Book, apply
from kiosk.money.journal import read_journal
from kiosk.money.keys import MandateKeys
from kiosk.money.records import ResultCorrected, ResultStored, decode_record
from kiosk.money.service import MoneyService
from tests.crash.harness.life import CONFIG, FACES, KEY, LOOK_EVERY_MS, LOOKS_MAX, PIN, TILL
from tests.crash.harness.simulated_bank import HOUR_MS, PROFILES, SimulatedBank
from tests.crash.harness.simulated_world import Power, SimulatedClock, SimulatedDisk, World
from tests.crash.harness.verdict import (
    Evidence,
    Kind,
    Violation,
    compare_with_stored,
    judge,
)
from tests.fakes.storage import PowerCutError

ALICE = PayerAlias("a00000000000a11ce")
ORDER = OrderId("o1")
AMOUNT = 1_250
DEEDS = ("pay", "pay", "pay", "status", "abort", "cash", "look", "reopen", "dearer", "wait")


@dataclasses.dataclass(frozen=True)
class Template:
    """A terminal with one payer, as every run begins."""

    journal: bytes
    keys: Path
    mandates: tuple


@dataclasses.dataclass
class SimulatedOutcome:
    """What one run came to."""

    number: int
    plan: str
    kills: int
    state: str
    debits: int
    violations: list[tuple[str, str]]
    cut_where: list[str]
    profile: str


def make_template(folder: Path) -> Template:
    """Enrol one payer."""
    world = World(random.Random(0))
    disk = SimulatedDisk(world, b"")
    bank = SimulatedBank(lambda: world.now_ms, world=world)
    service = MoneyService(
        disk, MandateKeys(folder / "keys", KEY), bank, SimulatedClock(world), CONFIG
    )
    service._reconciler.recover()
    list(service.handle(FACES, OpenMandate(ALICE, DEFAULT_LIMITS, PIN)))
    return Template(disk.durable, folder / "keys", (bank._by_key, bank.mandates, bank._limits))


class SimulatedRun:
    """One run."""

    def __init__(
        self, seed: int, number: int, template: Template, *, clock_stands_still: bool = False
    ) -> None:
        self.number = number
        self.chance = chance = random.Random(f"{seed} simulated {number}")
        self.clock_stands_still = clock_stands_still or chance.random() < 0.2
        self.world = World(chance)
        self.profile = chance.choice(PROFILES)
        self.bank = SimulatedBank(
            lambda: self.world.now_ms, self.profile.capabilities(), world=self.world,
            profile=self.profile, fault_rate=chance.choice((0.0, 0.1, 0.3, 0.6, 0.9)),
        )  # fmt: skip
        by_key, mandates, limits = template.mandates
        self.bank._by_key, self.bank.mandates = dict(by_key), dict(mandates)
        self.bank._limits = dict(limits)
        self.template = template
        self.content = template.journal
        self.told: list[dict] = []
        self.violations: list[Violation] = []
        self.cuts: list[str] = []
        self.lives = chance.randint(1, 3)
        self.plan = (
            f"simulated run {number} of seed {seed}: {self.profile.name}, "
            f"{self.bank.fault_rate:.0%} faults, {self.lives} cuts"
        )

    def carry_out(self) -> SimulatedOutcome:
        for life in range(self.lives):
            power = Power(cut_at=self.chance.randint(1, 30 if life == 0 else 22))
            self.live(power, self.deeds(life), settles=False)
            self.between()
        self.bank.fault_rate = 0.0
        self.world.wall_error_ms = 0
        ended = self.live(Power(), ["reopen"], settles=True)
        book = Book() if ended is None else ended._ledger.book
        self.judge(book)
        entry = book.orders.get(ORDER)
        return SimulatedOutcome(
            self.number, self.plan, len(self.cuts), "" if entry is None else entry.state.value,
            len(self.bank.truth), [(it.kind.value, it.detail) for it in self.violations],
            self.cuts, self.profile.name,
        )  # fmt: skip

    def deeds(self, life: int) -> list[str]:
        drawn = self.chance.choices(DEEDS, k=self.chance.randint(1, 6))
        return ["open", *drawn] if life == 0 else ["status", *drawn]

    def between(self) -> None:
        """The terminal is off for a moment, or for long; its clock may be wrong afterwards."""
        chance, world = self.chance, self.world
        off_ms = chance.choice((500, 3_000, 15_000, 40_000, 2 * HOUR_MS, 25 * HOUR_MS))
        world.now_ms += off_ms
        world.booted_ms = world.now_ms
        if chance.random() < 0.2:
            world.wall_error_ms = chance.choice((-HOUR_MS, HOUR_MS, -200_000, 200_000, 0))
        if self.clock_stands_still:
            world.wall_error_ms = -off_ms
        self.bank.is_measured = False
        self.bank.go_on()

    def live(self, power: Power, deeds: list[str], *, settles: bool) -> MoneyService | None:
        """Be one life; returns the service if it was not cut off."""
        world = self.world
        world.power = power
        disk = SimulatedDisk(world, self.content)
        if not settles and self.chance.random() < 0.1:
            record = self.chance.choice(("order_opened", "intent", "result", "attempt_accepted"))
            disk.trouble = (record, self.chance.choice(("append", "sync")), 0)
        service: MoneyService | None = None
        told_before = len(self.told)
        try:
            keys = MandateKeys(self.template.keys, KEY)
            service = MoneyService(disk, keys, self.bank, SimulatedClock(world), CONFIG)
            start(service)
            self.bank.on_submit = lambda _prepared: self.meddle(service)
            for deed in deeds:
                self.do(service, deed)
            if settles:
                self.settle(service)
        except PowerCutError:
            self.cuts.append(power.cut_where)
            service = None
        except SmileTillError as error:
            if error.code != "journal_write_failed":
                self.violations.append(Violation(Kind.BROKEN, f"{error.code}: {error}"))
        finally:
            self.bank.on_submit = lambda _prepared: None
        self.content = disk.durable + disk.unsynced if settles else disk.after_power_cut()
        state = stored(self.content)[2].get(ORDER)
        self.violations += compare_with_stored(self.told[told_before:], self.world.notes, state)
        return service

    def meddle(self, service: MoneyService) -> None:
        """What a till may do while a request is on its way."""
        if self.chance.random() < 0.3:
            self.do(service, self.chance.choice(("abort", "status", "reopen", "cash")))

    def settle(self, service: MoneyService) -> None:
        for _ in range(LOOKS_MAX):
            self.bank.go_on()
            if service._reconciler.look() == 0:
                break
            self.world.now_ms += LOOK_EVERY_MS
        if self.do(service, "status") is OrderState.OPEN:
            self.do(service, self.chance.choice(("pay", "abort")))
            self.world.now_ms += LOOK_EVERY_MS
            service._reconciler.look()
        self.world.now_ms += 2 * LOOK_EVERY_MS
        self.bank.go_on()
        service._reconciler.look()
        self.do(service, "status")

    def do(self, service: MoneyService, deed: str) -> OrderState | None:
        """Do one thing and hear the answer, if the power lasts so long."""
        try:
            answer = self._ask(service, deed)
        except SmileTillError as error:
            self.tell(what="error", code=error.code)
            return None
        if answer is None:
            return None
        if deed == "pay":
            self.tell(what="paid", outcome=answer.outcome.value, reason=answer.reason)
            return None
        self.tell(what="status", state=answer.state.value, reason=answer.reason)
        return answer.state

    def _ask(self, service: MoneyService, deed: str):
        def ask(message, hello=TILL):
            (answer,) = service.handle(hello, message)
            return answer

        match deed:
            case "open" | "reopen":
                return ask(OpenOrder(ORDER, Money(AMOUNT)))
            case "dearer":
                return ask(OpenOrder(ORDER, Money(AMOUNT + 1)))
            case "status":
                return ask(GetOrderStatus(ORDER))
            case "abort":
                return ask(AbortOrder(ORDER, "guest_left"))
            case "cash":
                return ask(CloseElsewhere(ORDER, "s1")) if self.chance.random() < 0.3 else None
            case "look":
                service._reconciler.look()
            case "wait":
                self.world.now_ms += self.chance.choice((300, 6_000, 61_000))
            case "pay":
                offer = ask(GetOrder(ORDER), FACES)
                if offer.nonce is not None:
                    return ask(
                        Authorise(
                            ORDER, offer.order.amount, offer.nonce, ALICE,
                            Basis.FACE, ConsentKind.SMILE,
                        ),
                        FACES,
                    )  # fmt: skip
        return None

    def tell(self, **news: object) -> None:
        self.world.power.step("tell.before")
        self.world.now_ms += 1  # so that nothing is said and sent in the same moment
        self.told.append({**news, "at_ms": self.world.now_ms})
        self.world.now_ms += 1
        self.world.power.step("tell.after")

    def judge(self, book: Book) -> None:
        entry = book.orders.get(ORDER)
        lines = self.content.splitlines(keepends=True)
        settled, refused, _ = stored(self.content)
        self.violations += judge(
            Evidence(
                amount=AMOUNT if entry is None else entry.order.amount.minor_units,
                told=self.told,
                notes=self.world.notes,
                arrived=self.bank.arrived,
                executed=[(key, sum_) for key, _, sum_ in self.bank.truth],
                journal_lines=lines,
                settled_records=settled,
                refused_keys=refused,
            )
        )
        if entry is None or entry.state is not OrderState.PAID_ELSEWHERE or not self.bank.truth:
            return
        is_open = any(key in book.open_keys for key in entry.keys)
        if entry.reason != "refund_due" and not is_open:
            self.violations.append(Violation(Kind.SUM_DIFFERS, "nobody knows of a refund"))


def start(service: MoneyService) -> None:
    """Do what `MoneyService.start` does, on this thread."""
    service._reconciler.recover()
    resume = getattr(service._reconciler, "resume", None)
    if resume is not None:
        resume()


def stored(content: bytes) -> tuple[list[tuple[str, int]], set[str], dict[OrderId, OrderState]]:
    """Read a journal: records that say settled, keys whose last word is no, states of orders."""
    settled: list[tuple[str, int]] = []
    book = Book()

    def take(body: bytes) -> None:
        record = decode_record(body)
        apply(book, record)
        is_end = isinstance(record, ResultStored | ResultCorrected)
        if is_end and record.end is AttemptEnd.SETTLED:
            settled.append((record.key, book.attempts[record.key].amount.minor_units))

    read_journal([content], take)
    no = {AttemptEnd.DECLINED, AttemptEnd.NOT_SENT, AttemptEnd.NEVER_ARRIVED}
    refused = {key for key, attempt in book.attempts.items() if attempt.end in no}
    return settled, refused, {name: entry.state for name, entry in book.orders.items()}


def simulate(
    seed: int, numbers: Iterable[int], folder: Path, *, clock_stands_still: bool = False
) -> Iterable[dict]:
    """Carry runs out."""
    logging.disable(logging.CRITICAL)
    template = make_template(folder)
    for number in numbers:
        run = SimulatedRun(seed, number, template, clock_stands_still=clock_stands_still)
        yield dataclasses.asdict(run.carry_out())
