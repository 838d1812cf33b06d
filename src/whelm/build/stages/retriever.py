"""Which vectors, and how much they weigh beside BM25: alpha and the embedder chosen on tune, shrunk towards a prior.

    quality(which, alpha) = (n * own + m * prior) / (n + m),   mean reciprocal rank of the right document

`own` is the curve over the folder's tune questions, each kind weighed by how people ask; `prior` the same curve over
the package's questions (not its test fold), whose wording people wrote. Both ends, text alone and vectors alone,
are candidates. m = 150 questions and n at most 50: questions that are made of a text repeat its words and favour text
search, however many there are, so the folder's curve moves the prior's choice but does not overturn it alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whelm.build.stages.questions import read_questions
from whelm.core import stop
from whelm.core.stage import Context, Outcome, Stage
from whelm.core.types import Document, Embedder, Metric, Question
from whelm.data.grounded import load_teaching_sets
from whelm.data.questions import people_weight
from whelm.hub.weights import ENCODER, STATIC
from whelm.retrieve.chunks import ChunkConfig, chunk
from whelm.retrieve.embed import load_embedder
from whelm.retrieve.index import FolderIndex
from whelm.retrieve.search import HybridRetriever, SearchConfig, joined
from whelm.retrieve.update import update_index

__all__ = ["ALPHAS", "PRIOR", "RETRIEVER", "PriorConfig", "RetrieverConfig", "load_search_config"]

ALPHAS = tuple(round(0.05 * step, 2) for step in range(21))
_PRIOR_WEIGHT = 150.0
_MOST_OWN = 50.0  # made questions repeat the text's words: many of them must not outvote people's
_ENGLISH_ONLY = frozenset({"minilm-l6", ENCODER})


@dataclass(frozen=True, kw_only=True, slots=True)
class PriorConfig:
    """Whose vectors the package's curve is drawn for: (name, digest of the weights) pairs."""

    embedders: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrieverConfig:
    """Whose vectors may be chosen, and the language of most documents."""

    embedders: tuple[tuple[str, str], ...] = ()
    language: str = "en"


def _run_prior(context: Context) -> Outcome:
    """The package's curves, once a machine: its passages are a folder of their own."""
    documents, questions = _package_folder()
    folder = context.scratch / "index"
    embedders = _load(context.config.embedders)
    if folder.exists():
        from whelm.core.files import remove_tree

        remove_tree(folder)
    update_index(None, folder, ((d, chunk(d, ChunkConfig())) for d in documents), embedders=list(embedders.values()))
    with FolderIndex.open(folder) as index:
        curves = {name: _curve(index, embedder, questions, context) for name, embedder in _candidates(embedders)}
    (context.out / "curves.json").write_text(json.dumps(curves))
    return Outcome(counts={"questions": len(questions), "passages": len(documents)})


PRIOR = Stage("retriever-prior", _run_prior)


def _run(context: Context) -> Outcome:
    config: RetrieverConfig = context.config
    questions = [q for q in read_questions(context.inputs["questions"].path, "tune") if q.answerable]
    vectors = [context.inputs["vectors"].path] if "vectors" in context.inputs else []
    prior = json.loads((context.inputs["prior"].path / "curves.json").read_text())
    embedders = _load(config.embedders)
    with FolderIndex.open(context.inputs["index"].path, vectors) as index:
        usable = {
            name: e for name, e in embedders.items()
            if name in index.embedders and (config.language == "en" or name not in _ENGLISH_ONLY)
        }  # fmt: skip
        own = {name: _curve(index, embedder, questions, context) for name, embedder in _candidates(usable)}
    weights = min(_MOST_OWN, float(sum(people_weight(q.kind) for q in questions)))
    blended = {
        name: [
            (weights * a + _PRIOR_WEIGHT * b) / (weights + _PRIOR_WEIGHT)
            for a, b in zip(curve, prior.get(name, curve), strict=True)
        ]
        for name, curve in own.items()
    }
    which, place = max(
        ((name, i) for name, curve in blended.items() for i in range(len(curve))),
        key=lambda c: (blended[c[0]][c[1]], -c[1]),
    )
    chosen = {
        "alpha": ALPHAS[place], "which": which, "alphas": ALPHAS, "own": own, "prior": {k: prior.get(k) for k in own},
        "joined": blended, "questions": len(questions), "language": config.language,
    }  # fmt: skip
    (context.out / "retriever.json").write_text(json.dumps(chosen))
    return Outcome(
        counts={"questions": len(questions)},
        metrics={
            "alpha": Metric(ALPHAS[place]), "mrr text alone": Metric(own[which][0], n=len(questions)),
            "mrr vectors alone": Metric(own[which][-1], n=len(questions)), "mrr chosen": Metric(own[which][place], n=len(questions)),
        },
    )  # fmt: skip


