"""Vectors of examples' texts, computed once and kept in scratch, so that a killed teaching does not embed again.

One safetensors file with a matrix and the digests of the texts, in half precision (a cosine moves by less than
0.001). Texts that are new are added; a file that cannot be read is made again. Cost: one read and one write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whelm.core import stop
from whelm.core.errors import WhelmError
from whelm.core.events import PROGRESS, TOTAL, emit
from whelm.core.types import Embedder
from whelm.hub.safetensors_file import read_tensors, write_tensors

__all__ = ["vectors_of"]

_BLOCK = 256


def vectors_of(texts: Sequence[str], encoder: Embedder, scratch: Path | None = None) -> dict[str, NDArray[np.float32]]:
    """The vector of each distinct text; those known in `scratch` are not computed again."""
    wanted = list(dict.fromkeys(texts))
    digests = {
        text: hashlib.sha256(f"{encoder.name}\0{text}".encode("utf-8", "surrogatepass")).digest() for text in wanted
    }
    path = None if scratch is None else scratch / "vectors.safetensors"
    known = _read(path)
    missing = [text for text in wanted if digests[text] not in known]
    emit("vectors", TOTAL, len(missing), "texts")
    for at in range(0, len(missing), _BLOCK):
        block = missing[at : at + _BLOCK]
        for text, vector in zip(block, encoder.embed(block), strict=True):
            known[digests[text]] = vector.astype(np.float16)
        emit("vectors", PROGRESS, min(at + _BLOCK, len(missing)), "texts")
        if path is not None:
            _write(path, known)
        stop.check()
    # always through half precision: a resumed run must see the same numbers as an undisturbed one
    return {text: known[digests[text]].astype(np.float32) for text in wanted}


def _read(path: Path | None) -> dict[bytes, NDArray[np.float16]]:
    if path is None or not path.exists():
        return {}
    try:
        tensors = read_tensors(path)
        return {bytes(d): v for d, v in zip(tensors["digests"], tensors["vectors"], strict=True)}
    except (WhelmError, KeyError, ValueError):
        return {}


def _write(path: Path, known: dict[bytes, NDArray[np.float16]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digests = np.frombuffer(b"".join(known), np.uint8).reshape(len(known), 32).copy()
    write_tensors(path, {"digests": digests, "vectors": np.stack(list(known.values()))})
