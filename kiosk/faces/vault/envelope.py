"""Sealed records: AES-256-GCM with the place a record belongs to as associated data.

Every person has a data key of their own, which is kept wrapped under the store's key; destroying
the wrapped key makes all their records unreadable wherever a copy lies.
A record is `version (1 byte) · nonce (12) · ciphertext · tag (16)`.

Invariants:
- What opens was sealed under this key for exactly this place: table, person, row and model pack.
  A record that was changed, cut, or moved to another place raises `RecordDamagedError`.
- Nonces are random. One data key seals a few dozen records in its life and the store's key one
  record a person and change, far below the 2^32 of NIST SP 800-38D for random 96-bit nonces.
It keeps no keys and knows no tables.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kiosk.faces.vault.errors import RecordDamagedError

FORMAT_VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
OVERHEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES

_HEAD = bytes([FORMAT_VERSION])
_BODY_AT = 1 + NONCE_BYTES
_LENGTHS = tuple(size.to_bytes(2, "big") for size in range(256))


def new_key() -> bytearray:
    """Return a fresh random key of `KEY_BYTES` bytes that the owner can wipe."""
    return bytearray(secrets.token_bytes(KEY_BYTES))


def wipe(secret: bytearray) -> None:
    """Overwrite a secret in place; best effort, since libraries may hold copies of their own."""
    secret[:] = bytes(len(secret))


def place(*parts: str) -> bytes:
    """Name where a record belongs, so that no two lists of parts give the same bytes.

    Args:
        parts: Table or purpose first, then ids, each below 64 KiB of UTF-8.
    """
    joined: list[bytes] = []
    for part in parts:
        encoded = part.encode()
        # Opening a vault names a million places: a table of lengths halves the time it takes.
        size = len(encoded)
        joined.append(_LENGTHS[size] if size < len(_LENGTHS) else size.to_bytes(2, "big"))
        joined.append(encoded)
    return b"".join(joined)


def cipher(key: bytes | bytearray) -> AESGCM:
    """Make a key ready, for whoever opens very many records under it or measures bare opening."""
    return AESGCM(key)


def seal(key: bytes | bytearray, plain: bytes, where: bytes) -> bytes:
    """Encrypt and authenticate one record for one place.

    Args:
        key: `KEY_BYTES` bytes.
        plain: What to keep secret.
        where: The place, from `place()`.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    return _HEAD + nonce + AESGCM(key).encrypt(nonce, plain, _HEAD + where)


def unseal(key: bytes | bytearray, record: object, where: bytes) -> bytes:
    """Decrypt one record and prove that it belongs to this key and this place.

    Raises:
        RecordDamagedError: It does not, or it is no sealed record at all.
    """
    return unseal_by(AESGCM(key), record, where)


def unseal_by(cipher: AESGCM, record: object, where: bytes) -> bytes:
    """Do the same with a key that is made ready already, for whoever opens very many."""
    if not isinstance(record, bytes) or len(record) < OVERHEAD_BYTES:
        raise RecordDamagedError
    if record[0] != FORMAT_VERSION:
        raise RecordDamagedError
    try:
        return cipher.decrypt(record[1:_BODY_AT], record[_BODY_AT:], _HEAD + where)
    except InvalidTag:
        raise RecordDamagedError from None
