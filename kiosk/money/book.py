"""What the journal's records add up to: orders, attempts, mandates and PIN attempts.

`objection(book, record)` says why a record may not follow; `apply(book, record)` takes it in.
Both depend on nothing but their arguments, so the book of a running process and the book of the
next one, rebuilt by replay, are equal (tests/unit/money/test_book.py).
The book is changed in place because replaying a year must not copy it a million times; its entries
are frozen values.

Mandates, refunds and statements have books of their own in this one (mandate_book.py,
refund_book.py, statement_book.py).

Invariants: an order has at most one attempt without a final end; only a contradiction of what the
journal held for certain can make it two that settled; only the bank takes a settled attempt or a
refund back, and then somebody must decide; a revoked mandate stays revoked.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from kiosk.domain.ids import IdempotencyKey, OrderId, PayerAlias, PaymentRef, reference_of
from kiosk.domain.mandate import MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import Order, OrderState
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.refund import RefundState
from kiosk.money.mandate_book import MandateEntry, apply_mandate, mandate_objection
from kiosk.money.pin_counter import PinCounter
from kiosk.money.records import (
    AnyRecord,
    AttemptAccepted,
    ConflictClosed,
    IntentStored,
    OfMandate,
    OrderAborted,
    OrderClosedElsewhere,
    OrderOpened,
    OrderSeen,
    PinAttempted,
    PinSet,
    PinVerified,
    RefundEnded,
    RefundOpened,
    RefundReversed,
    ResultContradicted,
    ResultCorrected,
    ResultsMissing,
    ResultStored,
    SettlementReversed,
    StatementNoted,
    TailCut,
    TillAnswered,
    TillAsked,
    VaultSeen,
)
from kiosk.money.refund_book import (
    RefundBook,
    apply_ended,
    apply_opened,
    apply_reversed,
    ended_objection,
    opened_objection,
    reversed_objection,
)
from kiosk.money.statement_book import (
    StatementBook,
    apply_closed,
    apply_noted,
    closed_objection,
    noted_objection,
)
from kiosk.money.till_book import TillBook, apply_till, till_objection

REVERSED = "settlement_reversed"
"""Reason of an attempt, and of its order, whose settlement the bank took back."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One intent and what became of it. `end` is None while its result is not stored."""

    key: IdempotencyKey
    order_id: OrderId
    alias: PayerAlias
    amount: Money
    at: datetime
    end: AttemptEnd | None = None
    reason: str = ""
    payment_ref: PaymentRef | None = None
    ended_at: datetime | None = None
    """When its present end was stored."""
    on_screen: bool = False
    """It was authorised from the screen."""

    @property
    def is_reversed(self) -> bool:
        """Say whether the bank took back that it paid: only a decision ends that."""
        return self.end is AttemptEnd.UNKNOWN and self.reason == REVERSED

    @property
    def is_open(self) -> bool:
        """Say whether money may still move, or may have moved, without our knowing."""
        return self.end is None or not self.end.is_final

    @property
    def counts_as_spent(self) -> bool:
        """Say whether the amount counts against the limits: what may have moved counts too."""
        return self.is_open or self.end is AttemptEnd.SETTLED


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """One order and how far it has come."""

    order: Order
    opened_at: datetime
    state: OrderState = OrderState.OPEN
    reason: str = ""
    keys: tuple[IdempotencyKey, ...] = ()
    """Keys of its attempts, oldest first."""
    on_screen: bool = False
    """The last attempt was authorised from the screen, and nobody has acknowledged its end."""

    @property
    def needs_screen(self) -> bool:
        """Say whether the screen has to show it: to be paid, or to have its end seen."""
        if self.state is OrderState.OPEN:
            return True
        return self.on_screen and self.state in _ENDS_TO_SEE


_ENDS_TO_SEE = {OrderState.IN_FLIGHT, OrderState.PAID, OrderState.UNKNOWN}


