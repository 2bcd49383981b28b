"""A bank in memory that errs at random and knows exactly what it did.

It executes at once or by a ladder (accepted now, settled or rejected later), can be asked by key,
by its own id, or not at all, forgets keys, and tells news twice, late and out of order. A request
may arrive up to `arrival_s_max` after it was sent. `debits` is the truth.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace

from kiosk.domain.ids import IdempotencyKey, MandateRef, OrderId, PaymentRef, reference_of
from kiosk.domain.money import Money
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import (
    BankAnswer,
    BankEvent,
    BankHealth,
    BankMandate,
    Capabilities,
    EventBatch,
    OutcomeKind,
    Prepared,
    Sought,
)
from tests.crash.harness.simulated_world import World
from tests.fakes.bank import FakeBank

LADDER_MS_MAX = 90_000
HOUR_MS = 3_600_000
UNCLEAR = BankAnswer(OutcomeKind.UNKNOWN, "answer_lost")


@dataclass(frozen=True)
class Profile:
    """One kind of bank."""

    name: str
    lookup_by_key: bool = True
    lookup_by_ref: bool = True
    has_ladder: bool = False
    has_events: bool = False
    idempotency_life_s: int = 86_400

    def capabilities(self) -> Capabilities:
        return Capabilities(
            is_sandbox=True,
            idempotency_life_s=self.idempotency_life_s,
            min_resend_s=1.0,
            lookup_by_key=self.lookup_by_key,
            arrival_s_max=10.0,
            headless_approval=True,
            lookup_by_ref=self.lookup_by_ref,
            events=self.has_events,
        )


PROFILES = (
    Profile("look-up by key"),
    Profile("look-up by key, ladder", has_ladder=True, has_events=True),
    Profile("by id only, ladder, events", lookup_by_key=False, has_ladder=True, has_events=True),
    Profile("by id only, at once", lookup_by_key=False),
    Profile("by id only, forgets keys after an hour", lookup_by_key=False, has_ladder=True,
            idempotency_life_s=3_600),
    Profile("cannot be asked", lookup_by_key=False, lookup_by_ref=False),
    Profile("no idempotency, cannot be asked", lookup_by_key=False, lookup_by_ref=False,
            idempotency_life_s=0),
)  # fmt: skip

FAULTS = (
    "not_sent", "lost", "no_answer", "late", "late", "status_before", "status_after",
    "decline", "refuse_send", "slow",
)  # fmt: skip


@dataclass
class Executed:
    """A payment as the bank has it."""

    key: IdempotencyKey
    order_id: OrderId
    amount: Money
    ref: PaymentRef
    body: bytes
    at_ms: int
    kind: OutcomeKind
    reason: str = ""
    decided_at_ms: int = 0
    settles: bool = True

    def answer(self) -> BankAnswer:
        return BankAnswer(self.kind, self.reason, self.ref)


@dataclass
class SimulatedBank(FakeBank):
    """`fault_rate` is the share of exchanges that go wrong."""

    world: World = field(default=None)  # type: ignore[assignment]
    profile: Profile = PROFILES[0]
    fault_rate: float = 0.0
    truth: list[tuple[str, str, int]] = field(default_factory=list)
    """Every executed debit: (key, order id, minor units)."""
    arrived: list[dict] = field(default_factory=list)
    payments: list[Executed] = field(default_factory=list)
    on_way: list[tuple[int, int, Prepared]] = field(default_factory=list)
    told_news: list[tuple[int, BankEvent]] = field(default_factory=list)
    is_measured: bool = False
    """Whether the terminal has seen this bank's clock since it was switched on."""

    def mandate(self, ref: MandateRef) -> BankMandate:
        if self.world.chance.random() < self.fault_rate:
            raise BankUnreachableError("no answer")
        self.is_measured = True
        return super().mandate(ref)

    def submit(self, prepared: Prepared, mandate_ref: MandateRef) -> BankAnswer:
        del mandate_ref
        world, chance = self.world, self.world.chance
        world.power.step("send.before")
        digest = hashlib.sha256(prepared.body + repr(prepared.headers).encode()).hexdigest()
        world.note(what="sent", key=prepared.key, digest=digest)
        self.on_submit(prepared)
        fault = chance.choice(FAULTS) if chance.random() < self.fault_rate else ""
        world.now_ms += chance.randint(5, 300)
        answer = self._suffer(prepared, fault)
        self.is_measured |= answer is not UNCLEAR and answer.kind is not OutcomeKind.NOT_SENT
        world.power.step("send.after")
        return answer

    def _suffer(self, prepared: Prepared, fault: str) -> BankAnswer:  # noqa: PLR0911 - a table
        match fault:
            case "not_sent":
                return BankAnswer(OutcomeKind.NOT_SENT, "bank_not_reached")
            case "lost":
                return UNCLEAR
            case "no_answer":
                self._arrive(prepared)
                return UNCLEAR
            case "status_after":
                self._arrive(prepared)
                return BankAnswer(OutcomeKind.UNKNOWN, "bank_status_502")
            case "late":
                delay_ms = self.world.chance.randint(1, 9_900)
                now_ms = self.world.now_ms
                self.on_way.append((now_ms + delay_ms, now_ms, prepared))
                power = self.world.power
                if power.cut_at and self.world.chance.random() < 0.4:
                    # The next life then asks while the request is still on its way.
                    power.cut_at = power.steps + self.world.chance.randint(1, 3)
                return UNCLEAR
            case "status_before":
                return BankAnswer(OutcomeKind.UNKNOWN, "bank_status_503")
            case "refuse_send":
                return BankAnswer(OutcomeKind.DECLINED, "too_many_requests")
            case "decline":
                return self._arrive(prepared, declines=True)
            case "slow":
                self.world.now_ms += self.world.chance.randint(500, 6_000)
                return self._arrive(prepared)
            case _:
                return self._arrive(prepared)

    def _arrive(self, prepared: Prepared, *, declines: bool = False) -> BankAnswer:
        """Let a request arrive that was sent just now."""
        self.go_on()
        now_ms = self.world.now_ms
        return self._execute_once(prepared, now_ms, now_ms, declines=declines)

    def _execute_once(
        self, prepared: Prepared, now_ms: int, sent_ms: int, *, declines: bool = False
    ) -> BankAnswer:
        """Execute once a key, as long as the key is remembered."""
        body = prepared.body
        digest = hashlib.sha256(body).hexdigest()
        self.arrived.append(
            {"key": prepared.key, "digest": digest, "at_ms": sent_ms, "for_ms": sent_ms}
        )
        life_ms = self.profile.idempotency_life_s * 1_000
        for known in self.payments:
            if known.key == prepared.key and now_ms - known.at_ms < life_ms:
                if known.body != body:
                    return BankAnswer(OutcomeKind.UNKNOWN, "key_used_with_other_body")
                return known.answer()
        order_id, minor_units, *_ = json.loads(body)
        paid = Executed(
            prepared.key, OrderId(order_id), Money(minor_units),
            PaymentRef(f"p-{len(self.payments) + 1}"), body, now_ms, OutcomeKind.SETTLED,
        )  # fmt: skip
        self.payments.append(paid)
        if declines:
            paid.kind, paid.reason = OutcomeKind.DECLINED, "insufficient_funds"
        elif self.profile.has_ladder:
            paid.kind = OutcomeKind.ACCEPTED
            paid.decided_at_ms = now_ms + self.world.chance.randint(0, LADDER_MS_MAX)
            paid.settles = self.world.chance.random() < 0.8
            self._tell_news(paid)
        else:
            self._settle(paid)
        return paid.answer()

    def _settle(self, paid: Executed) -> None:
        paid.kind = OutcomeKind.SETTLED
        self.truth.append((paid.key, paid.order_id, paid.amount.minor_units))
        self._tell_news(paid)

    def go_on(self) -> None:
        """Let what was on its way arrive, and what was accepted be decided."""
        now_ms = self.world.now_ms
        due = [it for it in self.on_way if it[0] <= now_ms]
        self.on_way = [it for it in self.on_way if it[0] > now_ms]
        for at_ms, sent_ms, prepared in sorted(due, key=lambda it: it[:2]):
            self._execute_once(prepared, at_ms, sent_ms)
        for paid in self.payments:
            if paid.kind is OutcomeKind.ACCEPTED and paid.decided_at_ms <= now_ms:
                if paid.settles:
                    self._settle(paid)
                else:
                    paid.kind, paid.reason = OutcomeKind.DECLINED, "declined_by_bank"
                    self._tell_news(paid)

    def find(self, sought: Sought) -> BankAnswer:
        self.world.power.step("find.before")
        self.world.now_ms += self.world.chance.randint(5, 100)
        self.go_on()
        answer = UNCLEAR
        if self.world.chance.random() >= self.fault_rate:
            self.is_measured = True
            answer = self._known(sought)
        self.world.power.step("find.after")
        return answer

    def _known(self, sought: Sought) -> BankAnswer:
        by_ref = sought.payment_ref is not None and self.profile.lookup_by_ref
        if not by_ref and not self.profile.lookup_by_key:
            return UNCLEAR
        for paid in reversed(self.payments):
            if (paid.ref == sought.payment_ref) if by_ref else (paid.key == sought.key):
                return paid.answer()
        return BankAnswer(OutcomeKind.NOT_FOUND)

    def _tell_news(self, paid: Executed) -> None:
        """Queue news: late, in any order, now and then twice, and some of nobody we know."""
        chance = self.world.chance
        number = len(self.told_news)
        event = BankEvent(f"e-{number}", reference_of(paid.key), paid.amount, paid.answer())
        copies = 2 if chance.random() < 0.3 else 1
        for _ in range(copies):
            self.told_news.append((self.world.now_ms + chance.randint(0, 60_000), event))
        if chance.random() < 0.1:
            stranger = replace(event, event_id=f"x-{number}", reference="A" * 18)
            self.told_news.append((self.world.now_ms, stranger))
        chance.shuffle(self.told_news)

    def events(self) -> EventBatch:
        self.world.power.step("events")
        self.go_on()
        if self.world.chance.random() < self.fault_rate:
            raise BankUnreachableError("no answer")
        due = [event for at_ms, event in self.told_news if at_ms <= self.world.now_ms]
        return EventBatch(tuple(due[:4]), more=len(due) > 4)

    def acknowledge(self, event_ids: tuple[str, ...]) -> None:
        self.world.power.step("acknowledge")
        if self.world.chance.random() < self.fault_rate:
            raise BankUnreachableError("no answer")
        self.told_news = [it for it in self.told_news if it[1].event_id not in event_ids]

    def health(self) -> BankHealth:
        if not self.is_measured:
            return BankHealth()
        return BankHealth(clock_skew_s=-self.world.wall_error_ms / 1_000)
