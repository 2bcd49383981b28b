"""A pack's manifest read, checked and turned into frozen values.

A pack is a folder with `pack.toml`: for every stage the file, its SHA-256, what goes in, what
comes out, and under whose licence. `load_pack()` reads one folder; `find_pack()` finds a pack by
name on this machine. Neither opens a network, loads a network's weights or writes anything
(`models.store` installs, `models.download` fetches).

Invariants:
- A `Pack` returned with `verify=True` had every file, byte for byte, that its manifest names.
- A manifest never reaches outside its folder: a file is a bare name; only a whole stage may come
  from another pack, and only from one that is shipped with this program.
- For a name and version that this program ships, the shipped manifest is the truth and an
  installed folder gives only the files. So hashes cannot be changed together with the weights in
  the data directory, and a mended calibration counts at once.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, cast

from models._reading import Table, manifest_error, read_toml
from models.errors import PackFileError, PackHashError, PackNameError, PackNotInstalledError

Colour = Literal["BGR", "RGB", "GREY"]

MANIFEST_NAME: Final = "pack.toml"
MANIFEST_VERSION: Final = 1
SHIPPED_DIR: Final = Path(__file__).parent / "packs"
# The largest official file a pack is known to need is AuraFace's 260 MB encoder.
FILE_BYTES_MAX: Final = 1 << 30

_PACK_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_HASH_BUFFER_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Stage:
    """One network of a pack and everything its reader must know.

    Attributes:
        name: Its place: "detector", "encoder", "pad" or "expression".
        kind: What code reads it: "yunet", "arcface", "minifasnet", "smile48".
        file: Where the weights lie.
        sha256: The weights' SHA-256, lower-case hex.
        input_size: (width, height) in pixels.
        colour: Channel order the network wants.
        mean: Subtracted from the 0…255 pixel before the network.
        std: Divided by after that. 0 and 1 mean: raw pixels (any scaling is inside the graph).
        crop_scale: PAD only: the face box is enlarged by this before it is cut out.
        output: The output's name and meaning, in words.
        licence: SPDX name of the weights' licence.
        source: Where the weights come from: a URL, or "made for this project".
        commit: The fixed commit or release of that source.
        size_bytes: The file's length.
        url: Where `models install` may download the file; "" when nowhere.
    """

    name: str
    kind: str
    file: Path
    sha256: str
    input_size: tuple[int, int]
    colour: Colour
    mean: float
    std: float
    crop_scale: float | None
    output: str
    licence: str
    source: str
    commit: str
    size_bytes: int = 0
    url: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """The networks that work together, and the figures that belong to them.

    Attributes:
        id: Name and version, "mobileface@1"; templates carry it.
        name: The pack's name.
        version: Grows when templates of the old one can no longer be compared.
        folder: Where the pack's own files lie.
        detector: Finds faces and five landmarks.
        encoder: Turns an aligned face into an embedding.
        pad: The PAD networks; the score is their mean.
        expression: Tells a smile; None when the pack has no such stage.
        thresholds: Single figures by name, as the manifest says.
        calibration: The manifest's [calibration] table as read (impostor tail and the like).
        commercial_use: Whether every licence in the pack allows it.
    """

    id: str
    name: str
    version: int
    folder: Path
    detector: Stage
    encoder: Stage
    pad: tuple[Stage, ...]
    expression: Stage | None
    thresholds: Mapping[str, float]
    calibration: Mapping[str, object]
    commercial_use: bool

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Every stage in the order a frame meets them."""
        last = () if self.expression is None else (self.expression,)
        return (self.detector, self.encoder, *self.pad, *last)

    @property
    def own_stages(self) -> tuple[Stage, ...]:
        """The stages whose files lie in the pack's own folder."""
        return tuple(stage for stage in self.stages if stage.file.parent == self.folder)


def default_data_dir() -> Path:
    """Return the user's data directory by the XDG base directory rules."""
    base = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path there is invalid and is to be ignored.
    root = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "share"  # noqa: PTH117
    return root / "smiletill"


def check_pack_name(name: str) -> str:
    """Return `name` if it can be a pack's name at all.

    Raises:
        PackNameError: It cannot (so it can never be a path either).
    """
    if not _PACK_NAME.fullmatch(name):
        raise PackNameError(
            f"{name!r} cannot be the name of a pack.",
            code="pack_name_bad",
            mend="`smiletill models list` shows the packs.",
        )
    return name


