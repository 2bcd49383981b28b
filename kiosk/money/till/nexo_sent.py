"""The nexo-style messages that a till may send, as types; the answers are in nexo_told.py.

The names are those of the nexo Retailer protocol as Adyen documents it; this is a subset, "nexo
style", and not certified. What a till sends beyond it is passed over, as nexo asks.
Amounts are read as decimals that were never floats (wire.py).
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kiosk.domain.ids import ORDER_ID_LENGTH_MAX
from kiosk.domain.order import LINES_MAX
from kiosk.money.till.intake import LINE_TEXT_MAX

PROTOCOL_VERSION = "3.0"


class Category(Enum):
    """The kinds of message that are answered here."""

    PAYMENT = "Payment"
    ABORT = "Abort"
    TRANSACTION_STATUS = "TransactionStatus"
    REVERSAL = "Reversal"
    RECONCILIATION = "Reconciliation"
    GET_TOTALS = "GetTotals"
    LOGIN = "Login"
    LOGOUT = "Logout"
    DIAGNOSIS = "Diagnosis"
    DISPLAY = "Display"
    PRINT = "Print"


class Sent(BaseModel):
    """Base of what a till sends."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=False)


def _plain(value: Any) -> Any:
    """Let text through as an amount only if it is plain digits."""
    digits = isinstance(value, str) and value.isascii() and value.replace(".", "", 1).isdigit()
    if isinstance(value, Decimal) or digits:
        return value
    message = "not an amount"
    raise ValueError(message)


Amount = Annotated[Decimal, BeforeValidator(_plain), Field(ge=0, max_digits=9, decimal_places=2)]
NameText = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
ServiceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,10}$")]
OrderName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=ORDER_ID_LENGTH_MAX),
]
ShortText = Annotated[str, Field(max_length=200)]


class NexoMessageHeader(Sent):
    """The head of a request. `SaleID` is the name that the till's key was made for."""

    ProtocolVersion: Literal["3.0"]
    MessageClass: Literal["Service", "Device"]
    MessageCategory: Category
    MessageType: Literal["Request"]
    ServiceID: ServiceId
    SaleID: NameText
    POIID: ShortText


class NexoTransactionId(Sent):
    """A transaction's name at the till, or here."""

    TransactionID: OrderName
    TimeStamp: ShortText | None = None


class NexoSaleData(Sent):
    """What the till knows. For a reversal: who is at the till, and the code that proves it."""

    SaleTransactionID: NexoTransactionId
    OperatorID: NameText | None = None


class NexoStaffData(Sent):
    """Who is at the till, and the staff code of `[screen.staff_codes]`."""

    SaleTransactionID: NexoTransactionId | None = None
    OperatorID: NameText
    SaleToPOIData: Annotated[str, Field(pattern=r"^[0-9]{4,8}$", repr=False)]


class NexoAmountsReq(Sent):
    """What is owed."""

    Currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    RequestedAmount: Amount


class NexoSaleItem(Sent):
    """One line of the bill."""

    ProductLabel: Annotated[str, Field(min_length=1, max_length=LINE_TEXT_MAX)]
    ItemAmount: Amount


class NexoPaymentTransaction(Sent):
    """The amount, and the bill's lines if the screen is to show them."""

    AmountsReq: NexoAmountsReq
    SaleItem: Annotated[tuple[NexoSaleItem, ...], Field(max_length=LINES_MAX)] = ()


class NexoPaymentRequest(Sent):
    """Have an order paid. `SaleTransactionID.TransactionID` is the order id."""

    SaleData: NexoSaleData
    PaymentTransaction: NexoPaymentTransaction


class NexoMessageReference(Sent):
    """Which earlier request of this till is meant."""

    ServiceID: ServiceId
    SaleID: NameText | None = None
    MessageCategory: Category | None = None


class NexoAbortRequest(Sent):
    """Take back the order of an earlier Payment."""

    MessageReference: NexoMessageReference
    AbortReason: ShortText = ""


