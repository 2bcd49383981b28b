"""Speaks to the sandbox bank: says exactly what the bank said, and `UNKNOWN` for all else.

What an exchange means is decided here and nowhere else (`_meaning_of_payment`):
- no connection was made: `NOT_SENT`;
- the bank's own answer to this very order, amount, mandate and key: `SETTLED` or `DECLINED`;
- a refusal that follows from the request's bytes alone (400, 413, 415): `DECLINED`, because the
  same bytes were refused at every earlier attempt too;
- everything else, 401 and 429 included, because they say nothing about an earlier attempt:
  `UNKNOWN`.
The bearer token is added while sending: it is a secret and does not belong into the journal.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kiosk.domain.errors import SetupError
from kiosk.domain.ids import MandateRef, PaymentRef
from kiosk.domain.mandate import MandateState
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import (
    BankAnswer,
    BankHealth,
    BankMandate,
    Capabilities,
    EventBatch,
    Funds,
    OutcomeKind,
    Prepared,
)
from kiosk.money.banks.sandbox.exchange import Exchange, Failure, Reply, Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kiosk.domain.ids import IdempotencyKey, PayerAlias
    from kiosk.domain.mandate import MandateLimits
    from kiosk.domain.money import Money
    from kiosk.money.banks.port import BankContext, Intent, RefundIntent, Sought

CAPABILITIES = Capabilities(
    is_sandbox=True,
    idempotency_life_s=86_400,
    min_resend_s=1.0,
    lookup_by_key=True,
    # The bank executes a request within 5 s of its reaching the machine or never (see the
    # invariant in its server), and it reaches the machine within `Timeouts.connect_s`, 2 s:
    # loopback delivers at once. The rest is a margin for slow timers.
    arrival_s_max=10.0,
    headless_approval=True,
)

ADDRESS_BYTES_MAX = 4_096
SANDBOX_FOLDER = "sandbox"
ADDRESS_FILE = "bank.json"
TOKEN_FILE = "merchant.token"  # noqa: S105 - a file name

FINAL_REFUSALS = frozenset({400, 413, 415})
"""Statuses that the bank derives from the request's bytes alone."""

_REF = re.compile(r"[A-Za-z0-9_-]{1,40}")
_HINT = re.compile(r"••\d{2}")

_DECLINE_REASONS = {
    "currency_mismatch": "currency_mismatch",
    "insufficient_funds": "insufficient_funds",
    "limit_per_day": "limit_per_day",
    "limit_per_payment": "limit_per_payment",
    "mandate_expired": "mandate_expired",
    "mandate_pending": "mandate_pending",
    "mandate_rejected": "mandate_rejected",
    "mandate_revoked": "mandate_revoked",
    "mandate_suspended": "mandate_suspended",
    "mandate_unknown": "mandate_unknown",
}
"""The bank's words and ours; a word that is not here becomes `declined_by_bank`."""


