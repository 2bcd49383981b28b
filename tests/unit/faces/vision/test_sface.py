"""SFace is called as OpenCV calls it; SFace's own file is not here, OpenCV's class for it is.

`FaceRecognizerSF` takes any network of the same input, so it is the reference for both steps:
alignment, and what is fed to the network.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from insightface.data import get_image
from onnx import TensorProto, helper

from kiosk.domain.errors import SetupError
from kiosk.faces.opencv import cv2
from kiosk.faces.vision.detector import Face
from kiosk.faces.vision.encoder import Encoder, align, normalised
from models.manifest import SHIPPED_DIR, describe_pack

EYES_AND_MOUTH = np.array([[225, 235], [330, 240], [275, 305], [230, 360], [320, 365]], np.float32)


@pytest.fixture
def stage(tmp_path):
    """The manifest's stage with a network that answers with the mean of each channel."""
    graph = helper.make_graph(
        [
            # Neither name begins with Sub or Mul, by which insightface would know SFace's scaling.
            helper.make_node("GlobalAveragePool", ["data"], ["mean"], name="pool"),
            helper.make_node("Flatten", ["mean"], ["fc1"], name="flat"),
        ],
        "encoder",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])],
        [helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    file = tmp_path / "encoder.onnx"
    file.write_bytes(model.SerializeToString())
    return dataclasses.replace(describe_pack(SHIPPED_DIR / "open").encoder, file=file)


@pytest.fixture(scope="module")
def portrait():
    """One person; the picture stays in memory."""
    return np.ascontiguousarray(get_image("t1")[119:661, 521:1063])


def opencvs(file):
    return cv2.FaceRecognizerSF.create(str(file), "")


def test_the_network_is_fed_what_opencv_feeds_it(stage, portrait):
    """Raw RGB, whatever the first nodes are called: the same numbers up to their length."""
    aligned = align(portrait, Face(180, 150, 200, 260, 0.9, EYES_AND_MOUTH))

    ours = Encoder(stage).encode(aligned)

    theirs = opencvs(stage.file).feature(aligned).ravel()
    np.testing.assert_allclose(ours, normalised(theirs), atol=1e-5)
    np.testing.assert_allclose(theirs, aligned.mean(axis=(0, 1))[::-1], atol=0.1)


def test_a_real_encoder_gives_the_same_either_way(stage, portrait, shared):
    """MobileFace V2, which also has mean and scale inside, in SFace's place."""
    file = shared / "models" / "mobileface_identification_v2.onnx"
    aligned = align(portrait, Face(180, 150, 200, 260, 0.9, EYES_AND_MOUTH))

    ours = Encoder(dataclasses.replace(stage, file=file)).encode(aligned)

    theirs = normalised(opencvs(file).feature(aligned).ravel())
    assert float(ours @ theirs) > 0.9999


def test_the_face_is_aligned_as_opencv_aligns_it(stage, portrait):
    """Both bring the same five points to the same template; they differ by rounding only."""
    face = Face(180, 150, 200, 260, 0.9, EYES_AND_MOUTH)
    row = np.array([[180, 150, 200, 260, *EYES_AND_MOUTH.ravel(), 0.9]], np.float32)

    theirs = opencvs(stage.file).alignCrop(portrait, row)

    difference = np.abs(align(portrait, face).astype(int) - theirs.astype(int))
    assert difference.mean() < 1.0


def test_only_sface_is_believed_without_a_look(stage):
    """For any other encoder a guess that differs from the manifest is still refused."""
    with pytest.raises(SetupError) as refused:
        Encoder(dataclasses.replace(stage, kind="arcface"))

    assert refused.value.code == "encoder_input_unclear"
