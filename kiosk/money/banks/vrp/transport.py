"""The way to one bank: mutual TLS, the headers of every request, and the bank's clock and keys.

The private key of the TLS certificate never lies on a disk in the clear: Python's `ssl` reads keys
from files only, so it is given one in memory (`memfd`), which is gone when it is read.
Trusted is who the onboarding file's authorities vouch for, under the name that was dialled, and
nobody else. It judges signatures, and not what an answer means.
"""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from kiosk.money.banks.exchange import Answer, Failure, Timeouts, Wire
from kiosk.money.banks.vrp import jose
from kiosk.money.banks.vrp.answers import parse_object
from kiosk.money.banks.vrp.onboarding import RSA_BITS_MIN, Onboarding

logger = logging.getLogger(__name__)

MEASURE_S_MAX = 4.0
"""An exchange that took longer tells the bank's time too coarsely (by half of it)."""
KEYS_BYTES_MAX = 262_144
KEYS_MAX = 200
BEFORE_S_MAX = 3.0
"""Seconds that the signature of a refusal may be dated before its request was sent: `iat` is told
in whole seconds (1), `Date` too (0.5), and the way there and back takes some time. More than that,
and it was made for another request."""
REFETCH_S_MIN = 10.0
"""Seconds between two fetches of the bank's keys, however many answers name a wrong one."""
TOKEN_LENGTH_MAX = 8_192


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer of the bank; not yet believed."""

    status: int
    content: bytes = field(repr=False)
    signature: str = field(repr=False)
    body: dict[str, Any] | None = field(repr=False)
    """The JSON object in it, or None if there is none."""
    is_echoed: bool
    """It names our interaction id; False: it names none. One that names another never gets here."""
    sent_s: float | None
    """When the request began, by the bank's clock; None while that is not known."""


class BankClock:
    """The bank's clock as its `Date` headers tell it; threads may share it."""

    def __init__(self, wall_s: Callable[[], float] = time.time) -> None:
        """Start without knowledge of it."""
        self._wall_s = wall_s
        self._skew_s: float | None = None
        self._ahead_s: float | None = None
        """The bank's clock minus the monotonic one, which nobody sets."""

    @property
    def skew_s(self) -> float | None:
        """The bank's clock minus ours, in seconds, or None before the first answer."""
        return self._skew_s

    def now_s(self) -> float:
        """Return the bank's time, as far as it is known."""
        return self._wall_s() + (self._skew_s or 0.0)

    def at_s(self, monotonic_s: float) -> float | None:
        """Return the bank's time at a moment of the monotonic clock; None: it is not known."""
        ahead_s = self._ahead_s
        return None if ahead_s is None else monotonic_s + ahead_s

    def learn(self, answer: Answer) -> None:
        """Take the time of an answer's `Date`, which is told in whole seconds."""
        if answer.took_s > MEASURE_S_MAX:
            return
        try:
            told_s = parsedate_to_datetime(answer.headers.get("date", "")).timestamp() + 0.5
        except (ValueError, TypeError, OverflowError):
            return
        # The bank wrote it between our first byte and its first: the middle is off by half at most.
        sent_s = self._wall_s() - (time.monotonic() - answer.sent_at_s)
        self._skew_s = told_s - (sent_s + answer.took_s / 2)
        self._ahead_s = told_s - (answer.sent_at_s + answer.took_s / 2)


