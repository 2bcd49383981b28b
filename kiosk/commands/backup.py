"""The word `backup`: make, verify and restore encrypted backups (docs/keys.md).

It asks and prints, reads money's journal for the vault's ceremony, and keeps other commands out.
What a backup is made of is in `kiosk.faces.vault`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from kiosk.commands.common import (
    NewFile,
    data_option,
    emit,
    founded_data_option,
    json_option,
    passphrase_prompt,
)
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.ids import PayerAlias
from kiosk.faces.vault import keyring
from kiosk.faces.vault.archive import (
    Header,
    header_for_code,
    header_for_passphrase,
    open_header,
    read_header,
)
from kiosk.faces.vault.backup import check, make_backup
from kiosk.faces.vault.envelope import wipe
from kiosk.faces.vault.keychange import LOCK_NAME, kept_keyring, one_at_a_time
from kiosk.faces.vault.keyring import KdfParameters
from kiosk.faces.vault.keys import RootKey, unlock
from kiosk.faces.vault.recovery import parse_code
from kiosk.faces.vault.restore import Ceremony, Restored, accept, alias_mark, restore
from kiosk.faces.vault.sources import ask_passphrase, read_code, read_passphrase
from kiosk.faces.vault.swap import PLAN_NAME
from kiosk.installed import is_founded
from kiosk.link.sockets import run_dir_of
from kiosk.money.book import Book
from kiosk.money.ledger import JOURNAL_NAME, read_book
from kiosk.settings import load_settings
from kiosk.supervisor import Installation, key_wish, turn

LIST_VERSION = 1
LIST_BYTES_MAX = 64 << 20
PROGRESS_S = 1.0
COST: KdfParameters | None = None
"""Of a backup's passphrase: our default; tests say less."""

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_code_option = click.option("--code-file", type=_file, help="Holds the recovery code.")
_passphrase_option = click.option(
    "--passphrase-file", type=_file, help="Holds the backup's own passphrase."
)

_list_option = click.option(
    "--erasures", type=_file, help="A newer list of erasures (smiletill backup erasures)."
)


@click.group()
def backup() -> None:
    """Encrypted backups: make, verify, restore to this or another terminal."""


@backup.command()
@click.option("--to", "target", type=NewFile(), required=True, help="The new file, outside DIR.")
@_passphrase_option
@founded_data_option
@json_option
def make(target: Path, passphrase_file: Path | None, data_dir: Path, as_json: bool) -> None:
    """Write a backup for the recovery code, or for a passphrase; a terminal may run meanwhile."""
    with one_at_a_time(data_dir), _unlocked(data_dir) as root:
        kept = kept_keyring(data_dir)
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        journal = Journals().journal(data_dir / "money")[0]
        if passphrase_file is not None:
            secret = read_passphrase(passphrase_file, data_dir)
            header, key = header_for_passphrase(secret, COST or KdfParameters(), made_at, journal)
            wipe(secret)
        elif kept.recovery is not None and kept.recovery.public is not None:
            header, key = header_for_code(bytes.fromhex(kept.recovery.public), made_at, journal)
        else:
            raise BadInputError(
                "There is no recovery code that could open this backup.",
                code="recovery_missing",
                mend="Make one (smiletill keys recovery), or name a --passphrase-file.",
            )
        made = make_backup(data_dir, target, root, kept.epoch, header, key, _progress("saved"))
        wipe(key)
    emit(
        {"ok": True, "files": made.files, "bytes": made.size, "made_at": made_at},
        as_json,
        f"{made.files} files, {made.size / 1e6:.1f} MB, read back. It is opened by the"
        f" {'recovery code' if header.needs_code else 'passphrase'}.",
    )


