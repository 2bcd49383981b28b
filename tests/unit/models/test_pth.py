"""Reading PyTorch's weights without PyTorch: the numbers come out, and nothing else gets in."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models import pth
from models.errors import PackFileError
from models.pth import read_state
from tests.fakes import torch_files
from tests.fakes.torch_files import archive, name, number, of, pickles, table, tensor, text

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(7)
STATE = {
    "module.conv1.conv.weight": RNG.normal(size=(4, 3, 3, 3)).astype(np.float32),
    "module.conv1.bn.weight": RNG.normal(size=4).astype(np.float32),
    "module.conv1.bn.num_batches_tracked": np.array(1234, np.int64),
}


@pytest.fixture
def refused(tmp_path: Path):
    """A function that writes bytes to a file and returns why they are refused."""

    def read(raw: bytes) -> str:
        file = tmp_path / "x.pth"
        file.write_bytes(raw)
        with pytest.raises(PackFileError) as caught:
            read_state(file)
        assert caught.value.code == "weights_unreadable"
        assert "--from DIR" in caught.value.mend
        return caught.value.message

    return read


@pytest.mark.parametrize(
    "raw", [archive(STATE), pickles(STATE), pickles(STATE, module="torch.cuda")]
)
def test_names_shapes_and_numbers_come_out(tmp_path: Path, raw: bytes) -> None:
    """Both formats, and tensors that were saved from a graphics card."""
    file = tmp_path / "x.pth"
    file.write_bytes(raw)

    found = read_state(file)

    assert list(STATE) == list(found)
    for key, array in STATE.items():
        assert array.dtype == found[key].dtype
        np.testing.assert_array_equal(array, found[key])


def test_nothing_is_called_that_a_pickle_names(refused, tmp_path: Path) -> None:
    """The classical attack, a name to import and call, is not even looked up."""
    mark = tmp_path / "mark"
    evil = b"\x80\x02" + name("os", "system") + of(text(f"touch {mark}")) + b"R."

    for raw in (archive({}, pickled=evil), evil):
        assert "os system" in refused(raw)
    assert not mark.exists()


@pytest.mark.parametrize(
    "pickled",
    [
        # A tensor's rebuilding with a storage that is none, and one called with a foreign name.
        b"\x80\x02" + name("torch._utils", "_rebuild_tensor_v2") + of(number(1)) + b"R.",
        b"\x80\x02" + name("torch", "FloatStorage") + of(number(1)) + b"R.",
        table({"x": of(text("storage"), number(3)) + b"Q"}),
        table({"x": number(3)}),
        b"\x80\x02K\x03.",
        b"\x80\x02}.",
        b"\x80\x04}.",
        b"\x80\x02" + b"N" * (pth.STEPS_MAX + 1) + b".",
        b"\x80\x02h\x05.",
        b"\x80\x02t.",
        b"\x80\x02.",
        b"",
    ],
)
def test_a_table_of_contents_that_is_no_state_is_refused(refused, pickled: bytes) -> None:
    """What weights have no need of is an error, whatever it is, and never a crash."""
    assert refused(archive({}, pickled=pickled))


@pytest.mark.parametrize("make", [archive, pickles])
def test_a_file_that_was_cut_anywhere_is_refused(refused, make) -> None:
    """However much is missing."""
    raw = make(STATE)

    for kept in np.linspace(0, len(raw) - 1, 40, dtype=int):
        assert refused(raw[:kept])


@pytest.mark.parametrize("make", [archive, pickles])
def test_whatever_bytes_are_changed_there_are_numbers_or_a_refusal(tmp_path: Path, make) -> None:
    """No damage comes out as another error, or as anything but arrays."""
    raw, file = make(STATE), tmp_path / "x.pth"
    rng = np.random.default_rng(11)
    refusals = 0

    for _ in range(600):
        damaged = bytearray(raw)
        for place in rng.integers(len(raw), size=3):
            damaged[place] = rng.integers(256)
        file.write_bytes(damaged)
        try:
            found = read_state(file)
        except PackFileError:
            refusals += 1
        else:
            assert all(array.dtype.name in {"float32", "int64"} for array in found.values())

    assert refusals > 300


def test_tensors_must_lie_in_their_storage_in_order(refused) -> None:
    """Views that overlap, reach beyond the storage or have no possible shape are refused."""
    turned = {"x": np.ones((3, 2), np.float32).T}
    beyond = {"x": tensor("0", np.ones(4, np.float32), legacy=False).replace(number(4), number(9))}

    assert "in order" in refused(archive(turned))
    assert refused(archive({"x": np.ones(4, np.float32)}, pickled=table(beyond)))
    assert "impossible shape" in refused(archive({"x": np.ones((0, 3), np.float32)}))


def test_a_packed_or_too_big_file_is_refused(refused, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few bytes must not become many."""
    assert "packed" in refused(archive(STATE, packing=zipfile.ZIP_DEFLATED))

    monkeypatch.setattr(pth, "FILE_BYTES_MAX", 100)
    assert "larger" in refused(archive(STATE))


def test_other_kinds_of_numbers_are_refused(refused, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what MiniFASNet's files hold: floats of 32 and integers of 64 bits."""
    monkeypatch.setitem(torch_files.KINDS, "float64", "DoubleStorage")

    assert "DoubleStorage" in refused(archive({"x": np.ones(3)}))


def test_a_storage_is_read_once_however_many_tensors_lie_in_it(tmp_path: Path) -> None:
    """A small file cannot ask for a copy of its numbers for each of thousands of names."""
    numbers = np.ones(1 << 16, np.float32)
    rows = {f"x{i}": tensor("0", numbers, legacy=False) for i in range(100)}
    file = tmp_path / "x.pth"
    file.write_bytes(archive({"x": numbers}, pickled=table(rows)))

    found = read_state(file)

    first = found["x0"]
    assert len(found) == 100
    assert all(np.shares_memory(first, array) for array in found.values())
