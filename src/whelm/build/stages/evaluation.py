"""How good the assistant is, on test questions alone: rankings side by side, answers, refusals, seconds.

    cases.json      every question that was asked, what was answered, what was right about it
    metrics         in the manifest: name -> value, interval, n

Nothing is chosen here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Literal

from whelm.build.config import AnswerConfig, WriterConfig
from whelm.build.opening import open_answerer
from whelm.build.stages.answers import hidden_for, load_settings, sampled
from whelm.build.stages.questions import read_questions
from whelm.core import stop
from whelm.core.stage import Context, Outcome, Stage
from whelm.core.types import Answer, Question
from whelm.evaluate.answers import Judged, judge_answers
from whelm.evaluate.rankings import judge_rankings
from whelm.measure.intervals import mean_interval

__all__ = ["EVALUATION", "EvaluationConfig"]

_MOST_RANKED = 300
_MOST_ANSWERED = 150  # the bound for whatever generates


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationConfig:
    """How the assistant that is measured answers."""

    answers: AnswerConfig
    writer: WriterConfig


def _run(context: Context) -> Outcome:
    config: EvaluationConfig = context.config
    paths = {name: artifact.path for name, artifact in context.inputs.items()}
    settings = load_settings(paths["answers"], config.answers.candidates)
    answerer = open_answerer(paths, settings, config.writer)
    questions = read_questions(paths["questions"], "test")
    ranked = sampled([q for q in questions if q.answerable], _MOST_RANKED)
    metrics = judge_rankings(ranked, answerer.rankings(), answerer.twins)
    asked = _balanced(questions)
    done = 0

    def ask(question: Question, mode: Literal["quote", "write"]) -> Answer:
        nonlocal done
        stop.check()
        done += 1
        context.progress(done, len(asked), "questions")
        return answerer.answer(question.question, mode=mode, hidden=hidden_for(answerer, question))

    report = judge_answers(asked, lambda q: ask(q, "quote"), answerer.twins)
    metrics |= {f"quote.{name}": metric for name, metric in report.metrics.items()}
    if config.writer.url:
        done = 0
        written = judge_answers(asked, lambda q: ask(q, "write"), answerer.twins)
        metrics |= {f"write.{name}": metric for name, metric in written.metrics.items()}
    by_kind: dict[str, list[float]] = defaultdict(list)
    for question, case in zip(asked, report.cases, strict=True):
        by_kind[question.kind].append(float(case.cited_first if question.answerable else not case.answer.supported))
    metrics |= {f"kind {name}": mean_interval(values) for name, values in sorted(by_kind.items())}
    cases = [_case(q, c) for q, c in zip(asked, report.cases, strict=True)]
    (context.out / "cases.json").write_text(json.dumps(cases))
    return Outcome(counts={"ranked": len(ranked), "answered": len(asked)}, metrics=metrics)


EVALUATION = Stage("evaluation", _run)


def _balanced(questions: list[Question]) -> list[Question]:
    """Two thirds answerable, one third not, at most the bound."""
    there = sampled([q for q in questions if q.answerable], _MOST_ANSWERED * 2 // 3)
    absent = sampled([q for q in questions if not q.answerable], _MOST_ANSWERED // 3)
    return there + absent


def _case(question: Question, case: Judged) -> dict[str, object]:
    return {
        "question": asdict(question),
        "answer": case.answer.record(),
        "right": case.right,
        "cited_first": case.cited_first,
        "scores": case.scores,
    }
