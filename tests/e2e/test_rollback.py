"""Older copies put back under real processes: nobody is served, and the error says which it is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kiosk.domain.errors import SmileTillError
from kiosk.faces.vault.keys import derive, unlock
from kiosk.faces.vault.opening import open_vault
from tests.fakes.installation import enrol_without_camera, running
from tests.fakes.people import new_person


def test_an_older_vault_or_journal_is_refused(
    data_dir: Path, passphrase: Path, tmp_path: Path
) -> None:
    """Neither is taken beside the newest of the other."""
    del passphrase
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


def _refusal(data_dir: Path) -> str:
    with pytest.raises(SmileTillError) as caught, running(data_dir):
        pass
    assert "smiletill backup accept" in caught.value.mend
    return caught.value.code


def _put(copy: Path, place: Path) -> None:
    shutil.rmtree(place)
    shutil.copytree(copy, place)
