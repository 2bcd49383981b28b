"""Decisions of staff: never against the bank, never too early, and watched afterwards."""

from __future__ import annotations

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.order import OrderState
from kiosk.domain.payment import AttemptEnd
from kiosk.link.back_office import DecideUnknown
from kiosk.link.protocol import AbortOrder
from kiosk.money.open_items import OpenKind, open_items
from tests.fakes.bank import Fault
from tests.fakes.money_room import TILL, MoneyRoom


@pytest.fixture
def enrolled(enrolled) -> MoneyRoom:
    """As a process begins: what it finds open it looks after."""
    enrolled.restart()
    return enrolled


def unknown(room: MoneyRoom, fault: Fault = Fault.NO_ANSWER, minor_units: int = 1_250):
    """An order whose payment got no answer, at a bank that cannot be asked."""
    room.bank.faults, room.bank.reachable = [fault] * 6, False
    order = room.order("o1", minor_units)
    room.pay(order)
    room.bank.faults = []
    return order


def decide(room, order, *, paid, staff="ann", reason="statement"):
    return room.ask(DecideUnknown(order, paid=paid, staff=staff, reason=reason), TILL)


def kinds(room):
    return [item.kind for item in open_items(room.book)]


@pytest.mark.parametrize(
    ("paid", "state", "end"),
    [(True, OrderState.PAID, AttemptEnd.SETTLED), (False, OrderState.OPEN, AttemptEnd.DECLINED)],
)
def test_staff_decide_what_the_bank_does_not_tell(enrolled, paid, state, end):
    """Journalled with name and reason; the item is off the list; after a restart too."""
    order = unknown(enrolled)
    enrolled.clock.pass_s(60)
    decided = decide(enrolled, order, paid=paid)
    enrolled.restart()

    assert (decided.taken, decided.refusal, decided.state) == (True, "", state)
    (attempt,) = enrolled.book.attempts.values()
    assert (attempt.end, attempt.reason.endswith(":statement")) == (end, True)
    assert kinds(enrolled) == []
    assert b'"staff":"ann"' in enrolled.disk.durable


def test_not_before_everything_sent_has_had_time_to_arrive(enrolled):
    """A decision at once could be overtaken by the payment itself."""
    order = unknown(enrolled)

    assert decide(enrolled, order, paid=False).refusal == "too_early"
    assert enrolled.state(order) is OrderState.UNKNOWN


@pytest.mark.parametrize("paid", [True, False])
def test_never_against_the_bank(enrolled, paid):
    """If it can be asked, its word is stored, whoever was right."""
    order = unknown(enrolled)
    enrolled.clock.pass_s(60)
    enrolled.bank.reachable = True
    decided = decide(enrolled, order, paid=paid)

    assert (decided.taken, decided.refusal) == (paid, "" if paid else "bank_says_paid")
    assert decided.state is OrderState.PAID
    (attempt,) = enrolled.book.attempts.values()
    assert attempt.payment_ref is not None


def test_a_bank_that_knows_nothing_says_not_paid(enrolled):
    """The key never arrived and cannot arrive any more."""
    order = unknown(enrolled, Fault.LOST)
    enrolled.clock.pass_s(60)
    enrolled.bank.reachable = True
    decided = decide(enrolled, order, paid=True)

    assert (decided.refusal, decided.state) == ("bank_says_not_paid", OrderState.OPEN)


def test_the_bank_contradicts_staff_later_and_the_order_was_open(enrolled):
    """The order is paid by it, so that nobody pays twice, and somebody has to look."""
    order = unknown(enrolled)
    enrolled.clock.pass_s(60)
    decide(enrolled, order, paid=False)
    enrolled.bank.reachable = True
    enrolled.clock.pass_s(60)
    enrolled.reconcile()

    assert enrolled.state(order) is OrderState.PAID
    assert kinds(enrolled) == [OpenKind.LATE_SETTLEMENT]


@pytest.mark.parametrize("restart", [False, True])
def test_the_bank_contradicts_staff_later_and_the_order_was_taken_back(enrolled, restart):
    """The money is due back; also if the decision was taken by an earlier process."""
    order = unknown(enrolled)
    enrolled.clock.pass_s(60)
    decide(enrolled, order, paid=False)
    enrolled.ask(AbortOrder(order, "guest-left"), TILL)
    if restart:
        enrolled.restart()
    enrolled.bank.reachable = True
    enrolled.clock.pass_s(60)
    enrolled.reconcile()

    entry = enrolled.book.orders[order]
    assert (entry.state, entry.reason) == (OrderState.CANCELLED, "refund_due")
    assert kinds(enrolled) == [OpenKind.REFUND_DUE]


def test_paid_again_and_then_contradicted_is_due_back(enrolled):
    """The second payment paid the order; the first one's money is the payer's."""
    order = unknown(enrolled, minor_units=1_250)
    enrolled.clock.pass_s(60)
    decide(enrolled, order, paid=False)
    enrolled.bank.reachable = True
    enrolled.pay(order)
    enrolled.clock.pass_s(60)
    enrolled.reconcile()

    (item,) = open_items(enrolled.book)
    first, second = enrolled.book.orders[order].keys
    assert item.kind is OpenKind.REFUND_DUE
    assert enrolled.book.attempts[first].reason == "settled_after_not_paid"
    assert enrolled.book.attempts[second].reason == "settled"


def test_the_bank_is_asked_less_and_less_about_what_staff_denied(enrolled):
    """And not at all after two weeks."""
    order = unknown(enrolled, Fault.LOST)
    enrolled.clock.pass_s(60)
    decide(enrolled, order, paid=False)
    before = len(enrolled.bank.finds)
    for _ in range(600):
        enrolled.clock.pass_s(60)
        enrolled.reconcile()
    ten_hours = len(enrolled.bank.finds) - before
    enrolled.clock.pass_s(15 * 86_400)
    enrolled.reconcile()
    enrolled.clock.pass_s(86_400)
    enrolled.reconcile()

    assert 5 <= ten_hours <= 12
    assert len(enrolled.bank.finds) - before == ten_hours


def test_only_what_is_unknown_is_decided(enrolled):
    """Neither an open nor a paid order, and a decision is taken once."""
    open_order = enrolled.order("o2", 300)
    assert decide(enrolled, open_order, paid=True).refusal == "nothing_unknown"

    order = unknown(enrolled)
    enrolled.clock.pass_s(60)
    decide(enrolled, order, paid=True)
    assert decide(enrolled, order, paid=False).refusal == "nothing_unknown"
    assert enrolled.state(order) is OrderState.PAID


@pytest.mark.parametrize("changes", [{"staff": ""}, {"staff": "Ann B"}, {"reason": "he said so"}])
def test_a_decision_needs_a_name_and_a_reason(enrolled, changes):
    """Words, never sentences."""
    order = unknown(enrolled)
    enrolled.clock.pass_s(60)
    with pytest.raises(BadInputError):
        decide(enrolled, order, paid=True, **changes)
    assert enrolled.state(order) is OrderState.UNKNOWN
