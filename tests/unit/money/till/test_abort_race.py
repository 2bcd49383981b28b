"""An abort racing with the send: exactly one of "aborted" and a result, never both (F10)."""

import random
import threading

import pytest

from kiosk.domain.order import OrderState, Outcome
from kiosk.money.till.counter import Counter, OrderFacts, Refused, Request
from tests.fakes.bank import Fault

SEEDS = 300


@pytest.fixture
def counter(enrolled) -> Counter:
    service = enrolled.service
    return Counter(service._ledger, service._intake, enrolled.config, service._look_soon)


def opened(counter, room, name):
    from kiosk.domain.money import Money

    request = Request("bar", name, "Payment", name, "0")
    assert isinstance(counter.open(request, Money(100), ()), OrderFacts)


def test_exactly_one_of_abort_and_payment_wins(enrolled, counter):
    """Over many seeds: aborted and no debit, or too late and one debit; both happen."""
    wins = {"aborted": 0, "paid": 0}
    for seed in range(SEEDS):
        chance = random.Random(seed)
        name = f"o{seed}"
        opened(counter, enrolled, name)
        asked = enrolled.request(name)
        told: dict[str, object] = {}
        start = threading.Barrier(2)
        spins = {who: chance.randrange(400) for who in ("abort", "pay")}

        def run(who, act, start=start, told=told, spins=spins):
            start.wait()
            for _ in range(spins[who]):
                pass
            told[who] = act()

        threads = [
            threading.Thread(target=run, args=("abort", lambda name=name: counter.abort(name))),
            threading.Thread(target=run, args=("pay", lambda asked=asked: enrolled.ask(asked))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        debits = enrolled.bank.debits_of(name)
        state = enrolled.state(name)
        if isinstance(told["abort"], OrderFacts):
            wins["aborted"] += 1
            assert (told["pay"].outcome, debits) == (Outcome.NOT_PAID, 0), seed
            assert state is OrderState.CANCELLED, seed
        else:
            wins["paid"] += 1
            assert told["abort"] in {Refused.IN_FLIGHT, Refused.ENDED}, seed
            assert (told["pay"].outcome, debits) == (Outcome.PAID, 1), seed
            assert state is OrderState.PAID, seed
    assert min(wins.values()) > 0, wins


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.NO_ANSWER, Fault.LOST, Fault.DECLINE])
def test_an_abort_while_the_bank_has_it_is_too_late(enrolled, counter, fault):
    """In progress, whatever the bank says in the end; nothing was aborted."""
    enrolled.bank.faults = [fault]
    told = []
    enrolled.bank.on_submit = lambda _: told.append(counter.abort("o1"))
    opened(counter, enrolled, "o1")
    enrolled.pay("o1")

    assert set(told) == {Refused.IN_FLIGHT}
    assert enrolled.state("o1") is not OrderState.CANCELLED
    assert enrolled.bank.debits_max() <= 1
