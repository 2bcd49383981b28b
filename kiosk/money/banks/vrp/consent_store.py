"""What is kept of consents, sealed: terms and tokens, and the requests that asked for them.

One secret a consent, named after a hash of the bank's id, because a bank may use any characters and
a name becomes part of a file's name. Deleting it makes this terminal unable to pay under it.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

import msgspec

from kiosk.domain.errors import SetupError
from kiosk.money.banks.errors import BankUnreachableError
from kiosk.money.banks.port import BankSecrets
from kiosk.money.banks.vrp.bodies import Terms

VERSION = 1


class Consent(msgspec.Struct, frozen=True):
    """One consent."""

    version: int
    consent_id: str
    terms: Terms
    begun_by: str = ""
    """The idempotency key that asked for it."""
    access: str = ""
    refresh: str = ""
    until_s: float = 0.0
    """End of the access token, by the bank's clock."""
    request_id: str = ""
    """Of a decoupled approval that is waited for."""
    request_until_s: float = 0.0
    page_url: str = ""
    """The bank's page on which the payer approves."""
    state: str = ""
    nonce: str = ""
    verifier: str = ""
    """What the answer to that page's request is known by."""

    def __repr__(self) -> str:
        """Show nothing: it holds tokens."""
        return "Consent(…)"


class ConsentRequest(msgspec.Struct, frozen=True):
    """A request for a consent, as it is sent every time."""

    version: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    terms: Terms

    def __repr__(self) -> str:
        """Show nothing."""
        return "ConsentRequest(…)"


class Redirect(msgspec.Struct, frozen=True):
    """What the payer's browser brought back from the bank's page."""

    version: int
    code: str
    id_token: str

    def __repr__(self) -> str:
        """Show nothing."""
        return "Redirect(…)"


Kept = TypeVar("Kept", Consent, ConsentRequest, Redirect)


class ConsentStore:
    """Keeps them. Every method raises BankUnreachableError if the secret cannot be used."""

    def __init__(self, secrets: BankSecrets) -> None:
        """Read nothing yet."""
        self._secrets = secrets

    def consent(self, consent_id: str) -> Consent | None:
        """Return what is kept of a consent."""
        kept = self._get(_name("consent", consent_id), Consent)
        return kept if kept is not None and kept.consent_id == consent_id else None

    def keep(self, consent: Consent) -> None:
        """Keep a consent, durably."""
        self._put(_name("consent", consent.consent_id), consent)

    def forget(self, consent: Consent) -> None:
        """Forget a consent and all that belongs to it."""
        self._delete(_name("begin", consent.begun_by))
        self._delete(_name("code", consent.state))
        self._delete(_name("consent", consent.consent_id))

    def request(self, key: str) -> ConsentRequest | None:
        """Return the request that an idempotency key stands for."""
        return self._get(_name("begin", key), ConsentRequest)

    def keep_request(self, key: str, request: ConsentRequest) -> None:
        """Keep a request, before its first byte is sent."""
        self._put(_name("begin", key), request)

    def forget_request(self, key: str) -> None:
        """Forget a request that the bank has refused."""
        self._delete(_name("begin", key))

    def take_redirect(self, state: str) -> Redirect | None:
        """Return what a payer's browser brought back, once."""
        found = self._get(_name("code", state), Redirect)
        if found is not None:
            self._delete(_name("code", state))
        return found

    def put_redirect(self, state: str, redirect: Redirect) -> None:
        """Leave what a payer's browser brought back."""
        self._put(_name("code", state), redirect)

    def _get(self, name: str, kind: type[Kept]) -> Kept | None:
        try:
            raw = self._secrets.get(name)
            found = None if raw is None else msgspec.json.decode(raw, type=kind)
        except (SetupError, msgspec.MsgspecError) as error:
            raise BankUnreachableError("what is kept of a mandate cannot be read") from error
        return found if found is not None and found.version == VERSION else None

    def _put(self, name: str, value: msgspec.Struct) -> None:
        try:
            self._secrets.put(name, msgspec.json.encode(value))
        except SetupError as error:
            raise BankUnreachableError("what is kept of a mandate cannot be stored") from error

    def _delete(self, name: str) -> None:
        try:
            self._secrets.delete(name)
        except SetupError as error:
            raise BankUnreachableError("what is kept of a mandate cannot be removed") from error


def _name(kind: str, text: str) -> str:
    return f"vrp-{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
