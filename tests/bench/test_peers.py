"""The comparison with other systems: what it counts, and that the vectors are made once. The peers themselves run where
they are installed (bench/README.md), on a folder of six sentences."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from whelm.core.types import Document
from whelm.evaluate.own import OwnQuestion, read_questions

REPOSITORY = Path(__file__).resolve().parents[2]
BENCH = REPOSITORY / "bench"


@pytest.fixture(scope="module")
def peers() -> ModuleType:
    """bench/peers.py, which finds its neighbour as a script does."""
    sys.path.insert(0, str(BENCH))
    try:
        return importlib.import_module("peers")
    finally:
        sys.path.remove(str(BENCH))


@pytest.fixture(scope="module")
def systems(peers: ModuleType) -> ModuleType:
    return sys.modules["peer_systems"]


LONG = (
    "Bread needs flour, water, salt and yeast, and it rests for an hour before it goes into the oven for forty minutes."
)


def documents() -> list[Document]:
    texts = {
        "bread.md": LONG,
        "copy/bread.md": LONG,
        "tea.md": "Green tea is steeped for two minutes in water that does not boil any more.",
        "bike.md": "A flat tyre is repaired with a patch, glue and patience.",
        "cat.md": "The cat sleeps on the warm stove all afternoon.",
        "moon.md": "The moon goes round the earth in about twenty-seven days.",
        "empty.md": "",
    }
    return [Document(name, text, name.split(".")[0], "en") for name, text in texts.items()]


class Fixed:
    """A system that always gives the same order."""

    settings: Mapping[str, Any] = {}

    def __init__(self, name: str, order: Sequence[str]) -> None:
        self.name, self.order, self.indexed = name, list(order), 0

    def index(self, documents: Sequence[Document], language: str) -> None:
        self.indexed = len(documents)

    def search(self, question: str) -> list[str]:
        return self.order


def test_twins_name_each_other_and_nobody_else(peers: ModuleType) -> None:
    assert peers.twin_groups(documents()) == {"bread.md": ("copy/bread.md",), "copy/bread.md": ("bread.md",)}


def test_a_document_counts_once_and_a_twin_is_right(peers: ModuleType) -> None:
    twins = peers.twin_groups(documents())
    assert peers.first_right(["tea.md", "tea.md", "copy/bread.md"], ["bread.md"], twins) == 2
    assert peers.first_right(["tea.md", "copy/bread.md"], ["bread.md"], {}) is None
    assert peers.first_right(["a/b.md"], ["a/*"], {}) == 1


def test_measure_and_the_difference_to_the_best_peer(peers: ModuleType) -> None:
    questions = [OwnQuestion("bread?", ("bread.md",)), OwnQuestion("tea?", ("tea.md",))]
    twins = peers.twin_groups(documents())

    def result(name: str, *order: str) -> Any:
        return peers.measure(Fixed(name, order), documents(), questions, twins, "en", lambda: 3.0)

    ours = result("whelm", "copy/bread.md", "cat.md", "tea.md")
    good = result("good", "bread.md", "tea.md")
    bad = result("bad", "cat.md", "moon.md")
    assert ours.ranks == (1, 3)
    assert bad.ranks == (None, None)
    record = ours.record()
    assert record["first"]["value"] == 0.5 and record["among_five"]["value"] == 1.0
    assert record["seconds_a_question"]["n"] == record["first"]["n"] == 2
    # what was remembered before the indexing is not counted
    assert ours.index_s < 3.0
    differences = peers.differences(ours, [bad, good])
    assert differences["first"]["best_peer"] == "good" and differences["first"]["value"] == 0.0
    assert "good" in peers.table({"systems": {"good": record}, "whelm_minus_best_peer": differences})


def test_six_places_are_not_five(peers: ModuleType) -> None:
    order = ["tea.md", "bike.md", "cat.md", "moon.md", "empty.md", "bread.md"]
    result = peers.measure(Fixed("late", order), documents(), [OwnQuestion("?", ("bread.md",))], {}, "en")
    assert result.ranks == (6,) and result.hits(5) == [0.0]


def test_a_vector_is_made_once_and_its_seconds_are_remembered(systems: ModuleType, tmp_path: Path) -> None:
    asked: list[str] = []

    def encode(texts: Sequence[str]) -> Any:
        asked.extend(texts)
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)

    texts = ["ccc", "a", "bb", "a"]
    first = systems.Vectors(encode, tmp_path / "deep" / "vectors.sqlite")
    expected = first.passages(texts, batch=2)
    assert expected[:, 0].tolist() == [3, 1, 2, 1]
    assert sorted(asked) == ["a", "bb", "ccc"] and first.remembered_s == 0.0
    asked.clear()
    again = systems.Vectors(encode, tmp_path / "deep" / "vectors.sqlite")
    assert np.array_equal(again.passages(texts), expected)
    assert asked == [] and again.remembered_s > 0.0
    again.query("a")
    assert asked == ["a"], "a question's seconds are measured, so it is never looked up"


def test_arguments(peers: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert peers.parse(["--python", "questions.jsonl"]).peers == ["llama-index", "txtai", "haystack"]
    assert peers.parse(["folder", "questions.jsonl", "--peers", "txtai"]).peers == ["txtai"]
    with pytest.raises(SystemExit):
        peers.parse(["questions.jsonl"])
    assert "FOLDER and QUESTIONS" in capsys.readouterr().err


def test_a_missing_file_is_told_with_a_hint(
    peers: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in peers.OFFLINE:
        monkeypatch.setenv(name, "")  # main sets these for good: put back afterwards
    assert peers.main([str(tmp_path), str(tmp_path / "none.jsonl")]) == 1
    assert "hint:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "path", sorted([*(BENCH / "questions").glob("*.jsonl"), REPOSITORY / "tests/e2e/questions.jsonl"])
)
def test_questions_are_well_formed(path: Path) -> None:
    questions = read_questions(path)
    texts = [question.question for question in questions]
    assert len(set(texts)) == len(texts)
    assert any(question.answerable for question in questions) and not all(question.answerable for question in questions)
    assert all(question.answer_regex or question.answer for question in questions if question.answerable)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama-index", "txtai", "haystack"])
@pytest.mark.filterwarnings("ignore")
def test_each_peer_finds_what_it_was_given(
    peers: ModuleType, name: str, tmp_path: Path, weights: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {"llama-index": "llama_index.retrievers.bm25", "txtai": "chonkie", "haystack": "haystack"}[name]
    pytest.importorskip(needed.split(".")[0], reason=f"{name} is not installed: bench/README.md tells how")
    for variable, value in peers.OFFLINE.items():
        monkeypatch.setenv(variable, value)
    asked = [
        OwnQuestion("How long must the tea be in the water?", ("tea.md",)),
        OwnQuestion("my tyre is flat", ("bike.md",)),
        OwnQuestion("what goes into bread?", ("copy/bread.md",)),
    ]
    compare: Callable[..., dict[str, Any]] = peers.compare
    body = compare(documents(), asked, [name], None, tmp_path)
    row = body["systems"][name]
    assert row["first"] == {"value": 1.0, "low": pytest.approx(0.4385, abs=1e-3), "high": 1.0, "n": 3}
    assert row["versions"] and json.dumps(body)
