"""Consents: made by the third party, decided by the payer, ended by either or by time.

States: AWAU -> AUTH | RJCT | EXPD; AUTH -> CANC | EXPD; CANC -> AUTH (after re-authentication) |
EXPD. RJCT and EXPD are final. A consent that its third party deleted is not found any more.
The simulated payer of each consent has two accounts, unless the consent names one.
"""

from __future__ import annotations

import json
import secrets
from datetime import date
from typing import Any

from kiosk.sandbox.bank.ledger import OPENING_BALANCE_MINOR_UNITS
from kiosk.sandbox.bank.vrp.bodies import (
    CURRENCY,
    IBAN_SCHEME,
    SORT_CODE_SCHEME,
    check_consent,
    validity_of,
)
from kiosk.sandbox.bank.vrp.errors import Code, ObError
from kiosk.sandbox.bank.vrp.events import (
    ACCOUNT_UPDATE,
    CONSENTS,
    RESOURCE_UPDATE,
    REVOKED,
    queue_event,
)
from kiosk.sandbox.bank.vrp.turn import Turn, iso_time, known_under, remember, whole_answer

SPARE_BALANCE_MINOR_UNITS = 500
"""5.00: an account to run out of money with."""
SORT_CODE = "040004"
ACCOUNT_STATES = ("open", "closed", "blocked")

# Decision -> (states it may be taken in, state it leads to, reason that is told).
_DECISIONS = {
    "approve": (("AWAU",), "AUTH", ""),
    "reject": (("AWAU",), "RJCT", "U036"),
    "suspend": (("AUTH",), "CANC", "U042"),
    "reauthorise": (("AUTH", "CANC"), "AUTH", ""),
    "expire": (("AWAU", "AUTH", "CANC"), "EXPD", "U042"),
}
_REASONS = {"U036": "Authorisation not completed", "U042": "UK.OBIE.OtherReason"}


def create_consent(
    turn: Turn, client_id: str, key: str, digest: str, body: object
) -> dict[str, Any]:
    """Make a consent, or return the one that was made under the key.

    Raises:
        ObError: The body is refused, or the key came with another one.
    """
    known = known_under(turn, client_id, "consent", key, digest)
    if known is not None:
        return consent_answer(turn, own_consent(turn, client_id, known))
    checked = check_consent(body, turn.personality, turn.now_s)
    validity = validity_of(checked)
    consent_id = f"vrpc-{secrets.token_hex(12)}"
    turn.insert(
        "vrp_consents",
        {
            "id": consent_id,
            "client_id": client_id,
            "body": json.dumps(checked),
            "status": "AWAU",
            "reason": "",
            # Periods count from the consent's creation, or from its first day if that is later.
            "anchor_day": max(turn.today, validity.first or turn.today).isoformat(),
            "first_day": validity.first and validity.first.isoformat(),
            "last_day": validity.last and validity.last.isoformat(),
            "created_at_s": turn.now_s,
            "changed_at_s": turn.now_s,
        },
    )
    _give_accounts(turn, consent_id, checked["Data"]["Initiation"].get("DebtorAccount"))
    remember(turn, client_id, "consent", key, digest, consent_id)
    return consent_answer(turn, consent_row(turn, consent_id))


def _give_accounts(turn: Turn, consent_id: str, named: dict[str, Any] | None) -> None:
    """Let the payer of a consent have the account it names, or two new ones."""
    if named is not None:
        scheme, identification = named["SchemeName"], named["Identification"]
        known = turn.rows("select id from vrp_accounts where identification = ?", [identification])
        account = (
            known[0]["id"]
            if known
            else _open(turn, scheme, identification, named["Name"], OPENING_BALANCE_MINOR_UNITS)
        )
        _link(turn, consent_id, account)
        return
    for name, minor_units in (
        ("Current account", OPENING_BALANCE_MINOR_UNITS),
        ("Nearly empty account", SPARE_BALANCE_MINOR_UNITS),
    ):
        number = f"{secrets.randbelow(10**8):08}"
        identification = SORT_CODE + number
        _link(turn, consent_id, _open(turn, SORT_CODE_SCHEME, identification, name, minor_units))


