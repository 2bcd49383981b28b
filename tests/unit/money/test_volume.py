"""A busy restaurant's week, and a start after the worst of days: right to the penny, and soon."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace

import pytest

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.ids import IdempotencyKey, OrderId, PayerAlias, reference_of
from kiosk.domain.mandate import MandateLimits
from kiosk.domain.money import Money
from kiosk.domain.order import Order, OrderState
from kiosk.domain.payment import AttemptEnd
from kiosk.link.protocol import CloseElsewhere
from kiosk.money.book import Book
from kiosk.money.journal import read_journal
from kiosk.money.ledger import _taker
from kiosk.money.open_items import open_items
from kiosk.money.records import IntentStored, OrderOpened
from tests.fakes.bank import Fault
from tests.fakes.money_room import ALICE, TILL, MoneyRoom
from tests.fakes.storage import BigDisk

ORDERS = 10_000
PAYERS = 200
FAULTY = 0.05
SEED = 20_261_123
OPEN = 1_000
LIMITS = MandateLimits(Money(100_000), Money(1_000_000))


def a_week(room: MoneyRoom, chance: random.Random) -> Counter[str]:
    """Let every order be paid once; one in twenty meets a fault. Returns how often each came."""
    payers = [PayerAlias(f"a{n:016x}") for n in range(PAYERS)]
    for alias in payers:
        room.enrol(alias, LIMITS)
    met: Counter[str] = Counter()
    bank = room.bank
    for number in range(ORDERS):
        order = room.order(f"o{number}", chance.randrange(50, 400))
        bank.faults, bank.rejects, bank.settle_after_ms = [], False, 150
        what = "none"
        if chance.random() < FAULTY:
            what = chance.choice(["lost", "unsure", "late", "slow", "reject", "decline", "back"])
        met[what] += 1
        match what:
            case "lost":
                bank.faults = [Fault.LOST] * 6
            case "unsure":
                bank.faults = [Fault.NO_ANSWER] * 6
            case "late":
                bank.faults = [Fault.LATE] * chance.randrange(1, 7)
            case "slow" | "reject":
                bank.settle_after_ms, bank.rejects = chance.choice([2_000, 90_000]), False
                bank.rejects = what == "reject"
            case "decline":
                bank.faults = [Fault.DECLINE]
        room.pay(order, alias=payers[number % PAYERS])
        if what == "back" and room.state(order) is OrderState.PAID:
            bank.reverse(room.book.orders[order].keys[-1])
        if what in {"lost", "unsure"} and chance.random() < 0.5:
            room.ask(CloseElsewhere(order, "anna"), TILL)
        if chance.random() < 0.01:
            bank.news = bank.news[::-1] * 2
        room.clock.pass_s(50)
        # The last hour's news has not come yet: those orders stay open items.
        if number < ORDERS - 60 and number % 3 == 0:
            room.reconcile()
    return met


@pytest.mark.slow
def test_ten_thousand_orders_are_right_to_the_penny(tmp_path):
    """What the bank credited is what is PAID, plus what is listed as open. The replay agrees."""
    room = MoneyRoom(tmp_path, disk=BigDisk())
    room.bank.capabilities = shy(room)
    room.service = room._build()
    met = a_week(room, random.Random(SEED))

    assert min(met.values()) > 20
    assert len(met) == 8
    credited = Counter({debit.key: debit.amount.minor_units for debit in room.bank.debits})
    assert len(credited) == len(room.bank.debits), "no key was debited twice"
    assert room.bank.debits_max() == 1
    paid = {
        key: room.book.attempts[key].amount.minor_units
        for entry in room.book.orders.values()
        if entry.state is OrderState.PAID
        for key in entry.keys
        if room.book.attempts[key].end is AttemptEnd.SETTLED
    }
    items = open_items(room.book)
    listed = {room.book.by_reference[item.reference]: item.amount.minor_units for item in items}
    not_paid = {key: amount for key, amount in credited.items() if key not in paid}

    assert listed, "some are open at the end of the week"
    assert not set(paid) & set(listed)
    assert all(credited[key] == amount for key, amount in paid.items())
    assert all(listed[key] == amount for key, amount in not_paid.items())
    assert sum(paid.values()) + sum(not_paid.values()) == sum(credited.values())

    book = Book()
    read_journal(room.disk.chunks(), _taker(book))
    assert book == room.book

    # When the news has come and the bank was asked, only what needs a person is left.
    for _ in range(20):
        room.clock.pass_s(120)
        room.reconcile()
    unsure = {reference_of(key) for key in room.book.open_keys}
    for key, amount in Counter(
        {debit.key: debit.amount.minor_units for debit in room.bank.debits}
    ).items():
        state = room.book.orders[room.book.attempts[key].order_id].state
        assert amount == room.book.attempts[key].amount.minor_units
        assert state is OrderState.PAID or reference_of(key) in unsure or is_due_back(room, key)


def shy(room):
    return replace(room.bank.capabilities, lookup_by_key=False, events=True)


def is_due_back(room, key):
    entry = room.book.orders[room.book.attempts[key].order_id]
    return (entry.state, entry.reason) == (OrderState.PAID_ELSEWHERE, "refund_due")


def leave_open(room: MoneyRoom) -> None:
    """Leave a thousand intents without a result, as a process that died with all of them would."""
    ledger, keys = room.service._ledger, room.service._engine._keys
    for number in range(OPEN):
        order_id, time_ = OrderId(f"o{number}"), ledger.time()
        key = IdempotencyKey(f"{number:032x}")
        ledger.append(OrderOpened(time_, Order(order_id, Money(100), "Trattoria")))
        sealed = keys.seal(ALICE, "request", key, b'{"body":"","headers":[]}')
        ledger.append(
            IntentStored(
                time_, key, order_id, ALICE, Money(100), Basis.FACE, ConsentKind.SMILE,
                pin_verified=False, sealed_request=sealed,
            )
        )  # fmt: skip


@pytest.mark.parametrize("bank", ["quick", "slow", "away", "cannot_be_asked"])
def test_a_thousand_open_records_do_not_hold_up_the_start(tmp_path, bank):
    """Whatever the bank does, the start takes three seconds at most, and all of them are listed."""
    room = MoneyRoom(tmp_path, disk=BigDisk())
    room.enrol()
    leave_open(room)
    find = room.bank.find
    if bank == "cannot_be_asked":
        room.clock.pass_s(60)
        room.bank.capabilities = shy(room)
    room.bank.reachable = bank != "away"

    def answers(sought):
        room.clock.pass_ms({"quick": 1, "slow": 900, "away": 900}.get(bank, 0))
        return find(sought)

    room.bank.find = answers
    room.disk = BigDisk(bytes(room.disk.content))
    room.service = room._build()
    began_ms, began_s = room.clock.steady_ms(), time.process_time()
    room.service._reconciler.recover()

    assert room.clock.steady_ms() - began_ms <= 3_000
    assert time.process_time() - began_s < 3, "of this machine's own time"
    states = Counter(entry.state for entry in room.book.orders.values())
    assert states[OrderState.IN_FLIGHT] == 0
    assert sum(states.values()) == OPEN
    # Beyond the bound nothing is stored one by one: each sync costs milliseconds.
    assert room.disk.syncs <= OPEN + 3 if bank == "quick" else room.disk.syncs < 10
