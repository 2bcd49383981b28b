"""Packs read and found on this machine: `load_pack()` by folder, `find_pack()` by name.

A pack is a folder with `pack.toml`: for every stage the file, its SHA-256, what goes in, what
comes out, and under whose licence. This module opens no network, loads no weights into memory and
writes nothing (`models.store` installs, `models.download` fetches).

Invariants:
- A `Pack` returned with `verify=True` had every file, byte for byte, that its manifest names.
- A stage that may be left out is there only if its file is, and a stage that may have one of
  several files has the first that lies in its folder; `describe_pack()` returns what could be.
- For a name and version that this program ships, the shipped manifest is the truth and an
  installed folder gives only the files. So hashes cannot be changed together with the weights in
  the data directory, and a mended calibration counts at once.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from models._parsing import MANIFEST_NAME, PACK_NAME, read_manifest
from models._reading import manifest_error
from models.errors import PackNameError, PackNotInstalledError
from models.integrity import verify_pack
from models.pack import SHIPPED_DIR, Colour, Pack, Stage

__all__ = [
    "MANIFEST_NAME",
    "SHIPPED_DIR",
    "Colour",
    "Pack",
    "Stage",
    "check_pack_name",
    "default_data_dir",
    "describe_pack",
    "find_folder",
    "find_pack",
    "load_pack",
    "packs_dir",
    "search_dirs",
    "shipped_names",
]

# DIR/models also holds the file `current` (models.store); no pack may take its place.
CURRENT_NAME: Final = "current"


def default_data_dir() -> Path:
    """Return the user's data directory by the XDG base directory rules.

    Raises:
        RuntimeError: There is neither a usable `XDG_DATA_HOME` nor a home directory.
    """
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG specification: a relative path there is invalid and is to be ignored.
    root = base if base.is_absolute() else Path.home() / ".local" / "share"
    return root / "smiletill"


def search_dirs(data_dir: Path) -> tuple[Path, ...]:
    """Return the data directories in which packs are looked for, the first one first."""
    try:
        return (data_dir, default_data_dir())
    except RuntimeError:
        return (data_dir,)


def packs_dir(data_dir: Path) -> Path:
    """Return the folder in which the packs installed under `data_dir` lie."""
    return data_dir / "models"


def check_pack_name(name: str) -> str:
    """Return `name` if it can be a pack's name at all.

    Raises:
        PackNameError: It cannot; so a checked name is never a path either.
    """
    if not PACK_NAME.fullmatch(name) or name == CURRENT_NAME:
        raise PackNameError(
            f"{name!r} cannot be the name of a pack.",
            code="pack_name_bad",
            mend="`smiletill models list` shows the packs.",
        )
    return name


def shipped_names() -> tuple[str, ...]:
    """Return the names of the packs this program knows, sorted."""
    return tuple(sorted(path.parent.name for path in SHIPPED_DIR.glob(f"*/{MANIFEST_NAME}")))


def find_folder(name: str, data_dir: Path) -> Path:
    """Return the folder of the pack `name`: of `data_dir`, else of the user, else as shipped.

    The first folder with a manifest is the answer: a damaged install is never stepped over.

    Raises:
        PackNameError: No pack of that name is known or installed.
    """
    check_pack_name(name)
    installed = (packs_dir(base) / name for base in search_dirs(data_dir))
    for folder in (*installed, SHIPPED_DIR / name):
        if (folder / MANIFEST_NAME).is_file():
            return folder
    raise PackNameError(
        f"No pack is called {name!r}.",
        code="pack_unknown",
        mend="`smiletill models list` shows the packs.",
    )


def load_pack(folder: Path, *, verify: bool = True) -> Pack:
    """Read the pack in `folder`.

    Args:
        folder: A folder with `pack.toml` and the files it names.
        verify: Read every file and compare its SHA-256. Without it the files need not be there.

    Raises:
        PackManifestError: The manifest is absent, of another version, or says the impossible.
        PackFileError: A file is missing or cannot be read.
        PackHashError: A file is not the one the manifest names.
    """
    pack = _as_it_lies(describe_pack(folder))
    if verify:
        verify_pack(pack)
    return pack


def describe_pack(folder: Path) -> Pack:
    """Read what the pack in `folder` can have, whether or not its files are there.

    Raises:
        PackManifestError: The manifest is absent, of another version, or says the impossible.
    """
    pack = read_manifest(folder / MANIFEST_NAME, folder=folder, shipped_dir=SHIPPED_DIR)
    shipped = SHIPPED_DIR / pack.name / MANIFEST_NAME
    if folder.parent != SHIPPED_DIR and shipped.is_file():
        known = read_manifest(shipped, folder=folder, shipped_dir=SHIPPED_DIR)
        pack = known if known.id == pack.id else pack
    return pack


def _as_it_lies(pack: Pack) -> Pack:
    quality = pack.quality
    if quality is not None and quality.optional and not quality.file.exists():
        quality = None
    return replace(pack, pad=tuple(_form_here(stage) for stage in pack.pad), quality=quality)


def _form_here(stage: Stage) -> Stage:
    """Return the stage with the first of its files that is there; with its own when none is."""
    return next((form for form in stage.forms if form.file.exists()), stage)


def find_pack(name: str, data_dir: Path, *, verify: bool = True) -> Pack:
    """Find the pack `name` on this machine and read it.

    Args:
        name: The pack's name, without a version.
        data_dir: The installation's data directory; it need not exist.
        verify: As for `load_pack()`.

    Raises:
        PackNameError: No pack of that name is known or installed.
        PackNotInstalledError: It is known, but its weights are not on this machine.
        PackManifestError: The manifest says the impossible.
        PackFileError: A file of an installed pack is missing or cannot be read.
        PackHashError: A file is not the one the manifest names.
    """
    folder = find_folder(name, data_dir)
    pack = load_pack(folder, verify=False)
    if pack.name != name:
        raise manifest_error(folder / MANIFEST_NAME, f"is the manifest of {pack.name!r}")
    if folder.parent == SHIPPED_DIR and not all(s.file.exists() for s in pack.own_stages):
        offline = f"`smiletill models install {name} --from DIR`"
        can_fetch = all(stage.url for stage in pack.own_stages)
        raise PackNotInstalledError(
            f"The pack '{name}' is not installed.",
            code="pack_not_installed",
            mend=f"Run `smiletill models install {name}`, or {offline} without a network."
            if can_fetch
            else f"Run {offline}.",
        )
    if verify:
        verify_pack(pack)
    return pack
