"""One exchange with the payment service: our key goes in, a JSON object comes out.

It judges no answer; it adds the secret key while sending (the journal must not hold it), reads
strictly, and measures how far the service's clock is from ours.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from kiosk.money.banks.cards.account import Account, AccountSource
from kiosk.money.banks.exchange import Answer, Failure, Timeouts, Wire

API_VERSION = "2024-06-20"
"""Version of the public interface that this connector was written against."""
TIMEOUTS = Timeouts(connect_s=3.0, read_s=10.0, answer_s=12.0)
ANSWER_BYTES_MAX = 1_000_000
"""A page of 100 payments with their cards is about 300 KB."""
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer with a JSON object in it."""

    status: int
    body: dict[str, Any] = field(repr=False)

    @property
    def error(self) -> dict[str, Any]:
        """The service's error object, or an empty one."""
        found = self.body.get("error")
        return found if isinstance(found, dict) else {}

    @property
    def error_type(self) -> str:
        """The error's type; empty if it is none of the service's."""
        found = self.error.get("type")
        return found if isinstance(found, str) else ""

    def is_missing(self) -> bool:
        """Say whether the service does not know what was asked about."""
        is_refusal = self.status in {400, 404} and self.error_type == "invalid_request_error"
        return is_refusal and self.error.get("code") == "resource_missing"


class CardsClient:
    """Sends requests; threads may share it."""

    def __init__(self, source: AccountSource, timeouts: Timeouts = TIMEOUTS) -> None:
        """Remember how; nothing is sent yet."""
        self._source = source
        self._timeouts = timeouts
        self._plain = Wire(timeouts, bytes_max=ANSWER_BYTES_MAX)
        self._secure: Wire | None = None
        self._guard = threading.Lock()
        self.clock_skew_s: float | None = None
        """The service's clock minus ours; the `Date` header tells whole seconds."""

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Reply | Failure:
        """Look something up."""
        question = f"?{urlencode(query)}" if query else ""
        return self.send("GET", f"{path}{question}", b"", {"Stripe-Version": API_VERSION})

    def post(self, path: str, fields: Mapping[str, str], key: str | None = None) -> Reply | Failure:
        """Change something."""
        keys = {} if key is None else {"Idempotency-Key": key}
        return self.send("POST", path, encode(fields), {**dict(base_headers()), **keys})

    def delete(self, path: str) -> Reply | Failure:
        """Remove something."""
        return self.send("DELETE", path, b"", {"Stripe-Version": API_VERSION})

    def send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Reply | Failure:
        """Send one request, and say what came back; never raises for what the network does."""
        account = self._source.account()
        if account is None:
            return Failure(is_sent=False, reason="bank_not_running")
        fields = dict(headers) | {"Authorization": f"Bearer {account.api_key}"}
        url = account.api_base.rstrip("/") + path
        answer = self._wire(url).send(method, url, body, fields)
        if isinstance(answer, Failure):
            return answer
        self._measure(answer)
        return _read(answer)

    def approve(self, account: Account, session: str, card: str) -> bool:
        """Have a simulated customer save a test card; say whether the page answered."""
        url = account.headless_approve_url + session
        answer = self._plain.send("POST", url, encode({"card": card}), {"Content-Type": FORM})
        # 410: it was approved before, by an earlier call with the same key.
        return isinstance(answer, Answer) and answer.status in {200, 410}

    def _wire(self, url: str) -> Wire:
        if urlsplit(url).scheme == "http":
            return self._plain
        with self._guard:
            if self._secure is None:
                tls = ssl.create_default_context()
                self._secure = Wire(self._timeouts, tls, bytes_max=ANSWER_BYTES_MAX)
            return self._secure

    def _measure(self, answer: Answer) -> None:
        try:
            told_s = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except ValueError:
            return
        ago_s = time.monotonic() - (answer.sent_at_s + answer.took_s / 2)
        # Half a second: whole seconds are cut off, not rounded.
        self.clock_skew_s = told_s + 0.5 - (time.time() - ago_s)


def base_headers() -> tuple[tuple[str, str], ...]:
    """Return the headers of every request with a body."""
    return (("Content-Type", FORM), ("Stripe-Version", API_VERSION))


def encode(fields: Mapping[str, str]) -> bytes:
    """Return the one way in which this connector writes a form: sorted by name."""
    return urlencode(sorted(fields.items())).encode("ascii")


def _read(answer: Answer) -> Reply | Failure:
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return Failure(is_sent=True, reason="answer_nonsense")
    return Reply(answer.status, body)
