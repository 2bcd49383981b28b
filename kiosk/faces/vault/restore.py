"""The ceremony of a restore: unpack beside, apply later erasures, take this terminal's key, swap.

Everything happens in `DIR/restore.new` until it is whole. Then `DIR/restore.json` says so, and the
swap goes forward only: whoever finds that file ends it (`swap.finish_swap`, at every start), so a
kill leaves the old installation or the new one. What was replaced is removed.

Invariants: nobody who was erased since the backup is ever in `DIR/vault`; a newer journal of the
same installation that is still here is kept, never replaced by an older one; the restored vault
gets a new store key, a new key of the faces process and a greater epoch, so that neither the old
terminal's keys open it nor an older vault passes for it.
It does not know money's journal: the caller says which mandates were revoked (`Money`).
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from msgspec.structs import replace

from kiosk.domain.errors import SetupError, SmileTillError
from kiosk.domain.ids import PayerAlias
from kiosk.faces.vault import keyring, rollback
from kiosk.faces.vault.archive import ArchiveReader, BackupDamagedError, read_header, write_below
from kiosk.faces.vault.backup import Manifest, Progress, read_manifest
from kiosk.faces.vault.envelope import new_key, wipe
from kiosk.faces.vault.erase import CERTIFICATES_NAME
from kiosk.faces.vault.errors import VaultUnusableError
from kiosk.faces.vault.keychange import kept_keyring, seal_processes
from kiosk.faces.vault.keyring import write_durably
from kiosk.faces.vault.keys import RootKey, derive, with_mac
from kiosk.faces.vault.opening import open_with_keys, rotate_store_key
from kiosk.faces.vault.store import FOLDER_NAME, Vault
from kiosk.faces.vault.storekey import StoreKeyFile
from kiosk.faces.vault.swap import PLAN_NAME, STAGING_NAME, begin_swap, finish_swap

KEPT_WITH_JOURNAL = ("money", "audit")
"""Folders that only grow: where this terminal's journal is kept, so are these."""
SETTINGS_NAME = "settings.toml"
"""A terminal that has settings keeps them."""


class Money(Protocol):
    """What the ceremony has to know of money's folder."""

    def journal(self, folder: Path) -> tuple[str, int]:
        """Return id and number of records of the journal in a folder `money`; ("", 0) if none."""
        ...

    def revoked(self, folder: Path) -> frozenset[PayerAlias]:
        """Return the payers whose mandates the journal there says are revoked."""
        ...

    def vault_epoch(self, folder: Path) -> int:
        """Return the greatest epoch of a vault that the journal there has seen."""
        ...


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore came to."""

    people: int
    erased: int
    """People of the backup who were erased since, and so are not in it any more."""
    journal_kept: bool
    epoch: int


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What a restore needs to know.

    Args:
        data_dir: Where to; its processes do not run, and the caller keeps others out.
        root: This terminal's unlocked root key, whose keyring lies in `data_dir`.
        money: Reads journals.
        erased: Marks (`alias_mark`) of people erased elsewhere: from a list of erasures.
        tcti: How to reach this terminal's TPM, if it has one.
        progress: Told the bytes unpacked so far.
    """

    data_dir: Path
    root: RootKey
    money: Money
    erased: Collection[str] = ()
    tcti: str = ""
    progress: Progress = lambda _bytes: None


def alias_mark(alias: PayerAlias) -> str:
    """Return what stands for an erased person in a list of erasures: a hash of their alias."""
    return hashlib.sha256(b"smiletill erased " + alias.encode()).hexdigest()