@dataclass(slots=True)
class Book:
    """Everything that the records so far say."""

    orders: dict[OrderId, OrderEntry] = field(default_factory=dict)
    attempts: dict[IdempotencyKey, Attempt] = field(default_factory=dict)
    mandates: dict[PayerAlias, MandateEntry] = field(default_factory=dict)
    pins: dict[PayerAlias, PinCounter] = field(default_factory=dict)
    terminal_failures: deque[tuple[PayerAlias, datetime]] = field(default_factory=deque)
    """Attempts not followed by a success, oldest first; `pin_rules` bounds how many count."""
    open_keys: dict[IdempotencyKey, None] = field(default_factory=dict)
    """Keys of attempts that are open, oldest first (an ordered set)."""
    by_reference: dict[str, IdempotencyKey] = field(default_factory=dict)
    """Attempts by what events and statements call them (`reference_of`)."""
    sealed_requests: dict[IdempotencyKey, str] = field(default_factory=dict, repr=False)
    """Requests of attempts that the bank may not have and whose end is not stored: only these may
    ever be sent again."""
    last_at: str = ""
    """The latest time in any record: a clock that shows less has run backwards."""
    open_orders: int = 0
    for_screen: dict[OrderId, None] = field(default_factory=dict)
    """Orders that the screen has to show (an ordered set)."""
    till: TillBook = field(default_factory=TillBook)
    contradicted: dict[IdempotencyKey, None] = field(default_factory=dict)
    """Attempts that were said not to have paid, and did; nobody has looked yet (an ordered set)."""
    refunds: RefundBook = field(default_factory=RefundBook)
    statements: StatementBook = field(default_factory=StatementBook)
    vault: VaultSeen | None = None


_ENDS_WITHOUT_MONEY = {AttemptEnd.DECLINED, AttemptEnd.NOT_SENT, AttemptEnd.NEVER_ARRIVED}

TERMINAL_FAILURES_KEPT = 1_000
"""At most this many are remembered; the limit of an hour is far below."""


# One case a kind of record, all in one place, is easier to check than fourteen small functions.
def objection(book: Book, record: AnyRecord) -> str | None:  # noqa: PLR0911, PLR0912
    """Say why a record cannot follow what is in the book, or None if it can."""
    match record:
        case OrderOpened(order=order):
            return "the order exists" if order.order_id in book.orders else None
        case OrderAborted(order_id=order_id):
            return _order_objection(book, order_id, {OrderState.OPEN})
        case OrderClosedElsewhere(order_id=order_id):
            return _order_objection(book, order_id, {OrderState.OPEN, OrderState.UNKNOWN})
        case OrderSeen(order_id=order_id):
            seen = book.orders.get(order_id)
            return None if seen is not None and seen.on_screen else "there is nothing to be seen"
        case TillAsked() | TillAnswered():
            return till_objection(book.till, record)
        case IntentStored():
            return _intent_objection(book, record)
        case ResultStored(key=key):
            return _attempt_objection(book, key, expected=None)
        case ResultsMissing(keys=keys):
            found = [_attempt_objection(book, key, expected=None) for key in keys]
            return next((it for it in found if it is not None), None)
        case ResultCorrected(key=key, end=end):
            if not end.is_final:
                return "a correction must be final"
            return _attempt_objection(book, key, expected=AttemptEnd.UNKNOWN)
        case AttemptAccepted(key=key):
            attempt = book.attempts.get(key)
            fits = attempt is not None and attempt.is_open and attempt.payment_ref is None
            return None if fits else "the attempt is not waiting for an id"
        case SettlementReversed(key=key):
            return _attempt_objection(book, key, expected=AttemptEnd.SETTLED)
        case ResultContradicted(key=key):
            attempt = book.attempts.get(key)
            denied = attempt is not None and attempt.end in _ENDS_WITHOUT_MONEY
            return None if denied else "nothing was said that could be contradicted"
        case (
            RefundOpened() | RefundEnded() | RefundReversed() | StatementNoted() | ConflictClosed()
        ):
            return _back_office_objection(book, record)
        case OfMandate():
            return mandate_objection(book.mandates, record)
        case PinVerified(alias=alias):
            return None if alias in book.pins else "there is no attempt to be right"
        case PinAttempted() | TailCut() | VaultSeen():
            return None
        case _ as never:
            assert_never(never)


