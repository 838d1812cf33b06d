"""From scores to probabilities and decisions.

    logistic   p = sigmoid(w . (x - mean) / scale + b), w and b minimize
               sum_i s_i log(1 + exp(-y_i z_i)) + l2/2 |w|^2        (the bias is not penalized)
               by Newton's method (iteratively reweighted least squares), halving a step that does not descend
    AUC        probability that a positive scores above a negative, ties half (Mann and Whitney 1947)
    threshold  the largest one below which at most a chosen share of the answerable falls
    ECE        sum over equally filled bins of |mean probability - share of positives| (Naeini et al. 2015)

Labels are 0 or 1. The optimum is unique for l2 > 0, so the result depends on no seed. Cost: O(n d^2) a step, about 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Logistic",
    "auc",
    "expected_calibration_error",
    "fit_logistic",
    "rate_above",
    "reliability",
    "risk_coverage",
    "threshold_at",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Logistic:
    """A fitted model over raw columns: standardization is part of it. weights_D, mean_D, scale_D: float64."""

    weights: Floats
    bias: float
    mean: Floats
    scale: Floats

    def logit(self, X: ArrayLike) -> Floats:
        """x_ND (or one row x_D): raw columns. Returns: log-odds, float64 [N]."""
        x_ND = np.atleast_2d(np.asarray(X, dtype=np.float64))
        if x_ND.shape[1] != len(self.weights):
            raise ValueError(f"expected {len(self.weights)} columns, found {x_ND.shape[1]}")
        return ((x_ND - self.mean) / self.scale) @ self.weights + self.bias

    def probability(self, X: ArrayLike) -> Floats:
        """x_ND (or one row x_D): raw columns. Returns: probability of label 1, float64 [N]."""
        return _sigmoid(self.logit(X))

    def record(self) -> dict[str, Any]:
        """Plain JSON values, read back by `Logistic.of`."""
        return {
            "weights": self.weights.tolist(),
            "bias": self.bias,
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Logistic:
        """The model that `record()` wrote."""
        weights, mean, scale = (np.asarray(record[name], dtype=np.float64) for name in ("weights", "mean", "scale"))
        if not weights.shape == mean.shape == scale.shape or weights.ndim != 1:
            raise ValueError(f"weights, mean, scale differ in shape: {weights.shape}, {mean.shape}, {scale.shape}")
        return cls(weights, float(record["bias"]), mean, scale)


def fit_logistic(
    X: ArrayLike,
    y: ArrayLike,
    l2: float = 1.0,
    sample_weight: ArrayLike | None = None,
    *,
    steps: int = 100,
) -> Logistic:
    """x_ND: raw columns, y_N: 0 or 1. `l2` counts against the sum over samples, on standardized columns."""
    x_ND = np.asarray(X, dtype=np.float64)
    y_N = np.asarray(y, dtype=np.float64).reshape(-1)
    if x_ND.ndim != 2 or len(x_ND) != len(y_N) or not len(y_N):
        raise ValueError(f"expected X of shape [n, d] and y of length n > 0, found {x_ND.shape} and {y_N.shape}")
    if not np.all(np.isfinite(x_ND)) or not np.all((y_N == 0) | (y_N == 1)):
        raise ValueError("X must be finite and y be 0 or 1")
    if l2 <= 0:
        raise ValueError(f"l2 must be positive, or separable data has no optimum; found {l2}")
    s_N = np.ones(len(y_N)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64).reshape(-1)
    if s_N.shape != y_N.shape or np.any(s_N < 0) or not s_N.sum() > 0:
        raise ValueError("sample_weight must be non-negative, one for each row, and not all 0")
    mean_D = np.average(x_ND, axis=0, weights=s_N)
    deviation_D = np.sqrt(np.average((x_ND - mean_D) ** 2, axis=0, weights=s_N))
    # a constant column carries nothing: scale 1 keeps it at 0 instead of blowing up its rounding error
    scale_D = np.where(deviation_D > 1e-12 * np.maximum(1.0, np.abs(mean_D)), deviation_D, 1.0)
    theta = _newton((x_ND - mean_D) / scale_D, y_N, s_N, l2, steps)
    return Logistic(theta[:-1], float(theta[-1]), mean_D, scale_D)


def auc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the ROC curve; 0.5 where one of the classes is missing, for then nothing is told apart."""
    score_N, label_N = _pair(scores, labels)
    positives = int(label_N.sum())
    negatives = len(label_N) - positives
    if not positives or not negatives:
        return 0.5
    _, place, counts = np.unique(score_N, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    rank_N = (ends - (counts - 1) / 2)[place]  # tied scores share their mean rank, counted from 1
    return float((rank_N[label_N == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def threshold_at(scores_answerable: ArrayLike, false_refusal_rate: float) -> float:
    """The largest threshold t such that at most this share of the answerable has score < t (those are refused)."""
    scores = np.sort(np.asarray(scores_answerable, dtype=np.float64).reshape(-1))
    if not 0 <= false_refusal_rate <= 1:
        raise ValueError(f"a rate lies between 0 and 1, found {false_refusal_rate}")
    if not len(scores):
        return float("-inf")  # nothing to judge by: refuse nothing
    # + 1e-9: 0.05 * 20 must allow one refusal in spite of rounding
    allowed = int(np.floor(false_refusal_rate * len(scores) + 1e-9))
    return float(scores[allowed]) if allowed < len(scores) else float("inf")


def rate_above(scores: ArrayLike, threshold: float) -> float:
    """The share that is answered, i.e. has score >= threshold; 0.0 of nothing."""
    array = np.asarray(scores, dtype=np.float64).reshape(-1)
    return float(np.mean(array >= threshold)) if len(array) else 0.0


def risk_coverage(scores: ArrayLike, correct: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Answer the surest first: (coverage, risk, threshold), one point for each distinct score.

    Risk is the share of wrong ones among those with score >= threshold (El-Yaniv and Wiener 2010).
    """
    score_N, correct_N = _pair(scores, correct)
    order = np.argsort(-score_N, kind="stable")
    score_N, wrong_N = score_N[order], 1.0 - correct_N[order]
    # equal scores are answered together or not at all
    last = np.append(score_N[1:] != score_N[:-1], True) if len(score_N) else np.zeros(0, dtype=bool)
    answered = np.arange(1, len(score_N) + 1)
    risk = np.cumsum(wrong_N) / np.maximum(answered, 1)
    return answered[last] / max(1, len(score_N)), risk[last], score_N[last]


def reliability(probabilities: ArrayLike, labels: ArrayLike, bins: int = 10) -> list[tuple[float, float, int]]:
    """(mean probability, share of positives, number) of each of `bins` equally filled bins, rising."""
    probability_N, label_N = _pair(probabilities, labels)
    order = np.argsort(probability_N, kind="stable")
    parts = np.array_split(order, max(1, min(bins, len(order))))
    return [(float(probability_N[p].mean()), float(label_N[p].mean()), len(p)) for p in parts if len(p)]


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = 10) -> float:
    """Mean distance between what was said and what came true; 0 is calibrated."""
    table = reliability(probabilities, labels, bins)
    total = sum(number for _, _, number in table)
    return sum(abs(said - came) * number for said, came, number in table) / total if total else 0.0


def _newton(x_ND: Floats, y_N: Floats, s_N: Floats, l2: float, steps: int) -> Floats:
    design = np.column_stack([x_ND, np.ones(len(x_ND))])
    penalty = np.full(design.shape[1], l2)
    penalty[-1] = 1e-9  # all labels equal: keeps the bias finite, changes nothing else
    theta = np.zeros(design.shape[1])
    loss = _loss(design, y_N, s_N, penalty, theta)
    for _ in range(steps):
        p_N = _sigmoid(design @ theta)
        gradient = design.T @ (s_N * (p_N - y_N)) + penalty * theta
        curvature = (design.T * (s_N * p_N * (1 - p_N))) @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        rate = 1.0
        while (new := _loss(design, y_N, s_N, penalty, theta - rate * step)) > loss and rate > 1e-8:
            rate /= 2
        if new >= loss:
            break
        theta, improvement, loss = theta - rate * step, loss - new, new
        if improvement < 1e-14 * max(1.0, abs(loss)):
            break
    return theta


def _loss(design: Floats, y_N: Floats, s_N: Floats, penalty: Floats, theta: Floats) -> float:
    z_N = design @ theta
    return float(np.sum(s_N * (np.logaddexp(0.0, z_N) - y_N * z_N)) + 0.5 * np.sum(penalty * theta * theta))


def _sigmoid(z: Floats) -> Floats:
    # tanh saturates without overflow at both ends
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def _pair(scores: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    score_N = np.asarray(scores, dtype=np.float64).reshape(-1)
    label_N = np.asarray(labels, dtype=np.float64).reshape(-1)
    if score_N.shape != label_N.shape:
        raise ValueError(f"one label a score is needed: found {len(label_N)} for {len(score_N)}")
    if not np.all((label_N == 0) | (label_N == 1)):
        raise ValueError("labels must be 0 or 1")
    if not np.all(np.isfinite(score_N)):
        raise ValueError("scores must be finite")
    return score_N, label_N
