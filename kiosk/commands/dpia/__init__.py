"""`smiletill dpia`: a data-protection impact assessment, filled from what really runs."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.common import NewFile, emit, json_option, there_data_option
from kiosk.domain.errors import SetupError

# Within the word: listing the words must not load the crypto.
# ruff: noqa: PLC0415


@click.command()
@click.option("--out", type=NewFile(), metavar="FILE")
@there_data_option
@json_option
def dpia(out: Path | None, data_dir: Path, as_json: bool) -> None:
    """Print a data-protection impact assessment of this installation, as Markdown.

    Every figure in it is read from the settings, the model pack and the running processes; what
    only the owner can answer is left open and listed at the end.
    """
    from kiosk.commands.dpia.facts import gather
    from kiosk.commands.dpia.text import render

    facts = gather(data_dir)
    text = render(facts)
    if out is not None:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise SetupError(
                f"The assessment cannot be written ({error.strerror}).",
                code="dpia_unwritable",
                mend="Name another file with --out.",
            ) from error
        emit({**facts, "file": str(out)}, as_json, f"The assessment is in {out}.")
        return
    emit(facts, as_json, text.rstrip("\n"))
