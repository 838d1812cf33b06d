"""The reader: the package's part once a machine, then what the folder's own questions add.

`PACKAGE_READER` is made from the package's questions alone (its test fold left out) and lies in the user's cache.
`READER` goes on from it for one folder: the weights of the final ranking are fitted to the folder's train and tune
questions, around the package's.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace

import numpy as np

from whelm.answer.answerer import Answerer, AnswerSettings
from whelm.answer.ranking import RankingSample, fit_ranking
from whelm.answer.teach import teach_package_reader
from whelm.build.opening import open_answerer
from whelm.build.stages.answers import sampled
from whelm.build.stages.questions import read_questions
from whelm.core import stop
from whelm.core.stage import Context, Outcome, Stage
from whelm.core.types import Metric, Question
from whelm.data.grounded import load_teaching_sets
from whelm.data.questions import people_weight
from whelm.hub.weights import ENCODER, STATIC
from whelm.retrieve.embed import load_embedder

__all__ = ["PACKAGE_READER", "READER", "PackageReaderConfig"]

_MOST_ASKED = 120
_WEIGHT = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageReaderConfig:
    """How the package's part is taught."""

    embedders: tuple[tuple[str, str], ...]
    steps: int
    seed: int


def _run_package(context: Context) -> Outcome:
    config: PackageReaderConfig = context.config
    embedders = {name: load_embedder(name) for name, _ in config.embedders}
    reader = teach_package_reader(
        load_teaching_sets(), embedders.get(STATIC), embedders.get(ENCODER), steps=config.steps, seed=config.seed,
        scratch=context.scratch,
    )  # fmt: skip
    reader.save(context.out)
    return Outcome(metrics={})


PACKAGE_READER = Stage("package-reader", _run_package)


def _run(context: Context) -> Outcome:
    paths = {name: artifact.path for name, artifact in context.inputs.items()}
    package = paths.pop("package")
    shutil.copytree(package, context.out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))
    answerer = open_answerer({**paths, "reader": context.out}, AnswerSettings())
    questions = sampled(
        [q for q in read_questions(paths["questions"]) if q.answerable and q.split != "test"], _MOST_ASKED
    )
    samples = []
    for number, question in enumerate(questions):
        stop.check()
        samples.append(_sample(answerer, question))
        context.progress(number + 1, len(questions), "questions")
    # made questions repeat the words of the text: all of them together count as `_WEIGHT` questions of people
    total = max(sum(sample.weight for sample in samples), _WEIGHT)
    ranking = fit_ranking([replace(sample, weight=sample.weight * _WEIGHT / total) for sample in samples])
    ranking.save(context.out / "ranking.json")
    return Outcome(
        counts={"questions": len(questions)}, metrics={f"weight {n}": Metric(w) for n, w in ranking.named().items()}
    )


READER = Stage("reader", _run)


def _sample(answerer: Answerer, question: Question) -> RankingSample:
    rows, hits = answerer.ranking_rows(question.question)
    names = {question.document, *answerer.twins(question.document)}
    return RankingSample(rows, np.array([hit.document in names for hit in hits], bool), people_weight(question.kind))
