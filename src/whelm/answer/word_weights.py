"""How much a word says, in this folder: inverse document frequency over its chunks and the package's passages.

    weight(stem) = log(1 + (N + 0.5) / (n(stem) + 0.5))     (Sparck Jones 1972; n, N count folder and package)

Counts come from the text index of the moment, so nothing of a folder's vocabulary is kept beside its index, and a
deleted document stops counting with the next index. A small folder leans on the package's counts.
"""

from __future__ import annotations

import math
from functools import lru_cache

from whelm.answer.signals import WordWeights
from whelm.retrieve.index import FolderIndex

__all__ = ["FolderWordWeights"]


class FolderWordWeights(WordWeights):
    """`WordWeights` of a folder's index, on top of the package's."""

    def __init__(self, index: FolderIndex, package: WordWeights) -> None:
        super().__init__(package.counts, package.num_passages)
        self._index = index
        self._total = package.num_passages + index.num_chunks
        self._weight = lru_cache(maxsize=65_536)(self._computed)

    def __call__(self, stem: str) -> float:
        return self._weight(stem)

    def _computed(self, stem: str) -> float:
        count = self.counts.get(stem, 0) + self._index.document_frequency(stem)
        return math.log(1.0 + (self._total + 0.5) / (count + 0.5))
