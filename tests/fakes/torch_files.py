"""Weights files as PyTorch writes them, made by hand: what a test needs of torch, without torch.

Operation by operation after `pickle`'s protocol 2: tensors in an ordered dictionary with the note
of versions that a `state_dict()` carries, in the zip archive and in the format before it.
"""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

KINDS = {"float32": "FloatStorage", "int64": "LongStorage"}


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def name(module: str, what: str) -> bytes:
    return f"c{module}\n{what}\n".encode()


def of(*values: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(values) + b"t"


EMPTY_ORDERED = name("collections", "OrderedDict") + b")R"


def tensor(key: str, array: NDArray[Any], *, legacy: bool, module: str = "torch") -> bytes:
    """A tensor, with its storage by reference."""
    view = [b"N"] if legacy else []
    kind = name(module, KINDS[array.dtype.name])
    storage = of(text("storage"), kind, text(key), text("cpu"), number(array.size), *view) + b"Q"
    strides = [stride // array.itemsize for stride in array.strides]
    parts = of(
        storage,
        number(0),
        of(*map(number, array.shape)),
        of(*map(number, strides)),
        b"\x89",
        EMPTY_ORDERED,
    )
    return name("torch._utils", "_rebuild_tensor_v2") + parts + b"R"


def table(items: Mapping[str, bytes]) -> bytes:
    """The pickle of a `state_dict()`; every value is also kept in the memo, as `pickle` does."""
    rows = b"".join(
        text(key) + b"r" + struct.pack("<I", place) + value
        for place, (key, value) in enumerate(items.items())
    )
    versions = b"}" + text("version") + b"K\x01s"
    note = b"}" + text("_metadata") + EMPTY_ORDERED + b"(" + text("") + versions + b"us"
    return b"\x80\x02" + EMPTY_ORDERED + b"(" + rows + b"u" + note + b"b."


def archive(
    state: Mapping[str, NDArray[Any]],
    *,
    pickled: bytes | None = None,
    packing: int = zipfile.ZIP_STORED,
) -> bytes:
    """A weights file of PyTorch 1.6 and later."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as zipped:
        rows = {
            key: tensor(str(i), one, legacy=False) for i, (key, one) in enumerate(state.items())
        }
        zipped.writestr("archive/data.pkl", table(rows) if pickled is None else pickled)
        zipped.writestr("archive/byteorder", "little")
        for i, one in enumerate(state.values()):
            zipped.writestr(f"archive/data/{i}", one.tobytes())
        zipped.writestr("archive/version", "3\n")
    return made.getvalue()


def pickles(state: Mapping[str, NDArray[Any]], *, module: str = "torch") -> bytes:
    """A weights file of the PyTorch before 1.6, as saved from the device `module` belongs to."""
    magic = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
    head = b"\x80\x02\x8a\x0a" + magic + b"." + b"\x80\x02M\xe9\x03."
    system = b"\x80\x02}(" + text("protocol_version") + b"M\xe9\x03" + text("little_endian")
    system += b"\x88" + text("type_sizes") + b"}" + text("int") + b"K\x04su."
    keys = {key: f"14{i:012}" for i, key in enumerate(state)}
    rows = {k: tensor(keys[k], one, legacy=True, module=module) for k, one in state.items()}
    listed = b"\x80\x02](" + b"".join(text(key) for key in sorted(keys.values())) + b"e."
    numbers = b"".join(
        struct.pack("<q", state[key].size) + state[key].tobytes()
        for key in sorted(keys, key=lambda key: keys[key])
    )
    return head + system + table(rows) + listed + numbers
