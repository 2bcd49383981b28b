"""A backup made while the terminal runs goes on at another terminal, and pays there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.commands.backup import backup
from tests.e2e.conftest import Smiletill
from tests.fakes.installation import enrol_without_camera, running
from tests.fakes.restorable import CHEAP, make_cheap

PHONE, PIN = "447700900123", "135790"


def test_a_backup_of_a_running_terminal_starts_and_pays_elsewhere(
    data_dir: Path, passphrase: Path, tmp_path: Path, smiletill: Smiletill,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Made beside live processes, restored under another passphrase, and the person pays."""
    make_cheap(data_dir)
    enrol_without_camera(data_dir, PHONE, PIN)
    file, south = tmp_path / "backup", tmp_path / "south"
    other = tmp_path / "other-passphrase"
    other.write_text("of the other terminal\n")
    secret = ("--passphrase-file", str(passphrase))

    def call(*words: str, place: Path) -> dict[str, object]:
        arguments = [*words, "--data", str(place), "--json"]
        done = CliRunner().invoke(backup, arguments, catch_exceptions=False)
        found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
        return found

    with running(data_dir):
        assert call("make", "--to", str(file), *secret, place=data_dir)["ok"]
    monkeypatch.setenv("SMILETILL_PASSPHRASE_FILE", str(other))
    monkeypatch.setattr("kiosk.commands.backup.COST", CHEAP)
    done = call("restore", str(file), *secret, place=south)
    assert (done["people"], done["erased"]) == (1, 0)

    # The sandbox's bank is the world, and there is one: it knows the mandate.
    (data_dir / "sandbox").rename(south / "sandbox")
    paid = smiletill(
        *("pay", "--amount", "2.00", "--phone", PHONE, "--pin", PIN, "--data", south, "--json")
    )
    assert paid.code == 0, paid.result
    assert paid.result["outcome"] == "paid"
