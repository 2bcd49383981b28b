"""What all words of the command line share: `--data`, `--json`, and one way to print an answer.

It does not map errors to exit codes (`kiosk.cli` does) and reads no settings.
A word returns its exit code (or None for 0): 0 ok, 1 the answer is no; 2 and 3 are errors, which
are raised as `BadInputError` and `SetupError`.
Invariant: with `--json` the last line of stdout is exactly one JSON object.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from kiosk import installed
from kiosk.domain.errors import BadInputError, SetupError
from models import manifest

Word = TypeVar("Word", bound=Callable[..., Any])
Check = Callable[[click.Context, click.Parameter, Path], Path]


def default_data_dir() -> Path:
    """Return the installation that is meant when `--data` is not given.

    `$XDG_DATA_HOME/smiletill`, else `~/.local/share/smiletill` (XDG base directories; a relative
    `XDG_DATA_HOME` is ignored, as that specification asks).

    Raises:
        SetupError: There is neither a usable `XDG_DATA_HOME` nor a home directory.
    """
    try:
        return manifest.default_data_dir()
    except RuntimeError as error:
        raise SetupError(
            "There is no home directory to keep the installation in.",
            code="no_home_directory",
            mend="Name one with --data DIR.",
        ) from error


def _founded(context: click.Context, parameter: click.Parameter, data_dir: Path) -> Path:
    """Let a word go on only in a folder that an installation was founded in."""
    del context, parameter
    installed.require(data_dir)
    return data_dir


def _there(context: click.Context, parameter: click.Parameter, data_dir: Path) -> Path:
    """Refuse a folder that somebody named and that is not there: most likely a slip."""
    source = context.get_parameter_source(parameter.name or "")
    if source is ParameterSource.COMMANDLINE and not data_dir.is_dir():
        raise BadInputError(
            f"There is no folder {data_dir}.",
            code="data_dir_missing",
            mend="Check what was given with --data.",
        )
    return data_dir


def _data_option(check: Check | None = None) -> Callable[[Word], Word]:
    return click.option(
        "--data",
        "data_dir",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        default=default_data_dir,
        show_default="your XDG data directory/smiletill",
        help="The installation: vault, journal, settings and sandbox live in this folder.",
        callback=check,
    )


# The parameter is called `data_dir` and is always a Path. Which of the three a word takes:
data_option = _data_option()
"""It may found an installation: the folder need not exist yet."""
founded_data_option = _data_option(_founded)
"""It reads or changes what an installation holds, and so must never found one."""
there_data_option = _data_option(_there)
"""It answers before an installation is founded too, but not for a folder that is not there."""


class NewFile(click.Path):
    """A file that a word writes: the folder it goes into must be there, or it was mistyped."""

    def __init__(self) -> None:
        """Take no folder for a file."""
        super().__init__(dir_okay=False, path_type=Path)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """Refuse a file whose folder is missing, before anything is asked or worked out."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            raise BadInputError(
                f"There is no folder {path.parent} to write into.",
                code="folder_missing",
                mend="Check its name, and that the disk or stick is mounted.",
            )
        return path


# The parameter is called `as_json`.
json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    default=False,
    help="Print one JSON object as the last line of stdout.",
)


def emit(result: Mapping[str, Any], as_json: bool, human: str) -> None:
    """Print a word's answer, for a program or for a person.

    Args:
        result: The answer's keys as in the contract of ARCHITECTURE.md. Must be plain JSON values:
            a NaN or an unknown type is our bug and raises ValueError or TypeError.
        as_json: What `json_option` delivered.
        human: The same answer in words; may have several lines; not printed with `--json`.
    """
    if as_json:
        click.echo(json.dumps(result, allow_nan=False))
    else:
        click.echo(human)


def passphrase_prompt() -> Callable[[str], str] | None:
    """Return what asks for a passphrase without showing it, or None where no terminal is."""
    if not sys.stdin.isatty():
        return None
    return getpass.getpass
