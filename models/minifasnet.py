"""Makes the ONNX graph of a MiniFASNet out of its official PyTorch weights.

The official files (minivision-ai/Silent-Face-Anti-Spoofing) hold numbers and names, no graph. The
graph is written down here: all widths come from the arrays' shapes, the squeeze-and-excitation
modules from their presence, so that V2 and V1SE are one builder. At the end stands the softmax
that the authors apply to the output. Input and output are those of the ready-made exports.

Nothing is folded or rounded: ONNX Runtime fuses convolution and normalisation itself. An array
that is missing, left over or of another shape is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.errors import PackFileError
from models.pth import read_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

INPUT: Final = "input"
OUTPUT: Final = "probs"
SIDE: Final = 80
CLASSES: Final = 3

_OPSET: Final = 17
_IR_VERSION: Final = 8
_EPSILON: Final = 1e-5  # torch.nn.BatchNorm2d's default, which the authors use
_BLOCKS_MAX: Final = 16
_PREFIX: Final = "module."  # the authors saved a DataParallel model
_COUNTER: Final = "num_batches_tracked"


def onnx_of(file: Path) -> bytes:
    """Return the ONNX model of an official weights file whose hash has been checked.

    Raises:
        PackFileError: `weights_unreadable` or `weights_unknown`.
    """
    try:
        return build(read_state(file))
    except (KeyError, ValueError) as error:
        raise PackFileError(
            f"The weights file {file.name} is not MiniFASNet's ({error}).",
            code="weights_unknown",
            mend="Get the file again, or give the folder of the ready-made .onnx export with"
            " `--from DIR`.",
        ) from error


def build(state: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the ONNX model of the named arrays.

    Raises:
        KeyError: An array is missing.
        ValueError: An array is left over, of another shape or not finite.
    """
    graph = _Graph({name.removeprefix(_PREFIX): array for name, array in state.items()})
    x = graph.block(INPUT, "conv1", stride=2)
    x = graph.block(x, "conv2_dw")
    for entry, body in (("conv_23", "conv_3"), ("conv_34", "conv_4"), ("conv_45", "conv_5")):
        x = graph.depth_wise(x, entry, stride=2)
        for number in range(_BLOCKS_MAX):
            name = f"{body}.model.{number}"
            if graph.has(f"{name}.conv.conv.weight"):
                x = graph.add("Add", [x, graph.depth_wise(x, name)])
    x = graph.block(x, "conv_6_sep")
    x = graph.convolution(x, "conv_6_dw.conv", "conv_6_dw.bn", padding=0)
    x = graph.add("Flatten", [x], axis=1)
    x = graph.linear(x, "linear")
    x = graph.normalised(x, "bn")
    x = graph.linear(x, "prob", width=CLASSES)
    graph.add("Softmax", [x], output=OUTPUT, axis=1)
    return graph.model()


class _Graph:
    """Collects nodes and arrays; every array is taken once."""

    def __init__(self, state: dict[str, NDArray[Any]]) -> None:
        self._left = {k: v for k, v in state.items() if not k.endswith(_COUNTER)}
        self._nodes: list[onnx.NodeProto] = []
        self._arrays: list[onnx.TensorProto] = []

    def has(self, name: str) -> bool:
        return name in self._left

    def add(self, operation: str, inputs: list[str], *, output: str = "", **how: Any) -> str:
        output = output or f"x{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, inputs, [output], **how))
        return output

    def block(self, x: str, name: str, *, stride: int = 1) -> str:
        """Convolution, normalisation, PReLU."""
        x = self.convolution(x, f"{name}.conv", f"{name}.bn", stride=stride)
        slope = self._take(f"{name}.prelu.weight", dims=1)
        # One slope a channel: ONNX aligns shapes from the right.
        return self.add("PRelu", [x, self._keep(f"{name}.prelu", slope[:, None, None])])

    def depth_wise(self, x: str, name: str, *, stride: int = 1) -> str:
        """Widen, filter each channel, narrow, and weigh the channels where the file does."""
        x = self.block(x, f"{name}.conv")
        x = self.block(x, f"{name}.conv_dw", stride=stride)
        x = self.convolution(x, f"{name}.project.conv", f"{name}.project.bn")
        if not self.has(f"{name}.se_module.fc1.weight"):
            return x
        module = f"{name}.se_module"
        weight = self.add("GlobalAveragePool", [x])
        weight = self.convolution(weight, f"{module}.fc1", f"{module}.bn1")
        weight = self.add("Relu", [weight])
        weight = self.convolution(weight, f"{module}.fc2", f"{module}.bn2")
        return self.add("Mul", [x, self.add("Sigmoid", [weight])])

    def convolution(
        self, x: str, conv: str, bn: str, *, stride: int = 1, padding: int | None = None
    ) -> str:
        weight = self._take(f"{conv}.weight", dims=4)
        outputs, inputs, height, width = weight.shape
        pad = height // 2 if padding is None else padding
        x = self.add(
            "Conv",
            [x, self._keep(conv, weight)],
            kernel_shape=[height, width],
            strides=[stride, stride],
            pads=[pad] * 4,
            # A network of this family convolves all channels, or each one by itself.
            group=outputs if inputs == 1 else 1,
        )
        return self.normalised(x, bn)

    def normalised(self, x: str, name: str) -> str:
        parts = ("weight", "bias", "running_mean", "running_var")
        names = [
            self._keep(f"{name}.{part}", self._take(f"{name}.{part}", dims=1)) for part in parts
        ]
        return self.add("BatchNormalization", [x, *names], epsilon=_EPSILON)

    def linear(self, x: str, name: str, *, width: int | None = None) -> str:
        weight = self._take(f"{name}.weight", dims=2)
        if width is not None and weight.shape[0] != width:
            message = f"{name} has {weight.shape[0]} outputs, and {width} are expected"
            raise ValueError(message)
        return self.add("Gemm", [x, self._keep(name, weight)], transB=1)

    def model(self) -> bytes:
        if self._left:
            message = f"{min(self._left)} belongs to no layer"
            raise ValueError(message)
        shape: list[str | int | None] = ["n", 3, SIDE, SIDE]
        graph = helper.make_graph(
            self._nodes,
            "minifasnet",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", CLASSES])],
            self._arrays,
        )
        model = helper.make_model(
            graph, producer_name="smiletill", opset_imports=[helper.make_opsetid("", _OPSET)]
        )
        model.ir_version = _IR_VERSION
        # Shapes are followed through every layer, so that widths that do not fit are seen here.
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            message = "its layers do not fit together"
            raise ValueError(message) from error
        return bytes(model.SerializeToString())

    def _take(self, name: str, *, dims: int) -> NDArray[np.float32]:
        array = self._left.pop(name)
        if array.dtype != np.float32 or array.ndim != dims or not np.isfinite(array).all():
            message = f"{name} is not a finite array of {dims} dimensions"
            raise ValueError(message)
        return array

    def _keep(self, name: str, array: NDArray[np.float32]) -> str:
        self._arrays.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name
