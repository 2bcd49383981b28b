"""The installation's root key: where it comes from, how it is kept, what is derived from it.

A random root key is made once and kept in `DIR/keyring.json`, wrapped under a key that is never
in DIR: the credential `storekey` (systemd hands it over, TPM-sealed or not), else a passphrase
stretched with Argon2id. Each process gets a key of its own, derived from the root key.

It does not keep a key on the disk, ask twice, or make a new key where data of an old one lies.
Invariants: `keyring.json` is written once, whole, and never overwritten here; what is read from it
is bounded before it is used, so that a hostile file cannot take the machine's memory.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kiosk.faces.vault import keyring
from kiosk.faces.vault.envelope import KEY_BYTES, new_key, place, seal, unseal, wipe
from kiosk.faces.vault.errors import (
    KeyInsideDataError,
    KeyMalformedError,
    KeyMissingError,
    KeyringDamagedError,
    RecordDamagedError,
    VaultUnusableError,
    WrongKeyError,
)
from kiosk.faces.vault.keyring import KdfParameters, Keyring, KeySource

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
PASSPHRASE_VARIABLE = "SMILETILL_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable
STOREKEY_NAME = "storekey"
PASSPHRASE_BYTES_MAX = 1024
DATA_FOLDERS = ("vault", "money")
UNSEALED_FOLDER = Path("money", "till")
"""Holds hashes of keys and a plain certificate: both may be made before the first start."""

Prompt = Callable[[str], str]


class RootKey:
    """The unlocked root key; wipe it as soon as the keys of the processes are derived."""

    def __init__(self, secret: bytes | bytearray, install_id: str) -> None:
        """Keep a wipeable copy of the secret and the id of the installation it belongs to."""
        assert len(secret) == KEY_BYTES
        self._secret = bytearray(secret)
        self.install_id = install_id

    @property
    def secret(self) -> bytearray:
        """The 32 bytes, not copied."""
        assert any(self._secret), "the root key was used after it was wiped"
        return self._secret

    def wipe(self) -> None:
        """Overwrite the key in memory."""
        wipe(self._secret)

    def __enter__(self) -> Self:
        """Return the key, to be wiped at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wipe."""
        self.wipe()

    def __repr__(self) -> str:
        """Show nothing of the key."""
        return "RootKey(…)"


def derive(root: RootKey, label: str) -> bytes:
    """Derive the key of one process or purpose: 32 bytes, HKDF-SHA256.

    Args:
        root: The unlocked root key.
        label: `"faces"`, `"money"` or another purpose; other labels give unrelated keys.
    """
    return _expand(root.secret, root.install_id, "process", label)


def subkey(secret: bytes | bytearray, label: str) -> bytearray:
    """Derive a key for one purpose inside a process from that process's key."""
    return bytearray(_expand(secret, "", "purpose", label))


def unlock(
    data_dir: Path,
    *,
    env: Mapping[str, str],
    prompt: Prompt | None,
    kdf: KdfParameters | None = None,
) -> RootKey:
    """Return the root key of an installation, making it on first use.

    Args:
        data_dir: The installation; made (for the owner only) if it is not there.
        env: The environment, for the two variables that name key sources.
        prompt: Asks a person for the passphrase, or None where no terminal is. It is asked twice
            when the key is made.
        kdf: Cost of Argon2id when the key is made; later the stored cost counts.

    Raises:
        KeyMissingError: There is no key source.
        KeyInsideDataError: The key lies inside the installation.
        KeyMalformedError: A key source is empty, unreadable or of the wrong size.
        WrongKeyError: It is not this installation's key.
        KeyringDamagedError: `keyring.json` is damaged, from a newer version, or gone while data of
            this installation is still there.
    """
    kept = keyring.read(data_dir)
    if kept is None:
        _refuse_orphans(data_dir)
    source, secret = _find_secret(data_dir, env, prompt, confirm=kept is None)
    try:
        if kept is None:
            kept = _make(data_dir, source, secret, kdf or KdfParameters())
        return _open(kept, source, secret)
    finally:
        wipe(secret)


def _make(
    data_dir: Path, source: KeySource, secret: bytearray, parameters: KdfParameters
) -> Keyring:
    """Wrap a new root key and keep it; if another process was faster, its keyring counts."""
    install_id, salt = secrets.token_hex(16), secrets.token_hex(16)
    kdf = parameters if source is KeySource.PASSPHRASE else None
    wrapping, root = _wrapping_key(source, secret, install_id, salt, kdf), new_key()
    try:
        wrapped = seal(wrapping, bytes(root), _wrap_place(install_id, source))
    finally:
        wipe(wrapping)
        wipe(root)
    made = Keyring(install=install_id, source=source, salt=salt, kdf=kdf, wrapped=wrapped.hex())
    return keyring.write_new(data_dir, made)


