"""Bring in many people of a list, one after the other, and tell who failed and why.

It may be stopped at any moment: the next run goes on behind the last row that has an end. A row
that was under way is sent again; if its number is taken by then, it was enrolled after all.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from enrollment.flow import SILENCE_S_MAX, FacesClient
from enrollment.import_list import PeopleList, Row, as_message
from enrollment.import_state import ImportState, Step
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.link.protocol import Enrolled, EnrolRefused

COLUMNS = ("row", "state", "reason", "score", "person", "samples", "quality")


def run(
    client: FacesClient,
    people: PeopleList,
    state: ImportState,
    folder: Path,
    *,
    consent_version: str,
    pack: str | None,
    again: bool,
    on_row: Callable[[Step], None],
) -> None:
    """Bring in everybody who has not been.

    Args:
        client: A connection to faces.
        people: The list.
        state: How far it has come, open.
        folder: Where the pictures lie.
        consent_version: The text that they agreed to.
        pack: The model pack, for the first enrolment.
        again: Try rows that failed before once more.
        on_row: Told of every row, also of those that had an end before.

    Raises:
        SetupError: The machine, not the row, is to blame; everything so far stays.
    """
    for row in people.rows:
        known = state.steps.get(row.number)
        over = known is not None and (
            known.state == "enrolled" or (known.state == "failed" and not again)
        )
        if over:
            assert known is not None
            on_row(known)
            continue
        begun_before = known is not None and known.state == "begun"
        step = _bring_in(client, row, state, folder, consent_version, pack)
        if step.reason == "phone_taken" and begun_before:
            step = Step(row.number, "enrolled", "before_the_stop")
        state.put(step)
        on_row(step)


def _bring_in(
    client: FacesClient,
    row: Row,
    state: ImportState,
    folder: Path,
    consent_version: str,
    pack: str | None,
) -> Step:
    """Send one row; return its end."""
    either = cast("type[Enrolled | EnrolRefused]", Enrolled | EnrolRefused)
    try:
        message = as_message(row, folder, consent_version=consent_version, pack=pack)
        state.put(Step(row.number, "begun"))
        answer = client.call(message, either, timeout_s=SILENCE_S_MAX)
    except BadInputError as error:
        if error.code in _EVERY_ROW:
            raise
        return Step(row.number, "failed", error.code)
    match answer:
        case EnrolRefused(reason, _, _, score):
            return Step(row.number, "failed", reason, score=score)
        case Enrolled():
            return Step(
                row.number,
                "enrolled",
                person=answer.person,
                samples=answer.samples,
                quality=answer.quality,
            )


_EVERY_ROW = frozenset(
    {
        "consent_version_unknown",
        "pack_differs",
        "pack_unknown",
        "role_refused",
        "sign_in_needed",
        "manager_needed",
        "link_message_bad",
    }
)
"""Errors that every row would meet: they end the import instead of failing the row."""


def report(people: PeopleList, steps: Iterable[Step]) -> dict[str, Any]:
    """Return the import's result: counts, reasons, and every row by its number."""
    known = {step.row: step for step in steps}
    rows = [_told(known.get(row.number) or Step(row.number, "waiting")) for row in people.rows]
    reasons = Counter(row["reason"] for row in rows if row["state"] == "failed")
    return {
        "rows": len(rows),
        "enrolled": sum(row["state"] == "enrolled" for row in rows),
        "failed": sum(row["state"] == "failed" for row in rows),
        "waiting": sum(row["state"] in {"waiting", "begun"} for row in rows),
        "reasons": dict(reasons.most_common()),
        "people": rows,
    }


def _told(step: Step) -> dict[str, Any]:
    return {
        "row": step.row,
        "state": step.state,
        "reason": step.reason,
        "score": step.score,
        "person": step.person or None,
        "samples": step.samples,
        "quality": step.quality,
    }


def write_report(result: dict[str, Any], stem: Path) -> tuple[Path, Path]:
    """Write the result as `STEM.json` and `STEM.csv`; return both paths.

    Raises:
        SetupError: The disk refuses.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(result["people"])
    as_json, as_csv = stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.csv")
    try:
        as_json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        as_csv.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise SetupError(
            f"The report cannot be written ({error.strerror}).",
            code="report_unwritable",
            mend="Name another place with --report; nothing has to be imported again.",
        ) from error
    return as_json, as_csv
