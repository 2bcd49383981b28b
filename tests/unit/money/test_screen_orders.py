"""What money tells the screen: which order to show, and which end nobody has seen yet."""

from __future__ import annotations

import threading

import pytest

from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import OrderId
from kiosk.domain.order import OrderState, Outcome
from kiosk.link.protocol import (
    AbortOrder,
    AcknowledgeOrder,
    CloseElsewhere,
    Done,
    NextOrder,
    OrderOffer,
)
from kiosk.money.book import OrderEntry
from kiosk.money.records import IntentStored, OrderSeen, decode_record, encode_record
from tests.fakes.bank import Fault
from tests.fakes.money_room import TILL, MoneyRoom


def shown(room: MoneyRoom) -> str | None:
    answer = room.ask(NextOrder(0))
    if isinstance(answer, Done):
        return None
    assert isinstance(answer, OrderOffer)
    return answer.order.order_id


def test_without_an_order_there_is_nothing_to_show(room):
    """The long poll ends with `Done`."""
    assert room.ask(NextOrder(0)) == Done()


def test_the_oldest_open_order_is_offered_with_a_nonce(room):
    """Orders come one after another, each ready to be paid."""
    room.order("o1")
    room.order("o2")

    offer = room.ask(NextOrder(0))

    assert (offer.order.order_id, offer.state) == ("o1", OrderState.OPEN)
    assert offer.nonce is not None


def test_a_waiting_screen_is_woken_by_an_order(room):
    """The answer comes with the order and not at the end of the wait."""
    answers: list[str | None] = []
    waiting = threading.Thread(
        target=lambda: answers.append(getattr(room.ask(NextOrder(60_000)), "order", None))
    )
    waiting.start()
    room.order("o1")
    waiting.join(5)

    assert [order.order_id for order in answers] == ["o1"]


def test_an_end_on_the_screen_stays_until_somebody_has_seen_it(room):
    """PAID is shown again after both processes were restarted, before any open order."""
    room.enrol()
    paid = room.order("o2")
    assert room.pay(paid, on_screen=True).outcome is Outcome.PAID
    room.order("o1")
    room.restart()

    assert room.ask(NextOrder(0)).state is OrderState.PAID
    assert room.ask(AcknowledgeOrder(paid)) == Done()
    assert shown(room) == "o1"
    room.restart()
    assert shown(room) == "o1"


def test_an_unknown_end_stays_until_seen_and_its_late_news_until_seen_again(room):
    """Who saw "unknown" has to see what it turned out to be."""
    room.enrol()
    order = room.order("o1")
    room.bank.faults, room.bank.reachable = [Fault.NO_ANSWER] * 6, False
    assert room.pay(order, on_screen=True).outcome is Outcome.UNKNOWN
    assert room.ask(NextOrder(0)).state is OrderState.UNKNOWN
    room.ask(AcknowledgeOrder(order))
    room.bank.reachable = True
    room.clock.pass_s(60)
    room.reconcile()

    assert room.ask(NextOrder(0)).state is OrderState.PAID
    room.ask(AcknowledgeOrder(order))
    assert shown(room) is None


def test_a_payment_without_a_screen_leaves_nothing_to_see(room):
    """Only what was authorised from the screen waits for a glance."""
    room.enrol()
    room.pay(room.order("o1"))

    assert shown(room) is None


def test_an_order_that_was_taken_back_or_closed_is_not_shown(room):
    """The screen may give an order back, and staff may close it there."""
    room.order("o1")
    room.order("o2")
    room.ask(AbortOrder(OrderId("o1"), "customer_cancelled"))
    room.ask(CloseElsewhere(OrderId("o2"), "anna"))

    assert shown(room) is None


def test_acknowledging_twice_or_too_early_writes_nothing(room):
    """An open order has no end to be seen; a seen one is seen."""
    room.enrol()
    order = room.order("o1")
    room.ask(AcknowledgeOrder(order))
    room.pay(order, on_screen=True)
    room.ask(AcknowledgeOrder(order))
    records = room.service._ledger.records
    room.ask(AcknowledgeOrder(order))

    assert room.service._ledger.records == records


def test_only_the_screen_may_ask(room):
    """A till neither takes the screen's orders nor says that somebody saw them."""
    for message in (NextOrder(0), AcknowledgeOrder(OrderId("o1"))):
        with pytest.raises(SmileTillError, match="may not ask"):
            room.ask(message, TILL)


def test_the_index_is_what_the_entries_say(room):
    """The set of orders for the screen is nothing but a short cut, also after a replay."""
    room.enrol()
    for name, on_screen in (("o1", True), ("o2", False), ("o3", True)):
        room.pay(room.order(name), on_screen=on_screen)
    room.order("o4")
    room.ask(AcknowledgeOrder(OrderId("o1")))
    for _ in range(2):
        entries: list[OrderEntry] = list(room.book.orders.values())
        wanted = {entry.order.order_id for entry in entries if entry.needs_screen}
        assert set(room.book.for_screen) == wanted == {"o3", "o4"}
        room.restart()


def test_the_new_record_and_the_new_field_are_written_as_they_are_read():
    """`order_seen`, and an intent with the mark; without the mark the bytes are the old ones."""
    seen = b'{"kind":"order_seen","at":"2026-11-23T12:00:00.000000Z","order_id":"o1"}'
    record = decode_record(seen)
    assert isinstance(record, OrderSeen)
    assert encode_record(record) == seen
    old = (
        b'{"kind":"intent","at":"2026-11-23T12:00:00.000000Z","key":"k","order_id":"o1",'
        b'"alias":"a","amount":{"minor_units":1,"currency":"GBP"},"basis":"face",'
        b'"consent":"tap","pin_verified":false,"sealed_request":"s"}'
    )
    intent = decode_record(old)
    assert isinstance(intent, IntentStored)
    assert not intent.on_screen
    assert encode_record(intent) == old
    marked = decode_record(old[:-1] + b',"on_screen":true}')
    assert isinstance(marked, IntentStored)
    assert marked.on_screen