class SandboxBank:
    """The bank port on top of the sandbox bank's HTTP interface; threads may share it."""

    def __init__(
        self,
        locate: Callable[[], str | None],
        token: Callable[[], str | None],
        timeouts: Timeouts | None = None,
    ) -> None:
        """Remember how to find the bank; nothing is asked yet.

        Args:
            locate: Returns the bank's address, asked before each request because an ephemeral
                port changes when the bank restarts; None while there is none. Never raises.
            token: Returns the merchant's bearer token, or None. Never raises.
            timeouts: Bounds of one exchange.
        """
        self._locate = locate
        self._token = token
        self._exchange = Exchange(timeouts or Timeouts())

    @property
    def capabilities(self) -> Capabilities:
        """What this bank can do."""
        return CAPABILITIES

    def close(self) -> None:
        """Do nothing: no connection outlives its exchange."""

    # --- mandates -----------------------------------------------------------------------------

    def begin_mandate(
        self, alias: PayerAlias, limits: MandateLimits, key: IdempotencyKey
    ) -> BankMandate:
        """Ask for a mandate; the simulated customer approves it.

        Raises:
            BankUnreachableError: No usable answer; asking again with the same key is safe.
        """
        body = _canonical(
            {
                "alias": alias,
                "limits": {
                    "per_payment": _wire_sum(limits.per_payment),
                    "per_day": _wire_sum(limits.per_day),
                },
            }
        )
        headers = (("Content-Type", "application/json"), ("Idempotency-Key", key))
        reply = self._ask("POST", "/mandates", body, headers)
        if reply.status != 201:
            raise BankUnreachableError(f"it refused the mandate with status {reply.status}")
        return _read_mandate(reply, None)

    def mandate(self, ref: MandateRef) -> BankMandate:
        """Read a mandate; one that the bank does not know authorises nothing, so it is revoked.

        Raises:
            BankUnreachableError: No usable answer.
        """
        reply = self._ask("GET", f"/mandates/{quote(ref, safe='')}")
        if reply.status == 404 and reply.error == "mandate_not_found":
            return BankMandate(ref, MandateState.REVOKED, "")
        if reply.status != 200:
            raise BankUnreachableError(f"it answered with status {reply.status}")
        return _read_mandate(reply, ref)

    def revoke(self, ref: MandateRef) -> None:
        """Revoke a mandate; one that is revoked or unknown already is no error.

        Raises:
            BankUnreachableError: No usable answer; asking again is safe.
        """
        reply = self._ask("DELETE", f"/mandates/{quote(ref, safe='')}")
        is_gone = reply.status == 404 and reply.error == "mandate_not_found"
        if reply.status != 204 and not is_gone:
            raise BankUnreachableError(f"it answered with status {reply.status}")

    def _ask(
        self, method: str, path: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()
    ) -> Reply:
        reply = self._send(method, path, body, headers)
        if isinstance(reply, Failure):
            raise BankUnreachableError(reply.reason.replace("_", " "))
        return reply

    # --- payments -----------------------------------------------------------------------------

    def prepare(self, intent: Intent) -> Prepared:
        """Make the request, without any I/O; the same intent gives the same bytes."""
        body = _canonical(
            {
                "order_id": intent.order_id,
                "amount": _wire_sum(intent.amount),
                "payee": intent.payee,
                "mandate_ref": intent.mandate_ref,
            }
        )
        return Prepared(
            key=intent.key,
            order_id=intent.order_id,
            amount=intent.amount,
            body=body,
            headers=(("Content-Type", "application/json"), ("Idempotency-Key", intent.key)),
        )

    def submit(self, prepared: Prepared, mandate_ref: MandateRef) -> BankAnswer:
        """Send it once and say what came of it; never raises for anything the network does."""
        del mandate_ref  # one token serves all mandates
        reply = self._send("POST", "/payments", prepared.body, prepared.headers)
        return _meaning_of_payment(prepared, reply)

    def check_funds(self, ref: MandateRef, amount: Money) -> Funds:
        """Return `UNKNOWN`: this bank cannot be asked before a payment."""
        del ref, amount
        return Funds.UNKNOWN

    def find(self, sought: Sought) -> BankAnswer:
        """Ask what became of a key; `UNKNOWN` if the bank cannot be asked now.

        `NOT_FOUND` is final once `arrival_s_max` has passed since the last send of this key.
        """
        reply = self._send("GET", f"/payments/by-key/{quote(sought.key, safe='')}")
        if isinstance(reply, Failure):
            return BankAnswer(OutcomeKind.UNKNOWN, reply.reason)
        if reply.status == 404 and reply.error == "payment_not_found":
            return BankAnswer(OutcomeKind.NOT_FOUND)
        if reply.status != 200:
            return BankAnswer(OutcomeKind.UNKNOWN, f"bank_status_{reply.status}")
        expected = {
            "key": sought.key,
            "order_id": sought.order_id,
            "amount": _wire_sum(sought.amount),
        }
        return _meaning_of_answer(reply.body, expected)

    # --- refunds, news, health ----------------------------------------------------------------

    def prepare_refund(self, intent: RefundIntent) -> Prepared:
        """Refuse: refunds are made by hand here, as `CAPABILITIES` says."""
        del intent
        raise AssertionError("this bank takes no refund requests")

    def submit_refund(self, prepared: Prepared) -> BankAnswer:
        """Refuse, as `prepare_refund`."""
        del prepared
        raise AssertionError("this bank takes no refund requests")

    def find_refund(self, sought: Sought) -> BankAnswer:
        """Refuse, as `prepare_refund`."""
        del sought
        raise AssertionError("this bank takes no refund requests")

    def events(self) -> EventBatch:
        """Return nothing: this bank tells no news."""
        return EventBatch()

    def acknowledge(self, event_ids: tuple[str, ...]) -> None:
        """Do nothing: there are no events."""
        del event_ids

    def health(self) -> BankHealth:
        """Return nothing: bank and terminal share one machine and one clock."""
        return BankHealth()

    def _send(
        self, method: str, path: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()
    ) -> Reply | Failure:
        url, token = self._locate(), self._token()
        if url is None or token is None:
            return Failure(is_sent=False, reason="bank_not_running")
        fields = dict(headers) | {"Authorization": f"Bearer {token}"}
        return self._exchange.send(method, url.rstrip("/") + path, body, fields)


