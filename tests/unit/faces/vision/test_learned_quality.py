"""The optional quality network: what goes in, when it is asked, and what its answer stops.

eDifFIQA's own file is not here; networks made in the test have its input and output.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

import numpy as np
import pytest
from insightface.data import get_image
from onnx import TensorProto, helper

from kiosk.domain.errors import SetupError
from kiosk.domain.evidence import Reason
from kiosk.faces.camera.port import Frame
from kiosk.faces.vision.learned_quality import LearnedQuality
from kiosk.faces.vision.pipeline import Pipeline
from models.manifest import SHIPPED_DIR, Stage, describe_pack, load_pack

RED, GREEN, BLUE = (np.eye(3)[i] for i in range(3))


def network(folder, channels, *, last="Identity", features=False):
    """A network that answers with the mean of its input, weighed by channel; returns its stage."""
    nodes = [
        helper.make_node("Conv", ["input", "weights"], ["seen"]),
        helper.make_node("GlobalAveragePool", ["seen"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node(last, ["flat"], ["quality"]),
    ]
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [1, 3, 1, 1], list(channels))
    outputs = [helper.make_tensor_value_info("quality", TensorProto.FLOAT, [1, 1])]
    if features:
        outputs.insert(
            0, helper.make_tensor_value_info("seen", TensorProto.FLOAT, [1, 1, 112, 112])
        )
    graph = helper.make_graph(
        nodes,
        "quality",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 112, 112])],
        outputs,
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    file = folder / "quality.onnx"
    file.write_bytes(model.SerializeToString())
    stage = describe_pack(SHIPPED_DIR / "open").quality
    assert isinstance(stage, Stage)
    return dataclasses.replace(stage, file=file)


def plain(blue, green, red):
    return np.full((112, 112, 3), (blue, green, red), np.uint8)


@pytest.mark.parametrize(
    ("channels", "expected"), [(RED, 1.0), (GREEN, -1.0), (BLUE, 2 * 51 / 255 - 1)]
)
def test_it_sees_rgb_from_minus_one_to_one(tmp_path, channels, expected):
    """As the zoo's `ediffiqa.py` gives it: BGR to RGB, then (x / 255 - .5) / .5."""
    asked = LearnedQuality(network(tmp_path, channels), least=0.0)

    assert asked.score(plain(51, 0, 255)) == pytest.approx(expected, abs=1e-4)


def test_features_beside_the_number_do_not_matter(tmp_path):
    """A network that also gives away its features is read all the same."""
    asked = LearnedQuality(network(tmp_path, RED, features=True), least=0.0)

    assert asked.score(plain(0, 0, 255)) == pytest.approx(1.0)


def test_what_is_not_finite_is_too_poor(tmp_path):
    """A broken answer never lets a picture through."""
    asked = LearnedQuality(network(tmp_path, RED, last="Log"), least=-5.0)

    assert asked.score(plain(0, 0, 10)) == 0.0
    least_of_all = LearnedQuality(network(tmp_path, RED, last="Log"), least=0.1)
    least_of_all.score(plain(0, 0, 10))
    assert least_of_all.is_poor


@pytest.mark.parametrize("change", [{"kind": "other"}, {"colour": "BGR"}])
def test_a_network_that_is_read_otherwise_is_refused(tmp_path, change):
    """A manifest of another kind is not guessed at."""
    stage = dataclasses.replace(network(tmp_path, RED), **change)

    with pytest.raises(SetupError) as refused:
        LearnedQuality(stage, least=0.0)

    assert refused.value.code == "quality_output_unclear"


@pytest.fixture(scope="module")
def portrait():
    """One person alone in a frame; it stays in memory."""
    alone = np.ascontiguousarray(get_image("t1")[119:661, 521:1063])
    alone[:130, 370:] = 128
    return alone


@pytest.fixture
def judging(tmp_path, portrait):
    """A function that opens the starter pack with a quality network and this least quality."""

    def open_pack(least):
        starter = load_pack(SHIPPED_DIR / "starter", verify=False)
        known = {} if least is None else {"quality_min": least}
        pack = dataclasses.replace(
            starter,
            quality=network(tmp_path, (1 / 3, 1 / 3, 1 / 3)),
            thresholds=MappingProxyType({**starter.thresholds, **known}),
        )
        pipeline = Pipeline(pack)
        return lambda at_ms, image=portrait: pipeline.judge(Frame(image, at_ms, at_ms)), pipeline

    return open_pack


def test_a_good_picture_passes_with_its_number(judging):
    """The number is told on the frames on which the network ran, and the encoder follows."""
    judge, _ = judging(-0.9)

    first, between = judge(0), judge(33)

    assert first.reason is None
    assert first.embedding is not None
    assert -1.0 <= first.quality.learned <= 1.0
    assert between.reason is None
    assert between.quality.learned is None
    assert "learned_quality" not in between.stages_ms


def test_a_poor_picture_does_not_count_until_a_better_one_was_seen(judging, portrait):
    """No embedding and no smile of it; PAD still ran; the verdict stands between two askings."""
    judge, _ = judging(-1.0)
    least = judge(0).quality.learned + 0.1
    judge, pipeline = judging(least)
    bright = np.clip(portrait.astype(np.int16) + 40, 0, 255).astype(np.uint8)

    poor, still, better = judge(0), judge(33), judge(100, bright)

    assert poor.reason is still.reason is Reason.POOR_PICTURE
    assert (poor.embedding, poor.smile_score) == (None, None)
    assert "encode" not in poor.stages_ms
    assert poor.pad_score is not None
    assert poor.quality.learned < least < better.quality.learned
    assert better.reason is None
    assert better.embedding is not None

    judge(200)
    pipeline.wipe()
    assert judge(233, bright).reason is None


def test_a_pack_with_the_network_must_say_its_limit(judging):
    """No figure is made up."""
    with pytest.raises(SetupError) as refused:
        judging(None)

    assert refused.value.code == "pack_threshold_missing"
