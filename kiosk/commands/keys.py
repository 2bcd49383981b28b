"""The word `keys`: what opens this installation, and how to change that (docs/keys.md).

It asks, prints and locks; what a keyring is made of is in `kiosk.faces.vault`.
A recovery code is printed once and kept nowhere; no other key is ever printed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from kiosk.commands.common import (
    data_option,
    emit,
    founded_data_option,
    json_option,
    passphrase_prompt,
)
from kiosk.domain.errors import BadInputError
from kiosk.faces.vault import keyring
from kiosk.faces.vault.envelope import wipe
from kiosk.faces.vault.errors import KeyMalformedError
from kiosk.faces.vault.keychange import (
    change_source,
    kept_keyring,
    make_recovery,
    one_at_a_time,
    open_with_recovery,
    rotate_root,
    seal_to_tpm,
)
from kiosk.faces.vault.keyring import KdfParameters, Keyring, KeySource
from kiosk.faces.vault.keys import RootKey, derive, open_root, primary_secret, unlock
from kiosk.faces.vault.recovery import parse_code
from kiosk.faces.vault.sources import (
    ask_passphrase,
    find_secret,
    read_code,
    read_passphrase,
    read_storekey,
)
from kiosk.faces.vault.tpm import Tpm
from kiosk.faces.vault.wraps import stretch
from kiosk.link.key_care import RotateStoreKey, StoreKeyRotated
from kiosk.settings import load_settings
from kiosk.supervisor import Installation, key_wish

ROTATION_S_MAX = 600.0
"""Seconds for the vault to wrap its keys anew; 100,000 people take a few."""
KDF_SECONDS_MIN = 0.3
"""A passphrase that takes less to stretch is too cheap to guess."""

COST: KdfParameters | None = None
"""Of a new passphrase: our default; tests say less."""

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def keys() -> None:
    """What opens this installation: show, rotate, recover, seal to the TPM."""


@keys.command()
@founded_data_option
@json_option
def show(data_dir: Path, as_json: bool) -> None:
    """Say what opens this installation, without opening it."""
    kept = kept_keyring(data_dir)
    result, lines = _facts(kept)
    emit(result, as_json, "\n".join(lines))


@keys.command()
@founded_data_option
@json_option
def rotate(data_dir: Path, as_json: bool) -> None:
    """Exchange the vault's key and the root key; a terminal that runs goes on."""
    settings = load_settings(data_dir)
    with one_at_a_time(data_dir):
        kept = kept_keyring(data_dir)
        wish = key_wish(settings)
        source, secret = primary_secret(
            data_dir, kept, env=os.environ, prompt=passphrase_prompt(), wish=wish
        )
        try:
            with open_root(kept, source, secret) as root:
                old_key = derive(root, "faces")
            new_key = os.urandom(len(old_key))
            people, running = _rotate_vault(Installation(data_dir, settings), old_key, new_key)
            rotate_root(data_dir, source, secret, new_key)
        finally:
            wipe(secret)
    emit(
        {"ok": True, "people": people, "running": running},
        as_json,
        f"The keys of {people} people are wrapped anew, and there is a new root key.\n"
        "Copies of keyring.json and of the vault from before do not open what is here now."
        + ("\nThe terminal runs on; its old key ends with its next full start." if running else ""),
    )


@keys.command()
@founded_data_option
@json_option
def recovery(data_dir: Path, as_json: bool) -> None:
    """Make a recovery code, shown once; an older one is worth nothing afterwards."""
    with one_at_a_time(data_dir), _opened(data_dir) as root:
        code = make_recovery(data_dir, root)
    emit(
        {"ok": True, "code": code},
        as_json,
        f"{code}\n\nWrite it down and keep it away from the terminal: it opens everything here,"
        " and it is not shown again.",
    )


@keys.command()
@click.option("--code-file", type=_file, help="Holds the code; else it is asked for.")
@founded_data_option
@json_option
def recover(code_file: Path | None, data_dir: Path, as_json: bool) -> None:
    """Open with the recovery code, and take the key given now as the one of each start."""
    with one_at_a_time(data_dir):
        seed = _code(code_file, data_dir)
        prompt = passphrase_prompt()
        with _wiped(seed), open_with_recovery(data_dir, seed) as root:
            source, secret = find_secret(data_dir, os.environ, prompt, confirm=True)
            with _wiped(secret):
                change_source(data_dir, root, source, secret, COST)
    emit(
        {"ok": True, "source": source.value},
        as_json,
        f"Recovered: from now on the {source.in_words} opens this installation.\n"
        "Have a new recovery code made: smiletill keys recovery.",
    )


@keys.command(name="seal-tpm")
@click.option(
    "--allow-unmeasured",
    is_flag=True,
    help="Seal although nothing measures into a PCR: then any system started here gets the key.",
)
@data_option
@json_option
def seal_tpm(allow_unmeasured: bool, data_dir: Path, as_json: bool) -> None:
    """Have this machine's TPM open the installation from now on."""
    settings = load_settings(data_dir).keys
    with one_at_a_time(data_dir), _opened(data_dir, any_source=True) as root:
        seal_to_tpm(data_dir, root, Tpm(settings.tcti), settings.pcrs, unmeasured=allow_unmeasured)
        has_recovery = kept_keyring(data_dir).recovery is not None
    words = " ".join(str(pcr) for pcr in settings.pcrs)
    lines = [f"The TPM opens this installation from now on, while PCR {words} reads as it does."]
    if not has_recovery:
        lines.append("Without a recovery code a broken board is the end: smiletill keys recovery")
    emit(
        {"ok": True, "pcrs": list(settings.pcrs), "recovery": has_recovery},
        as_json,
        "\n".join(lines),
    )


