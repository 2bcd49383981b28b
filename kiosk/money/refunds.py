"""Gives money back: by the bank where it takes refund requests, else as a task for staff.

A refund is journalled, with its exact request sealed under the payer's mandate, before its first
byte leaves. It is sent once, by the process that opened it; what became of an unclear one is looked
up and never sent again. Where the person was erased there is no key to seal under and nothing
personal to look up, so the refund is a task: a transfer that shows the refund's own reference.

Invariants: what goes back never exceeds what was paid, because check and record happen under the
ledger's lock and open refunds count; one request id is one refund with one answer.
Who may refund is not decided here (the till's interface and the command line ask for a code).
"""

from __future__ import annotations

import logging
import re
from typing import assert_never

import msgspec

from kiosk.domain.errors import BadInputError, SmileTillError
from kiosk.domain.ids import IdempotencyKey, reference_of
from kiosk.domain.money import Money
from kiosk.domain.refund import RefundState, RefundWay, Witness
from kiosk.link.back_office import (
    CloseRefund,
    ListRefunds,
    Refund,
    RefundAnswer,
    RefundOrder,
    Refunds,
)
from kiosk.money.attempts import SealedRequest
from kiosk.money.banks.port import (
    Bank,
    BankAnswer,
    OutcomeKind,
    Prepared,
    RefundIntent,
    RefundMode,
    Sought,
)
from kiosk.money.book import Attempt, OrderEntry
from kiosk.money.clock import Clock
from kiosk.money.errors import JournalWriteError, KeyFileError, OrderUnknownError
from kiosk.money.keys import MandateKeys
from kiosk.money.ledger import Ledger
from kiosk.money.open_items import due_back, refundable, settled_keys
from kiosk.money.records import RefundEnded, RefundOpened, format_time
from kiosk.money.refund_book import RefundEntry
from kiosk.money.words import check_word