def _open(turn: Turn, scheme: str, identification: str, name: str, minor_units: int) -> str:
    assert scheme in {SORT_CODE_SCHEME, IBAN_SCHEME}, "bodies lets no other in"
    account = f"payer-{secrets.token_hex(8)}"
    turn.books.open_account(account, identification[-8:], minor_units, CURRENCY)
    turn.insert(
        "vrp_accounts",
        {
            "id": account,
            "scheme": scheme,
            "identification": identification,
            "name": name,
            "state": "open",
        },
    )
    return account


def _link(turn: Turn, consent_id: str, account: str) -> None:
    turn.insert("vrp_consent_accounts", {"consent_id": consent_id, "account": account})


# --- reading ------------------------------------------------------------------------------------


def consent_row(turn: Turn, consent_id: str) -> dict[str, Any]:
    """Return a consent's row.

    Raises:
        ObError: U011, there is none, or it was deleted.
    """
    for row in turn.rows(
        "select * from vrp_consents where id = ? and deleted_at_s is null", [consent_id]
    ):
        return row
    raise ObError(400, Code.NOT_FOUND, "There is no such consent.", "ConsentId")


def own_consent(turn: Turn, client_id: str, consent_id: str) -> dict[str, Any]:
    """Return the row of a client's own consent.

    Raises:
        ObError: U011 if there is none; 403 if it is another's.
    """
    row = consent_row(turn, consent_id)
    if row["client_id"] != client_id:
        raise ObError(403)
    return row


def require_authorised(row: dict[str, Any]) -> None:
    """Refuse a consent that is not authorised now.

    Raises:
        ObError: U009.
    """
    if row["status"] != "AUTH":
        raise ObError(
            400, Code.CONSENT_STATUS_INVALID, "The consent is not authorised.", "Data.ConsentId"
        )


def consent_answer(turn: Turn, row: dict[str, Any]) -> dict[str, Any]:
    """Return a consent as OBDomesticVRPConsentResponse."""
    body = json.loads(row["body"])
    data = {
        "ConsentId": row["id"],
        "CreationDateTime": iso_time(row["created_at_s"]),
        "Status": row["status"],
        "StatusUpdateDateTime": iso_time(row["changed_at_s"]),
        **body["Data"],
    }
    if row["reason"]:
        data["StatusReason"] = [
            {
                "StatusReasonCode": row["reason"],
                "StatusReasonDescription": _REASONS[row["reason"]],
            }
        ]
    if row["account"]:
        data["DebtorAccount"] = debtor_account(turn, row["account"])
    return whole_answer(turn, f"{CONSENTS}/{row['id']}", data, body["Risk"])


def debtor_account(turn: Turn, account: str) -> dict[str, str]:
    """Return an account as OBCashAccountDebtorWithName."""
    row = account_row(turn, account)
    return {
        "SchemeName": row["scheme"],
        "Identification": row["identification"],
        "Name": row["name"],
    }


def account_row(turn: Turn, account: str) -> dict[str, Any]:
    """Return the row of a payer's account."""
    return turn.rows("select * from vrp_accounts where id = ?", [account])[0]


def page(turn: Turn, consent_id: str) -> dict[str, Any]:
    """Return what the payer is shown before deciding.

    Raises:
        ObError: U011.
    """
    row = consent_row(turn, consent_id)
    body = json.loads(row["body"])
    parameters = body["Data"]["ControlParameters"]
    return {
        "consent_id": row["id"],
        "client_id": row["client_id"],
        "status": row["status"],
        "creditor": body["Data"]["Initiation"].get("CreditorAccount"),
        "maximum_individual_amount": parameters["MaximumIndividualAmount"],
        "periodic_limits": parameters["PeriodicLimits"],
        "first_day": row["first_day"],
        "last_day": row["last_day"],
        "account": row["account"],
        "accounts": [
            {"id": found["id"], "name": found["name"], "hint": "••" + found["identification"][-2:]}
            for found in _accounts_of(turn, consent_id)
        ],
    }