def shipped_names() -> tuple[str, ...]:
    """Return the names of the packs this program knows, sorted."""
    return tuple(sorted(path.parent.name for path in SHIPPED_DIR.glob(f"*/{MANIFEST_NAME}")))


def load_pack(folder: Path, *, verify: bool = True) -> Pack:
    """Read the pack in `folder`.

    Args:
        folder: A folder with `pack.toml` and the files it names.
        verify: Read every file and compare its SHA-256. Without it the files need not be there.

    Raises:
        PackManifestError: The manifest is absent, of another version, or says the impossible.
        PackFileError: A file is missing or unreadable.
        PackHashError: A file is not the one the manifest names.
    """
    pack = read_manifest(folder / MANIFEST_NAME)
    if verify:
        verify_pack(pack)
    return pack


def find_pack(name: str, data_dir: Path, *, verify: bool = True) -> Pack:
    """Find and read the pack `name` on this machine.

    Looked for in `data_dir`/models, then in the user's data directory, then among the shipped
    packs. The first folder found is the answer: a damaged install is never stepped over.

    Args:
        name: The pack's name, without a version.
        data_dir: The installation's data directory.
        verify: As for `load_pack()`.

    Raises:
        PackNameError: No such pack is known or installed.
        PackNotInstalledError: It is known, but its weights are not here.
        PackManifestError, PackFileError, PackHashError: As for `load_pack()`.
    """
    check_pack_name(name)
    for base in (data_dir, default_data_dir()):
        folder = base / "models" / name
        if (folder / MANIFEST_NAME).is_file():
            return _load_installed(name, folder, verify=verify)
    shipped = SHIPPED_DIR / name
    if not (shipped / MANIFEST_NAME).is_file():
        raise PackNameError(
            f"No pack is called {name!r}.",
            code="pack_unknown",
            mend="`smiletill models list` shows the packs.",
        )
    pack = load_pack(shipped, verify=False)
    if not all(stage.file.exists() for stage in pack.own_stages):
        raise PackNotInstalledError(
            f"The pack {name!r} is not installed.",
            code="pack_not_installed",
            mend=f"Run `smiletill models install {name} --from DIR`.",
        )
    if verify:
        verify_pack(pack)
    return pack


def verify_pack(pack: Pack) -> None:
    """Read every file of `pack` once and compare length and SHA-256.

    Raises:
        PackFileError: A file is missing or unreadable.
        PackHashError: A file is not the one the manifest names.
    """
    for stage in pack.stages:
        verify_file(stage, pack_name=pack.name)


