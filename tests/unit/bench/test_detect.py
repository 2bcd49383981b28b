"""Agreement of two detectors, counted on boxes made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kiosk.bench.detect import Agreement, iou, landmark_error
from kiosk.faces.vision.detector import Face


def face(x=0.0, y=0.0, side=100.0, score=0.9, shift=0.0):
    points = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
    return Face(x, y, side, side, score, points * side / 100 + (x, y) + (shift, 0))


def test_overlap_of_boxes():
    """Half a box aside: a third."""
    assert iou(face(), face()) == 1.0
    assert iou(face(), face(x=50)) == pytest.approx(1 / 3)
    assert iou(face(), face(x=200)) == 0.0


def test_landmark_error_is_in_eye_distances():
    """Two pixels aside at forty pixels between the eyes."""
    assert landmark_error(face(), face(shift=2)) == pytest.approx(0.05)


def test_found_missed_and_false_faces():
    """One found, one missed, one invented, one too small to count."""
    seen = Agreement.empty()
    seen.add([face()], [face()], [face(x=5)], 60)
    seen.add([face(), face(x=300, side=40)], [face()], [], 60)
    seen.add([], [], [face()], 60)
    keys = seen.as_keys()

    assert (keys["n_frames"], keys["n_faces"]) == (3, 2)
    assert keys["recall_vs_reference"] == 0.5
    assert keys["landmark_error"] == pytest.approx(5 / 40)
    assert keys["false_per_frame"] == pytest.approx(1 / 3, abs=1e-4)


def test_what_the_reference_suspects_is_no_false_face():
    """A face it is not sure of is neither to be found nor false."""
    seen = Agreement.empty()
    seen.add([], [face(score=0.5)], [face()], 60)

    assert seen.as_keys()["false_per_frame"] == 0.0
    assert seen.as_keys()["recall_vs_reference"] is None
