"""An owner's own measurement: one more set, never laxer, refused when it is of another encoder."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.bench import owner_calibration
from kiosk.bench.owner_calibration import Calibration, pictures_of, to_toml
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.identification import SearchPolicy, thresholds
from kiosk.faces.vision.calibration import impostor_tails, owner_file
from kiosk.faces.vision.tails import Scores, fit_beside
from models.manifest import SHIPPED_DIR, load_pack

POLICY = SearchPolicy()


@pytest.fixture(scope="module")
def pack():
    return load_pack(SHIPPED_DIR / "starter")


def scores(people, centre):
    rng = np.random.default_rng(people)
    probe, reference = np.triu_indices(people, 1)
    return Scores(rng.normal(centre, 0.1, len(probe)), probe, reference, people)


def written(pack, folder, centre, people=60):
    large = max(impostor_tails(pack), key=lambda tail: tail.comparisons)
    tail = fit_beside(scores(people, centre), large, 1)
    found = Calibration(pack.id, people, 2 * people, 0, tail, None)
    file = owner_file(pack, folder)
    file.parent.mkdir(parents=True)
    file.write_text(to_toml(pack, found), encoding="utf-8")
    return file


def test_people_who_look_more_alike_make_the_thresholds_stricter(pack, tmp_path):
    """The owner's set joins the pack's, and the worst one counts."""
    written(pack, tmp_path, centre=0.5)

    before, after = (
        thresholds(1_000, POLICY, tails)
        for tails in (impostor_tails(pack), impostor_tails(pack, tmp_path))
    )

    assert after.open > before.open
    assert after.digits > before.digits
    assert after.worst_open == "owner"


def test_people_who_look_less_alike_change_nothing(pack, tmp_path):
    """A kind set is no reason to trust strangers more."""
    written(pack, tmp_path, centre=-0.2)

    own, joined = impostor_tails(pack), impostor_tails(pack, tmp_path)

    assert len(joined) == len(own) + 1
    before, after = (thresholds(1_000, POLICY, tails) for tails in (own, joined))
    assert (before.open, before.digits, before.pin) == (after.open, after.digits, after.pin)


def test_a_small_set_is_believed_as_far_as_its_people_go(pack):
    """Below one in as many pairs as there are, the bound goes on as the large set's does."""
    large = max(impostor_tails(pack), key=lambda tail: tail.comparisons)

    tail = fit_beside(scores(25, 0.1), large, 1)
    bound = dict(tail.upper95)

    grown = bound[1e-6] - bound[tail.rate_min]
    assert tail.rate_min == pytest.approx(2 / (25 * 24))
    assert grown == pytest.approx(large.score_at(1e-6) - large.score_at(tail.rate_min), abs=1e-6)


def test_a_measurement_with_another_encoder_is_refused(pack, tmp_path):
    """Scores of another network say nothing of this one."""
    file = written(pack, tmp_path, centre=0.1)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(pack.encoder.sha256, "0" * 64), encoding="utf-8")

    with pytest.raises(SetupError) as refused:
        impostor_tails(pack, tmp_path)

    assert refused.value.code == "calibration_of_another_encoder"
    assert str(file) in refused.value.mend


@pytest.mark.parametrize("content", [b"", b"[calibration", b"\xff\xfe", b"[calibration]\nx = 1\n"])
def test_a_file_that_is_no_calibration_is_refused(pack, tmp_path, content):
    """A damaged file stops recognition with a sentence; it is not skipped in silence."""
    file = owner_file(pack, tmp_path)
    file.parent.mkdir(parents=True)
    file.write_bytes(content)

    with pytest.raises(SetupError):
        impostor_tails(pack, tmp_path)


def test_a_folder_a_person_is_read_without_a_list(tmp_path):
    """Names of folders are people; other files do not count."""
    for name in ("ann", "bob"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"x")
        (tmp_path / name / "notes.txt").write_bytes(b"x")

    found = pictures_of(tmp_path)

    assert [(p.identity, p.file.name) for p in found] == [("ann", "1.png"), ("bob", "1.png")]


def test_too_few_people_are_refused(pack, tmp_path, monkeypatch):
    """Two people say nothing of one stranger in a hundred."""
    vector = np.eye(1, 8, dtype=np.float32)[0]
    monkeypatch.setattr(
        owner_calibration, "embed", lambda *_: ({"ann": [vector], "bob": [vector]}, 0)
    )

    with pytest.raises(BadInputError) as refused:
        owner_calibration.measure(pack, [], impostor_tails(pack), 1)

    assert refused.value.code == "calibration_too_few"
