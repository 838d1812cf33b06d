"""What each signal adds: the joint model cross-validated over groups, whole and with a family of signals left out.

The figures are those that the reader is for: the right passage first (over answerable questions) and the area under
the ROC curve of telling answerable questions from the others. Cost: a few seconds for two thousand questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from whelm.answer.examples import fold_of
from whelm.answer.joint import JointModel, JointSample
from whelm.measure.calibration import auc

__all__ = ["FAMILIES", "ablate", "cross_validate"]

FAMILIES: dict[str, tuple[str, ...]] = {
    "words": ("words", "words_sentence", "words_two", "words_title", "words_local", "bm25", "pairs", "missing_exact"),
    "near words": ("missing", "soft", "soft_sentence", "typos"),
    "numbers and names": ("numbers", "names"),
    "kind of answer": ("kind", "unit"),
    "static vectors": ("static", "static_sentence"),
    "encoder": ("cosine",),
}


def cross_validate(
    columns: Sequence[str], samples: Sequence[JointSample], l2: float = 3.0, folds: int = 3
) -> dict[str, float]:
    """Right passage first and AUC of refusing, over groups that the model had not seen."""
    hits, scores, labels = [], [], []
    for fold in range(folds):
        taught = [s for s in samples if fold_of(s.group, folds) != fold]
        held = [s for s in samples if fold_of(s.group, folds) == fold]
        if not taught or not held:
            continue
        model = JointModel.fit(columns, taught, l2)
        for sample in held:
            judged = model.judge(sample.rows, sample.asked)
            scores.append(judged.answerable)
            labels.append(float(bool(sample.golds)))
            if sample.golds:
                hits.append(int(np.argmax(judged.scores)) in sample.golds)
    return {
        "right_passage": float(np.mean(hits)) if hits else 0.0,
        "refusal_auc": auc(scores, labels),
        "n": len(labels),
    }


def ablate(columns: Sequence[str], samples: Sequence[JointSample], l2: float = 3.0) -> dict[str, dict[str, float]]:
    """The same figures with each family of signals left out."""
    out = {}
    for family, members in FAMILIES.items():
        kept = [c for c in columns if c not in members]
        if kept and len(kept) < len(columns):
            places = [columns.index(c) for c in kept]
            out[family] = cross_validate(kept, [replace(s, rows=s.rows[:, places]) for s in samples], l2)
    return out
