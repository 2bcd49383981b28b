"""What the bank's words mean for the money, and which of them are believed.

Pure: no signature is checked here and nothing is fetched. An answer is believed only if it is about
our amount, currency, consent, reference and account; else it is `UNKNOWN`.

Payment statuses (`ExternalPaymentTransactionStatus1Code`): only ACSC and ACCC are `SETTLED`. ACSP
and ACWP may still become RJCT or BLCK, so they are `ACCEPTED`, as everything before them. A code
that is not known is `ACCEPTED` with an alarm: the bank has the payment, and it is not paid.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiosk.domain.ids import PaymentRef
from kiosk.domain.mandate import MandateState
from kiosk.domain.money import Money
from kiosk.money.banks.port import BankAnswer, Funds, OutcomeKind
from kiosk.money.banks.vrp.bodies import read_sum
from kiosk.money.banks.vrp.onboarding import Creditor

logger = logging.getLogger(__name__)

SETTLED_CODES = frozenset({"ACSC", "ACCC"})
ACCEPTED_CODES = frozenset({"RCVD", "PDNG", "ACTC", "ACCP", "ACFC", "ACWC", "ACSP", "ACWP"})
DECLINED_CODES = frozenset({"RJCT", "CANC", "BLCK"})

_CODE = re.compile(r"[A-Z][A-Z0-9]{3}", re.ASCII)
_PAYMENT_ID = re.compile(r"[!-~]{1,40}", re.ASCII)
_CONSENT_ID = re.compile(r"[!-~]{1,128}", re.ASCII)

DECLINED_BY_BANK = "declined_by_bank"
_STATUS_REASONS = {
    "AM04": "insufficient_funds",
    "AM14": "limit_period",
    "AM21": "limit_period",
    "AM02": "limit_period",
}
"""`StatusReasonCode` (ISO 20022 external codes); one that is not here is `declined_by_bank`."""

NOT_PROVEN = frozenset({"U000", "U013", "U029"})
"""Errors that do not say that nothing was executed: trouble inside the bank, and two that say that
our reference or resource is there already, so an earlier send may have been executed."""

_ERROR_REASONS = {
    "U008": DECLINED_BY_BANK,
    "U009": "mandate_suspended",
    "U011": "mandate_unknown",
    "U028": "mandate_suspended",
    "TKSP": "mandate_suspended",
    "TKXP": "mandate_expired",
}
_OUR_FAULTS = frozenset({f"U0{number:02d}" for number in (*range(1, 9), 10, *range(15, 28))})
TOKEN_CODES = frozenset({"TKSP", "TKXP", "U028"})
"""Errors of the check of the token, which comes before anything of the body is looked at. Signed
they are a refusal like others; without a signature they are anybody's word."""
CONSENT_CODES = frozenset({"U009", "U011", "U028"})
"""Errors that say that a consent does not authorise now, and not why."""

_CONSENT_STATES = {
    "AWAU": MandateState.PENDING,
    "AUTH": MandateState.ACTIVE,
    "RJCT": MandateState.REJECTED,
    "CANC": MandateState.SUSPENDED,
    "EXPD": MandateState.EXPIRED,
}
"""CANC is "cancelled at the bank", which the payer can take back there: suspended."""


