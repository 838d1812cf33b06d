"""Vectors beside an index: exact search by one matrix product, rows named by the text they stand for.

    <name>.vectors.npy   float32 [n, d], rows of length 1, in the order of their keys
    <name>.keys.npy      uint8 [n, 16], the first half of the SHA-256 of each row's search text, rising

A row is found by its text's digest, not by its chunk, so a chunk that moves keeps its vector and equal chunks share
one; the tables of one embedder can be joined without knowing what they belong to. Both files are plain arrays (no
pickles). Cost: 4 * d bytes a text; a search of 10,000 rows of 384 takes about 2 ms, of 100,000 about 20 ms.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whelm.core.errors import CorruptError, DataError

__all__ = ["KEY_BYTES", "VectorTable", "table_names", "text_key", "write_table"]

KEY_BYTES = 16
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def text_key(text: str) -> bytes:
    """The name of a text's vector."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:KEY_BYTES]


class VectorTable:
    """Vectors of one embedder, open for reading (memory-mapped)."""

    def __init__(self, name: str, matrix_ND: NDArray[np.float32], keys: Iterable[bytes]) -> None:
        self.name = name
        self.matrix_ND = matrix_ND
        self.keys = list(keys)
        self.position: Mapping[bytes, int] = {key: row for row, key in enumerate(self.keys)}

    @classmethod
    def open(cls, folder: Path, name: str) -> VectorTable:
        """Read the table `name` of `folder`."""
        vectors, keys = _paths(folder, name)
        try:
            header_only = vectors.stat().st_size <= 128  # an empty array cannot be mapped
            matrix_ND = np.load(vectors, mmap_mode=None if header_only else "r", allow_pickle=False)
            keys_N16 = np.load(keys, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CorruptError(f"the vectors {vectors} cannot be read: {error}", "run whelm build again") from error
        shapes_fit = (
            matrix_ND.ndim == 2
            and matrix_ND.dtype == np.float32
            and keys_N16.shape == (len(matrix_ND), KEY_BYTES)
            and keys_N16.dtype == np.uint8
        )
        if not shapes_fit:
            raise CorruptError(
                f"the vectors {vectors} do not fit their keys: expected float32 [n, d] and uint8 [n, {KEY_BYTES}], "
                f"found {matrix_ND.dtype} {list(matrix_ND.shape)} and {keys_N16.dtype} {list(keys_N16.shape)}",
                "run whelm build again",
            )
        return cls(name, matrix_ND, (row.tobytes() for row in keys_N16))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        return int(self.matrix_ND.shape[1])

    def scores(self, vector_D: NDArray[np.float32]) -> NDArray[np.float32]:
        """The product of every row with `vector_D`, float32 [n]; the cosine where it has length 1."""
        if vector_D.shape != (self.dimension,):
            raise DataError(
                f"a vector of {self.dimension} numbers was expected for {self.name}, found shape {vector_D.shape}",
                "embed the question with the embedder that made the index's vectors",
            )
        return np.asarray(self.matrix_ND @ vector_D.astype(np.float32, copy=False), np.float32)


def table_names(folder: Path) -> list[str]:
    """The embedders that have a table in `folder`."""
    return sorted(path.name.removesuffix(".keys.npy") for path in folder.glob("*.keys.npy"))


def write_table(folder: Path, name: str, matrix_ND: NDArray[np.float32], keys: Collection[bytes]) -> None:
    """Write a table whole; rows are sorted by key, so equal rows give equal files."""
    if matrix_ND.ndim != 2 or len(matrix_ND) != len(keys) or len(set(keys)) != len(keys):
        raise DataError(
            f"vectors of {name}: expected one row for each of {len(set(keys))} keys, "
            f"found {list(matrix_ND.shape)} for {len(keys)}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    listed = list(keys)
    order = sorted(range(len(listed)), key=listed.__getitem__)
    vectors_path, keys_path = _paths(folder, name)
    np.save(vectors_path, np.ascontiguousarray(matrix_ND[order], np.float32), allow_pickle=False)
    packed = np.frombuffer(b"".join(listed[row] for row in order), np.uint8).reshape(-1, KEY_BYTES)
    np.save(keys_path, packed, allow_pickle=False)


def _paths(folder: Path, name: str) -> tuple[Path, Path]:
    if not _NAME.fullmatch(name):
        raise DataError(f"an embedder's name is lower-case letters, digits and ._-; found {name!r}")
    return folder / f"{name}.vectors.npy", folder / f"{name}.keys.npy"
