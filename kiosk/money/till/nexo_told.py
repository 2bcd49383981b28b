"""What a till is answered in nexo style; what it sends is in nexo_sent.py.

The names are those of the nexo Retailer protocol as Adyen documents it; a subset, not certified.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from kiosk.money.till.nexo_sent import Category


class Outcome(Enum):
    """How a request went."""

    SUCCESS = "Success"
    PARTIAL = "Partial"
    FAILURE = "Failure"


class Condition(Enum):
    """Why it did not go well, in nexo's words."""

    ABORTED = "Aborted"
    BUSY = "Busy"
    CANCEL = "Cancel"
    IN_PROGRESS = "InProgress"
    MESSAGE_FORMAT = "MessageFormat"
    NOT_ALLOWED = "NotAllowed"
    NOT_FOUND = "NotFound"
    REFUSAL = "Refusal"
    UNAVAILABLE_DEVICE = "UnavailableDevice"
    UNAVAILABLE_SERVICE = "UnavailableService"
    UNREACHABLE_HOST = "UnreachableHost"


class Told(BaseModel):
    """Base of what it is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NexoResponseHeader(Told):
    """The head of an answer: the request's, turned round."""

    ProtocolVersion: Literal["3.0"] = "3.0"
    MessageClass: str
    MessageCategory: Category
    MessageType: Literal["Response"] = "Response"
    ServiceID: str
    SaleID: str
    POIID: str


class NexoResponse(Told):
    """How it went. `AdditionalResponse` says it in words that staff and programs can read."""

    Result: Outcome
    ErrorCondition: Condition | None = None
    AdditionalResponse: str | None = None


class NexoTransaction(Told):
    """A transaction's name and time."""

    TransactionID: str
    TimeStamp: str


class NexoSaleDataTold(Told):
    """The till's own name of the transaction."""

    SaleTransactionID: NexoTransaction


class NexoPOIData(Told):
    """Our name of the transaction, which a Reversal wants."""

    POITransactionID: NexoTransaction


class NexoAmountsResp(Told):
    """What was paid."""

    Currency: str
    AuthorizedAmount: float


class NexoPaymentResult(Told):
    """What was paid, and how."""

    PaymentType: Literal["Normal"] = "Normal"
    AmountsResp: NexoAmountsResp


class NexoTextLine(Told):
    """One line of a receipt."""

    Text: str


class NexoTextContent(Told):
    """The lines of a receipt."""

    OutputFormat: Literal["Text"] = "Text"
    OutputText: list[NexoTextLine]


class NexoPaymentReceipt(Told):
    """A receipt for the till's printer."""

    DocumentQualifier: Literal["CustomerReceipt", "CashierReceipt"]
    RequiredSignatureFlag: bool = False
    OutputContent: NexoTextContent


class NexoPaymentResponse(Told):
    """What became of the order."""

    Response: NexoResponse
    SaleData: NexoSaleDataTold
    POIData: NexoPOIData | None = None
    PaymentResult: NexoPaymentResult | None = None
    PaymentReceipt: list[NexoPaymentReceipt] | None = None


class NexoPlain(Told):
    """An answer that needs no more than its result."""

    Response: NexoResponse


class NexoReversalResponse(Told):
    """What became of the reversal; POIData names the refund."""

    Response: NexoResponse
    POIData: NexoPOIData | None = None
    ReversedAmount: float | None = None


class NexoReferred(Told):
    """Which request was asked about."""

    MessageCategory: Category
    ServiceID: str
    SaleID: str


class NexoPaymentTotals(Told):
    """Count and sum of one kind."""

    TransactionType: str
    TransactionCount: int
    TransactionAmount: float


class NexoTransactionTotals(Told):
    """Count and sum of each kind, in one currency."""

    PaymentCurrency: str
    PaymentTotals: list[NexoPaymentTotals]


class NexoTotalsResponse(Told):
    """Totals; `AdditionalResponse` names what is open."""

    Response: NexoResponse
    POIReconciliationID: str | None = None
    TransactionTotals: list[NexoTransactionTotals] | None = None


class NexoRepeatedBody(Told):
    """The body of the original answer."""

    PaymentResponse: NexoPaymentResponse | None = None
    ReversalResponse: NexoReversalResponse | None = None
    ReconciliationResponse: NexoTotalsResponse | None = None
    AbortResponse: NexoPlain | None = None


class NexoRepeated(Told):
    """The original answer, once more."""

    MessageHeader: NexoResponseHeader
    RepeatedResponseMessageBody: NexoRepeatedBody


class NexoTransactionStatusResponse(Told):
    """What became of an earlier request."""

    Response: NexoResponse
    MessageReference: NexoReferred | None = None
    RepeatedMessageResponse: NexoRepeated | None = None


class NexoHostStatus(Told):
    """Whether the bank is reached."""

    AcquirerID: str
    IsReachableFlag: bool


class NexoPOIStatus(Told):
    """How the kiosk is."""

    GlobalStatus: Literal["OK", "Busy", "Maintenance", "Unreachable"]
    CommunicationOKFlag: bool


class NexoDiagnosisResponse(Told):
    """How the kiosk is; `AdditionalResponse` holds the facts as `name=value&…`."""

    Response: NexoResponse
    LoggedSaleID: list[str] | None = None
    POIStatus: NexoPOIStatus | None = None
    HostStatus: list[NexoHostStatus] | None = None


class NexoPOISoftware(Told):
    """What the till talks to."""

    ProviderIdentification: Literal["SmileTill"] = "SmileTill"
    ApplicationName: Literal["SmileTill"] = "SmileTill"
    SoftwareVersion: str


class NexoPOISystemData(Told):
    """When, and what."""

    DateTime: str
    POISoftware: NexoPOISoftware


class NexoLoginResponse(Told):
    """Hello."""

    Response: NexoResponse
    POISystemData: NexoPOISystemData | None = None


class NexoOutputResult(Told):
    """What became of one output."""

    Device: str
    Response: NexoResponse


class NexoDisplayResponse(Told):
    """What became of the lines."""

    OutputResult: list[NexoOutputResult]


class NexoPrintResponse(Told):
    """The receipt, for the till's printer."""

    DocumentQualifier: Literal["CustomerReceipt", "CashierReceipt"]
    Response: NexoResponse
    PaymentReceipt: list[NexoPaymentReceipt] | None = None


class NexoSaleToPOIResponse(Told):
    """One answer: the head, and the body of its category."""

    MessageHeader: NexoResponseHeader
    PaymentResponse: NexoPaymentResponse | None = None
    AbortResponse: NexoPlain | None = None
    TransactionStatusResponse: NexoTransactionStatusResponse | None = None
    ReversalResponse: NexoReversalResponse | None = None
    ReconciliationResponse: NexoTotalsResponse | None = None
    GetTotalsResponse: NexoTotalsResponse | None = None
    LoginResponse: NexoLoginResponse | None = None
    LogoutResponse: NexoPlain | None = None
    DiagnosisResponse: NexoDiagnosisResponse | None = None
    DisplayResponse: NexoDisplayResponse | None = None
    PrintResponse: NexoPrintResponse | None = None


class ResponseEnvelope(Told):
    """The envelope."""

    SaleToPOIResponse: NexoSaleToPOIResponse