@dataclass(frozen=True, slots=True)
class BankRefusal:
    """The first error of an `OBErrorResponse1`."""

    code: str
    path: str = ""

    @property
    def reason(self) -> str:
        """Why, in our words."""
        if self.code == "U014":
            return _limit_reason(self.path)
        return _ERROR_REASONS.get(self.code, DECLINED_BY_BANK)

    @property
    def is_proof(self) -> bool:
        """Say whether it proves that the request was not executed, neither now nor before.

        A key that was used with another body (U006) says that something was.
        """
        is_key = self.code == "U006" and "idempotency" in self.path.lower()
        return self.code not in NOT_PROVEN and not is_key

    @property
    def is_our_fault(self) -> bool:
        """Say whether the request itself was wrong: a bug of ours, or a clock that is off."""
        return self.code in _OUR_FAULTS


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer must be about."""

    amount: Money
    reference: str
    consent_id: str | None = None
    payment_ref: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """A payment as the bank tells it; only read out, not yet compared."""

    payment_ref: str
    consent_id: str
    status: str
    reason_code: str
    amount: Money
    reference: str
    instruction: str
    creditor: tuple[str, str]
    """Scheme and identification; the bank may write the name its own way."""


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    """A consent as the bank tells it."""

    consent_id: str
    state: MandateState
    account_hint: str


def parse_object(content: bytes) -> dict[str, Any] | None:
    """Read a JSON object, or return None for anything else; a name twice is no object."""
    try:
        found = json.loads(content, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_refusal(body: Mapping[str, Any] | None) -> BankRefusal | None:
    """Read an `OBErrorResponse1`, or return None if it is none."""
    errors = None if body is None else body.get("Errors")
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        return None
    code, path = errors[0].get("ErrorCode"), errors[0].get("Path", "")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return None
    return BankRefusal(code, path if isinstance(path, str) else "")


def read_payment(body: Mapping[str, Any] | None) -> PaymentFacts | None:
    """Read an `OBDomesticVRPResponse`, or return None if what decides is missing or malformed."""
    data = _part(body, "Data")
    instruction = _part(data, "Instruction")
    amount = read_sum(instruction.get("InstructedAmount"))
    creditor = _part(instruction, "CreditorAccount")
    texts = (
        data.get("DomesticVRPId"), data.get("ConsentId"), data.get("Status"),
        instruction.get("EndToEndIdentification"), instruction.get("InstructionIdentification"),
        creditor.get("SchemeName"), creditor.get("Identification"),
    )  # fmt: skip
    if amount is None or not all(isinstance(text, str) for text in texts):
        return None
    ref, consent_id, status, reference, name, scheme, account = map(str, texts)
    if not (_PAYMENT_ID.fullmatch(ref) and _CONSENT_ID.fullmatch(consent_id)):
        return None
    if not _CODE.fullmatch(status):
        return None
    reason = _first_code(data.get("StatusReason"), "StatusReasonCode")
    return PaymentFacts(
        ref, consent_id, status, reason, amount, reference, name, (scheme, account)
    )  # fmt: skip


def is_about(facts: PaymentFacts, asked: Asked, creditor: Creditor) -> bool:
    """Say whether an answer is about what we asked, in every part that decides."""
    return (
        facts.amount == asked.amount
        and facts.reference == facts.instruction == asked.reference
        and facts.creditor == account_of(creditor)
        and asked.consent_id in {None, facts.consent_id}
        and asked.payment_ref in {None, facts.payment_ref}
    )


def meaning(facts: PaymentFacts) -> BankAnswer:
    """Say what a payment's status means for the money."""
    ref = PaymentRef(facts.payment_ref)
    if facts.status in SETTLED_CODES:
        return BankAnswer(OutcomeKind.SETTLED, "", ref)
    if facts.status in DECLINED_CODES:
        reason = _STATUS_REASONS.get(facts.reason_code, DECLINED_BY_BANK)
        return BankAnswer(OutcomeKind.DECLINED, reason, ref)
    if facts.status not in ACCEPTED_CODES:
        logger.error("the bank told a payment status that is not known: %s", facts.status)
        return BankAnswer(OutcomeKind.ACCEPTED, "bank_status_not_known", ref)
    return BankAnswer(OutcomeKind.ACCEPTED, "bank_pending", ref)


def details_reason(body: Mapping[str, Any] | None) -> str:
    """Read why a payment was refused from an `OBDomesticVRPDetails`; empty if it does not say."""
    statuses = _part(body, "Data").get("PaymentStatus")
    if not isinstance(statuses, list):
        return ""
    for status in statuses[-1:]:
        code = _part(status, "StatusDetail").get("StatusReason")
        if isinstance(code, str) and _CODE.fullmatch(code):
            return _STATUS_REASONS.get(code, "")
    return ""


