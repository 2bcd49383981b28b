"""Packs in a data directory: install, verify, choose, list.

It knows no network: where a file comes from is a `Fetch` handed in (`copy_from()` here,
`models.download.fetch()` elsewhere). It shows nothing either; progress is a call with a count.

Invariants:
- DIR/models/NAME is a whole, verified pack or is not there. Everything is made in a hidden folder
  beside it, read back, synced, and renamed once; an old install stays until that moment.
- One install at a time for a data directory; what a killed one left is removed by the next.
- Everything made here is for the owner only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from models import _swap
from models.errors import (
    PackError,
    PackFileError,
    PackInstallError,
    PackNameError,
    PackSourceError,
)
from models.integrity import verify_file
from models.manifest import (
    CURRENT_NAME,
    MANIFEST_NAME,
    SHIPPED_DIR,
    check_pack_name,
    describe_pack,
    find_pack,
    load_pack,
    packs_dir,
    search_dirs,
    shipped_names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.pack import Pack, Stage

DEFAULT_PACK: Final = "starter"
# What a person must be able to read beside the weights.
PAPERS: Final = (MANIFEST_NAME, "LICENSE", "NOTICE", "CARD.md")
# The code of the error that a folder has no file of that name.
SOURCE_MISSING: Final = "pack_source_missing"

_COPY_BYTES: Final = 1 << 18
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

# Puts the stage's file at the path, which does not exist yet; raises PackError or OSError.
Fetch: TypeAlias = "Callable[[Stage, Path], None]"
# Raises PackError for a stage whose verified file this program cannot read.
Prove: TypeAlias = "Callable[[Stage], None]"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What became of one file's check; `problem` is None when the file is right."""

    pack: str
    file: str
    problem: PackError | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A pack as a list shows it.

    Attributes:
        name: The pack's name.
        pack: The pack as its manifest describes it; None when the manifest is broken.
        installed: Whether it lies on this machine; what its files are worth, `verify()` says.
        problem: What is wrong with it, or None.
    """

    name: str
    pack: Pack | None
    installed: bool
    problem: PackError | None


def copy_from(folder: Path, *, on_bytes: Callable[[int], None]) -> Fetch:
    """Return a fetch that copies a stage's file, by its name, out of `folder`."""

    def fetch(stage: Stage, target: Path) -> None:
        source = folder / stage.file.name
        if not source.is_file():
            raise PackSourceError(
                f"There is no file {stage.file.name} in {folder}.",
                code=SOURCE_MISSING,
                mend="Give the folder that holds all of the pack's files.",
            )
        left = stage.size_bytes
        with (
            source.open("rb", buffering=0) as reader,
            open(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as writer,  # noqa: PTH123 - the mode is set as the file is made
        ):
            # One byte more than expected is enough to make the hash differ.
            while chunk := reader.read(min(_COPY_BYTES, left + 1)):
                writer.write(chunk)
                on_bytes(len(chunk))
                left -= len(chunk)
                if left < 0:
                    break

    return fetch


def known_pack(name: str) -> Pack:
    """Return the shipped description of a pack, whether or not its weights are here.

    Raises:
        PackNameError: No pack of that name is shipped.
    """
    check_pack_name(name)
    if name not in shipped_names():
        raise PackNameError(
            f"No pack is called '{name}'.",
            code="pack_unknown",
            mend=f"The packs are: {', '.join(shipped_names())}.",
        )
    return describe_pack(SHIPPED_DIR / name)


def notice_of(name: str) -> str:
    """Return the text that says whose a shipped pack's files are; "" when there is none."""
    notice = SHIPPED_DIR / name / "NOTICE"
    return notice.read_text(encoding="utf-8") if notice.is_file() else ""


def install(
    name: str,
    data_dir: Path,
    fetch: Fetch,
    *,
    prove: Prove = lambda _: None,
    on_left_out: Callable[[Stage, PackError], None] = lambda _stage, _error: None,
) -> Pack:
    """Install the pack `name` under `data_dir`, or leave everything as it was.

    Args:
        name: A shipped manifest's name.
        data_dir: The installation; made if absent.
        fetch: Brings one stage's file.
        prove: Asked for every file once its hash was right.
        on_left_out: Told of each optional stage that could not be had, and why.

    Returns:
        The installed pack, verified.

    Raises:
        PackNameError: No such pack.
        PackHashError: A file that was brought is not the one in the manifest.
        PackInstallError: Disk full, not writable, or another install is running.
        PackError: Whatever `fetch` raises.
    """
    known = known_pack(name)
    home = packs_dir(data_dir)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _only_one(home):
            _swap.clean_up(home)
            fresh = Path(tempfile.mkdtemp(prefix=f".{name}{_swap.NEW_MARK}", dir=home))
            try:
                _bring_all(fresh, known, fetch, prove, on_left_out)
                _add_papers(fresh, known)
                _swap.put_in_place(fresh, home / name)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise _not_written(error, name) from error
    return load_pack(home / name, verify=False)


def verify(name: str, data_dir: Path) -> tuple[FileCheck, ...]:
    """Check every file of the pack `name` as it is found on this machine.

    Raises:
        PackError: The pack is unknown, not installed, or its manifest is broken.
    """
    pack = find_pack(name, data_dir, verify=False)
    return tuple(_check(stage, pack.name) for stage in pack.stages)


def verify_all(data_dir: Path) -> tuple[FileCheck, ...]:
    """Check every file of every pack on this machine; a broken manifest is a failed check."""
    checks: list[FileCheck] = []
    for listing in listings(data_dir):
        if listing.installed:
            checks += verify(listing.name, data_dir)
        elif listing.problem is not None:
            checks.append(FileCheck(listing.name, MANIFEST_NAME, listing.problem))
    return tuple(checks)


def listings(data_dir: Path) -> tuple[Listing, ...]:
    """Return every pack that is shipped or installed, by name; hashes are not read."""
    names = set(shipped_names())
    for base in search_dirs(data_dir):
        names |= {path.parent.name for path in packs_dir(base).glob(f"[a-z]*/{MANIFEST_NAME}")}
    return tuple(_listing(name, data_dir) for name in sorted(names))


def use(name: str, data_dir: Path) -> Pack:
    """Verify the pack `name` and make it the one `data_dir` works with.

    Raises:
        PackError: It is unknown, not installed or not as its manifest says; nothing is changed.
        PackInstallError: The choice could not be written.
    """
    pack = find_pack(name, data_dir)
    home = packs_dir(data_dir)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, path = tempfile.mkstemp(prefix=f".{CURRENT_NAME}-", dir=home)
        try:
            with open(descriptor, "w", encoding="ascii") as stream:  # noqa: PTH123 - a descriptor
                stream.write(f"{name}\n")
                stream.flush()
                os.fsync(stream.fileno())
            Path(path).replace(home / CURRENT_NAME)
        except OSError:
            Path(path).unlink()
            raise
        _swap.fsync_folder(home)
    except OSError as error:
        raise _not_written(error, name) from error
    return pack


def choice_stamp(data_dir: Path) -> tuple[int, int] | None:
    """Return what changes whenever another pack is chosen; None where none ever was."""
    try:
        facts = (packs_dir(data_dir) / CURRENT_NAME).stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino


def current_pack(data_dir: Path) -> str:
    """Return the name of the pack that `data_dir` works with; "starter" when none was chosen.

    Raises:
        PackFileError: A choice was written but cannot be read.
        PackNameError: What is written there is no pack's name.
    """
    path = packs_dir(data_dir) / CURRENT_NAME
    try:
        with path.open("rb") as stream:
            raw = stream.read(64)
    except FileNotFoundError:
        return DEFAULT_PACK
    except OSError as error:
        raise PackFileError(
            f"The choice of a pack in {path} cannot be read ({error.strerror}).",
            code="pack_choice_unreadable",
            mend="Choose again with `smiletill models use NAME`.",
        ) from error
    return check_pack_name(raw.decode("ascii", "replace").strip())


def _check(stage: Stage, pack_name: str) -> FileCheck:
    try:
        verify_file(stage, pack_name=pack_name)
    except PackError as error:
        return FileCheck(pack_name, stage.file.name, error)
    return FileCheck(pack_name, stage.file.name, None)


def _listing(name: str, data_dir: Path) -> Listing:
    try:
        pack = find_pack(name, data_dir, verify=False)
    except PackError as error:
        shipped = known_pack(name) if name in shipped_names() else None
        # A pack that is merely not installed is no problem; one that cannot be read is.
        is_absent = error.code == "pack_not_installed"
        return Listing(name, shipped, installed=False, problem=None if is_absent else error)
    return Listing(name, pack, installed=True, problem=None)


def _bring_all(
    folder: Path,
    known: Pack,
    fetch: Fetch,
    prove: Prove,
    on_left_out: Callable[[Stage, PackError], None],
) -> None:
    for stage in known.own_stages:
        try:
            _bring(folder, known, stage, fetch, prove)
        except PackError as error:
            if not stage.optional:
                raise
            # A file that is not the right one must not lie there either.
            (folder / stage.file.name).unlink(missing_ok=True)
            on_left_out(stage, error)


def _bring(folder: Path, known: Pack, stage: Stage, fetch: Fetch, prove: Prove) -> None:
    """Bring the first of a stage's files that there is, and check it."""
    missing: PackError | None = None
    for form in stage.forms:
        staged = replace(form, file=folder / form.file.name)
        try:
            fetch(form, staged.file)
        except PackFileError as error:
            if error.code != SOURCE_MISSING:
                raise
            missing = missing or error
            continue
        verify_file(
            staged,
            pack_name=known.name,
            mend=f"Nothing was installed. Get the file again; it comes from {form.source}.",
        )
        prove(staged)
        return
    assert missing is not None, "a stage has at least its own file"
    raise missing


def _add_papers(folder: Path, known: Pack) -> None:
    for paper in PAPERS:
        source = known.folder / paper
        if source.is_file():
            shutil.copyfile(source, folder / paper)
    for path in folder.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    _swap.fsync_folder(folder)


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the data directory's install lock; it ends with the process, however that ends."""
    descriptor = os.open(home / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PackInstallError(
                "Another install is running in this data directory.",
                code="pack_install_busy",
                mend="Wait for it to end, then try again.",
            ) from error
        yield
    finally:
        os.close(descriptor)


def _not_written(error: OSError, name: str) -> PackInstallError:
    if error.errno in _FULL:
        return PackInstallError(
            f"The disk is full: pack '{name}' was not installed.",
            code="pack_disk_full",
            mend="Free some space or name another place with --data DIR, then try again.",
        )
    return PackInstallError(
        f"Pack '{name}' could not be written ({error.strerror}).",
        code="pack_not_writable",
        mend="Check who owns the data directory, or name another with --data DIR.",
    )
