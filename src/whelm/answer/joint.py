"""One small calibrated model over a question's passages and "none of them".

    L_p = w . [x_p, x_p - best rival's x]        a passage's logit
    L_0 = v . [max_p x_p, margin_p x_p] + b      that of "none"
    P(p) = softmax(L_1 .. L_P, L_0)              conditional logit (McFadden 1974)

The weights minimize the cross-entropy with an L2 penalty by Newton's method (convex, a second for thousands of
questions). Whether any passage answers is then judged by a logistic model over log((1 - P(0)) / P(0)), the signals of
the best passage, their maximum, mean and margin over the passages, and what the question asks for: fitted on logits of models
that had not seen the question's group, for in-sample logits are too sure. A last logistic step gives P(this passage
answers) from that and the distance to the best passage: a probability means the same whichever passages stand
beside it, and the first passage's probability decides a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whelm.answer.signals import relative
from whelm.core.random import fraction
from whelm.measure.calibration import Logistic, fit_logistic

__all__ = ["JointModel", "JointSample", "Judgement"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JointSample:
    """The signals of a question's passages, float32 [P, columns], those of the question, and which passages answer."""

    rows: NDArray[np.float32]
    asked: NDArray[np.float32]
    golds: frozenset[int]
    weight: float = 1.0
    group: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """scores: the passages' logits; probabilities: that each answers; answerable: that any does."""

    scores: Floats
    probabilities: Floats
    answerable: float


@dataclass(frozen=True)
class JointModel:
    """The fitted model; `columns` names the signals that it reads, in the order of the rows."""

    columns: tuple[str, ...]
    w: Floats
    v: Floats
    mean: Floats
    scale: Floats
    none_mean: Floats
    none_scale: Floats
    any_answers: Logistic
    final: Logistic
    one_answers: Logistic

    @classmethod
    def fit(
        cls, columns: Sequence[str], samples: Sequence[JointSample], l2: float = 3.0, refusal_l2: float = 30.0,
        num_folds: int = 4,
    ) -> JointModel:  # fmt: skip
        """`samples`: rows whose columns are `columns`. `refusal_l2`: of the model of refusing, on standardized columns"""
        whole = cls._rank(columns, samples, l2)
        folds = [int(fraction("joint/fold", s.group) * num_folds) for s in samples]
        inputs: list[Floats] = []
        seen: list[JointSample] = []
        for fold in range(num_folds):
            held = [s for s, own in zip(samples, folds, strict=True) if own == fold]
            taught = [s for s, own in zip(samples, folds, strict=True) if own != fold]
            if held:
                model = cls._rank(columns, taught, l2) if taught else whole
                inputs += [model._refusal_features(s) for s in held]
                seen += held
        labels = [float(bool(s.golds)) for s in seen]
        any_answers = whole.any_answers
        if 0 < sum(labels) < len(labels):
            any_answers = fit_logistic(inputs, labels, refusal_l2, [s.weight for s in seen])
        return replace(whole, any_answers=any_answers).calibrated(samples)

    @classmethod
    def _rank(cls, columns: Sequence[str], samples: Sequence[JointSample], l2: float) -> JointModel:
        """The passages' and none's logits alone."""
        X, G, mask, Y, weights = _stack(samples)
        flat = X[mask]
        mean, scale = flat.mean(0), _scale(flat)
        none_mean, none_scale = G.mean(0), _scale(G)
        X = np.where(mask[..., None], (X - mean) / scale, 0.0)
        G = np.concatenate([(G - none_mean) / none_scale, np.ones((len(G), 1))], 1)
        theta = _newton(X, G, mask, Y, weights, l2)
        D = X.shape[-1]
        width = 1 + 4 * len(columns) + len(samples[0].asked)
        unit = Logistic(np.eye(1, width)[0], 0.0, np.zeros(width), np.ones(width))  # the odds, unchanged
        pair = Logistic(np.array([1.0, 1.0]), 0.0, np.zeros(2), np.ones(2))
        same = Logistic(np.ones(1), 0.0, np.zeros(1), np.ones(1))
        return cls(tuple(columns), theta[:D], theta[D:], mean, scale, none_mean, none_scale, unit, same, pair)

    def calibrated(self, samples: Sequence[JointSample]) -> JointModel:
        """The same ranking, its probabilities fitted to other samples (those of tune, or of a folder)."""
        odds = [float(self.any_answers.logit(self._refusal_features(s))[0]) for s in samples]
        labels = [float(bool(s.golds)) for s in samples]
        final = self.final
        if 0 < sum(labels) < len(labels):
            final = fit_logistic([[o] for o in odds], labels, 1.0, [s.weight for s in samples])
        pairs, pair_labels, weights = [], [], []
        for sample, own in zip(samples, odds, strict=True):
            scores, _ = self._logits(sample.rows)
            own = float(final.logit([own])[0])
            for place, score in enumerate(scores):
                pairs.append([own, score - scores.max()])
                pair_labels.append(float(place in sample.golds))
                weights.append(sample.weight)
        return replace(self, final=final, one_answers=fit_logistic(pairs, pair_labels, 1.0, weights))

    def judge(self, rows: NDArray[np.float32], asked: NDArray[np.float32]) -> Judgement:
        """rows: float32 [P, columns], P >= 1; asked: the question's own signals."""
        scores, _ = self._logits(rows)
        features = self._refusal_features(JointSample(rows, asked, frozenset()))
        odds = float(self.final.logit(self.any_answers.logit(features))[0])
        pairs = np.column_stack([np.full(len(scores), odds), scores - scores.max()])
        return Judgement(scores, self.one_answers.probability(pairs), 1.0 / (1.0 + float(np.exp(-odds))))

    def logits(self, rows: NDArray[np.float32]) -> tuple[Floats, float]:
        """The passages' logits and that of "none": what a deeper reader adds to."""
        scores, odds = self._logits(rows)
        return scores, float(np.logaddexp.reduce(scores) - odds)

    def record(self) -> dict[str, Any]:
        """Plain JSON values, read back by `JointModel.of`."""
        return {"columns": list(self.columns), **{name: getattr(self, name).tolist() for name in _ARRAYS},
                **{name: getattr(self, name).record() for name in _MODELS}}  # fmt: skip

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> JointModel:
        """The model that `record()` wrote."""
        arrays = [np.asarray(record[name], np.float64) for name in _ARRAYS]
        models = [Logistic.of(record[name]) for name in _MODELS]
        values: list[Any] = [*arrays, *models]
        return cls(tuple(record["columns"]), *values)

    def _refusal_features(self, sample: JointSample) -> Floats:
        scores, odds = self._logits(sample.rows)
        rows = np.asarray(sample.rows, np.float64)
        best, margin = np.split(_features(rows)[1], 2)
        return np.concatenate([[odds], rows[int(np.argmax(scores))], best, rows.mean(0), margin, sample.asked])

    def _logits(self, rows: NDArray[np.float32]) -> tuple[Floats, float]:
        x, g = _features(rows)
        scores = ((x - self.mean) / self.scale) @ self.w
        none = float(np.append((g - self.none_mean) / self.none_scale, 1.0) @ self.v)
        top = scores.max()
        return scores, float(top + np.log(np.exp(scores - top).sum()) - none)