@backup.command()
@click.argument("source", metavar="FILE", type=_file)
@_code_option
@_passphrase_option
@data_option
@json_option
def verify(
    source: Path,
    code_file: Path | None,
    passphrase_file: Path | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Read a backup from end to end and prove every byte."""
    with _opened(source, code_file, passphrase_file, data_dir) as (file, header, key):
        made = check(file, key, _progress("checked"))
    emit(
        {"ok": True, "files": made.files, "bytes": made.size, "made_at": header.made_at},
        as_json,
        f"Whole: {made.files} files, {made.size / 1e6:.1f} MB, made at {header.made_at}.",
    )


@backup.command(name="restore")
@click.argument("source", metavar="FILE", type=_file)
@_code_option
@_passphrase_option
@_list_option
@data_option
@json_option
def restore_(
    source: Path,
    code_file: Path | None,
    passphrase_file: Path | None,
    erasures: Path | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Restore a backup under this terminal's key, without whoever was erased since."""
    with (
        _leaving_nothing(data_dir),
        _stopped(data_dir),
        _opened(source, code_file, passphrase_file, data_dir) as (file, _, key),
        _unlocked(data_dir, is_restore=True) as root,
    ):
        ceremony = _ceremony(data_dir, root, erasures)
        done = restore(ceremony, file, key)
    _tell(done, as_json, "Restored")


@backup.command(name="accept")
@_list_option
@founded_data_option
@json_option
def accept_(erasures: Path | None, data_dir: Path, as_json: bool) -> None:
    """Go on with an older copy that was put back: it is the newest there is."""
    with _stopped(data_dir), _unlocked(data_dir) as root:
        done = accept(_ceremony(data_dir, root, erasures))
    _tell(done, as_json, "Accepted")


@backup.command()
@click.option(
    "--to", "target", type=NewFile(), required=True, help="The file; an older list is replaced."
)
@founded_data_option
@json_option
def erasures(target: Path, data_dir: Path, as_json: bool) -> None:
    """Write the list of everybody erased so far, to keep beside the backups."""
    journals = Journals()
    folder = data_dir / "money"
    marks = sorted(alias_mark(alias) for alias in journals.revoked(folder))
    listed = {"version": LIST_VERSION, "journal": journals.journal(folder)[0], "erased": marks}
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_text(json.dumps(listed) + "\n")
        part.replace(target)
    except OSError as error:
        raise SetupError(
            f"The list cannot be written: {error.strerror}.",
            code="list_not_writable",
            mend="Check the folder and the free space.",
        ) from error
    emit({"ok": True, "erased": len(marks)}, as_json, f"{len(marks)} erasures listed.")


class Journals:
    """What the ceremony has to know of journals; each is read once."""

    def __init__(self) -> None:
        """Read nothing yet."""
        self._read: dict[Path, tuple[str, int, Book]] = {}

    def journal(self, folder: Path) -> tuple[str, int]:
        """Return id and number of records of the journal in a folder `money`; ("", 0) if none."""
        found = self._book(folder)
        return found[0], found[1]

    def revoked(self, folder: Path) -> frozenset[PayerAlias]:
        """Return the payers whose mandates the journal there says are revoked."""
        mandates = self._book(folder)[2].mandates.values()
        return frozenset(entry.alias for entry in mandates if entry.revocation is not None)

    def vault_epoch(self, folder: Path) -> int:
        """Return the greatest epoch of a vault that the journal there has seen."""
        seen = self._book(folder)[2].vault
        return 0 if seen is None else seen.epoch

    def _book(self, folder: Path) -> tuple[str, int, Book]:
        if folder not in self._read:
            path = folder / JOURNAL_NAME
            if not path.exists() or path.stat().st_size == 0:
                return "", 0, Book()
            reading, book = read_book(path)
            name = "" if reading.header is None else reading.header.journal
            self._read[folder] = (name, reading.position.records, book)
        return self._read[folder]


def _ceremony(data_dir: Path, root: RootKey, listed: Path | None) -> Ceremony:
    return Ceremony(
        data_dir=data_dir,
        root=root,
        money=Journals(),
        erased=frozenset() if listed is None else _read_list(listed),
        tcti=load_settings(data_dir).keys.tcti,
        progress=_progress("restored"),
    )


def _tell(done: Restored, as_json: bool, word: str) -> None:
    result = {
        "ok": True,
        "people": done.people,
        "erased": done.erased,
        "journal_kept": done.journal_kept,
        "epoch": done.epoch,
    }
    journal = "The journal that was here goes on." if done.journal_kept else "With its journal."
    emit(
        result,
        as_json,
        f"{word}: {done.people} people; {done.erased} who were erased since are not among them.\n"
        f"{journal} Keys and epoch ({done.epoch}) are new: what was here before does not pass for"
        " it any more.",
    )


def _read_list(path: Path) -> frozenset[str]:
    try:
        with path.open("rb") as file:
            found: Any = json.loads(file.read(LIST_BYTES_MAX))
        marks = found["erased"]
        is_ours = found["version"] == LIST_VERSION and all(isinstance(mark, str) for mark in marks)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        marks, is_ours = (), False
    if not is_ours:
        raise BadInputError(
            "That is no list of erasures, or it cannot be read.",
            code="list_bad",
            mend="Name a file that `smiletill backup erasures` wrote.",
        )
    return frozenset(marks)


@contextmanager
def _leaving_nothing(data_dir: Path) -> Iterator[None]:
    """Where nothing was founded, take back what a refused restore made: its key and its locks."""
    if is_founded(data_dir):
        yield
        return
    was_there = data_dir.is_dir()
    try:
        yield
    except BaseException:
        if not (data_dir / PLAN_NAME).exists():  # with it, the next start goes on
            for name in (keyring.NAME, LOCK_NAME):
                (data_dir / name).unlink(missing_ok=True)
            shutil.rmtree(run_dir_of(data_dir), ignore_errors=True)
            if not was_there:
                with contextlib.suppress(OSError):
                    data_dir.rmdir()
        raise


@contextmanager
def _stopped(data_dir: Path) -> Iterator[None]:
    """Make sure that nothing of the installation runs, and keep it so."""
    installation = Installation(data_dir, load_settings(data_dir))
    installation.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if installation.is_up("faces") or installation.is_up("money"):
        raise SetupError(
            "The terminal is running.",
            code="till_running",
            mend="Stop it, then try again.",
        )
    with turn(installation.run_dir), one_at_a_time(data_dir):
        yield


@contextmanager
def _unlocked(data_dir: Path, *, is_restore: bool = False) -> Iterator[RootKey]:
    wish = key_wish(load_settings(data_dir))
    with unlock(
        data_dir, env=os.environ, prompt=passphrase_prompt(), kdf=COST, wish=wish,
        is_restore=is_restore,
    ) as root:  # fmt: skip
        yield root


@contextmanager
def _opened(
    source: Path, code_file: Path | None, passphrase_file: Path | None, data_dir: Path
) -> Iterator[tuple[Any, Header, bytearray]]:
    """Open a backup with what it asks for; hand it out at its start."""
    try:
        file = source.open("rb")
    except OSError as error:
        raise BadInputError(
            f"The backup cannot be read: {error.strerror}.",
            code="backup_unreadable",
            mend="Check its path and its permissions.",
        ) from error
    with file:
        header, _ = read_header(file)
        secret = _secret_for(header, code_file, passphrase_file, data_dir)
        try:
            key = open_header(header, secret)
        finally:
            wipe(secret)
        file.seek(0)
        try:
            yield file, header, key
        finally:
            wipe(key)


def _secret_for(
    header: Header, code_file: Path | None, passphrase_file: Path | None, data_dir: Path
) -> bytearray:
    named = code_file if header.needs_code else passphrase_file
    if named is not None:
        read = read_code if header.needs_code else read_passphrase
        return read(named, data_dir)
    prompt = passphrase_prompt()
    if prompt is None:
        option = "--code-file" if header.needs_code else "--passphrase-file"
        raise BadInputError(
            f"There is no terminal to ask on, and no {option}.",
            code="no_terminal",
            mend=f"Name a file outside the data directory with {option}.",
        )
    if header.needs_code:
        return parse_code(prompt("Recovery code"))
    return ask_passphrase(prompt, "Passphrase of this backup", confirm=False)


def _progress(word: str) -> Callable[[int], None]:
    """Return what tells on stderr, at most once a second, how far we are."""
    last = time.monotonic()

    def tell(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_S:
            last = now
            click.echo(f"{word} {done / 1e6:.0f} MB", err=True)

    return tell
