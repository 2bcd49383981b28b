"""One HTTP exchange with the sandbox bank: bounded, and honest about how far it came.

One request on a connection of its own: no retries, no redirects, no proxies, no kept connections.
It does not judge what an answer means; it only tells apart three things: no connection was made
(not one byte left), something was sent but no usable answer came back, and a whole JSON answer.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3.response import HTTPResponse

ANSWER_BYTES_MAX = 65_536
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds of one exchange, in seconds.

    `read_s` bounds each silence and `answer_s` the whole wait for status line and headers, and
    again for the body. 5 s is the bank's own limit to execute; past it no answer is worth waiting.
    """

    connect_s: float = 2.0
    read_s: float = 6.0
    answer_s: float = 8.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer with a JSON object in it."""

    status: int
    body: dict[str, Any]

    @property
    def error(self) -> str:
        """The bank's error code, or an empty text if there is no well-formed one."""
        code = self.body.get("error")
        return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable answer; `is_sent` is False only if no connection was made."""

    is_sent: bool
    reason: str


class _BoundedConnection(HTTPConnection):
    """A connection that is cut when status line and headers drip in for too long."""

    answer_s: float

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        """Wait for the answer's head, at most `answer_s` seconds in all."""
        timer = threading.Timer(self.answer_s, self._cut)
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()

    def _cut(self) -> None:
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the other side was quicker


class _BoundedAdapter(HTTPAdapter):
    """Makes `_BoundedConnection`s, and retries nothing."""

    def __init__(self, answer_s: float) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        connection = type("_Connection", (_BoundedConnection,), {"answer_s": answer_s})
        pool = type("_Pool", (HTTPConnectionPool,), {"ConnectionCls": connection})
        self.poolmanager.pool_classes_by_scheme = {"http": pool}


class Exchange:
    """Sends requests; keeps nothing between two of them, so that threads may share it."""

    def __init__(self, timeouts: Timeouts) -> None:
        """Set the bounds; nothing is sent yet."""
        self._timeouts = timeouts

    def _session(self) -> requests.Session:
        session = requests.Session()
        # Proxies and .netrc of whoever started us must not see payments.
        session.trust_env = False
        session.headers.clear()
        session.adapters.clear()
        # Plain http only: for any other address there is no adapter, and nothing is sent.
        session.mount("http://", _BoundedAdapter(self._timeouts.answer_s))
        return session

    def send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply | Failure:
        """Send one request and read one answer, or say how far it came.

        Args:
            method: HTTP method.
            url: Whole address; only plain http is sent.
            body: The exact bytes of the body.
            headers: The caller's headers; those of the transport are added.

        Returns:
            A `Reply`, or a `Failure`; never raises for anything the network does.
        """
        fields = dict(headers) | {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        with self._session() as session:
            try:
                request = session.prepare_request(
                    requests.Request(method, url, headers=fields, data=body)
                )
                session.get_adapter(request.url or "")
            except (requests.RequestException, ValueError):
                return Failure(is_sent=False, reason="bank_address_bad")
            return self._send_prepared(session, request)

    def _send_prepared(
        self, session: requests.Session, request: requests.PreparedRequest
    ) -> Reply | Failure:
        try:
            with session.send(
                request,
                timeout=(self._timeouts.connect_s, self._timeouts.read_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._read(response)
        except requests.ConnectTimeout:
            return Failure(is_sent=False, reason="bank_not_reached")
        except requests.ConnectionError as error:
            is_sent = not _is_before_connection(error)
            return Failure(is_sent, "answer_lost" if is_sent else "bank_not_reached")
        except requests.Timeout:
            return Failure(is_sent=True, reason="bank_timeout")
        # Not every broken answer is wrapped by requests while we read the raw body.
        except (requests.RequestException, HTTPError, OSError, ValueError):
            return Failure(is_sent=True, reason="answer_lost")

    def _read(self, response: requests.Response) -> Reply | Failure:
        """Read a bounded body in bounded time and parse it."""
        end_s = time.monotonic() + self._timeouts.answer_s
        content = b""
        while chunk := response.raw.read1(ANSWER_BYTES_MAX, decode_content=False):
            content += chunk
            if len(content) > ANSWER_BYTES_MAX or time.monotonic() > end_s:
                return Failure(is_sent=True, reason="answer_too_long")
        if response.status_code == 204:
            return Reply(204, {})
        try:
            body = json.loads(content, object_pairs_hook=_no_duplicates)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            # The status alone still tells staff more than "unreadable" does.
            reason = "bank_error" if response.status_code >= 500 else "answer_unreadable"
            return Failure(is_sent=True, reason=reason)
        return Reply(response.status_code, body)


def _is_before_connection(error: requests.ConnectionError) -> bool:
    """Say whether urllib3 gave up before there was a connection to send on.

    requests wraps a refused connection and one that broke half way in the same class; only the
    first carries `NewConnectionError` (which covers name resolution too).
    """
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a name appears twice"
        raise ValueError(message)
    return found