REFUNDS_IN_LIST_MAX = 500
LOOK_EVERY_MS = 5_000
LOOK_EVERY_MS_MAX = 600_000
"""Between two looks at a refund without an end: doubling from the first to the second."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)

logger = logging.getLogger(__name__)


class RefundDesk:
    """Opens, follows and closes refunds. Safe to use from several threads."""

    def __init__(self, ledger: Ledger, keys: MandateKeys, bank: Bank, clock: Clock) -> None:
        """Take what it works with; nothing is asked yet."""
        self._ledger = ledger
        self._keys = keys
        self._bank = bank
        self._clock = clock
        # Both guarded by the ledger's lock.
        self._flying: set[int] = set()
        self._looks: dict[int, _Look] = {}
        self._started_ms = clock.steady_ms()

    def refund(self, ask: RefundOrder) -> RefundAnswer:
        """Give money of an order back, or say why not.

        Refusals: `nothing_paid`, `nothing_left`, `above_paid`, `payment_unknown` (no payment of
        the order has that reference).

        Raises:
            OrderUnknownError: There is no such order.
            BadInputError: A word or the sum cannot be used, or the request id was used for
                another refund.
            JournalWriteError: Nothing has happened.
        """
        self._check(ask)
        with self._ledger.lock:
            known = self._ledger.book.refunds.by_request.get(ask.request_id)
            if known is not None:
                return self._again(ask, self._ledger.book.refunds.entries[known])
            chosen = self._choose(ask)
            if isinstance(chosen, RefundAnswer):
                return chosen
            attempt, amount = chosen
            record, prepared = self._opening(ask, attempt, amount)
            self._ledger.append(record)
            if prepared is None:
                return self._answer(record.number)
            self._flying.add(record.number)
        return self._send(record.number, prepared)

    def close(self, ask: CloseRefund) -> RefundAnswer:
        """Let staff say how an open refund ended; a closed one is returned as it is.

        One that came back counts as open: it is done if the money was given another way.

        Refusals: `refund_unknown`, `in_flight`, `bank_says_otherwise`, `ended_otherwise`,
        `above_paid` (it came back, and the money was refunded again meanwhile).

        Raises:
            BadInputError: The staff id is no word.
            JournalWriteError: The refund is as it was.
        """
        staff = check_word(ask.staff, "staff id")
        self._look_up(ask.number)
        state = RefundState.DONE if ask.done else RefundState.NOT_DONE
        with self._ledger.lock:
            entry = self._ledger.book.refunds.entries.get(ask.number)
            if entry is None:
                return RefundAnswer(None, "refund_unknown")
            if ask.number in self._flying:
                return self._answer(ask.number, "in_flight")
            came_back = ask.number in self._ledger.book.refunds.came_back
            if came_back and ask.done and self._is_given_again(entry):
                return self._answer(ask.number, "above_paid")
            if not entry.state.is_open and not came_back:
                by_bank = entry.by is Witness.BANK
                otherwise = "bank_says_otherwise" if by_bank else "ended_otherwise"
                return self._answer(ask.number, "" if entry.state is state else otherwise)
            reason = "transferred" if ask.done else "withdrawn"
            self._ledger.append(
                RefundEnded(
                    self._ledger.time(), ask.number, state, reason, Witness.STAFF, staff=staff
                )
            )
            return self._answer(ask.number)

    def listed(self, ask: ListRefunds) -> Refunds:
        """Return the refunds of an order, or all that are open: the newest, oldest first."""
        with self._ledger.lock:
            book = self._ledger.book
            if ask.order_id is None:
                found = [book.refunds.entries[number] for number in book.refunds.open]
            else:
                entry = book.orders.get(ask.order_id)
                if entry is None:
                    raise OrderUnknownError
                found = book.refunds.of(entry.keys)
        return Refunds(tuple(_told(it) for it in found[-REFUNDS_IN_LIST_MAX:]))

    def look(self) -> None:
        """Look up every refund without an end that is due; what goes wrong is logged."""
        with self._ledger.lock:
            numbers = list(self._ledger.book.refunds.open)
        for number in numbers:
            try:
                self._look_up(number, only_due=True)
            except SmileTillError as error:
                logger.warning("a refund cannot be looked up: %s", error.code)

    # --- opening ------------------------------------------------------------------------------

    @staticmethod
    def _check(ask: RefundOrder) -> None:
        check_word(ask.staff, "staff id")
        check_word(ask.reason, "reason")
        if not _REQUEST_ID.fullmatch(ask.request_id):
            raise BadInputError(
                "The id of the refund request is not usable.",
                code="request_id_bad",
                mend="Use 1 to 64 letters, digits, dots, colons, dashes or underscores.",
            )

    def _is_given_again(self, entry: RefundEntry) -> bool:
        return entry.amount.minor_units > refundable(self._ledger.book, entry.key)

    def _again(self, ask: RefundOrder, entry: RefundEntry) -> RefundAnswer:
        same_sum = ask.amount is None or ask.amount == entry.amount
        if entry.order_id != ask.order_id or not same_sum:
            raise BadInputError(
                "A refund of this request id exists for another order or sum.",
                code="refund_request_differs",
                mend="Use a new request id for another refund.",
            )
        return self._answer(entry.number)

    def _choose(self, ask: RefundOrder) -> tuple[Attempt, Money] | RefundAnswer:
        """Find the payment and the sum, or say why there is none."""
        book = self._ledger.book
        entry = book.orders.get(ask.order_id)
        if entry is None:
            raise OrderUnknownError
        keys = self._keys_in_turn(entry)
        if not keys:
            return RefundAnswer(None, "nothing_paid", Money(0, entry.order.amount.currency))
        if ask.reference:
            keys = [key for key in keys if reference_of(key) == ask.reference.upper()]
            if not keys:
                return RefundAnswer(None, "payment_unknown", self._left(entry))
        key = next((it for it in keys if refundable(book, it) > 0), None)
        if key is None:
            return RefundAnswer(None, "nothing_left", self._left(entry))
        attempt = book.attempts[key]
        left = Money(due_back(book, key) or refundable(book, key), attempt.amount.currency)
        amount = ask.amount or left
        if amount.currency != left.currency or amount.minor_units == 0:
            raise BadInputError(
                "The sum of the refund cannot be used.",
                code="refund_sum_bad",
                mend=f"Give a sum above zero in {left.currency}.",
            )
        if amount.minor_units > refundable(book, key):
            return RefundAnswer(None, "above_paid", self._left(entry))
        return attempt, amount

    def _keys_in_turn(self, entry: OrderEntry) -> list[IdempotencyKey]:
        """Return the attempts that took money: what is due back before what paid the order."""
        book = self._ledger.book
        return sorted(settled_keys(book, entry), key=lambda key: due_back(book, key) == 0)

    def _left(self, entry: OrderEntry) -> Money:
        book = self._ledger.book
        units = sum(refundable(book, key) for key in entry.keys)
        return Money(units, entry.order.amount.currency)

    def _opening(
        self, ask: RefundOrder, attempt: Attempt, amount: Money
    ) -> tuple[RefundOpened, Prepared | None]:
        refunds = self._ledger.book.refunds
        number = refunds.next_number
        refund_key = self._keys.refund_key(
            attempt.key, len(refunds.of_attempt.get(attempt.key, ()))
        )
        prepared, sealed = self._prepare(attempt, amount, refund_key)
        record = RefundOpened(
            at=self._ledger.time(),
            number=number,
            request_id=ask.request_id,
            key=attempt.key,
            refund_key=refund_key,
            order_id=attempt.order_id,
            amount=amount,
            way=RefundWay.MANUAL if prepared is None else RefundWay.API,
            staff=ask.staff,
            reason=ask.reason,
            sealed_request=sealed,
        )
        return record, prepared

    def _prepare(
        self, attempt: Attempt, amount: Money, refund_key: IdempotencyKey
    ) -> tuple[Prepared | None, str]:
        """Make the bank's request, if the bank takes one and there is a key to seal it under."""
        mandate = self._ledger.book.mandates.get(attempt.alias)
        if (
            self._bank.capabilities.refund is not RefundMode.API
            or attempt.payment_ref is None
            or mandate is None
            or mandate.revocation is not None
        ):
            return None, ""
        prepared = self._bank.prepare_refund(
            RefundIntent(
                key=refund_key,
                order_id=attempt.order_id,
                amount=amount,
                payment_ref=attempt.payment_ref,
                reference=reference_of(refund_key),
                at_s=int(self._clock.now().timestamp()),
            )
        )
        plain = msgspec.json.encode(SealedRequest(prepared.body, prepared.headers))
        try:
            return prepared, self._keys.seal(attempt.alias, "refund", refund_key, plain)
        except KeyFileError:
            logger.warning("a refund becomes a task: the mandate's key cannot be used")
            return None, ""

    # --- sending and looking up ---------------------------------------------------------------

    def _send(self, number: int, prepared: Prepared) -> RefundAnswer:
        try:
            answer = self._bank.submit_refund(prepared)
        finally:
            with self._ledger.lock:
                self._flying.discard(number)
                now_ms = self._clock.steady_ms()
                self._looks[number] = _Look(now_ms, now_ms + LOOK_EVERY_MS)
        with self._ledger.lock:
            try:
                self._store(number, answer, _meaning(answer))
            except JournalWriteError:
                logger.warning("the end of a refund could not be stored; it is looked up")
            return self._answer(number)

    def _look_up(self, number: int, *, only_due: bool = False) -> None:
        """Ask the bank about one refund without an end, unless it is a task or on its way."""
        with self._ledger.lock:
            entry = self._ledger.book.refunds.entries.get(number)
            asks = entry is not None and entry.state.is_open and entry.way is RefundWay.API
            if entry is None or not asks or number in self._flying:
                self._looks.pop(number, None)
                return
            now_ms = self._clock.steady_ms()
            look = self._looks.setdefault(number, _Look(self._started_ms, now_ms))
            if only_due and now_ms < look.due_at_ms:
                return
            look.put_off(now_ms)
            quiet_ms = now_ms - look.quiet_since_ms
        answer = self._bank.find_refund(
            Sought(
                key=entry.refund_key,
                order_id=entry.order_id,
                amount=entry.amount,
                reference=entry.reference,
                payment_ref=entry.refund_ref,
            )
        )
        meaning = _meaning(answer)
        arrived = quiet_ms >= self._bank.capabilities.arrival_s_max * 1_000
        if answer.kind is OutcomeKind.NOT_FOUND and arrived:
            meaning = RefundState.NOT_DONE, "never_arrived"
        elif answer.kind is OutcomeKind.NOT_SENT:
            # Here it is the question that was not sent.
            meaning = _NO_ANSWER
        with self._ledger.lock:
            self._store(number, answer, meaning)

    def _store(self, number: int, answer: BankAnswer, meaning: tuple[RefundState, str]) -> None:
        entry = self._ledger.book.refunds.entries[number]
        state, reason = meaning
        if not entry.state.is_open or entry.state is state:
            return
        self._ledger.append(
            RefundEnded(
                self._ledger.time(),
                number,
                state,
                reason,
                Witness.BANK,
                refund_ref=answer.payment_ref,
            )
        )
        if not state.is_open:
            self._looks.pop(number, None)

    def _answer(self, number: int, refusal: str = "") -> RefundAnswer:
        refund = self._ledger.book.refunds.entries[number]
        left = self._left(self._ledger.book.orders[refund.order_id])
        return RefundAnswer(_told(refund), refusal, left)


