"""The faces process computes the tail of its own people, and its thresholds come from it too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kiosk.domain.identification import SearchPolicy, thresholds
from kiosk.domain.ids import PackId
from kiosk.faces.gallery_tail import PEOPLE_MIN
from kiosk.faces.main import FacesProcess
from kiosk.faces.vault.store import FOLDER_NAME, Vault
from models.store import use
from tests.fakes.people import STORE_KEY, new_person, unit
from tests.fakes.restaurant import until


def test_the_people_of_the_vault_take_part_soon_after_the_start(tmp_path):
    """They are all alike: a face is enough from a higher score on than the pack says."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    pack = PackId(use("sandbox", data_dir).id)
    shared = unit(np.random.default_rng(0).normal(size=64))
    with Vault.open(data_dir / FOLDER_NAME, STORE_KEY) as vault:
        for number in range(PEOPLE_MIN):
            made = new_person(number, pack=pack)
            face = unit(0.2 * made.template + shared)
            vault.activate(vault.begin(replace(made, template=face, samples=face[None])))
    process = FacesProcess(data_dir, bytearray(STORE_KEY))
    try:
        pack_alone = thresholds(PEOPLE_MIN, SearchPolicy(), process._room.tails(pack))
        until(lambda: process.service.detail()["gallery_tails"] == pack, "no tail")
        limits = process._limits(pack)
    finally:
        process.close()

    assert limits.open > pack_alone.open
    assert "gallery" == limits.worst_open
    assert "" == process.service.detail()["gallery_tails"]