def apply(book: Book, record: AnyRecord) -> None:  # noqa: PLR0912
    """Take a record in. The caller has asked for objections."""
    book.last_at = max(book.last_at, record.at)
    match record:
        case OrderOpened(order=order):
            book.orders[order.order_id] = OrderEntry(order, record.time)
            book.open_orders += 1
            book.for_screen[order.order_id] = None
        case OrderAborted(order_id=order_id, reason=reason):
            _move(book, order_id, OrderState.CANCELLED, reason)
        case OrderClosedElsewhere(order_id=order_id):
            _move(book, order_id, OrderState.PAID_ELSEWHERE, "closed_by_staff")
        case OrderSeen(order_id=order_id):
            _put(book, replace(book.orders[order_id], on_screen=False))
        case TillAsked() | TillAnswered():
            apply_till(book.till, record)
        case IntentStored():
            _apply_intent(book, record)
        case ResultStored(key=key, end=end, reason=reason, payment_ref=payment_ref):
            _apply_end(book, record.time, key, end, reason, payment_ref)
        case ResultsMissing(keys=keys):
            for key in keys:
                _apply_end(book, record.time, key, AttemptEnd.UNKNOWN, "no_answer", None)
        case ResultCorrected(key=key, end=end, reason=reason, payment_ref=payment_ref):
            _apply_end(book, record.time, key, end, reason, payment_ref)
        case AttemptAccepted(key=key, payment_ref=payment_ref):
            book.attempts[key] = replace(book.attempts[key], payment_ref=payment_ref)
            book.sealed_requests.pop(key, None)
        case SettlementReversed(key=key):
            _apply_reversal(book, record)
        case ResultContradicted():
            _apply_contradiction(book, record)
        case (
            RefundOpened() | RefundEnded() | RefundReversed() | StatementNoted() | ConflictClosed()
        ):
            _apply_back_office(book, record)
        case OfMandate():
            apply_mandate(book.mandates, record)
            if isinstance(record, PinSet) and record.alias in book.pins:
                # Kept, not dropped: an attempt of the old PIN may be under way.
                book.pins[record.alias] = book.pins[record.alias].verified()
        case PinAttempted(alias=alias):
            book.pins[alias] = book.pins.get(alias, PinCounter()).attempted(record.time)
            book.terminal_failures.append((alias, record.time))
            if len(book.terminal_failures) > TERMINAL_FAILURES_KEPT:
                book.terminal_failures.popleft()
        case PinVerified(alias=alias):
            book.pins[alias] = book.pins[alias].verified()
            _forgive_last(book.terminal_failures, alias)
        case VaultSeen():
            book.vault = record
        case TailCut():
            pass
        case _ as never:
            assert_never(never)


def _order_objection(book: Book, order_id: OrderId, allowed: set[OrderState]) -> str | None:
    entry = book.orders.get(order_id)
    if entry is None:
        return "there is no such order"
    return None if entry.state in allowed else f"the order is {entry.state.value}"


def _intent_objection(book: Book, record: IntentStored) -> str | None:
    if record.key in book.attempts:
        return "the key was used"
    mandate = book.mandates.get(record.alias)
    if mandate is None or mandate.state is not MandateState.ACTIVE:
        return "there is no active mandate"
    found = _order_objection(book, record.order_id, {OrderState.OPEN})
    if found is None and book.orders[record.order_id].order.amount != record.amount:
        return "the amount is not the order's"
    return found


