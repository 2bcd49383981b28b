"""Simulated people before a camera whose exposure is commanded: mended, proven, or found out."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.domain.evidence import Reason
from kiosk.domain.pad import LayerVerdict
from kiosk.faces.camera.stream import StreamCamera
from kiosk.faces.exposure import ExposureKeeper
from kiosk.faces.vision.detector import Face
from kiosk.faces.vision.judgement import FrameJudgement
from kiosk.faces.vision.pad.sight import CameraFacts, Sight
from kiosk.faces.vision.pad.stream import StreamLayer, StreamRule
from kiosk.faces.vision.quality import Quality
from kiosk.sandbox.people.server import PeopleServer

FACE = Face(250.0, 150.0, 140.0, 180.0, 0.9, np.zeros((5, 2), np.float32))
FACTS = CameraFacts(true_clock=True, lit=False, exposure=True)
RULE = StreamRule(jitter_min_ms=0.0)
"""Their clock is virtual and even; that is not what is asked here."""
CHEEKS = (slice(200, 280), slice(270, 370))


@pytest.fixture
def run_dir(tmp_path, crowd):
    with PeopleServer(tmp_path / "run", crowd):
        yield tmp_path / "run"


def watched(run_dir, scene):
    """Play a scene to the stream layer; the middle of the picture stands for the face."""
    layer, levels = StreamLayer(FACTS, RULE), []
    with StreamCamera(run_dir, f"{scene}:frames=75") as camera:
        keeper = ExposureKeeper(camera, (layer,), lambda below: below // 2)
        for frame in camera.frames():
            keeper.before(frame)
            level = float(frame.image[CHEEKS].mean())
            levels.append(level)
            quality = Quality(60, 0, 0.55, 0, 0.3, level, 30)
            reason = Reason.TOO_DARK if level < 35 else None
            grey = frame.image[..., 1]
            layer.add(Sight(frame.at_ms, 1, frame.image, grey, 1.0, FACE, None, None))
            keeper.after(FrameJudgement(frame.index, frame.at_ms, 1, reason, FACE, quality))
    return layer.report(), levels, keeper.lets_shine


@pytest.mark.parametrize("person", [0, 3])
def test_a_customers_pictures_follow(run_dir, person):
    """The layer is proven, and the exposure ends as it began."""
    report, levels, shines = watched(run_dir, f"customer:{person}:seed=4")

    assert (report.verdict, shines) == (LayerVerdict.BONA_FIDE, True)
    assert levels[-1] == pytest.approx(levels[0], rel=0.12)


def test_an_injected_stream_does_not_follow(run_dir):
    """Noise, movement and all, but not this kiosk's camera: an attack."""
    report, _, _ = watched(run_dir, "customer:2:seed=3:injected")

    assert (report.verdict, report.why) == (LayerVerdict.ATTACK, "exposure_ignored")


def test_a_customer_whom_the_camera_leaves_dark_is_mended_and_proven(run_dir):
    """Dim at first, between the bounds then; and the random change is seen all the same."""
    report, levels, shines = watched(run_dir, "customer:3:seed=4:dim")

    assert levels[0] < 60.0
    assert levels[-1] >= 75.0
    assert (report.verdict, shines) == (LayerVerdict.BONA_FIDE, True)
