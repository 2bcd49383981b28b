"""The installation's root key: unlocked at a start, and what is derived from it.

A random root key is made once and kept in `DIR/keyring.json`, wrapped under a secret that is never
in DIR (sources.py, tpm.py). Each process gets a key of its own: derived from the root key, or, once
keys were rotated or restored, random and sealed under it.

It does not keep a key on the disk, ask twice, or make a new key where data of an old one lies.
What changes a keyring is in keychange.py.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import msgspec

from kiosk.faces.vault import keyring
from kiosk.faces.vault.envelope import KEY_BYTES, new_key, place, unseal, wipe
from kiosk.faces.vault.errors import (
    KeyMissingError,
    KeyringDamagedError,
    RecordDamagedError,
    WrongKeyError,
)
from kiosk.faces.vault.keyring import KdfParameters, Keyring, KeySource
from kiosk.faces.vault.sources import KeyWish, Prompt, find_secret
from kiosk.faces.vault.tpm import Tpm
from kiosk.faces.vault.wraps import expand, open_wrap, wrap_root

DATA_FOLDERS = ("vault", "money")
UNSEALED_FOLDER = Path("money", "till")
"""Holds hashes of keys and a plain certificate: both may be made before the first start."""


class RootKey:
    """The unlocked root key; wipe it as soon as the keys of the processes are derived."""

    def __init__(
        self,
        secret: bytes | bytearray,
        install_id: str,
        processes: Mapping[str, bytes] | None = None,
    ) -> None:
        """Keep a wipeable copy of the secret.

        Args:
            secret: The 32 bytes.
            install_id: The installation that it belongs to.
            processes: Keys of processes that are not derived from it.
        """
        assert len(secret) == KEY_BYTES
        self._secret = bytearray(secret)
        self.install_id = install_id
        self._processes = {name: bytearray(key) for name, key in (processes or {}).items()}

    @property
    def secret(self) -> bytearray:
        """The 32 bytes, not copied."""
        assert any(self._secret), "the root key was used after it was wiped"
        return self._secret

    def process_key(self, label: str) -> bytes | None:
        """Return the key of a process that has one of its own."""
        key = self._processes.get(label)
        return None if key is None else bytes(key)

    def wipe(self) -> None:
        """Overwrite the keys in memory."""
        for key in (self._secret, *self._processes.values()):
            wipe(key)

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
    """Return the key of one process or purpose: 32 bytes.

    Args:
        root: The unlocked root key.
        label: `"faces"`, `"money"` or another purpose; other labels give unrelated keys.
    """
    return root.process_key(label) or expand(root.secret, root.install_id, "process", label)


def subkey(secret: bytes | bytearray, label: str) -> bytearray:
    """Derive a key for one purpose inside a process from that process's key."""
    return bytearray(expand(secret, "", "purpose", label))


def unlock(
    data_dir: Path,
    *,
    env: Mapping[str, str],
    prompt: Prompt | None,
    kdf: KdfParameters | None = None,
    wish: KeyWish | None = None,
    is_restore: bool = False,
) -> RootKey:
    """Return the root key of an installation, making it on first use.

    Args:
        data_dir: The installation; made (for the owner only) if it is not there.
        env: The environment, for the two variables that name key sources.
        prompt: Asks a person for the passphrase, or None where no terminal is. It is asked twice
            when the key is made.
        kdf: Cost of Argon2id when the key is made; later the stored cost counts.
        wish: What the settings say.
        is_restore: Make a new key also where data of a lost one lie: a backup replaces them next.

    Raises:
        KeyMissingError: There is no key source.
        KeyInsideDataError: The key lies inside the installation.
        KeyMalformedError: A key source is empty, unreadable or of the wrong size.
        TpmError: The installation is sealed to a TPM, which does not open it.
        WrongKeyError: It is not this installation's key.
        KeyringDamagedError: `keyring.json` is damaged, from a newer version, or gone while data of
            this installation is still there.
    """
    kept = keyring.read(data_dir)
    if kept is None and not is_restore:
        refuse_orphans(data_dir)
    source, secret = primary_secret(data_dir, kept, env=env, prompt=prompt, wish=wish or KeyWish())
    try:
        if kept is None:
            kept = keyring.write_new(data_dir, _make(source, secret, kdf))
        return open_root(kept, source, secret)
    finally:
        wipe(secret)


