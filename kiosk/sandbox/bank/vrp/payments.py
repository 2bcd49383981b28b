"""Payments under a consent: created once a key, climbing their ladder, moving money exactly once.

Invariants:
- A payment and the record of its idempotency key are written in one transaction.
- Money moves in the transaction that writes ACSC, and in no other; a payment takes each status at
  most once, so it cannot move twice.
- What is accepted and not yet settled is held back from the account's funds, and counts against
  the consent's limits until it is rejected or cancelled.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import date
from typing import Any

from kiosk.sandbox.bank.ledger import MERCHANT_ACCOUNT
from kiosk.sandbox.bank.vrp.bodies import (
    INTERACTION_DEFAULT,
    check_funds,
    check_payment,
    limits_of,
    same,
)
from kiosk.sandbox.bank.vrp.consents import (
    account_row,
    anchor_of,
    debtor_account,
    own_consent,
    require_authorised,
)
from kiosk.sandbox.bank.vrp.errors import Code, ObError
from kiosk.sandbox.bank.vrp.events import PAYMENTS, RESOURCE_UPDATE, queue_event
from kiosk.sandbox.bank.vrp.ladder import FIRST_ANSWERS, Ladder, Status, Step
from kiosk.sandbox.bank.vrp.limits import period_of
from kiosk.sandbox.bank.vrp.shapes import read_amount
from kiosk.sandbox.bank.vrp.turn import Turn, iso_time, known_under, remember, whole_answer

MERCHANT_IDENTIFICATION = "20000112345678"
"""Account of the simulated restaurant; money to anyone else goes to an account of its own."""

_DAY_S = 86_400
_PARAMETERS = "Data.ControlParameters"
_REASONS = {
    "AC04": "ClosedAccountNumber",
    "AC06": "BlockedAccount",
    "AM04": "InsufficientFunds",
    "AM14": "AmountExceedsAgreedLimit",
    "AM21": "LimitExceeded",
    "DUPL": "DuplicatePayment",
    "FRAD": "FraudulentOrigin",
}
_NOT_GIVEN_BACK = (
    "not exists (select 1 from vrp_statuses s where s.payment_id = p.id"
    " and s.status in ('RJCT', 'CANC'))"
)
_SPENT = (
    "select (select coalesce(sum(minor_units), 0) from vrp_payments"
    " where consent_id = ?1 and day between ?2 and ?3)"
    " - (select coalesce(sum(p.minor_units), 0) from vrp_statuses s"
    " cross join vrp_payments p on p.id = s.payment_id where s.status in ('RJCT', 'CANC')"
    " and p.consent_id = ?1 and p.day between ?2 and ?3)"
)
"""All that a consent paid in a period, without what was given back.

`cross join` is how SQLite is told to start from the few rows of the first table.
"""
_HELD_BACK = (
    "select coalesce(sum(p.minor_units), 0) from vrp_payments p where p.id in ("
    " select w.payment_id from vrp_waiting w cross join vrp_payments q on q.id = w.payment_id"
    " where q.account = ? and not exists ("
    "  select 1 from vrp_statuses s where s.payment_id = w.payment_id and s.status = 'ACSC')"
    " union select b.payment_id from vrp_statuses b"
    " cross join vrp_payments q on q.id = b.payment_id"
    " where b.status = 'BLCK' and q.account = ?)"
)
"""What waits to be settled, and what is blocked: that is never posted, and never given back."""


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What a bank may refuse beyond the standard; by default this one refuses nothing more."""

    refuse_duplicates: bool = False
    """Refuse the same instruction under another key (409 U029)."""
    cut_off_s: int | None = None
    """Seconds into the UTC day after which no payment is taken (U012)."""


