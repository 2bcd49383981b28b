"""A bank in memory behind the bank port, first-class: a ledger, idempotency, and faults by script.

It keeps what no connector may know: every send with its time and bytes, and every executed debit.
Requests can be lost before it, executed without an answer, or delayed on the way. With
`settle_after_ms` it accepts payments first and settles (or rejects) them later, as a bank with a
status ladder does; by its capabilities it can be one that cannot be asked by key, or at all.
"""

from __future__ import annotations

import enum
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from kiosk.domain.ids import (
    IdempotencyKey,
    MandateRef,
    OrderId,
    PayerAlias,
    PaymentRef,
    reference_of,
)
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import (
    BankAnswer,
    BankEvent,
    BankHealth,
    BankMandate,
    Capabilities,
    EventBatch,
    Funds,
    Intent,
    OutcomeKind,
    Prepared,
    RefundIntent,
    Sought,
)

SANDBOX = Capabilities(
    is_sandbox=True,
    idempotency_life_s=86_400,
    min_resend_s=1.0,
    lookup_by_key=True,
    arrival_s_max=10.0,
    headless_approval=True,
)


class Fault(enum.Enum):
    """What happens to one send."""

    NONE = "none"
    NOT_SENT = "not_sent"
    LOST = "lost"
    """It leaves the machine and never arrives."""
    NO_ANSWER = "no_answer"
    """Executed; the answer is lost."""
    LATE = "late"
    """No answer now; executed `arrival_s_max` minus a little later, if still possible."""
    DECLINE = "decline"
    """The bank refuses under its own rules and remembers that for the key."""
    REFUSE_SEND = "refuse_send"
    """The bank refuses this very send and remembers nothing (such as a 4xx on a resend)."""
    NONSENSE = "nonsense"
    """Executed; the answer cannot be understood."""


@dataclass(frozen=True)
class Sent:
    key: IdempotencyKey
    at_ms: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Debit:
    key: IdempotencyKey
    order_id: OrderId
    amount: Money
    mandate_ref: MandateRef


