"""What a statement does: it corrects, closes, agrees or is listed; it never denies a payment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import OrderId, reference_of
from kiosk.domain.money import Money
from kiosk.domain.order import OrderState
from kiosk.domain.refund import LineFate, RefundState
from kiosk.link.back_office import CloseConflict, RefundOrder, StatementLine, TakeStatement
from kiosk.link.protocol import CloseElsewhere
from kiosk.money.banks.port import RefundMode
from kiosk.money.open_items import OpenKind, open_items
from kiosk.money.statements.matching import reduce_lines, references_in, references_of
from kiosk.money.statements.reading import read_statement
from tests.fakes.bank import Fault
from tests.fakes.money_room import TILL, MoneyRoom
from tests.fakes.statement import Booked, as_camt, as_csv


@pytest.fixture
def room(enrolled) -> MoneyRoom:
    enrolled.with_capabilities(refund=RefundMode.MANUAL)
    return enrolled


def unknown_order(room, name="o1", minor_units=1_250) -> OrderId:
    """An order whose money moved without an answer, at a bank that cannot be asked."""
    room.bank.faults, room.bank.reachable = [Fault.NO_ANSWER] * 6, False
    order = room.order(name, minor_units)
    room.pay(order)
    return order


def reference(room, name="o1") -> str:
    return reference_of(room.book.orders[OrderId(name)].keys[-1])


def take(room, *lines, write=as_csv):
    raw = read_statement(write(*lines), "GBP")
    reduced = reduce_lines(raw, references_of(room.book))
    ask = TakeStatement("0" * 64, "ann", reduced.lines)
    return list(room.ask(ask, TILL).fates)


def kinds(room):
    return [item.kind for item in open_items(room.book)]


@pytest.mark.parametrize("write", [as_csv, as_camt])
@pytest.mark.parametrize("around", ["{}", "SMILE {} THANK YOU", "/ROC/{}//REF", "x{}y"])
def test_an_unknown_payment_that_the_statement_has_is_paid(room, write, around):
    """Found in any longer text, by reference and sum; journalled as a correction by statement."""
    order = unknown_order(room)
    line = Booked(around.format(reference(room)), 1_250)

    assert take(room, line, write=write) == [LineFate.SETTLED]
    assert room.state(order) is OrderState.PAID
    assert kinds(room) == []
    assert b'"by":"statement"' in room.disk.durable


def test_a_reference_that_the_bank_broke_in_two_is_found(room):
    """Texts of 35 characters a line: blanks may stand anywhere."""
    unknown_order(room)
    text = reference(room)

    assert take(room, Booked(f"{text[:7]} {text[7:].lower()}", 1_250)) == [LineFate.SETTLED]


def test_the_same_statement_again_changes_nothing(room):
    """In the other format too, after a restart too; not one record is written."""
    unknown_order(room)
    room.pay(room.order("o2", 300))
    lines = [Booked(reference(room), 1_250), Booked(f"a {reference(room, 'o2')} b", 300)]
    assert take(room, *lines) == [LineFate.SETTLED, LineFate.AGREES]
    room.restart()
    before = room.service._ledger.records

    for write in (as_csv, as_camt):
        assert take(room, *lines, write=write) == [LineFate.KNOWN_LINE] * 2
    assert room.service._ledger.records == before


@pytest.mark.parametrize(
    "line", [Booked("", 1_249), Booked("", 1_251), Booked("", 1_250, currency="EUR")]
)
def test_another_sum_is_a_conflict_and_changes_nothing(room, line):
    """One penny or another currency: listed until somebody has looked."""
    order = unknown_order(room)
    text = reference(room)
    found = Booked(text, line.minor_units, line.currency)

    assert take(room, found) == [LineFate.AMOUNT_DIFFERS]
    assert room.state(order) is OrderState.UNKNOWN
    assert kinds(room) == [OpenKind.UNKNOWN, OpenKind.CONFLICT]
    conflict = open_items(room.book)[1]
    room.ask(CloseConflict(conflict.item, "ann", "looked"), TILL)
    assert kinds(room) == [OpenKind.UNKNOWN]
    with pytest.raises(BadInputError, match="conflict"):
        room.ask(CloseConflict(conflict.item, "ann", "looked"), TILL)


def test_nothing_in_a_statement_denies_a_payment(room):
    """Absent, foreign or outgoing lines leave an unknown payment unknown."""
    order = unknown_order(room)
    text = reference(room)

    assert take(room, Booked("RENT", 1_250)) == []
    assert take(room, Booked(text, -1_250)) == [LineFate.UNEXPECTED]
    reversed_ = Booked(text, -1_250, is_reversal=True)
    assert take(room, reversed_, write=as_camt) == [LineFate.UNEXPECTED]
    assert room.state(order) is OrderState.UNKNOWN


def test_a_line_of_several_payments_is_ambiguous(room):
    """A batch without shares cannot be taken apart."""
    unknown_order(room)
    unknown_order(room, "o2", 300)
    both = f"{reference(room)} {reference(room, 'o2')}"

    assert take(room, Booked(both, 1_550)) == [LineFate.AMBIGUOUS]
    assert kinds(room).count(OpenKind.CONFLICT) == 1


def test_money_that_came_twice_is_a_conflict(room):
    """In one statement or in the next: one line answers for a payment, the second is listed."""
    room.pay(room.order("o1", 1_250))
    line = Booked(reference(room), 1_250)
    tomorrow = Booked(reference(room), 1_250, date="2026-11-24")

    assert take(room, line, line) == [LineFate.AGREES, LineFate.TWICE]
    assert take(room, line, line, tomorrow) == [
        LineFate.KNOWN_LINE, LineFate.KNOWN_LINE, LineFate.TWICE
    ]  # fmt: skip
    assert kinds(room) == [OpenKind.CONFLICT] * 2


def test_a_declined_payment_that_came_in_pays_the_open_order(room):
    """The bank contradicts itself: the order is paid, cannot be paid again, and is listed."""
    room.bank.faults = [Fault.DECLINE]
    order = room.order("o1", 1_250)
    room.pay(order)
    assert room.state(order) is OrderState.OPEN

    assert take(room, Booked(reference(room), 1_250)) == [LineFate.NOT_PAID_HERE]
    assert room.state(order) is OrderState.PAID
    (item,) = open_items(room.book)
    assert item.kind is OpenKind.LATE_SETTLEMENT
    room.ask(CloseConflict(item.item, "ann", "kept"), TILL)
    assert kinds(room) == []


def test_a_declined_payment_that_came_in_too_late_is_due_back(room):
    """Paid by another attempt since: the first one's money is the payer's."""
    room.bank.faults = [Fault.DECLINE]
    order = room.order("o1", 1_250)
    room.pay(order)
    first = reference(room)
    room.pay(order)
    assert room.state(order) is OrderState.PAID

    assert take(room, Booked(first, 1_250)) == [LineFate.NOT_PAID_HERE]
    (item,) = open_items(room.book)
    assert (item.kind, item.amount) == (OpenKind.REFUND_DUE, Money(1_250))
    told = room.ask(RefundOrder("r1", order, "ann", "twice"), TILL).refund
    assert told.amount == Money(1_250)
    assert [it.kind for it in open_items(room.book)] == [OpenKind.REFUND_TASK]


def test_closed_elsewhere_and_on_the_statement_is_due_back(room):
    """The till was paid in cash, and the bank's money came after all."""
    order = unknown_order(room)
    room.ask(CloseElsewhere(order, "ann"), TILL)

    assert take(room, Booked(reference(room), 1_250)) == [LineFate.SETTLED]
    assert room.state(order) is OrderState.PAID_ELSEWHERE
    assert kinds(room) == [OpenKind.REFUND_DUE]


