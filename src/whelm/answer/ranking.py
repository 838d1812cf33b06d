"""The last word on the order of candidates: what the reader says, what search says, and which document it is.

    s(c) = w . [reader's logit, cosine, BM25 (1 = the best's), prominence, depth, named, container],   P(c) = softmax over candidates

    P(document) = sum of P(c) over its candidates      `lifted`: a document that answers says so in several places

The reader judges text alone; the document's standing is not in it: of two that answer, the one that others speak of
(`prominence`, that of what it belongs to included: `container`) and that lies less deep (`os.mkdir` before
`importlib.resources.abc.X.mkdir`) is the likelier wish. The
weights are fitted by maximum a posteriori, with a Gaussian prior around given weights: few questions change little.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whelm.core.types import Document

__all__ = ["FEATURES", "FinalRanking", "RankingSample", "features", "fit_ranking", "lifted"]

FEATURES = ("reader", "cosine", "text", "prominence", "depth", "named", "container")
# fitted to questions that people wrote about several folders, none of them used to measure
PRIOR = (0.1, 20.0, 3.0, 1.0, -1.0, -0.4, 1.3)
# standard deviations of the prior: the document's standing cannot be learnt from questions made of its text
_SPREAD = (0.2, 4.0, 0.6, 0.3, 0.1, 0.3, 0.3)


@dataclass(frozen=True, slots=True)
class RankingSample:
    """The features of a question's candidates, float [C, FEATURES], and which of them are right."""

    rows: NDArray[np.float64]
    right: NDArray[np.bool_]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class FinalRanking:
    """Weights of the features."""

    weights: tuple[float, ...] = PRIOR

    def scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """rows: float [C, FEATURES]. Returns: float [C], higher is better."""
        return rows @ np.asarray(self.weights)

    def named(self) -> dict[str, float]:
        """Feature -> weight."""
        return dict(zip(FEATURES, self.weights, strict=True))

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.named()))

    @classmethod
    def load(cls, path: Path) -> FinalRanking:
        body = json.loads(path.read_text())
        # a run that was built before a feature was known keeps its other weights
        return cls(tuple(float(body.get(name, weight)) for name, weight in zip(FEATURES, PRIOR, strict=True)))


def features(
    question_words: frozenset[str],
    cosines: NDArray[np.float64],
    bm25: NDArray[np.float64],
    prominence: Mapping[str, float],
    documents: Sequence[Document],
    title_words: Sequence[frozenset[str]],
) -> NDArray[np.float64]:
    """float [C, FEATURES] of the candidates of one question, before any was read: the reader's column is 0."""
    rows = np.zeros((len(documents), len(FEATURES)))
    best = max(float(bm25.max(initial=0.0)), 1e-9)
    for i, document in enumerate(documents):
        named = title_words[i]
        share = len(named & question_words) / len(named) if named else 0.0
        standing = prominence.get(document.id, 0.0)
        container = prominence.get(_container(document), 0.0) if _container(document) else standing
        rows[i] = (0.0, cosines[i], bm25[i] / best, standing, _depth(document), share, container)
    return rows


def lifted(scores: NDArray[np.float64], documents: Sequence[str]) -> NDArray[np.float64]:
    """Each candidate's score, raised by what the others of its document add: log sum exp of theirs less their best.

    Sorted by these, documents stand in the order of P(document) and the candidates of one in their own.
    """
    out = scores.astype(np.float64).copy()
    places: dict[str, list[int]] = {}
    for place, document in enumerate(documents):
        places.setdefault(document, []).append(place)
    for own in places.values():
        best = scores[own].max()
        out[own] += np.log(np.exp(scores[own] - best).sum())
    return out


def _container(document: Document) -> str:
    """What an object belongs to by its dotted name: a method to its class, a function to its module; files to none."""
    return document.title.rpartition(".")[0] if " " not in document.title else ""


def _depth(document: Document) -> float:
    """How deep a name lies: dots of an object's name; files count as level with each other."""
    return float(min(document.title.count("."), 4)) if " " not in document.title else 0.0


def fit_ranking(samples: Sequence[RankingSample], prior: Sequence[float] = PRIOR) -> FinalRanking:
    """Maximum a posteriori by Newton's method; without samples the prior."""
    mean, precision = np.asarray(prior, float), 1.0 / np.square(np.asarray(_SPREAD))
    usable = [s for s in samples if s.right.any() and not s.right.all()]
    theta, loss = mean.copy(), _loss(mean, usable, mean, precision)
    for _ in range(50):
        gradient, curvature = precision * (theta - mean), np.diag(precision)
        for sample in usable:
            p = _softmax(sample.rows @ theta)
            q = np.where(sample.right, p, 0.0)
            q /= max(q.sum(), 1e-12)  # any right candidate will do
            expected = p @ sample.rows
            gradient = gradient + sample.weight * (expected - q @ sample.rows)
            spread = (sample.rows * p[:, None]).T @ sample.rows - np.outer(expected, expected)
            curvature = curvature + sample.weight * spread
        step = np.linalg.solve(curvature, gradient)
        rate = 1.0
        # several right candidates make the loss slightly non-convex: a step must improve it
        while (new := _loss(theta - rate * step, usable, mean, precision)) > loss and rate > 1e-4:
            rate /= 2
        if loss - new < 1e-7 * max(1.0, abs(loss)):
            break
        theta, loss = theta - rate * step, new
    return FinalRanking(tuple(float(w) for w in theta))


def _loss(
    theta: NDArray[np.float64],
    samples: Sequence[RankingSample],
    mean: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> float:
    loss = 0.5 * float(precision @ np.square(theta - mean))
    for sample in samples:
        p = _softmax(sample.rows @ theta)
        loss -= sample.weight * float(np.log(max(p[sample.right].sum(), 1e-300)))
    return loss


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max())
    return shifted / shifted.sum()
