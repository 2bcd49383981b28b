"""`smiletill enrol staff …` and `smiletill enrol consent`: who may act, and what is agreed to.

The command line acts as a manager under its user's id; the window needs an account of these.
A code given as an option can be seen by other users of the machine; where a terminal is, it is
asked for when it is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from enrollment import staff_flow
from enrollment.flow import OpenFaces
from kiosk.commands.common import data_option, emit, founded_data_option, json_option
from kiosk.domain.errors import BadInputError
from kiosk.link.staff_desk import StaffRole

_ROLES = [role.value for role in StaffRole]


@click.group()
def staff() -> None:
    """Accounts for the staff tool's window: who may sign in, and as what."""


@staff.command(name="add")
@click.argument("name")
@click.option("--role", type=click.Choice(_ROLES), default=StaffRole.CLERK.value, show_default=True)
@click.option("--code", metavar="CODE", help="6 to 64 marks. Asked for, unseen, if left out.")
@data_option
@json_option
@click.pass_obj
def add(
    faces: OpenFaces, *, name: str, role: str, code: str | None, data_dir: Path, as_json: bool
) -> None:
    """Make an account, or give the one of this NAME another code and role."""
    code = code or _ask_code()
    with faces(data_dir) as client:
        account = staff_flow.add(client, name, code, StaffRole(role))
    emit(account, as_json, "{name} may sign in as {role}.".format(**account))


@staff.command(name="list")
@founded_data_option
@json_option
@click.pass_obj
def list_staff(faces: OpenFaces, *, data_dir: Path, as_json: bool) -> None:
    """List the accounts."""
    with faces(data_dir) as client:
        accounts = staff_flow.everybody(client)
    rows = ["{role:<8} {name}".format(**account) for account in accounts]
    emit({"accounts": accounts}, as_json, "\n".join(rows) or "There is no account.")


@staff.command()
@click.argument("name")
@founded_data_option
@json_option
@click.pass_obj
def remove(faces: OpenFaces, *, name: str, data_dir: Path, as_json: bool) -> None:
    """Remove an account; whoever is signed in with it is out at once."""
    with faces(data_dir) as client:
        done = staff_flow.remove(client, name)
    emit(done, as_json, f"{name} may sign in no more.")


@click.command()
@click.option("--language", default="en", show_default=True, metavar="CODE", help="Two letters.")
@click.option("--version", default="", metavar="V", help="Such as v1; the newest if left out.")
@founded_data_option
@json_option
@click.pass_obj
def consent(
    faces: OpenFaces, *, language: str, version: str, data_dir: Path, as_json: bool
) -> None:
    """Print the notice and consent that a customer reads before anything else."""
    with faces(data_dir) as client:
        shown = staff_flow.consent(client, language, version)
    told = {
        "version": shown.version,
        "language": shown.language,
        "sha256": shown.sha256,
        "languages": list(shown.languages),
        "text": shown.text,
    }
    emit(told, as_json, f"{shown.text}\nSHA-256 {shown.sha256}")


def _ask_code() -> str:
    if not sys.stdin.isatty():
        raise BadInputError(
            "The code is missing.", code="code_missing", mend="Give it with --code."
        )
    answer: str = click.prompt("Code", hide_input=True, confirmation_prompt=True, err=True)
    return answer
