"""The sandbox bank's HTTP face: one request a connection, on the loopback interface only.

Merchant's side (bearer token of the merchant): `POST /mandates`, `GET|DELETE /mandates/{ref}`,
`POST /payments`, `GET /payments/by-key/{key}`.
Control side (bearer token that changes with every start): `GET /control/oracle[?order=ID]`,
`POST|DELETE /control/faults`, `POST /control/clock|approval|mandates`.

Invariant: a payment request is executed within `EXECUTE_S` of reaching this machine or never.
Nothing on the client's clock is needed for that:
- a request's time runs from before it arrived (see `serving`);
- it must be read within `READ_S` and begin its transaction within `EXECUTE_S`, which the ledger
  asks under the lock that also guards look-ups by key;
- no connection carries a second request, none waits for a free thread, and when the process dies
  the kernel resets them all.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import re
import sqlite3
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, urlsplit

from kiosk.sandbox.bank import wire
from kiosk.sandbox.bank.faults import FaultScript, apply_fault, read_fault
from kiosk.sandbox.bank.ledger import KeyConflictError, TooLateError, UnknownMandateError
from kiosk.sandbox.bank.serving import BoundedServer, DeadlineReader, boot_clock_s
from kiosk.sandbox.bank.wire import Answer, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiosk.sandbox.bank.ledger import Ledger

READ_S = 2.0
EXECUTE_S = 5.0
BODY_BYTES_MAX = 16_384
"""The longest documented body, with every field at its limit, is below 1 KiB."""
THREADS_MAX = 64
CLOCK_OFFSET_S_MAX = 10 * 366 * 86_400
MANDATE_STATES = re.compile(r"pending|active|rejected|suspended|revoked|expired")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Who may speak: the merchant's connector, and whoever holds this start's control token."""

    merchant: str
    control: str

    def __repr__(self) -> str:
        """Hide both."""
        return "Tokens(…)"


class ControlWords(Protocol):
    """Further words of the control side, such as those of the open-banking door."""

    def __call__(
        self, method: str, word: str, query: dict[str, list[str]], body: bytes
    ) -> dict[str, Any] | None:
        """Do what a word says; None if there is no such word. Raises RequestError."""
        ...


