"""Static vectors and their tokenizer from named weights (wordllama: byte-pair encoding of Llama 2, no special tokens).

The tokenizer of the file treats a whole text as one word, which costs a heap of merges over every character. No token
of this vocabulary has a space inside or at its end, and none has a line break, so no merge ever crosses from a word
into the next space or line: encoding word by word gives the same ids, and words repeat, so their ids are kept. Measured
on documentation, one thread: 1,200 passages/s whole, 17,000 word by word. The rule is checked when a vocabulary is loaded.
"""

from __future__ import annotations

import re
import threading
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers

from whelm.core.errors import ModelError
from whelm.hub.safetensors_file import read_tensors
from whelm.hub.surrogates import without_surrogates
from whelm.hub.weights import WeightFiles
from whelm.models.static import StaticVectors

__all__ = ["StaticTokenizer", "load_static"]

_SPACE = "\u2581"  # the vocabulary's own sign for a space
_WORDS = re.compile(rf"[ {_SPACE}]*[^ {_SPACE}\n]+|[ {_SPACE}]+|\n+")
_MAX_KEPT_WORDS = 200_000  # about 60 MB; then the memory starts anew
_MAX_KEPT_CHARACTERS = 64  # longer "words" are seldom seen twice


def load_static(weights: WeightFiles) -> tuple[StaticVectors, StaticTokenizer]:
    tensors = read_tensors(weights.model)
    if list(tensors) != ["embedding.weight"]:
        raise ModelError(f"{weights.model}: one tensor 'embedding.weight' expected, found {list(tensors)[:5]}")
    vectors = StaticVectors(tensors["embedding.weight"])
    tokenizer = StaticTokenizer(Tokenizer.from_str(weights.tokenizer.read_text(encoding="utf-8")))
    if tokenizer.vocab_size > vectors.vocab_size:
        raise ModelError(
            f"{weights.tokenizer} has {tokenizer.vocab_size} tokens, {weights.model} only {vectors.vocab_size} rows",
            "the tokenizer belongs to other vectors",
        )
    return vectors, tokenizer


class StaticTokenizer:
    """Texts to token ids without special tokens and without truncation; the same ids as the library gives."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        vocabulary = tokenizer.get_vocab()
        if any(_SPACE in token.lstrip(_SPACE) or "\n" in token for token in vocabulary):
            raise ModelError("static vectors: a tokenizer whose tokens end before the next space or line was expected")
        self.vocab_size = len(vocabulary)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._whole = tokenizer
        # the same model without the space that the file's normalizer puts before a text: words bring their own
        self._word = Tokenizer.from_str(tokenizer.to_str())
        self._word.normalizer = normalizers.Replace(" ", _SPACE)
        special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        self._special = re.compile("|".join(map(re.escape, special)) or "(?!)")
        self._kept: dict[str, bytes] = {}  # 32-bit numbers: joining bytes is twice as fast as chaining tuples
        self._lock = threading.Lock()

    def batch(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """The ids of each text."""
        texts = [without_surrogates(text) for text in texts]
        # a name of a special token in a text is that token, as in the library
        whole = [bool(self._special.search(text)) for text in texts]
        words = [[] if odd or not text else _WORDS.findall(f" {text}") for odd, text in zip(whole, texts, strict=True)]
        with self._lock:
            seldom = self._learn(words)
            ids = [np.frombuffer(b"".join(map(self._kept.__getitem__, each)), dtype=np.int32) for each in words]
            for word in seldom:
                del self._kept[word]
        for number in (number for number, odd in enumerate(whole) if odd):
            ids[number] = np.array(self._whole.encode(texts[number], add_special_tokens=False).ids, dtype=np.int32)
        return ids

    def _learn(self, words: Sequence[Sequence[str]]) -> list[str]:
        """Put the new words into memory; those that should not stay there are returned."""
        if len(self._kept) > _MAX_KEPT_WORDS:
            self._kept.clear()
        new = list(set().union(*words).difference(self._kept))
        for word, one in zip(new, self._word.encode_batch_fast(new, add_special_tokens=False), strict=True):
            self._kept[word] = array("i", one.ids).tobytes()
        return [word for word in new if len(word) > _MAX_KEPT_CHARACTERS]
