"""The HTTP face of the sandbox for cards: one request a connection, on the loopback only.

`/v1/…` is the service (`api.py`), for who has the secret key; `/hosted/SESSION` is the page on
which a customer saves a card; `/control/…` scripts it, for who has this start's control token:
`GET oracle[?order=ID]`, `POST faults|clock|settle|card|search|dispute|webhook`, `DELETE faults`.

Invariant: a payment is made within `EXECUTE_S` of its request's reaching this machine or never
(see `kiosk/sandbox/bank/serving.py`, which counts a request's time from before it arrived).
"""

from __future__ import annotations

import base64
import hmac
import io
import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kiosk.sandbox.bank.faults import Fault, FaultKind, FaultScript, apply_fault, read_fault
from kiosk.sandbox.bank.serving import BoundedServer, DeadlineReader, boot_clock_s
from kiosk.sandbox.bank.wire import Answer, RequestError
from kiosk.sandbox.cards import pages
from kiosk.sandbox.cards.api import KEY_LENGTH_MAX, Api
from kiosk.sandbox.cards.books import Books
from kiosk.sandbox.cards.forms import CardsError, read_form, text
from kiosk.sandbox.cards.testcards import CARDS
from kiosk.sandbox.cards.webhooks import sign

READ_S = 2.0
EXECUTE_S = 5.0
BODY_BYTES_MAX = 16_384
THREADS_MAX = 64
CLOCK_OFFSET_S_MAX = 10 * 366 * 86_400
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Keys:
    """Who may speak, and what webhooks are signed with."""

    api: str
    control: str
    webhook: str

    def __repr__(self) -> str:
        """Hide all."""
        return "Keys(…)"


