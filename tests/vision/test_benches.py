"""The benches of the networks on a few real pictures: the keys, and floors."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from kiosk.bench import detect, identify, smile
from kiosk.bench.plots import draw_detect, draw_identify, draw_smile
from kiosk.bench.sets import face_pictures, webcam_frames
from kiosk.faces.vision.runtime import quiet_upstream
from models.manifest import SHIPPED_DIR, load_pack

pytestmark = [pytest.mark.vision]

PICTURES = 60
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def pack():
    quiet_upstream()
    return load_pack(SHIPPED_DIR / "starter")


@pytest.fixture(scope="module")
def pictures(shared):
    """Pictures of held-out people who have at least three, then of some who have one."""
    every = face_pictures(shared / "faces", held_out_only=True)
    count = Counter(picture.identity for picture in every)
    several = [p for p in every if 3 <= count[p.identity] <= 6][: PICTURES // 2]
    return several + [p for p in every if count[p.identity] == 1][: PICTURES // 2]


def test_identify_has_the_contract_s_keys_and_our_way_costs_nothing(pack, pictures, tmp_path):
    """TAR, EER, bare, open set; pipeline and bare encoder differ only by gates."""
    found = identify.measure(pack, pictures, seed=1)
    report = found.report

    assert report["n_images"] == PICTURES
    assert 0 <= report["failures_to_acquire"] <= 5
    for one in (report, report["bare"]):
        assert set(one["tar"]) == {"1e-3", "1e-4", "1e-5"}
        assert 0 <= one["eer"] <= 0.2
    assert {"n", "fpir", "fpir_upper95", "fnir", "threshold"} <= set(report["open_set"][0])
    assert report["open_set"][-1]["wrong_person"] == 0
    if not report["failures_to_acquire"]:
        assert report["tar"] == report["bare"]["tar"]
    draw_identify(tmp_path / "plot.png", pack.id, found.ours, found.bare)
    assert (tmp_path / "plot.png").read_bytes().startswith(PNG)


def test_detector_agrees_with_yunet(pack, shared, pictures, tmp_path):
    """On frames of people kept out: all of YuNet's faces, landmarks within 4 %, none invented."""
    file = shared / "models" / "face_detection_yunet_2023mar.onnx"
    yunet = dataclasses.replace(pack.detector, file=file)
    sets = {
        "webcam": webcam_frames(shared / "pad", held_out_only=True)[::10],
        "faces": [picture.file for picture in pictures],
    }
    found = detect.measure(pack.detector, yunet, sets, score_min=pack.thresholds["detector_score"])
    report = found.report

    assert report["n_faces"] >= 100
    assert report["recall_vs_reference"] >= 0.99
    assert report["landmark_error"] <= 0.04
    assert report["false_per_frame"] == 0
    draw_detect(tmp_path / "plot.png", pack.id, found)
    assert (tmp_path / "plot.png").read_bytes().startswith(PNG)


def test_smiles_are_told_from_neutral_faces(pack, pictures, tmp_path):
    """The keys, and far better than chance on a few pictures."""
    found = smile.measure(pack, pictures, seed=1)

    assert {"auc", "threshold", "fpr", "fnr"} <= set(found.report)
    assert found.report["auc"] >= 0.95
    draw_smile(tmp_path / "plot.png", pack.id, found.report, found.smiling, found.neutral)
    assert (tmp_path / "plot.png").read_bytes().startswith(PNG)
