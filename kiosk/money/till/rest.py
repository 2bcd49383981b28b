"""Answers the REST page: the same counter and office as nexo's, in fewer words.

Every method returns a type of rest_models.py or raises `RestError`; it knows no HTTP but the
status numbers. Writing and waiting for the disk happen in here, so call it from a worker thread.

Invariants: a till's key sees its own orders only; what only staff may do needs a staff key and a
staff code, and wrong codes are counted.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import date

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import OrderId, parse_order_id
from kiosk.domain.money import Money
from kiosk.domain.order import OrderLine, OrderState
from kiosk.link.back_office import Refund, RefundOrder
from kiosk.money.config import MoneyConfig
from kiosk.money.receipts.model import Copy
from kiosk.money.refund_book import RefundEntry
from kiosk.money.search import Found
from kiosk.money.till import rest_models as told
from kiosk.money.till.access import TillKey, TillRole
from kiosk.money.till.counter import Counter, OrderFacts, Refused, Request
from kiosk.money.till.news import News
from kiosk.money.till.nexo import fact_words
from kiosk.money.till.nexo_render import UNKNOWN_WORDS
from kiosk.money.till.office import Office
from kiosk.money.till.staff import StaffDesk
from kiosk.money.till.wire import as_text, read_amount
from kiosk.money.totals import Sum

REST = "rest"
"""Category and prefix under which an order of this page is noted; no ServiceID has a colon."""
FOUND_MAX = 100


class RestError(Exception):
    """A refusal, as HTTP says it."""

    def __init__(
        self, status: int, code: str, message: str, mend: str = "", retry_after_s: int | None = None
    ) -> None:
        """Keep the parts apart."""
        super().__init__(code)
        self.status = status
        self.retry_after_s = retry_after_s
        self.problem = told.Problem(error=code, message=message, mend=mend)


class RestDesk:
    """Answers the REST page. Safe to use from several threads."""

    def __init__(
        self, counter: Counter, office: Office, staff: StaffDesk, config: MoneyConfig
    ) -> None:
        """Take who does the work."""
        self._counter = counter
        self._office = office
        self._staff = staff
        self._config = config

    def open(self, key: TillKey, asked: told.NewOrder) -> tuple[told.OrderTold, bool]:
        """Have an order paid; return it and whether it is new.

        Raises:
            RestError, BadInputError: It is not open.
            JournalWriteError: The disk refuses; nothing is open.
        """
        currency = self._counter.currency
        amount = read_amount(asked.amount, currency)
        name = asked.order_id or f"o-{secrets.token_hex(6)}"
        lines = tuple(
            OrderLine(it.text, read_amount(it.amount, currency, zero_ok=True)) for it in asked.lines
        )
        order_id = parse_order_id(name)
        said = json.dumps([REST, order_id, amount.minor_units, currency])
        digest = hashlib.sha256(said.encode()).hexdigest()
        request = Request(key.name, f"{REST}:{order_id}", REST, order_id, digest)
        opened = self._counter.open(request, amount, lines)
        if opened is Refused.REQUEST_DIFFERS:
            opened = Refused.AMOUNT_DIFFERS
        if isinstance(opened, Refused):
            raise self._refused(opened)
        return self._order(opened), opened.is_new

    def order(self, key: TillKey, order_id: str) -> told.OrderTold:
        """Return an order.

        Raises:
            RestError: This key sees no such order.
        """
        return self._order(self._own(key, order_id))

    def abort(self, key: TillKey, order_id: str) -> told.OrderTold:
        """Take an order back for certain.

        Raises:
            RestError: This key sees no such order, or it is too late.
            JournalWriteError: The disk refuses; the order is as it was.
        """
        facts = self._own(key, order_id)
        return self._order(self._taken(self._counter.abort(facts.order.order_id)))

    def close(self, key: TillKey, order_id: str, asked: told.CloseOrder) -> told.OrderTold:
        """Close an order that was paid by other means.

        Raises:
            RestError: Not staff, no such order, or it is too late.
            JournalWriteError: The disk refuses; the order is as it was.
        """
        self._check_staff(key, asked.staff, asked.code)
        facts = self._own(key, order_id)
        done = self._counter.close_elsewhere(facts.order.order_id, asked.staff)
        return self._order(self._taken(done))

    def refund(self, key: TillKey, order_id: str, asked: told.NewRefund) -> told.RefundAnswerTold:
        """Give money back.

        Raises:
            RestError: Not staff, no such order, or nothing that could go back.
            JournalWriteError: The disk refuses; nothing has happened.
        """
        self._check_staff(key, asked.staff, asked.code)
        facts = self._own(key, order_id)
        currency = self._counter.currency
        part = None if asked.amount is None else read_amount(asked.amount, currency)
        answer = self._office.refund(
            RefundOrder(
                f"{key.name}:{REST}:{asked.request_id}",
                facts.order.order_id,
                asked.staff,
                "till",
                part,
            )
        )
        if answer.refund is None or answer.refusal:
            left = "" if answer.refundable is None else f" Refundable: {answer.refundable}."
            raise RestError(409, answer.refusal, f"Nothing goes back.{left}", "Look at the order.")
        left_now = self._counter.facts(facts.order.order_id)
        assert left_now is not None, "an order stays"
        return told.RefundAnswerTold(
            refund=_refund_told(answer.refund), refundable=as_text(left_now.refundable)
        )

    def find(
        self, key: TillKey, day: date | None, amount: str | None, limit: int
    ) -> told.OrdersTold:
        """Find orders of a day, of an amount, or the newest.

        Raises:
            RestError: Not for this key.
            BadInputError: The amount cannot be read.
        """
        self._check_role(key)
        asked = None if amount is None else read_amount(amount, self._counter.currency)
        found = self._office.find(day, asked, limit)
        return told.OrdersTold(orders=[self._found(it) for it in found])

    def totals(self, day: date | None) -> told.TotalsTold:
        """Add a day up."""
        totals = self._office.totals(day)
        currency = totals.currency

        def sum_told(it: Sum) -> told.SumTold:
            return told.SumTold(count=it.count, amount=as_text(Money(it.minor_units, currency)))

        sign = "-" if totals.net < 0 else ""
        return told.TotalsTold(
            since=totals.period.since.isoformat(),
            until=totals.period.until.isoformat(),
            currency=currency,
            received=sum_told(totals.received),
            refunded=sum_told(totals.refunded),
            net=sign + as_text(Money(abs(totals.net), currency)),
            orders={state.value: sum_told(it) for state, it in totals.orders.items()},
            refunds_open=sum_told(totals.refunds_open),
            open=[
                told.OpenItemTold(
                    kind=it.kind.value,
                    item=it.item,
                    amount=as_text(it.amount),
                    since=it.since.isoformat(),
                    mend=it.mend,
                )
                for it in totals.open
            ],
        )

    def menu(self) -> told.MenuTold:
        """Return the menu.

        Raises:
            SetupError: The file cannot be read.
            RestError: A line of it cannot be used.
        """
        try:
            items = self._office.menu()
        except BadInputError as error:
            # The file is the owner's, not the till's: nothing that was sent is bad.
            raise RestError(503, error.code, error.message, error.mend) from error
        return told.MenuTold(
            currency=self._counter.currency,
            items=[
                told.MenuItemTold(item=it.item, price=as_text(it.price), group=it.group)
                for it in items
            ],
        )

    def receipt_text(self, key: TillKey, order_id: str, copy: Copy) -> str:
        """Return a receipt as text.

        Raises:
            RestError: This key sees no such order.
        """
        facts = self._own(key, order_id)
        return self._office.receipt_text(facts.order.order_id, copy)

    def receipt_pdf(self, key: TillKey, order_id: str, copy: Copy) -> bytes:
        """Return a receipt as PDF.

        Raises:
            RestError: This key sees no such order.
        """
        return self._office.receipt_pdf(self._own(key, order_id).order.order_id, copy)

    def diagnosis(self, key: TillKey, failed_keys: int) -> told.DiagnosisTold:
        """Say how the kiosk is, and who the key is."""
        facts = self._office.facts()
        ceiling = Money(self._config.till.amount_max_minor_units, self._counter.currency)
        return told.DiagnosisTold(
            till=key.name,
            role=key.role.value,
            payee=self._config.payee,
            currency=self._counter.currency,
            amount_max=as_text(ceiling),
            ok=facts.is_ok,
            busy=facts.is_busy,
            in_progress=self._counter.in_progress() or "",
            staff_codes=self._staff.is_manned,
            failed_keys=failed_keys,
            facts=fact_words(facts),
        )

    # Who may ---------------------------------------------------------------------------------

    def _own(self, key: TillKey, order_id: str) -> OrderFacts:
        own = None if key.role is TillRole.STAFF else key.name
        facts = self._counter.facts(OrderId(order_id), own)
        if facts is None:
            raise self._refused(Refused.NO_SUCH_ORDER)
        return facts

    @staticmethod
    def _check_role(key: TillKey) -> None:
        if key.role is not TillRole.STAFF:
            raise RestError(
                403, "staff_only", "This key is a till's.", "Use a key of the role staff."
            )

    def _check_staff(self, key: TillKey, name: str, code: str) -> None:
        self._check_role(key)
        if not self._staff.is_manned:
            raise RestError(
                403,
                "no_staff_codes",
                "Nobody has a staff code.",
                "Set [screen.staff_codes] in settings.toml.",
            )
        left_s = self._staff.left_s(key.name, name)
        if left_s > 0:
            raise RestError(
                429, "too_many_codes", "Too many wrong codes.", "Wait.", int(left_s) + 1
            )
        if not self._staff.is_staff(key.name, name, code):
            raise RestError(
                403, "staff_code_wrong", "Staff name or code is wrong.", "Type them again."
            )

    def _taken(self, done: OrderFacts | Refused) -> OrderFacts:
        if isinstance(done, Refused):
            raise self._refused(done)
        return done

    def _refused(self, refused: Refused) -> RestError:
        status, message, mend = _WORDS[refused]
        if refused is Refused.BUSY:
            message = f"{message} Order {self._counter.in_progress() or ''}.".strip()
        return RestError(status, refused.value, message, mend)

    # What it looks like ----------------------------------------------------------------------

    def _order(self, facts: OrderFacts) -> told.OrderTold:
        return self._found(self._office.look_at(facts.order.order_id), facts)

    def _found(self, found: Found, known: OrderFacts | None = None) -> told.OrderTold:
        facts = known or self._counter.facts(found.order_id)
        assert facts is not None, "an order stays"
        return told.OrderTold(
            order_id=found.order_id,
            amount=as_text(found.amount),
            currency=found.amount.currency,
            state=facts.state.value,
            reason=facts.reason,
            advice=_advice(facts),
            till=facts.till,
            opened_at=facts.opened_at,
            attempts=facts.attempts,
            refunded=as_text(facts.refunded),
            refundable=as_text(facts.refundable),
            lines=[
                told.LineTold(text=it.text, amount=as_text(it.amount)) for it in facts.order.lines
            ],
            refunds=[_refund_told(it) for it in found.refunds],
        )


def news_told(news: News) -> told.NewsTold:
    """Write one event."""
    return told.NewsTold(
        record=news.record,
        at=news.at,
        order_id=news.order_id,
        amount=as_text(news.amount),
        currency=news.amount.currency,
        state=news.state.value,
        reason=news.reason,
        late=news.is_late,
        till=news.till,
    )


def _refund_told(refund: Refund | RefundEntry) -> told.RefundTold:
    request_id = refund.request_id.rpartition(":")[2]
    return told.RefundTold(
        number=refund.number,
        request_id=request_id,
        amount=as_text(refund.amount),
        way=refund.way.value,
        state=refund.state.value,
        reason=refund.reason,
        reference=refund.reference,
        staff=refund.staff,
    )


def _advice(facts: OrderFacts) -> str:
    if facts.reason == "refund_due":
        return "a payment came in for a closed order: refund it"
    if facts.may_retry:
        return "the last try was not paid: the guest may try again"
    return UNKNOWN_WORDS if facts.state is OrderState.UNKNOWN else ""


_WORDS: dict[Refused, tuple[int, str, str]] = {
    Refused.BUSY: (
        409, "The kiosk is busy with another order.", "Wait for its outcome, or take it back."
    ),
    Refused.AMOUNT_DIFFERS: (
        409, "An order of this id exists with another amount.", "Use a new order id."
    ),
    Refused.ABOVE_CEILING: (
        409, "The amount is above this terminal's ceiling.", "Check it, or split the bill."
    ),
    Refused.REQUEST_DIFFERS: (409, "The id was used for something else.", "Use a new one."),
    Refused.NOT_YOURS: (409, "This order id is in use by another till.", "Use a new order id."),
    Refused.NO_SUCH_ORDER: (404, "There is no such order for this key.", "Check the id."),
    Refused.NO_SUCH_REQUEST: (404, "There is no such request.", "Check the id."),
    Refused.IN_FLIGHT: (
        409, "The payment is at the bank, or its end is unknown.", "Wait for its outcome."
    ),
    Refused.ENDED: (409, "The order has come to another end.", "Look at the order."),
}  # fmt: skip
