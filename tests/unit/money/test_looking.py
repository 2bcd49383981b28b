"""Search, totals and open items: what a person finds is what the journal's lines say."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import OrderId, reference_of
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.link.back_office import CloseRefund, RefundOrder
from kiosk.link.protocol import AbortOrder, CloseElsewhere
from kiosk.money.banks.port import RefundMode
from kiosk.money.open_items import OpenKind, open_items
from kiosk.money.search import FOUND_MAX, Query, find_payments
from kiosk.money.totals import Period, Sum, day_period, totals_of
from tests.fakes.bank import Fault
from tests.fakes.money_room import TILL, MoneyRoom


@pytest.fixture
def day(enrolled) -> MoneyRoom:
    """Two days with every state, refunds of both ends, and something open."""
    enrolled.with_capabilities(refund=RefundMode.MANUAL)
    room = enrolled
    room.pay(room.order("o1", 1_250))
    room.ask(RefundOrder("r1", OrderId("o1"), "ann", "cold", Money(250)), TILL)
    room.ask(CloseRefund(1, done=True, staff="ann"), TILL)
    room.clock.pass_s(86_400)
    room.pay(room.order("o2", 300))
    room.ask(RefundOrder("r2", OrderId("o2"), "ann", "cold", Money(100)), TILL)
    room.order("o3", 400)
    room.ask(AbortOrder(room.order("o4", 500), "till"), TILL)
    room.ask(CloseElsewhere(room.order("o5", 600), "ann"), TILL)
    room.bank.faults, room.bank.reachable = [Fault.NO_ANSWER] * 6, False
    room.pay(room.order("o6", 700))
    return room


def found(room, **asked):
    return [it.order_id for it in find_payments(room.book, Query(**asked))]


def test_found_by_order_reference_amount_or_time(day):
    """Newest first; every condition alone and together."""
    start = datetime(2026, 11, 23, 12, tzinfo=UTC)
    reference = reference_of(day.book.orders[OrderId("o2")].keys[0])
    refund = day.book.refunds.entries[1].reference

    assert found(day) == ["o6", "o5", "o4", "o3", "o2", "o1"]
    assert found(day, order_id="o4") == ["o4"]
    assert found(day, reference=f" {reference.lower()} ") == ["o2"]
    assert found(day, reference=refund) == ["o1"]
    assert found(day, amount=Money(500)) == ["o4"]
    assert found(day, until=start + timedelta(hours=1)) == ["o1"]
    assert found(day, since=start + timedelta(hours=1), amount=Money(1_250)) == []
    assert found(day, limit=2) == ["o6", "o5"]
    assert found(day, order_id="nobody") == found(day, reference="A" * 18) == []


def test_what_is_found_tells_what_is_left(day):
    """Refunds and what could still go back, per order."""
    (first,) = find_payments(day.book, Query(order_id="o1"))

    assert (first.state, first.refundable, first.due_back) == (OrderState.PAID, 1_000, 0)
    assert [it.amount for it in first.refunds] == [Money(250)]


@pytest.mark.parametrize("limit", [0, FOUND_MAX + 1])
def test_a_search_is_bounded(limit):
    """Nobody gets everything."""
    with pytest.raises(BadInputError):
        Query(limit=limit)


def test_totals_equal_a_count_of_the_journals_own_lines(day):
    """An independent count over the raw lines, by day and in all."""
    records = [json.loads(line.split(b" ", 4)[4]) for line in day.disk.durable.splitlines()][1:]
    for first, last in (("2026-11-23", "2026-11-24"), ("2026-11-24", "2026-11-25")):
        opened = [
            it["order"]["amount"]["minor_units"]
            for it in records
            if it["kind"] == "order_opened" and first <= it["at"] < last
        ]
        amounts = {
            it["key"]: it["amount"]["minor_units"] for it in records if it["kind"] == "intent"
        }
        received = [
            amounts[it["key"]]
            for it in records
            if it["kind"] == "result" and it["end"] == "settled" and first <= it["at"] < last
        ]
        period = Period(*(datetime.fromisoformat(f"{it}T00:00+00:00") for it in (first, last)))
        totals = totals_of(day.book, period, "GBP")

        assert sum(it.count for it in totals.orders.values()) == len(opened)
        assert sum(it.minor_units for it in totals.orders.values()) == sum(opened)
        assert totals.received == Sum(len(received), sum(received))


def test_totals_of_a_shift(day):
    """By state, with refunds and everything that is open."""
    start = datetime(2026, 11, 24, 0, tzinfo=UTC)
    totals = totals_of(day.book, Period(start, start + timedelta(days=1)), "GBP")

    assert totals.orders == {
        OrderState.OPEN: Sum(1, 400), OrderState.IN_FLIGHT: Sum(0, 0), OrderState.PAID: Sum(1, 300),
        OrderState.UNKNOWN: Sum(1, 700), OrderState.CANCELLED: Sum(1, 500),
        OrderState.PAID_ELSEWHERE: Sum(1, 600),
    }  # fmt: skip
    assert (totals.received, totals.refunded, totals.refunds_open) == (
        Sum(1, 300), Sum(0, 0), Sum(1, 100)
    )  # fmt: skip
    assert totals.net == 300
    assert {it.kind for it in totals.open} == {OpenKind.REFUND_TASK, OpenKind.UNKNOWN}
    with pytest.raises(BadInputError):
        Period(start, start)


def test_totals_survive_a_restart(day):
    """A replay adds up to the same."""
    period = Period(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    before = totals_of(day.book, period, "GBP")
    day.restart(recover=False)

    assert totals_of(day.book, period, "GBP") == before


def test_every_open_item_says_what_to_do(day):
    """A word of the command line or a wait, with the item's own name in it."""
    for item in open_items(day.book):
        assert item.mend
        assert item.item in item.mend or item.reference in item.mend


def test_a_day_of_the_terminal_has_no_gap():
    """Also where the clocks change: one day's end is the next one's beginning."""
    day = date(2026, 3, 1)
    for _ in range(250):
        assert day_period(day).until == day_period(day + timedelta(days=1)).since
        day += timedelta(days=1)
