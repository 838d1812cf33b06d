"""Static word vectors: a text is the normalized mean of its tokens' rows (Arora et al. 2017, without the weights).

    v(text) = m / |m|,   m = mean over tokens t of table[t]

No order, no context: a look-up and a sum. A text without tokens has the zero vector, which is similar to nothing.
Each text's result is independent of the others'. Cost: 4 D bytes read for each token.

Shapes: V vocabulary, D width, N tokens of all texts, B texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whelm.core.errors import ModelError

__all__ = ["StaticVectors", "normalize_rows"]

_BLOCK_TOKENS = 512  # 512 kB of rows at D = 256: gathered and summed while still in the processor's own cache
_ONES_T = np.ones(_BLOCK_TOKENS, dtype=np.float32)


class StaticVectors:
    """A table of one vector for each token, and the mean over a text's tokens."""

    def __init__(self, table_VD: NDArray[np.floating]) -> None:
        if table_VD.ndim != 2 or 0 in table_VD.shape:
            raise ModelError(f"static vectors: a table [V, D] expected, found shape {table_VD.shape}")
        self.table_VD = np.ascontiguousarray(table_VD, dtype=np.float32)

    @property
    def vocab_size(self) -> int:
        return int(self.table_VD.shape[0])

    @property
    def width(self) -> int:
        return int(self.table_VD.shape[1])

    def embed(self, ids: Sequence[Sequence[int] | NDArray[np.integer]]) -> NDArray[np.float32]:
        """ids: the token ids of each text · returns: vectors_BD, float32, rows of length 1 (0 for an empty text)."""
        sums_BD = np.zeros((len(ids), self.width), dtype=np.float32)
        rows_ND = np.empty((_BLOCK_TOKENS, self.width), dtype=np.float32)  # one buffer: fresh pages cost more than sums
        for ids_T, sum_D in zip(ids, sums_BD, strict=True):
            self._add_rows(np.asarray(ids_T, dtype=np.int64), rows_ND, sum_D)
        return normalize_rows(sums_BD)

    def _add_rows(self, ids_T: NDArray[np.int64], rows_ND: NDArray[np.float32], sum_D: NDArray[np.float32]) -> None:
        if len(ids_T) and not 0 <= ids_T.min() <= ids_T.max() < self.vocab_size:
            raise ModelError(
                f"static vectors: ids in 0..{self.vocab_size - 1} expected, found "
                f"{ids_T.min()}..{ids_T.max()}: the tokenizer belongs to other vectors"
            )
        for first in range(0, len(ids_T), len(rows_ND)):
            some_T = ids_T[first : first + len(rows_ND)]
            # mode "clip" writes straight into the buffer, where the default makes a copy first; ids are checked above
            rows_TD = np.take(self.table_VD, some_T, axis=0, out=rows_ND[: len(some_T)], mode="clip")
            sum_D += _ONES_T[: len(some_T)] @ rows_TD  # a product sums four times as fast as `sum` or `reduceat`


def normalize_rows(rows_BD: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row divided by its length; rows of length 0 stay."""
    length_B1 = np.linalg.norm(rows_BD, axis=1, keepdims=True)
    return np.divide(rows_BD, length_B1, out=np.zeros_like(rows_BD), where=length_B1 > 0)