def verify_file(stage: Stage, *, pack_name: str) -> None:
    """Read one stage's file and compare its SHA-256; errors as for `verify_pack()`."""
    mend = f"Run `smiletill models install {pack_name}` again, with --from DIR if offline."
    if not stage.file.is_file():
        raise PackFileError(
            f"The model file {stage.file.name} of pack {pack_name!r} is missing.",
            code="pack_file_missing",
            mend=mend,
        )
    try:
        found = sha256_of(stage.file)
    except OSError as error:
        raise PackFileError(
            f"The model file {stage.file.name} cannot be read ({error.strerror}).",
            code="pack_file_unreadable",
            mend=mend,
        ) from error
    if found != stage.sha256:
        raise PackHashError(
            f"The model file {stage.file.name} of pack {pack_name!r} is not the right file: its "
            f"SHA-256 begins {found[:12]}, the manifest says {stage.sha256[:12]}.",
            code="pack_hash_mismatch",
            mend=mend,
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hex, in constant memory."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_HASH_BUFFER_BYTES))
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


def read_manifest(path: Path, *, folder: Path | None = None) -> Pack:
    """Read a manifest without looking at the files it names.

    Args:
        path: The `pack.toml`.
        folder: Where the pack's files are; default: beside the manifest.

    Raises:
        PackManifestError: It is absent, of another version, or says the impossible.
    """
    table = read_toml(path)
    version = table.take("manifest_version")
    if version != MANIFEST_VERSION or isinstance(version, bool):
        raise manifest_error(
            path, f"has version {version!r}, and this program reads only {MANIFEST_VERSION}"
        )
    home = folder or path.parent
    name = table.text("name")
    if not _PACK_NAME.fullmatch(name):
        raise table.error("name must be lower-case letters, digits and _")
    number = table.whole("version", least=1, most=1_000_000)
    stages = Table(path, "stage", table.take("stage"))
    pack = Pack(
        id=f"{name}@{number}",
        name=name,
        version=number,
        folder=home,
        detector=_stage(path, home, "detector", stages.take("detector")),
        encoder=_stage(path, home, "encoder", stages.take("encoder")),
        pad=_pad_stages(path, home, stages.take("pad")),
        expression=_expression(path, home, stages),
        thresholds=MappingProxyType(Table(path, "thresholds", table.take("thresholds")).numbers()),
        calibration=_calibration(path, table),
        commercial_use=table.flag("commercial_use"),
    )
    stages.close()
    table.close()
    files = [stage.file for stage in pack.stages]
    if len(set(files)) != len(files):
        raise manifest_error(path, "names one file for two stages")
    return pack


def _load_installed(name: str, folder: Path, *, verify: bool) -> Pack:
    pack = read_manifest(folder / MANIFEST_NAME)
    if pack.name != name:
        raise manifest_error(folder / MANIFEST_NAME, f"is the manifest of {pack.name!r}")
    shipped = SHIPPED_DIR / name / MANIFEST_NAME
    if shipped.is_file():
        known = read_manifest(shipped, folder=folder)
        pack = known if known.id == pack.id else pack
    if verify:
        verify_pack(pack)
    return pack


def _calibration(path: Path, table: Table) -> Mapping[str, object]:
    values = table.take("calibration") if "calibration" in table else {}
    if not isinstance(values, dict):
        raise manifest_error(path, "has a calibration that is not a table")
    return MappingProxyType(values)


def _pad_stages(path: Path, home: Path, values: object) -> tuple[Stage, ...]:
    if not isinstance(values, list) or not values:
        raise manifest_error(path, "needs at least one [[stage.pad]]")
    return tuple(_stage(path, home, "pad", value) for value in values)


def _expression(path: Path, home: Path, stages: Table) -> Stage | None:
    if "expression" not in stages:
        return None
    values = stages.take("expression")
    if not isinstance(values, dict) or "from_pack" not in values:
        return _stage(path, home, "expression", values)
    table = Table(path, "stage.expression", values)
    lender = check_pack_name(table.text("from_pack"))
    table.close()
    shipped = SHIPPED_DIR / lender / MANIFEST_NAME
    # One step only: a lender that is the reader itself, or borrows too, could go round for ever.
    if shipped == path or not shipped.is_file():
        raise table.error(f"from_pack {lender!r} is not another pack shipped with this program")
    raw = Table(shipped, "stage", read_toml(shipped).take("stage"))
    return _stage(shipped, shipped.parent, "expression", raw.take("expression"))


def _stage(path: Path, home: Path, name: str, values: object) -> Stage:
    table = Table(path, f"stage.{name}", values)
    file_name = table.text("file")
    if not _FILE_NAME.fullmatch(file_name):
        raise table.error(f"file must be a bare file name, and {file_name!r} is not")
    sha256 = table.text("sha256")
    if not _SHA256.fullmatch(sha256):
        raise table.error("sha256 must be 64 lower-case hex digits")
    colour = table.text("colour")
    if colour not in {"BGR", "RGB", "GREY"}:
        raise table.error("colour must be BGR, RGB or GREY")
    stage = Stage(
        name=name,
        kind=table.text("kind"),
        file=home / file_name,
        sha256=sha256,
        input_size=table.size("input_size"),
        colour=cast("Colour", colour),
        mean=table.number("mean"),
        std=table.number("std"),
        crop_scale=table.number("crop_scale") if name == "pad" else None,
        output=table.text("output"),
        licence=table.text("licence"),
        source=table.text("source"),
        commit=table.text("commit"),
        size_bytes=table.whole("bytes", least=1, most=FILE_BYTES_MAX),
        url=table.text("url", default=""),
    )
    table.close()
    if stage.std <= 0 or (stage.crop_scale is not None and stage.crop_scale <= 0):
        raise table.error("std and crop_scale must be above zero")
    if stage.url and not stage.url.startswith("https://"):
        raise table.error("url must begin with https://")
    return stage