@keys.command()
@click.option("--new-file", type=_file, help="Holds the new passphrase; else it is asked for.")
@founded_data_option
@json_option
def passphrase(new_file: Path | None, data_dir: Path, as_json: bool) -> None:
    """Have another passphrase open the installation from now on."""
    with one_at_a_time(data_dir), _opened(data_dir) as root:
        if new_file is not None:
            with _typed():
                secret = read_passphrase(new_file, data_dir)
        else:
            secret = ask_passphrase(_terminal(), "New passphrase", confirm=True)
        with _wiped(secret):
            change_source(data_dir, root, KeySource.PASSPHRASE, secret, COST)
    emit(
        {"ok": True, "source": "passphrase"},
        as_json,
        "The new passphrase opens this installation. If somebody may know the old one, go on with"
        " smiletill keys rotate.",
    )


@keys.command()
@click.option("--new-file", type=_file, required=True, help="Holds 32 bytes or 64 hex digits.")
@founded_data_option
@json_option
def storekey(new_file: Path, data_dir: Path, as_json: bool) -> None:
    """Have another credential `storekey` open the installation from now on."""
    with one_at_a_time(data_dir), _opened(data_dir) as root:
        with _typed():
            secret = read_storekey(new_file, data_dir)
        with _wiped(secret):
            change_source(data_dir, root, KeySource.CREDENTIAL, secret)
    emit(
        {"ok": True, "source": "credential"},
        as_json,
        "The new store key opens this installation; put it where LoadCredential= finds it.",
    )


def kdf_seconds(kdf: KdfParameters) -> float:
    """Measure how long stretching a passphrase takes here, once."""
    began = time.perf_counter()
    wipe(stretch(b"how long does this take", bytes(16), kdf))
    return time.perf_counter() - began


def _facts(kept: Keyring) -> tuple[dict[str, Any], list[str]]:
    primary = kept.primary
    result: dict[str, Any] = {
        "source": primary.source.value,
        "recovery": kept.recovery is not None,
        "epoch": kept.epoch,
        "format": keyring.VERSION if kept.mac else 1,
        "pcrs": None if primary.sealed is None else list(primary.sealed.pcrs),
        "kdf_seconds": None,
    }
    lines = [f"Opened by its {primary.source.in_words}."]
    if primary.sealed is not None:
        words = " ".join(str(pcr) for pcr in primary.sealed.pcrs)
        lines.append(f"Sealed to PCR {words}; an older copy of the data is noticed by a counter.")
    if primary.kdf is not None:
        took_s = kdf_seconds(primary.kdf)
        result["kdf_seconds"] = round(took_s, 4)
        enough = "" if took_s >= KDF_SECONDS_MIN else ", which is too little"
        lines.append(
            f"Argon2id with {primary.kdf.memory_kib // 1024} MiB and {primary.kdf.passes} passes:"
            f" {took_s:.2f} s a guess on this machine{enough}."
        )
    lines.append(
        "There is a recovery code."
        if kept.recovery is not None
        else "There is no recovery code: smiletill keys recovery makes one."
    )
    lines.append(f"Restored from a backup {kept.epoch} times.")
    return result, lines


def _rotate_vault(installation: Installation, old_key: bytes, new_key: bytes) -> tuple[int, bool]:
    """Have the running terminal rotate its vault, else do it here; say for how many people."""
    if installation.is_up("faces"):
        with installation.faces() as faces:
            ask = RotateStoreKey(new_key.hex())
            return faces.call(ask, StoreKeyRotated, timeout_s=ROTATION_S_MAX).people, True
    # Imported here: the other words of `keys` need neither numpy nor SQLite.
    from kiosk.faces.vault.opening import open_with_keys, rotate_store_key  # noqa: PLC0415

    vault, gallery, file = open_with_keys(installation.data_dir, old_key)
    try:
        rotate_store_key(vault, file, new_key)
        return vault.census().people, False
    finally:
        gallery.close()
        vault.close()
        file.wipe()


@contextmanager
def _opened(data_dir: Path, *, any_source: bool = False) -> Iterator[RootKey]:
    """Unlock as at a start; at provisioning with any source, although the settings want the TPM."""
    wish = key_wish(load_settings(data_dir))
    if any_source:
        wish = type(wish)(tcti=wish.tcti)
    with unlock(data_dir, env=os.environ, prompt=passphrase_prompt(), kdf=COST, wish=wish) as root:
        yield root


@contextmanager
def _typed() -> Iterator[None]:
    """Call a new key that is none bad input: the one that opens the installation is not amiss."""
    try:
        yield
    except KeyMalformedError as error:
        raise BadInputError(error.message, code=error.code, mend=error.mend) from error


@contextmanager
def _wiped(secret: bytearray) -> Iterator[None]:
    try:
        yield
    finally:
        wipe(secret)


def _code(code_file: Path | None, data_dir: Path) -> bytearray:
    if code_file is not None:
        return read_code(code_file, data_dir)
    return parse_code(_terminal()("Recovery code"))


def _terminal() -> Any:
    prompt = passphrase_prompt()
    if prompt is None:
        raise BadInputError(
            "There is no terminal to ask on.",
            code="no_terminal",
            mend="Name a file outside the data directory instead (see --help).",
        )
    return prompt