def create_payment(
    turn: Turn,
    client: tuple[str, str],
    key: str,
    digest: str,
    body: object,
    ladder: Ladder,
    *,
    house_rules: HouseRules,
) -> dict[str, Any]:
    """Make a payment, or return the one that was made under the key as it stands now.

    Args:
        turn: The open books.
        client: Who asks, and the consent its token was given for.
        key: Idempotency key.
        digest: Hash of the request's exact bytes.
        body: The request.
        ladder: What is to become of the payment.
        house_rules: What this bank refuses beyond the standard.

    Raises:
        ObError: The request is refused; nothing was made.
    """
    client_id, token_consent_id = client
    known = known_under(turn, client_id, "payment", key, digest)
    if known is not None:
        return payment_answer(turn, own_payment(turn, client_id, known))
    request = check_payment(body, turn.personality)
    data = request["Data"]
    consent = own_consent(turn, client_id, data["ConsentId"])
    if consent["id"] != token_consent_id:
        raise ObError(403)
    require_authorised(consent)
    agreed = json.loads(consent["body"])
    _require_agreed(agreed, request)
    amount = read_amount(data["Instruction"]["InstructedAmount"]["Amount"], "")
    day = max(turn.today, anchor_of(consent))
    _require_within(turn, consent, agreed, request, amount, day)
    cut_off_s = house_rules.cut_off_s
    if cut_off_s is not None and turn.now_s % _DAY_S >= cut_off_s:
        raise ObError(400, Code.AFTER_CUT_OFF, "The bank is closed for today.")
    if house_rules.refuse_duplicates:
        _require_new(turn, consent["id"], data["Instruction"]["InstructionIdentification"])
    payment_id = f"vrp-{secrets.token_hex(12)}"
    no_reason = _no_reason(turn, consent["account"], amount)
    plan = [Step(Status.REJECTED, turn.now_s, no_reason)] if no_reason else ladder.plan(turn.now_s)
    turn.insert(
        "vrp_payments",
        {
            "id": payment_id,
            "client_id": client_id,
            "consent_id": consent["id"],
            "key": key,
            "body": json.dumps(request),
            "instruction_id": data["Instruction"]["InstructionIdentification"],
            "end_to_end_id": data["Instruction"]["EndToEndIdentification"],
            "account": consent["account"],
            "creditor": _creditor(data["Instruction"]["CreditorAccount"]["Identification"]),
            "minor_units": amount,
            "currency": data["Instruction"]["InstructedAmount"]["Currency"],
            "day": day.isoformat(),
            "plan": json.dumps([[step.status, step.due_s, step.reason] for step in plan]),
            "created_at_s": turn.now_s,
        },
    )
    _write_status(turn, payment_id, Step(Status.RECEIVED, turn.now_s))
    turn.insert("vrp_waiting", {"payment_id": payment_id, "next": 0, "due_s": plan[0].due_s})
    remember(turn, client_id, "payment", key, digest, payment_id)
    row = own_payment(turn, client_id, payment_id)
    _climb(turn, row, only_first_answers=True)
    return payment_answer(turn, row)


# --- may it be paid? ----------------------------------------------------------------------------


def _require_agreed(agreed: dict[str, Any], request: dict[str, Any]) -> None:
    """Refuse a payment that is not what the consent says (U008, U001)."""
    data, instruction = request["Data"], request["Data"]["Instruction"]
    initiation = agreed["Data"]["Initiation"]
    for path, one, other in (
        ("Data.Initiation", initiation, data["Initiation"]),
        ("Risk", agreed["Risk"], request["Risk"]),
    ):
        if not same(one, other):
            raise _mismatch(path)
    if "RemittanceInformation" in initiation and "RemittanceInformation" not in instruction:
        raise ObError(
            400,
            Code.FIELD_EXPECTED,
            "The consent fixes the remittance information for every payment.",
            "Data.Instruction.RemittanceInformation",
        )
    for name in ("CreditorAccount", "RemittanceInformation"):
        if name in initiation and not same(initiation[name], instruction[name]):
            raise _mismatch(f"Data.Instruction.{name}")


def _mismatch(path: str) -> ObError:
    return ObError(400, Code.CONSENT_MISMATCH, "The consent says something else.", path)


def _require_within(
    turn: Turn,
    consent: dict[str, Any],
    agreed: dict[str, Any],
    request: dict[str, Any],
    amount: int,
    day: date,
) -> None:
    """Refuse a payment outside the consent's control parameters (U014)."""
    parameters, data = agreed["Data"]["ControlParameters"], request["Data"]
    interactions = parameters.get("PSUInteractionTypes") or [INTERACTION_DEFAULT]
    first_day = consent["first_day"]
    broken = (
        ("ValidFromDateTime", first_day is not None and turn.today.isoformat() < first_day),
        ("VRPType", data["VRPType"] not in parameters["VRPType"]),
        (
            "PSUAuthenticationMethods",
            data["PSUAuthenticationMethod"] not in parameters["PSUAuthenticationMethods"],
        ),
        (
            "PSUInteractionTypes",
            data.get("PSUInteractionType", INTERACTION_DEFAULT) not in interactions,
        ),
        (
            "MaximumIndividualAmount",
            amount > read_amount(parameters["MaximumIndividualAmount"]["Amount"], ""),
        ),
    )
    for name, is_broken in broken:
        if is_broken:
            raise _outside(name)
    for index, limit in enumerate(limits_of(agreed)):
        period = period_of(limit, anchor_of(consent), day)
        spent = turn.number(
            _SPENT, [consent["id"], period.first.isoformat(), period.last.isoformat()]
        )
        if spent + amount > period.minor_units:
            raise _outside(f"PeriodicLimits[{index}]")


