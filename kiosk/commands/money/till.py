"""`smiletill money till …`: the keys of tills, and the fingerprint that they compare.

It only changes files, so it works whether or not the terminal runs, and what it changes holds at
once: the interface reads its keys again whenever they have changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from kiosk.commands.common import data_option, emit, json_option, there_data_option
from kiosk.settings import load_settings


@click.group()
def till() -> None:
    """Let tills in: make and remove their keys, show the certificate's fingerprint."""


@till.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["till", "staff"]),
    required=True,
    help="till: payments and its own orders. staff: every order, refunds, closing.",
)
@data_option
@json_option
def add(*, name: str, role: str, data_dir: Path, as_json: bool) -> None:
    """Make the key of a till and show it, this once; the till sends NAME as its SaleID."""
    # Imported here: listing the words must not load the reader of the file.
    from kiosk.money.till.access import FOLDER_NAME, KeyRing, TillRole  # noqa: PLC0415

    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    key = KeyRing(data_dir / "money" / FOLDER_NAME).add(name, TillRole(role), made)
    emit(
        {"name": name, "role": role, "key": key},
        as_json,
        f"{key}\nThis is the key of {name}. It is not stored and cannot be shown again.",
    )


@till.command(name="list")
@there_data_option
@json_option
def list_keys(*, data_dir: Path, as_json: bool) -> None:
    """List the tills that have a key; the keys themselves are nowhere."""
    from kiosk.money.till.access import FOLDER_NAME, KeyRing  # noqa: PLC0415

    found = [
        {"name": key.name, "role": key.role.value, "made": key.made}
        for key in KeyRing(data_dir / "money" / FOLDER_NAME).keys()  # noqa: SIM118 - no mapping
    ]
    lines = [f"{key['name']}  {key['role']}  {key['made']}" for key in found]
    emit({"tills": found}, as_json, "\n".join(lines) or "No till has a key.")


@till.command()
@click.argument("name")
@there_data_option
@json_option
def remove(*, name: str, data_dir: Path, as_json: bool) -> int:
    """Make the key of a till worthless, at once."""
    from kiosk.money.till.access import FOLDER_NAME, KeyRing  # noqa: PLC0415

    removed = KeyRing(data_dir / "money" / FOLDER_NAME).remove(name)
    words = f"The key of {name} is worth nothing now." if removed else f"{name} has no key."
    emit({"name": name, "removed": removed}, as_json, words)
    return 0 if removed else 1


@till.command()
@there_data_option
@json_option
def fingerprint(*, data_dir: Path, as_json: bool) -> None:
    """Show the certificate's SHA-256 fingerprint, for tills and tablets to compare."""
    from kiosk.money.till.access import FOLDER_NAME  # noqa: PLC0415
    from kiosk.money.till.certificate import certificate_of  # noqa: PLC0415

    settings = load_settings(data_dir)
    folder = data_dir / "money" / FOLDER_NAME
    found = certificate_of(folder, settings.till.host, datetime.now(UTC))
    listens = "" if settings.till.enabled else "\nThe interface is off: set [till] enabled = true."
    emit(
        {
            "fingerprint": found.fingerprint,
            "certificate": str(found.path),
            "enabled": settings.till.enabled,
        },
        as_json,
        f"SHA-256 {found.fingerprint}{listens}",
    )
