"""Takes nexo-style messages: one request, one answer, and the same one for ever.

It turns messages into what the counter and the office can do. It waits for nothing itself
(`Waiting` says what is waited for), writes no answers (nexo_render.py) and knows no HTTP.

Invariants: what a till is answered about money is journalled before it is sent; a key speaks for
its own till only; what only staff may do needs a staff key and a staff code.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal, assert_never

from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import OrderId
from kiosk.domain.order import LINES_MAX, OrderLine
from kiosk.link.back_office import RefundOrder
from kiosk.money.receipts.model import Copy
from kiosk.money.till import nexo_render as render
from kiosk.money.till.access import TillKey, TillRole
from kiosk.money.till.counter import Counter, OrderFacts, Refused, Request
from kiosk.money.till.nexo_sent import (
    Category,
    NexoDisplayRequest,
    NexoMessageHeader,
    NexoMessageReference,
    NexoPaymentRequest,
    NexoPrintRequest,
    NexoReversalRequest,
    NexoSaleToPOIRequest,
)
from kiosk.money.till.nexo_told import (
    Condition,
    NexoDiagnosisResponse,
    NexoDisplayResponse,
    NexoHostStatus,
    NexoLoginResponse,
    NexoOutputResult,
    NexoPlain,
    NexoPOISoftware,
    NexoPOIStatus,
    NexoPOISystemData,
    NexoPrintResponse,
    NexoReferred,
    NexoResponse,
    NexoReversalResponse,
    NexoSaleToPOIResponse,
    NexoTransaction,
    NexoTransactionStatusResponse,
)
from kiosk.money.till.office import Facts, Office
from kiosk.money.till.staff import StaffDesk
from kiosk.money.till.wire import read_amount, write

DISPLAYS_MAX = 100
"""Tills whose lines wait for their Payment."""
_LINE_WITH_AMOUNT = re.compile(r"(\S.*?)\s+(\d{1,6}\.\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The answer to a Payment comes when its order has come to an end; until then, `for_now`."""

    order_id: OrderId
    header: NexoMessageHeader
    sale: NexoTransaction
    for_now: bytes


Reply = bytes | Waiting