def restore(ceremony: Ceremony, file: BinaryIO, key: bytearray) -> Restored:
    """Restore a backup.

    Args:
        ceremony: What to do it with.
        file: The open archive, at its start.
        key: The archive's key.

    Raises:
        BackupDamagedError: The archive is not whole; nothing was changed.
        SetupError: `restore_foreign`: another installation's data are here; or the disk refuses.
    """
    finish_swap(ceremony.data_dir)
    staging = ceremony.data_dir / STAGING_NAME
    try:
        staging.mkdir(mode=0o700)
        manifest = _unpack(ceremony, file, key, staging)
        keep = _keeps_journal(ceremony, staging)
        money = ceremony.data_dir / "money" if keep else staging / "money"
        done = _renew(ceremony, staging, manifest, money, keep=keep)
        if keep:
            for name in KEPT_WITH_JOURNAL:
                shutil.rmtree(staging / name, ignore_errors=True)
        if (ceremony.data_dir / SETTINGS_NAME).exists():
            (staging / SETTINGS_NAME).unlink(missing_ok=True)
        begin_swap(ceremony.data_dir)
        finish_swap(ceremony.data_dir)
    except (OSError, SmileTillError) as error:
        # Before the plan is there, nothing has happened; after it, the next start goes on.
        if not (ceremony.data_dir / PLAN_NAME).exists():
            shutil.rmtree(staging, ignore_errors=True)
        if isinstance(error, OSError):
            raise VaultUnusableError(error.strerror or "the data directory") from error
        raise
    return done


def accept(ceremony: Ceremony) -> Restored:
    """Take the vault and journal that are here for the newest there are, in a new epoch.

    Later erasures that the journal here knows of, or the list names, are applied first.

    Raises:
        SetupError: Something here cannot be opened, or the disk refuses.
    """
    finish_swap(ceremony.data_dir)
    money = ceremony.data_dir / "money"
    vault, gallery, file = open_with_keys(ceremony.data_dir, derive(ceremony.root, "faces"))
    gallery.close()
    try:
        erased = _erase_gone(ceremony, vault, (money,), None)
        epoch = _next_epoch(ceremony, file, money)
        people = vault.census().people
        file.save(replace(file.body, epoch=epoch, journal="", journal_records=0))
    finally:
        vault.close()
        file.wipe()
    kept = replace(kept_keyring(ceremony.data_dir), epoch=epoch)
    keyring.replace(ceremony.data_dir, with_mac(kept, ceremony.root.secret))
    guard = rollback.guard_of(ceremony.data_dir, kept, ceremony.root, ceremony.tcti)
    if guard is not None:
        guard.advance()
    return Restored(people, erased, journal_kept=True, epoch=epoch)


def _unpack(ceremony: Ceremony, file: BinaryIO, key: bytearray, staging: Path) -> Manifest:
    _, bound = read_header(file)
    manifest: Manifest | None = None
    done = 0
    for entry, pieces in ArchiveReader(file, bound, key).files():
        if manifest is None:
            manifest = read_manifest(entry.path, pieces)
            continue
        try:
            write_below(staging, entry, pieces)
        except (FileExistsError, NotADirectoryError):
            raise BackupDamagedError("it holds a file twice") from None
        done += entry.size
        ceremony.progress(done)
    if manifest is None or set(manifest.processes) != {"faces", "money"}:
        raise BackupDamagedError("there is nothing in it")
    return manifest


def _keeps_journal(ceremony: Ceremony, staging: Path) -> bool:
    """Decide whose journal goes on: the one here, if it is of the same installation and longer."""
    here, records = ceremony.money.journal(ceremony.data_dir / "money")
    there, records_there = ceremony.money.journal(staging / "money")
    if here and here != there:
        raise SetupError(
            "This terminal has a payment journal of another installation.",
            code="restore_foreign",
            mend="Restore into an empty data directory.",
        )
    return bool(here) and records >= records_there