class BankServer(BoundedServer):
    """Listens on 127.0.0.1; construct, `serve_forever` on a thread, `stop`."""

    def __init__(self, ledger: Ledger, tokens: Tokens, port: int = 0) -> None:
        """Bind and listen.

        Args:
            ledger: The books; not closed by the server.
            tokens: Who may speak.
            port: TCP port, or 0 for any free one.

        Raises:
            OSError: The port is taken.
        """
        self.ledger = ledger
        self.tokens = tokens
        self.faults = FaultScript()
        self.more_control: ControlWords | None = None
        super().__init__(_Handler, THREADS_MAX, port)

    @property
    def url(self) -> str:
        """Where to reach it."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request, one answer."""

    protocol_version = "HTTP/1.1"
    server_version = "SmileTillSandboxBank/1"
    sys_version = ""
    wbufsize = -1  # head and body leave in one write, or Nagle's algorithm holds the second back
    server: BankServer

    def setup(self) -> None:
        """Set the time limit of this request before its first byte is read."""
        self._since_s = self.server.waiting_since_s(self.request)
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(DeadlineReader(self.connection, self._since_s + READ_S))

    def do_GET(self) -> None:
        """Answer a look-up."""
        self._respond()

    def do_POST(self) -> None:
        """Answer a request that changes something."""
        self._respond()

    def do_DELETE(self) -> None:
        """Answer a removal."""
        self._respond()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Keep no log of requests."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer broken HTTP in JSON like everything else."""
        del message, explain
        self._send(Answer(int(code), {"error": "http_bad"}))

    # --- one answer ---------------------------------------------------------------------------

    def _respond(self) -> None:
        answer = self._guarded(self._answer)
        if answer is not None:
            self._send(answer)
        self.close_connection = True

    def _guarded(self, work: Callable[[], Answer | None]) -> Answer | None:
        """Turn refusals into answers."""
        try:
            return work()
        except RequestError as error:
            return Answer(error.status, {"error": error.code})
        except KeyConflictError:
            return Answer(409, {"error": "key_used_with_other_body"})
        except TooLateError:
            return Answer(503, {"error": "too_late"})
        except UnknownMandateError:
            return Answer(404, {"error": "mandate_not_found"})
        except sqlite3.Error:
            return Answer(500, {"error": "ledger_failed"})

    def _send(self, answer: Answer) -> None:
        self.connection.settimeout(READ_S)
        payload = answer.payload()
        self.close_connection = True
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        if answer.status != 204:
            self.send_header("Content-Length", str(len(payload)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload[: len(payload) // 2] if answer.cut else payload)

    def _answer(self) -> Answer | None:
        """Check who speaks, read the request, and do what is asked, right or wrong on order."""
        url = urlsplit(self.path)
        is_control = url.path.startswith("/control/")
        # Read before anything is refused: closing on unread bytes would reset our answer away.
        body = self._read_body()
        self._authorise(self.server.tokens.control if is_control else self.server.tokens.merchant)
        if is_control:
            return self._control(url.path, parse_qs(url.query), body)
        fault = self.server.faults.take(self.command, url.path)
        if fault is None:
            return self._merchant(url.path, body)

        def execute() -> Answer:
            answer = self._guarded(lambda: self._merchant(url.path, body))
            assert answer is not None, "only faults swallow answers"
            return answer

        return apply_fault(fault, execute, self.server.stopping.wait)

    def _authorise(self, token: str) -> None:
        given = self.headers.get_all("Authorization", [])
        # Bytes, because compare_digest refuses text that is not ASCII.
        if len(given) != 1 or not hmac.compare_digest(
            given[0].encode(), f"Bearer {token}".encode()
        ):
            raise RequestError(401, "token_bad")

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") is not None:
            raise RequestError(400, "transfer_encoding_unsupported")
        lengths = self.headers.get_all("Content-Length", ["0"])
        if len(lengths) != 1 or not re.fullmatch(r"\d{1,9}", lengths[0], re.ASCII):
            raise RequestError(400, "content_length_bad")
        length = int(lengths[0])
        if length > BODY_BYTES_MAX:
            raise RequestError(413, "body_too_long")
        if self.command == "POST" and self.headers.get_content_type() != "application/json":
            raise RequestError(415, "content_type_bad")
        return self.rfile.read(length)

    def _key(self) -> str:
        keys = self.headers.get_all("Idempotency-Key", [])
        if len(keys) != 1:
            raise RequestError(400, "idempotency_key_missing")
        return wire.read_text(keys[0], wire.KEY, "idempotency_key_bad")

    # --- the merchant's side ------------------------------------------------------------------

    def _merchant(self, path: str, body: bytes) -> Answer:
        ledger = self.server.ledger
        match self.command, path.strip("/").split("/"):
            case "POST", ["mandates"]:
                request = wire.read_mandate_request(body)
                return Answer(201, ledger.open_mandate(self._key(), _digest(body), request))
            case "GET", ["mandates", ref]:
                return Answer(200, ledger.mandate(ref))
            case "DELETE", ["mandates", ref]:
                ledger.set_mandate_state(ref, "revoked")
                return Answer(204)
            case "POST", ["payments"]:
                payment = wire.read_payment_request(body)
                return Answer(
                    201, ledger.pay(self._key(), _digest(body), payment, self._is_in_time)
                )
            case "GET", ["payments", "by-key", key]:
                found = ledger.payment_by_key(key)
                if found is None:
                    raise RequestError(404, "payment_not_found")
                return Answer(200, found)
            case _:
                raise RequestError(404, "no_such_resource")

    def _is_in_time(self) -> bool:
        return boot_clock_s() - self._since_s < EXECUTE_S

    # --- the control side ---------------------------------------------------------------------

    def _control(self, path: str, query: dict[str, list[str]], body: bytes) -> Answer:
        ledger, faults = self.server.ledger, self.server.faults
        match self.command, path.removeprefix("/control/"):
            case "GET", "oracle":
                order_id = query.get("order", [None])[0]
                return Answer(
                    200,
                    {
                        "debits": (debits := ledger.debits(order_id)).count,
                        "sum_minor_units": debits.sum_minor_units,
                        "balanced": ledger.is_balanced(),
                    },
                )
            case "POST", "faults":
                faults.add(read_fault(wire.read_object(body)))
            case "DELETE", "faults":
                faults.clear()
            case "GET", "faults":
                return Answer(200, {"pending": faults.pending()})
            case "POST", "clock":
                found = wire.require_fields(
                    wire.read_object(body), frozenset({"offset_s"}), "fields_bad"
                )
                offset_s = found["offset_s"]
                if type(offset_s) is not int or abs(offset_s) > CLOCK_OFFSET_S_MAX:
                    raise RequestError(400, "offset_bad")
                ledger.set_clock(offset_s)
            case "POST", "approval":
                found = wire.require_fields(
                    wire.read_object(body), frozenset({"at_once"}), "fields_bad"
                )
                ledger.approve_at_once = found["at_once"] is True
            case "POST", "mandates":
                found = wire.require_fields(
                    wire.read_object(body), frozenset({"ref", "state"}), "fields_bad"
                )
                ledger.set_mandate_state(
                    wire.read_text(found["ref"], wire.REF, "ref_bad"),
                    wire.read_text(found["state"], MANDATE_STATES, "state_bad"),
                )
            case method, word:
                return self._more_control(method, word, query, body)
        return Answer(200, {"ok": True})

    def _more_control(
        self, method: str, word: str, query: dict[str, list[str]], body: bytes
    ) -> Answer:
        more = self.server.more_control
        found = None if more is None else more(method, word, query, body)
        if found is None:
            raise RequestError(404, "no_such_resource")
        return Answer(200, found)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
