"""The small certificate authority of the sandbox, and who is known to the bank: its directory.

In the world a directory issues certificates and hosts the public keys of banks and third parties;
here one file, made at the first start, stands in for it. It proves nothing to anybody else.
Invariants:
- Keys never change once they are written, so that what a terminal has stored stays valid.
- Who a client is follows from its transport certificate alone; a claim in a request never adds to
  it, it can only contradict it.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import ipaddress
import json
import secrets
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kiosk.domain.errors import SetupError
from kiosk.sandbox.bank.files import write_whole
from kiosk.sandbox.bank.trouble import folder_trouble
from kiosk.sandbox.bank.vrp.jose import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

KEYS_VERSION = 1
KEYS_FILE = "keys.json"
SERVER_FILE = "server.pem"
AUTHORITY_FILE = "ca.pem"
TRUST_ANCHOR = "openbanking.org.uk"
BANK_ORG_ID = "0015800000SmileBank"
SIGNING_KEY_BITS = 2048
"""The least that FAPI 1.0 Advanced allows for RSA; it makes keys for a sandbox quickly."""
VALIDITY = dt.timedelta(days=3650)
CLOCK_TOLERANCE = dt.timedelta(days=2)
"""A terminal without a clock of its own must still accept what was made a moment ago."""
CLIENTS_MAX = 16


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str = field(repr=False)

    def thumbprint(self) -> str:
        """Return `x5t#S256` of RFC 8705."""
        return thumbprint_of(ssl.PEM_cert_to_DER_cert(self.certificate))


@dataclass(frozen=True, slots=True)
class Client:
    """One third party that the bank knows, with the keys that only a sandbox would keep."""

    client_id: str
    org_id: str
    software_id: str
    transport: Pair
    signing: SigningKey

    @property
    def issuer(self) -> str:
        """What its signatures must name as `iss`."""
        return f"{self.org_id}/{self.software_id}"


@dataclass(frozen=True, slots=True)
class Pki:
    """All keys of the door."""

    authority: Pair
    server: Pair
    signing: SigningKey
    token_secret: bytes = field(repr=False)
    clients: tuple[Client, ...]

    def client_of(self, certificate: bytes) -> Client | None:
        """Return whom a transport certificate (DER) belongs to."""
        thumbprint = thumbprint_of(certificate)
        for client in self.clients:
            if client.transport.thumbprint() == thumbprint:
                return client
        return None

    def client(self, client_id: str) -> Client | None:
        """Return a client by its id."""
        return next((found for found in self.clients if found.client_id == client_id), None)


def thumbprint_of(certificate: bytes) -> str:
    """Return the base64url SHA-256 of a DER certificate, without padding."""
    digest = hashlib.sha256(certificate).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def open_pki(folder: Path) -> Pki:
    """Read the keys of the door, or make them at the first start.

    Args:
        folder: The folder of the door; made if it is not there.

    Raises:
        SetupError: The files are damaged, or the disk refuses.
    """
    file = folder / KEYS_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = file.read_bytes() if file.exists() else None
    except OSError as error:
        raise folder_trouble(error) from error
    if written is None:
        pki = make_pki()
        write_whole(file, json.dumps(_to_json(pki)))
    else:
        try:
            pki = _from_json(json.loads(written))
        except (ValueError, KeyError, TypeError) as error:
            raise SetupError(
                "The keys of the sandbox bank's open-banking door are damaged.",
                code="sandbox_keys_damaged",
                mend="They guard no real money: remove the folder sandbox/vrp and enrol again.",
            ) from error
    write_files(folder, pki)
    return pki


def write_files(folder: Path, pki: Pki) -> None:
    """Write what OpenSSL and a person's browser want as files.

    Raises:
        SetupError: The disk refuses.
    """
    write_whole(folder / SERVER_FILE, pki.server.certificate + pki.server.key)
    write_whole(folder / AUTHORITY_FILE, pki.authority.certificate)


def make_pki(clients: int = 1) -> Pki:
    """Make an authority, the bank's keys and those of some clients.

    Args:
        clients: How many third parties there are; the terminal is the first.
    """
    assert 0 < clients <= CLIENTS_MAX, "a sandbox with a few clients"
    authority_key = ec.generate_private_key(ec.SECP256R1())
    name = _name("SmileTill sandbox authority")
    authority = _sign(name, authority_key.public_key(), name, authority_key, usage=None)
    return Pki(
        authority=_pair(authority, authority_key),
        server=_issue("127.0.0.1", authority, authority_key, ExtendedKeyUsageOID.SERVER_AUTH),
        signing=SigningKey(_pem(_signing_key())),
        token_secret=secrets.token_bytes(32),
        clients=tuple(_make_client(authority, authority_key) for _ in range(clients)),
    )


def server_context(folder: Path, pki: Pki) -> ssl.SSLContext:
    """Return TLS 1.2 or later in which both sides must show a certificate of our authority."""
    context = browser_context(folder)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=pki.authority.certificate)
    return context


def browser_context(folder: Path) -> ssl.SSLContext:
    """Return TLS 1.2 or later in which only the bank shows a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")  # what FAPI 1.0 leaves of TLS 1.2
    context.num_tickets = 0  # no connection is ever resumed
    context.load_cert_chain(folder / SERVER_FILE)
    return context


def _make_client(authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey) -> Client:
    client_id = "smiletill-" + secrets.token_hex(8)
    return Client(
        client_id=client_id,
        org_id="0015800001" + secrets.token_hex(4),
        software_id=secrets.token_hex(11),
        transport=_issue(client_id, authority, authority_key, ExtendedKeyUsageOID.CLIENT_AUTH),
        signing=SigningKey(_pem(_signing_key())),
    )


def _signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=SIGNING_KEY_BITS)


def _issue(
    common_name: str,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    usage: x509.ObjectIdentifier,
) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign(
        _name(common_name), key.public_key(), authority.subject, authority_key, usage=usage
    )
    return _pair(certificate, key)


def _sign(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    usage: x509.ObjectIdentifier | None,
) -> x509.Certificate:
    """Issue one certificate; without `usage` it is the authority's own."""
    now = dt.datetime.now(dt.UTC)
    is_authority = usage is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(now + VALIDITY)
        .add_extension(
            x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None),
            critical=True,
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if usage == ExtendedKeyUsageOID.SERVER_AUTH:
        here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = builder.add_extension(x509.SubjectAlternativeName(here), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SmileTill sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), _pem(key))


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _to_json(pki: Pki) -> dict[str, Any]:
    return {
        "version": KEYS_VERSION,
        "authority": [pki.authority.certificate, pki.authority.key],
        "server": [pki.server.certificate, pki.server.key],
        "signing_key": pki.signing.pem,
        "token_secret": pki.token_secret.hex(),
        "clients": [
            {
                "client_id": client.client_id,
                "org_id": client.org_id,
                "software_id": client.software_id,
                "transport": [client.transport.certificate, client.transport.key],
                "signing_key": client.signing.pem,
            }
            for client in pki.clients
        ],
    }


def _from_json(found: dict[str, Any]) -> Pki:
    if found["version"] != KEYS_VERSION:
        raise ValueError
    return Pki(
        authority=Pair(*found["authority"]),
        server=Pair(*found["server"]),
        signing=SigningKey(found["signing_key"]),
        token_secret=bytes.fromhex(found["token_secret"]),
        clients=tuple(
            Client(
                client_id=client["client_id"],
                org_id=client["org_id"],
                software_id=client["software_id"],
                transport=Pair(*client["transport"]),
                signing=SigningKey(client["signing_key"]),
            )
            for client in found["clients"]
        ),
    )
