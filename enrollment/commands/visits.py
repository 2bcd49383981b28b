"""`smiletill enrol queue`: who still has to come by."""

from __future__ import annotations

from pathlib import Path

import click

from enrollment.flow import SILENCE_S_MAX, OpenFaces
from kiosk.commands.common import emit, founded_data_option, json_option
from kiosk.link.visits import ShowQueue, VisitQueue

WHY = {"pack": "new samples for the new model pack", "imported": "was never seen live"}


@click.command()
@founded_data_option
@json_option
@click.pass_obj
def queue(faces: OpenFaces, *, data_dir: Path, as_json: bool) -> int:
    """List who has to be enrolled live at their next visit, and until when it matters."""
    with faces(data_dir) as client:
        told = client.call(ShowQueue(), VisitQueue, timeout_s=SILENCE_S_MAX)
    people = [
        {
            "person": entry.person,
            "name": entry.name,
            "phone_hint": entry.phone_hint,
            "pack": entry.pack,
            "state": entry.state,
            "why": entry.why,
        }
        for entry in told.entries
    ]
    result = {
        "pack": told.pack,
        "grace_until": told.grace_until or None,
        "waiting": told.waiting,
        "people": people,
    }
    lines = [
        "{person}  {phone_hint:>5}  {state:<8}  {name}: ".format(**one) + WHY[str(one["why"])]
        for one in people
    ]
    if told.grace_until:
        lines.insert(0, f"Until {told.grace_until} people of an older pack can pay with a smile.")
    if told.waiting > len(people):
        lines.append(f"… and {told.waiting - len(people)} more.")
    emit(result, as_json, "\n".join(lines) or "Nobody has to come by.")
    return 0
