"""Change an installation's keyring: recovery code, another source, a new root key.

Each change is one new file in the place of the old one, so a crash leaves the one or the other;
processes that run hold keys of their own and notice nothing.
It asks nobody and prints nothing: the command line does (kiosk/commands/keys.py).

Invariants: the old keyring is proved before a new one is written; the key of the money process
never changes, because idempotency keys are named by it and a bank must see the same ones for ever.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from kiosk.domain.errors import SetupError
from kiosk.faces.vault import keyring
from kiosk.faces.vault.envelope import KEY_BYTES, new_key, seal, wipe
from kiosk.faces.vault.errors import KeyringDamagedError, VaultUnusableError
from kiosk.faces.vault.keyring import KdfParameters, Keyring, KeySource, Wrap
from kiosk.faces.vault.keys import RootKey, derive, open_root, process_place, with_mac
from kiosk.faces.vault.recovery import new_code, parse_code, public_of
from kiosk.faces.vault.rollback import CounterGuard, rollback_key
from kiosk.faces.vault.swap import finish_swap
from kiosk.faces.vault.tpm import Tpm, TpmError
from kiosk.faces.vault.wraps import wrap_for_recovery, wrap_root

LOCK_NAME = "keyring.lock"
PROCESSES = ("faces", "money")


@contextlib.contextmanager
def one_at_a_time(data_dir: Path) -> Iterator[None]:
    """Keep a second change of keys out, and end a restore that was cut off.

    Raises:
        SetupError: `keys_busy`, or the folder cannot be written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise VaultUnusableError(error.strerror or "its folder cannot be written") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(
                "The keys of this installation are being changed already.",
                code="keys_busy",
                mend="Wait for the other command to end.",
            ) from None
        finish_swap(data_dir)
        yield
    finally:
        os.close(handle)


def kept_keyring(data_dir: Path) -> Keyring:
    """Return the keyring, which must be there.

    Raises:
        KeyringDamagedError: There is none, or it is damaged.
    """
    kept = keyring.read(data_dir)
    if kept is None:
        raise KeyringDamagedError("There is no keyring.json here.", code="keyring_missing")
    return kept


def make_recovery(data_dir: Path, root: RootKey) -> str:
    """Make a recovery code, in the place of an older one, and return it; it is kept nowhere.

    Raises:
        SetupError: The disk refuses.
    """
    kept = kept_keyring(data_dir)
    code = new_code()
    seed = parse_code(code)
    try:
        wrap = wrap_for_recovery(root.secret, kept.install, public_of(seed))
    finally:
        wipe(seed)
    _keep(data_dir, kept, (kept.primary, wrap), root)
    return code


def open_with_recovery(data_dir: Path, seed: bytearray) -> RootKey:
    """Open an installation with its recovery code.

    Raises:
        WrongKeyError: There is no recovery code, or it is another one.
        KeyringDamagedError: The keyring is not whole.
    """
    return open_root(kept_keyring(data_dir), KeySource.RECOVERY, seed)


def change_source(
    data_dir: Path,
    root: RootKey,
    source: KeySource,
    secret: bytearray,
    kdf: KdfParameters | None = None,
) -> None:
    """Have another passphrase or credential open the installation from now on.

    Raises:
        SetupError: The disk refuses; the old source still opens it.
    """
    kept = kept_keyring(data_dir)
    wrap = wrap_root(root.secret, kept.install, source, secret, kdf=kdf)
    _keep(data_dir, kept, _with_primary(kept, wrap), root)


def seal_to_tpm(
    data_dir: Path, root: RootKey, tpm: Tpm, pcrs: Sequence[int], *, unmeasured: bool = False
) -> int:
    """Have the TPM open the installation from now on; return the index of its counter.

    Args:
        data_dir: The installation.
        root: Its unlocked root key.
        tpm: Which TPM.
        pcrs: The PCRs whose values must not change.
        unmeasured: Take PCRs that nothing was measured into.

    Raises:
        TpmError: The TPM refuses.
        SetupError: The disk refuses; the old source still opens it.
    """
    kept = kept_keyring(data_dir)
    secret = new_key()
    try:
        sealed = tpm.seal(secret, pcrs, unmeasured=unmeasured)
        given = tpm.unseal(sealed)  # before anything relies on it
        if given != secret:
            raise KeyringDamagedError("The TPM gives another secret back than it was given.")
        wipe(given)
        counter = tpm.new_counter(0x0150_0000 + secrets.randbelow(0x1_0000))
        wrap = wrap_root(
            root.secret, kept.install, KeySource.TPM, secret, sealed=sealed, counter=counter
        )
    finally:
        wipe(secret)
    # First the number, then the keyring that asks for it: a crash between leaves the old source.
    CounterGuard(data_dir, tpm, counter, rollback_key(root)).advance()
    _keep(data_dir, kept, _with_primary(kept, wrap), root)
    if kept.primary.counter is not None:
        # Of an earlier sealing; on another TPM there is none, and a left one only takes its place.
        with contextlib.suppress(TpmError):
            tpm.remove_counter(kept.primary.counter)
    return counter


def rotate_root(
    data_dir: Path, source: KeySource, secret: bytearray, faces_key: bytes | None = None
) -> None:
    """Make a new root key, so that an old copy of `keyring.json` with its key is worth less.

    Args:
        data_dir: The installation.
        source: What opens it.
        secret: What that gives.
        faces_key: The new key of the faces process, which it knows already; else the old one stays.

    Raises:
        WrongKeyError: The secret is not this installation's.
        SetupError: The disk refuses; the old root key still is the one.
    """
    kept = kept_keyring(data_dir)
    fresh = new_key()
    try:
        with open_root(kept, source, secret) as root:
            keys = {name: derive(root, name) for name in PROCESSES}
        if faces_key is not None:
            keys["faces"] = faces_key
        made = wrapped_anew(kept, fresh, source, secret, keys)
        keyring.replace(data_dir, with_mac(made, fresh))
    finally:
        wipe(fresh)


def wrapped_anew(
    kept: Keyring,
    root: bytearray,
    source: KeySource,
    secret: bytearray,
    keys: dict[str, bytes],
) -> Keyring:
    """Return a keyring with another root key for the same sources, not yet sealed with its MAC."""
    old = kept.primary
    assert old.source is source, "the keyring was opened with another source"
    wraps: tuple[Wrap, ...] = (
        wrap_root(
            root, kept.install, source, secret,
            kdf=old.kdf, sealed=old.sealed, counter=old.counter,
        ),
    )  # fmt: skip
    if kept.recovery is not None and kept.recovery.public is not None:
        public = bytes.fromhex(kept.recovery.public)
        wraps = (*wraps, wrap_for_recovery(root, kept.install, public))
    return replace(kept, wraps=wraps, processes=seal_processes(kept.install, root, keys))


def seal_processes(install: str, root: bytearray, keys: dict[str, bytes]) -> dict[str, str]:
    """Seal the keys of processes under a root key, as a keyring holds them."""
    assert all(len(key) == KEY_BYTES for key in keys.values())
    return {name: seal(root, key, process_place(install, name)).hex() for name, key in keys.items()}


def _with_primary(kept: Keyring, wrap: Wrap) -> tuple[Wrap, ...]:
    return (wrap,) if kept.recovery is None else (wrap, kept.recovery)


def _keep(data_dir: Path, kept: Keyring, wraps: tuple[Wrap, ...], root: RootKey) -> None:
    made = replace(kept, wraps=wraps)
    keyring.replace(data_dir, with_mac(made, root.secret))
