"""Every kind of record that the journal may hold, read strictly.

A kind or a field that is not listed here is damage, not news: an older program must not sell on a
journal that it does not understand.
Requests, mandate ids, account hints and PIN verifiers appear only sealed (kiosk/money/keys.py);
names, phone numbers and PINs never appear.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from kiosk.domain.consent import Basis, ConsentKind
from kiosk.domain.ids import IdempotencyKey, OrderId, PayerAlias, PaymentRef
from kiosk.domain.mandate import MandateLimits, MandateState
from kiosk.domain.money import Money
from kiosk.domain.order import Order
from kiosk.domain.payment import AttemptEnd
from kiosk.domain.refund import LineFate, RefundState, RefundWay, Witness
from kiosk.money.errors import JournalDamagedError

_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of all records. `at` is when, as `2026-11-23T12:00:00.000000Z`."""

    at: str

    @property
    def time(self) -> datetime:
        """The time as a value, in UTC."""
        return parse_time(self.at)


# Orders ------------------------------------------------------------------------------------------


class OrderOpened(Record, frozen=True, tag="order_opened"):
    """The till asks for money."""

    order: Order


class OrderAborted(Record, frozen=True, tag="order_aborted"):
    """The till takes an open order back."""

    order_id: OrderId
    reason: str


class OrderClosedElsewhere(Record, frozen=True, tag="order_closed_elsewhere"):
    """Staff were paid by other means. `staff` is the id of who said so."""

    order_id: OrderId
    staff: str


class OrderSeen(Record, frozen=True, tag="order_seen"):
    """Somebody has seen the end of this order on the screen."""

    order_id: OrderId


# Tills -------------------------------------------------------------------------------------------


class TillAsked(Record, frozen=True, tag="till_asked"):
    """A till asks for something that must have one answer; stored before anything comes of it.

    `till` and `service_id` name the request; `digest` is SHA-256, in hex, of what it asks for.
    """

    till: str
    service_id: str
    category: str
    order_id: OrderId
    digest: str


class TillAnswered(Record, frozen=True, tag="till_answered"):
    """The answer to such a request, as it is sent now and whenever the request comes again."""

    till: str
    service_id: str
    answer: str


# Attempts ----------------------------------------------------------------------------------------


class IntentStored(Record, frozen=True, tag="intent", omit_defaults=True):
    """What is about to be sent; stored before its first byte leaves.

    `on_screen` came after the first journals of this version: it is written only where it is true,
    so that those read and write the same bytes as ever.
    """

    key: IdempotencyKey
    order_id: OrderId
    alias: PayerAlias
    amount: Money
    basis: Basis
    consent: ConsentKind
    pin_verified: bool
    sealed_request: str
    on_screen: bool = False


class ResultStored(Record, frozen=True, tag="result"):
    """How an attempt ended."""

    key: IdempotencyKey
    end: AttemptEnd
    reason: str
    payment_ref: PaymentRef | None = None


class ResultsMissing(Record, frozen=True, tag="results_missing"):
    """After a restart the bank did not say what became of these keys: their end is unknown."""

    keys: tuple[IdempotencyKey, ...]


class AttemptAccepted(Record, frozen=True, tag="accepted"):
    """The bank has this payment, under this id; how it ends is not known. Never sent again."""

    key: IdempotencyKey
    payment_ref: PaymentRef


class ResultCorrected(Record, frozen=True, tag="correction", omit_defaults=True):
    """What became of an attempt that was stored as unknown: by the bank's word, or by staff's."""

    key: IdempotencyKey
    end: AttemptEnd
    reason: str
    payment_ref: PaymentRef | None = None
    by: Witness = Witness.BANK
    staff: str = ""


class SettlementReversed(Record, frozen=True, tag="reversed"):
    """The bank takes back that it paid: the order's end is unknown until somebody decides."""

    key: IdempotencyKey
    reason: str
    by: Witness


class ResultContradicted(Record, frozen=True, tag="contradiction"):
    """Money of an attempt came in although its stored end says that it did not."""

    key: IdempotencyKey
    by: Witness
    payment_ref: PaymentRef | None = None


# Refunds and statements --------------------------------------------------------------------------


class RefundOpened(Record, frozen=True, tag="refund_opened", omit_defaults=True):
    """Money of a settled attempt is to go back; stored before the first byte of it leaves.

    `sealed_request` holds the exact request under the mandate's key; a manual refund has none.
    """

    number: int
    request_id: str
    key: IdempotencyKey
    refund_key: IdempotencyKey
    order_id: OrderId
    amount: Money
    way: RefundWay
    staff: str
    reason: str
    sealed_request: str = ""


class RefundEnded(Record, frozen=True, tag="refund_ended", omit_defaults=True):
    """How a refund ended, or that its end is unknown; by whose word."""

    number: int
    state: RefundState
    reason: str
    by: Witness
    staff: str = ""
    refund_ref: PaymentRef | None = None


class RefundReversed(Record, frozen=True, tag="refund_reversed"):
    """The bank takes back that a refund was done: the payer has nothing of it."""

    number: int
    reason: str
    by: Witness


class NotedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a bank statement that names a payment or refund of ours; never its text."""

    line: str
    """A digest that names this line in every import of it: 32 hex digits."""
    reference: str
    is_credit: bool
    amount: Money
    fate: LineFate


class StatementNoted(Record, frozen=True, tag="statement"):
    """Lines of the restaurant's own account statement were taken in."""

    statement: str
    """SHA-256 of the file, in hex."""
    staff: str
    lines: tuple[NotedLine, ...]


class ConflictClosed(Record, frozen=True, tag="conflict_closed"):
    """Staff have looked at a conflict: a line of a statement."""

    item: str
    staff: str
    reason: str


# Mandates ----------------------------------------------------------------------------------------


class OfMandate(Record, frozen=True):
    """Base of all records that change one mandate."""

    alias: PayerAlias


class MandateBegun(OfMandate, frozen=True, tag="mandate_begun"):
    """A mandate is about to be asked for; stored before the first byte leaves."""

    key: IdempotencyKey
    limits: MandateLimits


class MandateOpened(OfMandate, frozen=True, tag="mandate_opened"):
    """The bank has the mandate.

    Account hint and PIN verifier are sealed under the mandate's key. The bank's opaque id is sealed
    under the process's own, because revoking still needs it when the mandate's key is gone.
    """

    state: MandateState
    sealed_ref: str
    sealed_secrets: str


class MandateChanged(OfMandate, frozen=True, tag="mandate_changed", omit_defaults=True):
    """The bank tells another state of a mandate. `sealed_secrets` is there if they changed too."""

    state: MandateState
    sealed_secrets: str = ""


class MandateRevoked(OfMandate, frozen=True, tag="mandate_revoked"):
    """No payment under this mandate any more; its key is destroyed next."""

    reason: str


class RevocationConfirmed(OfMandate, frozen=True, tag="revocation_confirmed"):
    """The bank has revoked the mandate too."""


# What a payer may do to their own mandate: `staff` is empty where the payer did it ----------------


class LimitsSet(OfMandate, frozen=True, tag="limits_set", omit_defaults=True):
    """The payer allows other sums, within what the bank was told when the mandate was begun."""

    limits: MandateLimits
    staff: str = ""


class PinSet(OfMandate, frozen=True, tag="pin_set", omit_defaults=True):
    """The payer has another PIN; wrong tries of the old one count no more."""

    sealed_secrets: str
    staff: str = ""


class MandatePaused(OfMandate, frozen=True, tag="mandate_paused", omit_defaults=True):
    """The payer wants no payment until they say so."""

    staff: str = ""


class MandateResumed(OfMandate, frozen=True, tag="mandate_resumed", omit_defaults=True):
    """The pause is over."""

    staff: str = ""


# PINs --------------------------------------------------------------------------------------------


class PinAttempted(Record, frozen=True, tag="pin_attempt"):
    """A PIN is about to be compared; stored before, so that pulling the plug is no way out."""

    alias: PayerAlias


class PinVerified(Record, frozen=True, tag="pin_ok"):
    """The last attempt of this payer was right."""

    alias: PayerAlias


# The vault ---------------------------------------------------------------------------------------


class VaultSeen(Record, frozen=True, tag="vault_seen"):
    """How the vault of faces stood: an older one must never be taken for the newest again.

    `epoch` goes up with a restore, `changes` with every change; `digest` stands for the rows.
    """

    epoch: int
    changes: int
    digest: str


# The file itself ---------------------------------------------------------------------------------


class TailCut(Record, frozen=True, tag="tail_cut"):
    """A write that was cut off, and so never acknowledged, was removed from the end of the file."""

    bytes_removed: int


AnyRecord = (
    OrderOpened | OrderAborted | OrderClosedElsewhere | OrderSeen
    | TillAsked | TillAnswered
    | IntentStored | ResultStored | ResultsMissing | ResultCorrected
    | AttemptAccepted | ResultContradicted | SettlementReversed
    | RefundOpened | RefundEnded | RefundReversed | StatementNoted | ConflictClosed
    | MandateBegun | MandateOpened | MandateChanged | MandateRevoked | RevocationConfirmed
    | LimitsSet | PinSet | MandatePaused | MandateResumed
    | PinAttempted | PinVerified | VaultSeen | TailCut
)  # fmt: skip

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyRecord)


def encode_record(record: AnyRecord) -> bytes:
    """Write a record as the body of a journal line."""
    return _encoder.encode(record)


def decode_record(body: bytes) -> AnyRecord:
    """Read the body of a journal line.

    Raises:
        JournalDamagedError: It is no record of this version. The content is not repeated.
    """
    try:
        record: AnyRecord = _decoder.decode(body)
        parse_time(record.at)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise JournalDamagedError("a record is of a kind that this version does not know") from None
    return record


def format_time(time: datetime) -> str:
    """Write a time as records hold it. The time must be aware."""
    assert time.tzinfo is not None, "a time without a zone means nothing in a journal"
    return time.astimezone(UTC).strftime(_TIME)


def parse_time(text: str) -> datetime:
    """Read a time as records hold it.

    Raises:
        ValueError: It is written in another way.
    """
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
