"""A small embedder that needs no weights, and indexes made of plain strings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from whelm.core.types import Chunk, Document
from whelm.retrieve.chunks import ChunkConfig, chunk
from whelm.retrieve.index import FolderIndex
from whelm.retrieve.update import update_index


class WordEmbedder:
    """The mean of one random vector a word, normalized: equal words are near. Counts what it embeds."""

    def __init__(self, name: str = "words-16", dimension: int = 16) -> None:
        self.name = name
        self.dimension = dimension
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str], kind: Literal["query", "passage"] = "passage") -> NDArray[np.float32]:
        if kind == "passage":
            self.embedded.extend(texts)
        return np.stack([self._one(text) for text in texts]) if texts else np.empty((0, self.dimension), np.float32)

    def _one(self, text: str) -> NDArray[np.float32]:
        total = np.full(self.dimension, 1e-3)
        for word in text.lower().split():
            seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:8], "big")
            total += np.random.Generator(np.random.PCG64(seed)).standard_normal(self.dimension)
        return (total / np.linalg.norm(total)).astype(np.float32)


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def other_embedder() -> WordEmbedder:
    return WordEmbedder("other-8", 8)


Pairs = list[tuple[Document, list[Chunk]]]


@pytest.fixture
def pairs() -> Callable[[Iterable[Document]], Pairs]:
    """Documents with their chunks, small ones so that a few sentences make several."""
    config = ChunkConfig(target=60, maximum=90, smallest=10, parent=200)

    def made(documents: Iterable[Document]) -> Pairs:
        return [(document, chunk(document, config)) for document in documents]

    return made


@pytest.fixture
def build(
    tmp_path: Path, embedder: WordEmbedder, pairs: Callable[[Iterable[Document]], Pairs]
) -> Callable[..., FolderIndex]:
    """An index of {name: text}."""

    def built(texts: dict[str, str], name: str = "index", **options: object) -> FolderIndex:
        documents = [Document(key, text, "Notes", "en", format="txt") for key, text in texts.items()]
        options.setdefault("embedders", [embedder])
        update_index(None, tmp_path / name, pairs(documents), **options)  # type: ignore[arg-type]
        return FolderIndex.open(tmp_path / name)

    return built
