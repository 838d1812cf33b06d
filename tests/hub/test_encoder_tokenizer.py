"""The encoder's tokenizer against transformers' two, the fast one and the one in plain Python; its own promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whelm.core.errors import MissingError, ModelError
from whelm.hub.encoder_tokenizer import EncoderTokenizer
from whelm.hub.weights import WeightFiles


@pytest.fixture(scope="module")
def ours(weights: Mapping[str, WeightFiles]) -> EncoderTokenizer:
    return EncoderTokenizer.from_file(weights["minilm-l6"].tokenizer)


@pytest.fixture(scope="module")
def theirs(weights: Mapping[str, WeightFiles], quiet_import: Callable[[str], ModuleType]) -> Any:
    return quiet_import("transformers").AutoTokenizer.from_pretrained(weights["minilm-l6"].tokenizer.parent)


def test_ids_equal_those_of_transformers_on_real_and_odd_texts(
    ours: EncoderTokenizer, theirs: Any, odd_texts: list[str]
) -> None:
    for limit in (16, 256, 512):
        expected = theirs(odd_texts, truncation=True, max_length=limit)["input_ids"]
        found = ours.batch(odd_texts, limit)
        assert [text for text, a, b in zip(odd_texts, found, expected, strict=True) if a != b] == []


def test_ids_equal_those_of_the_tokenizer_in_plain_python(
    ours: EncoderTokenizer,
    weights: Mapping[str, WeightFiles],
    quiet_import: Callable[[str], ModuleType],
    odd_texts: list[str],
) -> None:
    vocabulary = weights["minilm-l6"].tokenizer.with_name("vocab.txt")
    if not vocabulary.is_file():
        pytest.skip("the place of these weights has no vocab.txt")
    legacy = quiet_import("transformers.models.bert.tokenization_bert_legacy").BertTokenizerLegacy(str(vocabulary))
    # Python's Unicode data are newer than the library's: compared where nothing was added lately
    texts = [text for text in odd_texts if all((ord(c) < 0x2E50 and c.isprintable()) or c in "\n\t" for c in text)]
    assert len(texts) > 500
    expected = [legacy(text, truncation=True, max_length=256)["input_ids"] for text in texts]
    differing = [text for text, a, b in zip(texts, ours.batch(texts, 256), expected, strict=True) if a != b]
    assert differing == []


@pytest.mark.parametrize("before", range(9))
def test_a_text_is_not_cut_where_python_alone_sees_a_space(ours: EncoderTokenizer, theirs: Any, before: int) -> None:
    # BERT drops U+001C inside a word; one token takes 8 characters here, so every place in a word meets the cut
    text = " " * before + "go\x1cing  " * 400
    assert ours.batch([text], 100)[0] == theirs(text, truncation=True, max_length=100)["input_ids"]


_ODD_CHARACTERS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \n\t\x1c\xa0\u0301[]#a"))


@settings(max_examples=200)
@given(text=_ODD_CHARACTERS, repeat=st.integers(1, 60), limit=st.integers(4, 40))
@example(text="\x1c", repeat=30, limit=4)
@example(text="a \u0301", repeat=60, limit=7)
def test_cut_texts_give_the_tokens_of_whole_texts(
    ours: EncoderTokenizer, theirs: Any, text: str, repeat: int, limit: int
) -> None:
    text = text * repeat
    assert ours.batch([text], limit)[0] == theirs(text, truncation=True, max_length=limit)["input_ids"]


@settings(max_examples=200)
@given(question=_ODD_CHARACTERS, passage=_ODD_CHARACTERS, repeat=st.integers(1, 60), limit=st.integers(8, 60))
def test_pairs_equal_those_of_transformers(
    ours: EncoderTokenizer, theirs: Any, question: str, passage: str, repeat: int, limit: int
) -> None:
    passage = passage * repeat
    asked = theirs(question, add_special_tokens=False)["input_ids"]
    if len(asked) > limit - 4 or not passage:
        return  # the library cannot cut both texts, and takes an empty passage for none
    expected = theirs(question, passage, truncation="only_second", max_length=limit, return_offsets_mapping=True)
    found = ours.pair(question, passage, limit, max_question=limit)
    assert found.ids == expected["input_ids"]
    assert found.segments == expected["token_type_ids"]
    assert found.offsets == expected["offset_mapping"][found.passage]
    assert found.truncated == (len(theirs(passage, add_special_tokens=False)["input_ids"]) > len(found.offsets))


def test_a_pair_by_hand(ours: EncoderTokenizer) -> None:
    passage = "Use  shutil.copytree, naïve!"
    pair = ours.pair("How to copy?", passage)
    assert pair.ids[0] == ours.cls_id and pair.ids[-1] == ours.sep_id
    assert pair.segments == [0] * pair.passage.start + [1] * (len(pair.ids) - pair.passage.start)
    assert pair.ids[pair.passage.start - 1] == ours.sep_id
    words = [passage[start:end] for start, end in pair.offsets]
    assert words[0] == "Use" and words[-2:] == ["naïve", "!"]
    assert "".join(words) == passage.replace(" ", "")
    assert not pair.truncated


def test_a_long_question_leaves_room_for_the_passage(ours: EncoderTokenizer) -> None:
    pair = ours.pair("why " * 1000, "because " * 1000, max_tokens=128, max_question=32)
    assert len(pair.ids) == 128
    assert pair.passage == slice(34, 127)
    assert pair.truncated
    assert ours.pairs("why", []) == []


def test_offsets_point_into_the_passage_as_given(ours: EncoderTokenizer) -> None:
    passage = "A\x00B \U0001f600 e\u0301 中文 \ud800 end"
    pair = ours.pair("?", passage)
    assert passage[slice(*pair.offsets[-1])] == "end"
    assert [passage[slice(*span)] for span in pair.offsets if passage[slice(*span)] in "中文"] == ["中", "文"]


def test_lone_surrogates_are_read_as_unknown_characters(ours: EncoderTokenizer) -> None:
    assert ours.batch(["a \ud800 b"]) == ours.batch(["a \ufffd b"])


def test_a_huge_text_costs_only_its_beginning(ours: EncoderTokenizer) -> None:
    seen: list[int] = []
    whole = ours._tokenizer

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(whole, name)

        def encode_batch_fast(self, texts: list[str], **how: Any) -> Any:
            seen.extend(map(len, texts))
            return whole.encode_batch_fast(texts, **how)

    counted = EncoderTokenizer.__new__(EncoderTokenizer)
    counted.__dict__ = {**ours.__dict__, "_tokenizer": Counting()}
    assert counted.batch(["word " * 1_000_000], 256) == ours.batch(["word " * 256], 256)
    assert seen[0] < 10_000


def test_vocab_txt_gives_the_same_tokenizer(
    ours: EncoderTokenizer, weights: Mapping[str, WeightFiles], odd_texts: list[str], tmp_path: Path
) -> None:
    vocabulary = ours._tokenizer.get_vocab()
    (tmp_path / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)), encoding="utf-8")
    assert EncoderTokenizer.from_file(tmp_path / "vocab.txt").batch(odd_texts) == ours.batch(odd_texts)


@pytest.mark.parametrize("content", ["", "{}", "[1", '{"version": "1.0", "model": {"type": "Unigram"}}', "\x00" * 50])
def test_a_damaged_tokenizer_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        EncoderTokenizer.from_file(path)


def test_another_kind_of_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("a\nb\n[UNK]\n")
    with pytest.raises(ModelError, match=r"\[CLS\]"):
        EncoderTokenizer.from_file(tmp_path / "vocab.txt")
    with pytest.raises(MissingError):
        EncoderTokenizer.from_file(tmp_path / "nothing.json")


def test_a_bound_without_room_is_refused(ours: EncoderTokenizer) -> None:
    with pytest.raises(ModelError, match="max_tokens"):
        ours.batch(["a"], 2)
    with pytest.raises(ModelError, match="max_tokens"):
        ours.pair("a", "b", 3)
