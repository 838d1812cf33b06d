"""The threshold of refusal, calibrated on tune: how sure the reader must be before an answer is given.

The threshold is the largest at which at most `false_refusals` of the answerable tune questions would be refused. A
folder's own questions are not worded as people word theirs, so their threshold is shrunk towards the one that holds for
questions that people wrote about other folders (`PEOPLE_THRESHOLD`), which counts as `_PEOPLE_WEIGHT` questions. Where an
endpoint writes, quoting and writing are compared on tune, and `auto` uses the one whose answers agree better with the
reference.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whelm.answer.answerer import Answerer, AnswerSettings
from whelm.build.config import AnswerConfig, WriterConfig
from whelm.build.opening import open_answerer
from whelm.build.stages.questions import read_questions
from whelm.core import stop
from whelm.core.random import fraction
from whelm.core.stage import Context, Outcome, Stage
from whelm.core.types import Metric, Question
from whelm.evaluate.answers import judge_answers
from whelm.measure.calibration import auc, threshold_at

__all__ = ["ANSWERS", "AnswersConfig", "hidden_for", "load_settings", "sampled"]

PEOPLE_THRESHOLD = 0.35  # of `answer.sureness`: 3% of people's answerable questions lie below, 80% of the others
_PEOPLE_WEIGHT = 400.0
_MOST_OWN = 50.0  # made questions, however many, must not outvote people's
_MOST_ASKED = 250
_MOST_WRITTEN = 40  # an endpoint takes seconds an answer


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswersConfig:
    """When to refuse, and who may write."""

    answers: AnswerConfig
    writer: WriterConfig


def _run(context: Context) -> Outcome:
    config: AnswersConfig = context.config
    questions = sampled(read_questions(context.inputs["questions"].path, "tune"), _MOST_ASKED)
    paths = {name: artifact.path for name, artifact in context.inputs.items()}
    answerer = open_answerer(paths, AnswerSettings(candidates=config.answers.candidates), config.writer)
    surest: list[float] = []
    for number, question in enumerate(questions):
        stop.check()
        hidden = hidden_for(answerer, question)
        surest.append(answerer.answer(question.question, mode="quote", hidden=hidden).probability)
        context.progress(number + 1, len(questions), "questions")
    there = np.array([q.answerable for q in questions], bool)
    scores = np.array(surest)
    rate = config.answers.false_refusals
    own = threshold_at(scores[there], rate) if there.any() else 0.0
    people = PEOPLE_THRESHOLD
    weight = min(_MOST_OWN, float(there.sum()))
    threshold = (weight * own + _PEOPLE_WEIGHT * people) / (weight + _PEOPLE_WEIGHT) if weight else people
    use, won = _who_answers(answerer, config, questions)
    body = {
        "threshold": threshold, "own": own, "people": people, "candidates": config.answers.candidates, "use": use,
        "false_refusals": rate, "writing": won,
        "curve": [[float(t), float((scores[there] < t).mean()) if there.any() else 0.0,
                   float((scores[~there] < t).mean()) if (~there).any() else 0.0] for t in np.linspace(0, 1, 101)],
    }  # fmt: skip
    (context.out / "answers.json").write_text(json.dumps(body))
    metrics = {"threshold": Metric(threshold, n=len(questions))}
    if there.any() and (~there).any():
        metrics["auc of refusing"] = Metric(auc(scores, there.astype(int)), n=len(questions))
        metrics["refused wrongly on tune"] = Metric(float((scores[there] < threshold).mean()), n=int(there.sum()))
        metrics["refused rightly on tune"] = Metric(float((scores[~there] < threshold).mean()), n=int((~there).sum()))
    return Outcome(counts={"questions": len(questions)}, metrics=metrics)


ANSWERS = Stage("answers", _run)


def sampled(questions: list[Question], most: int) -> list[Question]:
    """At most so many questions, chosen by their names, so that a sample does not change with what else is asked."""
    chosen = sorted(questions, key=lambda q: (fraction("build/sample", q.id), q.id))[:most]
    return sorted(chosen, key=lambda q: q.id)


def load_settings(path: Path | None, candidates: int) -> AnswerSettings:
    """The calibrated settings; before there are any, the package's threshold."""
    if path is None:
        return AnswerSettings(candidates=candidates)
    body = json.loads((path / "answers.json").read_text())
    return AnswerSettings(threshold=body["threshold"], candidates=body["candidates"], use=body["use"])


def hidden_for(answerer: Answerer, question: Question) -> frozenset[str]:
    """The documents that are left out while this question is asked."""
    if question.answerable or not question.document:
        return frozenset()
    return frozenset({question.document, *answerer.twins(question.document)})


def _who_answers(answerer: Answerer, config: AnswersConfig, questions: list[Question]) -> tuple[str, dict[str, float]]:
    """Quoting or writing: whichever agrees better with the reference on tune."""
    if not config.writer.url:
        return "quote", {}
    asked = sampled([q for q in questions if q.answerable], _MOST_WRITTEN)
    reports = {
        mode: judge_answers(asked, lambda q, mode=mode: answerer.answer(q.question, mode=mode)).metrics  # type: ignore[misc]
        for mode in ("quote", "write")
    }
    won = {mode: metrics["f1"].value for mode, metrics in reports.items() if "f1" in metrics}
    return max(won, key=lambda mode: (won[mode], mode == "quote")) if won else "quote", won