def _outside(parameter: str) -> ObError:
    return ObError(
        400,
        Code.FAILS_CONTROL_PARAMETERS,
        "The payment is outside the consent's control parameters.",
        f"{_PARAMETERS}.{parameter}",
    )


def _require_new(turn: Turn, consent_id: str, instruction_id: str) -> None:
    if turn.number(
        "select count(*) from vrp_payments p"  # noqa: S608 - a constant
        f" where p.consent_id = ? and p.instruction_id = ? and {_NOT_GIVEN_BACK}",
        [consent_id, instruction_id],
    ):
        raise ObError(
            409,
            Code.RESOURCE_EXISTS,
            "This instruction was given before.",
            "Data.Instruction.InstructionIdentification",
        )


def _no_reason(turn: Turn, account: str, amount: int, own_hold: int = 0) -> str:
    """Return why an account cannot pay an amount, as a status reason, or an empty text."""
    row = account_row(turn, account)
    if row["state"] != "open":
        return "AC04" if row["state"] == "closed" else "AC06"
    held = turn.number(_HELD_BACK, [account, account])
    available = turn.books.balance(account, "GBP") - held + own_hold
    return "" if amount <= available else "AM04"


def _creditor(identification: str) -> str:
    """Return the account in the books that a creditor's money goes to."""
    if identification == MERCHANT_IDENTIFICATION:
        return MERCHANT_ACCOUNT
    return f"payee-{hashlib.sha256(identification.encode()).hexdigest()[:16]}"


# --- the ladder ---------------------------------------------------------------------------------


def climb_due(turn: Turn) -> None:
    """Let every payment take the statuses whose time has come, in the order of their times."""
    while due := turn.rows(
        "select payment_id from vrp_waiting where due_s <= ? order by due_s, rowid limit 1",
        [turn.now_s],
    ):
        _climb(turn, _row(turn, due[0]["payment_id"]))


def _climb(turn: Turn, row: dict[str, Any], *, only_first_answers: bool = False) -> None:
    """Let one payment take the next status that is due, or all that a first answer may say."""
    plan = [Step(Status(name), due_s, reason) for name, due_s, reason in json.loads(row["plan"])]
    waiting = turn.rows("select next from vrp_waiting where payment_id = ?", [row["id"]])
    for index in range(waiting[0]["next"], len(plan)):
        step = plan[index]
        if step.due_s > turn.now_s or (only_first_answers and step.status not in FIRST_ANSWERS):
            return
        is_over = _take(turn, row, step) or index + 1 == len(plan)
        if is_over:
            turn.change("delete from vrp_waiting where payment_id = ?", [row["id"]])
            return
        turn.change(
            "update vrp_waiting set next = ?, due_s = ? where payment_id = ?",
            [index + 1, plan[index + 1].due_s, row["id"]],
        )
        if not only_first_answers:
            return


def _take(turn: Turn, row: dict[str, Any], step: Step) -> bool:
    """Take one status; return whether the payment ended otherwise than planned."""
    if step.status is Status.SETTLED:
        no_reason = _no_reason(turn, row["account"], row["minor_units"], row["minor_units"])
        if no_reason:
            _write_status(turn, row["id"], Step(Status.REJECTED, step.due_s, no_reason), row)
            return True
        turn.books.transfer(
            row["account"],
            row["creditor"],
            row["minor_units"],
            row["currency"],
            row["end_to_end_id"],
        )
    _write_status(turn, row["id"], step, row)
    return False


def _write_status(
    turn: Turn, payment_id: str, step: Step, told: dict[str, Any] | None = None
) -> None:
    turn.insert(
        "vrp_statuses",
        {
            "payment_id": payment_id,
            "status": step.status.value,
            "reason": step.reason,
            "at_s": step.due_s,
        },
    )
    if told is not None:
        queue_event(turn, told["client_id"], RESOURCE_UPDATE, (PAYMENTS, payment_id), step.due_s)


