"""Reads the numbers out of a PyTorch weights file (`.pth`) without PyTorch and without `pickle`.

Such a file is a pickle, and a pickle can call anything. Here it cannot: its operations are
interpreted one by one, those below and no others, and the only names that mean something are an
ordered dictionary, a tensor's rebuilding and two kinds of storage. Nothing is imported, called or
built for any other name; whatever is not expected is refused.

Both formats are read: the zip archive (PyTorch 1.6 and later) and the four pickles in a row before
it. The file's hash is checked elsewhere, before; these limits hold for any file all the same.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.errors import PackFileError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# MiniFASNet's files are under 2 MB with about 300 tensors; each limit leaves a wide margin.
FILE_BYTES_MAX: Final = 1 << 24
PICKLE_BYTES_MAX: Final = 1 << 20
STEPS_MAX: Final = 100_000
TENSORS_MAX: Final = 4_096
DIMS_MAX: Final = 8

_LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C  # torch/serialization.py, MAGIC_NUMBER
_LEGACY_PROTOCOL: Final = 1001
_STORAGES: Final[dict[str, np.dtype[Any]]] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch.cuda FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
    "torch.cuda LongStorage": np.dtype("<i8"),
}
_DICTIONARY: Final = "collections OrderedDict"
_TENSOR: Final = "torch._utils _rebuild_tensor_v2"
_NAMES: Final = frozenset({_DICTIONARY, _TENSOR, *_STORAGES})
_MARK: Final = object()
# What `zipfile` and `pickletools` raise for files that are none of theirs, besides our own.
_DAMAGE: Final = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,
    EOFError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, slots=True)
class _Name:
    """A name that the pickle mentions; never looked up anywhere."""

    text: str


@dataclass(frozen=True, slots=True)
class _Storage:
    """A stretch of numbers that lies elsewhere in the file."""

    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A part of a storage in a shape."""

    storage: _Storage
    first: int
    shape: tuple[int, ...]


class _BadFileError(ValueError):
    """The file is not what is expected; the text says in what."""


