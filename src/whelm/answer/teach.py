"""Teaching the reader: signals of all examples, the joint models, then (where its weights are) the cross-encoder.

`teach_package_reader` makes the general reader from the package's own sets, test fold left out; `teach_reader` goes
on with other examples (a folder's, an article's). One seventh of the groups is kept from the cross-encoder: on them
its residual is weighed against the cheap signals and calibrated. What each part adds, cross-validated over groups
inside the examples that are given, is returned with the reader (`Reader.record`).

The budget is a number of steps (`measured_step_seconds` says what one takes here). Vectors and checkpoints lie in
`scratch`: after a kill the same call continues and ends with the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whelm.answer.ablation import ablate, cross_validate
from whelm.answer.examples import ReadingExample, examples_of, in_test_fold, record_of
from whelm.answer.joint import JointModel, JointSample
from whelm.answer.kinds import question_signals
from whelm.answer.reader import COLUMNS, Reader
from whelm.answer.signals import SIGNALS, SignalReader, WordWeights
from whelm.answer.vectors import vectors_of
from whelm.core.types import Embedder
from whelm.data.grounded import GroundedSet

__all__ = ["Signalled", "fit_joints", "measured_step_seconds", "signalled", "teach_package_reader", "teach_reader"]

_TUNE_FOLDS = 7  # one of them is kept from the cross-encoder


@dataclass(frozen=True, slots=True)
class Signalled:
    """An example with the signals of its passages and the fit of their sentences."""

    example: ReadingExample
    rows: NDArray[np.float32]
    sentences: list[tuple[list[tuple[int, int]], NDArray[np.float32]]]

    def sample(self, columns: Sequence[str]) -> JointSample:
        """Its rows, cut to these columns."""
        places = [SIGNALS.index(c) for c in columns]
        e = self.example
        asked = question_signals(e.question, e.language)
        return JointSample(self.rows[:, places], asked, e.golds, e.weight, e.group)


def teach_package_reader(
    sets: Iterable[GroundedSet | Mapping[str, Any]], static: Embedder | None, encoder: Embedder | None, steps: int = 0,
    seed: int = 0, scratch: Path | None = None,
) -> Reader:  # fmt: skip
    """The general reader, from the package's sets (those of the test fold are left out here)."""
    kept = [one for one in map(record_of, sets) if not in_test_fold(one["id"])]
    return teach_reader(examples_of(kept), static, encoder, steps=steps, seed=seed, scratch=scratch)


def teach_reader(
    examples: Sequence[ReadingExample], static: Embedder | None, encoder: Embedder | None, *, steps: int = 0,
    seed: int = 0, scratch: Path | None = None, start: Reader | None = None, report: bool = True,
) -> Reader:  # fmt: skip
    """A reader taught on these examples.

    steps: of the cross-encoder; 0 leaves it out, or as it is in `start`
    start: a reader whose cross-encoder is taught further; its word weights count on
    report: also cross-validate and ablate, for `Reader.record`
    """
    if not examples:
        raise ValueError("at least one example is needed")
    weights = _weights(examples, start)
    signals = SignalReader(weights, static)
    marked = signalled(signals, with_cosines(examples, encoder, scratch))
    joints, record = fit_joints(marked, static is not None, report)
    deep = start.deep if start is not None else None
    english = [m for m in marked if m.example.language == "en"]
    if "cosine" in joints and (steps > 0 or deep is not None):
        from whelm.answer.teach_deep import teach_deep

        deep, joint, deep_record = teach_deep(english, weights, deep, steps=steps, seed=seed, scratch=scratch,
                                              tune_folds=_TUNE_FOLDS)  # fmt: skip
        record["cross_encoder"] = deep_record
        if joint is not None:
            joints["deep"] = joint
    record["examples"] = len(examples)
    return Reader(weights, joints, static, encoder, record, deep)


def signalled(signals: SignalReader, examples: Sequence[ReadingExample]) -> list[Signalled]:
    """The signals of each example."""
    return [Signalled(e, *signals.rows_and_sentences(e.question, e.passages, e.language)) for e in examples]


def with_cosines(
    examples: Sequence[ReadingExample], encoder: Embedder | None, scratch: Path | None = None
) -> list[ReadingExample]:
    """The English examples with the encoder's cosine in each passage; each text is embedded once."""
    if encoder is None:
        return list(examples)
    english = [e for e in examples if e.language == "en"]
    vectors = vectors_of(
        [e.question for e in english] + [p.shown for e in english for p in e.passages], encoder, scratch
    )
    out = []
    for e in examples:
        if e.language == "en":
            asked = vectors[e.question]
            e = replace(e, passages=tuple(replace(p, cosine=float(asked @ vectors[p.shown])) for p in e.passages))
        out.append(e)
    return out


def fit_joints(
    marked: Sequence[Signalled], with_static: bool, report: bool = True, l2: float = 3.0
) -> tuple[dict[str, JointModel], dict[str, Any]]:
    """A joint model for each set of columns that can be had, and their cross-validated figures."""
    joints: dict[str, JointModel] = {}
    figures: dict[str, Any] = {}
    for name, columns in COLUMNS.items():
        if name != "words" and not with_static:
            continue
        own = [m for m in marked if name != "cosine" or _has_cosines(m.example)]
        if not own:
            continue
        samples = [m.sample(columns) for m in own]
        joints[name] = JointModel.fit(columns, samples, l2)
        if report:
            figures[name] = cross_validate(columns, samples, l2)
            if name == "cosine":
                figures["without"] = ablate(columns, samples, l2)
    return joints, {"cross_validated": figures}


def measured_step_seconds() -> float:
    """Seconds of one step of the cross-encoder on this machine, from two steps; 0.0 where its weights are missing."""
    from whelm.answer.teach_deep import time_of_steps

    return time_of_steps(2)


def _has_cosines(example: ReadingExample) -> bool:
    return example.language == "en" and all(p.cosine is not None for p in example.passages)


def _weights(examples: Sequence[ReadingExample], start: Reader | None) -> WordWeights:
    texts = dict.fromkeys((f"{p.title} {p.text}", e.language) for e in examples for p in e.passages)
    own = WordWeights.of(list(texts))
    if start is None:
        return own
    counts = dict(start.weights.counts)
    for stem, count in own.counts.items():
        counts[stem] = counts.get(stem, 0) + count
    return WordWeights(counts, start.weights.num_passages + own.num_passages)
