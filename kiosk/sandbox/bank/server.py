"""The sandbox bank's HTTP face: one request a connection, on the loopback interface only.

Merchant's side (bearer token of the merchant): `POST /mandates`, `GET|DELETE /mandates/{ref}`,
`POST /payments`, `GET /payments/by-key/{key}`.
Control side (bearer token that changes with every start): `GET /control/oracle[?order=ID]`,
`POST|DELETE /control/faults`, `POST /control/clock|approval|mandates`.

Invariant: a payment request is executed within `EXECUTE_S` of reaching this machine or never.
Nothing on the client's clock is needed for that:
- a request's time runs from the last moment at which the kernel's queue of new connections was
  seen empty, hence from before it arrived, whatever happened to this process since;
- it must be read within `READ_S` and begin its transaction within `EXECUTE_S`, which the ledger
  asks under the lock that also guards look-ups by key;
- no connection carries a second request, none waits for a free thread, and when the process dies
  the kernel resets them all.
The one assumption: never do more than `request_queue_size` connections wait at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import re
import select
import socket
import socketserver
import sqlite3
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from kiosk.sandbox.bank import wire
from kiosk.sandbox.bank.faults import FaultScript, apply_fault, read_fault
from kiosk.sandbox.bank.ledger import KeyConflictError, TooLateError, UnknownMandateError
from kiosk.sandbox.bank.wire import Answer, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiosk.sandbox.bank.ledger import Ledger

READ_S = 2.0
EXECUTE_S = 5.0
POLL_S = 0.1
BODY_BYTES_MAX = 16_384
"""The longest documented body, with every field at its limit, is below 1 KiB."""
THREADS_MAX = 64
CLOCK_OFFSET_S_MAX = 10 * 366 * 86_400
MANDATE_STATES = re.compile(r"pending|active|rejected|suspended|revoked|expired")

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def boot_clock_s() -> float:
    """Return seconds since boot, counting on while the machine sleeps; nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Who may speak: the merchant's connector, and whoever holds this start's control token."""

    merchant: str
    control: str

    def __repr__(self) -> str:
        """Hide both."""
        return "Tokens(…)"


class _DeadlineReader(io.RawIOBase):
    """A socket as a file: all of it by a fixed time, however it drips, and never half of it.

    The end of the stream is an error, because http.server would take a request that breaks off
    in its head for a whole one, and we would refuse what was never said.
    """

    def __init__(self, connection: socket.socket, deadline_s: float) -> None:
        super().__init__()
        self._connection = connection
        self._deadline_s = deadline_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self._deadline_s - boot_clock_s()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        received = self._connection.recv_into(buffer)
        if received == 0:
            raise ConnectionAbortedError
        return received


class BankServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1; construct, `serve_forever` on a thread, `stop`."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

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
        self.stopping = threading.Event()
        self._slots = threading.BoundedSemaphore(THREADS_MAX)
        self._connections: dict[socket.socket, float] = {}
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self._queue = select.poll()
        self._queue.register(self.socket, select.POLLIN)
        self._queue_empty_s = boot_clock_s()

    def server_bind(self) -> None:
        """Bind without asking any name server for our own name, as the base class would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def url(self) -> str:
        """Where to reach it."""
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self) -> None:
        """End `serve_forever`, wake whoever waits, let started requests finish, and close."""
        self.stopping.set()
        self.shutdown()
        with self._connections_lock:
            for connection in self._connections:
                _shut(connection, socket.SHUT_RD)
        self.server_close()

    def service_actions(self) -> None:
        """Note when nobody waits; the base class calls this after each turn of its loop."""
        now_s = boot_clock_s()
        if not self._queue.poll(0):
            self._queue_empty_s = now_s

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept one connection and note since when it may have been waiting."""
        connection, address = super().get_request()
        with self._connections_lock:
            self._connections[connection] = self._queue_empty_s
        return connection, address

    def waiting_since_s(self, connection: socket.socket) -> float:
        """Return a moment before the connection arrived, on the boot clock."""
        with self._connections_lock:
            return self._connections[connection]

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and forget it first, because a closed one has no identity."""
        with self._connections_lock:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, or refuse it when all are busy."""
        if not self._slots.acquire(blocking=False):
            request.setblocking(False)
            with contextlib.suppress(OSError):
                request.send(_BUSY)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle the connection and give the thread's slot back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say where we went wrong, without values; a client that hangs up is everyday life."""
        del request, client_address
        error = sys.exception()
        if error is None or isinstance(error, OSError):
            return
        where = "".join(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"{where}{type(error).__name__}\n")


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
        self.rfile = io.BufferedReader(_DeadlineReader(self.connection, self._since_s + READ_S))

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
            case _:
                raise RequestError(404, "no_such_resource")
        return Answer(200, {"ok": True})


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _shut(connection: socket.socket, how: int) -> None:
    try:
        connection.shutdown(how)
    except OSError:
        return  # it is gone already, which is what we want
