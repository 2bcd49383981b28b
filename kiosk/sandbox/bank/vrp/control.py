"""The control words of the open-banking door, and its log of requests.

They live on the bank's own control side, behind the token that changes with every start:
`POST vrp/consents|accounts|ladder|tokens|events`, `GET|DELETE vrp/requests`.
The log holds hashes and times, never a body, a token or a name; the newest `LOG_LENGTH_MAX` are
kept, in memory only.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from kiosk.sandbox.bank import wire
from kiosk.sandbox.bank.vrp.errors import ObError
from kiosk.sandbox.bank.wire import RequestError

if TYPE_CHECKING:
    from kiosk.sandbox.bank.vrp.books import VrpBooks
    from kiosk.sandbox.bank.vrp.server import Request
    from kiosk.sandbox.bank.vrp.tokens import TokenMint

LOG_LENGTH_MAX = 10_000
DECISIONS = ("approve", "reject", "suspend", "reauthorise", "expire")
TOKEN_LIFE_S_MAX = 366 * 86_400
EVENT_DELAY_S_MAX = 366 * 86_400


@dataclass(frozen=True, slots=True)
class Logged:
    """One request to the door."""

    method: str
    path: str
    key: str
    """`x-idempotency-key`, or empty."""
    body_sha256: str
    signature_sha256: str
    """Of the `x-jws-signature` header; empty if there was none."""
    interaction_id: str
    arrived_s: float
    """On the clock since boot; only distances mean something."""
    status: int
    """What was answered; 0 if the connection was closed without an answer."""
    took_s: float
    """From the request read to its answer made: the bank's own share of what the client waits."""


class RequestLog:
    """The newest requests, oldest first; safe to use from many threads."""

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._entries: deque[Logged] = deque(maxlen=LOG_LENGTH_MAX)

    def add(self, request: Request, status: int, took_s: float) -> None:
        """Note a request, its answer, and how long the bank took for it."""
        signature = request.headers.get("x-jws-signature", "")
        entry = Logged(
            method=request.method,
            path=request.path,
            key=request.headers.get("x-idempotency-key", ""),
            body_sha256=hashlib.sha256(request.body).hexdigest(),
            signature_sha256=hashlib.sha256(signature.encode()).hexdigest() if signature else "",
            interaction_id=request.headers.get("x-fapi-interaction-id", ""),
            arrived_s=request.arrived_s,
            status=status,
            took_s=took_s,
        )
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[Logged]:
        """Return what is kept."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._entries.clear()


class VrpControl:
    """Does what the control words say."""

    def __init__(self, books: VrpBooks, mint: TokenMint, log: RequestLog) -> None:
        """Work on these."""
        self._books = books
        self._mint = mint
        self._log = log

    def __call__(
        self, method: str, word: str, query: dict[str, list[str]], body: bytes
    ) -> dict[str, Any] | None:
        """Carry out one word.

        Returns:
            The answer, or None if there is no such word.

        Raises:
            RequestError: What was sent is refused.
        """
        del query
        try:
            match method, word:
                case "GET", "vrp/requests":
                    return {"requests": [asdict(entry) for entry in self._log.entries()]}
                case "DELETE", "vrp/requests":
                    self._log.clear()
                case "POST", "vrp/consents":
                    self._decide(wire.read_object(body))
                case "POST", "vrp/accounts":
                    self._set_account(wire.read_object(body))
                case "POST", "vrp/ladder":
                    self._set_ladder(wire.read_object(body))
                case "POST", "vrp/events":
                    self._trouble_events(wire.read_object(body))
                case "POST", "vrp/tokens":
                    self._set_tokens(wire.read_object(body))
                case _:
                    return None
        except ObError as error:
            raise RequestError(400, f"refused {error.code}".strip()) from error
        return {"ok": True}

    def _decide(self, found: dict[str, Any]) -> None:
        account = found.pop("account", None)
        wire.require_fields(found, frozenset({"consent_id", "decision"}), "fields_bad")
        if found["decision"] not in DECISIONS:
            raise RequestError(400, "decision_bad")
        if account is not None:
            account = wire.read_text(account, wire.REF, "account_bad")
        consent_id = wire.read_text(found["consent_id"], wire.CONSENT_ID, "consent_id_bad")
        self._books.decide_consent(consent_id, found["decision"], account)

    def _set_account(self, found: dict[str, Any]) -> None:
        wire.require_fields(found, frozenset({"consent_id", "state"}), "fields_bad")
        consent_id = wire.read_text(found["consent_id"], wire.CONSENT_ID, "consent_id_bad")
        self._books.set_account_state(consent_id, str(found["state"]))

    def _set_ladder(self, found: dict[str, Any]) -> None:
        found = {"reason": "AM04"} | found
        wire.require_fields(found, frozenset({"delays_s", "final", "reason"}), "fields_bad")
        if not isinstance(found["delays_s"], dict):
            raise RequestError(400, "ladder_bad")
        try:
            self._books.set_ladder(found["delays_s"], str(found["final"]), str(found["reason"]))
        except ValueError as error:
            raise RequestError(400, "ladder_bad") from error

    def _trouble_events(self, found: dict[str, Any]) -> None:
        wire.require_fields(found, frozenset({"delay_s", "newest_first"}), "fields_bad")
        delay_s = found["delay_s"]
        if type(delay_s) not in {int, float} or not 0 <= delay_s <= EVENT_DELAY_S_MAX:
            raise RequestError(400, "delay_bad")
        self._books.set_event_trouble(
            delay_s=float(delay_s), newest_first=found["newest_first"] is True
        )

    def _set_tokens(self, found: dict[str, Any]) -> None:
        wire.require_fields(found, frozenset({"life_s", "forget"}), "fields_bad")
        life_s = found["life_s"]
        if life_s is not None and not (type(life_s) is int and 0 < life_s <= TOKEN_LIFE_S_MAX):
            raise RequestError(400, "life_bad")
        self._mint.consent_life_s = life_s
        if found["forget"] is True:
            self._mint.forget_all()
