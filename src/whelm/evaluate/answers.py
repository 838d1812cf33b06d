"""An assistant is asked; its documents, answers, citations and refusals are scored.

Of answerable questions: was the right document cited first, was it among the first five found, is the answer right,
was it refused wrongly? Of unanswerable ones: was it refused? Where the true span is known: exact match and token F1 of
the quoted text, and whether the quotation touches the span. Each figure is a `Metric` with n and a 95% interval.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from whelm.core.types import Answer, Metric, Question
from whelm.evaluate.own import OwnQuestion, answer_is_right, matches
from whelm.measure.intervals import mean_interval, wilson
from whelm.measure.text import exact_match, token_f1

__all__ = ["AnswerReport", "Judged", "judge_answers", "judge_own"]

Ask = Callable[[str], Answer]
Twins = Callable[[str], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Judged:
    """One question, what was answered, and what was right about it."""

    question: str
    answerable: bool
    answer: Answer
    cited_first: bool = False
    found_at_5: bool = False
    right: bool = False
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """Metrics by name, and every single case."""

    metrics: dict[str, Metric]
    cases: tuple[Judged, ...]

    def record(self) -> dict[str, Any]:
        """The public JSON form, schema `whelm.evaluation/1`."""
        return {
            "schema": "whelm.evaluation/1",
            "metrics": {
                name: {"value": m.value, "low": m.low, "high": m.high, "n": m.n, "unit": m.unit}
                for name, m in self.metrics.items()
            },
            "questions": [
                {"question": c.question, "answerable": c.answerable, "supported": c.answer.supported, "answer": c.answer.answer,
                 "cited": [x.document for x in c.answer.citations], "found": [h.document for h in c.answer.hits[:5]],
                 "cited_first": c.cited_first, "found_at_5": c.found_at_5, "right": c.right,
                 "probability": round(c.answer.probability, 4)}
                for c in self.cases
            ],
        }  # fmt: skip


def judge_own(questions: Sequence[OwnQuestion], ask: Ask, twins: Twins = lambda _: ()) -> AnswerReport:
    """Ask people's questions. Metrics: hit@1, hit@5, cited_first, answer_right, refused_rightly, refused_wrongly, seconds."""
    cases = []
    for question in questions:
        answer = ask(question.question)
        cited = [c.document for c in answer.citations[:1]]
        found = list(dict.fromkeys(h.document for h in answer.hits))[:5]
        right_document = [matches(name, question.documents, twins(name)) for name in found]
        cases.append(
            Judged(
                question.question,
                question.answerable,
                answer,
                cited_first=question.answerable and any(matches(n, question.documents, twins(n)) for n in cited),
                found_at_5=any(right_document),
                right=answer.supported and question.answerable and answer_is_right(question, answer.answer),
                scores={"hit@1": float(right_document[:1] == [True])},
            )
        )
    return AnswerReport(_own_metrics(cases), tuple(cases))


def _own_metrics(cases: Sequence[Judged]) -> dict[str, Metric]:
    there = [c for c in cases if c.answerable]
    absent = [c for c in cases if not c.answerable]
    metrics: dict[str, Metric] = {}
    if there:
        n = len(there)
        metrics["hit@1"] = wilson(sum(c.scores["hit@1"] for c in there), n)
        metrics["hit@5"] = wilson(sum(c.found_at_5 for c in there), n)
        metrics["cited_first"] = wilson(sum(c.cited_first for c in there), n)
        metrics["answer_right"] = wilson(sum(c.right for c in there), n)
        metrics["refused_wrongly"] = wilson(sum(not c.answer.supported for c in there), n)
    if absent:
        metrics["refused_rightly"] = wilson(sum(not c.answer.supported for c in absent), len(absent))
    return metrics | _seconds(cases)


def _seconds(cases: Sequence[Judged]) -> dict[str, Metric]:
    if not cases:
        return {}
    return {"seconds": Metric(statistics.median(c.answer.seconds for c in cases), None, None, len(cases), "s")}


def judge_answers(
    questions: Sequence[Question], ask: Callable[[Question], Answer], twins: Twins = lambda _: (), seed: int = 0
) -> AnswerReport:
    """Ask questions whose spans are known. Metrics: em, f1, citation_precision, citation_recall, refused_*, seconds."""
    cases = [_judge(question, ask(question), twins) for question in questions]
    there = [c for c in cases if c.answerable]
    answered = [c for c in there if c.answer.supported]
    absent = [c for c in cases if not c.answerable]
    metrics: dict[str, Metric] = {}
    if there:
        for name in ("em", "f1", "citation_recall"):
            metrics[name] = mean_interval([c.scores[name] for c in there], seed)
        metrics["cited_first"] = wilson(sum(c.cited_first for c in there), len(there))
        metrics["refused_wrongly"] = wilson(sum(not c.answer.supported for c in there), len(there))
    if answered:
        metrics["citation_precision"] = mean_interval([c.scores["citation_precision"] for c in answered], seed)
    if absent:
        metrics["refused_rightly"] = wilson(sum(not c.answer.supported for c in absent), len(absent))
    return AnswerReport(metrics | _seconds(cases), tuple(cases))


def _judge(question: Question, answer: Answer, twins: Twins) -> Judged:
    names = {question.document, *twins(question.document)} if question.document else set()
    said = " ".join(c.quote for c in answer.citations) if answer.mode == "quote" else answer.answer
    said = said if answer.supported else ""
    # a citation is right if it stands in the document and touches the span that answers
    touching = [
        c.document in names and (c.document != question.document or (c.start < question.end and question.start < c.end))
        for c in answer.citations
    ]
    return Judged(
        question.question,
        question.answerable,
        answer,
        cited_first=question.answerable and bool(answer.citations) and answer.citations[0].document in names,
        found_at_5=any(h.document in names for h in answer.hits[:5]),
        right=question.answerable and any(touching),
        scores={
            "em": exact_match(said, question.answer),
            "f1": token_f1(said, question.answer),
            "citation_precision": sum(touching) / len(touching) if touching else 0.0,
            "citation_recall": float(any(touching)),
        },
    )
