"""Random days of a restaurant: whatever happens, the books and the bank agree to the penny.

Goal: refunded never exceeds paid, and what the bank credited is paid, due back or listed as open.
Method: Hypothesis drives orders, payments with faults, refunds, decisions (also wrong ones),
statements, crashes and time against a bank that keeps its own books.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kiosk.domain.ids import OrderId, reference_of
from kiosk.domain.mandate import MandateLimits
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.refund import RefundState
from kiosk.link.back_office import CloseRefund, DecideUnknown, RefundOrder, TakeStatement
from kiosk.link.protocol import AbortOrder, CloseElsewhere
from kiosk.money.banks.port import RefundMode
from kiosk.money.open_items import OpenKind, due_back, open_items
from kiosk.money.statements.matching import reduce_lines, references_of
from kiosk.money.statements.reading import read_statement
from kiosk.money.totals import Period, totals_of
from tests.fakes.bank import Fault
from tests.fakes.money_room import TILL, MoneyRoom
from tests.fakes.statement import Booked, as_camt, as_csv

NAMES = st.integers(1, 3).map(lambda number: OrderId(f"o{number}"))
ENDS = st.sampled_from(
    [Fault.NONE, Fault.NO_ANSWER, Fault.NO_ANSWER, Fault.LOST, Fault.LATE, Fault.DECLINE]
)
SENDS = st.sampled_from([f for f in Fault if f is not Fault.REFUSE_SEND])
WIDE = MandateLimits(Money(10_000_000), Money(100_000_000))
SEEN = st.sampled_from([0, 0, 1, -1])


class Day(RuleBasedStateMachine):
    """One installation and its bank."""

    @initialize(mode=st.sampled_from([RefundMode.API, RefundMode.MANUAL]))
    def open(self, mode):
        self.folder = Path(tempfile.mkdtemp())
        self.room = MoneyRoom(self.folder)
        self.room.with_capabilities(refund=mode)
        self.room.enrol(limits=WIDE)
        self.room.restart()
        self.requests = 0

    def teardown(self):
        if not hasattr(self, "room"):
            return
        # At the end of the day the bank answers everything, and nothing is left in doubt.
        self.time(True, 60)
        self.time(True, 86_400)
        self.balance()
        left = [it.kind for it in open_items(self.room.book)]
        assert OpenKind.UNKNOWN not in left
        assert OpenKind.IN_FLIGHT not in left
        assert OpenKind.REFUND_UNKNOWN not in left
        assert self._denied() == 0
        shutil.rmtree(self.folder)

    @rule(name=NAMES, fault=ENDS, reachable=st.booleans())
    def pay(self, name, fault, reachable):
        room = self.room
        if name not in room.book.orders:
            room.order(name, 100 + 37 * int(name[1:]))
        if room.state(name) is OrderState.OPEN:
            room.bank.faults, room.bank.reachable = [fault] * 6, reachable
            room.pay(name)
            room.bank.faults = []

    @precondition(lambda self: self.room.book.attempts)
    @rule(name=NAMES, part=st.integers(1, 200) | st.none(), fault=SENDS)
    def refund(self, name, part, fault):
        if name in self.room.book.orders:
            self.requests += 1
            self.room.bank.refund_faults = [fault]
            amount = None if part is None else Money(part)
            ask = RefundOrder(f"r{self.requests}", name, "ann", "cold", amount)
            self.room.ask(ask, TILL)
            self.room.bank.refund_faults = []

    @precondition(lambda self: self.room.book.refunds.entries)
    @rule(number=st.integers(1, 4))
    def refund_again(self, number):
        entry = self.room.book.refunds.entries.get(number)
        if entry is not None:
            ask = RefundOrder(entry.request_id, entry.order_id, "ann", "cold")
            before = self.room.service._ledger.records
            assert self.room.ask(ask, TILL).refund.number == number
            assert self.room.service._ledger.records == before

    @precondition(lambda self: self.room.book.refunds.open)
    @rule(number=st.integers(1, 4), done=st.booleans())
    def close(self, number, done):
        self.room.ask(CloseRefund(number, done=done, staff="bob"), TILL)

    @rule(name=NAMES)
    def elsewhere(self, name):
        if name in self.room.book.orders:
            self.room.ask(CloseElsewhere(name, "ann"), TILL)

    @rule(name=NAMES)
    def abort(self, name):
        if name in self.room.book.orders:
            self.room.ask(AbortOrder(name, "left"), TILL)

    @precondition(lambda self: self.room.book.open_keys)
    @rule(name=NAMES, later_s=st.sampled_from([0, 60, 60]), honest=st.booleans())
    def decide(self, name, later_s, honest):
        """Staff who see no money say so, and are sometimes wrong; who see it say that."""
        self.room.clock.pass_s(later_s)
        if name not in self.room.book.orders:
            return
        executed = {debit.key for debit in self.room.bank.debits}
        paid = any(key in executed for key in self.room.book.orders[name].keys[-1:])
        ask = DecideUnknown(name, paid=paid and honest, staff="ann", reason="saw")
        self.room.ask(ask, TILL)

    @precondition(lambda self: self.room.bank.debits)
    @rule(
        pence=st.lists(SEEN, min_size=1, max_size=8),
        write=st.sampled_from([as_csv, as_camt]),
        again=st.booleans(),
    )
    def statement(self, pence, write, again):
        """The bank's own credits and the transfers that were made, some a penny off."""
        room = self.room
        lines = [
            Booked(f"SMILE {reference_of(debit.key)}", debit.amount.minor_units + off)
            for debit, off in zip(room.bank.debits, pence * 20, strict=False)
        ]
        lines += [
            Booked(refund.reference, -refund.amount.minor_units)
            for refund in room.book.refunds.entries.values()
            if refund.state is not RefundState.NOT_DONE
            and refund.way.value == "manual"
            and refund.number % 2
        ]
        reduced = reduce_lines(read_statement(write(*lines), "GBP"), references_of(room.book))
        for _ in range(1 + again):
            room.ask(TakeStatement("0" * 64, "ann", reduced.lines), TILL)

    @rule(reachable=st.booleans(), seconds=st.sampled_from([1, 30, 60, 3_600]))
    def time(self, reachable, seconds):
        self.room.bank.reachable = reachable
        self.room.clock.pass_s(seconds)
        self.room.reconcile()

    @rule()
    def crash(self):
        before = self.room.book
        self.room.restart(recover=False)
        assert self.room.book == before
        self.room.service._reconciler.recover()

    @invariant()
    def balance(self):
        """Credits are paid, due back (also if it went back since), open, or denied by staff."""
        if not hasattr(self, "room"):
            return
        book, executed = self.room.book, Counter(debit.key for debit in self.room.bank.debits)
        assert max(executed.values(), default=0) <= 1
        credits_ = sum(debit.amount.minor_units for debit in self.room.bank.debits)
        paid = sum(
            entry.order.amount.minor_units
            for entry in book.orders.values()
            if entry.state is OrderState.PAID
        )
        settled = [it for it in book.attempts.values() if it.end is AttemptEnd.SETTLED]
        back = sum(
            it.amount.minor_units for it in settled if due_back(book, it.key) or self._spare(it)
        )
        waiting = sum(
            book.attempts[key].amount.minor_units for key in book.open_keys if key in executed
        )
        assert {attempt.key for attempt in settled} <= set(executed)
        assert credits_ == paid + back + waiting + self._denied()

    @invariant()
    def never_more_back_than_paid(self):
        if not hasattr(self, "room"):
            return
        book = self.room.book
        for key, attempt in book.attempts.items():
            took = attempt.amount.minor_units if attempt.end is AttemptEnd.SETTLED else 0
            assert 0 <= book.refunds.held(key) <= took
        back = Counter()
        for _, order_id, amount in self.room.bank.refunds:
            back[order_id] += amount.minor_units
        taken = Counter()
        for debit in self.room.bank.debits:
            taken[debit.order_id] += debit.amount.minor_units
        # Staff may withdraw a refund whose end the bank would not tell, and be wrong.
        withdrawn = {it.order_id for it in book.refunds.entries.values() if it.closed_by}
        assert all(back[it] <= taken[it] for it in back if it not in withdrawn)

    @invariant()
    def totals_are_the_day(self):
        if not hasattr(self, "room"):
            return
        book, now = self.room.book, self.room.clock.now()
        found = totals_of(book, Period(now.replace(year=2000), now.replace(year=2100)), "GBP")
        assert sum(it.count for it in found.orders.values()) == len(book.orders)
        settled = [it for it in book.attempts.values() if it.end is AttemptEnd.SETTLED]
        assert found.received.minor_units == sum(it.amount.minor_units for it in settled)

    def _spare(self, attempt):
        """Whether an attempt took money that its order is not paid by."""
        entry = self.room.book.orders[attempt.order_id]
        settled = [
            key for key in entry.keys if self.room.book.attempts[key].end is AttemptEnd.SETTLED
        ]
        if entry.state is not OrderState.PAID:
            return True
        first = min(
            settled,
            key=lambda key: self.room.book.attempts[key].reason == "settled_after_not_paid",
        )
        return attempt.key != first

    def _denied(self):
        executed = {debit.key for debit in self.room.bank.debits}
        return sum(
            attempt.amount.minor_units
            for attempt in self.room.book.attempts.values()
            if attempt.key in executed and attempt.end is AttemptEnd.DECLINED
        )


Day.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestDay = Day.TestCase