def _attempt_objection(book: Book, key: IdempotencyKey, expected: AttemptEnd | None) -> str | None:
    attempt = book.attempts.get(key)
    if attempt is None:
        return "there is no such attempt"
    return None if attempt.end is expected else "the attempt has another end"


_BackOffice = RefundOpened | RefundEnded | RefundReversed | StatementNoted | ConflictClosed


def _back_office_objection(book: Book, record: _BackOffice) -> str | None:
    match record:
        case RefundOpened(key=key):
            attempt = book.attempts.get(key)
            if attempt is None or attempt.order_id != record.order_id:
                return "there is no such attempt"
            return opened_objection(book.refunds, record, _taken(attempt))
        case RefundEnded(number=number):
            refund = book.refunds.entries.get(number)
            attempt = None if refund is None else book.attempts[refund.key]
            return ended_objection(book.refunds, record, _taken(attempt))
        case RefundReversed():
            return reversed_objection(book.refunds, record)
        case StatementNoted():
            return noted_objection(book.statements, record)
        case ConflictClosed(item=item):
            if any(item == reference_of(key) for key in book.contradicted):
                return None
            return closed_objection(book.statements, record)


def _taken(attempt: Attempt | None) -> Money | None:
    return attempt.amount if attempt is not None and attempt.end is AttemptEnd.SETTLED else None


def _apply_back_office(book: Book, record: _BackOffice) -> None:
    match record:
        case RefundOpened():
            apply_opened(book.refunds, record)
        case RefundEnded():
            apply_ended(book.refunds, record)
            _note_refunded(book, book.refunds.entries[record.number].order_id)
        case RefundReversed():
            apply_reversed(book.refunds, record)
            order_id = book.refunds.entries[record.number].order_id
            if book.orders[order_id].reason == "refunded":
                _move(book, order_id, book.orders[order_id].state, "refund_due")
        case StatementNoted():
            apply_noted(book.statements, record)
        case ConflictClosed(item=item):
            apply_closed(book.statements, record)
            for key in [it for it in book.contradicted if reference_of(it) == item]:
                del book.contradicted[key]


def _note_refunded(book: Book, order_id: OrderId) -> None:
    """Let an order say so once everything that was due back has gone back."""
    entry = book.orders[order_id]
    keys = [key for key in entry.keys if _is_settled(book, key)]
    gone = sum(
        refund.amount.minor_units
        for refund in book.refunds.of(keys)
        if refund.state is RefundState.DONE
    )
    if entry.reason == "refund_due" and gone == sum(
        book.attempts[key].amount.minor_units for key in keys
    ):
        _move(book, order_id, entry.state, "refunded")


def _apply_contradiction(book: Book, record: ResultContradicted) -> None:
    """Money came in after all: the order is paid by it, unless it has another end by now."""
    attempt = replace(
        book.attempts[record.key],
        end=AttemptEnd.SETTLED,
        reason="settled_after_not_paid",
        payment_ref=record.payment_ref or book.attempts[record.key].payment_ref,
        ended_at=record.time,
    )
    book.attempts[record.key] = attempt
    book.contradicted[record.key] = None
    match book.orders[attempt.order_id].state:
        case OrderState.OPEN:
            _move(book, attempt.order_id, OrderState.PAID, attempt.reason)
        case (OrderState.CANCELLED | OrderState.PAID_ELSEWHERE) as state:
            _move(book, attempt.order_id, state, "refund_due")
        case OrderState.PAID | OrderState.IN_FLIGHT | OrderState.UNKNOWN:
            # Paid by another attempt, or soon: see kiosk/money/open_items.py for what is due back.
            pass


def _apply_intent(book: Book, record: IntentStored) -> None:
    book.attempts[record.key] = Attempt(
        record.key,
        record.order_id,
        record.alias,
        record.amount,
        record.time,
        on_screen=record.on_screen,
    )
    book.open_keys[record.key] = None
    book.by_reference[reference_of(record.key)] = record.key
    book.sealed_requests[record.key] = record.sealed_request
    entry = book.orders[record.order_id]
    keys = (*entry.keys, record.key)
    book.orders[record.order_id] = replace(entry, keys=keys, on_screen=record.on_screen)
    _move(book, record.order_id, OrderState.IN_FLIGHT, "")
    mandate = book.mandates[record.alias]
    book.mandates[record.alias] = replace(mandate, keys=(*mandate.keys, record.key))


