"""`smiletill enrol import`: many people of a list and a folder of pictures."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
from tqdm import tqdm

from enrollment import import_flow, words
from enrollment.flow import OpenFaces
from enrollment.import_list import read_list
from enrollment.import_state import FOLDER_NAME, ImportState, Step
from kiosk.commands.common import data_option, emit, json_option

EXIT_NO = 1
REASONS_SHOWN = 20


@click.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--csv",
    "list_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Who: name, phone, pin, pictures, consent_given_at, one row a person.",
)
@click.option("--consent-version", required=True, metavar="V", help="Text agreed to, such as v1.")
@click.option("--pack", metavar="NAME", help="Model pack; set by the first enrolment.")
@click.option("--again", is_flag=True, help="Try rows that failed before once more.")
@click.option(
    "--report",
    "stem",
    type=click.Path(path_type=Path),
    metavar="STEM",
    help="Where STEM.json and STEM.csv go; else beside the import's state.",
)
@data_option
@json_option
@click.pass_obj
def import_people(
    faces: OpenFaces,
    *,
    folder: Path,
    list_file: Path,
    consent_version: str,
    pack: str | None,
    again: bool,
    stem: Path | None,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Enrol everybody of a list from pictures; run it again to go on after a stop.

    A picture proves nobody's life: they need their PIN at every payment until they were enrolled
    live. Exit 1 if anybody failed; the report says which rows, and why.
    """
    people = read_list(list_file)
    began = time.monotonic()
    with (
        ImportState(data_dir / FOLDER_NAME, people.digest) as state,
        tqdm(total=len(people.rows), file=sys.stderr, unit="person") as bar,
    ):
        failed = 0

        def on_row(step: Step) -> None:
            nonlocal failed
            failed += step.state == "failed"
            bar.set_postfix(failed=failed, refresh=False)
            bar.update()

        try:
            with faces(data_dir) as client:
                import_flow.run(
                    client,
                    people,
                    state,
                    folder,
                    consent_version=consent_version,
                    pack=pack,
                    again=again,
                    on_row=on_row,
                )
        finally:
            result = import_flow.report(people, state.steps.values())
            where = stem or data_dir / FOLDER_NAME / f"{people.digest[:32]}-report"
            written = import_flow.write_report(result, where)
    result = {
        **{key: value for key, value in result.items() if key != "people"},
        "report": [str(path) for path in written],
        "seconds": round(time.monotonic() - began, 1),
    }
    lines = ["{enrolled} of {rows} people are enrolled; {failed} failed.".format(**result)]
    reasons = list(result["reasons"].items())[:REASONS_SHOWN]
    lines += [f"{count:>6}  {words.refusal(reason, '')}" for reason, count in reasons]
    lines.append(f"Row by row: {written[1]}")
    emit(result, as_json, "\n".join(lines))
    return 0 if result["enrolled"] == result["rows"] else EXIT_NO
