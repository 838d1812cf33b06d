"""BM25 against twenty lines of it, and what a query must not be able to do."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from whelm.core.errors import CorruptError
from whelm.retrieve.text_index import MAX_TERMS, TextIndex, build_text_index, token_line


def exact_bm25(terms: dict[str, float], lines: list[str], k1: float = 1.2, b: float = 0.75) -> list[float]:
    """Robertson's BM25 with Lucene's idf, all in floating point."""
    bags = [Counter(line.split()) for line in lines]
    lengths = [sum(bag.values()) for bag in bags]
    average = sum(lengths) / len(lengths)
    scores = []
    for bag, length in zip(bags, lengths, strict=True):
        score = 0.0
        for term, weight in terms.items():
            holding = sum(term in other for other in bags)
            idf = math.log(1 + (len(bags) - holding + 0.5) / (holding + 0.5))
            score += weight * idf * bag[term] * (k1 + 1) / (bag[term] + k1 * (1 - b + b * length / average))
        scores.append(score)
    return scores


def random_lines(seed: int, n: int, longest: int) -> list[str]:
    draw = random.Random(seed)
    words = [f"w{number}" for number in range(60)]
    weights = [1 / (rank + 1) for rank in range(60)]
    return [" ".join(draw.choices(words, weights, k=draw.randint(1, longest))) for _ in range(n)]


def made(folder: Path, lines: list[str], titles: list[str] | None = None) -> TextIndex:
    build_text_index(folder / "text", zip(lines, titles or [""] * len(lines), strict=True))
    return TextIndex(folder / "text")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores_are_bm25(tmp_path: Path, seed: int) -> None:
    # one byte holds lengths up to 40 exactly, so here nothing is rounded
    lines = random_lines(seed, 200, 39)
    index = made(tmp_path, lines)
    for terms in ({"w3": 1.0}, {"w0": 1.0, "w17": 2.0, "w44": 1.0}, {"nowhere": 1.0, "w9": 1.0}):
        rows, scores = index.search(terms, 200, 0.0)
        wanted = exact_bm25(terms, lines)
        assert sorted(rows.tolist()) == [row for row, score in enumerate(wanted) if score > 0]
        np.testing.assert_allclose(scores, [wanted[row] for row in rows], rtol=1e-5)
        assert (np.diff(scores) <= 0).all()


def test_long_documents_differ_by_the_rounded_length_only(tmp_path: Path) -> None:
    lines = random_lines(5, 100, 3000)
    rows, scores = made(tmp_path, lines).search({"w20": 1.0, "w30": 1.0}, 100, 0.0)
    wanted = exact_bm25({"w20": 1.0, "w30": 1.0}, lines)
    np.testing.assert_allclose(scores, [wanted[row] for row in rows], rtol=0.08)


def test_titles_count_on_top(tmp_path: Path) -> None:
    lines = ["copy tree files", "copy tree words", "move"]
    titles = ["copytree", "copy tree", "move"]
    index = made(tmp_path, lines, titles)
    body = exact_bm25({"copy": 1.0, "tree": 1.0}, lines)
    title = exact_bm25({"copy": 1.0, "tree": 1.0}, titles)
    rows, scores = index.search({"copy": 1.0, "tree": 1.0}, 5, 0.3)
    assert rows.tolist() == [1, 0]
    np.testing.assert_allclose(scores, [body[row] + 0.3 * title[row] for row in rows], rtol=1e-5)


def test_equal_scores_keep_the_order_given(tmp_path: Path) -> None:
    rows, _ = made(tmp_path, ["same words here"] * 50).search({"words": 1.0}, 7, 0.3)
    assert rows.tolist() == list(range(7))


def test_among_gives_the_same_scores(tmp_path: Path) -> None:
    index = made(tmp_path, random_lines(3, 120, 30))
    terms = {"w1": 1.0, "w5": 1.0}
    rows, scores = index.search(terms, 120, 0.0)
    wanted = dict(zip(rows.tolist(), scores.tolist(), strict=True))
    chosen = [4, 8, 15, 16, 23, 42, 108]
    some, some_scores = index.search(terms, 10, 0.0, among=chosen)
    assert set(some.tolist()) == set(chosen) & set(wanted)
    np.testing.assert_allclose(some_scores, [wanted[row] for row in some.tolist()], rtol=1e-6)
    assert index.search(terms, 10, 0.0, among=[])[0].size == 0


@pytest.mark.parametrize(
    "term", ['"', "body:words", "*", "+", "-words", "a AND b", "[a TO z]", "", "\x00", "\ud800", "w" * 100_000]
)
def test_hostile_terms_match_nothing_and_harm_nothing(tmp_path: Path, term: str) -> None:
    index = made(tmp_path, ["some words", "other words"])
    assert index.search({term: 1.0}, 5, 0.3)[0].tolist() == []
    assert index.search({term: 1.0, "other": 1.0}, 5, 0.3)[0].tolist() == [1]


def test_a_pasted_page_is_cut(tmp_path: Path) -> None:
    index = made(tmp_path, ["w0", f"w{MAX_TERMS}"])
    assert index.search({f"w{number}": 1.0 for number in range(5000)}, 5, 0.0)[0].tolist() == [0]


def test_empty_index(tmp_path: Path) -> None:
    index = made(tmp_path, [])
    assert len(index) == 0
    assert index.search({"a": 1.0}, 5, 0.3)[0].tolist() == []


def test_token_line_is_stable_and_whole() -> None:
    line = token_line(["copy", "two words", "x" * 500, "\ud800a", "tab\there", ""])
    assert line == " ".join(["copy", "two", "words", "x" * 128, "a", "tab", "here"])
    assert token_line(line.split()) == line


def test_damage_is_told(tmp_path: Path) -> None:
    made(tmp_path, ["a b"])
    (tmp_path / "text" / "meta.json").write_text("{")
    with pytest.raises(CorruptError, match="cannot be opened"):
        TextIndex(tmp_path / "text")
