"""Scores of answers, worked by hand."""

from __future__ import annotations

import pytest

from whelm.core.types import Answer, Citation, Hit, Question
from whelm.evaluate.answers import judge_answers, judge_own
from whelm.evaluate.own import OwnQuestion


def _citation(document: str, start: int, quote: str) -> Citation:
    return Citation(document, document, "", None, f"{document}@{start}", quote, start, start + len(quote), 0.9)


def _answer(question: str, *cited: Citation, found: tuple[str, ...] = ()) -> Answer:
    hits = tuple(Hit(name, f"{name}@0", 1.0) for name in found)
    if not cited:
        return Answer(question, hits=hits, seconds=1.0)
    return Answer(question, " ".join(c.quote for c in cited), True, citations=cited, hits=hits, seconds=3.0)


def test_known_spans() -> None:
    questions = [
        Question("1", "fact", "q1", "a.md", 10, 20, "every 15 seconds"),
        Question("2", "fact", "q2", "a.md", 10, 20, "every 15 seconds"),
        Question("3", "foreign", "q3", answerable=False),
        Question("4", "foreign", "q4", answerable=False),
    ]
    answers = {
        "q1": _answer(
            "q1", _citation("a.md", 12, "every 15 seconds"), _citation("b.md", 0, "blue cheese"), found=("a.md",)
        ),
        "q2": _answer("q2"),
        "q3": _answer("q3"),
        "q4": _answer("q4", _citation("a.md", 12, "x")),
    }
    report = judge_answers(questions, lambda q: answers[q.question])
    values = {name: metric.value for name, metric in report.metrics.items()}
    # q1: 3 of 5 said tokens are right and all 3 wanted are there: F1 = 2 * 0.6 * 1 / 1.6 = 0.75; q2 says nothing: 0
    assert values["f1"] == pytest.approx(0.375)
    assert values["em"] == 0.0
    assert values["citation_precision"] == pytest.approx(0.5)
    assert values["citation_recall"] == pytest.approx(0.5)
    assert values["refused_wrongly"] == 0.5 and values["refused_rightly"] == 0.5
    assert values["seconds"] == 2.0
    assert report.metrics["f1"].n == 2 and report.metrics["f1"].low is not None


def test_a_twin_is_right_and_a_citation_elsewhere_in_the_document_is_not() -> None:
    question = Question("1", "fact", "q", "a.md", 100, 120, "text")
    twin = judge_answers([question], lambda _: _answer("q", _citation("copy.md", 0, "text")), lambda _: ("copy.md",))
    assert twin.metrics["citation_recall"].value == 1.0 and twin.metrics["cited_first"].value == 1.0
    elsewhere = judge_answers([question], lambda _: _answer("q", _citation("a.md", 0, "text")))
    assert elsewhere.metrics["citation_recall"].value == 0.0 and elsewhere.metrics["cited_first"].value == 1.0


def test_own_questions() -> None:
    questions = [
        OwnQuestion("q1", ("a.md",), answer="15 seconds"),
        OwnQuestion("q2", ("a.md",), answer="15 seconds"),
        OwnQuestion("q3"),
    ]
    answers = {
        "q1": _answer("q1", _citation("a.md", 0, "every 15 seconds"), found=("b.md", "a.md")),
        "q2": _answer("q2", _citation("b.md", 0, "every 15 seconds"), found=("b.md", "c", "d", "e", "f", "a.md")),
        "q3": _answer("q3"),
    }
    report = judge_own(questions, lambda q: answers[q])
    values = {name: metric.value for name, metric in report.metrics.items()}
    assert values["cited_first"] == 0.5 and values["hit@1"] == 0.0 and values["hit@5"] == 0.5
    assert values["answer_right"] == 1.0 and values["refused_rightly"] == 1.0 and values["refused_wrongly"] == 0.0
    record = report.record()
    assert record["schema"] == "whelm.evaluation/1" and len(record["questions"]) == 3
