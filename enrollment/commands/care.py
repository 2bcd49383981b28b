"""`smiletill enrol renew|unused`: what a vault needs now and then.

It asks faces and opens no vault itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from tqdm import tqdm

from enrollment import care_flow, words
from enrollment.flow import OpenFaces
from kiosk.commands.common import emit, founded_data_option, json_option
from kiosk.link.protocol import Progress


@click.command()
@founded_data_option
@json_option
@click.pass_obj
def renew(faces: OpenFaces, *, data_dir: Path, as_json: bool) -> None:
    """Keep all templates under a new secret: copies of before compare with nobody.

    Customers pay meanwhile. What a stop cuts off goes on at the next start.
    """
    with faces(data_dir) as client, tqdm(file=sys.stderr, leave=False, unit=" people") as bar:

        def on_progress(step: Progress) -> None:
            bar.set_description_str(words.progress(step.code), refresh=False)
            bar.total, bar.n = step.total or None, step.done
            bar.refresh()

        result = care_flow.renew(client, on_progress)
    emit(result, as_json, f"The templates of {result['renewed']} people are renewed.")


@click.command()
@founded_data_option
@json_option
@click.pass_obj
def unused(faces: OpenFaces, *, data_dir: Path, as_json: bool) -> None:
    """List who has not paid for so long that they will be erased, and from when."""
    with faces(data_dir) as client:
        found = care_flow.unused(client)
    rows = [
        "{person}  last here {last_active}, warned {warned_at}, erased from {erased_from}"
        "  {name}".format(**one)
        for one in found["people"]
    ]
    emit(found, as_json, "\n".join(rows) or "Nobody is unused.")


WORDS = (renew, unused)
