"""`smiletill money bank import|account|show|forget|approved`: the till's access to a real bank.

It seals the onboarding file, which holds private keys, under money's own key, and never prints what
is in it. It speaks to no bank and to no running process: a running till reads the file at its start
only, so importing under one is refused.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kiosk import installed
from kiosk.commands.common import (
    data_option,
    emit,
    founded_data_option,
    json_option,
    passphrase_prompt,
    there_data_option,
)
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.settings import load_settings
from kiosk.supervisor import Installation, key_wish

if TYPE_CHECKING:
    from kiosk.money.bank_secrets import SealedSecrets


@click.group("bank")
def bank_access() -> None:
    """Keep the access to a real bank, sealed (docs/going-live.md)."""


@bank_access.command("import")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@data_option
@json_option
def import_(*, file: Path, data_dir: Path, as_json: bool) -> None:
    """Check the onboarding FILE of a bank and keep it sealed; an earlier one is replaced."""
    from kiosk.money.banks.vrp.onboarding import (  # noqa: PLC0415 - it loads the crypto
        FILE_BYTES_MAX,
        read_onboarding,
    )
    from kiosk.money.banks.vrp.session import ONBOARDING_SECRET  # noqa: PLC0415

    try:
        with file.open("rb") as stream:
            raw = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise BadInputError(
            "The onboarding file cannot be read.",
            code="onboarding_unreadable",
            mend="Check its path and permissions.",
        ) from error
    found = read_onboarding(raw)
    with _secrets(data_dir) as secrets:
        secrets.put(ONBOARDING_SECRET, raw)
    emit(
        {"ok": True, "issuer": found.issuer, "is_sandbox": found.is_sandbox},
        as_json,
        f"The access to {found.issuer} is sealed."
        ' Set [bank] connector = "vrp" in settings.toml if it is not yet.\n'
        f"{file} still holds private keys in the clear: destroy it, or lock it away.",
    )


@bank_access.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@data_option
@json_option
def account(*, file: Path, data_dir: Path, as_json: bool) -> None:
    """Check the account FILE for cards on file (docs/cards.md) and keep it sealed."""
    from kiosk.money.banks.cards.account import (  # noqa: PLC0415 - as above
        FILE_BYTES_MAX,
        SECRET_NAME,
        read_account,
    )

    try:
        with file.open("rb") as stream:
            raw = stream.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise BadInputError(
            "The account file cannot be read.",
            code="account_unreadable",
            mend="Check its path and permissions.",
        ) from error
    found = read_account(raw)
    with _secrets(data_dir) as secrets:
        secrets.put(SECRET_NAME, raw)
    emit(
        {"ok": True, "api_base": found.api_base, "is_sandbox": found.is_test},
        as_json,
        f"The account at {found.api_base} is sealed."
        ' Set [bank] connector = "cards" in settings.toml if it is not yet.\n'
        f"{file} still holds the secret key in the clear: destroy it, or lock it away.",
    )


@bank_access.command()
@there_data_option
@json_option
def show(*, data_dir: Path, as_json: bool) -> int:
    """Say which bank is set up; no key and no account number. Exit code 1: none is."""
    from kiosk.money.banks.vrp.onboarding import (  # noqa: PLC0415
        certificate_end,
        read_onboarding,
    )
    from kiosk.money.banks.vrp.session import ONBOARDING_SECRET  # noqa: PLC0415

    raw = None
    if installed.is_founded(data_dir):
        with _secrets(data_dir, is_read_only=True) as secrets:
            raw = secrets.get(ONBOARDING_SECRET)
    if raw is None:
        emit({"is_set": False}, as_json, "No bank is set up.")
        return 1
    found = read_onboarding(raw)
    end = certificate_end(found)
    facts = {
        "is_set": True,
        "issuer": found.issuer,
        "resource_base": found.resource_base,
        "is_sandbox": found.is_sandbox,
        "account_hint": f"••{found.creditor.Identification[-2:]}",
        "certificate_until": end.isoformat(),
    }
    emit(
        facts,
        as_json,
        f"{found.issuer}{' (sandbox)' if found.is_sandbox else ''}\n"
        f"Payments go to the account {facts['account_hint']}.\n"
        f"The terminal's certificate is valid until {end:%Y-%m-%d}.",
    )
    return 0


@bank_access.command()
@click.option("--yes", is_flag=True, help="Do it; without, nothing is changed.")
@founded_data_option
@json_option
def forget(*, yes: bool, data_dir: Path, as_json: bool) -> None:
    """Remove the access to the bank; mandates that stand there must be revoked before."""
    from kiosk.money.banks.cards.account import SECRET_NAME  # noqa: PLC0415
    from kiosk.money.banks.vrp.session import ONBOARDING_SECRET  # noqa: PLC0415

    if not yes:
        raise BadInputError(
            "Without the access no mandate can be revoked and no payment looked up any more.",
            code="not_confirmed",
            mend="Say it again with --yes.",
        )
    with _secrets(data_dir) as secrets:
        secrets.delete(ONBOARDING_SECRET)
        secrets.delete(SECRET_NAME)
    emit({"ok": True}, as_json, "The access to the bank is removed.")


@bank_access.command()
@click.argument("address")
@founded_data_option
@json_option
def approved(*, address: str, data_dir: Path, as_json: bool) -> None:
    """Hand over the ADDRESS to which the customer's browser came back from the bank's page.

    Only with [bank.options] approval = "page"; "-" reads it from stdin, so that it is in no list of
    processes. The bank takes it for about a minute.
    """
    from kiosk.money.banks.vrp.approval import hand_over  # noqa: PLC0415
    from kiosk.money.banks.vrp.consent_store import ConsentStore  # noqa: PLC0415

    if address == "-":
        address = sys.stdin.readline().strip()
    with _secrets(data_dir, is_running_fine=True) as secrets:
        hand_over(ConsentStore(secrets), address)
    emit({"ok": True}, as_json, "Handed over; the enrolment goes on by itself.")


@contextmanager
def _secrets(
    data_dir: Path, *, is_read_only: bool = False, is_running_fine: bool = False
) -> Iterator[SealedSecrets]:
    """Open the bank's secrets of an installation under its key.

    Raises:
        SetupError: The till runs and would not notice, or there is no usable key.
    """
    from kiosk.faces.vault.keys import derive, unlock  # noqa: PLC0415
    from kiosk.money.bank_secrets import SealedSecrets  # noqa: PLC0415
    from kiosk.money.keys import MandateKeys  # noqa: PLC0415

    settings = load_settings(data_dir)
    installation = Installation(data_dir, settings)
    if not (is_read_only or is_running_fine) and installation.is_up("money"):
        raise SetupError(
            "The till is running and reads its access to the bank only when it starts.",
            code="till_running",
            mend="Stop it, then try again.",
        )
    prompt = passphrase_prompt()
    with unlock(data_dir, env=os.environ, prompt=prompt, wish=key_wish(settings)) as root:
        folder = data_dir / "money"
        keys = MandateKeys(folder / "keys", derive(root, "money"))
        yield SealedSecrets(folder / "bank", keys)