def read_funds(body: Mapping[str, Any] | None, consent_id: str, amount: Money) -> Funds:
    """Read an `OBVRPFundsConfirmationResponse` about this consent and amount."""
    data = _part(body, "Data")
    if data.get("ConsentId") != consent_id or read_sum(data.get("InstructedAmount")) != amount:
        return Funds.UNKNOWN
    match _part(data, "FundsAvailableResult").get("FundsAvailable"):
        case "Available":
            return Funds.YES
        case "NotAvailable":
            return Funds.NO
        case _:
            return Funds.UNKNOWN


def is_consent_for(body: Mapping[str, Any] | None, asked: Mapping[str, Any] | None) -> bool:
    """Say whether a consent has the limits and the creditor that were asked for."""
    data, wanted = _part(body, "Data"), _part(asked, "Data")
    told, want = _part(data, "ControlParameters"), _part(wanted, "ControlParameters")
    accounts = [_part(_part(part, "Initiation"), "CreditorAccount") for part in (data, wanted)]
    limits = told.get("PeriodicLimits")
    return (
        read_sum(told.get("MaximumIndividualAmount")) == read_sum(want["MaximumIndividualAmount"])
        and isinstance(limits, list)
        and [_limit(limit) for limit in limits] == [_limit(one) for one in want["PeriodicLimits"]]
        and accounts[0].get("SchemeName") == accounts[1]["SchemeName"]
        and accounts[0].get("Identification") == accounts[1]["Identification"]
    )


def account_of(creditor: Creditor) -> tuple[str, str]:
    """Return what identifies an account."""
    return creditor.SchemeName, creditor.Identification


def read_consent(body: Mapping[str, Any] | None) -> ConsentFacts | None:
    """Read an `OBDomesticVRPConsentResponse`, or return None if it makes no sense."""
    data = _part(body, "Data")
    consent_id, status = data.get("ConsentId"), data.get("Status")
    if not isinstance(consent_id, str) or not _CONSENT_ID.fullmatch(consent_id):
        return None
    state = _CONSENT_STATES.get(status) if isinstance(status, str) else None
    if state is None:
        return None
    account = _part(data, "DebtorAccount").get("Identification")
    digits = re.sub(r"[^0-9]", "", account, flags=re.ASCII) if isinstance(account, str) else ""
    return ConsentFacts(consent_id, state, f"••{digits[-2:]}" if len(digits) >= 2 else "")


def _limit_reason(path: str) -> str:
    """Say which limit was broken; the standard tells it in `Path` only."""
    if "MaximumIndividualAmount" in path:
        return "limit_per_payment"
    if "ValidTo" in path or "ValidFrom" in path:
        return "mandate_expired"
    if "PeriodicLimits" in path:
        # This terminal asks for a day limit only, so a path without the period means it too.
        periods = ("Week", "Fortnight", "Month", "Half-year", "Year")
        return "limit_period" if any(period in path for period in periods) else "limit_per_day"
    return "limit_period"


def _limit(limit: object) -> tuple[object, object, Money | None]:
    part = limit if isinstance(limit, dict) else {}
    return part.get("PeriodType"), part.get("PeriodAlignment"), read_sum(part)


def _first_code(reasons: object, name: str) -> str:
    if isinstance(reasons, list) and reasons and isinstance(reasons[0], dict):
        code = reasons[0].get(name)
        if isinstance(code, str) and _CODE.fullmatch(code):
            return code
    return ""


def _part(body: object, name: str) -> Mapping[str, Any]:
    found = body.get(name) if isinstance(body, Mapping) else None
    return found if isinstance(found, dict) else {}


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a name appears twice"
        raise ValueError(message)
    return found
