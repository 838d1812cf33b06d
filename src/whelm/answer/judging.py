"""From cheap logits and residuals to one judgement over all candidates, read deeply or not.

The deep joint model has two columns, the cheap logit and the cross-encoder's residual, and reads the cheap log-odds
of "something here answers" beside what the question asks for. Candidates that were not read deeply stay behind those
that were, at their cheap distance. Cost: nothing to speak of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whelm.answer.joint import JointModel, Judgement

if TYPE_CHECKING:  # torch is loaded only where a cross-encoder was taught
    from whelm.answer.deep import DeepReading

__all__ = ["DEEP_COLUMNS", "deep_asked", "deep_rows", "judge_deeply", "worth_reading"]

DEEP_COLUMNS = ("cheap", "residual")


MARGIN = 3.0
"""A candidate whose cheap logit is further behind is right one time in a hundred: reading it costs time and adds noise."""


def worth_reading(scores: NDArray[np.float64], most: int) -> list[int]:
    """The candidates within `MARGIN` of the best, best first, at most `most`."""
    order = np.argsort(-scores, kind="stable")
    return [int(i) for i in order[:most] if scores[i] >= scores[order[0]] - MARGIN]


def deep_rows(scores: NDArray[np.float64], residuals: NDArray[np.float32]) -> NDArray[np.float32]:
    """The columns of the deep joint model, float32 [P, 2]; cheap logits count from their mean, as softmax does not see it."""
    return np.column_stack([scores, scores + residuals]).astype(np.float32)


def deep_asked(judged: Judgement, asked: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the deep model knows of the question: the cheap log-odds that something answers, and what is asked for."""
    p = min(max(judged.answerable, 1e-6), 1.0 - 1e-6)
    return np.concatenate([[np.log(p / (1.0 - p))], asked]).astype(np.float32)


def judge_deeply(
    model: JointModel, cheap: Judgement, deep: Mapping[int, DeepReading], asked: NDArray[np.float32]
) -> Judgement:
    """The judgement over all candidates, `deep` holding the readings of those that were read."""
    read = sorted(deep)
    rows = deep_rows(cheap.scores[read], np.array([deep[i].residual for i in read], np.float32))
    judged = model.judge(rows, deep_asked(cheap, asked))
    scores = np.empty(len(cheap.scores))
    probabilities = np.empty(len(cheap.scores))
    scores[read], probabilities[read] = judged.scores, judged.probabilities
    rest = [i for i in range(len(scores)) if i not in deep]
    if rest:
        last = min(read, key=lambda i: scores[i])
        gap = cheap.scores[rest] - max(cheap.scores[last], cheap.scores[rest].max())
        scores[rest] = scores[last] + gap - 1e-3
        probabilities[rest] = np.minimum(cheap.probabilities[rest], probabilities[last])
    return Judgement(scores, probabilities, judged.answerable)