@dataclass
class FakeBank:
    """Give it the time of the test's clock; `faults` are used up send by send."""

    steady_ms: Callable[[], int]
    capabilities: Capabilities = SANDBOX
    faults: list[Fault] = field(default_factory=list)
    reachable: bool = True
    """Whether `find` and the mandate calls get an answer."""
    on_submit: Callable[[Prepared], None] = lambda _prepared: None
    submit_ms: int = 0
    """How long a send takes; needs `pass_ms`."""
    pass_ms: Callable[[int], None] = lambda _ms: None
    sends: list[Sent] = field(default_factory=list)
    debits: list[Debit] = field(default_factory=list)
    finds: list[IdempotencyKey] = field(default_factory=list)
    mandates: dict[MandateRef, BankMandate] = field(default_factory=dict)
    answers: dict[IdempotencyKey, BankAnswer] = field(default_factory=dict)
    settle_after_ms: int | None = None
    """None: a payment settles at once; else it is accepted, and ends so much later."""
    rejects: bool = False
    """What is accepted is rejected in the end."""
    is_closed: bool = False
    funds: Funds = Funds.UNKNOWN
    funds_asked: list[tuple[MandateRef, Money]] = field(default_factory=list)
    clock_skew_s: float | None = 0.0
    news: list[BankEvent] = field(default_factory=list)
    """Events that nobody has acknowledged; the same one may be there twice."""
    events_max: int = 10
    acknowledged: list[str] = field(default_factory=list)
    refund_faults: list[Fault] = field(default_factory=list)
    refund_sends: list[Sent] = field(default_factory=list)
    refunds: list[tuple[IdempotencyKey, OrderId, Money]] = field(default_factory=list)
    """Money that went back, once a key."""
    refund_answers: dict[IdempotencyKey, BankAnswer] = field(default_factory=dict)
    _by_key: dict[IdempotencyKey, MandateRef] = field(default_factory=dict)
    _limits: dict[MandateRef, MandateLimits] = field(default_factory=dict)
    _bodies: dict[IdempotencyKey, bytes] = field(default_factory=dict)
    _told: int = 0
    _spent: Counter[tuple[MandateRef, int]] = field(default_factory=Counter)
    _accepted: dict[IdempotencyKey, tuple[int, Prepared]] = field(default_factory=dict)
    _refs: dict[PaymentRef, IdempotencyKey] = field(default_factory=dict)
    _late: list[tuple[int, Prepared]] = field(default_factory=list)
    _guard: threading.RLock = field(default_factory=threading.RLock)

    # What a test asks -----------------------------------------------------------------------

    def debits_of(self, order_id: OrderId) -> int:
        self._deliver()
        return sum(debit.order_id == order_id for debit in self.debits)

    def debits_max(self) -> int:
        self._deliver()
        return max(Counter(debit.order_id for debit in self.debits).values(), default=0)

    def end_all(self, *, settle: bool = True) -> None:
        """Bring everything accepted to its end now."""
        with self._guard:
            for key in list(self._accepted):
                self._end(key, settle=settle)

    def reverse(self, key: IdempotencyKey) -> None:
        """Take a settled payment back: the money returns to the payer."""
        with self._guard:
            self.debits = [debit for debit in self.debits if debit.key != key]
            ref = self.answers[key].payment_ref
            self.answers[key] = BankAnswer(OutcomeKind.DECLINED, "blocked_by_bank", ref)
            self._tell(key)

    def approve_all(self) -> None:
        """Approve every pending mandate, as its payer."""
        for ref, mandate in self.mandates.items():
            if mandate.state is MandateState.PENDING:
                self.mandates[ref] = BankMandate(ref, MandateState.ACTIVE, "••42")

    def set_mandate(self, ref: MandateRef, state: MandateState) -> None:
        self.mandates[ref] = replace(self.mandates[ref], state=state)

    def active_mandates(self) -> list[MandateRef]:
        return [ref for ref, it in self.mandates.items() if it.state is MandateState.ACTIVE]

    # The port ---------------------------------------------------------------------------------

    def begin_mandate(
        self, alias: PayerAlias, limits: MandateLimits, key: IdempotencyKey
    ) -> BankMandate:
        del alias
        self._require()
        with self._guard:
            if key not in self._by_key:
                ref = MandateRef(f"m-{len(self._by_key) + 1}")
                self._by_key[key] = ref
                self.mandates[ref] = (
                    BankMandate(ref, MandateState.ACTIVE, "••42")
                    if self.capabilities.headless_approval
                    else BankMandate(ref, MandateState.PENDING, "", f"https://bank.test/{ref}")
                )
                self._limits[ref] = limits
            return self.mandates[self._by_key[key]]

    def mandate(self, ref: MandateRef) -> BankMandate:
        self._require()
        # One that the bank does not know authorises nothing.
        return self.mandates.get(ref, BankMandate(ref, MandateState.REVOKED, ""))

    def revoke(self, ref: MandateRef) -> None:
        self._require()
        with self._guard:
            if ref in self.mandates:
                self.mandates[ref] = replace(self.mandates[ref], state=MandateState.REVOKED)

    def prepare(self, intent: Intent) -> Prepared:
        body = json.dumps(
            [intent.order_id, intent.amount.minor_units, intent.payee, intent.mandate_ref]
        )
        return Prepared(
            intent.key,
            intent.order_id,
            intent.amount,
            body.encode(),
            (("Idempotency-Key", intent.key),),
        )

    def submit(self, prepared: Prepared, mandate_ref: MandateRef) -> BankAnswer:
        del mandate_ref  # it is in the body
        self.on_submit(prepared)
        with self._guard:
            self._deliver()
            fault = self.faults.pop(0) if self.faults else Fault.NONE
            sent = Sent(prepared.key, self.steady_ms(), prepared.body, prepared.headers)
            if fault is not Fault.NOT_SENT:
                self.sends.append(sent)
            answer = self._answer(prepared, fault)
        self.pass_ms(self.submit_ms)
        return answer

    def find(self, sought: Sought) -> BankAnswer:
        key = sought.key
        self.finds.append(key)
        can = self.capabilities
        if not can.lookup_by_key:
            if sought.payment_ref is None or not can.lookup_by_ref:
                return BankAnswer(OutcomeKind.UNKNOWN, "cannot_be_asked")
            key = self._refs.get(sought.payment_ref, key)
        if not self.reachable:
            return BankAnswer(OutcomeKind.UNKNOWN, "timeout")
        with self._guard:
            self._deliver()
            if key in self._bodies:
                order_id, minor_units, *_ = json.loads(self._bodies[key])
                if (order_id, minor_units) != (sought.order_id, sought.amount.minor_units):
                    return BankAnswer(OutcomeKind.UNKNOWN, "answer_mismatch")
            return self.answers.get(key, BankAnswer(OutcomeKind.NOT_FOUND))

    def check_funds(self, ref: MandateRef, amount: Money) -> Funds:
        self.funds_asked.append((ref, amount))
        return self.funds

    def prepare_refund(self, intent: RefundIntent) -> Prepared:
        body = json.dumps(
            [intent.order_id, intent.amount.minor_units, intent.payment_ref, "refund"]
        )
        return Prepared(
            intent.key,
            intent.order_id,
            intent.amount,
            body.encode(),
            (("Idempotency-Key", intent.key),),
        )

    def submit_refund(self, prepared: Prepared) -> BankAnswer:
        with self._guard:
            fault = self.refund_faults.pop(0) if self.refund_faults else Fault.NONE
            if fault is not Fault.NOT_SENT:
                self.refund_sends.append(
                    Sent(prepared.key, self.steady_ms(), prepared.body, prepared.headers)
                )
            unknown = BankAnswer(OutcomeKind.UNKNOWN, "timeout")
            match fault:
                case Fault.NOT_SENT:
                    return BankAnswer(OutcomeKind.NOT_SENT, "connect_failed")
                case Fault.LOST | Fault.LATE:
                    return unknown
                case Fault.DECLINE | Fault.REFUSE_SEND:
                    declined = BankAnswer(OutcomeKind.DECLINED, "refund_refused")
                    return self.refund_answers.setdefault(prepared.key, declined)
                case _:
                    ref = PaymentRef(f"r-{len(self.refund_answers) + 1}")
                    done = BankAnswer(OutcomeKind.SETTLED, "", ref)
                    if prepared.key not in self.refund_answers:
                        self.refunds.append((prepared.key, prepared.order_id, prepared.amount))
                    answer = self.refund_answers.setdefault(prepared.key, done)
                    return answer if fault is Fault.NONE else unknown

    def find_refund(self, sought: Sought) -> BankAnswer:
        if not self.reachable:
            return BankAnswer(OutcomeKind.UNKNOWN, "timeout")
        with self._guard:
            return self.refund_answers.get(sought.key, BankAnswer(OutcomeKind.NOT_FOUND))

    def events(self) -> EventBatch:
        self._require()
        with self._guard:
            self._deliver()
            first = tuple(self.news[: self.events_max])
            return EventBatch(first, more=len(self.news) > len(first))

    def acknowledge(self, event_ids: tuple[str, ...]) -> None:
        self._require()
        with self._guard:
            self.acknowledged.extend(event_ids)
            self.news = [event for event in self.news if event.event_id not in event_ids]

    def health(self) -> BankHealth:
        return BankHealth(clock_skew_s=self.clock_skew_s)

    def close(self) -> None:
        self.is_closed = True

    def _answer(self, prepared: Prepared, fault: Fault) -> BankAnswer:
        unknown = BankAnswer(OutcomeKind.UNKNOWN, "timeout")
        match fault:
            case Fault.NONE:
                return self._execute(prepared)
            case Fault.NOT_SENT:
                return BankAnswer(OutcomeKind.NOT_SENT, "connect_failed")
            case Fault.LOST:
                return unknown
            case Fault.NO_ANSWER:
                self._execute(prepared)
                return unknown
            case Fault.LATE:
                delay_ms = round(self.capabilities.arrival_s_max * 1_000) - 1
                self._late.append((self.steady_ms() + delay_ms, prepared))
                return unknown
            case Fault.DECLINE:
                self._bodies.setdefault(prepared.key, prepared.body)
                declined = BankAnswer(OutcomeKind.DECLINED, "insufficient_funds")
                return self.answers.setdefault(prepared.key, declined)
            case Fault.REFUSE_SEND:
                return BankAnswer(OutcomeKind.DECLINED, "too_many_requests")
            case Fault.NONSENSE:
                self._execute(prepared)
                return BankAnswer(OutcomeKind.NOT_FOUND, "nonsense")

    def _execute(self, prepared: Prepared) -> BankAnswer:
        if prepared.body != self._bodies.setdefault(prepared.key, prepared.body):
            return BankAnswer(OutcomeKind.UNKNOWN, "key_used_with_other_body")
        if prepared.key in self.answers:
            return self.answers[prepared.key]
        order_id, minor_units, payee, told = json.loads(prepared.body)
        amount, ref = Money(minor_units, prepared.amount.currency), MandateRef(told)
        reason = self._decline_reason(ref, amount)
        if reason:
            answer = BankAnswer(OutcomeKind.DECLINED, reason)
        else:
            del order_id, payee
            self._spent[ref, self._day()] += amount.minor_units
            ref_of_payment = PaymentRef(f"p-{len(self._refs) + 1}")
            self._refs[ref_of_payment] = prepared.key
            answer = BankAnswer(OutcomeKind.ACCEPTED, "", ref_of_payment)
            self.answers[prepared.key] = answer
            delay_ms = self.settle_after_ms
            self._accepted[prepared.key] = (self.steady_ms() + (delay_ms or 0), prepared)
            if delay_ms is None:
                self._end(prepared.key, settle=True)
            return self.answers[prepared.key]
        self.answers[prepared.key] = answer
        self._tell(prepared.key)
        return answer

    def _end(self, key: IdempotencyKey, *, settle: bool) -> None:
        _, prepared = self._accepted.pop(key)
        order_id, _, _, told = json.loads(prepared.body)
        ref = self.answers[key].payment_ref
        if settle:
            self.debits.append(Debit(key, OrderId(order_id), prepared.amount, MandateRef(told)))
            self.answers[key] = BankAnswer(OutcomeKind.SETTLED, "", ref)
        else:
            self.answers[key] = BankAnswer(OutcomeKind.DECLINED, "rejected_by_bank", ref)
        self._tell(key)

    def _tell(self, key: IdempotencyKey) -> None:
        if not self.capabilities.events:
            return
        self._told += 1
        minor_units = json.loads(self._bodies[key])[1]
        self.news.append(
            BankEvent(f"e-{self._told}", reference_of(key), Money(minor_units), self.answers[key])
        )

    def _decline_reason(self, ref: MandateRef, amount: Money) -> str:
        mandate, limits = self.mandates.get(ref), self._limits.get(ref)
        if mandate is None or mandate.state is not MandateState.ACTIVE:
            return "mandate_revoked"
        if limits is None:
            return ""  # a test put the mandate here by hand
        if amount.exceeds(limits.per_payment):
            return "limit_per_payment"
        if self._spent[ref, self._day()] + amount.minor_units > limits.per_day.minor_units:
            return "limit_per_day"
        return ""

    def _day(self) -> int:
        return self.steady_ms() // 86_400_000

    def _deliver(self) -> None:
        with self._guard:
            now_ms = self.steady_ms()
            due = [prepared for at_ms, prepared in self._late if at_ms <= now_ms]
            self._late = [item for item in self._late if item[0] > now_ms]
            for prepared in due:
                self._execute(prepared)
            for key in [key for key, (at_ms, _) in self._accepted.items() if at_ms <= now_ms]:
                self._end(key, settle=not self.rejects)

    def _require(self) -> None:
        if not self.reachable:
            raise BankUnreachableError("no answer")
