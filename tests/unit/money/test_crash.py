"""Whatever happens, in any order, with power cuts anywhere: the money and the word stay right.

A simulated disk loses or keeps any part of what was not synced. The bank's own ledger, which the
money process never sees, is the judge.
"""

import itertools
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import PayerAlias
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateState
from kiosk.domain.order import OrderState, Outcome
from kiosk.link.protocol import AbortOrder, CloseElsewhere, OpenMandate, RevokeMandate
from kiosk.money.book import Book
from kiosk.money.journal import read_journal
from kiosk.money.ledger import _taker
from tests.fakes.bank import Fault
from tests.fakes.money_room import PIN, TILL, MoneyRoom
from tests.fakes.storage import FakeDisk, PowerCutError

FAULTS = st.lists(st.sampled_from(list(Fault)), max_size=6)
NUMBERS = st.integers(0, 2)


def replayed(disk: FakeDisk) -> Book:
    book = Book()
    read_journal(disk.chunks(), _taker(book))
    return book


def money_is_right(room: MoneyRoom) -> None:
    """I1 to I4: at most one debit, no PAID without, no end without payment with one."""
    for order_id, entry in room.book.orders.items():
        debits = room.bank.debits_of(order_id)
        assert debits <= 1
        match entry.state:
            case OrderState.PAID:
                assert debits == 1
            case OrderState.OPEN | OrderState.CANCELLED:
                assert debits == 0
            case OrderState.PAID_ELSEWHERE if debits:
                open_keys = [key for key in entry.keys if key in room.book.open_keys]
                assert entry.reason == "refund_due" or open_keys
            case _:
                pass


