"""Older copies put back under real processes: nobody is served, and the error says which it is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kiosk.commands.backup import backup
from kiosk.commands.keys import keys
from kiosk.domain.errors import SmileTillError
from kiosk.faces.vault.keychange import kept_keyring
from kiosk.faces.vault.keys import derive, unlock
from kiosk.faces.vault.opening import open_vault
from kiosk.faces.vault.rollback import guard_of
from kiosk.faces.vault.sources import KeyWish
from tests.fakes.installation import enrol_without_camera, running
from tests.fakes.people import new_person
from tests.fakes.restorable import CHEAP, make_cheap
from tests.fakes.tpm import SoftwareTpm, need_tpm_programs


def test_an_older_vault_or_journal_is_refused(
    data_dir: Path, passphrase: Path, tmp_path: Path
) -> None:
    """Neither is taken beside the newest of the other."""
    del passphrase
    make_cheap(data_dir)
    enrol_without_camera(data_dir, "447700900123", "135790")
    shutil.copytree(data_dir, tmp_path / "older", ignore=shutil.ignore_patterns("*.sock"))
    with unlock(data_dir, env=os.environ, prompt=None) as root:
        vault, gallery = open_vault(data_dir, derive(root, "faces"))
    with vault:
        vault.freeze(vault.begin(new_person(1)))
    gallery.close()
    with running(data_dir):
        pass
    shutil.copytree(data_dir / "vault", tmp_path / "newest")

    _put(tmp_path / "older" / "vault", data_dir / "vault")
    assert _refusal(data_dir) == "vault_rolled_back"
    _put(tmp_path / "newest", data_dir / "vault")
    _put(tmp_path / "older" / "money", data_dir / "money")
    assert _refusal(data_dir) == "journal_rolled_back"


def test_an_older_copy_of_everything_is_refused_by_the_tpm(
    data_dir: Path, passphrase: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all witnesses on the disk put back, the TPM's counter still knows; a word accepts it."""
    need_tpm_programs()
    monkeypatch.setattr("kiosk.commands.keys.COST", CHEAP)
    with SoftwareTpm() as machine:
        machine.measure()
        (data_dir / "settings.toml").write_text(f'[keys]\ntcti = "{machine.tcti}"\n')
        _call(keys, "seal-tpm", data_dir)
        passphrase.unlink()
        shutil.copytree(data_dir, tmp_path / "older")
        with running(data_dir):
            pass
        _put(tmp_path / "older", data_dir)

        assert _refusal(data_dir) == "data_rolled_back"
        assert _call(backup, "accept", data_dir)["epoch"] == 1
        with unlock(data_dir, env={}, prompt=None, wish=KeyWish(tcti=machine.tcti)) as root:
            guard = guard_of(data_dir, kept_keyring(data_dir), root, machine.tcti)
        assert guard is not None
        guard.check()


def _call(group: click.Group, word: str, data_dir: Path) -> dict[str, object]:
    words = [word, "--data", str(data_dir), "--json"]
    done = CliRunner().invoke(group, words, catch_exceptions=False)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def _refusal(data_dir: Path) -> str:
    with pytest.raises(SmileTillError) as caught, running(data_dir):
        pass
    assert "smiletill backup accept" in caught.value.mend
    return caught.value.code


def _put(copy: Path, place: Path) -> None:
    shutil.rmtree(place)
    shutil.copytree(copy, place)
