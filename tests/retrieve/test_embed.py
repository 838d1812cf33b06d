"""One contract for all embedders, and each against the library that it stands in for."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import pytest
import torch

from whelm.core.errors import DataError
from whelm.core.types import Embedder
from whelm.hub import weights as hub
from whelm.hub.safetensors_file import read_tensors
from whelm.hub.weights import WeightFiles
from whelm.retrieve import embed
from whelm.retrieve.embed import EncoderEmbedder, StaticEmbedder, load_embedder

_ODD = ["", " ", "a", "\x00", "\u2028", "[SEP] <s>", "日本語のテキスト", "\u05e9\u05dc\u05d5\u05dd", "e\u0301",
        "word " * 3000, "\U0001f600\U0001f468\u200d\U0001f469", "x" * 20000, "\ud800"]  # fmt: skip


def check_embedder(embedder: Embedder) -> None:
    """What every `Embedder` promises."""
    texts = ["How do I copy a directory tree?", "shutil.copytree copies a directory tree.", "Bread needs flour.", *_ODD]
    vectors = embedder.embed(texts)
    assert isinstance(embedder.name, str) and embedder.name
    assert vectors.dtype == np.float32 and vectors.shape == (len(texts), embedder.dimension)
    assert np.isfinite(vectors).all()
    lengths = np.linalg.norm(vectors, axis=1)
    assert all(abs(length - 1) < 1e-5 or (length == 0 and not text.strip()) for length, text in
               zip(lengths, texts, strict=True))  # fmt: skip
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1
    # a text's vector depends on nothing but the text, and results stand in the order of the texts
    for text, vector in zip(texts, vectors, strict=True):
        assert np.abs(embedder.embed([text])[0] - vector).max() < 1e-5
    assert np.abs(embedder.embed(texts[::-1])[::-1] - vectors).max() < 1e-5
    assert np.array_equal(embedder.embed(texts), vectors)
    assert embedder.embed(texts[:2], kind="query").shape == (2, embedder.dimension)
    assert embedder.embed([]).shape == (0, embedder.dimension)
    assert embedder.embed(tuple(texts[:2])).shape == (2, embedder.dimension)
    with pytest.raises(DataError, match="sequence of texts"):
        embedder.embed("one text")


@pytest.fixture(scope="module")
def static(weights: Mapping[str, WeightFiles]) -> StaticEmbedder:
    embedder = load_embedder("wordllama-256")
    assert isinstance(embedder, StaticEmbedder)
    return embedder


@pytest.fixture(scope="module")
def encoder(weights: Mapping[str, WeightFiles]) -> EncoderEmbedder:
    embedder = load_embedder("minilm-l6", "float32")
    assert isinstance(embedder, EncoderEmbedder)
    return embedder


@pytest.fixture(scope="module")
def passages() -> list[str]:
    """Documentation cut to many lengths, from one word to far more than the encoder reads."""
    text = "\n".join(topics[name] for name in sorted(topics))
    cuts = np.cumsum([0] + [5, 20, 80, 200, 400, 900, 1500, 3000] * 6)
    return [text[start:end] for start, end in pairwise(cuts.tolist())]


def test_static_keeps_the_contract(static: StaticEmbedder) -> None:
    check_embedder(static)
    assert (static.name, static.dimension) == ("wordllama-256", 256)


def test_encoder_keeps_the_contract(encoder: EncoderEmbedder) -> None:
    check_embedder(encoder)
    assert (encoder.name, encoder.dimension) == ("minilm-l6", 384)


def test_encoder_equals_sentence_transformers(
    encoder: EncoderEmbedder, weights: Mapping[str, WeightFiles], passages: list[str]
) -> None:
    texts = passages + [text for text in _ODD if text != "\ud800"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peers = pytest.importorskip("sentence_transformers", reason="the peer sentence-transformers is not installed")
        modules = peers.models if hasattr(peers, "models") else peers.sentence_transformer.modules
        read = modules.Transformer(str(weights["minilm-l6"].model.parent))
        read.max_seq_length = 256
        parts = [read, modules.Pooling(384, "mean"), modules.Normalize()]
        peer = peers.SentenceTransformer(modules=parts, device="cpu")
        expected = peer.encode(texts, batch_size=16, show_progress_bar=False)
    assert np.abs(encoder.embed(texts) - expected).max() <= 1e-5


def test_static_equals_wordllama(
    static: StaticEmbedder, weights: Mapping[str, WeightFiles], passages: list[str]
) -> None:
    from tokenizers import Tokenizer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = pytest.importorskip("wordllama.inference", reason="the peer wordllama is not installed")
    files = weights["wordllama-256"]
    texts = passages + [text for text in _ODD if text not in ("", "\ud800")]
    table = read_tensors(files.model)["embedding.weight"]
    expected = peer.WordLlamaInference(table, Tokenizer.from_file(str(files.tokenizer))).embed(texts, norm=True)
    assert np.abs(static.embed(texts) - expected).max() <= 1e-5


@pytest.mark.parametrize("name", ["_BATCH_TOKENS", "_BLOCK_TEXTS", "_BLOCK_CHARACTERS"])
def test_how_texts_are_cut_into_batches_does_not_matter(
    static: StaticEmbedder, encoder: EncoderEmbedder, passages: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [static.embed(passages[:12]), encoder.embed(passages[:12])]
    monkeypatch.setattr(embed, name, 3)
    for vectors, embedder in zip(expected, (static, encoder), strict=True):
        assert np.abs(embedder.embed(passages[:12]) - vectors).max() < 1e-5


def test_progress_counts_every_text_once(
    static: StaticEmbedder, encoder: EncoderEmbedder, passages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "_BLOCK_TEXTS", 5)
    for embedder in (static, encoder):
        seen: list[int] = []
        embedder.embed(passages[:18], progress=seen.append)
        assert sum(seen) == 18 and len(seen) >= 4


def test_batches_hold_texts_of_like_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "_BATCH_TOKENS", 100)
    lengths = [60, 3, 50, 3, 200, 40, 4]
    batches = [[lengths[place] for place in batch] for batch in embed._batches(lengths)]
    assert batches == [[3, 3, 4, 40, 50], [60], [200]]
    assert list(embed._batches([])) == []


def test_no_gradient_is_kept_and_none_is_needed(encoder: EncoderEmbedder) -> None:
    with torch.enable_grad():
        encoder.embed(["a text"])
    assert all(parameter.grad is None for parameter in encoder.encoder.parameters())


def test_without_weights_there_is_no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_places", lambda *_: iter(()))
    assert load_embedder("wordllama-256") is None
    assert load_embedder("minilm-l6") is None


def test_static_vectors_start_without_torch_and_without_the_packages_of_the_weights(
    weights: Mapping[str, WeightFiles],
) -> None:
    code = (
        "import sys; from whelm.retrieve.embed import load_embedder; load_embedder('wordllama-256').embed(['a']);"
        "print(sorted({'torch', 'wordllama', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def counted(encoder: EncoderEmbedder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    rows: list[int] = []
    packed: Callable[..., Any] = encoder.encoder.packed

    def counting(ids_N: torch.Tensor, lengths: Sequence[int]) -> torch.Tensor:
        rows.append(len(ids_N))
        return packed(ids_N, lengths)

    monkeypatch.setattr(encoder.encoder, "packed", counting)
    return rows


def test_no_padding_is_computed(encoder: EncoderEmbedder, counted: list[int], passages: list[str]) -> None:
    encoder.embed(passages[:24])
    assert sum(counted) == sum(map(len, encoder.tokenizer.batch(passages[:24], 256)))
