"""Remembers that an installation has run, so that lost data are not replaced by empty ones.

`installed.json` in the data directory says which files were there after the first start. Vault and
journal make themselves where there is none; on an installation that has run, none means lost.
It opens neither of them: whether they are whole, their own processes say.
Invariant: what was once noted is not taken back; the file is written whole or not at all.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from kiosk.domain.errors import BadInputError, SetupError

FILE_NAME = "installed.json"
VERSION = 1
FILE_BYTES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class _Kept:
    """One file that an installation cannot lose, and what to say when it did."""

    word: str
    """Its key in `installed.json`, and the beginning of its reason code."""
    path: str
    sentence: str


_KEPT = (
    _Kept(
        "vault",
        "vault/vault.db",
        "The vault is missing or empty, although this installation has run before.",
    ),
    _Kept(
        "journal",
        "money/journal.log",
        "The payment journal is missing or empty, although this installation has run before.",
    ),
)


_SIGNS = ("keyring.json", FILE_NAME, "restore.json", "vault", "money")
"""Any of them in a folder says that an installation was founded there."""


def is_founded(data_dir: Path) -> bool:
    """Say whether an installation was founded in a folder, be it damaged by now."""
    return any((data_dir / sign).exists() for sign in _SIGNS)


def require(data_dir: Path) -> None:
    """Refuse a folder that no installation was founded in; nothing is made in it.

    Raises:
        BadInputError: `installation_missing`.
    """
    if not is_founded(data_dir):
        raise BadInputError(
            f"There is no installation in {data_dir}.",
            code="installation_missing",
            mend="Name the right folder with --data; enrol add, run and pay found a new one.",
        )


def check(data_dir: Path) -> None:
    """Refuse to start where something is lost; call it before anything is started.

    Raises:
        SetupError: `vault_missing` or `journal_missing`; or the note itself cannot be used.
    """
    noted = _read(data_dir)
    for kept in _KEPT:
        if noted.get(kept.word) and not _is_there(data_dir / kept.path):
            raise SetupError(
                kept.sentence,
                code=f"{kept.word}_missing",
                mend=f"Restore {kept.path} from the newest backup; or, to begin anew,"
                " remove the whole data directory.",
            )


def note(data_dir: Path) -> None:
    """Note what is there; call it after every successful start. It writes at the first one only.

    Raises:
        SetupError: The note that is there cannot be used, or the disk refuses.
    """
    noted = _read(data_dir)
    found = {
        kept.word: noted.get(kept.word, False) or _is_there(data_dir / kept.path) for kept in _KEPT
    }
    if found == noted:
        return
    draft = data_dir / f".{FILE_NAME}.{os.getpid()}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps({"version": VERSION, **found}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(data_dir / FILE_NAME)
        _sync(data_dir)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise SetupError(
            "The data directory cannot be written.",
            code="data_dir_not_writable",
            mend="Check the folder given with --data, its owner and the free space.",
        ) from error


def _read(data_dir: Path) -> dict[str, bool]:
    """Return what was noted, nothing where nothing was."""
    try:
        with (data_dir / FILE_NAME).open("rb") as file:
            found = json.loads(file.read(FILE_BYTES_MAX))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable() from error
    words = {kept.word for kept in _KEPT}
    good = (
        isinstance(found, dict)
        and found.keys() == {"version", *words}
        and found["version"] == VERSION
        and all(type(found[word]) is bool for word in words)
    )
    if not good:
        raise _unusable()
    return {word: found[word] for word in words}


def _unusable() -> SetupError:
    return SetupError(
        f"{FILE_NAME} cannot be read, is damaged or was written by another version.",
        code="installed_bad",
        mend="See that vault/vault.db and money/journal.log are there, then remove the file;"
        " the next start writes it again.",
    )


def _is_there(path: Path) -> bool:
    """Say whether a file is there and holds something; what cannot be seen is not called lost."""
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