def _apply_end(
    book: Book,
    at: datetime,
    key: IdempotencyKey,
    end: AttemptEnd,
    reason: str,
    payment_ref: PaymentRef | None,
) -> None:
    before = book.attempts[key]
    attempt = replace(
        before, end=end, reason=reason, payment_ref=payment_ref or before.payment_ref, ended_at=at
    )
    book.attempts[key] = attempt
    book.sealed_requests.pop(key, None)
    if end.is_final:
        book.open_keys.pop(key, None)
    entry = book.orders[attempt.order_id]
    if before.end is not None and attempt.on_screen:
        # A correction is news also for who has seen that the end was unknown.
        entry = replace(entry, on_screen=True)
        book.orders[attempt.order_id] = entry
    if entry.state is OrderState.PAID_ELSEWHERE:
        if end is AttemptEnd.SETTLED:
            # Paid twice, once by other means: the payer's money must go back.
            _move(book, attempt.order_id, OrderState.PAID_ELSEWHERE, "refund_due")
        return
    state = _order_state(end)
    if state is OrderState.OPEN and any(_is_settled(book, it) for it in entry.keys):
        # An earlier attempt turned out to be paid while this one was on its way.
        state, reason = OrderState.PAID, "settled_after_not_paid"
    _move(book, attempt.order_id, state, reason)


def _apply_reversal(book: Book, record: SettlementReversed) -> None:
    """Take back that an attempt paid; its order waits for a decision, unless another one paid."""
    attempt = replace(
        book.attempts[record.key],
        end=AttemptEnd.UNKNOWN,
        reason=REVERSED,
        ended_at=record.time,
    )
    book.attempts[record.key] = attempt
    book.open_keys[record.key] = None
    book.contradicted.pop(record.key, None)
    entry = book.orders[attempt.order_id]
    if entry.state is OrderState.PAID and not any(_is_settled(book, it) for it in entry.keys):
        entry = replace(entry, on_screen=entry.on_screen or attempt.on_screen)
        book.orders[attempt.order_id] = entry
        _move(book, attempt.order_id, OrderState.UNKNOWN, REVERSED)
    elif entry.reason == "refund_due" and not any(_is_settled(book, it) for it in entry.keys):
        _move(book, attempt.order_id, entry.state, REVERSED)


def _is_settled(book: Book, key: IdempotencyKey) -> bool:
    return book.attempts[key].end is AttemptEnd.SETTLED


def _order_state(end: AttemptEnd) -> OrderState:
    match end:
        case AttemptEnd.SETTLED:
            return OrderState.PAID
        case AttemptEnd.UNKNOWN:
            return OrderState.UNKNOWN
        case AttemptEnd.DECLINED | AttemptEnd.NOT_SENT | AttemptEnd.NEVER_ARRIVED:
            return OrderState.OPEN


def _move(book: Book, order_id: OrderId, state: OrderState, reason: str) -> None:
    entry = book.orders[order_id]
    book.open_orders += (state is OrderState.OPEN) - (entry.state is OrderState.OPEN)
    _put(book, replace(entry, state=state, reason=reason))


def _put(book: Book, entry: OrderEntry) -> None:
    order_id = entry.order.order_id
    book.orders[order_id] = entry
    if entry.needs_screen:
        book.for_screen[order_id] = None
    else:
        book.for_screen.pop(order_id, None)


def _forgive_last(failures: deque[tuple[PayerAlias, datetime]], alias: PayerAlias) -> None:
    for index in range(len(failures) - 1, -1, -1):
        if failures[index][0] == alias:
            del failures[index]
            return
