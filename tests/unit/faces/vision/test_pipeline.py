"""The whole pipeline with our own weights, on noise and on the picture insightface ships."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from insightface.data import get_image

from kiosk.domain.errors import SetupError
from kiosk.domain.evidence import Reason
from kiosk.domain.identification import SearchPolicy, thresholds
from kiosk.faces.camera.port import Frame
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.calibration import impostor_tails
from kiosk.faces.vision.pipeline import Pipeline, pack_threshold
from kiosk.faces.vision.prober import pad_rule
from models.manifest import SHIPPED_DIR, load_pack

PACKS = ("starter", "mobileface")


@pytest.fixture(scope="module")
def group():
    """Several people in one picture; it stays in memory."""
    return get_image("t1")


@pytest.fixture(scope="module")
def portrait(group):
    """One of them alone in a frame; the neighbour at the edge is painted over."""
    alone = np.ascontiguousarray(group[119:661, 521:1063])
    alone[:130, 370:] = 128
    return alone


@pytest.fixture(scope="module")
def loaded():
    with Pipeline(load_pack(SHIPPED_DIR / "starter")) as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(loaded):
    loaded.wipe()
    return loaded


def judged(pipeline, image, at_ms=0):
    return pipeline.judge(Frame(np.ascontiguousarray(image), 0, at_ms))


def test_noise_is_no_face(pipeline):
    """A frame of noise is refused and nothing is computed from it."""
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)

    judgement = judged(pipeline, noise)

    assert judgement.reason is Reason.NO_FACE
    assert judgement.embedding is None
    assert judgement.pad_score is None


def test_a_black_frame_is_too_dark(pipeline):
    """Without light the customer hears about the light."""
    assert judged(pipeline, np.zeros((480, 640, 3), np.uint8)).reason is Reason.TOO_DARK


def test_several_people_are_two_faces(pipeline, group):
    """A group at the till is not one payer."""
    judgement = judged(pipeline, group)

    assert judgement.reason is Reason.TWO_FACES
    assert judgement.embedding is None


def test_one_face_is_aligned_and_encoded(pipeline, portrait):
    """A good frame gives an embedding of length 1, a smile and a PAD score."""
    judgement = judged(pipeline, portrait)

    assert judgement.reason is None
    assert np.linalg.norm(judgement.embedding) == pytest.approx(1.0, abs=1e-5)
    assert judgement.embedding.dtype == np.float32
    assert judgement.smile_score > 0.5
    assert 0.0 <= judgement.pad_score <= 1.0
    assert set(judgement.stages_ms) == {"detect", "align", "quality", "pad", "smile", "encode"}
    assert "embedding" not in repr(judgement)


def test_the_same_frame_gives_the_same_answer(pipeline, portrait):
    """Bit for bit: no randomness, no split of work among threads."""
    first = judged(pipeline, portrait)
    pipeline.wipe()
    second = judged(pipeline, portrait)

    assert np.array_equal(first.embedding, second.embedding)
    assert first.pad_score == second.pad_score


def test_the_embedding_knows_the_face_in_another_frame(pipeline, portrait):
    """Darker, smaller and shifted, it is still nearer than another person."""
    first = judged(pipeline, portrait).embedding
    pipeline.wipe()
    changed = cv2.resize(portrait, (480, 480), interpolation=cv2.INTER_AREA) // 2 + 20
    same = judged(pipeline, changed).embedding

    assert float(first @ same) > 0.8


def test_pad_and_encoder_run_only_on_frames_that_are_due(pipeline, portrait):
    """At 30 frames a second: every third is encoded, every second checked by PAD."""
    judgements = [judged(pipeline, portrait, k * 100 // 3) for k in range(7)]

    assert [j.embedding is not None for j in judgements] == [k in {0, 3, 6} for k in range(7)]
    assert [j.pad_score is not None for j in judgements] == [k in {0, 2, 4, 6} for k in range(7)]


def test_nobody_agrees_with_a_face_that_jumped_before_it_is_compared(pipeline, portrait):
    """While the exposure changes no face is compared, so somebody could step in and smile."""
    nearer = cv2.resize(portrait, None, fx=1.4, fy=1.4)[110:652, 110:652]
    first = judged(pipeline, portrait)

    jumped = [
        pipeline.judge(Frame(nearer.copy(), 0, at_ms, is_steady=False))
        for at_ms in (33, 67, 100, 133)
    ]
    hidden = judged(pipeline, np.full_like(nearer, 90), 150)
    compared = judged(pipeline, nearer, 167)

    assert first.smile_score is not None
    assert {j.track for j in (*jumped, compared)} == {first.track}
    assert [(j.reason, j.smile_score) for j in jumped] == [(None, None)] * 4
    assert compared.smile_score is not None
    assert [j.unsure for j in (first, *jumped, compared)] == [False, *[True] * 4, False]
    assert hidden.face is None
    assert hidden.unsure


def test_a_blurred_face_is_refused_but_checked_for_life(pipeline, portrait):
    """A soft picture of a picture still gets its PAD score."""
    blurred = cv2.GaussianBlur(portrait, (0, 0), 4)

    judgement = judged(pipeline, blurred)

    assert judgement.reason is Reason.BLURRED
    assert judgement.embedding is None
    assert judgement.pad_score is not None


def test_a_dark_face_is_refused_and_not_called_an_attack(pipeline, portrait):
    """In the dark PAD's answer would mean nothing."""
    judgement = judged(pipeline, portrait // 8)

    assert judgement.reason is Reason.TOO_DARK
    assert judgement.pad_score is None


def test_a_small_face_is_too_far(pipeline, portrait):
    """Who stands across the room is asked to come closer."""
    canvas = np.full((480, 640, 3), 128, np.uint8)
    canvas[20:350, 100:430] = cv2.resize(portrait, (330, 330), interpolation=cv2.INTER_AREA)

    assert judged(pipeline, canvas).reason is Reason.TOO_FAR


@pytest.mark.parametrize("name", PACKS)
def test_every_shipped_pack_is_calibrated_for_its_encoder(name):
    """Both manifests give bands in order, and rules that hold."""
    pack = load_pack(SHIPPED_DIR / name, verify=False)

    tails = impostor_tails(pack)
    limits = thresholds(1, SearchPolicy(), tails)

    assert {tail.source for tail in tails} == {"lfw-dev", "nuaa-dev"}
    assert 0.2 < limits.pin < limits.digits < limits.open
    assert pad_rule(pack).bona_fide_min > pad_rule(pack).attack_max
    assert 0 < pack_threshold(pack, "detector_score") < 1


class _Uncalibrated:
    name = "other"
    thresholds = {}  # noqa: RUF012

    def __init__(self, calibration, sha256="a"):
        self.calibration = calibration
        self.encoder = type("Encoder", (), {"sha256": sha256})


@pytest.mark.parametrize(
    ("calibration", "code"),
    [
        ({}, "calibration_missing"),
        ({"impostor_tail": []}, "calibration_missing"),
        ({"impostor_tail": [{}], "encoder_sha256": "b"}, "calibration_of_another_encoder"),
        ({"impostor_tail": [{}], "encoder_sha256": "a"}, "calibration_bad"),
        ({"impostor_tail": [3], "encoder_sha256": "a"}, "calibration_bad"),
    ],
)
def test_a_pack_without_its_own_calibration_identifies_nobody(calibration, code):
    """Missing, foreign or broken calibration is an error, never a default."""
    with pytest.raises(SetupError) as caught:
        impostor_tails(_Uncalibrated(calibration))

    assert caught.value.code == code


def test_a_missing_threshold_is_an_error():
    """No figure is ever made up."""
    with pytest.raises(SetupError):
        pack_threshold(_Uncalibrated({}), "detector_score")


def test_opencv_leaves_qt_alone():
    """Importing it through `kiosk.faces.opencv` does not redirect Qt's plugins."""
    code = (
        "import os; from kiosk.faces.opencv import cv2; "
        "print([k for k in os.environ if k in ('QT_QPA_PLATFORM_PLUGIN_PATH', 'QT_QPA_FONTDIR')])"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("QT_")}

    output = subprocess.run(
        [sys.executable, "-c", code],
        env=clean,
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert output.strip() == "[]"