def primary_secret(
    data_dir: Path,
    kept: Keyring | None,
    *,
    env: Mapping[str, str],
    prompt: Prompt | None,
    wish: KeyWish,
) -> tuple[KeySource, bytearray]:
    """Get the secret that opens an installation at each start; the caller wipes it.

    Args:
        data_dir: The installation.
        kept: Its keyring, or None where it has none yet.
        env: The environment.
        prompt: Asks a person, or None.
        wish: What the settings say.

    Raises:
        SetupError: As `unlock()`.
    """
    if wish.tpm_only and (kept is None or kept.primary.source is not KeySource.TPM):
        raise KeyMissingError(
            "The settings ask for the TPM, and this installation is not sealed to one yet.",
            mend="Run `smiletill keys seal-tpm`, or change [keys] source in settings.toml.",
        )
    if kept is not None and kept.primary.sealed is not None:
        return KeySource.TPM, Tpm(wish.tcti).unseal(kept.primary.sealed)
    return find_secret(data_dir, env, prompt, confirm=kept is None)


def open_root(kept: Keyring, source: KeySource, secret: bytearray) -> RootKey:
    """Open a keyring with the secret of one of its sources, and prove the whole of it.

    Raises:
        WrongKeyError: The secret is not this installation's.
        KeyringDamagedError: The rest of the file is not as it was written.
    """
    wrap = next((wrap for wrap in kept.wraps if wrap.source is source), None)
    if wrap is None:
        if source is KeySource.RECOVERY:
            raise WrongKeyError(
                "This installation has no recovery code.",
                mend="Open it as at each start; `smiletill keys recovery` makes a code.",
            )
        raise WrongKeyError(
            f"This installation is unlocked by its {kept.primary.source.in_words},"
            f" and only the {source.in_words} was given."
        )
    secret_root = open_wrap(wrap, kept.install, secret)
    try:
        if kept.mac and not hmac.compare_digest(kept.mac, mac_of(kept, secret_root)):
            raise KeyringDamagedError("keyring.json was changed by another hand.")
        processes = {
            name: unseal(secret_root, bytes.fromhex(record), process_place(kept.install, name))
            for name, record in kept.processes.items()
        }
        return RootKey(secret_root, kept.install, processes)
    except RecordDamagedError:
        raise KeyringDamagedError("keyring.json is damaged.") from None
    finally:
        wipe(secret_root)


def mac_of(kept: Keyring, root: bytes | bytearray) -> str:
    """Return the seal of a whole keyring under its root key."""
    key = expand(root, kept.install, "process", "keyring seal")
    return hmac.digest(
        key, msgspec.json.encode(msgspec.structs.replace(kept, mac="")), "sha256"
    ).hex()


def with_mac(kept: Keyring, root: bytes | bytearray) -> Keyring:
    """Return a keyring in today's form with its seal."""
    plain = msgspec.structs.replace(kept, version=keyring.VERSION, mac="")
    return msgspec.structs.replace(plain, mac=mac_of(plain, root))


def process_place(install_id: str, name: str) -> bytes:
    """Return what the sealed key of a process is bound to."""
    return place("process key", "1", install_id, name)


def _make(source: KeySource, secret: bytearray, kdf: KdfParameters | None) -> Keyring:
    """Wrap a new root key; if another process was faster, its keyring counts."""
    install_id, root = secrets.token_hex(16), new_key()
    try:
        wrap = wrap_root(root, install_id, source, secret, kdf=kdf)
        return with_mac(Keyring(install=install_id, wraps=(wrap,)), root)
    finally:
        wipe(root)


def refuse_orphans(data_dir: Path) -> None:
    """Refuse to make a new key where data under an old one lies: it would look lost for good.

    Raises:
        KeyringDamagedError: There is data, and no keyring.
    """
    for folder in DATA_FOLDERS:
        for path in (data_dir / folder).rglob("*"):
            if path.is_relative_to(data_dir / UNSEALED_FOLDER):
                continue
            if path.is_file() and path.stat().st_size > 0:
                raise KeyringDamagedError(
                    "keyring.json is gone, but data that it unlocks is still here.",
                    code="keyring_missing",
                )
