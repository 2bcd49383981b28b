"""Writes nexo-style answers from facts: what an order, a shift and the kiosk look like to a till.

Pure but for the receipts, which the office reads.
Invariants: "Success" is said only of an order that is paid, and "not paid" in any form only of one
that cannot be paid any more; an unknown end is called unknown, with what to do.
"""

from __future__ import annotations

from typing import Any

from kiosk.domain.order import OrderState
from kiosk.domain.refund import RefundState, RefundWay
from kiosk.link.back_office import RefundAnswer
from kiosk.money.receipts.model import Copy
from kiosk.money.till.counter import TILL_ABORT, OrderFacts, Refused
from kiosk.money.till.nexo_sent import NexoMessageHeader
from kiosk.money.till.nexo_told import (
    Condition,
    NexoAmountsResp,
    NexoPaymentReceipt,
    NexoPaymentResponse,
    NexoPaymentResult,
    NexoPaymentTotals,
    NexoPOIData,
    NexoResponse,
    NexoResponseHeader,
    NexoReversalResponse,
    NexoSaleDataTold,
    NexoSaleToPOIResponse,
    NexoTextContent,
    NexoTextLine,
    NexoTotalsResponse,
    NexoTransaction,
    NexoTransactionTotals,
    Outcome,
    ResponseEnvelope,
)
from kiosk.money.till.office import Office
from kiosk.money.till.wire import as_number, write
from kiosk.money.totals import Totals

UNKNOWN_WORDS = "unknown - do not resell on this order, staff check"
RECEIPTS_CHARS_MAX = 10_000
"""Longer receipts are left out of an answer; Print and /v1/receipts have them."""


def header_of(asked: NexoMessageHeader) -> NexoResponseHeader:
    """Turn a head round."""
    return NexoResponseHeader(
        MessageClass=asked.MessageClass,
        MessageCategory=asked.MessageCategory,
        ServiceID=asked.ServiceID,
        SaleID=asked.SaleID,
        POIID=asked.POIID,
    )


def wrap_dict(answer: NexoSaleToPOIResponse) -> dict[str, Any]:
    """Put an answer into its envelope."""
    envelope = ResponseEnvelope(SaleToPOIResponse=answer)
    return envelope.model_dump(mode="json", exclude_none=True)


def wrap(answer: NexoSaleToPOIResponse) -> bytes:
    """Write an answer; the same content gives the same bytes."""
    return write(wrap_dict(answer))


def success(words: str | None = None) -> NexoResponse:
    """Say that it went well."""
    return NexoResponse(Result=Outcome.SUCCESS, AdditionalResponse=words)


def failure(condition: Condition, words: str) -> NexoResponse:
    """Say that it did not, and why."""
    return NexoResponse(Result=Outcome.FAILURE, ErrorCondition=condition, AdditionalResponse=words)


def refusal(refused: Refused, busy_with: str = "") -> NexoResponse:
    """Say why a till does not get what it asked for."""
    if refused is Refused.BUSY:
        return failure(Condition.BUSY, f"busy: order {busy_with} is in progress")
    condition, words = _REFUSALS[refused]
    return failure(condition, words)


_REFUSALS: dict[Refused, tuple[Condition, str]] = {
    Refused.BUSY: (Condition.BUSY, "busy"),
    Refused.AMOUNT_DIFFERS: (
        Condition.NOT_ALLOWED, "this order id exists with another amount; use a new id"
    ),
    Refused.ABOVE_CEILING: (
        Condition.NOT_ALLOWED, "the amount is above this terminal's ceiling"
    ),
    Refused.REQUEST_DIFFERS: (
        Condition.NOT_ALLOWED, "this ServiceID was used for another request"
    ),
    Refused.NOT_YOURS: (Condition.NOT_ALLOWED, "this order id is in use by another till"),
    Refused.IN_FLIGHT: (
        Condition.IN_PROGRESS, "the payment is at the bank or unknown; its outcome follows"
    ),
    Refused.ENDED: (Condition.NOT_ALLOWED, "the order has come to another end"),
    Refused.NO_SUCH_ORDER: (Condition.NOT_FOUND, "the journal has no such order of this till"),
    Refused.NO_SUCH_REQUEST: (Condition.NOT_FOUND, "the journal has no such request of this till"),
}  # fmt: skip


def payment_result(facts: OrderFacts | None) -> NexoResponse:
    """Say what became of an order."""
    if facts is None:
        return failure(Condition.ABORTED, "never_opened: nothing was charged and nothing will be")
    match facts.state:
        case OrderState.PAID:
            return success(None if facts.reason == "settled" else facts.reason)
        case OrderState.OPEN | OrderState.IN_FLIGHT:
            return failure(Condition.IN_PROGRESS, "in progress: ask TransactionStatus")
        case OrderState.UNKNOWN:
            return failure(Condition.UNREACHABLE_HOST, UNKNOWN_WORDS)
        case OrderState.PAID_ELSEWHERE:
            due = "; a payment came in too and is to be refunded"
            return failure(
                Condition.CANCEL,
                "paid_elsewhere: closed by staff" + (due if facts.reason == "refund_due" else ""),
            )
        case OrderState.CANCELLED:
            if facts.reason == "refund_due":
                return failure(
                    Condition.CANCEL, "cancelled; a payment came in too and is to be refunded"
                )
            if facts.reason == TILL_ABORT:
                return failure(Condition.ABORTED, "aborted: nothing was charged")
            return failure(Condition.CANCEL, f"cancelled: nothing was charged ({facts.reason})")