class _Look:
    """When a refund was last on its way, and when it is looked up next."""

    def __init__(self, quiet_since_ms: int, due_at_ms: int) -> None:
        self.quiet_since_ms = quiet_since_ms
        self.due_at_ms = due_at_ms
        self._every_ms = LOOK_EVERY_MS

    def put_off(self, now_ms: int) -> None:
        """Look again later, less and less often."""
        self.due_at_ms = now_ms + self._every_ms
        self._every_ms = min(2 * self._every_ms, LOOK_EVERY_MS_MAX)


_NO_ANSWER = RefundState.UNKNOWN, "no_answer"


def _meaning(answer: BankAnswer) -> tuple[RefundState, str]:
    """Read the bank's word on a refund that was sent once."""
    match answer.kind:
        case OutcomeKind.SETTLED:
            return RefundState.DONE, "refunded"
        case OutcomeKind.DECLINED:
            return RefundState.NOT_DONE, answer.reason or "declined"
        case OutcomeKind.NOT_SENT:
            return RefundState.NOT_DONE, "bank_unreachable"
        case OutcomeKind.ACCEPTED:
            return RefundState.UNKNOWN, "bank_pending"
        case OutcomeKind.NOT_FOUND | OutcomeKind.UNKNOWN:
            return _NO_ANSWER
        case _ as never:
            assert_never(never)


def _told(entry: RefundEntry) -> Refund:
    return Refund(
        number=entry.number,
        request_id=entry.request_id,
        order_id=entry.order_id,
        amount=entry.amount,
        way=entry.way,
        state=entry.state,
        reason=entry.reason or entry.why,
        reference=entry.reference,
        payment_reference=entry.payment_reference,
        staff=entry.staff,
        opened_at=format_time(entry.opened_at),
    )
