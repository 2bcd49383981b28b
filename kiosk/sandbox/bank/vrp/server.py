"""The two listeners of the open-banking door: one for clients with certificates, one for browsers.

It turns bytes into a `Request` and an `Answer` into bytes; what they mean is decided in `api`,
`oauth` and `pages`. One request a connection, on the loopback interface only.
Invariants:
- The TLS handshake happens in the connection's own thread and within the same `READ_S` as the
  request, so that nobody who says nothing can keep others from being accepted.
- A request is executed within `EXECUTE_S` of reaching this machine or never (see
  `kiosk.sandbox.bank.server`): `Request.in_time` says so, and the books ask it under their lock.
- The `Date` of every answer is the bank's own clock, which a script may have moved.
"""

from __future__ import annotations

import email.utils
import io
import re
import ssl
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from kiosk.sandbox.bank.server import EXECUTE_S, READ_S
from kiosk.sandbox.bank.serving import BoundedServer, DeadlineReader, boot_clock_s
from kiosk.sandbox.bank.vrp.errors import Code, ObError
from kiosk.sandbox.bank.wire import Answer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from email.message import Message

THREADS_MAX = 64
BODY_BYTES_MAX = 65_536
"""A payment with every text at its limit is below 20 KiB."""
JSON_TYPE = "application/json; charset=utf-8"
_LENGTH = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came."""

    method: str
    target: str
    """Path and query."""
    headers: Message = field(repr=False)
    body: bytes = field(repr=False)
    certificate: bytes | None = field(repr=False)
    """The client's, in DER; None where it showed none."""
    arrived_s: float
    """On the clock since boot; not later than the first byte."""
    trouble: ObError | None = None
    """Why the body could not be read."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What comes after the path."""
        return self.target.partition("?")[2]

    def in_time(self) -> bool:
        """Say whether this may still be executed."""
        return boot_clock_s() - self.arrived_s < EXECUTE_S


class DoorServer(BoundedServer):
    """One listener; construct, `serve_forever` on a thread, `stop`."""

    def __init__(self, now_s: Callable[[], float], context: ssl.SSLContext, port: int = 0) -> None:
        """Bind and listen.

        Args:
            now_s: The bank's clock.
            context: How to speak TLS, and whether the client must show a certificate.
            port: TCP port, or 0 for any free one.

        Raises:
            OSError: The port is taken.
        """
        self.now_s = now_s
        self.context = context
        self.application: Callable[[Request], Answer | None] = _closed
        super().__init__(_Handler, THREADS_MAX, port)

    @property
    def url(self) -> str:
        """Where to reach it."""
        return f"https://127.0.0.1:{self.server_port}"

    def refuse(self, request: socket.socket) -> None:
        """Close without a word: before the handshake none could be read."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handle one connection, in its own thread: handshake, request, answer."""
        deadline_s = self.waiting_since_s(request) + READ_S
        secure = self.context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        self.exchange(request, secure)
        try:
            left_s = deadline_s - boot_clock_s()
            if left_s <= 0:
                raise TimeoutError
            secure.settimeout(left_s)
            secure.do_handshake()
            super().finish_request(secure, client_address)
        finally:
            self.shutdown_request(secure)


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request, one answer."""

    protocol_version = "HTTP/1.1"
    server_version = "SmileTillSandboxBank/1"
    sys_version = ""
    wbufsize = -1
    server: DoorServer

    def setup(self) -> None:
        """Set the time limit of this request before its first byte is read."""
        self._since_s = self.server.waiting_since_s(self.request)
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(DeadlineReader(self.connection, self._since_s + READ_S))

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the bank's time, not the machine's."""
        return email.utils.formatdate(
            self.server.now_s() if timestamp is None else timestamp, usegmt=True
        )

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Keep no log here; requests are noted where they are understood."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer broken HTTP shortly, and an unknown method as any other that is not allowed."""
        del message, explain
        if code == 501:
            self._respond()
        else:
            self._send(Answer(int(code)))

    def _respond(self) -> None:
        """Read the body, ask the application, and send what it says, or close."""
        self.close_connection = True
        trouble, body = None, b""
        try:
            body = self._read_body()
        except ObError as error:
            trouble = error
        certificate = None
        if isinstance(self.connection, ssl.SSLSocket):
            certificate = self.connection.getpeercert(binary_form=True)
        answer = self.server.application(
            Request(
                self.command, self.path, self.headers, body, certificate, self._since_s, trouble
            )
        )
        if answer is not None:
            self._send(answer)

    # The base class looks methods up by these names; any other reaches `send_error` with 501.
    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = _respond  # noqa: N815

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") is not None:
            raise ObError(400, Code.HEADER_INVALID, "Send a length.", "Transfer-Encoding")
        lengths = self.headers.get_all("Content-Length", ["0"])
        if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]):
            raise ObError(400, Code.HEADER_INVALID, "The length is wrong.", "Content-Length")
        if int(lengths[0]) > BODY_BYTES_MAX:
            raise ObError(400, Code.FORMAT_INVALID, "The body is too long.")
        return self.rfile.read(int(lengths[0]))

    def _send(self, answer: Answer) -> None:
        self.connection.settimeout(READ_S)
        self.close_connection = True
        payload = answer.payload()
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if payload and not any(name == "Content-Type" for name, _ in answer.headers):
            self.send_header("Content-Type", JSON_TYPE)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(payload)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload[: len(payload) // 2] if answer.cut else payload)


def _closed(request: Request) -> Answer | None:
    """Answer nobody before the door is furnished."""
    del request
    return None