class NexoDesk:
    """Answers messages. Safe to use from several threads; a method may write to the disk."""

    def __init__(self, counter: Counter, office: Office, staff: StaffDesk) -> None:
        """Take who does the work."""
        self._counter = counter
        self._office = office
        self._staff = staff
        self._lock = threading.Lock()
        self._displayed: OrderedDict[str, tuple[OrderLine, ...]] = OrderedDict()

    # One case a category: a table of handlers would hide the types from the checker.
    def take(self, key: TillKey, message: NexoSaleToPOIRequest) -> Reply:  # noqa: PLR0911
        """Answer a message, or say what the answer waits for.

        Raises:
            BadInputError: The message cannot be used.
            JournalWriteError: Nothing was done, or its answer may not be given.
        """
        header = message.MessageHeader
        if header.SaleID != key.name:
            raise BadInputError(
                "SaleID is not the name of the till that this key was made for.",
                code="sale_id_not_yours",
                mend="Send the name that `smiletill money till add` was given.",
            )
        # The body of the category is there: NexoSaleToPOIRequest has checked it.
        match header.MessageCategory:
            case Category.PAYMENT:
                assert message.PaymentRequest is not None
                return self._payment(header, message.PaymentRequest)
            case Category.ABORT:
                assert message.AbortRequest is not None
                return self._abort(header, message.AbortRequest.MessageReference)
            case Category.TRANSACTION_STATUS:
                assert message.TransactionStatusRequest is not None
                return self._status(header, message.TransactionStatusRequest.MessageReference)
            case Category.REVERSAL:
                assert message.ReversalRequest is not None
                return self._reversal(key, header, message.ReversalRequest)
            case Category.RECONCILIATION:
                return self._reconciliation(header)
            case Category.GET_TOTALS:
                body = render.totals_body(self._office.totals(), None)
                return _wrap(header, GetTotalsResponse=body)
            case Category.LOGIN:
                return self._login(header)
            case Category.LOGOUT:
                return _wrap(header, LogoutResponse=NexoPlain(Response=render.success()))
            case Category.DIAGNOSIS:
                return self._diagnosis(header)
            case Category.DISPLAY:
                assert message.DisplayRequest is not None
                return self._display(header, message.DisplayRequest)
            case Category.PRINT:
                assert message.PrintRequest is not None
                return self._print(key, header, message.PrintRequest)
            case _ as never:
                assert_never(never)

    def resume(self, waiting: Waiting) -> Reply:
        """Look whether the order has come to an end.

        Raises:
            JournalWriteError: The answer is not stored and may not be given.
        """
        header = waiting.header

        def write_answer(facts: OrderFacts | None) -> str:
            return render.payment_answer(header, waiting.sale, facts, self._office).decode()

        found = self._counter.settle(header.SaleID, header.ServiceID, write_answer)
        return waiting if found is None else found.encode()

    # Money -----------------------------------------------------------------------------------

    def _payment(self, header: NexoMessageHeader, asked: NexoPaymentRequest) -> Reply:
        amounts = asked.PaymentTransaction.AmountsReq
        if amounts.Currency != self._counter.currency:
            raise _bad(f"send amounts in {self._counter.currency}")
        amount = read_amount(amounts.RequestedAmount, amounts.Currency)
        order_id = OrderId(asked.SaleData.SaleTransactionID.TransactionID)
        lines = tuple(
            OrderLine(it.ProductLabel, read_amount(it.ItemAmount, amounts.Currency, zero_ok=True))
            for it in asked.PaymentTransaction.SaleItem
        )
        with self._lock:
            lines = lines or self._displayed.get(header.SaleID, ())
        sale = NexoTransaction(
            TransactionID=order_id,
            TimeStamp=asked.SaleData.SaleTransactionID.TimeStamp or "",
        )
        request = _request(header, order_id, [amount.minor_units, amount.currency])
        opened = self._counter.open(request, amount, lines)
        if isinstance(opened, Refused):
            busy_with = self._counter.in_progress() or ""
            return render.payment_refusal(header, sale, render.refusal(opened, busy_with))
        with self._lock:
            self._displayed.pop(header.SaleID, None)
        in_progress = render.failure(Condition.IN_PROGRESS, "in progress: ask TransactionStatus")
        for_now = render.payment_refusal(header, sale, in_progress)
        return self.resume(Waiting(order_id, header, sale, for_now))

    def _abort(self, header: NexoMessageHeader, reference: NexoMessageReference) -> bytes:
        known = self._referred(header, reference)
        if known is None or known.category != Category.PAYMENT.value:
            body = NexoPlain(Response=render.refusal(Refused.NO_SUCH_REQUEST))
            return _wrap(header, AbortResponse=body)
        order_id = known.order_id

        def act() -> str:
            done = self._counter.abort(order_id)
            response = (
                render.refusal(done) if isinstance(done, Refused) else render.success("aborted")
            )
            return _wrap(header, AbortResponse=NexoPlain(Response=response)).decode()

        found = self._counter.decide(_request(header, order_id, [reference.ServiceID]), act)
        if isinstance(found, Refused):
            return _wrap(header, AbortResponse=NexoPlain(Response=render.refusal(found)))
        return found.encode()

    def _status(self, header: NexoMessageHeader, reference: NexoMessageReference) -> bytes:
        known = self._referred(header, reference)
        if known is None:
            return self._status_answer(header, render.refusal(Refused.NO_SUCH_REQUEST))
        referred = NexoReferred(
            MessageCategory=Category(known.category),
            ServiceID=reference.ServiceID,
            SaleID=header.SaleID,
        )
        original: str | None
        if known.is_answered or known.category != Category.PAYMENT.value:
            original = self._counter.known_answer(header.SaleID, reference.ServiceID)
        else:
            original = self._late_answer(header, reference, known.order_id)
        if original is None:
            words = "in progress: the outcome follows, ask again"
            tried = self._counter.facts(known.order_id) if known.order_id else None
            if tried is not None and tried.may_retry:
                words = f"in progress: not paid ({tried.reason}), the guest may try again"
            return self._status_answer(
                header, render.failure(Condition.IN_PROGRESS, words), referred
            )
        facts = self._counter.facts(known.order_id) if known.order_id else None
        state = "" if facts is None else f"order_state={facts.state.value}"
        return self._status_answer(header, render.success(state or None), referred, original)

    def _late_answer(
        self, header: NexoMessageHeader, reference: NexoMessageReference, order_id: OrderId
    ) -> str | None:
        """Write the answer that a Payment never got, because nobody waited for it any more."""
        payment = header.model_copy(
            update={"MessageCategory": Category.PAYMENT, "ServiceID": reference.ServiceID}
        )
        sale = NexoTransaction(TransactionID=order_id, TimeStamp="")
        found = self.resume(Waiting(order_id, payment, sale, b""))
        return None if isinstance(found, Waiting) else found.decode()

    @staticmethod
    def _status_answer(
        header: NexoMessageHeader,
        response: NexoResponse,
        referred: NexoReferred | None = None,
        original: str | None = None,
    ) -> bytes:
        body = NexoTransactionStatusResponse(Response=response, MessageReference=referred)
        told = render.wrap_dict(_answer(header, TransactionStatusResponse=body))
        if original is not None:
            # As it was sent, not as this version would write it.
            before = json.loads(original)["SaleToPOIResponse"]
            head = before.pop("MessageHeader")
            told["SaleToPOIResponse"]["TransactionStatusResponse"]["RepeatedMessageResponse"] = {
                "MessageHeader": head,
                "RepeatedResponseMessageBody": before,
            }
        return write(told)

    def _reversal(
        self, key: TillKey, header: NexoMessageHeader, asked: NexoReversalRequest
    ) -> bytes:
        staff = asked.SaleData.OperatorID
        refused = self._not_staff(key, staff, asked.SaleData.SaleToPOIData)
        order_id = OrderId(asked.OriginalPOITransaction.POITransactionID.TransactionID)
        if refused is None and self._counter.facts(order_id) is None:
            refused = render.refusal(Refused.NO_SUCH_ORDER)
        if refused is not None:
            return _wrap(header, ReversalResponse=NexoReversalResponse(Response=refused))
        currency = self._counter.currency
        part = None
        if asked.ReversedAmount is not None:
            part = read_amount(asked.ReversedAmount, currency)
        request = _request(header, order_id, [None if part is None else part.minor_units])
        noted = self._counter.note(request)
        if isinstance(noted, Refused):
            body = NexoReversalResponse(Response=render.refusal(noted))
            return _wrap(header, ReversalResponse=body)
        if not noted.is_answered:
            # One request id is one refund: sent once, also when two threads or two processes ask.
            answer = self._office.refund(
                RefundOrder(f"{key.name}:{header.ServiceID}", order_id, staff, "till", part)
            )
            body = render.reversal_body(answer, self._office.now())
            text = _wrap(header, ReversalResponse=body).decode()
            return self._counter.answer(key.name, header.ServiceID, text).encode()
        found = self._counter.known_answer(key.name, header.ServiceID)
        return (found or "").encode()

    def _not_staff(self, key: TillKey, name: str, code: str) -> NexoResponse | None:
        if key.role is not TillRole.STAFF:
            return render.failure(Condition.NOT_ALLOWED, "this key may not refund")
        if self._staff.left_s(key.name, name) > 0:
            return render.failure(Condition.NOT_ALLOWED, "too many wrong codes; wait")
        if not self._staff.is_staff(key.name, name, code):
            return render.failure(Condition.NOT_ALLOWED, "staff name or code is wrong")
        return None

    def _reconciliation(self, header: NexoMessageHeader) -> bytes:
        def act() -> str:
            body = render.totals_body(self._office.shift(header.SaleID), header.ServiceID)
            return _wrap(header, ReconciliationResponse=body).decode()

        found = self._counter.decide(_request(header, OrderId(""), []), act)
        if isinstance(found, Refused):
            body = render.totals_refusal(render.refusal(found))
            return _wrap(header, ReconciliationResponse=body)
        return found.encode()

    def _referred(self, header: NexoMessageHeader, reference: NexoMessageReference) -> Any:
        if reference.SaleID not in {None, header.SaleID}:
            return None
        known = self._counter.entry(header.SaleID, reference.ServiceID)
        fits = (
            known is not None
            and reference.MessageCategory is not None
            and known.category != reference.MessageCategory.value
        )
        return None if fits else known

    # Everything else -------------------------------------------------------------------------

    def _login(self, header: NexoMessageHeader) -> bytes:
        system = NexoPOISystemData(
            DateTime=self._office.now(),
            POISoftware=NexoPOISoftware(SoftwareVersion=version("smiletill")),
        )
        body = NexoLoginResponse(Response=render.success(), POISystemData=system)
        return _wrap(header, LoginResponse=body)

    def _diagnosis(self, header: NexoMessageHeader) -> bytes:
        facts = self._office.facts()
        words = "&".join(f"{name}={value}" for name, value in fact_words(facts).items())
        status: Literal["OK", "Busy", "Maintenance"] = "Busy" if facts.is_busy else "OK"
        if not facts.is_ok:
            status = "Maintenance"
        body = NexoDiagnosisResponse(
            Response=render.success(words),
            LoggedSaleID=[header.SaleID],
            POIStatus=NexoPOIStatus(GlobalStatus=status, CommunicationOKFlag=facts.bank_reached),
            HostStatus=[NexoHostStatus(AcquirerID="bank", IsReachableFlag=facts.bank_reached)],
        )
        return _wrap(header, DiagnosisResponse=body)

    def _display(self, header: NexoMessageHeader, asked: NexoDisplayRequest) -> bytes:
        """Keep lines with amounts for the till's next Payment, whose bill the screen shows."""
        results: list[NexoOutputResult] = []
        for output in asked.DisplayOutput:
            texts = [it.Text.strip() for it in output.OutputContent.OutputText]
            matches = [_LINE_WITH_AMOUNT.fullmatch(text) for text in texts if text]
            found = [it for it in matches if it is not None]
            if not found or len(found) != len(matches):
                words = "the screen shows bills: end each line with its amount, like 12.50"
                response = render.failure(Condition.UNAVAILABLE_DEVICE, words)
            else:
                currency = self._counter.currency
                lines = tuple(
                    OrderLine(it[1], read_amount(it[2], currency, zero_ok=True)) for it in found
                )
                self._keep(header.SaleID, lines[:LINES_MAX])
                response = render.success("kept for the next Payment")
            results.append(NexoOutputResult(Device=output.Device, Response=response))
        return _wrap(header, DisplayResponse=NexoDisplayResponse(OutputResult=results))

    def _keep(self, till: str, lines: tuple[OrderLine, ...]) -> None:
        with self._lock:
            self._displayed.pop(till, None)
            self._displayed[till] = lines
            if len(self._displayed) > DISPLAYS_MAX:
                self._displayed.popitem(last=False)

    def _print(self, key: TillKey, header: NexoMessageHeader, asked: NexoPrintRequest) -> bytes:
        output = asked.PrintOutput
        order_id = OrderId(output.OutputContent.PredefinedContent.ReferenceID)
        copy = Copy.CUSTOMER if output.DocumentQualifier == "CustomerReceipt" else Copy.MERCHANT
        own = None if key.role is TillRole.STAFF else key.name
        if self._counter.facts(order_id, own) is None:
            response = render.refusal(Refused.NO_SUCH_ORDER)
            body = NexoPrintResponse(DocumentQualifier=output.DocumentQualifier, Response=response)
        else:
            text = self._office.receipt_text(order_id, copy)
            body = NexoPrintResponse(
                DocumentQualifier=output.DocumentQualifier,
                Response=render.success("text only: print it at the till"),
                PaymentReceipt=[render.receipt_of_text(text, copy)],
            )
        return _wrap(header, PrintResponse=body)