def payment_answer(
    asked: NexoMessageHeader, sale: NexoTransaction, facts: OrderFacts | None, office: Office
) -> bytes:
    """Write the answer to a Payment."""
    response = payment_result(facts)
    paid = facts is not None and facts.state is OrderState.PAID
    body = NexoPaymentResponse(
        Response=response,
        SaleData=NexoSaleDataTold(SaleTransactionID=sale),
        POIData=None if facts is None else _poi(facts),
        PaymentResult=_result(facts) if paid and facts is not None else None,
        PaymentReceipt=_receipts(facts, office) if paid and facts is not None else None,
    )
    return wrap(NexoSaleToPOIResponse(MessageHeader=header_of(asked), PaymentResponse=body))


def payment_refusal(
    asked: NexoMessageHeader, sale: NexoTransaction, response: NexoResponse
) -> bytes:
    """Write the answer to a Payment that nothing came of."""
    body = NexoPaymentResponse(Response=response, SaleData=NexoSaleDataTold(SaleTransactionID=sale))
    return wrap(NexoSaleToPOIResponse(MessageHeader=header_of(asked), PaymentResponse=body))


def reversal_body(answer: RefundAnswer, at: str) -> NexoReversalResponse:
    """Say what became of a refund."""
    refund = answer.refund
    if refund is None or answer.refusal:
        left = "" if answer.refundable is None else f"; refundable {answer.refundable}"
        return NexoReversalResponse(
            Response=failure(Condition.NOT_ALLOWED, f"{answer.refusal}{left}")
        )
    name = NexoTransaction(TransactionID=f"refund-{refund.number}", TimeStamp=at)
    response: NexoResponse
    match refund.state:
        case RefundState.DONE:
            response = success(f"refund {refund.number} done")
        case RefundState.PENDING | RefundState.UNKNOWN:
            is_task = refund.way is RefundWay.MANUAL
            response = (
                success(f"accepted, manual refund task {refund.number}")
                if is_task
                else NexoResponse(
                    Result=Outcome.PARTIAL,
                    ErrorCondition=Condition.IN_PROGRESS,
                    AdditionalResponse=f"accepted, refund {refund.number} is with the bank",
                )
            )
        case RefundState.NOT_DONE:
            return NexoReversalResponse(
                Response=failure(Condition.REFUSAL, f"refund {refund.number}: {refund.reason}")
            )
    return NexoReversalResponse(
        Response=response,
        POIData=NexoPOIData(POITransactionID=name),
        ReversedAmount=as_number(refund.amount),
    )


def totals_body(totals: Totals, reconciliation: str | None) -> NexoTotalsResponse:
    """Write totals: Debit is money in, Credit money back; the rest counts orders by their state."""
    unknown = totals.orders[OrderState.UNKNOWN]
    rows = [
        ("Debit", totals.received.count, totals.received.minor_units),
        ("Credit", totals.refunded.count, totals.refunded.minor_units),
        *(
            (f"Order:{it.value}", found.count, found.minor_units)
            for it, found in totals.orders.items()
        ),
    ]
    words = (
        f"since={totals.period.since.isoformat()}&until={totals.period.until.isoformat()}"
        f"&open_items={len(totals.open)}&unknown={unknown.count}"
        f"&refunds_open={totals.refunds_open.count}"
    )
    return NexoTotalsResponse(
        Response=success(words),
        POIReconciliationID=reconciliation,
        TransactionTotals=[
            NexoTransactionTotals(
                PaymentCurrency=totals.currency,
                PaymentTotals=[
                    NexoPaymentTotals(
                        TransactionType=name, TransactionCount=count, TransactionAmount=units / 100
                    )
                    for name, count, units in rows
                ],
            )
        ],
    )


def totals_refusal(response: NexoResponse) -> NexoTotalsResponse:
    """Say why there are no totals."""
    return NexoTotalsResponse(Response=response)


def receipt_of_text(text: str, copy: Copy) -> NexoPaymentReceipt:
    """Put a receipt's lines into nexo's form."""
    name = "CustomerReceipt" if copy is Copy.CUSTOMER else "CashierReceipt"
    lines = [NexoTextLine(Text=line) for line in text.splitlines()]
    return NexoPaymentReceipt(
        DocumentQualifier="CustomerReceipt" if name == "CustomerReceipt" else "CashierReceipt",
        OutputContent=NexoTextContent(OutputText=lines),
    )


def _poi(facts: OrderFacts) -> NexoPOIData:
    name = NexoTransaction(TransactionID=facts.order.order_id, TimeStamp=facts.opened_at)
    return NexoPOIData(POITransactionID=name)


def _result(facts: OrderFacts) -> NexoPaymentResult:
    amount = facts.order.amount
    amounts = NexoAmountsResp(Currency=amount.currency, AuthorizedAmount=as_number(amount))
    return NexoPaymentResult(AmountsResp=amounts)


def _receipts(facts: OrderFacts, office: Office) -> list[NexoPaymentReceipt] | None:
    texts = {copy: office.receipt_text(facts.order.order_id, copy, original=True) for copy in Copy}
    if sum(map(len, texts.values())) > RECEIPTS_CHARS_MAX:
        return None
    office.gave_originals(facts.order.order_id)
    return [receipt_of_text(text, copy) for copy, text in texts.items()]
