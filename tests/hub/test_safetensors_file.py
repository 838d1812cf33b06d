"""Reading safetensors: what the library writes comes back, and what is damaged or hostile is refused by name."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load as library_load
from safetensors.numpy import save as library_save
from safetensors.torch import save_file as library_save_torch

from whelm.core.errors import CorruptError, MissingError, ModelError, WhelmError
from whelm.hub import safetensors_file
from whelm.hub.safetensors_file import read_header, read_tensors, write_tensors


def _bytes(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + data


def _tensor(start: int = 0, end: int = 8, dtype: Any = "F32", shape: Any = (2,), **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end], **more}


@pytest.mark.parametrize("kind", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"])
def test_round_trip_through_the_library(kind: str, tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    tensors = {
        "a.weight": chance.integers(0, 2, (3, 5)).astype(kind),
        "scalar": np.array(1, kind),
        "empty": np.zeros((0, 4), kind),
        "odd": chance.integers(0, 2, 7).astype(kind),
        "strided": chance.integers(0, 2, (4, 6)).astype(kind)[::2].T,
    }
    path = tmp_path / "t.safetensors"
    write_tensors(path, tensors, {"format": "pt"})
    found = read_tensors(path)
    assert read_header(path)[1] == {"format": "pt"}
    assert set(found) == set(tensors)
    for name, array in library_load(path.read_bytes()).items():
        assert np.array_equal(array, tensors[name])
        assert np.array_equal(found[name], tensors[name])
        assert found[name].dtype == array.dtype
        assert found[name].shape == tensors[name].shape
        assert found[name].flags.writeable


def test_bfloat16_comes_as_float32(tmp_path: Path) -> None:
    tensor = torch.randn(4, 3).bfloat16()
    library_save_torch({"x": tensor}, tmp_path / "t.safetensors")
    assert np.array_equal(read_tensors(tmp_path / "t.safetensors")["x"], tensor.float().numpy())


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    write_tensors(path, {"a": np.ones(2), "b": np.zeros(3)})
    assert list(read_tensors(path, ["b"])) == ["b"]
    with pytest.raises(ModelError, match="'c'"):
        read_tensors(path, ["c"])


_GOOD = {"a": _tensor()}
_DAMAGED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "8 bytes"),
    "short": (b"\x01\x00", "8 bytes"),
    "no header": (_bytes(b"", length=100), "cut short"),
    "huge header": (_bytes(b"{}", length=2**62), "at most"),
    "negative header": (_bytes(b"{}", length=2**64 - 1), "at most"),
    "not JSON": (_bytes(b"{a"), "not JSON"),
    "not UTF-8": (_bytes(b'{"\xff": 1}'), "not JSON"),
    "deep JSON": (_bytes(b"[" * 100_000), "not JSON"),
    "long number": (_bytes(b'{"a": ' + b"1" * 10_000 + b"}"), "not JSON"),
    "no object": (_bytes([1, 2]), "an object"),
    "entry no object": (_bytes({"a": 1}), "dtype, shape and data_offsets"),
    "entry without shape": (_bytes({"a": {"dtype": "F32", "data_offsets": [0, 8]}}), "dtype, shape"),
    "entry with more": (_bytes({"a": _tensor(code="x")}, bytes(8)), "dtype, shape"),
    "unknown dtype": (_bytes({"a": _tensor(dtype="O")}, bytes(8)), "unknown dtype"),
    "dtype no text": (_bytes({"a": _tensor(dtype=["F32"])}, bytes(8)), "unknown dtype"),
    "negative shape": (_bytes({"a": _tensor(shape=(-2,))}, bytes(8)), "whole numbers"),
    "shape of truth": (_bytes({"a": _tensor(shape=(True, 2))}, bytes(8)), "whole numbers"),
    "shape of floats": (_bytes({"a": _tensor(shape=(2.0,))}, bytes(8)), "whole numbers"),
    "too many dimensions": (_bytes({"a": _tensor(shape=(1,) * 40 + (2,))}, bytes(8)), "whole numbers"),
    "shape that overflows": (_bytes({"a": _tensor(shape=(2**62, 4, 2))}, bytes(8)), "takes"),
    "size differs": (_bytes({"a": _tensor(shape=(3,))}, bytes(8)), "takes 12 bytes"),
    "offsets turned": (_bytes({"a": _tensor(8, 0)}, bytes(8)), "data_offsets"),
    "offsets negative": (_bytes({"a": _tensor(-8, 0)}, bytes(8)), "data_offsets"),
    "three offsets": (_bytes({"a": _tensor() | {"data_offsets": [0, 8, 8]}}, bytes(8)), "data_offsets"),
    "out of the file": (_bytes({"a": _tensor(0, 800, shape=(200,))}, bytes(8)), "cut short"),
    "cut data": (_bytes(_GOOD, bytes(7)), "cut short"),
    "more data": (_bytes(_GOOD, bytes(9)), "more bytes follow"),
    "overlap": (_bytes({"a": _tensor(), "b": _tensor(4, 12)}, bytes(12)), "overlaps"),
    "same place": (_bytes({"a": _tensor(), "b": _tensor()}, bytes(8)), "overlaps"),
    "gap": (_bytes({"a": _tensor(), "b": _tensor(12, 20)}, bytes(20)), "belong to no tensor"),
    "hidden beginning": (_bytes({"a": _tensor(4, 12)}, bytes(12)), "belong to no tensor"),
    "twice": (_bytes(b'{"a":%b,"a":%b}' % ((json.dumps(_tensor()).encode(),) * 2), bytes(8)), "'a' stands twice"),
    "notes no strings": (_bytes(_GOOD | {"__metadata__": {"a": 1}}, bytes(8)), "__metadata__"),
    "notes no object": (_bytes(_GOOD | {"__metadata__": "x"}, bytes(8)), "__metadata__"),
}


@pytest.mark.parametrize("name", _DAMAGED)
def test_damaged_files_are_refused_by_name(name: str, tmp_path: Path) -> None:
    content, problem = _DAMAGED[name]
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(CorruptError, match="no sound safetensors file") as caught:
        read_tensors(path)
    assert problem in caught.value.message
    assert str(path) in caught.value.message
    assert len(caught.value.message) < 400 + len(str(path))


def test_the_good_file_of_these_is_good(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(_bytes(_GOOD, bytes(8)))
    assert np.array_equal(read_tensors(tmp_path / "x")["a"], np.zeros(2, np.float32))


def test_every_cut_of_a_file_is_noticed(tmp_path: Path) -> None:
    whole = library_save({"a": np.arange(3.0), "b": np.ones((2, 2), np.float32)})
    path = tmp_path / "x.safetensors"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CorruptError):
            read_tensors(path)


@settings(max_examples=300)
@given(st.data())
def test_what_we_accept_the_library_reads_alike(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    whole = bytearray(library_save({"a": np.arange(3, dtype=np.float32), "b": np.ones((2, 2), np.int64)}))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("changed") / "x.safetensors"
    path.write_bytes(whole)
    try:
        found = read_tensors(path)
    except WhelmError:
        return
    try:
        expected = library_load(bytes(whole))
    except SafetensorError:  # it is stricter about alignment and about the characters before the header
        return
    assert set(found) == set(expected)
    assert all(np.array_equal(found[name], expected[name], equal_nan=True) for name in expected)


class _Trap:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path(self.path),)  # type: ignore[return-value]

    def __init__(self, path: Path) -> None:
        self.path = str(path)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_and_not_run(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(_Trap(tmp_path / "ran"), protocol=protocol))
    with pytest.raises(ModelError, match="pickle"):
        read_tensors(path)
    assert not (tmp_path / "ran").exists()


def test_a_torch_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    torch.save({"a": torch.ones(2)}, path)
    assert zipfile.is_zipfile(path)
    with pytest.raises(ModelError, match="zip"):
        read_tensors(path)


@pytest.mark.parametrize("length", [0x80, 0x0280, 0x0580, 0x4B50])
def test_a_header_whose_length_looks_like_a_pickle_is_read(length: int, tmp_path: Path) -> None:
    raw = json.dumps(_GOOD).encode()
    (tmp_path / "x").write_bytes(_bytes(raw + b" " * (length - len(raw)), bytes(8)))
    assert list(read_tensors(tmp_path / "x")) == ["a"]


def test_the_header_bound_is_kept_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(_bytes(_GOOD, bytes(8)))
    monkeypatch.setattr(safetensors_file, "MAX_HEADER_BYTES", 10)
    with pytest.raises(CorruptError, match="at most 10 bytes"):
        read_header(path)


def test_no_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="nothing"):
        read_tensors(tmp_path / "nothing")
    with pytest.raises(MissingError):
        read_tensors(tmp_path)
