"""Teaching the reader: signals of all examples, then the joint models, then (where weights are) the cross-encoder.

`teach_package_reader` makes the general reader from the package's own sets, test fold left out;
`teach_reader` goes on with a folder's examples beside them. Everything that is chosen (which signals, how strong the
penalty) is chosen by cross-validation over groups inside the examples that are given; what each signal adds is
returned with the reader (`Reader.record`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from whelm.answer.examples import ReadingExample, examples_of, fold_of, in_test_fold
from whelm.answer.joint import JointModel, JointSample
from whelm.answer.kinds import question_signals
from whelm.answer.reader import COLUMNS, Reader
from whelm.answer.signals import SIGNALS, Passage, SignalReader, WordWeights
from whelm.core.types import Embedder
from whelm.measure.calibration import auc

__all__ = ["cross_validate", "fit_joints", "samples_of", "teach_package_reader"]


def teach_package_reader(
    sets: Iterable[Mapping[str, Any]], static: Embedder | None, encoder: Embedder | None, steps: int = 0, seed: int = 0,
    scratch: Path | None = None,
) -> Reader:  # fmt: skip
    """The general reader, from the package's sets (those of the test fold are left out here)."""
    kept = [one for one in sets if not in_test_fold(one["id"])]
    examples = examples_of(kept)
    weights = WordWeights.of([(f"{p['title']} {p['text']}", one["language"]) for one in kept for p in one["passages"]])
    examples = with_cosines(examples, encoder)
    joints, record = fit_joints(SignalReader(weights, static), examples)
    return Reader(weights, joints, static, encoder, {"examples": len(examples), **record})


def with_cosines(examples: Sequence[ReadingExample], encoder: Embedder | None) -> list[ReadingExample]:
    """The English examples with the encoder's cosine in each passage; each text is embedded once."""
    if encoder is None:
        return list(examples)
    english = [e for e in examples if e.language == "en"]
    texts = list(dict.fromkeys([e.question for e in english] + [_shown(p) for e in english for p in e.passages]))
    place = {text: i for i, text in enumerate(texts)}
    vectors = encoder.embed(texts)
    out = []
    for e in examples:
        if e.language == "en":
            asked = vectors[place[e.question]]
            passages = tuple(
                Passage(p.text, p.title, p.score, float(asked @ vectors[place[_shown(p)]])) for p in e.passages
            )
            e = ReadingExample(e.question, passages, e.spans, e.tight, e.language, e.group, e.kind)
        out.append(e)
    return out


def _shown(passage: Passage) -> str:
    return f"{passage.title}. {passage.text}" if passage.title else passage.text


def samples_of(reader: SignalReader, examples: Sequence[ReadingExample]) -> list[JointSample]:
    """The rows of signals of each example."""
    return [
        JointSample(
            reader.rows(e.question, e.passages, e.language), question_signals(e.question, e.language), e.golds, 1.0, e.group
        )
        for e in examples
    ]


def fit_joints(
    reader: SignalReader, examples: Sequence[ReadingExample], l2: float = 3.0
) -> tuple[dict[str, JointModel], dict[str, Any]]:
    """A joint model for each set of columns that can be had, and their cross-validated figures."""
    samples = samples_of(reader, examples)
    joints, figures = {}, {}
    for name, columns in COLUMNS.items():
        if name != "words" and reader.static is None:
            continue
        chosen = [
            s for s, e in zip(samples, examples, strict=True)
            if name != "cosine" or (e.language == "en" and all(p.cosine is not None for p in e.passages))
        ]  # fmt: skip
        if not chosen:
            continue
        chosen = columns_of(chosen, columns)
        joints[name] = JointModel.fit(columns, chosen, l2)
        figures[name] = cross_validate(columns, chosen, l2)
    return joints, {"cross_validated": figures}


def columns_of(samples: Sequence[JointSample], columns: Sequence[str]) -> list[JointSample]:
    """The samples with these columns alone."""
    places = [SIGNALS.index(c) for c in columns]
    return [replace(s, rows=s.rows[:, places]) for s in samples]


def cross_validate(columns: Sequence[str], samples: Sequence[JointSample], l2: float, folds: int = 5) -> dict[str, float]:
    """Right passage first (of answerable questions) and AUC of telling them from the others, over held out groups."""
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
    return {"right_passage": float(np.mean(hits)) if hits else 0.0, "refusal_auc": auc(scores, labels), "n": len(labels)}
