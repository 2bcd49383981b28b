"""Real webcam frames put into the dark and before a bright room: what is told, and what is mended.

The optics are plain (light to the power of 1 / 2.2, no more noise than the frames have), so this
shows that reasons and steps fit real faces; it is no measurement of a camera.
"""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.domain.evidence import Reason
from kiosk.domain.metering import GAMMA, Metering, MeteringRule, step
from kiosk.faces.camera.pictures import read_picture
from kiosk.faces.camera.port import Frame
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.pipeline import Pipeline
from models.manifest import SHIPPED_DIR, load_pack

pytestmark = pytest.mark.vision

LIGHT = {Reason.TOO_DARK, Reason.BACKLIT, Reason.LOW_CONTRAST}


@pytest.fixture(scope="module")
def pipeline():
    with Pipeline(load_pack(SHIPPED_DIR / "starter")) as made:
        yield made


def lit(image, times):
    """Return the picture with so many times the light."""
    return np.clip(255 * ((image / 255.0) ** GAMMA * times) ** (1 / GAMMA), 0, 255)


def dark(image, _head):
    return lambda times: lit(image, times / 16)


def backlit(image, head):
    """Person in the shade, room in the sun."""
    return lambda times: lit(image, times / 24) * head + lit(image, 3 * times) * (1 - head)


@pytest.fixture(scope="module")
def people(shared, pipeline):
    """A frame of each live sequence with a face in usual light, and where its head is."""
    found = []
    for folder in sorted(path for path in (shared / "pad" / "client").iterdir() if path.is_dir()):
        image = read_picture(sorted(folder.glob("*.jpg"))[10])
        face, quality = (judged(pipeline, image).face, judged(pipeline, image).quality)
        if face is None or not 80.0 <= quality.luminance <= 200.0:
            continue
        head = np.zeros(image.shape[:2], np.float32)
        middle = (round(face.x + face.width / 2), round(face.y + face.height / 2))
        axes = (round(0.8 * face.width), round(0.9 * face.height))
        cv2.ellipse(head, middle, axes, 0, 0, 360, 1.0, -1)
        found.append((image.astype(np.float64), cv2.GaussianBlur(head, (0, 0), 6)[..., None]))
    return found


def judged(pipeline, image):
    pipeline.wipe()
    return pipeline.judge(Frame(np.asarray(image, np.uint8), 0, 0))


@pytest.mark.parametrize(("scene", "reason"), [(dark, Reason.TOO_DARK), (backlit, Reason.BACKLIT)])
def test_the_light_is_named_and_a_camera_that_can_be_set_mends_it(pipeline, people, scene, reason):
    """A folder can only ask, in words that fit; most faces are comparable after a few steps."""
    told, mended = [], []
    for image, head in people:
        shown = scene(image, head)
        metering, seen = Metering(), judged(pipeline, shown(1.0))
        told.append(seen.reason)
        while seen.quality is not None:
            before, metering = metering, step(metering, seen.quality.luminance, MeteringRule())
            if metering.times == before.times:
                break
            seen = judged(pipeline, shown(metering.times))
        mended.append(seen.reason)

    assert len(told) >= 4
    refused = [one for one in told if one not in {None, Reason.NO_FACE}]
    assert refused.count(reason) * 2 > len(refused) > 0
    assert set(refused) <= LIGHT
    assert mended.count(None) > told.count(None)
    assert mended.count(None) + mended.count(Reason.NO_FACE) >= len(people) - 1