def _open(kept: Keyring, source: KeySource, secret: bytearray) -> RootKey:
    if kept.source is not source:
        raise WrongKeyError(
            f"This installation is unlocked by its {kept.source.in_words},"
            f" and only the {source.in_words} was given."
        )
    wrapping = _wrapping_key(source, secret, kept.install, kept.salt, kept.kdf)
    try:
        root = unseal(wrapping, bytes.fromhex(kept.wrapped), _wrap_place(kept.install, source))
    except RecordDamagedError:
        raise WrongKeyError from None
    finally:
        wipe(wrapping)
    if len(root) != KEY_BYTES:
        raise KeyringDamagedError("keyring.json does not hold a root key.")
    return RootKey(root, kept.install)


def _wrap_place(install_id: str, source: KeySource) -> bytes:
    return place("keyring", str(keyring.VERSION), install_id, source.value)


def _wrapping_key(
    source: KeySource,
    secret: bytearray,
    install_id: str,
    salt: str,
    kdf: KdfParameters | None,
) -> bytearray:
    match source:
        case KeySource.CREDENTIAL:
            return bytearray(_expand(secret, install_id, "storekey", salt))
        case KeySource.PASSPHRASE:
            assert kdf is not None
            return _stretch(secret, bytes.fromhex(salt), kdf)


def _stretch(secret: bytearray, salt: bytes, kdf: KdfParameters) -> bytearray:
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


def _expand(secret: bytes | bytearray, install_id: str, purpose: str, label: str) -> bytes:
    info = place("smiletill", str(keyring.VERSION), purpose, label)
    return HKDF(SHA256(), KEY_BYTES, install_id.encode() or None, info).derive(bytes(secret))


def _find_secret(
    data_dir: Path, env: Mapping[str, str], prompt: Prompt | None, *, confirm: bool
) -> tuple[KeySource, bytearray]:
    """Take the first key source there is: credential, passphrase file, person at a terminal."""
    folder = env.get(CREDENTIALS_VARIABLE)
    if folder and os.path.lexists(storekey := Path(folder) / STOREKEY_NAME):
        raw = _read_key_file(storekey, data_dir, "store key")
        return KeySource.CREDENTIAL, _parse_storekey(raw)
    named = env.get(PASSPHRASE_VARIABLE)
    if named:
        raw = _read_key_file(Path(named), data_dir, "passphrase file")
        return KeySource.PASSPHRASE, _parse_passphrase(raw)
    if prompt is None:
        raise KeyMissingError("There is no key and no terminal to ask for the passphrase on.")
    typed = prompt("Passphrase of this installation")
    if confirm and prompt("The same passphrase again") != typed:
        raise KeyMalformedError("The two passphrases differ.", "Start again.")
    return KeySource.PASSPHRASE, _parse_passphrase(bytearray(typed.encode()))


def _read_key_file(path: Path, data_dir: Path, what: str) -> bytearray:
    # Both the name and what it points to: a link inside DIR is as copied as the file itself.
    home = data_dir.resolve()
    if any(home in where.parents for where in (path.parent.resolve() / path.name, path.resolve())):
        raise KeyInsideDataError(what)
    try:
        with path.open("rb") as file:
            raw = bytearray(file.read(PASSPHRASE_BYTES_MAX + 2))
    except FileNotFoundError:
        raise KeyMissingError(f"The {what} that the environment names is not there.") from None
    except OSError as error:
        raise KeyMalformedError(
            f"The {what} cannot be read: {error.strerror}.", "Check its path and its permissions."
        ) from error
    return raw


def _parse_storekey(raw: bytearray) -> bytearray:
    if len(raw) == KEY_BYTES:
        return raw
    try:
        text = raw.decode("ascii").strip()
        key = bytearray.fromhex(text) if len(text) == 2 * KEY_BYTES else bytearray()
    except ValueError:
        key = bytearray()
    if len(key) != KEY_BYTES:
        raise KeyMalformedError(
            "The store key has the wrong size.", "It is 32 random bytes, or 64 hex digits."
        )
    return key


def _parse_passphrase(raw: bytearray) -> bytearray:
    phrase = raw.removesuffix(b"\n")
    if not phrase or len(phrase) > PASSPHRASE_BYTES_MAX:
        raise KeyMalformedError(
            "The passphrase is empty or too long.",
            f"Use 1 to {PASSPHRASE_BYTES_MAX} bytes; one newline at the end does not count.",
        )
    return phrase


def _refuse_orphans(data_dir: Path) -> None:
    """Refuse to make a new key where data under an old one lies: it would look lost for good."""
    for folder in DATA_FOLDERS:
        for path in (data_dir / folder).rglob("*"):
            if path.is_relative_to(data_dir / UNSEALED_FOLDER):
                continue
            if path.is_file() and path.stat().st_size > 0:
                raise KeyringDamagedError(
                    "keyring.json is gone, but data that it unlocks is still here.",
                    code="keyring_missing",
                )