def _renew(
    ceremony: Ceremony, staging: Path, manifest: Manifest, money: Path, *, keep: bool
) -> Restored:
    """Bring the unpacked vault up to date and under new keys, and put keyring and number beside."""
    (staging / FOLDER_NAME).mkdir(mode=0o700, exist_ok=True)
    old_key = bytes.fromhex(manifest.processes["faces"])
    fresh = new_key()
    try:
        vault, gallery, file = open_with_keys(staging, old_key)
        gallery.close()
        with contextlib.closing(vault):
            journals = (money, staging / "money") if keep else (money,)
            erased = _erase_gone(ceremony, vault, journals, money / "keys")
            vault.compact()
            epoch = _next_epoch(ceremony, file, *journals)
            file.save(replace(file.body, epoch=epoch, journal="", journal_records=0))
            rotate_store_key(vault, file, fresh)
            people = vault.census().people
        file.wipe()
        # Once more with the new key: that ends the old one.
        vault, gallery, file = open_with_keys(staging, fresh)
        gallery.close()
        vault.close()
        file.wipe()
        _keep_certificates(ceremony.data_dir, staging)
        keys = {"faces": bytes(fresh), "money": bytes.fromhex(manifest.processes["money"])}
        _stage_keyring(ceremony, staging, keys, epoch)
    finally:
        wipe(fresh)
    return Restored(people, erased, journal_kept=keep, epoch=epoch)


def _erase_gone(
    ceremony: Ceremony, vault: Vault, journals: Collection[Path], mandates: Path | None
) -> int:
    """Erase whoever was erased since, by the journals and by the list; return how many.

    Args:
        ceremony: What is known.
        vault: From which.
        journals: Folders `money`.
        mandates: Where each person's mandate has a key, if that is to be asked too: it is destroyed
            with the person.
    """
    gone = {alias_mark(alias) for it in journals for alias in ceremony.money.revoked(it)}
    gone |= set(ceremony.erased) | _waiting_here(ceremony)
    erased = 0
    for person in vault.ids():
        alias = vault.alias(person)
        keyless = mandates is not None and not (mandates / f"{alias}.key").exists()
        if keyless or alias_mark(alias) in gone:
            vault.erase(person)
            erased += 1
    return erased


def _waiting_here(ceremony: Ceremony) -> set[str]:
    """Return whose revocation still waits in the vault that is here, as far as it opens."""
    if not (ceremony.data_dir / FOLDER_NAME / "vault.db").exists():
        return set()
    try:
        opened = open_with_keys(ceremony.data_dir, derive(ceremony.root, "faces"))
    except SmileTillError:
        return set()  # damaged, foreign or in use (then the caller has it open): it tells nothing
    vault, gallery, file = opened
    gallery.close()
    file.wipe()
    with contextlib.closing(vault):
        return {alias_mark(entry.alias) for entry in vault.outbox()}


def _next_epoch(ceremony: Ceremony, file: StoreKeyFile, *journals: Path) -> int:
    known = [file.body.epoch, kept_keyring(ceremony.data_dir).epoch]
    known += [ceremony.money.vault_epoch(folder) for folder in journals]
    return max(known) + 1


def _keep_certificates(data_dir: Path, staging: Path) -> None:
    """Take over the certificates of erasures since the backup; they hold nothing of anybody."""
    here = data_dir / FOLDER_NAME / CERTIFICATES_NAME
    there = staging / FOLDER_NAME / CERTIFICATES_NAME
    for path in sorted(here.glob("*.json")) if here.is_dir() else ():
        there.mkdir(mode=0o700, exist_ok=True)
        if not (there / path.name).exists():
            shutil.copyfile(path, there / path.name)


def _stage_keyring(ceremony: Ceremony, staging: Path, keys: dict[str, bytes], epoch: int) -> None:
    root = ceremony.root
    kept = kept_keyring(ceremony.data_dir)
    made = replace(kept, epoch=epoch, processes=seal_processes(kept.install, root.secret, keys))
    write_durably(staging / keyring.NAME, keyring.to_bytes(with_mac(made, root.secret)))
    with RootKey(root.secret, root.install_id, keys) as restored:
        guard = rollback.guard_of(staging, made, restored, ceremony.tcti)
        if guard is not None:
            guard.write(guard.tpm.counter(guard.index))