def _accounts_of(turn: Turn, consent_id: str) -> list[dict[str, Any]]:
    return turn.rows(
        "select a.* from vrp_accounts a join vrp_consent_accounts c on c.account = a.id"
        " where c.consent_id = ? order by c.rowid",
        [consent_id],
    )


# --- changing -----------------------------------------------------------------------------------


def decide(turn: Turn, consent_id: str, decision: str, account: str | None) -> None:
    """Let the payer or the bank decide.

    Raises:
        ObError: U011 unknown consent, U002 unknown decision or account, U009 not possible now.
    """
    row = consent_row(turn, consent_id)
    if decision not in _DECISIONS:
        raise ObError(400, Code.FIELD_INVALID, "There is no such decision.", "decision")
    before, after, reason = _DECISIONS[decision]
    if row["status"] not in before:
        raise ObError(
            400, Code.CONSENT_STATUS_INVALID, "The consent's status does not allow it.", "decision"
        )
    if decision == "approve":
        accounts = [found["id"] for found in _accounts_of(turn, consent_id)]
        if account is not None and account not in accounts:
            raise ObError(400, Code.FIELD_INVALID, "The payer has no such account.", "account")
        chosen = account or accounts[0]
        turn.change("update vrp_consents set account = ? where id = ?", [chosen, consent_id])
    _move(turn, row, after, reason)


def delete(turn: Turn, client_id: str, consent_id: str) -> None:
    """End a consent for its third party; nobody finds it afterwards.

    Raises:
        ObError: U011 or 403.
    """
    own_consent(turn, client_id, consent_id)
    turn.change("update vrp_consents set deleted_at_s = ? where id = ?", [turn.now_s, consent_id])


def expire_due(turn: Turn) -> None:
    """End the consents whose last day is over."""
    for row in turn.rows(
        "select * from vrp_consents where last_day < ? and status in ('AWAU', 'AUTH', 'CANC')"
        " and deleted_at_s is null",
        [turn.today.isoformat()],
    ):
        _move(turn, row, "EXPD", "U042")


def set_account_state(turn: Turn, consent_id: str, state: str) -> None:
    """Close, block or open the account that a consent draws on, and tell of it.

    Raises:
        ObError: U011 unknown consent, U009 it has no account yet, U002 unknown state.
    """
    row = consent_row(turn, consent_id)
    if state not in ACCOUNT_STATES:
        raise ObError(400, Code.FIELD_INVALID, "There is no such state.", "state")
    if not row["account"]:
        raise ObError(400, Code.CONSENT_STATUS_INVALID, "No account was chosen.", "ConsentId")
    turn.change("update vrp_accounts set state = ? where id = ?", [state, row["account"]])
    for linked in turn.rows(
        "select * from vrp_consents where account = ? and deleted_at_s is null", [row["account"]]
    ):
        queue_event(turn, linked["client_id"], ACCOUNT_UPDATE, (CONSENTS, linked["id"]), turn.now_s)


def _move(turn: Turn, row: dict[str, Any], status: str, reason: str) -> None:
    turn.change(
        "update vrp_consents set status = ?, reason = ?, changed_at_s = ? where id = ?",
        [status, reason, turn.now_s, row["id"]],
    )
    kind = REVOKED if status == "CANC" else RESOURCE_UPDATE
    queue_event(turn, row["client_id"], kind, (CONSENTS, row["id"]), turn.now_s)


def anchor_of(row: dict[str, Any]) -> date:
    """Return the day from which a consent's periods count."""
    return date.fromisoformat(row["anchor_day"])