class MoneyMachine(RuleBasedStateMachine):
    """A till, customers, a bad network and a bad power supply."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.room = MoneyRoom(self.folder)
        self.shape()
        self.payers = 0
        self.alias = PayerAlias("a" + "0" * 16)
        self.told: list[tuple[str, Outcome]] = []

    def shape(self) -> None:
        """Say what the bank is like: here it settles at once and can be asked by key."""

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def does(self, deed):
        """Do something; if the power goes, start again and do nothing more. None: it failed."""
        try:
            answer = deed()
        except PowerCutError:
            self.start_again(self.keep)
            return None
        except SmileTillError:
            return None
        return answer

    keep = 0

    def start_again(self, keep: int) -> None:
        durable = self.room.disk.durable
        self.room.restart(keep)
        self.room.service._reconciler.resume()
        assert self.room.disk.durable.startswith(durable), "what was acknowledged is still there"
        for order_id, outcome in self.told:
            state = self.room.book.orders[order_id].state
            if outcome is Outcome.PAID:
                assert state is OrderState.PAID, "PAID was said"

    @rule(after=st.integers(1, 4), at_sync=st.booleans(), keep=st.integers(0, 900))
    def power_will_go(self, after, at_sync, keep):
        disk = self.room.disk
        self.keep = keep
        if at_sync:
            disk.cut_power_before_sync = disk.syncs + after
        else:
            disk.cut_power_before_append = disk.appends + after

    @rule(keep=st.integers(0, 900))
    def kill(self, keep):
        self.start_again(keep)

    @rule()
    def enrol(self):
        self.payers += 1
        alias = PayerAlias(f"a{self.payers:016x}")
        if self.does(lambda: self.room.ask(OpenMandate(alias, DEFAULT_LIMITS, PIN))):
            self.alias = alias

    @rule()
    def erase(self):
        self.does(lambda: self.room.ask(RevokeMandate(self.alias)))

    @rule(number=NUMBERS)
    def order(self, number):
        self.does(lambda: self.room.order(f"o{number}", 100 + number))

    @rule(number=NUMBERS, faults=FAULTS, reachable=st.booleans())
    def pay(self, number, faults, reachable):
        order_id = f"o{number}"
        entry = self.room.book.orders.get(order_id)
        if entry is None or entry.state is not OrderState.OPEN:
            return
        self.room.bank.faults, self.room.bank.reachable = list(faults), reachable
        request = self.room.request(order_id, alias=self.alias)
        answer = self.does(lambda: self.room.ask(request))
        self.room.bank.faults = []
        if answer is None:
            return
        self.told.append((order_id, answer.outcome))
        debits = self.room.bank.debits_of(order_id)
        if answer.outcome is Outcome.PAID:
            assert debits == 1
        if answer.outcome is Outcome.NOT_PAID:
            assert debits == 0
        sends = self.room.bank.sends
        for earlier, later in itertools.pairwise(sends):
            if earlier.key == later.key:
                assert earlier.body == later.body
                assert later.at_ms - earlier.at_ms >= 1_000

    @rule(number=NUMBERS, elsewhere=st.booleans())
    def give_up(self, number, elsewhere):
        ask = CloseElsewhere(f"o{number}", "s7") if elsewhere else AbortOrder(f"o{number}", "till")
        self.does(lambda: self.room.ask(ask, TILL))

    @rule(number=NUMBERS, pin=st.sampled_from([PIN, "111222"]))
    def type_pin(self, number, pin):
        entry = self.room.book.orders.get(f"o{number}")
        if entry is not None and entry.state is OrderState.OPEN:
            self.does(lambda: self.room.verify(f"o{number}", pin, self.alias))

    @rule(duration_s=st.sampled_from([1, 9, 60, 90_000]), reachable=st.booleans())
    def look(self, duration_s, reachable):
        self.room.clock.pass_s(duration_s)
        self.room.bank.reachable = reachable
        self.does(self.room.reconcile)

    @precondition(lambda self: not self.room.disk.is_off)
    @invariant()
    def is_right(self):
        money_is_right(self.room)
        assert replayed(self.room.disk) == self.room.book, "the journal says what the book says"

    @invariant()
    def keys_are_of_living_mandates(self):
        mandates = self.room.book.mandates
        for path in (self.folder / "keys").glob("*.key"):
            assert path.stem in mandates


MoneyMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
TestMoneyMachine = MoneyMachine.TestCase


class ShyMoneyMachine(MoneyMachine):
    """The same with a bank that accepts first, tells news, and cannot be asked by key."""

    def shape(self) -> None:
        self.room.bank.settle_after_ms = 4_000
        self.room.with_capabilities(lookup_by_key=False, events=True)

    @rule(settle_after_ms=st.sampled_from([None, 300, 4_000, 100_000]), rejects=st.booleans())
    def bank_changes(self, settle_after_ms, rejects):
        self.room.bank.settle_after_ms, self.room.bank.rejects = settle_after_ms, rejects

    @rule(copies=st.integers(1, 3))
    def news_come_again(self, copies):
        self.room.bank.news = self.room.bank.news[::-1] * copies


ShyMoneyMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
TestShyMoneyMachine = ShyMoneyMachine.TestCase


def pay_until_done(room: MoneyRoom) -> None:
    """What a till and a customer do, again and again, until the order has an end."""
    for _ in range(10):
        active = [it.alias for it in room.book.mandates.values() if it.state is MandateState.ACTIVE]
        if not active:
            # Each enrolment has an alias of its own, so one that was cut off is not repeated.
            active = [PayerAlias(f"a{len(room.book.mandates):016x}")]
            room.enrol(active[0])
        order = room.order()
        if room.state(order) is OrderState.OPEN:
            room.bank.faults = [Fault.NO_ANSWER, Fault.NOT_SENT]
            room.pay(order, alias=active[0])
        if room.state(order) is OrderState.PAID:
            return
        room.clock.pass_s(60)
        room.reconcile()


@pytest.mark.parametrize("kind", ["append", "sync"])
@pytest.mark.parametrize("keep", [0, 1, 150, 100_000])
def test_a_cut_at_every_write_and_a_second_one_in_recovery(tmp_path, kind, keep):
    """At every append and every sync of a payment, and then at every one of the recovery."""
    for first, second in itertools.product(range(1, 10), [None, 1, 2]):
        room = MoneyRoom(tmp_path / f"{first}-{second}")
        setattr(room.disk, f"cut_power_before_{kind}", first)
        try:
            pay_until_done(room)
        except PowerCutError:
            room.disk = room.disk.restart(keep)
            setattr(room.disk, f"cut_power_before_{kind}", second)
            try:
                room.service = room._build()
                room.service._reconciler.recover()
                pay_until_done(room)
            except PowerCutError:
                room.restart(keep)
        sent = {send.key for send in room.bank.sends}
        assert sent <= set(room.book.attempts), "a key was sent that is not on the disk"
        pay_until_done(room)

        assert [entry.state for entry in room.book.orders.values()] == [OrderState.PAID]
        assert len(room.bank.debits) == 1
        money_is_right(room)
        room.reconcile()
        assert len(room.bank.active_mandates()) == 1, "what was begun and lost is revoked"
