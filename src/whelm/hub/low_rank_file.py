"""A low-rank update of a model's matrices as a file: W + B A (LoRA, Hu et al. 2021, arXiv:2106.09685).

    NAME.up    [out, rank]   B, scaled           NAME.down   [rank, in]   A

An update of rank 16 of all matrices of MiniLM-L6 takes 1.2 MB in half precision; the matrices themselves take 42 MB.
Cost of adding it to a state: one product a matrix, together a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whelm.core.errors import CorruptError
from whelm.hub.safetensors_file import read_tensors, write_tensors

__all__ = ["read_low_rank", "write_low_rank"]

Factors = tuple[NDArray[np.float32], NDArray[np.float32]]


def write_low_rank(path: str | Path, factors: Mapping[str, Factors], notes: Mapping[str, str] | None = None) -> None:
    """factors: name of a matrix -> (up [out, rank], down [rank, in]); written in half precision."""
    tensors = {}
    for name, (up, down) in factors.items():
        tensors[f"{name}.up"], tensors[f"{name}.down"] = up.astype(np.float16), down.astype(np.float16)
    write_tensors(path, tensors, dict(notes or {}))


def read_low_rank(path: str | Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """Name of a matrix -> what is to be added to it; `shapes` are those of the model's matrices."""
    tensors = read_tensors(path)
    names = {name.rpartition(".")[0] for name in tensors}
    if set(tensors) != {f"{name}.{side}" for name in names for side in ("up", "down")}:
        raise CorruptError(f"{path}: each matrix needs NAME.up and NAME.down", "take the file that came with whelm")
    added = {}
    for name in sorted(names):
        up, down = tensors[f"{name}.up"].astype(np.float32), tensors[f"{name}.down"].astype(np.float32)
        fits = up.ndim == down.ndim == 2 and up.shape[1] == down.shape[0]
        if not fits or shapes.get(name) != (up.shape[0], down.shape[1]):
            raise CorruptError(
                f"{path}: {name} of shape {shapes.get(name)} cannot take an update of {up.shape} x {down.shape}",
                "the update belongs to another model",
            )
        added[name] = up @ down
    return added
