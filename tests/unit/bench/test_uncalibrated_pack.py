"""A pack whose encoder nobody measured: it waits for its owner, and trusts them only so far."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from kiosk.bench.owner_calibration import PEOPLE_MIN, Calibration, to_toml
from kiosk.bench.sets import face_pictures
from kiosk.commands.models import models
from kiosk.domain.errors import SetupError
from kiosk.domain.identification import ALIKE_FACTOR, SearchPolicy, thresholds
from kiosk.faces.vision.calibration import impostor_tails, owner_file, tails_without_owner
from kiosk.faces.vision.pipeline import pack_threshold
from kiosk.faces.vision.prober import pad_rule
from kiosk.faces.vision.tails import Scores, fit_beside
from models.errors import PackManifestError
from models.manifest import MANIFEST_NAME, SHIPPED_DIR, find_pack, load_pack, packs_dir
from models.store import current_pack

POLICY = SearchPolicy()
FLOOR = '[calibration]\nfloor_from_pack = "mobileface"\n'
STARTER = SHIPPED_DIR / "starter"


@pytest.fixture(autouse=True)
def _no_packs_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def trial(data_dir):
    """The starter's networks as a pack of another name, without its calibration."""
    folder = shutil.copytree(STARTER, packs_dir(data_dir) / "trial")
    text = (STARTER / MANIFEST_NAME).read_text("utf-8").replace('"starter"', '"trial"', 1)
    (folder / MANIFEST_NAME).write_text(text[: text.index("# Impostor tails")] + FLOOR, "utf-8")
    return find_pack("trial", data_dir, verify=False)


@pytest.fixture
def call(data_dir, capsys):
    def run(*words):
        code = models.main([*words, "--data", str(data_dir), "--json"], standalone_mode=False)
        return code or 0, json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def measured(pack, data_dir, *, centre, people=PEOPLE_MIN):
    """Write an owner's measurement of people who are as alike as `centre`."""
    rng = np.random.default_rng(people)
    probe, reference = np.triu_indices(people, 1)
    found = Scores(rng.normal(centre, 0.1, len(probe)), probe, reference, people)
    large = max(tails_without_owner(pack), key=lambda tail: tail.comparisons)
    tail = fit_beside(found, large, 1)
    file = owner_file(pack, data_dir)
    file.write_text(to_toml(pack, Calibration(pack.id, people, people, 0, tail, None)), "utf-8")


def bands(tails):
    limits = thresholds(1_000, POLICY, tails)
    return np.array([limits.open, limits.digits, limits.pin])


def test_nobody_is_identified_with_it_before_its_owner_has_measured(trial, data_dir, call):
    """Neither the floor nor anything else stands in; choosing it is refused and says what to do."""
    with pytest.raises(SetupError) as refused:
        impostor_tails(trial, data_dir)
    with pytest.raises(SetupError) as not_chosen:
        call("use", "trial")

    for error in (refused.value, not_chosen.value):
        assert error.code == "calibration_missing"
        assert "smiletill models calibrate trial --faces DIR" in error.mend
    assert current_pack(data_dir) == "starter"


def test_the_shipped_pack_open_is_such_a_pack(data_dir):
    """It has every threshold but a calibration, and mobileface's tails as its floor."""
    pack = load_pack(SHIPPED_DIR / "open", verify=False)

    with pytest.raises(SetupError) as refused:
        impostor_tails(pack, data_dir)

    mobileface = impostor_tails(load_pack(SHIPPED_DIR / "mobileface", verify=False))
    assert refused.value.code == "calibration_missing"
    assert pad_rule(pack).bona_fide_min > pad_rule(pack).attack_max
    assert 0 < pack_threshold(pack, "quality_min") < 0.5
    assert [tail.upper95 for tail in tails_without_owner(pack)] == [
        tail.upper95 for tail in mobileface
    ]


def test_few_people_who_are_nothing_alike_do_not_make_it_lax(trial, data_dir):
    """Twenty strangers at -.2 would let anybody pass; the floor holds all three bands."""
    measured(trial, data_dir, centre=-0.2)

    floor = bands(impostor_tails(load_pack(SHIPPED_DIR / "mobileface", verify=False)))

    np.testing.assert_allclose(bands(impostor_tails(trial, data_dir)), floor)


def test_people_who_are_alike_make_it_stricter_than_the_floor(trial, data_dir):
    """The worst set counts, and here it is the owner's."""
    measured(trial, data_dir, centre=0.5, people=60)

    tails = impostor_tails(trial, data_dir)

    assert (bands(tails) > bands(tails_without_owner(trial))).all()
    assert thresholds(1_000, POLICY, tails).worst_open == "owner"


def test_the_only_set_of_an_encoder_counts_as_mixed(trial, data_dir):
    """Strangers of one group pass oftener than it says; in a measured pack another set says so."""
    measured(trial, data_dir, centre=0.3, people=60)
    starter = load_pack(STARTER, verify=False)
    shutil.copy(owner_file(trial, data_dir), owner_file(starter, data_dir))

    owners, joined = (impostor_tails(pack, data_dir)[-1] for pack in (trial, starter))

    assert owners.source == joined.source == "owner"
    assert owners.alike_factor == ALIKE_FACTOR
    assert joined.alike_factor == 1.0
    assert (bands([owners]) >= bands([joined])).all()
    assert bands([owners])[1] > bands([joined])[1]


def test_a_measurement_of_another_encoder_does_not_count(trial, data_dir):
    """The floor excuses nothing: the owner's table must be of this encoder."""
    measured(trial, data_dir, centre=0.1)
    file = owner_file(trial, data_dir)
    file.write_text(file.read_text("utf-8").replace(trial.encoder.sha256, "0" * 64), "utf-8")

    with pytest.raises(SetupError, match="another encoder"):
        impostor_tails(trial, data_dir)


@pytest.mark.parametrize("lender", ["open", "nobody", "../mobileface"])
def test_a_floor_must_be_a_measured_pack_of_this_program(trial, lender):
    """A pack without tails lends none, and no path is followed."""
    file = trial.folder / MANIFEST_NAME
    file.write_text(file.read_text("utf-8").replace('"mobileface"', f'"{lender}"'), "utf-8")

    with pytest.raises(PackManifestError):
        load_pack(trial.folder, verify=False)


def test_after_calibrating_it_can_be_chosen(trial, data_dir, call, shared, tmp_path):
    """From pictures to thresholds on the command line, with real networks and real people."""
    people = {}
    for picture in face_pictures(shared / "faces", held_out_only=True):
        people.setdefault(picture.identity, []).append(picture.file)
    for name, files in list(people.items())[: PEOPLE_MIN + 4]:
        (tmp_path / "faces" / name).mkdir(parents=True)
        for file in files[:2]:
            (tmp_path / "faces" / name / file.name).symlink_to(file)

    _, told = call("calibrate", "trial", "--faces", str(tmp_path / "faces"))
    _, chosen = call("use", "trial")

    assert chosen["current"] == current_pack(data_dir) == "trial"
    assert told["thresholds_before"] is None
    floor = thresholds(1_000, POLICY, tails_without_owner(trial))
    assert told["thresholds"]["open"] >= round(floor.open, 3)
    assert told["thresholds"]["pin"] >= round(floor.pin, 3)
