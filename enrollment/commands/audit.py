"""`smiletill enrol audit …`: have the audit log verified, and export it.

It asks faces and reads no file itself.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import click

from enrollment import audit_flow
from enrollment.flow import OpenFaces
from kiosk.commands.common import NewFile, emit, founded_data_option, json_option
from kiosk.domain.errors import SetupError

EXIT_NO = 1
COLUMNS = ("n", "at", "who", "what", "person", "detail")


@click.group()
def audit() -> None:
    """See that the audit log is whole, and hand it to whoever may read it."""


@audit.command()
@founded_data_option
@json_option
@click.pass_obj
def verify(faces: OpenFaces, *, data_dir: Path, as_json: bool) -> int:
    """Check every line, every file and the seal; exit 1 if anything was changed."""
    with faces(data_dir) as client:
        found = audit_flow.verify(client)
    human = [f"{found['entries']} entries in {found['files']} files:"]
    human += found["problems"] or ["nothing was changed, removed or added."]
    emit(found, as_json, "\n".join(human))
    return 0 if found["whole"] else EXIT_NO


@audit.command()
@click.option("--out", type=NewFile(), metavar="F", help="File.")
@click.option("--format", "kind", type=click.Choice(["csv", "json"]), default="csv")
@founded_data_option
@json_option
@click.pass_obj
def export(faces: OpenFaces, *, out: Path | None, kind: str, data_dir: Path, as_json: bool) -> None:
    """Write all entries as CSV or JSON. They hold no name, no number and nothing of a face."""
    with faces(data_dir) as client:
        entries = audit_flow.everything(client)
    text = json.dumps(entries, indent=1) + "\n" if kind == "json" else _as_csv(entries)
    if out is None:
        emit({"entries": entries}, as_json, text.rstrip("\n"))
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"The export cannot be written ({error.strerror}).",
            code="export_unwritable",
            mend="Name another file with --out.",
        ) from error
    emit(
        {"entries": len(entries), "file": str(out)},
        as_json,
        f"{len(entries)} entries are in {out}.",
    )


def _as_csv(entries: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        told = " ".join(f"{name}={value}" for name, value in entry["detail"].items())
        writer.writerow({**entry, "detail": told})
    return text.getvalue()
