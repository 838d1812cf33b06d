"""Texts to vectors of length 1: static word vectors for everything at once, a sentence encoder for what is worth it.

    static     the mean of the tokens' rows, normalized                      thousands of texts a second
    encoder    the mean of the last hidden states over the text's tokens,    tens of texts a second
               [CLS] and [SEP] included, normalized; 256 tokens are read (Reimers & Gurevych 2019, arXiv:1908.10084)

Both are `Embedder`s of core/types.py; questions and passages are treated alike by both. A text's vector does not
depend on the texts beside it beyond floating point. Texts of like length are computed together, results come back in
the order of the texts. A text without tokens has the zero vector (static) or that of an empty sentence (encoder).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from whelm.core.errors import DataError
from whelm.hub.weights import ENCODER, NAMED, STATIC, WeightFiles, find_weights
from whelm.models.static import normalize_rows

if TYPE_CHECKING:  # a question answered by static vectors alone never waits for torch
    import torch

    from whelm.core.types import Embedder
    from whelm.hub.encoder_tokenizer import EncoderTokenizer
    from whelm.hub.static_files import StaticTokenizer
    from whelm.models.encoder import Encoder
    from whelm.models.static import StaticVectors

__all__ = ["MAX_TOKENS", "EncoderEmbedder", "Progress", "StaticEmbedder", "load_embedder"]

MAX_TOKENS = 256
"""What the sentence encoder was trained to read of a text, [CLS] and [SEP] included."""
Progress = Callable[[int], None]
"""Called with the number of texts done since the last call."""

_BATCH_TOKENS = 2048  # measured: as fast as any larger batch on two cores, and hidden states stay in the cache
_BLOCK_TEXTS = 4096
_BLOCK_CHARACTERS = 2_000_000  # bounds what is held as tokens at once


class StaticEmbedder:
    """Static vectors as an `Embedder`."""

    def __init__(self, vectors: StaticVectors, tokenizer: StaticTokenizer, name: str = STATIC) -> None:
        self.vectors = vectors
        self.tokenizer = tokenizer
        self.name = name

    @property
    def dimension(self) -> int:
        return self.vectors.width

    def embed(
        self, texts: Sequence[str], kind: Literal["query", "passage"] = "passage", progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """returns: float32 [n, dimension], rows of length 1."""
        out_BD = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for first, last in _blocks(_checked(texts)):
            out_BD[first:last] = self.vectors.embed(self.tokenizer.batch(texts[first:last]))
            if progress:
                progress(last - first)
        return out_BD


class EncoderEmbedder:
    """A sentence encoder as an `Embedder`."""

    def __init__(
        self, encoder: Encoder, tokenizer: EncoderTokenizer, name: str = ENCODER, max_tokens: int = MAX_TOKENS
    ) -> None:
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.name = name
        self.max_tokens = max_tokens

    @property
    def dimension(self) -> int:
        return self.encoder.config.width

    def embed(
        self, texts: Sequence[str], kind: Literal["query", "passage"] = "passage", progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """returns: float32 [n, dimension], rows of length 1."""
        import torch

        out_BD = np.zeros((len(texts), self.dimension), dtype=np.float32)
        with torch.inference_mode():
            for first, last in _blocks(_checked(texts)):
                ids = self.tokenizer.batch(texts[first:last], self.max_tokens)
                for places in _batches([len(one) for one in ids]):
                    out_BD[first + places] = self._embed_batch([ids[place] for place in places])
                    if progress:
                        progress(len(places))
        return normalize_rows(out_BD)

    def _embed_batch(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        import torch

        from whelm.models.encoder import mean_pool

        lengths = [len(one) for one in ids]
        ids_N: torch.Tensor = torch.from_numpy(np.concatenate([np.array(one, dtype=np.int64) for one in ids]))
        pooled_BD = mean_pool(self.encoder.packed(ids_N, lengths), lengths)
        return pooled_BD.numpy()


def load_embedder(name: str, dtype: str | None = None) -> Embedder | None:
    """The named embedder, or None where its weights are not on this machine.

    dtype: of the encoder's matrices; None takes what is fastest here (`core.device.matrix_dtype`)
    """
    weights = find_weights(name)
    return None if weights is None else embedder_from(weights, dtype)


def embedder_from(weights: WeightFiles, dtype: str | None = None) -> Embedder:
    """The embedder made of files that were found."""
    if NAMED[weights.name].kind == "static":
        from whelm.hub.static_files import load_static

        return StaticEmbedder(*load_static(weights), name=weights.name)
    from whelm.core.device import matrix_dtype
    from whelm.hub.encoder_files import load_encoder

    return EncoderEmbedder(*load_encoder(weights, dtype or matrix_dtype()), name=weights.name)


def _checked(texts: Sequence[str]) -> Sequence[str]:
    # a single text is a sequence of texts too, and would silently give a vector for each letter
    if isinstance(texts, str):
        raise DataError("embed expects a sequence of texts, found one text", "write embed([text])")
    return texts


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Neighbouring texts, bounded in number and in characters."""
    first, characters = 0, 0
    for number, text in enumerate(texts):
        if number > first and (number - first >= _BLOCK_TEXTS or characters + len(text) > _BLOCK_CHARACTERS):
            yield first, number
            first, characters = number, 0
        characters += len(text)
    if first < len(texts):
        yield first, len(texts)


def _batches(lengths: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Places of texts, sorted by length, cut so that a batch has about `_BATCH_TOKENS` tokens."""
    order = np.argsort(lengths, kind="stable")
    first, tokens = 0, 0
    for number, place in enumerate(order):
        if number > first and tokens + lengths[place] > _BATCH_TOKENS:
            yield order[first:number]
            first, tokens = number, 0
        tokens += lengths[place]
    if first < len(order):
        yield order[first:]