class NexoTransactionStatusRequest(Sent):
    """Ask what became of an earlier request; the rule for a lost answer."""

    MessageReference: NexoMessageReference


class NexoOriginalTransaction(Sent):
    """The payment to give back."""

    POITransactionID: NexoTransactionId


class NexoReversalRequest(Sent):
    """Give a payment back, in full or, with `ReversedAmount`, in part."""

    OriginalPOITransaction: NexoOriginalTransaction
    SaleData: NexoStaffData
    ReversalReason: ShortText = ""
    ReversedAmount: Amount | None = None


class NexoReconciliationRequest(Sent):
    """Close the shift: totals since the last Reconciliation of this till."""

    ReconciliationType: ShortText = "SaleReconciliation"


class NexoGetTotalsRequest(Sent):
    """Totals of today so far."""

    TotalDetails: tuple[ShortText, ...] = ()


class NexoLoginRequest(Sent):
    """Say hello. Nothing depends on it: the key says who speaks, on every request."""

    DateTime: ShortText = ""


class NexoLogoutRequest(Sent):
    """Say goodbye. Nothing depends on it."""


class NexoDiagnosisRequest(Sent):
    """Ask how the kiosk is."""


class NexoOutputText(Sent):
    """One line of text."""

    Text: Annotated[str, Field(max_length=LINE_TEXT_MAX)]


class NexoOutputContent(Sent):
    """Text, or the receipt of an order by its id."""

    OutputFormat: ShortText = "Text"
    OutputText: Annotated[tuple[NexoOutputText, ...], Field(max_length=LINES_MAX)] = ()


class NexoDisplayOutput(Sent):
    """Something to show."""

    Device: ShortText = "CustomerDisplay"
    OutputContent: NexoOutputContent


class NexoDisplayRequest(Sent):
    """Lines for the customer's screen.

    The screen shows the bill that it is about; lines alone are not shown, which is answered so.
    """

    DisplayOutput: Annotated[tuple[NexoDisplayOutput, ...], Field(min_length=1, max_length=4)]


class NexoPredefinedContent(Sent):
    """What is to be printed: the order's id."""

    ReferenceID: OrderName


class NexoPrintContent(Sent):
    """The receipt of an order."""

    OutputFormat: ShortText = "Text"
    PredefinedContent: NexoPredefinedContent


class NexoPrintOutput(Sent):
    """Which copy of which receipt."""

    DocumentQualifier: Literal["CustomerReceipt", "CashierReceipt"] = "CustomerReceipt"
    OutputContent: NexoPrintContent


class NexoPrintRequest(Sent):
    """Get a receipt again, as text for the till's printer."""

    PrintOutput: NexoPrintOutput


class NexoSaleToPOIRequest(Sent):
    """One request: the head, and the one body that the head's category names."""

    MessageHeader: NexoMessageHeader
    PaymentRequest: NexoPaymentRequest | None = None
    AbortRequest: NexoAbortRequest | None = None
    TransactionStatusRequest: NexoTransactionStatusRequest | None = None
    ReversalRequest: NexoReversalRequest | None = None
    ReconciliationRequest: NexoReconciliationRequest | None = None
    GetTotalsRequest: NexoGetTotalsRequest | None = None
    LoginRequest: NexoLoginRequest | None = None
    LogoutRequest: NexoLogoutRequest | None = None
    DiagnosisRequest: NexoDiagnosisRequest | None = None
    DisplayRequest: NexoDisplayRequest | None = None
    PrintRequest: NexoPrintRequest | None = None

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        wanted = f"{self.MessageHeader.MessageCategory.value}Request"
        given = self.model_fields_set - {"MessageHeader"}
        if given != {wanted} or getattr(self, wanted) is None:
            message = "the body must be the one that MessageCategory names"
            raise ValueError(message)
        return self


class RequestEnvelope(Sent):
    """The envelope."""

    SaleToPOIRequest: NexoSaleToPOIRequest
