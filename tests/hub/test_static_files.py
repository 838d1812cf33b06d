"""Static vectors from their files: ids and vectors against the tokenizer and the code they were published with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from whelm.core.errors import CorruptError, ModelError
from whelm.hub import static_files
from whelm.hub.safetensors_file import read_tensors, write_tensors
from whelm.hub.static_files import StaticTokenizer, load_static
from whelm.hub.weights import WeightFiles
from whelm.models.static import StaticVectors

_Static = tuple[StaticVectors, StaticTokenizer]


@pytest.fixture(scope="module")
def files(weights: Mapping[str, WeightFiles]) -> WeightFiles:
    return weights["wordllama-256"]


@pytest.fixture(scope="module")
def ours(files: WeightFiles) -> _Static:
    return load_static(files)


@pytest.fixture(scope="module")
def published(files: WeightFiles) -> Tokenizer:
    return Tokenizer.from_file(str(files.tokenizer))


def test_ids_equal_those_of_the_published_tokenizer(ours: _Static, published: Tokenizer, odd_texts: list[str]) -> None:
    expected = [published.encode(text, add_special_tokens=False).ids for text in odd_texts]
    for _ in range(2):  # the second time from memory
        found = [ids.tolist() for ids in ours[1].batch(odd_texts)]
        assert [text for text, a, b in zip(odd_texts, found, expected, strict=True) if a != b] == []


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \u2581<s>/a\n")), max_size=5))
def test_ids_equal_on_any_text(ours: _Static, published: Tokenizer, texts: list[str]) -> None:
    expected = [published.encode(text, add_special_tokens=False).ids for text in texts]
    assert [ids.tolist() for ids in ours[1].batch(texts)] == expected


def test_vectors_equal_those_of_wordllama(
    ours: _Static, files: WeightFiles, odd_texts: list[str], quiet_import: Callable[[str], ModuleType]
) -> None:
    inference = quiet_import("wordllama.inference").WordLlamaInference
    table = read_tensors(files.model)["embedding.weight"]
    texts = [text for text in odd_texts if text]  # theirs divides zero by zero
    expected = inference(table, Tokenizer.from_file(str(files.tokenizer))).embed(texts, norm=True, batch_size=8)
    found = ours[0].embed(ours[1].batch(texts))
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= 1e-5


def test_memory_of_words_is_bounded_and_changes_nothing(ours: _Static, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = ours[1]
    texts = [f"word{number} and {'x' * 80}{number}" for number in range(50)]
    expected = [ids.tolist() for ids in tokenizer.batch(texts)]
    assert not any("x" * 80 in word for word in tokenizer._kept)
    monkeypatch.setattr(static_files, "_MAX_KEPT_WORDS", 10)
    for _ in range(3):
        assert [ids.tolist() for text in texts for ids in tokenizer.batch([text])] == expected
        assert len(tokenizer._kept) <= 13


def test_lone_surrogates_are_read_as_unknown_characters(ours: _Static) -> None:
    assert [a.tolist() for a in ours[1].batch(["a \ud800"])] == [b.tolist() for b in ours[1].batch(["a \ufffd"])]


@pytest.mark.parametrize("token", ["a\u2581b", "a\u2581", "a\nb"])
def test_a_vocabulary_whose_tokens_go_beyond_a_word_is_refused(files: WeightFiles, token: str) -> None:
    raw = json.loads(files.tokenizer.read_text(encoding="utf-8"))
    raw["model"]["vocab"][token] = len(raw["model"]["vocab"])
    with pytest.raises(ModelError, match="space"):
        StaticTokenizer(Tokenizer.from_str(json.dumps(raw)))


def test_files_that_do_not_belong_together_are_refused(files: WeightFiles, tmp_path: Path) -> None:
    def with_table(**tensors: Any) -> WeightFiles:
        write_tensors(tmp_path / "m.safetensors", tensors)
        return replace(files, model=tmp_path / "m.safetensors")

    with pytest.raises(ModelError, match=r"embedding\.weight"):
        load_static(with_table(other=np.zeros((2, 2), np.float32)))
    with pytest.raises(ModelError, match="32000 tokens"):
        load_static(with_table(**{"embedding.weight": np.zeros((2, 2), np.float32)}))
    (tmp_path / "cut").write_bytes(files.model.read_bytes()[:1000])
    with pytest.raises(CorruptError):
        load_static(replace(files, model=tmp_path / "cut"))
