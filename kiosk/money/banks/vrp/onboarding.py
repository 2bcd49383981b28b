"""The onboarding file: what a bank gave to this terminal's payment service provider, checked.

Format: one JSON object, version 1 (`docs/going-live.md` names every field). It holds private keys,
so it is never shown: not in `repr`, not in an error.
Invariant: a file with `headless_approve_url`, by which a simulated customer approves, names this
machine only. So a simulated camera can never meet a bank of the outside world.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kiosk.domain.errors import BadInputError

FILE_BYTES_MAX = 48_000
"""Three PEM texts and a dozen addresses are below 20 KB, sealed they must fit a bank secret."""
TEXT_LENGTH_MAX = 2_048
RSA_BITS_MIN = 2_048
"""The least that PS256 is allowed with (RFC 7518, 3.5)."""


class Creditor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The restaurant's account, as `OBCashAccountCreditor3` wants it."""

    SchemeName: str
    Identification: str
    Name: str

    def __repr__(self) -> str:
        """Show nothing."""
        return "Creditor(…)"


class Onboarding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bank, and who we are to it."""

    version: int
    client_id: str
    org_id: str
    software_id: str
    transport_cert_pem: str
    transport_key_pem: str
    signing_key_pem: str
    signing_kid: str
    ca_pem: str
    issuer: str
    token_endpoint: str
    jwks_uri: str
    resource_base: str
    events_base: str
    trust_anchor: str
    bank_signing_iss: str
    redirect_uri: str
    creditor: Creditor
    authorization_endpoint: str = ""
    backchannel_authentication_endpoint: str = ""
    headless_approve_url: str = ""

    def __repr__(self) -> str:
        """Show nothing: it holds keys."""
        return "Onboarding(…)"

    @property
    def is_sandbox(self) -> bool:
        """Say whether the bank's customers are simulated and approve without a person."""
        return bool(self.headless_approve_url)

    @property
    def signing_iss(self) -> str:
        """Who signs our requests: `{org-id}/{software-statement-id}`."""
        return f"{self.org_id}/{self.software_id}"


def read_onboarding(raw: bytes) -> Onboarding:
    """Read and check an onboarding file.

    Raises:
        BadInputError: It cannot be used; the message names the fault, never a value.
    """
    if len(raw) > FILE_BYTES_MAX:
        raise _bad("it is too long")
    try:
        found = msgspec.json.decode(raw, type=Onboarding)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        # msgspec's words name a field and a type; the values of a file with keys stay out.
        detail = str(error) if isinstance(error, msgspec.ValidationError) else "it is no JSON"
        raise _bad(detail) from None
    if found.version != 1:
        raise _bad("its version is not 1")
    _check_texts(found)
    _check_addresses(found)
    _check_keys(found)
    return found


def certificate_end(onboarding: Onboarding) -> datetime:
    """Return when the terminal's TLS certificate ends."""
    certificate = x509.load_pem_x509_certificate(onboarding.transport_cert_pem.encode())
    return certificate.not_valid_after_utc


def _check_texts(found: Onboarding) -> None:
    names = ["client_id", "org_id", "software_id", "signing_kid", "trust_anchor"]
    names += ["bank_signing_iss", "issuer", "redirect_uri"]
    for name in names:
        _check_text(name, getattr(found, name), TEXT_LENGTH_MAX)
    for name, length_max in (("SchemeName", 128), ("Identification", 256), ("Name", 70)):
        _check_text(f"creditor.{name}", getattr(found.creditor, name), length_max)


def _check_text(name: str, value: str, length_max: int) -> None:
    if not value or len(value) > length_max or not value.isprintable() or value != value.strip():
        raise _bad(f"{name} is empty, too long or has odd characters")


def _check_addresses(found: Onboarding) -> None:
    names = ["token_endpoint", "jwks_uri", "resource_base", "events_base"]
    optional = ["authorization_endpoint", "backchannel_authentication_endpoint"]
    names += [name for name in (*optional, "headless_approve_url") if getattr(found, name)]
    for name in names:
        host = _host(name, getattr(found, name), found)
        if found.is_sandbox and not _is_this_machine(host):
            raise _bad(f"with headless_approve_url, {name} must be on this machine")


def _host(name: str, url: str, found: Onboarding) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _bad(f"{name} is no https address") from None
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    # A browser on this machine opens the sandbox's page without its certificates.
    is_page = name == "authorization_endpoint" and found.is_sandbox
    schemes = {"https", "http"} if is_page else {"https"}
    if parts.scheme not in schemes or not host or not is_plain or len(url) > TEXT_LENGTH_MAX:
        raise _bad(f"{name} is no https address")
    return host


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_keys(found: Onboarding) -> None:
    try:
        certificate = x509.load_pem_x509_certificate(found.transport_cert_pem.encode())
        key = load_pem_private_key(found.transport_key_pem.encode(), None)
        signing = load_pem_private_key(found.signing_key_pem.encode(), None)
        x509.load_pem_x509_certificates(found.ca_pem.encode())
    # TypeError: a key under a passphrase. The library's words may hold pieces of the text.
    except (ValueError, TypeError):
        raise _bad("a certificate or key in it cannot be read") from None
    if certificate.public_key() != key.public_key():
        raise _bad("transport_key_pem does not belong to transport_cert_pem")
    if not isinstance(signing, RSAPrivateKey) or signing.key_size < RSA_BITS_MIN:
        raise _bad(f"signing_key_pem is no RSA key of {RSA_BITS_MIN} bits or more")


def _bad(detail: str) -> BadInputError:
    return BadInputError(
        f"The bank's onboarding file cannot be used: {detail}.",
        code="onboarding_bad",
        mend="Compare it with docs/going-live.md, or get a fresh one from the payment provider.",
    )
