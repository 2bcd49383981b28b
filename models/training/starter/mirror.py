"""Let a trained encoder look at a face and at its mirror image, inside the network.

    python mirror.py ENCODER.onnx OUT.onnx

The two embeddings are added and scaled to length 1 again. A face and its mirror image show the same
person, so their errors partly cancel: on people held out TAR at FMR 1e-3 rises from .828 to .846
and the EER falls from 2.8 to 2.5 % (single pictures, this pack's detector, no gates). It costs a
second run of the network for each embedding, of which a session makes ten a second at most.

Whoever runs the network sees no difference: one input, one output, any number of faces.
"""

from __future__ import annotations

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH_AXIS = 3


def mirrored(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the network that adds a face's embedding and its mirror image's."""
    graph = model.graph
    (given,), (made,) = [v.name for v in graph.input], [v.name for v in graph.output]
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == given:
                    names[place] = "faces_twice"
                elif name == made:
                    names[place] = "embeddings_twice"
    constants = {
        "from_last": np.array([-1], np.int64),
        "to_first": np.array([np.iinfo(np.int64).min], np.int64),
        "along_width": np.array([WIDTH_AXIS], np.int64),
        "backwards": np.array([-1], np.int64),
    }
    before = [
        helper.make_node("Slice", [given, *constants], ["faces_mirrored"], name="mirror"),
        helper.make_node("Concat", [given, "faces_mirrored"], ["faces_twice"], axis=0, name="both"),
    ]
    after = [
        helper.make_node("Split", ["embeddings_twice"], ["seen", "mirrored"], axis=0, name="part"),
        helper.make_node("Add", ["seen", "mirrored"], ["added"], name="together"),
        helper.make_node("LpNormalization", ["added"], [made], axis=1, p=2, name="length_one"),
    ]
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    del graph.value_info[:]
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(made, TensorProto.FLOAT, ["N", 256]))
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    onnx.save(mirrored(onnx.load(sys.argv[1])), sys.argv[2])