_ARRAYS = ("w", "v", "mean", "scale", "none_mean", "none_scale")
_MODELS = ("any_answers", "final", "one_answers")


def _features(rows: NDArray[np.floating[Any]]) -> tuple[Floats, Floats]:
    """What a passage's logit reads, [P, 2 columns], and what that of "none" reads, [2 columns]."""
    rows = np.asarray(rows, np.float64)
    best = rows.max(0)
    second = np.sort(rows, axis=0)[-2] if len(rows) > 1 else best
    return np.concatenate([rows, relative(rows)], 1), np.concatenate([best, best - second])


def _stack(samples: Sequence[JointSample]) -> tuple[Floats, Floats, NDArray[np.bool_], Floats, Floats]:
    features = [_features(s.rows) for s in samples]
    P = max(len(s.rows) for s in samples)
    X = np.zeros((len(samples), P, features[0][0].shape[1]))
    mask = np.zeros((len(samples), P), bool)
    Y = np.zeros((len(samples), P + 1))
    for i, (sample, (x, _)) in enumerate(zip(samples, features, strict=True)):
        X[i, : len(x)] = x
        mask[i, : len(x)] = True
        for gold in sample.golds:
            Y[i, gold] = 1.0 / len(sample.golds)
        if not sample.golds:
            Y[i, P] = 1.0
    return X, np.stack([g for _, g in features]), mask, Y, np.array([s.weight for s in samples])


def _scale(values: Floats) -> Floats:
    deviation = values.std(0)
    return np.where(deviation > 1e-9, deviation, 1.0)


def _newton(X: Floats, G: Floats, mask: NDArray[np.bool_], Y: Floats, weights: Floats, l2: float) -> Floats:
    """Minimize sum_i weight_i * cross-entropy_i + l2 |theta|^2 over theta = (w, v); the last of v is the bias."""
    N, P, D = X.shape
    K = G.shape[1]
    A = np.zeros((N, P + 1, D + K))  # each choice as one row of a conditional logit
    A[:, :P, :D] = X
    A[:, P, D:] = G
    allowed = np.concatenate([mask, np.ones((N, 1), bool)], 1)
    penalty = np.full(D + K, 2.0 * l2)
    penalty[-1] = 1e-6
    theta = np.zeros(D + K)

    def state(theta: Floats) -> tuple[float, Floats]:
        logits = np.where(allowed, A @ theta, -1e30)
        top = logits.max(1, keepdims=True)
        norm = top[:, 0] + np.log(np.exp(logits - top).sum(1))
        loss = float((weights * (norm - (Y * np.where(allowed, logits, 0.0)).sum(1))).sum())
        return loss + 0.5 * float((penalty * theta * theta).sum()), np.exp(logits - norm[:, None])

    loss, prob = state(theta)
    for _ in range(30):
        gradient = np.einsum("n,np,npd->d", weights, prob - Y, A, optimize=True) + penalty * theta
        mean = np.einsum("np,npd->nd", prob, A)
        flat = (A * np.sqrt(prob * weights[:, None])[..., None]).reshape(-1, D + K)
        curvature = flat.T @ flat - (mean * weights[:, None]).T @ mean + np.diag(penalty)
        step = np.linalg.solve(curvature + 1e-9 * np.eye(D + K), gradient)
        rate = 1.0
        while (new := state(theta - rate * step))[0] > loss and rate > 1e-6:
            rate /= 2
        improvement = loss - new[0]
        if improvement <= 0:
            break
        theta, (loss, prob) = theta - rate * step, new
        if improvement < 1e-9 * max(1.0, abs(loss)):
            break
    return theta