def test_an_outgoing_transfer_closes_its_task(room):
    """By the refund's own reference and sum; any other line of it is listed."""
    order = room.order("o1", 1_250)
    room.pay(order)
    told = room.ask(RefundOrder("r1", order, "ann", "cold", Money(500)), TILL).refund

    assert take(room, Booked(told.reference, 500)) == [LineFate.UNEXPECTED]
    assert take(room, Booked(told.reference, -400)) == [LineFate.AMOUNT_DIFFERS]
    assert take(room, Booked(f"BACK {told.reference}", -500)) == [LineFate.REFUND_DONE]
    entry = room.book.refunds.entries[1]
    assert (entry.state, entry.by.value) == (RefundState.DONE, "statement")
    again = Booked(told.reference, -500, date="2026-11-25")
    assert take(room, again) == [LineFate.TWICE]


def test_a_crash_between_correction_and_note_is_harmless(room):
    """The same import afterwards finds the payment paid, and agrees."""
    order = unknown_order(room)
    room.disk.fail_append = []
    ledger = room.service._ledger
    lines = reduce_lines(
        read_statement(as_csv(Booked(reference(room), 1_250)), "GBP"), references_of(room.book)
    ).lines
    stored = ledger.append

    def fail_at_note(record):
        if type(record).__name__ == "StatementNoted":
            message = "the machine is off"
            raise KeyboardInterrupt(message)
        stored(record)

    ledger.append = fail_at_note
    with pytest.raises(KeyboardInterrupt):
        room.ask(TakeStatement("0" * 64, "ann", lines), TILL)
    room.restart()

    assert room.state(order) is OrderState.PAID
    assert room.ask(TakeStatement("0" * 64, "ann", lines), TILL).fates == (LineFate.AGREES,)


def test_no_text_of_a_line_goes_on(room):
    """The name on a transfer stays in the file: not in the message, not in the journal."""
    room.pay(room.order("o1", 1_250))
    line = Booked(f"MRS JANE DOE {reference(room)}", 1_250)
    reduced = reduce_lines(read_statement(as_csv(line), "GBP"), references_of(room.book))
    take(room, line)

    assert "JANE" not in repr(reduced)
    assert b"JANE" not in room.disk.durable


@pytest.mark.parametrize(
    "changes",
    [
        {"line": "short"}, {"references": ()}, {"references": ("lower" * 3 + "abc",)},
        {"references": ("A" * 18,) * 33},
    ],
)  # fmt: skip
def test_only_what_the_reading_made_is_taken(room, changes):
    """The journal takes digests and references, never free text."""
    plain = {
        "line": "0" * 32, "references": ("A" * 18,), "is_credit": True, "amount": Money(1)
    }  # fmt: skip
    line = StatementLine(**(plain | changes))
    with pytest.raises(BadInputError):
        room.ask(TakeStatement("0" * 64, "ann", (line,)), TILL)


@given(st.text(max_size=100), st.text(max_size=100))
def test_a_reference_is_found_wherever_it_stands(before, after):
    """Whatever is around it, and nothing that is not known is ever found."""
    known = {"QWERTYUIOPASDFGHJK"}

    assert references_in(f"{before} QWERTYUIOPASDFGHJK {after}", known) == tuple(known)
    assert references_in(before + after, {"A" * 18} - {before + after}) in {(), ("A" * 18,)}
