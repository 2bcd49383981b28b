"""`smiletill enrol plot …`: the window's pictures of numbers as PNG, and the numbers as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import click

from enrollment.flow import SILENCE_S_MAX, OpenFaces
from kiosk.commands.common import NewFile, emit, founded_data_option, json_option
from kiosk.domain.errors import SetupError
from kiosk.domain.ids import PersonId
from kiosk.link.figures import (
    ActivityFigure,
    QualityFigure,
    ScoresFigure,
    ShowActivity,
    ShowQuality,
    ShowScores,
)

Numbers = TypeVar("Numbers", ScoresFigure, QualityFigure, ActivityFigure)

_out = click.option(
    "--out",
    type=NewFile(),
    metavar="F",
    help="PNG to draw; without it only the numbers are told.",
)


@click.group()
def plot() -> None:
    """Draw scores, quality and activity; no name and no template is in a picture."""


@plot.command()
@click.argument("person", metavar="ID")
@_out
@founded_data_option
@json_option
@click.pass_obj
def scores(
    faces: OpenFaces, *, person: str, out: Path | None, data_dir: Path, as_json: bool
) -> None:
    """Draw one person's scores against everybody else, beside the thresholds."""
    with faces(data_dir) as client:
        question = ShowScores(PersonId(person))
        numbers = client.call(question, ScoresFigure, timeout_s=SILENCE_S_MAX)
    nearest = max(numbers.highest, default=None)
    human = (
        f"{numbers.people} others, the nearest at {nearest};"
        f" identified from {numbers.threshold:.2f}."
    )
    _tell(numbers, out, human, as_json=as_json)


@plot.command()
@click.argument("person", metavar="ID", required=False)
@_out
@founded_data_option
@json_option
@click.pass_obj
def quality(
    faces: OpenFaces, *, person: str | None, out: Path | None, data_dir: Path, as_json: bool
) -> None:
    """Draw how good everybody's samples are, and one person's if named."""
    with faces(data_dir) as client:
        question = ShowQuality(None if person is None else PersonId(person))
        numbers = client.call(question, QualityFigure, timeout_s=SILENCE_S_MAX)
    _tell(numbers, out, f"{numbers.people} people.", as_json=as_json)


@plot.command()
@click.option("--days", type=click.IntRange(1, 3_660), default=90, show_default=True)
@_out
@founded_data_option
@json_option
@click.pass_obj
def activity(
    faces: OpenFaces, *, days: int, out: Path | None, data_dir: Path, as_json: bool
) -> None:
    """Draw enrolments and erasures over time, from the audit log."""
    with faces(data_dir) as client:
        numbers = client.call(ShowActivity(days), ActivityFigure, timeout_s=SILENCE_S_MAX)
    human = f"{sum(numbers.enrolled)} enrolled, {sum(numbers.erased)} erased."
    _tell(numbers, out, human, as_json=as_json)


def _tell(numbers: Numbers, out: Path | None, human: str, *, as_json: bool) -> None:
    told: dict[str, Any] = {name: getattr(numbers, name) for name in numbers.__struct_fields__}
    if out is not None:
        # Imported here: numbers alone need no drawing.
        from enrollment.qt.png import write_png  # noqa: PLC0415

        try:
            write_png(numbers, out)
        except OSError as error:
            raise SetupError(
                f"The picture cannot be written ({error.strerror}).",
                code="plot_unwritable",
                mend="Name another file with --out.",
            ) from error
        told["file"] = str(out)
        human += f" Drawn in {out}."
    emit(told, as_json, human)
