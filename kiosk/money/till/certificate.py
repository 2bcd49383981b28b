"""The certificate of the till interface: self-signed, made once, known by its fingerprint.

A till that compares the fingerprint once, at set-up, is as sure of the kiosk as with any
authority; a restaurant has no name that an authority could vouch for.

Invariant: certificate and key are made together and stay; only the owner may read the key.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import ipaddress
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kiosk.domain.errors import SetupError
from kiosk.money.till.access import write_private

CERTIFICATE_NAME = "certificate.pem"
KEY_NAME = "key.pem"
LIFE_DAYS = 3_650
"""Ten years: tills know it by its fingerprint, and a new one means to set each of them up again."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where the two files are, and the fingerprint."""

    path: Path
    key_path: Path
    fingerprint: str
    """SHA-256 of the certificate, as `AB:CD:…`."""


def certificate_of(folder: Path, host: str, now: dt.datetime) -> Certificate:
    """Return the certificate in `DIR/money/till`, made now where there is none.

    Raises:
        SetupError: The files cannot be read or written, or only one of them is there.
    """
    path, key_path = folder / CERTIFICATE_NAME, folder / KEY_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(folder):
            _make_missing(path, key_path, host, now)
        der = ssl.PEM_cert_to_DER_cert(path.read_text("ascii"))
        key_path.read_bytes()
    except (OSError, ValueError) as error:
        raise SetupError(
            "The certificate of the till interface cannot be used.",
            code="till_certificate_bad",
            mend="Check the disk; or remove money/till/certificate.pem and key.pem, and set the"
            " tills up with the new fingerprint.",
        ) from error
    digest = hashlib.sha256(der).hexdigest().upper()
    return Certificate(path, key_path, ":".join(digest[i : i + 2] for i in range(0, 64, 2)))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let the command line and the money process not both make one. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make_missing(path: Path, key_path: Path, host: str, now: dt.datetime) -> None:
    if path.exists() or key_path.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(
        key_path,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    write_private(path, _sign(key, host, now).public_bytes(serialization.Encoding.PEM))


def _sign(key: ec.EllipticCurvePrivateKey, host: str, now: dt.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SmileTill")])
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        if not address.is_loopback and not address.is_unspecified:
            names.append(x509.IPAddress(address))
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=LIFE_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