def _meaning_of_payment(prepared: Prepared, reply: Reply | Failure) -> BankAnswer:
    """Decide what an exchange means for the money."""
    if isinstance(reply, Failure):
        kind = OutcomeKind.UNKNOWN if reply.is_sent else OutcomeKind.NOT_SENT
        return BankAnswer(kind, reply.reason)
    if reply.status in FINAL_REFUSALS and reply.error:
        return BankAnswer(OutcomeKind.DECLINED, reply.error)
    if reply.status != 201:
        return BankAnswer(OutcomeKind.UNKNOWN, f"bank_status_{reply.status}")
    asked = json.loads(prepared.body)
    expected = {
        "key": prepared.key,
        "order_id": prepared.order_id,
        "amount": _wire_sum(prepared.amount),
        "mandate_ref": asked["mandate_ref"],
    }
    return _meaning_of_answer(reply.body, expected)


def _meaning_of_answer(body: dict[str, Any], expected: dict[str, Any]) -> BankAnswer:
    """Believe an answer only if it is whole and about what we asked."""
    unknown = BankAnswer(OutcomeKind.UNKNOWN, "answer_mismatch")
    if any(not _is_same(body.get(name), value) for name, value in expected.items()):
        return unknown
    ref, reason = body.get("payment_ref"), body.get("reason")
    if not isinstance(ref, str) or not _REF.fullmatch(ref) or not isinstance(reason, str):
        return unknown
    match body.get("status"):
        case "settled" if not reason:
            return BankAnswer(OutcomeKind.SETTLED, "", PaymentRef(ref))
        case "declined" if reason:
            ours = _DECLINE_REASONS.get(reason, "declined_by_bank")
            return BankAnswer(OutcomeKind.DECLINED, ours, PaymentRef(ref))
        case _:
            return unknown


def _is_same(given: object, expected: object) -> bool:
    """Compare as JSON text, where 1250, 1250.0 and true are three different things."""
    return json.dumps(given, sort_keys=True) == json.dumps(expected, sort_keys=True)


def _read_mandate(reply: Reply, ref: MandateRef | None) -> BankMandate:
    """Read the bank's description of a mandate.

    Raises:
        BankUnreachableError: It is malformed or about another mandate.
    """
    body = reply.body
    told, hint = body.get("ref"), body.get("account_hint")
    try:
        state = MandateState(body.get("state"))
    except ValueError as error:
        raise BankUnreachableError("its answer makes no sense") from error
    if not isinstance(told, str) or not _REF.fullmatch(told) or (ref is not None and told != ref):
        raise BankUnreachableError("its answer makes no sense")
    if not isinstance(hint, str) or not _HINT.fullmatch(hint):
        raise BankUnreachableError("its answer makes no sense")
    return BankMandate(MandateRef(told), state, hint)


def _wire_sum(amount: Money) -> dict[str, Any]:
    return {"minor_units": amount.minor_units, "currency": amount.currency}


def _canonical(value: dict[str, Any]) -> bytes:
    """Return the one way in which this connector writes a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def open_sandbox(context: BankContext) -> SandboxBank:
    """Make the connector to an installation's sandbox bank.

    Args:
        context: Of it only `data_dir` and `url` matter: the bank writes its address and the
            merchant's token into `data_dir/sandbox`, and `url` stands in for that address.

    Raises:
        SetupError: There are options; this connector knows none.
    """
    if context.options:
        raise SetupError(
            "The sandbox connector has no options.",
            code="bank_options_bad",
            mend="Remove [bank.options] from settings.toml.",
        )
    folder = context.data_dir / SANDBOX_FOLDER
    url = context.url

    def locate() -> str | None:
        if url is not None:
            return url
        try:
            found = json.loads(_read_small(folder / ADDRESS_FILE))["url"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, str) else None

    def token() -> str | None:
        try:
            return _read_small(folder / TOKEN_FILE).strip() or None
        except (OSError, ValueError):
            return None

    return SandboxBank(locate, token)


def _read_small(file: Path) -> str:
    with file.open(encoding="utf-8") as stream:
        return stream.read(ADDRESS_BYTES_MAX)
