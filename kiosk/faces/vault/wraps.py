"""How each source wraps the root key, and opens it again.

A secret of one source gives one wrapping key: HKDF for what is random (credential, TPM), Argon2id
for a passphrase, X25519 for the recovery code. The wrap is bound to the installation and source.
It reads no file and asks nobody.
"""

from __future__ import annotations

import secrets

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiosk.faces.vault import recovery
from kiosk.faces.vault.envelope import KEY_BYTES, place, seal, unseal, wipe
from kiosk.faces.vault.errors import (
    KeyringDamagedError,
    RecordDamagedError,
    VaultUnusableError,
    WrongKeyError,
)
from kiosk.faces.vault.keyring import KdfParameters, KeySource, Wrap
from kiosk.faces.vault.tpm import Sealed

DERIVATION = "1"
"""Version of the derivations and of what a wrap is bound to; not the file's."""


def expand(secret: bytes | bytearray, install_id: str, purpose: str, label: str) -> bytes:
    """Derive 32 bytes for one purpose, HKDF-SHA256."""
    info = place("smiletill", DERIVATION, purpose, label)
    return HKDF(SHA256(), KEY_BYTES, install_id.encode() or None, info).derive(bytes(secret))


def wrap_root(
    root: bytes | bytearray,
    install_id: str,
    source: KeySource,
    secret: bytearray,
    *,
    kdf: KdfParameters | None = None,
    sealed: Sealed | None = None,
    counter: int | None = None,
) -> Wrap:
    """Wrap the root key under the secret of a source that opens it at each start.

    Args:
        root: The root key.
        install_id: Whose.
        source: Which source.
        secret: What it gives.
        kdf: Cost of a passphrase's Argon2id; else our default.
        sealed: A TPM's blob of the secret.
        counter: A TPM's counter.

    Raises:
        VaultUnusableError: There is too little memory for the passphrase.
    """
    assert source is not KeySource.RECOVERY, "use wrap_for_recovery"
    cost = (kdf or KdfParameters()) if source is KeySource.PASSPHRASE else None
    salt = secrets.token_hex(16)
    key = _wrapping_key(source, secret, install_id, salt, cost)
    try:
        wrapped = seal(key, bytes(root), wrap_place(install_id, source))
    finally:
        wipe(key)
    return Wrap(
        source=source, salt=salt, kdf=cost, sealed=sealed, counter=counter, wrapped=wrapped.hex()
    )


def wrap_for_recovery(root: bytes | bytearray, install_id: str, public: bytes) -> Wrap:
    """Wrap the root key for the operator's recovery code, of which only the public half is here."""
    where = wrap_place(install_id, KeySource.RECOVERY)
    wrapped = recovery.wrap_for(public, root, where)
    return Wrap(
        source=KeySource.RECOVERY,
        salt=secrets.token_hex(16),
        public=public.hex(),
        wrapped=wrapped.hex(),
    )


def open_wrap(wrap: Wrap, install_id: str, secret: bytearray) -> bytearray:
    """Open the root key with the secret of the wrap's source.

    Raises:
        WrongKeyError: It is another installation's.
        KeyringDamagedError: What opens is no key.
    """
    where, wrapped = wrap_place(install_id, wrap.source), bytes.fromhex(wrap.wrapped)
    try:
        if wrap.source is KeySource.RECOVERY:
            root = recovery.unwrap(secret, wrapped, where)
        else:
            key = _wrapping_key(wrap.source, secret, install_id, wrap.salt, wrap.kdf)
            try:
                root = bytearray(unseal(key, wrapped, where))
            finally:
                wipe(key)
    except RecordDamagedError:
        raise WrongKeyError from None
    if len(root) != KEY_BYTES:
        raise KeyringDamagedError("keyring.json does not hold a root key.")
    return root


def wrap_place(install_id: str, source: KeySource) -> bytes:
    """Return what a wrap is bound to."""
    return place("keyring", DERIVATION, install_id, source.value)


def stretch(secret: bytes | bytearray, salt: bytes, kdf: KdfParameters) -> bytearray:
    """Stretch a passphrase with Argon2id.

    Raises:
        VaultUnusableError: There is too little memory.
    """
    try:
        stretched = hash_secret_raw(
            bytes(secret),
            salt,
            time_cost=kdf.passes,
            memory_cost=kdf.memory_kib,
            parallelism=kdf.lanes,
            hash_len=KEY_BYTES,
            type=Type.ID,
        )
    except HashingError as error:
        raise VaultUnusableError(
            f"there are not {kdf.memory_kib // 1024} MiB of memory to stretch the passphrase"
        ) from error
    return bytearray(stretched)


def _wrapping_key(
    source: KeySource,
    secret: bytearray,
    install_id: str,
    salt: str,
    kdf: KdfParameters | None,
) -> bytearray:
    if source is KeySource.PASSPHRASE:
        assert kdf is not None
        return stretch(secret, bytes.fromhex(salt), kdf)
    label = "storekey" if source is KeySource.CREDENTIAL else source.value
    return bytearray(expand(secret, install_id, label, salt))