def fact_words(facts: Facts) -> dict[str, str]:
    """Return the kiosk's facts as words, for the diagnosis."""
    skew = facts.clock_skew_s
    return {
        "journal": facts.journal,
        "records": str(facts.records),
        "open_payments": str(facts.open_payments),
        "open_items": str(facts.open_items),
        "disk_free_mb": str(facts.disk_free_mb),
        "bank_reached": "yes" if facts.bank_reached else "no",
        "clock_skew_s": "unknown" if skew is None else f"{skew:.1f}",
        "sandbox": "yes" if facts.is_sandbox else "no",
        "camera": "ask smiletill doctor: the process that has a network sees none",
    }


def _request(header: NexoMessageHeader, order_id: OrderId, asks: list[Any]) -> Request:
    category = header.MessageCategory.value
    digest = hashlib.sha256(json.dumps([category, order_id, *asks]).encode()).hexdigest()
    return Request(header.SaleID, header.ServiceID, category, order_id, digest)


def _answer(header: NexoMessageHeader, **body: Any) -> NexoSaleToPOIResponse:
    return NexoSaleToPOIResponse(MessageHeader=render.header_of(header), **body)


def _wrap(header: NexoMessageHeader, **body: Any) -> bytes:
    return render.wrap(_answer(header, **body))


def _bad(what: str) -> BadInputError:
    return BadInputError("The message cannot be used.", code="message_bad", mend=f"Please {what}.")
