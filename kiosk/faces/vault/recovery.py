"""The operator's recovery code: 128 random bits on paper that open an installation.

The code is the seed of an X25519 key pair. `keyring.json` keeps the public half, so that rotation
and backups wrap for the code without anybody typing it; only the paper opens what was wrapped.

Written form: 32 characters of Crockford's base 32 in groups of four; the last 32 bits are a
checksum, so that a slip of the pen is told from another installation's code.
It keeps no code and reads no file.
"""

from __future__ import annotations

import hashlib
import secrets

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiosk.faces.vault.envelope import KEY_BYTES, place, seal, unseal, wipe
from kiosk.faces.vault.errors import CodeMistypedError, RecordDamagedError

CODE_BYTES = 16
CHECK_BYTES = 4
PUBLIC_BYTES = 32
GROUP = 4
TYPED_MAX = 200
"""Characters that anybody may type for 32 and their separators."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("OIL", "011")
_CHARACTERS = (CODE_BYTES + CHECK_BYTES) * 8 // 5


def new_code() -> str:
    """Make a code, as it is to be written down."""
    seed = secrets.token_bytes(CODE_BYTES)
    number = int.from_bytes(seed + _check(seed), "big")
    text = "".join(_ALPHABET[number >> 5 * place_ & 31] for place_ in reversed(range(_CHARACTERS)))
    return "-".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def parse_code(typed: str) -> bytearray:
    """Read a code as somebody typed it: small letters, O for 0 and spaces do no harm.

    Raises:
        CodeMistypedError: It is none; the checksum notices a wrong character.
    """
    if len(typed) > TYPED_MAX:
        raise _mistyped()
    text = "".join(it for it in typed.upper() if it not in "- \n\t\r").translate(_READ_AS)
    if len(text) != _CHARACTERS or any(it not in _ALPHABET for it in text):
        raise _mistyped()
    number = 0
    for character in text:
        number = number << 5 | _ALPHABET.index(character)
    raw = number.to_bytes(CODE_BYTES + CHECK_BYTES, "big")
    if raw[CODE_BYTES:] != _check(raw[:CODE_BYTES]):
        raise _mistyped()
    return bytearray(raw[:CODE_BYTES])


def public_of(seed: bytes | bytearray) -> bytes:
    """Return the public half that belongs to a code."""
    return _private(seed).public_key().public_bytes_raw()


def wrap_for(public: bytes, secret: bytes | bytearray, where: bytes) -> bytes:
    """Wrap a secret so that only the code opens it: 32 bytes of a fresh public key, sealed record.

    Args:
        public: From `public_of`.
        secret: What to wrap.
        where: The place it belongs to, from `place()`.
    """
    fresh = X25519PrivateKey.generate()
    own = fresh.public_key().public_bytes_raw()
    key = _key(fresh.exchange(X25519PublicKey.from_public_bytes(public)), own, public)
    try:
        return own + seal(key, bytes(secret), where)
    finally:
        wipe(key)


def unwrap(seed: bytes | bytearray, wrapped: bytes, where: bytes) -> bytearray:
    """Open what was wrapped for a code.

    Raises:
        RecordDamagedError: It was wrapped for another code, or changed.
    """
    private = _private(seed)
    own = private.public_key().public_bytes_raw()
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(wrapped[:PUBLIC_BYTES]))
    except ValueError:
        raise RecordDamagedError from None
    key = _key(shared, wrapped[:PUBLIC_BYTES], own)
    try:
        return bytearray(unseal(key, wrapped[PUBLIC_BYTES:], where))
    finally:
        wipe(key)


def _check(seed: bytes) -> bytes:
    return hashlib.sha256(b"smiletill recovery code v1" + seed).digest()[:CHECK_BYTES]


def _private(seed: bytes | bytearray) -> X25519PrivateKey:
    info = place("smiletill", "1", "recovery code")
    return X25519PrivateKey.from_private_bytes(
        HKDF(SHA256(), KEY_BYTES, None, info).derive(bytes(seed))
    )


def _key(shared: bytes, fresh: bytes, public: bytes) -> bytearray:
    info = place("smiletill", "1", "recovery wrap") + fresh + public
    return bytearray(HKDF(SHA256(), KEY_BYTES, None, info).derive(shared))


def _mistyped() -> CodeMistypedError:
    return CodeMistypedError(
        "That is not a recovery code: a character is missing or wrong.",
        "Compare it with the paper, group by group; letters and zeros may look alike.",
    )
