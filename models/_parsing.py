"""From the text of a `pack.toml` to a `Pack`, with every key checked; no model file is opened.

A manifest can only name files in its own folder: a file is a bare name. Detector, encoder,
expression and calibration may each be taken whole from another pack, and only from one shipped
with this program, one step deep. PAD never is: each pack answers for its own.
A pack without a calibration of its own may name a floor: the tails of another shipped pack, below
which no measurement of the owner's can bring its thresholds (kiosk/faces/vision/calibration.py).
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from models._reading import Table, manifest_error, read_toml
from models.pack import Pack, Stage, Weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from models.pack import Colour

MANIFEST_NAME: Final = "pack.toml"
MANIFEST_VERSION: Final = 1
PACK_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
# The largest official file a pack is known to need is AuraFace's 260 MB encoder.
FILE_BYTES_MAX: Final = 1 << 30
PAD_STAGES_MAX: Final = 8
INSTEAD_MAX: Final = 4

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}\.(onnx|pth)")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def read_manifest(path: Path, *, folder: Path, shipped_dir: Path) -> Pack:
    """Read a manifest.

    Args:
        path: The `pack.toml`.
        folder: Where the pack's files are to be.
        shipped_dir: The shipped packs, from which a stage may be taken.

    Raises:
        PackManifestError: It is absent, of another version, or says something impossible.
    """
    table = read_toml(path)
    version = table.take("manifest_version")
    if version != MANIFEST_VERSION or isinstance(version, bool):
        raise manifest_error(
            path, f"has version {version!r}, and this program reads only {MANIFEST_VERSION}"
        )
    name = table.text("name")
    if not PACK_NAME.fullmatch(name):
        raise table.error("name must be lower-case letters, digits and _")
    number = table.whole("version", least=1, most=1_000_000)
    sandbox_only = table.flag("sandbox_only") if "sandbox_only" in table else False
    stages = Table(path, "stage", table.take("stage"))
    pack = Pack(
        id=f"{name}@{number}",
        name=name,
        version=number,
        folder=folder,
        detector=_stage_or_lent(path, folder, "detector", stages, shipped_dir),
        encoder=_stage_or_lent(path, folder, "encoder", stages, shipped_dir),
        pad=_pad_stages(path, folder, stages.take("pad")),
        expression=(
            _stage_or_lent(path, folder, "expression", stages, shipped_dir)
            if "expression" in stages
            else None
        ),
        thresholds=MappingProxyType(Table(path, "thresholds", table.take("thresholds")).numbers()),
        calibration=_calibration(path, table, shipped_dir, sandbox_only=sandbox_only),
        commercial_use=table.flag("commercial_use"),
        sandbox_only=sandbox_only,
        quality=(
            _stage(path, folder, "quality", stages.take("quality")) if "quality" in stages else None
        ),
    )
    stages.close()
    table.close()
    files = [form.file for stage in pack.stages for form in stage.forms]
    if len(set(files)) != len(files):
        raise manifest_error(path, "names one file for two stages")
    return pack


def _calibration(
    path: Path, table: Table, shipped_dir: Path, *, sandbox_only: bool
) -> Mapping[str, object]:
    values = table.take("calibration") if "calibration" in table else {}
    if not isinstance(values, dict):
        raise manifest_error(path, "has a calibration that is not a table")
    if "from_pack" in values:
        source = values.pop("only_source", None)
        if source is not None and not sandbox_only:
            # The worst set must win wherever real people are searched.
            raise manifest_error(path, "may leave out calibration sets only if it is sandbox_only")
        lender = _lender(Table(path, "calibration", values), shipped_dir)
        values = read_toml(lender).take("calibration")
        # It names the encoder that it was measured with, so it fits that encoder only.
        if not isinstance(values, dict) or "from_pack" in values:
            raise manifest_error(path, "takes its calibration from a pack that has none of its own")
        if source is not None:
            values = {**values, "impostor_tail": _tails_of(path, values, source)}
    elif "floor_from_pack" in values:
        lender = _lender(Table(path, "calibration", values), shipped_dir, key="floor_from_pack")
        lent = read_toml(lender).take("calibration")
        floor = lent.get("impostor_tail") if isinstance(lent, dict) else None
        if not isinstance(floor, list) or not floor:
            raise manifest_error(path, "takes its floor from a pack that has no impostor tails")
        values = {"floor": floor, "floor_of": lender.parent.name}
    return MappingProxyType(values)


def _tails_of(path: Path, values: Mapping[str, object], source: object) -> list[object]:
    tails = values.get("impostor_tail")
    kept = [it for it in tails if it.get("source") == source] if isinstance(tails, list) else []
    if not kept:
        raise manifest_error(path, f"asks for the calibration set {source!r}, which is not there")
    return kept


def _lender(table: Table, shipped_dir: Path, *, key: str = "from_pack") -> Path:
    """Read a table that says `key` and nothing else; return the manifest of the pack it names."""
    lender = table.text(key)
    table.close()
    manifest = shipped_dir / lender / MANIFEST_NAME
    if not PACK_NAME.fullmatch(lender) or not manifest.is_file():
        raise table.error(f"{key} {lender!r} is not a pack shipped with this program")
    return manifest


def _pad_stages(path: Path, folder: Path, values: object) -> tuple[Stage, ...]:
    if not isinstance(values, list) or not 1 <= len(values) <= PAD_STAGES_MAX:
        raise manifest_error(path, f"needs from 1 to {PAD_STAGES_MAX} tables [[stage.pad]]")
    return tuple(_stage(path, folder, "pad", value) for value in values)


def _stage_or_lent(path: Path, folder: Path, name: str, stages: Table, shipped_dir: Path) -> Stage:
    values = stages.take(name)
    if not isinstance(values, dict) or "from_pack" not in values:
        return _stage(path, folder, name, values)
    manifest = _lender(Table(path, f"stage.{name}", values), shipped_dir)
    # Read as a stage with a file of its own: a lender that borrows too is refused here.
    lent = Table(manifest, "stage", read_toml(manifest).take("stage"))
    return _stage(manifest, manifest.parent, name, lent.take(name))


def _stage(path: Path, folder: Path, name: str, values: object) -> Stage:
    table = Table(path, f"stage.{name}", values)
    kind = table.text("kind")
    weights = _weights(table, folder, kind)
    colour = table.text("colour")
    if colour not in {"BGR", "RGB", "GREY"}:
        raise table.error("colour must be BGR, RGB or GREY")
    stage = Stage(
        name=name,
        kind=kind,
        file=weights.file,
        sha256=weights.sha256,
        input_size=table.size("input_size"),
        colour=cast("Colour", colour),
        mean=table.number("mean"),
        std=table.number("std"),
        crop_scale=table.number("crop_scale") if name == "pad" else None,
        output=table.text("output"),
        licence=table.text("licence"),
        source=weights.source,
        commit=table.text("commit"),
        size_bytes=weights.size_bytes,
        url=table.text("url", default=""),
        # A pack without any of the others would not be one.
        optional=name == "quality" and "optional" in table and table.flag("optional"),
        instead=(
            _instead(path, folder, table, kind) if name == "pad" and "instead" in table else ()
        ),
    )
    table.close()
    if stage.std <= 0 or (stage.crop_scale is not None and stage.crop_scale <= 0):
        raise table.error("std and crop_scale must be above zero")
    if stage.url and not stage.url.startswith("https://"):
        raise table.error("url must begin with https://")
    return stage


def _weights(table: Table, folder: Path, kind: str) -> Weights:
    file_name = table.text("file")
    found = _FILE_NAME.fullmatch(file_name)
    if not found:
        raise table.error(
            f"file must be the bare name of an .onnx or .pth file, and {file_name!r} is not"
        )
    if found[1] == "pth" and kind != "minifasnet":
        raise table.error(f"file may be a .pth file only for minifasnet, and this is {kind!r}")
    sha256 = table.text("sha256")
    if not _SHA256.fullmatch(sha256):
        raise table.error("sha256 must be 64 lower-case hex digits")
    return Weights(
        file=folder / file_name,
        sha256=sha256,
        size_bytes=table.whole("bytes", least=1, most=FILE_BYTES_MAX),
        source=table.text("source"),
    )


def _instead(path: Path, folder: Path, table: Table, kind: str) -> tuple[Weights, ...]:
    values = table.take("instead")
    if not isinstance(values, list) or not 1 <= len(values) <= INSTEAD_MAX:
        raise table.error(f"instead must be from 1 to {INSTEAD_MAX} tables")
    found = []
    for value in values:
        other = Table(path, "stage.pad.instead", value)
        found.append(_weights(other, folder, kind))
        other.close()
    return tuple(found)