class CardsServer(BoundedServer):
    """Listens on 127.0.0.1; construct, `serve_forever` on a thread, `stop`."""

    def __init__(self, books: Books, keys: Keys, port: int = 0) -> None:
        """Bind and listen.

        Args:
            books: Not closed by the server.
            keys: Who may speak.
            port: TCP port, or 0 for any free one.

        Raises:
            OSError: The port is taken.
        """
        self.books = books
        self.keys = keys
        self.api = Api(books)
        self.faults = FaultScript()
        super().__init__(_Handler, THREADS_MAX, port)
        self.api.base_url = self.url

    @property
    def url(self) -> str:
        """Where to reach it."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request, one answer."""

    protocol_version = "HTTP/1.1"
    server_version = "SmileTillSandboxCards/1"
    sys_version = ""
    wbufsize = -1
    server: CardsServer

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
        self._send(Answer(int(code), CardsError(int(code), "The request is no HTTP.").body()))

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Tell the service's own time."""
        at_s = self.server.books.now() if timestamp is None else timestamp
        return formatdate(at_s, usegmt=True)

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
        except CardsError as error:
            is_lookup = self.command != "POST" and error.code == "resource_missing"
            return Answer(404 if is_lookup else error.status, error.body())
        except RequestError as error:
            return Answer(error.status, {"error": {"type": "control", "code": error.code}})
        except sqlite3.Error:
            broken = CardsError(500, "The books cannot be used.", kind="api_error")
            return Answer(500, broken.body())

    def _send(self, answer: Answer) -> None:
        self.connection.settimeout(READ_S)
        payload = answer.payload()
        self.close_connection = True
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json"} | dict(answer.headers)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload[: len(payload) // 2] if answer.cut else payload)

    def _answer(self) -> Answer | None:
        url = urlsplit(self.path)
        # Read before anything is refused: closing on unread bytes would reset our answer away.
        body = self._read_body()
        if url.path.startswith("/control/"):
            self._authorise(self.server.keys.control)
            return self._control(url.path, parse_qs(url.query), body)
        if url.path.startswith("/hosted/"):
            return self._hosted(url.path.removeprefix("/hosted/"), body)
        self._authorise(self.server.keys.api)
        return self._service(url.path, url.query.encode(), body)

    def _authorise(self, token: str) -> None:
        given = self.headers.get_all("Authorization", [])
        basic = base64.b64encode(f"{token}:".encode()).decode()
        # Bytes, because compare_digest refuses text that is not ASCII.
        if len(given) != 1 or not any(
            hmac.compare_digest(given[0].encode(), allowed.encode())
            for allowed in (f"Bearer {token}", f"Basic {basic}")
        ):
            raise CardsError(401, "Invalid API Key provided.")

    def _read_body(self) -> bytes:
        lengths = self.headers.get_all("Content-Length", ["0"])
        if (
            self.headers.get("Transfer-Encoding") is not None
            or len(lengths) != 1
            or not re.fullmatch(r"\d{1,9}", lengths[0], re.ASCII)
            or int(lengths[0]) > BODY_BYTES_MAX
        ):
            raise CardsError(400, "The body's length cannot be accepted.")
        return self.rfile.read(int(lengths[0]))

    # --- the service --------------------------------------------------------------------------

    def _service(self, path: str, query: bytes, body: bytes) -> Answer | None:
        key = self._key()
        if key:
            self.server.api.begin(key)
        try:
            fault = self.server.faults.take(self.command, path)
            if fault is None:
                return self._do(path, query, body, key)

            def execute() -> Answer:
                answer = self._guarded(lambda: self._do(path, query, body, key))
                assert answer is not None, "only faults swallow answers"
                return answer

            return _spoil(fault, execute, self.server.stopping.wait)
        finally:
            if key:
                self.server.api.end(key)

    def _do(self, path: str, query: bytes, body: bytes, key: str) -> Answer:
        match self.command:
            case "POST":
                if self.headers.get_content_type() != FORM and body:
                    raise CardsError(400, "The body must be a form.")
                return self.server.api.post(path, body, key, self._is_in_time)
            case "GET":
                return self.server.api.get(path, query)
            case _:
                return self.server.api.delete(path)

    def _key(self) -> str:
        keys = self.headers.get_all("Idempotency-Key", []) if self.command == "POST" else []
        if len(keys) > 1 or any(not 0 < len(key) <= KEY_LENGTH_MAX for key in keys):
            raise CardsError(400, "The idempotency key cannot be used.", kind="idempotency_error")
        return keys[0] if keys else ""

    def _is_in_time(self) -> bool:
        return boot_clock_s() - self._since_s < EXECUTE_S

    def _hosted(self, session: str, body: bytes) -> Answer:
        books = self.server.books
        with books.transaction():
            found = books.session(session)
            if found["status"] != "open":
                return _page(410, pages.closed())
            if self.command != "POST":
                return _page(200, pages.choose(session))
            books.save_card(session, text(read_form(body), "card"))
            return _page(200, pages.done(found["success_url"]))

    # --- the control side ---------------------------------------------------------------------

    def _control(self, path: str, query: dict[str, list[str]], body: bytes) -> Answer:
        server, books = self.server, self.server.books
        match self.command, path.removeprefix("/control/"):
            case "GET", "oracle":
                with books.transaction():
                    sums = books.sums(query.get("order", [None])[0])
                return Answer(
                    200,
                    {
                        "captures": sums.captures, "captured": sums.captured,
                        "refunds": sums.refunds, "refunded": sums.refunded,
                    },
                )  # fmt: skip
            case "POST", "faults":
                server.faults.add(read_fault({"path": "/v1/payment_intents", **_json(body)}))
            case "DELETE", "faults":
                server.faults.clear()
            case "POST", "clock":
                books.offset_s = _number(body, "offset_s", CLOCK_OFFSET_S_MAX)
            case "POST", "search":
                server.api.search_lag_s = _number(body, "lag_s", 86_400)
            case "POST", "settle":
                with books.transaction():
                    books.settle()
            case "POST", "card":
                found = _json(body)
                if found.get("card") not in CARDS:
                    raise RequestError(400, "card_unknown")
                with books.transaction():
                    books.change_card(str(found.get("customer")), found["card"])
            case "POST", "dispute":
                with books.transaction():
                    books.dispute(str(_json(body).get("order")))
            case "POST", "webhook":
                return self._webhook()
            case _:
                raise RequestError(404, "no_such_word")
        return Answer(200, {"ok": True})

    def _webhook(self) -> Answer:
        """Return the newest event as it would be delivered."""
        with self.server.books.transaction():
            found, _ = self.server.books.events(after=None, types=[], limit=1)
        if not found:
            raise RequestError(404, "no_event")
        payload = json.dumps(found[0])
        at_s = int(self.server.books.now())
        signature = sign(payload.encode(), self.server.keys.webhook, at_s)
        return Answer(200, {"payload": payload, "signature": signature})


def _spoil(
    fault: Fault, execute: Callable[[], Answer], pause: Callable[[float], object]
) -> Answer | None:
    """Carry out a fault; those that swap an answer's content do it in this service's words."""
    if fault.kind not in {FaultKind.OTHER_ORDER, FaultKind.WRONG_AMOUNT}:
        return apply_fault(fault, execute, pause)
    answer = execute()
    body = dict(answer.body or {})
    if fault.kind is FaultKind.WRONG_AMOUNT:
        body["amount"] = int(body.get("amount", 0)) + 1
        body["amount_received"] = body["amount"]
    else:
        body |= {"id": "pi_another", "metadata": {"order": "another", "key": "another"}}
    return replace(answer, body=body)


def _page(status: int, html: str) -> Answer:
    headers = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("Cache-Control", "no-store"),
    )
    return Answer(status, None, headers, raw=html.encode())


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RequestError(400, "json_bad")
    return found


def _number(body: bytes, name: str, most: int) -> int:
    found = _json(body).get(name)
    if type(found) is not int or abs(found) > most:
        raise RequestError(400, f"{name}_bad")
    return found