# --- reading ------------------------------------------------------------------------------------


def own_payment(turn: Turn, client_id: str, payment_id: str) -> dict[str, Any]:
    """Return the row of a client's own payment.

    Raises:
        ObError: U011 if there is none; 403 if it is another's.
    """
    row = _row(turn, payment_id)
    if row["client_id"] != client_id:
        raise ObError(403)
    return row


def _row(turn: Turn, payment_id: str) -> dict[str, Any]:
    for row in turn.rows("select * from vrp_payments where id = ?", [payment_id]):
        return row
    raise ObError(400, Code.NOT_FOUND, "There is no such payment.", "DomesticVRPId")


def _statuses(turn: Turn, payment_id: str) -> list[dict[str, Any]]:
    return turn.rows("select * from vrp_statuses where payment_id = ? order by id", [payment_id])


def payment_answer(turn: Turn, row: dict[str, Any]) -> dict[str, Any]:
    """Return a payment as OBDomesticVRPResponse, as it stands now."""
    body, latest = json.loads(row["body"]), _statuses(turn, row["id"])[-1]
    debtor = debtor_account(turn, row["account"])
    data: dict[str, Any] = {
        "DomesticVRPId": row["id"],
        "ConsentId": row["consent_id"],
        "CreationDateTime": iso_time(row["created_at_s"]),
        "Status": latest["status"],
        "StatusUpdateDateTime": iso_time(latest["at_s"]),
        "Initiation": body["Data"]["Initiation"],
        "Instruction": body["Data"]["Instruction"],
        "DebtorAccount": debtor,
    }
    if latest["reason"]:
        data["StatusReason"] = [
            {
                "StatusReasonCode": latest["reason"],
                "StatusReasonDescription": _REASONS.get(latest["reason"], "Other"),
            }
        ]
    if _wants_refund_account(turn, row["consent_id"]):
        data["Refund"] = debtor
    return whole_answer(turn, f"{PAYMENTS}/{row['id']}", data, body["Risk"])


def _wants_refund_account(turn: Turn, consent_id: str) -> bool:
    rows = turn.rows("select body from vrp_consents where id = ?", [consent_id])
    wanted: object = json.loads(rows[0]["body"])["Data"].get("ReadRefundAccount")
    return wanted == "Yes"


def details_answer(turn: Turn, row: dict[str, Any]) -> dict[str, Any]:
    """Return all statuses of a payment as OBDomesticVRPDetails, the newest last.

    Neither this nor a funds confirmation has Links or Meta in the standard.
    """
    found = []
    for status in _statuses(turn, row["id"]):
        detail = {"LocalInstrument": "UK.OBIE.FPS", "Status": status["status"]}
        if status["reason"]:
            detail["StatusReason"] = status["reason"]
            detail["StatusReasonDescription"] = _REASONS.get(status["reason"], "Other")
        found.append(
            {
                "PaymentTransactionId": row["id"],
                "Status": status["status"],
                "StatusUpdateDateTime": iso_time(status["at_s"]),
                "StatusDetail": detail,
            }
        )
    return {"Data": {"PaymentStatus": found}}


def funds_answer(
    turn: Turn, client: tuple[str, str], consent_id: str, body: object
) -> dict[str, Any]:
    """Answer a funds confirmation; nothing is held back for it.

    Raises:
        ObError: The request is refused.
    """
    client_id, token_consent_id = client
    data = check_funds(body)["Data"]
    consent = own_consent(turn, client_id, consent_id)
    if consent_id != token_consent_id:
        raise ObError(403)
    if data["ConsentId"] != consent_id:
        raise _mismatch("Data.ConsentId")
    require_authorised(consent)
    amount = read_amount(data["InstructedAmount"]["Amount"], "")
    is_available = not _no_reason(turn, consent["account"], amount)
    funds_id = f"vrpf-{secrets.token_hex(12)}"
    answer = {
        "FundsConfirmationId": funds_id,
        "ConsentId": consent_id,
        "CreationDateTime": iso_time(turn.now_s),
        "FundsAvailableResult": {
            "FundsAvailableDateTime": iso_time(turn.now_s),
            "FundsAvailable": "Available" if is_available else "NotAvailable",
        },
        "InstructedAmount": data["InstructedAmount"],
    }
    if "Reference" in data:
        answer["Reference"] = data["Reference"]
    return {"Data": answer}
