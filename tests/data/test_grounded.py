"""The package's own questions: all well formed, the test fold as documented, and what is wrong named."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from whelm.core.errors import DataError
from whelm.data.grounded import is_test, load_everyday_sets, load_grounded_sets, load_teaching_sets, parse_set

RECORD: dict[str, Any] = {
    "id": "x-1", "domain": "d", "language": "en",
    "passages": [{"title": "A", "text": "One two three."}, {"title": "B", "text": "Four five."}],
    "qas": [
        {"question": "Q?", "answer": "Four [2].", "kind": "fact", "evidence": [{"passage": 2, "quote": "Four five"}]},
        {"question": "None?", "answer": None, "why": "near miss"},
        {"question": "And?", "answer": "Two [1].", "kind": "fact", "after": 0, "standalone": "And then?",
         "evidence": [{"passage": 1, "quote": "two"}]},
    ],
}  # fmt: skip


def test_all_sets_of_the_package() -> None:
    sets = load_grounded_sets()
    questions = [question for item in sets for question in item.questions]
    assert (len(sets), sum(item.test for item in sets)) == (426, 80)
    assert sum(question.answerable for question in questions) == 2382
    assert sum(not question.answerable for question in questions) == 586
    assert sum(question.after is not None for question in questions) == 251
    assert len({question.id for question in questions}) == len(questions)
    for item in sets:
        for question in item.questions:
            for quote in question.evidence:
                assert item.passages[quote.passage].text[quote.start : quote.end] == quote.text


def test_a_record() -> None:
    item = parse_set(RECORD)
    assert item.questions[0].evidence[0].start == 0 and item.questions[0].evidence[0].passage == 1
    assert item.questions[1].why and not item.questions[1].answerable
    assert item.questions[2].after == 0 and item.questions[2].standalone == "And then?"


def test_the_fold() -> None:
    for name in ("a", "x-1", "ü"):
        assert is_test(name) == (int(hashlib.sha256(name.encode()).hexdigest(), 16) % 5 == 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["qas"][0]["evidence"][0].update(quote="Four  five"), "does not stand in passage 2"),
        (lambda r: r["qas"][0]["evidence"][0].update(passage=3), "cites passage 3 of 2"),
        (lambda r: r["qas"][0].update(evidence=[]), "without evidence"),
        (lambda r: r["qas"][2].update(after=2), "does not come before"),
        (lambda r: r.pop("passages"), "passages"),
        (lambda r: r["qas"][0].pop("question"), "question"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: Any, message: str) -> None:
    record = copy.deepcopy(RECORD)
    change(record)
    (tmp_path / "a.jsonl").write_text(json.dumps(RECORD | {"id": "ok"}) + "\n" + json.dumps(record))
    with pytest.raises(DataError, match=message) as caught:
        load_grounded_sets(tmp_path)
    assert "line 2" in caught.value.message and caught.value.hint


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no sets"):
        load_grounded_sets(tmp_path)
    (tmp_path / "a.jsonl").write_text("{")
    with pytest.raises(DataError, match=r"a\.jsonl, line 1"):
        load_grounded_sets(tmp_path)
    (tmp_path / "a.jsonl").write_text((json.dumps(RECORD) + "\n") * 2)
    with pytest.raises(DataError, match="comes twice"):
        load_grounded_sets(tmp_path)


def test_the_everyday_sets_have_the_same_form_and_no_set_serves_two_ends() -> None:
    everyday = load_everyday_sets()
    assert len(everyday) == 1240
    assert {s.language for s in everyday} == {"en", "de"}
    teaching = load_teaching_sets()
    assert not [s.id for s in teaching if s.test or s.teaches_encoder]
    assert not [s.id for s in everyday if s.test and s.teaches_encoder]
    assert {s.id for s in everyday} & {s.id for s in load_grounded_sets()} == set()
