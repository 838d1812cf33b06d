"""The reader as a whole: examples, teaching, reading, keeping."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whelm.answer.examples import ReadingExample, examples_of, examples_of_squad, in_test_fold, tight_answer
from whelm.answer.reader import Reader
from whelm.answer.signals import Passage
from whelm.answer.teach import teach_package_reader, teach_reader
from whelm.core.errors import CorruptError, DataError, IncompatibleError
from whelm.data.grounded import load_grounded_sets


@pytest.fixture(scope="module")
def sets() -> list[Any]:
    kept = [s for s in load_grounded_sets() if not s.test]
    return kept[::6]


@pytest.fixture(scope="module")
def plain(sets: list[Any]) -> Reader:
    """Taught without any vectors."""
    return teach_package_reader(sets, None, None)


def held_out(sets: list[Any]) -> list[ReadingExample]:
    taken = {s.id for s in sets}
    return examples_of([s for s in load_grounded_sets() if not s.test and s.id not in taken][:60])


def test_examples_of_the_package() -> None:
    examples = examples_of(load_grounded_sets())
    assert len(examples) > 2900
    for e in examples:
        for p, a, b in (*e.spans, *e.tight):
            assert 0 <= a < b <= len(e.passages[p].text)
    unanswerable = [e for e in examples if not e.golds]
    assert len(unanswerable) > 580 and all(e.kind == "unanswerable" for e in unanswerable)


def test_a_quote_that_is_not_there_is_an_error() -> None:
    one = {"id": "x", "language": "en", "passages": [{"title": "t", "text": "Anna came."}, {"title": "u", "text": "No."}],
           "qas": [{"question": "Who?", "answer": "Anna [1].", "evidence": [{"passage": 1, "quote": "Anna"}]}]}  # fmt: skip
    assert examples_of([one])[0].golds == {0}
    one["qas"][0]["evidence"][0]["passage"] = 2
    with pytest.raises(DataError, match="does not stand in passage 2"):
        examples_of([one])
    with pytest.raises(DataError, match="lacks"):
        examples_of([{"id": "x"}])


def test_the_shortest_answer() -> None:
    quote = "drowned the villages of Old Grenn and Hasp in 1963"
    span = tight_answer("Which villages were lost?", "The dam drowned Old Grenn and Hasp [3].", quote)
    assert span is not None and quote[slice(*span)] == "Old Grenn and Hasp"
    assert tight_answer("Which villages?", "None.", quote) is None


def test_squad_examples_put_the_right_passage_anywhere() -> None:
    article = {"title": "A_b", "paragraphs": [
        {"context": f"Text {i} says {i}.", "qas": [{"id": f"{i}-{j}", "question": "What?", "answers": [
            {"text": str(i), "answer_start": 5}]} for j in range(4)]} for i in range(5)]}  # fmt: skip
    examples = examples_of_squad([article])
    assert len(examples) == 20 and all(len(e.passages) == 3 for e in examples)
    assert {min(e.golds) for e in examples} == {0, 1, 2}
    for e in examples:
        p, a, b = e.spans[0]
        assert e.passages[p].text[a:b] in e.passages[p].text and e.group == "A b"
    assert all(len(e.passages) == 5 for e in examples_of_squad([article], whole_article=True))


def test_it_ranks_far_better_than_chance_on_other_sets(sets: list[Any], plain: Reader) -> None:
    hits, chance = [], []
    for e in held_out(sets):
        if e.golds:
            readings = plain.read(e.question, e.passages, e.language)
            hits.append(int(np.argmax([r.score for r in readings])) in e.golds)
            chance.append(len(e.golds) / len(e.passages))
    assert np.mean(hits) > 0.7 > 2 * np.mean(chance)


def test_readings_are_whole_sentences_with_probabilities(sets: list[Any], plain: Reader) -> None:
    for e in held_out(sets)[:80]:
        readings = plain.read(e.question, e.passages, e.language)
        assert len(readings) == len(e.passages)
        assert len({r.answerable for r in readings}) == 1
        for r, p in zip(readings, e.passages):
            assert 0 <= r.probability <= 1 and 0 <= r.start < r.end <= len(p.text)
            assert r.start <= r.tight_start < r.tight_end <= r.end
            assert not p.text[r.start].isspace() and not p.text[r.end - 1].isspace()
        order = np.argsort([-r.score for r in readings])
        assert (np.diff(np.array([r.probability for r in readings])[order]) <= 1e-9).all()


def test_order_does_not_matter(plain: Reader, sets: list[Any]) -> None:
    e = held_out(sets)[3]
    there = plain.read(e.question, e.passages, e.language)
    back = plain.read(e.question, e.passages[::-1], e.language)[::-1]
    np.testing.assert_allclose([r.probability for r in there], [r.probability for r in back], atol=1e-6)


@pytest.mark.parametrize("question", ["", " ", "?", "水", "x" * 20_000, "\x00", "a" + "\u0301" * 50])
def test_odd_questions_and_passages(plain: Reader, question: str) -> None:
    readings = plain.read(question, [Passage(""), Passage("a"), Passage("\n\n"), Passage("x" * 3000)], "en")
    assert len(readings) == 4 and all(0 <= r.probability <= 1 for r in readings)
    assert plain.read(question, [], "en") == []
    assert len(plain.read(question, [Passage("alone")], "xx")) == 1


def test_kept_and_loaded_it_reads_the_same(plain: Reader, sets: list[Any], tmp_path: Path) -> None:
    plain.save(tmp_path / "reader")
    again = Reader.load(tmp_path / "reader")
    e = held_out(sets)[0]
    assert again.read(e.question, e.passages, e.language) == plain.read(e.question, e.passages, e.language)
    assert again.record == json.loads(json.dumps(plain.record))


def test_what_cannot_be_loaded_says_so(plain: Reader, tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="no readable reader"):
        Reader.load(tmp_path)
    plain.save(tmp_path)
    body = json.loads((tmp_path / "reader.json").read_text())
    (tmp_path / "reader.json").write_text(json.dumps({**body, "version": 99}))
    with pytest.raises(IncompatibleError, match="found 99"):
        Reader.load(tmp_path)
    (tmp_path / "reader.json").write_text(json.dumps(body)[:-20])
    with pytest.raises(CorruptError):
        Reader.load(tmp_path)


def test_the_test_fold_is_left_out(sets: list[Any]) -> None:
    fold = [s for s in load_grounded_sets() if s.test][:3]
    assert all(in_test_fold(s.id) for s in fold)
    few = sets[:8]
    assert teach_package_reader([*few, *fold], None, None).record == teach_package_reader(few, None, None).record


def test_teaching_twice_gives_the_same_reader(sets: list[Any]) -> None:
    examples = examples_of(sets[:8])
    one, two = (teach_reader(examples, None, None, report=False) for _ in range(2))
    assert {n: m.record() for n, m in one.joints.items()} == {n: m.record() for n, m in two.joints.items()}


def test_with_weights_it_reads_deeply_and_resumes(weights: Mapping[str, Any], sets: list[Any], tmp_path: Path) -> None:
    from whelm.core import stop
    from whelm.core.events import subscribe
    from whelm.retrieve.embed import load_embedder

    static, encoder = load_embedder("wordllama-256"), load_embedder("minilm-l6")
    examples = [e for e in examples_of(sets) if e.language == "en"][:24]
    examples = [replace(e, passages=tuple(replace(p, text=p.text[:160]) for p in e.passages), spans=tuple(
        (p, a, min(b, 160)) for p, a, b in e.spans if a < 150), tight=()) for e in examples]  # fmt: skip
    whole = teach_reader(examples, static, encoder, steps=2, report=False)

    def stop_after_first(event: Any) -> None:
        if event.stage == "reader" and event.name == "loss":
            stop.request()

    unsubscribe = subscribe(stop_after_first)
    try:
        with pytest.raises(stop.Interrupted):
            teach_reader(examples, static, encoder, steps=2, report=False, scratch=tmp_path / "scratch")
    finally:
        unsubscribe()
        stop.clear()
    resumed = teach_reader(examples, static, encoder, steps=2, report=False, scratch=tmp_path / "scratch")
    resumed.save(tmp_path / "a")
    whole.save(tmp_path / "b")
    cross = "cross_encoder.safetensors"
    assert (tmp_path / "a" / cross).read_bytes() == (tmp_path / "b" / cross).read_bytes()
    again = Reader.load(tmp_path / "a", static, encoder)
    e = examples[0]
    assert again.deep is not None
    # the folds of the tune groups must not be empty: both figures are of real questions
    figures = resumed.record["cross_encoder"]
    assert figures["tune_deep"]["n"] == figures["tune_cheap"]["n"] > 0 and len(figures["losses"]) == 2
    np.testing.assert_allclose(
        [r.score for r in again.read(e.question, e.passages)], [r.score for r in resumed.read(e.question, e.passages)]
    )
    (tmp_path / "a" / cross).write_bytes((tmp_path / "a" / cross).read_bytes()[:1000])
    with pytest.raises(CorruptError):
        Reader.load(tmp_path / "a", static, encoder)