def read_state(file: Path) -> dict[str, NDArray[Any]]:
    """Return the named arrays of a weights file, in its order.

    Raises:
        PackFileError: `weights_unreadable`; it is too big, damaged or holds anything else.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(FILE_BYTES_MAX + 1)
        if len(raw) > FILE_BYTES_MAX:
            raise _BadFileError(f"is larger than {FILE_BYTES_MAX} bytes")
        is_zip = raw.startswith(b"PK\x03\x04")
        tensors, numbers = _of_archive(raw) if is_zip else _of_pickles(raw)
        return {name: _array(tensor, numbers) for name, tensor in tensors.items()}
    except _DAMAGE as error:
        why = str(error) if isinstance(error, _BadFileError) else f"is damaged ({error})"
        raise PackFileError(
            f"The weights file {file.name} {why}.",
            code="weights_unreadable",
            mend="Get the file again, or give the folder of the ready-made .onnx export with"
            " `--from DIR`.",
        ) from error


def _of_archive(raw: bytes) -> tuple[dict[str, _Tensor], Callable[[_Storage], bytes]]:
    archive = zipfile.ZipFile(io.BytesIO(raw))
    entries = {entry.filename: entry for entry in archive.infolist()}
    roots = [name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl")]
    if len(roots) != 1 or len(entries) > TENSORS_MAX:
        raise _BadFileError("is no archive of PyTorch weights")

    def stored(name: str, most: int) -> bytes:
        entry = entries[roots[0] + name]
        # Stored as it is, so that no few bytes become many.
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > most:
            raise _BadFileError(f"has an entry {name!r} that is packed or too big")
        return archive.read(entry)

    if roots[0] + "byteorder" in entries and stored("byteorder", 16) != b"little":
        raise _BadFileError("has its numbers in another byte order")
    tensors = _state(_run(io.BytesIO(stored("data.pkl", PICKLE_BYTES_MAX))))
    # Each storage is read once, however many tensors say that they lie in it.
    keys = {tensor.storage.key for tensor in tensors.values()}
    parts = {key: stored(f"data/{key}", FILE_BYTES_MAX) for key in keys}
    return tensors, lambda storage: parts[storage.key]


def _of_pickles(raw: bytes) -> tuple[dict[str, _Tensor], Callable[[_Storage], bytes]]:
    stream = io.BytesIO(raw)
    if (_run(stream), _run(stream)) != (_LEGACY_MAGIC, _LEGACY_PROTOCOL):
        raise _BadFileError("does not begin as PyTorch weights do")
    system = _run(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise _BadFileError("has its numbers in another byte order")
    tensors = _state(_run(stream))
    keys = _run(stream)
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if not isinstance(keys, list) or len(keys) != len(storages) or set(keys) != set(storages):
        raise _BadFileError("names storages that it does not hold")
    parts: dict[str, bytes] = {}
    for key in keys:
        # Before each storage stands how many numbers it has.
        if int.from_bytes(stream.read(8), "little") != storages[key].count:
            raise _BadFileError("has a storage of another length than it says")
        parts[key] = stream.read(storages[key].count * storages[key].dtype.itemsize)
    return tensors, lambda storage: parts[storage.key]


def _array(tensor: _Tensor, numbers: Callable[[_Storage], bytes]) -> NDArray[Any]:
    storage = tensor.storage
    raw = numbers(storage)
    if len(raw) != storage.count * storage.dtype.itemsize:
        raise _BadFileError("ends before its numbers do")
    count = int(np.prod(tensor.shape, dtype=np.int64))
    flat = np.frombuffer(raw, storage.dtype)
    if tensor.first + count > storage.count:
        raise _BadFileError("has a tensor that reaches beyond its storage")
    return flat[tensor.first : tensor.first + count].reshape(tensor.shape)


def _state(value: object) -> dict[str, _Tensor]:
    if not isinstance(value, dict) or not 1 <= len(value) <= TENSORS_MAX:
        raise _BadFileError("holds something else than named tensors")
    found: dict[str, _Tensor] = {}
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise _BadFileError("holds something else than named tensors")
        found[name] = tensor
    return found


def _run(stream: io.BytesIO) -> object:
    """Interpret one pickle from where the stream stands to its end."""
    begun = stream.tell()
    stack: list[Any] = []
    memo: dict[Any, object] = {}
    for step, (operation, argument, _) in enumerate(pickletools.genops(stream)):
        if step >= STEPS_MAX or stream.tell() - begun > PICKLE_BYTES_MAX:
            raise _BadFileError("has too long a table of contents")
        match operation.name:
            case "STOP":
                return stack.pop()
            case "PROTO" if argument == 2:
                pass
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "BUILD":
                # What PyTorch notes about the dictionary's versions; not needed.
                stack.pop()
            case name if name in _VALUES:
                stack.append(_VALUES[name](argument))
            case name if name in _CHANGES:
                _CHANGES[name](stack)
            case name:
                raise _BadFileError(f"wants {name}, which weights have no need of")
    raise _BadFileError("ends before its table of contents does")


def _name(argument: Any) -> _Name:
    if argument not in _NAMES:
        raise _BadFileError(f"names {argument!r}, which weights have no need of")
    return _Name(argument)


def _plain(argument: Any) -> Any:
    return argument


_VALUES: Final[dict[str, Callable[[Any], Any]]] = {
    "MARK": lambda _: _MARK,
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    "BININT": _plain,
    "BININT1": _plain,
    "BININT2": _plain,
    "LONG1": _plain,
    "BINUNICODE": _plain,
    "GLOBAL": _name,
}


def _since_mark(stack: list[Any]) -> list[Any]:
    for place in range(len(stack) - 1, -1, -1):
        if stack[place] is _MARK:
            values = stack[place + 1 :]
            del stack[place:]
            return values
    raise _BadFileError("is damaged")


def _pairs(values: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(values[::2], values[1::2], strict=True)


def _set_items(stack: list[Any], values: list[Any]) -> None:
    if not isinstance(stack[-1], dict):
        raise _BadFileError("is damaged")
    stack[-1].update(_pairs(values))


def _set_item(stack: list[Any]) -> None:
    value, key = stack.pop(), stack.pop()
    _set_items(stack, [key, value])


def _appends(stack: list[Any], values: list[Any]) -> None:
    if not isinstance(stack[-1], list):
        raise _BadFileError("is damaged")
    stack[-1].extend(values)


def _append(stack: list[Any]) -> None:
    value = stack.pop()
    _appends(stack, [value])


def _tuple_of(count: int) -> Callable[[list[Any]], None]:
    def change(stack: list[Any]) -> None:
        if len(stack) < count:
            raise _BadFileError("is damaged")
        values = tuple(stack[len(stack) - count :])
        del stack[len(stack) - count :]
        stack.append(values)

    return change


def _persistent(stack: list[Any]) -> None:
    """Note a storage: ("storage", kind, key, where it lay, how many numbers, perhaps a view)."""
    match stack.pop():
        case ("storage", _Name(kind), str(key), str(), int(count), *view) if (
            kind in _STORAGES and 0 <= count <= FILE_BYTES_MAX and view in ([], [None])
        ):
            stack.append(_Storage(key, _STORAGES[kind], count))
        case _:
            raise _BadFileError("has a storage of an unknown kind")


def _reduce(stack: list[Any]) -> None:
    """Make what may be made: an empty dictionary, or a tensor that lies without gaps."""
    arguments, name = stack.pop(), stack.pop()
    match name, arguments:
        case _Name(text), () if text == _DICTIONARY:
            stack.append({})
        case (
            _Name(text),
            (_Storage() as storage, int(first), tuple(shape), tuple(strides), bool(), dict() as h),
        ) if text == _TENSOR and not h and first >= 0:
            if not _lies_in_order(shape, strides):
                raise _BadFileError("has a tensor that does not lie in order")
            stack.append(_Tensor(storage, first, shape))
        case _:
            raise _BadFileError("builds something that weights have no need of")


def _lies_in_order(shape: tuple[Any, ...], strides: tuple[Any, ...]) -> bool:
    if len(shape) > DIMS_MAX or not all(type(n) is int and 1 <= n < 1 << 20 for n in shape):
        raise _BadFileError("has a tensor of an impossible shape")
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        # Where there is only one, nobody ever takes the step to the next.
        if size > 1 and stride != step:
            return False
        step *= size
    return True


_CHANGES: Final[dict[str, Callable[[list[Any]], None]]] = {
    "TUPLE": lambda stack: stack.append(tuple(_since_mark(stack))),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "SETITEM": _set_item,
    "SETITEMS": lambda stack: _set_items(stack, _since_mark(stack)),
    "APPEND": _append,
    "APPENDS": lambda stack: _appends(stack, _since_mark(stack)),
    "BINPERSID": _persistent,
    "REDUCE": _reduce,
}
