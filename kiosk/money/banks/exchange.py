"""One HTTP exchange with a bank: bounded, and honest about how far it came.

One request on a connection of its own: no retries, no redirects, no proxies, no kept connections.
It does not judge what an answer means; it only tells apart three things: no connection was made
(not one byte of the request left), something was sent but no whole answer came back, and a whole
answer.

Invariants: `Failure.is_sent` is False only if connecting (with TLS: the handshake, and the check of
the bank's certificate) did not end well; from then on every failure counts as sent. Connecting,
the wait for the answer's head, and reading its body are each bounded in all, not only each silence.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

ANSWER_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds of one exchange, in seconds.

    `connect_s` bounds reaching the bank and, with TLS, again the whole handshake (Python's `ssl`
    counts from its beginning); `read_s` bounds each silence, and `answer_s` the whole wait for
    status line and headers, and again for the body. 5 s is the sandbox bank's own limit to execute;
    past it no answer is worth waiting.
    """

    connect_s: float = 2.0
    read_s: float = 6.0
    answer_s: float = 8.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer, as it came."""

    status: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """Names in small letters; of a header that came twice, the values joined by a comma."""
    sent_at_s: float = 0.0
    """When the request began, by the monotonic clock."""
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable answer; `is_sent` is False only if no connection was made."""

    is_sent: bool
    reason: str


class _Watch:
    """Cuts one exchange's connection when a phase of it lasts too long.

    It holds the connection by a descriptor of its own, because TLS takes the socket's away.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.is_connected = False
        self._held: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def hold(self, sock: socket.socket) -> None:
        """Take note of the fresh connection."""
        self._held = socket.socket(fileno=os.dup(sock.fileno()))

    def begin(self, seconds: float) -> None:
        """Start the clock of the next phase."""
        self.end()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Let the connection go."""
        timer = self._timer
        self.end()
        if timer is not None:
            timer.join()
        if self._held is not None:
            self._held.close()

    def _cut(self) -> None:
        if self._held is not None:
            with contextlib.suppress(OSError):  # the other side was quicker
                self._held.shutdown(socket.SHUT_RDWR)


class _Watched(HTTPConnection):
    """A connection whose phases are watched."""

    def __init__(self, *args: Any, watch: _Watch, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.watch = watch

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self.watch.hold(sock)
        return sock

    def connect(self) -> None:
        """Connect, and note that it came off."""
        super().connect()
        self.watch.is_connected = True
        # Sending counts as waiting for the head: a peer that does not read holds us up no longer.
        self.watch.begin(self.watch.timeouts.answer_s)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        """Wait for the answer's head."""
        try:
            return super().getresponse()
        finally:
            self.watch.end()


class _WatchedTls(_Watched, HTTPSConnection):
    """The same over TLS."""


class _Adapter(HTTPAdapter):
    """Makes watched connections; trusts whom the TLS context trusts, and retries nothing."""

    def __init__(self, watch: _Watch, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._connection = partial(_Watched if tls is None else _WatchedTls, watch=watch)
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> ConnectionPool:
        """Have the pool make connections that are watched."""
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        # Not a class, but all that the pool does with it is to call it.
        pool.ConnectionCls = self._connection  # type: ignore[attr-defined]
        return pool

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Hand the TLS context to the connections."""
        if self._tls is not None:
            kwargs["ssl_context"] = self._tls
        super().init_poolmanager(*args, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the context as it is: requests would add the world's authorities to the bank's."""
        del url, verify, cert
        conn.cert_reqs = "CERT_REQUIRED"


class Wire:
    """Sends requests; keeps nothing between two of them, so that threads may share it."""

    def __init__(
        self,
        timeouts: Timeouts,
        tls: ssl.SSLContext | None = None,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        """Set the bounds; nothing is sent yet.

        Args:
            timeouts: Bounds of one exchange.
            tls: With it only https is spoken, and only to who it trusts; without it only http.
            bytes_max: Bytes of a body.
        """
        self._timeouts = timeouts
        self._tls = tls
        self._bytes_max = bytes_max

    def send(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer | Failure:
        """Send one request and read one answer, or say how far it came.

        Args:
            method: HTTP method.
            url: Whole address; one of the other scheme is not sent.
            body: The exact bytes of the body.
            headers: The caller's headers; those of the transport are added.

        Returns:
            An `Answer`, or a `Failure`; never raises for anything the network does.
        """
        fields = dict(headers) | {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        # One scheme only: to any other address nothing is sent.
        if not url.startswith("http://" if self._tls is None else "https://"):
            return Failure(is_sent=False, reason="bank_address_bad")
        try:
            request = requests.Request(method, url, headers=fields, data=body).prepare()
        except (requests.RequestException, ValueError):
            return Failure(is_sent=False, reason="bank_address_bad")
        watch = _Watch(self._timeouts)
        # The adapter without a session: no proxies and no .netrc of whoever started us, no cookies
        # and no redirects, and nothing that is not needed in the time that a customer waits.
        adapter = _Adapter(watch, self._tls)
        try:
            return self._exchange(adapter, request, watch)
        finally:
            adapter.close()
            watch.close()

    def _exchange(
        self, adapter: _Adapter, request: requests.PreparedRequest, watch: _Watch
    ) -> Answer | Failure:
        start_s = time.monotonic()
        try:
            with adapter.send(
                request, stream=True, timeout=(self._timeouts.connect_s, self._timeouts.read_s)
            ) as response:
                return self._read(response, start_s)
        except requests.Timeout:
            reason = "bank_timeout"
        # Not every broken answer is wrapped by requests while we read the raw body.
        except (requests.RequestException, HTTPError, OSError, ValueError):
            reason = "answer_lost"
        if not watch.is_connected:
            return Failure(is_sent=False, reason="bank_not_reached")
        return Failure(is_sent=True, reason=reason)

    def _read(self, response: requests.Response, start_s: float) -> Answer | Failure:
        """Read a bounded body in bounded time."""
        headers_s = time.monotonic()
        end_s = headers_s + self._timeouts.answer_s
        content = b""
        while chunk := response.raw.read1(self._bytes_max, decode_content=False):
            content += chunk
            if len(content) > self._bytes_max or time.monotonic() > end_s:
                return Failure(is_sent=True, reason="answer_too_long")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, content, headers, start_s, headers_s - start_s)
