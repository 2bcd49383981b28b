"""The account at the payment service: where it is and which secret key speaks for us.

Format, version 1: one JSON object, sealed as the bank secret `cards`; in the sandbox the service's
own file `DIR/sandbox/cards/account.json`, read before each exchange because its port changes.
It is never shown: not in `repr`, not in an error.

Invariants: plain http reaches this machine only; an account of the sandbox file, and one with an
address for headless approval, names this machine and a test key only. So a simulated camera can
never meet a service of the outside world.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.money.banks.port import BankContext

SECRET_NAME = "cards"  # noqa: S105 - the name of a secret
SANDBOX_FILE = Path("sandbox") / "cards" / "account.json"
FILE_BYTES_MAX = 4_096
PUBLIC_API = "https://api.stripe.com"
_TEST_KEYS = ("sk_test_", "rk_test_")
_LIVE_KEYS = ("sk_live_", "rk_live_")


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One account."""

    version: int
    api_key: str
    api_base: str = PUBLIC_API
    webhook_secret: str = ""
    headless_approve_url: str = ""
    """Where a simulated customer saves a card; the session's id follows. Empty: nowhere."""

    def __repr__(self) -> str:
        """Show nothing."""
        return "Account(…)"

    @property
    def is_test(self) -> bool:
        """Say whether its key can move no real money, which the service itself sees to."""
        return self.api_key.startswith(_TEST_KEYS)


_decoder = msgspec.json.Decoder(Account)


def read_account(raw: bytes) -> Account:
    """Read and check an account.

    Raises:
        BadInputError: It cannot be used. Nothing of its content is repeated.
    """
    bad = BadInputError(
        "The account for cards cannot be used.",
        code="cards_account_bad",
        mend="Write version, api_key and webhook_secret as docs/cards.md says.",
    )
    if len(raw) > FILE_BYTES_MAX:
        raise bad
    try:
        account = _decoder.decode(raw)
    except msgspec.DecodeError:
        raise bad from None
    if account.version != 1 or not account.api_key.startswith((*_TEST_KEYS, *_LIVE_KEYS)):
        raise bad
    if not (account.api_key.isascii() and account.api_key.isprintable()):
        raise bad
    base = urlsplit(account.api_base)
    is_here = _is_loopback(base.hostname)
    if base.scheme not in {"http", "https"} or (base.scheme == "http" and not is_here):
        raise bad
    if account.headless_approve_url:
        page = urlsplit(account.headless_approve_url)
        if not (account.is_test and is_here and _is_loopback(page.hostname)):
            raise bad
    return account


class AccountSource:
    """Finds the account anew for each exchange. Threads may share it."""

    def __init__(self, context: BankContext) -> None:
        """Remember where to look."""
        self._secrets = context.secrets
        self._url = context.url
        self._file = context.data_dir / SANDBOX_FILE

    def account(self) -> Account | None:
        """Return the account, or None if there is none that can be used. Never raises."""
        try:
            sealed = self._secrets.get(SECRET_NAME)
            if sealed is not None:
                account = read_account(sealed)
                if self._url is None:
                    return account
                # Checked again: the settings must not lead a key astray over plain http.
                moved = msgspec.structs.replace(account, api_base=self._url)
                return read_account(msgspec.json.encode(moved))
            return None if self._url is not None else self._sandbox()
        except (OSError, SetupError, BadInputError):
            return None

    @property
    def is_sandbox(self) -> bool:
        """Say whether nothing that this leads to can move real money; in doubt, no."""
        try:
            sealed = self._secrets.get(SECRET_NAME)
            if sealed is None:
                return self._url is None
            return read_account(sealed).is_test
        except (SetupError, BadInputError):
            return False

    def _sandbox(self) -> Account | None:
        with self._file.open("rb") as file:
            account = read_account(file.read(FILE_BYTES_MAX + 1))
        is_here = account.is_test and _is_loopback(urlsplit(account.api_base).hostname)
        return account if is_here else None


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
