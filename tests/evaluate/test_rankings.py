"""Rankings, worked by hand."""

from __future__ import annotations

import math

import pytest

from whelm.core.types import Hit, Question
from whelm.evaluate.rankings import judge_rankings, score_ranking


def _hits(*documents: str) -> list[Hit]:
    return [Hit(name, f"{name}@{place}", -float(place)) for place, name in enumerate(documents)]


def test_a_document_counts_at_its_first_chunk() -> None:
    scores = score_ranking(_hits("b", "b", "a", "a"), ["a"])
    assert scores == {"hit@1": 0.0, "hit@5": 1.0, "mrr": 0.5, "ndcg@10": pytest.approx(1 / math.log2(3))}


def test_a_twin_counts_once() -> None:
    scores = score_ranking(_hits("copy", "a"), ["a", "copy"])
    assert scores["hit@1"] == 1.0 and scores["ndcg@10"] == 1.0


def test_unanswerable_questions_are_left_out() -> None:
    questions = [Question("1", "fact", "q", "a"), Question("2", "foreign", "r", answerable=False)]
    metrics = judge_rankings(questions, {"text": lambda _: _hits("a"), "dense": lambda _: _hits("b")})
    assert metrics["text.hit@1"].value == 1.0 and metrics["dense.mrr"].value == 0.0
    assert metrics["text.hit@1"].n == 1
