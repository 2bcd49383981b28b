"""Access tokens, refresh tokens and what leads to them; each bound to a client's certificate.

A token is its own claims with our MAC, so that tokens outlive a restart of the bank as they would
at a real one; only codes and the newest decoupled request of a consent live in memory.
It does not know whether a consent still stands: whoever takes a token asks the books.
Invariants:
- A token serves one client, one certificate (RFC 8705) and, if it names one, one consent.
- A code buys tokens once.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_TOKEN_LIFE_S = 900
CODE_LIFE_S = 60
"""FAPI 1.0 Advanced: a code should be short-lived; a minute is what most banks allow."""
BACKCHANNEL_LIFE_S = 300
BACKCHANNEL_INTERVAL_S = 1
CONSENT_TOKEN_LIFE_S = 10 * 366 * 86_400
"""A consent without an end: the token of a VRP consent lives as long as the consent does."""
CODES_MAX = 1000
TOKEN_LENGTH_MAX = 1024


class Kind(enum.Enum):
    """What a token is good for."""

    CLIENT = "client"
    """Staging and reading; the client alone (client_credentials)."""
    CONSENT = "consent"
    """Paying and confirming funds under one consent, with its payer's approval."""
    REFRESH = "refresh"
    """Getting another consent token."""
    BACKCHANNEL = "backchannel"
    """Asking whether a decoupled approval has happened (`auth_req_id`)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token says."""

    kind: Kind
    client_id: str
    thumbprint: str
    until_s: int
    consent_id: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """What an authorisation code stands for until it is used."""

    client_id: str
    consent_id: str
    redirect_uri: str
    until_s: float
    nonce: str = ""
    challenge: str = ""
    """`code_challenge` of PKCE, method S256; empty if the client sent none."""


@dataclass(slots=True)
class TokenMint:
    """Makes and reads tokens; safe to use from many threads."""

    secret: bytes = field(repr=False)
    now_s: Callable[[], float]
    consent_life_s: int | None = None
    """A shorter life for consent tokens, so that refreshing can be tried; None: the consent's."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _codes: dict[str, Code] = field(default_factory=dict, repr=False)
    _newest: dict[str, str] = field(default_factory=dict, repr=False)
    _polled_s: dict[str, float] = field(default_factory=dict, repr=False)
    _forgotten_ns: int = -1

    def issue(
        self, kind: Kind, client_id: str, thumbprint: str, life_s: int, consent_id: str = ""
    ) -> str:
        """Return a new token that lives `life_s` seconds of the bank's time."""
        claims = {
            "v": 1,
            "kind": kind.value,
            "client": client_id,
            "x5t": thumbprint,
            "until_s": int(self.now_s()) + life_s,
            "consent": consent_id,
            "at_ns": time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            "id": secrets.token_hex(8),
        }
        head = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{head}.{_encode(self._mac(head))}"

    def read(self, token: str, kinds: set[Kind]) -> Grant | None:
        """Return what a token says, or None if it is not ours, of another kind, or over."""
        head, _, mac = token.partition(".")
        if len(token) > TOKEN_LENGTH_MAX or not hmac.compare_digest(
            mac.encode(), _encode(self._mac(head)).encode()
        ):
            return None
        claims = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        kind = Kind(claims["kind"])
        if kind not in kinds or claims["at_ns"] <= self._forgotten_ns:
            return None
        grant = Grant(kind, claims["client"], claims["x5t"], claims["until_s"], claims["consent"])
        return grant if self.now_s() < grant.until_s else None

    def forget_all(self) -> None:
        """Let every token issued so far be unknown, as after a bank's own trouble; till restart."""
        with self._lock:
            self._forgotten_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            self._codes.clear()

    def keep_code(self, code: Code) -> str:
        """Return a new authorisation code."""
        name = secrets.token_urlsafe(24)
        with self._lock:
            while len(self._codes) >= CODES_MAX:
                del self._codes[next(iter(self._codes))]
            self._codes[name] = code
        return name

    def take_code(self, name: str) -> Code | None:
        """Return what a code stands for, once and while it lives."""
        with self._lock:
            code = self._codes.pop(name, None)
        return code if code is not None and self.now_s() < code.until_s else None

    def begin_backchannel(self, client_id: str, thumbprint: str, consent_id: str) -> str:
        """Return an `auth_req_id`; one that the same consent had before ends with it."""
        name = self.issue(Kind.BACKCHANNEL, client_id, thumbprint, BACKCHANNEL_LIFE_S, consent_id)
        with self._lock:
            while len(self._newest) >= CODES_MAX:
                del self._newest[next(iter(self._newest))]
            self._newest[consent_id] = name
        return name

    def poll_backchannel(self, name: str, clock_s: float) -> tuple[Grant | None, bool]:
        """Look at an `auth_req_id`.

        Args:
            name: It.
            clock_s: A clock that nobody sets, for the distance between polls.

        Returns:
            What it stands for (None: it is over or replaced), and whether it was asked too soon.
        """
        grant = self.read(name, {Kind.BACKCHANNEL})
        with self._lock:
            # After a restart nothing is known, and the one that comes is the newest.
            if grant is None or self._newest.setdefault(grant.consent_id, name) != name:
                return None, False
            before_s = self._polled_s.get(grant.consent_id)
            while len(self._polled_s) >= CODES_MAX:
                del self._polled_s[next(iter(self._polled_s))]
            self._polled_s[grant.consent_id] = clock_s
        too_soon = before_s is not None and clock_s - before_s < BACKCHANNEL_INTERVAL_S / 2
        return grant, too_soon

    def _mac(self, head: str) -> bytes:
        return hmac.digest(self.secret, b"token " + head.encode(), hashlib.sha256)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
