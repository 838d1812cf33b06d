"""Read and write safetensors files; a hostile or damaged file is refused before any of it is believed.

    8 bytes: length n of the header, little endian · n bytes: JSON {name: {dtype, shape, data_offsets}} · the data

Checked first, from the header alone: its length is bounded and fits the file; each name stands once; dtype and shape
are known and agree with the number of bytes; the tensors cover the data from its first to its last byte without
overlap or gap. So reading never leaves the file, and no count in it can ask for more memory than the file is long.
A pickle (the other format of weights, which runs code when it is opened) is told by its first bytes and refused.
Cost: the header is parsed once; tensors are copied from a memory map as they are asked for.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whelm.core.errors import CorruptError, MissingError, ModelError

__all__ = ["TensorEntry", "read_header", "read_tensors", "write_tensors"]

MAX_HEADER_BYTES = 16 * 1024 * 1024
"""The library's own bound is 100 MB; a model of 10,000 tensors needs 1 MB, and JSON takes tenfold once parsed."""
MAX_DIMENSIONS = 16

_NUMPY_TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
_PICKLE_STARTS = {b"PK\x03\x04": "a zip archive (torch.save)", b"\x80": "a pickle"}
_NO_PICKLES = "use the .safetensors file of the same model; whelm opens no format that can run code"


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor as the header describes it; `start` and `end` count bytes of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(path: str | Path) -> tuple[dict[str, TensorEntry], dict[str, str]]:
    """The tensors of a file by name, in the order of their data, and the file's own notes (`__metadata__`)."""
    path = Path(path)
    if not path.is_file():
        raise MissingError(f"no safetensors file at {path}")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        _refuse_pickle(start, path)
        if len(start) < 8:
            raise _damaged(path, f"at least 8 bytes expected, found {size}")
        length = int.from_bytes(start, "little")
        if length > MAX_HEADER_BYTES:
            raise _damaged(path, f"a header of at most {MAX_HEADER_BYTES} bytes expected, {length} announced")
        if 8 + length > size:
            raise _damaged(path, f"a header of {length} bytes announced, the file has {size}: it is cut short")
        header = _parse(file.read(length), path)
    notes = header.pop("__metadata__", {})
    if not isinstance(notes, dict) or not all(isinstance(value, str) for value in notes.values()):
        raise _damaged(path, "__metadata__ must map names to strings")
    entries = [_entry(name, entry, 8 + length, path) for name, entry in header.items()]
    entries.sort(key=lambda entry: (entry.start, entry.end))
    _check_cover(entries, 8 + length, size, path)
    return {entry.name: entry for entry in entries}, notes


def read_tensors(path: str | Path, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    """The named tensors, or all, as arrays of their own; bfloat16, which numpy lacks, comes as float32."""
    entries, _ = read_header(path)
    wanted = list(entries) if names is None else list(names)
    if absent := [name for name in wanted if name not in entries]:
        raise ModelError(
            f"{path}: no tensor named {', '.join(map(repr, absent[:5]))}; "
            f"it has {', '.join(map(repr, list(entries)[:5]))}{', ...' if len(entries) > 5 else ''}"
        )
    if not any(entries[name].end > entries[name].start for name in wanted):
        return {name: _array(b"", entries[name], 0) for name in wanted}
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return {name: _array(data, entries[name], entries[name].start) for name in wanted}


def write_tensors(
    path: str | Path, tensors: Mapping[str, NDArray[Any]], notes: Mapping[str, str] | None = None
) -> None:
    """Write arrays through the library; the file is whole only once this returns."""
    from safetensors.numpy import save_file

    # the library writes the memory of a view as it lies, not as it is strided
    save_file({name: np.asarray(array, order="C") for name, array in tensors.items()}, path, metadata=dict(notes or {}))


def _array(data: mmap.mmap | bytes, entry: TensorEntry, offset: int) -> NDArray[Any]:
    count = math.prod(entry.shape)
    view = np.frombuffer(data, dtype=_NUMPY_TYPES[entry.dtype], count=count, offset=offset if count else 0)
    if entry.dtype == "BF16":  # the upper half of a float32
        array: NDArray[Any] = (view.astype(np.uint32) << 16).view(np.float32)
    else:
        array = view.copy()
    del view  # a map cannot be closed while a view of it lives
    return array.reshape(entry.shape)


def _refuse_pickle(start: bytes, path: Path) -> None:
    for magic, what in _PICKLE_STARTS.items():
        # a header of 128 bytes begins with 0x80 too: only a pickle goes on with its protocol and an opcode
        if start.startswith(magic) and (len(magic) > 1 or (start[1:2] <= b"\x05" and start[2:8] != bytes(6))):
            raise ModelError(f"{path} is {what}, not safetensors", _NO_PICKLES)


def _parse(raw: bytes, path: Path) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise _damaged(path, f"the name {twice!r} stands twice in the header")
        return dict(pairs)

    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"the header is not JSON: {type(error).__name__}") from None
    if not isinstance(header, dict):
        raise _damaged(path, f"the header must be an object, found {type(header).__name__}")
    return header


def _entry(name: str, entry: Any, data_start: int, path: Path) -> TensorEntry:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _damaged(path, f"tensor {name!r}: dtype, shape and data_offsets expected")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _NUMPY_TYPES:
        raise _damaged(path, f"tensor {name!r}: unknown dtype {str(dtype)[:40]!r}")
    if not _whole_numbers(shape) or len(shape) > MAX_DIMENSIONS:
        raise _damaged(path, f"tensor {name!r}: shape must be at most {MAX_DIMENSIONS} whole numbers")
    if not _whole_numbers(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _damaged(path, f"tensor {name!r}: data_offsets must be [start, end], found {str(offsets)[:60]}")
    expected = math.prod(shape) * np.dtype(_NUMPY_TYPES[dtype]).itemsize
    if offsets[1] - offsets[0] != expected:
        raise _damaged(
            path,
            f"tensor {name!r}: {dtype} {str(shape)[:60]} takes {expected} bytes, "
            f"its offsets span {offsets[1] - offsets[0]}",
        )
    return TensorEntry(name, dtype, tuple(shape), data_start + offsets[0], data_start + offsets[1])


def _whole_numbers(value: Any) -> bool:
    # bool is an int in Python; 2**63 and above is no size that a file could have
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _check_cover(entries: list[TensorEntry], data_start: int, size: int, path: Path) -> None:
    position = data_start
    for entry in entries:
        if entry.start < position:
            raise _damaged(path, f"tensor {entry.name!r} overlaps another")
        if entry.start > position:
            raise _damaged(path, f"{entry.start - position} bytes before tensor {entry.name!r} belong to no tensor")
        position = entry.end
    if position > size:
        raise _damaged(path, f"the tensors end at byte {position}, the file has {size}: it is cut short")
    if position < size:
        raise _damaged(path, f"the tensors end at byte {position}, {size - position} more bytes follow")


def _damaged(path: Path, problem: str) -> CorruptError:
    return CorruptError(f"{path} is no sound safetensors file: {problem}", "fetch or make the file again")
