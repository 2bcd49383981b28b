"""Who is at the keyboard: `--staff NAME`, with the code that the settings give to that name.

Where the settings name nobody, any id is taken: whoever can read the settings could add a name.
Wrong codes are not counted here: whoever runs a word of the command line as the owner of the data
directory can read every code in settings.toml, so a count would keep nobody out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path
from typing import Any

import click

from kiosk.commands.common import passphrase_prompt
from kiosk.domain.errors import BadInputError
from kiosk.settings import load_settings

CODE_VARIABLE = "SMILETILL_STAFF_CODE"
"""Where programs put the code; a word of the command line could be seen by others."""

staff_option = click.option(
    "--staff", required=True, metavar="NAME", help="Who you are; it goes into the journal."
)


def check_staff(data_dir: Path, name: str) -> str:
    """Return a staff id whose code was given, from the environment or at the terminal.

    Raises:
        BadInputError: The settings do not know the name, or the code is another.
    """
    codes = load_settings(data_dir).screen.staff_codes
    if not codes:
        return name
    given = os.environ.get(CODE_VARIABLE) or _asked()
    # A name that is not there is compared too, so that time tells no names.
    known = codes.get(name, "")
    if not compare_digest(known.encode(), given.encode()) or not known:
        raise BadInputError(
            "This name and code may not do that.",
            code="staff_refused",
            mend="Use a name and code of [screen.staff_codes] in settings.toml;"
            f" without a terminal, put the code into {CODE_VARIABLE}.",
        )
    return name


def _asked() -> str:
    prompt: Callable[[str], Any] | None = passphrase_prompt()
    if prompt is None:
        sys.stderr.write(f"No terminal to ask for the code; set {CODE_VARIABLE}.\n")
        return ""
    return str(prompt("Staff code: "))