RETRIEVER = Stage("retriever", _run)


def load_search_config(path: Path | None, language: str = "en") -> SearchConfig:
    """The chosen alpha and vectors; without a retriever yet, what the sketches found best."""
    if path is None:
        return SearchConfig() if language == "en" else SearchConfig(which=STATIC)
    chosen = json.loads((path / "retriever.json").read_text())
    return SearchConfig(alpha=chosen["alpha"], which=chosen["which"] or ENCODER)


def _candidates(embedders: Mapping[str, Embedder]) -> list[tuple[str, Embedder | None]]:
    return list(embedders.items()) or [("", None)]


def _load(names: Iterable[tuple[str, str]]) -> dict[str, Embedder]:
    return {name: embedder for name, _ in names if (embedder := load_embedder(name)) is not None}


def _curve(
    index: FolderIndex, embedder: Embedder | None, questions: Sequence[Question], context: Context
) -> list[float]:
    """Mean reciprocal rank of the right document for each alpha; one search a question serves all of them."""
    retriever = HybridRetriever(index, embedder, SearchConfig(which=embedder.name if embedder else "", candidates=100))
    ranks, weights = [], []
    for number, question in enumerate(questions):
        stop.check()
        found = retriever.candidates(question.question, both=True)
        right = {question.document, *index.twins(question.document)}
        named = [document for _, document, _ in index.names(found.places)]
        documents = np.unique(named, return_inverse=True)[1] if named else np.empty(0, np.int64)
        is_right = np.array([document in right for document in named], bool)
        ranks.append([_reciprocal(joined(found, alpha), is_right, documents) for alpha in ALPHAS])
        weights.append(people_weight(question.kind))
        context.progress(number + 1, len(questions), "questions")
    if not ranks:
        return [0.0] * len(ALPHAS)
    return [float(v) for v in np.average(np.array(ranks), axis=0, weights=weights)]


def _reciprocal(scores: NDArray[np.float64], is_right: NDArray[np.bool_], documents: NDArray[np.int64]) -> float:
    """1 / the right document's rank, by its best chunk; 0 where it was not found."""
    if not is_right.any() or not np.isfinite(best := scores[is_right].max()):
        return 0.0
    return 1.0 / (1 + len(np.unique(documents[(scores > best) & ~is_right])))


def _package_folder() -> tuple[list[Document], list[Question]]:
    """The package's passages as documents and its questions as questions about them, those that are kept for tests or were taught left out."""
    documents, questions = [], []
    for group in load_teaching_sets():
        if group.language != "en":
            continue
        for number, passage in enumerate(group.passages, start=1):
            documents.append(Document(f"{group.id}/{number}", passage.text, passage.title, group.language))
        for qa in group.questions:
            if qa.answer and qa.after is None and len({e.passage for e in qa.evidence}) == 1:
                questions.append(Question(qa.id, qa.kind, qa.question, f"{group.id}/{qa.evidence[0].passage + 1}"))
    return documents, questions
