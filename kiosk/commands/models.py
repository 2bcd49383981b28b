"""The word `models`: list, install, verify, choose model packs, and print their licences.

It only connects `models.store` and `models.download` with the command line; no rule about packs
lives here. `verify` answers no (exit 1) when a file is wrong; everything else that goes wrong is
an error of `models.errors`.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tqdm import tqdm

from kiosk.commands.common import NewFile, data_option, emit, json_option, there_data_option
from kiosk.commands.packs_here import PacksHere, packs_here
from kiosk.domain.errors import SetupError
from kiosk.faces.vision.calibration import impostor_tails
from models import download, store
from models.manifest import find_pack

if TYPE_CHECKING:
    from models.errors import PackError
    from models.pack import Pack, Stage

_name = click.argument("name")


@click.group("models")
def models() -> None:
    """Install, verify and choose the packs of neural networks."""


@models.command("list")
@there_data_option
@json_option
def list_(data_dir: Path, as_json: bool) -> None:
    """Show the packs: which are here, which one is used (*), and whose the people are (P)."""
    here = packs_here(data_dir)
    rows = [_list_row(listing, here) for listing in store.listings(data_dir)]
    lines = [*map(_list_line, rows), "* in use for whoever is enrolled next"]
    if here.people:
        lines[-1] += "; P: people are enrolled with it"
    result = {"packs": rows, "current": here.in_use, "people_of_packs": dict(here.people)}
    emit(result, as_json, "\n".join(lines))


@models.command()
@_name
@click.option(
    "--from",
    "from_dir",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take the files from this folder instead of downloading them.",
)
@data_option
@json_option
def install(name: str, from_dir: Path | None, data_dir: Path, as_json: bool) -> None:
    """Bring a pack's files, verify them, and put them in place in one step."""
    known = store.known_pack(name)
    left_out: list[dict[str, str]] = []
    if from_dir is None:
        download.require_addresses(known)
    total = sum(stage.size_bytes for stage in known.own_stages)
    with tqdm(total=total, unit="B", unit_scale=True, desc=name, file=sys.stderr) as bar:

        def on_bytes(count: int) -> None:
            bar.update(count)

        fetch: store.Fetch = (
            partial(download.fetch, on_bytes=on_bytes)
            if from_dir is None
            else store.copy_from(from_dir, on_bytes=on_bytes)
        )
        pack = store.install(
            name,
            data_dir,
            fetch,
            prove=_prove,
            on_left_out=lambda stage, error: left_out.append(_left_out(stage, error)),
        )
    to_do = _to_do(pack, data_dir)
    emit(
        {
            "installed": pack.id,
            "folder": str(pack.folder),
            "files": len(pack.own_stages),
            "left_out": left_out,
            "to_do": to_do,
        },
        as_json,
        "\n".join(
            [
                f"Installed {pack.id} in {pack.folder}.",
                *(
                    f"Without {one['file']}, which it can do without: {one['why']}"
                    for one in left_out
                ),
                *([to_do] if to_do else []),
            ]
        ),
    )


@models.command()
@click.argument("name", required=False)
@there_data_option
@json_option
def verify(name: str | None, data_dir: Path, as_json: bool) -> int:
    """Read every file of one pack, or of all that are here, and compare its hash."""
    checks = store.verify(name, data_dir) if name else store.verify_all(data_dir)
    rows = [
        {
            "pack": check.pack,
            "file": check.file,
            "ok": check.problem is None,
            "problem": check.problem and check.problem.code,
        }
        for check in checks
    ]
    lines = [f"{check.pack}/{check.file}: {check.problem or 'ok'}" for check in checks]
    is_ok = all(row["ok"] for row in rows)
    emit({"ok": is_ok, "files": rows}, as_json, "\n".join(lines))
    return 0 if is_ok else 1


@models.command()
@_name
@data_option
@json_option
def use(name: str, data_dir: Path, as_json: bool) -> None:
    """Verify a pack and let this installation work with it."""
    # A pack that nobody can be identified with is not worth choosing; the error says what to do.
    impostor_tails(find_pack(name, data_dir, verify=False), data_dir)
    pack = store.use(name, data_dir)
    emit({"current": pack.name, "id": pack.id}, as_json, f"This installation uses {pack.id}.")


