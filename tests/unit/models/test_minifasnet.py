"""MiniFASNet's graph, built from official weights: the same numbers as by hand and as exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from models.errors import PackFileError
from models.minifasnet import build, onnx_of
from tests.fakes.torch_files import archive, pickles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

EXPORTS = ("minifasnet_v2_2.7_80x80.onnx", "minifasnet_v1se_4.0_80x80.onnx")
BODIES = (("conv_23", "conv_3"), ("conv_34", "conv_4"), ("conv_45", "conv_5"))
EPSILON = 1e-5

State = dict[str, "NDArray[Any]"]


def small_state(*, se: bool) -> State:
    """A network of few channels with the official names, with one block in each body."""
    rng = np.random.default_rng(3)
    state: State = {}

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean"):
            state[f"{name}.{part}"] = rng.normal(size=width).astype(np.float32)
        state[f"{name}.running_var"] = rng.uniform(0.5, 2, width).astype(np.float32)
        state[f"{name}.num_batches_tracked"] = np.array(9, np.int64)

    def conv(name: str, bn: str, *shape: int) -> None:
        state[f"{name}.weight"] = rng.normal(0, 0.4, shape).astype(np.float32)
        norm(bn, shape[0])

    def block(name: str, *shape: int) -> None:
        conv(f"{name}.conv", f"{name}.bn", *shape)
        state[f"{name}.prelu.weight"] = rng.uniform(0, 0.5, shape[0]).astype(np.float32)

    def depth_wise(name: str) -> None:
        block(f"{name}.conv", 6, 4, 1, 1)
        block(f"{name}.conv_dw", 6, 1, 3, 3)
        conv(f"{name}.project.conv", f"{name}.project.bn", 4, 6, 1, 1)

    block("conv1", 4, 3, 3, 3)
    block("conv2_dw", 4, 1, 3, 3)
    for entry, body in BODIES:
        depth_wise(entry)
        depth_wise(f"{body}.model.0")
        if se:
            module = f"{body}.model.0.se_module"
            conv(f"{module}.fc1", f"{module}.bn1", 2, 4, 1, 1)
            conv(f"{module}.fc2", f"{module}.bn2", 4, 2, 1, 1)
    block("conv_6_sep", 8, 4, 1, 1)
    conv("conv_6_dw.conv", "conv_6_dw.bn", 8, 1, 5, 5)
    state["linear.weight"] = rng.normal(0, 0.3, (5, 8)).astype(np.float32)
    norm("bn", 5)
    state["prob.weight"] = rng.normal(0, 0.3, (3, 5)).astype(np.float32)
    return state


class ByHand:
    """The authors' forward pass in plain numpy, for one picture."""

    def __init__(self, state: State) -> None:
        self.state = state

    def conv(self, x: NDArray, name: str, bn: str, stride: int = 1, pad: int = 0) -> NDArray:
        weight = self.state[f"{name}.weight"].astype(np.float64)
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
        seen = sliding_window_view(x, weight.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
        if weight.shape[1] == 1:
            return self.norm(np.einsum("chwij,cij->chw", seen, weight[:, 0]), bn)
        return self.norm(np.einsum("chwij,ocij->ohw", seen, weight), bn)

    def norm(self, x: NDArray, name: str) -> NDArray:
        shape = (-1,) + (1,) * (x.ndim - 1)
        weight, bias, mean, var = (
            self.state[f"{name}.{part}"].astype(np.float64).reshape(shape)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(var + EPSILON) * weight + bias

    def block(self, x: NDArray, name: str, stride: int = 1, pad: int = 0) -> NDArray:
        x = self.conv(x, f"{name}.conv", f"{name}.bn", stride, pad)
        slope = self.state[f"{name}.prelu.weight"][:, None, None]
        return np.where(x > 0, x, slope * x)

    def depth_wise(self, x: NDArray, name: str, stride: int = 1) -> NDArray:
        x = self.block(x, f"{name}.conv")
        x = self.block(x, f"{name}.conv_dw", stride, 1)
        x = self.conv(x, f"{name}.project.conv", f"{name}.project.bn")
        module = f"{name}.se_module"
        if f"{module}.fc1.weight" not in self.state:
            return x
        weight = x.mean(axis=(1, 2), keepdims=True)
        weight = np.maximum(self.conv(weight, f"{module}.fc1", f"{module}.bn1"), 0)
        weight = self.conv(weight, f"{module}.fc2", f"{module}.bn2")
        return x / (1 + np.exp(-weight))

    def probs(self, x: NDArray) -> NDArray:
        x = self.block(x, "conv1", 2, 1)
        x = self.block(x, "conv2_dw", 1, 1)
        for entry, body in BODIES:
            x = self.depth_wise(x, entry, 2)
            x = x + self.depth_wise(x, f"{body}.model.0")
        x = self.block(x, "conv_6_sep")
        x = self.conv(x, "conv_6_dw.conv", "conv_6_dw.bn").ravel()
        x = self.norm(self.state["linear.weight"] @ x, "bn")
        x = np.exp(self.state["prob.weight"] @ x)
        return x / x.sum()


def runner(model: bytes | str) -> Callable[[NDArray], NDArray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return lambda x: session.run(["probs"], {"input": x})[0]


def pictures(count: int) -> Iterator[NDArray]:
    rng = np.random.default_rng(1)
    for _ in range(count):
        yield rng.uniform(0, 255, (1, 3, 80, 80)).astype(np.float32)


@pytest.mark.parametrize("se", [False, True])
def test_the_graph_computes_what_the_authors_code_computes(*, se: bool) -> None:
    """With and without squeeze-and-excitation, against numpy, and the classes add up to one."""
    state = small_state(se=se)
    run = runner(build(state))

    for picture in pictures(2):
        expected = ByHand(state).probs(picture[0].astype(np.float64) / 64)
        np.testing.assert_allclose(run(picture / 64)[0], expected, atol=1e-5)
    assert run(np.concatenate(list(pictures(3)))).shape == (3, 3)


def test_the_prefix_of_training_on_several_cards_does_not_matter() -> None:
    """The authors' files say `module.` before every name."""
    state = small_state(se=True)

    assert build(state) == build({f"module.{name}": array for name, array in state.items()})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"conv_4.model.0.conv.bn.bias": None}, "conv_4.model.0.conv.bn.bias"),
        ({"prob.weight": None}, "prob.weight"),
        ({"extra.weight": np.ones(2, np.float32)}, "extra.weight"),
        ({"prob.weight": np.ones((4, 5), np.float32)}, "4 outputs"),
        ({"linear.weight": np.ones((5, 9), np.float32)}, "do not fit"),
        ({"bn.bias": np.full(5, np.nan, np.float32)}, "bn.bias"),
        ({"bn.bias": np.ones(5, np.int64)}, "bn.bias"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, change: State, what: str) -> None:
    """Missing, left over, of another shape, not finite: no graph is made of that."""
    state = small_state(se=False) | change
    file = tmp_path / "x.pth"
    file.write_bytes(archive({k: v for k, v in state.items() if v is not None}))

    with pytest.raises(PackFileError) as caught:
        onnx_of(file)

    assert caught.value.code == "weights_unknown"
    assert what in caught.value.message


def official(file: Path) -> State:
    """The arrays of an export under their official names; what was folded in becomes a bias."""
    graph = onnx.load(file).graph
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    state: State = {}

    def norm(name: str, weight: NDArray, bias: NDArray, mean: NDArray, var: NDArray) -> None:
        parts = zip(("weight", "bias", "running_mean", "running_var"), (weight, bias, mean, var))  # noqa: B905
        state.update({f"{name}.{part}": np.asarray(value, np.float32) for part, value in parts})
        state[f"{name}.num_batches_tracked"] = np.array(1, np.int64)

    for node in graph.node:
        # "/0/conv_3/model/model.0/conv/conv/Conv_output_0" is conv_3.model.0.conv.conv.
        name = ".".join(node.output[0].split("/")[2:-1]).replace("model.model.", "model.")
        given = [arrays[one] for one in node.input if one in arrays]
        match node.op_type:
            case "Conv":
                weight, bias = given
                state[f"{name}.weight"] = weight
                above, _, own = name.rpartition(".")
                one, zero = np.ones(len(bias)), np.zeros(len(bias))
                bn = f"{above}.{own.replace('fc', 'bn') if own.startswith('fc') else 'bn'}"
                norm(bn, np.sqrt(one + EPSILON), bias, zero, one)
            case "PRelu":
                state[f"{name}.weight"] = given[0].ravel()
            case "MatMul":
                state[f"{name}.weight"] = np.ascontiguousarray(given[0].T)
            case "BatchNormalization":
                norm("bn", *given)
    return state


@pytest.mark.parametrize("make", [archive, pickles])
@pytest.mark.parametrize("export", EXPORTS)
def test_it_answers_as_the_authors_network_does(shared, tmp_path: Path, export, make) -> None:
    """The exports' own arrays, written as .pth and converted: equal to a millionth on noise."""
    state = {f"module.{name}": a for name, a in official(shared / "models" / export).items()}
    file = tmp_path / "x.pth"
    file.write_bytes(make(state))

    ours, theirs = runner(onnx_of(file)), runner(str(shared / "models" / export))

    for picture in pictures(5):
        np.testing.assert_allclose(ours(picture), theirs(picture), atol=1e-6)
