"""Sessions for model files: ONNX as it lies there, official PyTorch weights by way of a graph."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kiosk.domain.errors import SetupError
from kiosk.faces.vision.detector import Face
from kiosk.faces.vision.pad.passive import PassivePad
from kiosk.faces.vision.runtime import open_session
from models.manifest import SHIPPED_DIR, describe_pack
from models.minifasnet import build
from tests.fakes.torch_files import pickles
from tests.unit.models.test_minifasnet import small_state


@pytest.fixture
def weights(tmp_path):
    """A small network's numbers as an official file, and the same as a graph."""
    state = small_state(se=True)
    file = tmp_path / "x.pth"
    file.write_bytes(pickles({f"module.{name}": array for name, array in state.items()}))
    graph = tmp_path / "x.onnx"
    graph.write_bytes(build(state))
    return file, graph


def test_pad_scores_the_same_with_official_weights_as_with_a_graph(weights):
    """The stage's file may be either; nothing else about it differs."""
    first, _ = describe_pack(SHIPPED_DIR / "open").pad
    picture = np.random.default_rng(2).integers(0, 255, (240, 320, 3), np.uint8)
    face = Face(100, 60, 90, 110, 0.9, np.zeros((5, 2), np.float32))

    scores = {
        PassivePad((dataclasses.replace(first, file=file),)).score(picture, face)
        for file in weights
    }

    assert len(scores) == 1
    assert 0.0 <= scores.pop() <= 1.0


@pytest.mark.parametrize("name", ["x.pth", "x.onnx"])
def test_a_file_that_is_no_network_is_refused_with_a_sentence(tmp_path, name):
    """Whichever kind: staff are told what to run."""
    (tmp_path / name).write_bytes(b"nothing of the kind")

    with pytest.raises(SetupError) as refused:
        open_session(tmp_path / name)

    assert refused.value.code == "model_unreadable"
    assert "models verify" in refused.value.mend