class Transport:
    """One bank, one client; made anew when the onboarding file changes. Threads may share it."""

    def __init__(self, onboarding: Onboarding, timeouts: Timeouts, clock: BankClock) -> None:
        """Load the keys; nothing is sent yet."""
        self.onboarding = onboarding
        self.signer = jose.Signer(
            onboarding.signing_key_pem,
            onboarding.signing_kid,
            onboarding.signing_iss,
            onboarding.trust_anchor,
        )
        self.clock = clock
        tls = _context(onboarding)
        self._wire = Wire(timeouts, tls)
        self._wire_for_keys = Wire(timeouts, tls, KEYS_BYTES_MAX)
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at_s: float | None = None
        self._fetching = threading.Lock()

    def send(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
        token: str = "",
    ) -> Reply | Failure:
        """Send one request.

        Args:
            method: HTTP method.
            url: Whole address.
            body: Exact bytes.
            headers: Those of the request; what each request has is added.
            token: The bearer token, if the address wants one.
        """
        interaction = str(uuid.uuid4())
        fields = dict(headers)
        if token:
            fields["Authorization"] = f"Bearer {token}"
            fields["x-fapi-interaction-id"] = interaction
        answer = self._wire.send(method, url, body, fields)
        if isinstance(answer, Failure):
            return answer
        # An answer of another time has a `Date` of that time: it alone must not say when we asked.
        known = self.clock.at_s(answer.sent_at_s)
        self.clock.learn(answer)
        told = self.clock.at_s(answer.sent_at_s)
        echo = answer.headers.get("x-fapi-interaction-id", "").lower()
        if token and echo not in {"", interaction}:
            return Failure(is_sent=True, reason="answer_mismatch")
        return Reply(
            answer.status,
            answer.content,
            answer.headers.get("x-jws-signature", ""),
            parse_object(answer.content),
            is_echoed=echo == interaction,
            sent_s=None if known is None or told is None else max(known, told),
        )

    def check(self, reply: Reply) -> None:
        """Check the bank's signature of an answer.

        Raises:
            SignatureError: It has none, or none that can be believed.
        """
        self._verify(reply, None)

    def check_refusal(self, reply: Reply) -> None:
        """Check an answer that names nothing of what was asked, as refusals do.

        The signature alone would let the refusal of another request pass for five minutes. So it
        must name our interaction id and be made after we asked.

        Raises:
            SignatureError: It cannot be believed, or it may be the answer to another request.
        """
        if not reply.is_echoed:
            raise jose.SignatureError("interaction_id_missing")
        if reply.sent_s is None:
            raise jose.SignatureError("clock_not_known")
        self._verify(reply, reply.sent_s - BEFORE_S_MAX)

    def _verify(self, reply: Reply, since_s: float | None) -> None:
        if not reply.signature:
            raise jose.SignatureError("signature_missing")
        jose.verify_detached(
            reply.signature,
            reply.content,
            self._key(reply.signature),
            iss=self.onboarding.bank_signing_iss,
            tan=self.onboarding.trust_anchor,
            now_s=self.clock.now_s(),
            since_s=since_s,
        )

    def claims(self, text: str) -> dict[str, Any]:
        """Check a JWT of the bank and return its claims.

        Raises:
            SignatureError: It cannot be believed.
        """
        return jose.verify_token(text, self._key(text))

    def has_keys(self) -> bool:
        """Have the bank's keys, before money depends on them; fetch them if need be."""
        if not self._keys:
            self._fetch()
        return bool(self._keys)

    def _key(self, text: str) -> RSAKey:
        kid = jose.key_id(text)
        if kid not in self._keys:
            self._fetch()
        key = self._keys.get(kid)
        if key is None:
            raise jose.SignatureError("signature_key_unknown")
        return key

    def _fetch(self) -> None:
        """Fetch the bank's keys, unless that was done a moment ago."""
        with self._fetching:
            now_s = time.monotonic()
            is_fresh = self._fetched_at_s is not None and now_s - self._fetched_at_s < REFETCH_S_MIN
            if self._keys and is_fresh:
                return
            answer = self._wire_for_keys.send("GET", self.onboarding.jwks_uri, b"", {})
            if isinstance(answer, Failure) or answer.status != 200:
                logger.warning("the bank's keys cannot be fetched")
                return
            self.clock.learn(answer)
            self._keys = _read_keys(answer.content)
            self._fetched_at_s = now_s


def _read_keys(content: bytes) -> dict[str, RSAKey]:
    """Read a JWK set: its RSA keys for signatures; others are of no use here."""
    listed = (parse_object(content) or {}).get("keys")
    keys: dict[str, RSAKey] = {}
    for entry in listed[:KEYS_MAX] if isinstance(listed, list) else ():
        if not isinstance(entry, dict) or entry.get("kty") != "RSA":
            continue
        kid = entry.get("kid")
        if not isinstance(kid, str) or entry.get("use", "sig") != "sig":
            continue
        public = {name: entry[name] for name in ("kty", "n", "e") if name in entry}
        with contextlib.suppress(JoseError, ValueError, TypeError):
            key = RSAKey.import_key(public)
            if key.public_key.key_size >= RSA_BITS_MIN:
                keys[kid] = key
    return keys


def _context(onboarding: Onboarding) -> ssl.SSLContext:
    """Make the TLS context; the files it is read from live in memory only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=onboarding.ca_pem)
    secret = f"{onboarding.transport_key_pem}\n{onboarding.transport_cert_pem}\n".encode()
    handle = os.memfd_create("smiletill-tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(handle, "r+b", buffering=0) as file:
            file.write(secret)
            context.load_cert_chain(f"/proc/self/fd/{handle}")
            # The pages are freed with the file; until the kernel reuses them, let them be zeros.
            file.seek(0)
            file.write(bytes(len(secret)))
    except ssl.SSLError as error:  # the onboarding file was checked: our bug
        message = "a checked certificate was refused"
        raise AssertionError(message) from error
    return context