@models.command()
@there_data_option
@json_option
def licences(data_dir: Path, as_json: bool) -> None:
    """Print licence, source and commit of every file of every pack, and whom to credit."""
    packs = [entry.pack for entry in store.listings(data_dir) if entry.pack is not None]
    rows = [_licence_row(pack) for pack in packs]
    lines: list[str] = []
    for row in rows:
        lines.append(f"{row['id']}: commercial use {'yes' if row['commercial_use'] else 'NO'}")
        lines += [
            f"  {file['file']} ({file['stage']}): {file['licence']}, {file['source']},"
            f" {file['commit']}"
            for file in row["files"]
        ]
        lines += [f"  | {line}".rstrip() for line in row["notice"].splitlines()]
    emit({"packs": rows}, as_json, "\n".join(lines))


@models.command()
@_name
@click.option(
    "--faces",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="One folder a person, or a labels.csv.",
)
@click.option("--plot", type=NewFile(), help="Where the PNG goes.")
@click.option("--seed", type=click.IntRange(0), default=20_261_128, show_default=True)
@there_data_option
@json_option
def calibrate(
    name: str, faces: Path, plot: Path | None, seed: int, data_dir: Path, as_json: bool
) -> None:
    """Measure how alike your own people look; thresholds can only become stricter by it."""
    # Imported here: listing packs must not load the networks.
    from kiosk.commands.calibrate import run  # noqa: PLC0415

    told = run(name, faces, data_dir, seed=seed, plot=plot)
    before, after = told["thresholds_before"], told["thresholds"]
    lines = [
        f"{told['people']} people, {told['pictures']} pictures, {told['refused']} passed no gate.",
        *(
            f"  {band}: {f'{before[band]} before, ' if before else ''}{after[band]} now"
            for band in after
        ),
        f"Written to {told['file']}" + (f", drawn in {told['plot']}." if told["plot"] else "."),
        "Terminals that run read it at their next start.",
    ]
    emit(told, as_json, "\n".join(lines))


def _prove(stage: Stage) -> None:
    """Make sure, while nothing is installed yet, that official PyTorch weights can be read."""
    if stage.file.suffix == ".pth":
        # Imported here: it needs numpy and onnx, which most words can do without.
        from models.minifasnet import onnx_of  # noqa: PLC0415

        onnx_of(stage.file)


def _left_out(stage: Stage, error: PackError) -> dict[str, str]:
    return {"file": stage.file.name, "code": error.code, "why": error.message}


def _to_do(pack: Pack, data_dir: Path) -> str:
    """Return what is left to do before the pack can identify anybody; "" when nothing is."""
    try:
        impostor_tails(pack, data_dir)
    except SetupError as error:
        return str(error)
    return ""


def _list_row(listing: store.Listing, here: PacksHere) -> dict[str, Any]:
    pack = listing.pack
    state = "damaged" if listing.problem else "installed" if listing.installed else "not installed"
    return {
        "name": listing.name,
        "id": pack and pack.id,
        "state": state,
        "installed": listing.installed,
        "current": listing.name == here.in_use,
        "people": here.count(listing.name),
        "commercial_use": pack is not None and pack.commercial_use,
        "bytes": sum(stage.size_bytes for stage in pack.stages) if pack else 0,
        "folder": str(pack.folder) if pack and listing.installed else None,
        "problem": listing.problem and listing.problem.message,
    }


def _list_line(row: dict[str, Any]) -> str:
    mark = ("*" if row["current"] else " ") + ("P" if row["people"] else " ")
    use_allowed = "yes" if row["commercial_use"] else "no"
    size_mb = row["bytes"] / 1e6
    line = f"{mark} {row['name']:<12} {row['state']:<14} {size_mb:6.1f} MB"
    return f"{line}  commercial use: {use_allowed}  {row['problem'] or ''}".rstrip()


def _licence_row(pack: Pack) -> dict[str, Any]:
    files = [
        {
            "file": stage.file.name,
            "stage": stage.name,
            "licence": stage.licence,
            "source": stage.source,
            "commit": stage.commit,
        }
        for stage in pack.stages
    ]
    return {
        "id": pack.id,
        "commercial_use": pack.commercial_use,
        "files": files,
        "notice": store.notice_of(pack.name),
    }
