"""The till's side: one id is one order, what is on its way is not taken back, lists have bounds."""

from dataclasses import replace

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.domain.money import Money
from kiosk.domain.order import LINES_MAX, OrderLine, OrderState, Outcome
from kiosk.link.protocol import (
    LINE_BYTES_MAX,
    AbortOrder,
    CloseElsewhere,
    Frame,
    GetOrderStatus,
    ListOrders,
    OpenOrder,
    encode_frame,
)
from tests.fakes.money_room import TILL


def test_an_order_is_what_was_sent_with_the_terminals_payee(room):
    """Amount and lines from the till, the payee from the settings, never from outside."""
    lines = (OrderLine("Soup", Money(500)), OrderLine("Bread, warm", Money(750)))
    status = room.ask(OpenOrder("o1", Money(1_250), lines), TILL)

    assert (status.state, status.attempts, status.reason) == (OrderState.OPEN, 0, "")
    assert status.order.lines == lines
    assert status.order.payee == room.config.payee
    room.restart()
    assert room.status("o1") == status


def test_the_same_id_and_amount_is_the_same_order(enrolled):
    """Also when it is paid, also after a restart; another amount is an error."""
    order = enrolled.order("o1", 1_250)
    enrolled.pay(order)
    enrolled.restart()

    again = enrolled.ask(OpenOrder("o1", Money(1_250)), TILL)
    assert again.state is OrderState.PAID
    with pytest.raises(BadInputError) as error:
        enrolled.ask(OpenOrder("o1", Money(1_251)), TILL)
    assert error.value.code == "order_amount_differs"


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (OpenOrder("", Money(100)), "order_id_bad"),
        (OpenOrder("a b", Money(100)), "order_id_bad"),
        (OpenOrder("x" * 36, Money(100)), "order_id_bad"),
        (OpenOrder("o1", Money(0)), "amount_out_of_range"),
        (OpenOrder("o1", Money(100_001)), "amount_out_of_range"),
        (OpenOrder("o1", Money(100, "EUR")), "currency_differs"),
        (OpenOrder("o1", Money(100), (OrderLine("x", Money(1)),) * (LINES_MAX + 1)), "lines_bad"),
        (OpenOrder("o1", Money(100), (OrderLine("", Money(1)),)), "lines_bad"),
        (OpenOrder("o1", Money(100), (OrderLine("x" * 201, Money(1)),)), "lines_bad"),
        (OpenOrder("o1", Money(100), (OrderLine("a\nb", Money(1)),)), "lines_bad"),
        (OpenOrder("o1", Money(100), (OrderLine("a", Money(1, "EUR")),)), "lines_bad"),
    ],
)
def test_what_is_no_order_is_bad_input(room, ask, code):
    """Nothing of it is journalled."""
    before = room.disk.durable
    with pytest.raises(BadInputError) as error:
        room.ask(ask, TILL)

    assert error.value.code == code
    assert room.disk.durable == before


def test_the_largest_order_fits_into_a_record_and_a_frame(room):
    """100 lines of 200 of the longest printable characters."""
    lines = (OrderLine("\U0001f370" * 200, Money(1)),) * LINES_MAX
    status = room.ask(OpenOrder("o" * 35, Money(100_000), lines), TILL)

    assert len(encode_frame(Frame(1, status))) < LINE_BYTES_MAX


def test_an_open_order_can_be_taken_back_and_its_offer_dies(enrolled):
    """Guaranteed without a debit."""
    order = enrolled.order()
    request = enrolled.request(order)
    status = enrolled.ask(AbortOrder(order, "till_aborted"), TILL)

    assert (status.state, status.reason) == (OrderState.CANCELLED, "till_aborted")
    assert enrolled.ask(request).reason == "order_cancelled"
    assert enrolled.offer(order).nonce is None
    assert enrolled.bank.sends == []


@pytest.mark.parametrize("ask", [AbortOrder("o1", "x"), CloseElsewhere("o1", "s7")])
def test_a_paid_order_stays_paid(enrolled, ask):
    """Taking back and closing answer with the order as it is."""
    enrolled.pay(enrolled.order("o1"))

    assert enrolled.ask(ask, TILL).state is OrderState.PAID


def test_closed_elsewhere_ends_the_order(enrolled):
    """Cash: the smile can no longer pay it."""
    order = enrolled.order()
    request = enrolled.request(order)
    status = enrolled.ask(CloseElsewhere(order, "staff-7"), TILL)

    assert (status.state, status.reason) == (OrderState.PAID_ELSEWHERE, "closed_by_staff")
    assert enrolled.ask(request).outcome is Outcome.NOT_PAID
    assert enrolled.bank.sends == []


@pytest.mark.parametrize(
    "ask", [AbortOrder("o1", "because Ann Smith left"), CloseElsewhere("o1", "Ann Smith")]
)
def test_free_text_never_reaches_the_journal(enrolled, ask):
    """It could hold a name: reasons and staff are words."""
    enrolled.order("o1")
    with pytest.raises(BadInputError) as error:
        enrolled.ask(ask, TILL)

    assert error.value.code == "word_bad"
    assert "Ann" not in str(error.value)


@pytest.mark.parametrize(
    "ask", [AbortOrder("o1", "x"), CloseElsewhere("o1", "s7"), GetOrderStatus("o1")]
)
def test_an_unknown_order_is_bad_input(room, ask):
    """The till hears that the journal knows no such id."""
    with pytest.raises(BadInputError) as error:
        room.ask(ask, TILL)

    assert error.value.code == "order_unknown"


def test_lists_are_oldest_first_and_can_leave_the_finished_out(enrolled):
    """What is open or unknown is what staff must look at."""
    for number in range(4):
        enrolled.order(f"o{number}")
    enrolled.pay("o1")
    enrolled.ask(AbortOrder("o2", "till"), TILL)

    everything = enrolled.ask(ListOrders(), TILL).orders
    waiting = enrolled.ask(ListOrders(only_open=True), TILL).orders

    assert [it.order.order_id for it in everything] == ["o0", "o1", "o2", "o3"]
    assert [it.order.order_id for it in waiting] == ["o0", "o3"]


def test_a_long_list_is_the_newest_that_fit_one_frame(room):
    """Bounded, and never an overlong frame."""
    for number in range(400):
        room.order(f"{number:035}", 100_000)
    orders = room.ask(ListOrders(), TILL)

    assert len(encode_frame(Frame(1, orders))) < LINE_BYTES_MAX
    assert orders.orders[-1].order.order_id == f"{399:035}"
    assert len(orders.orders) >= 200


def test_open_orders_have_a_bound(room):
    """A till that has lost its way is told so; finishing one makes room."""
    room.config = replace(room.config, open_orders_max=2)
    room.restart()
    room.order("o1")
    room.order("o2")
    with pytest.raises(BadInputError) as error:
        room.order("o3")
    assert error.value.code == "too_many_open_orders"
    room.order("o1")
    room.ask(AbortOrder("o1", "till"), TILL)

    assert room.order("o3") == "o3"
