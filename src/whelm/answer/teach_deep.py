"""The cross-encoder's part of teaching: the run of steps, then its weight against the cheap signals.

The cheap joint model that residuals are added to is fitted on the taught groups alone, so that on the tune groups
cheap logit and residual are both those of a stranger; there the deep joint model (`judging.py`) is fitted. It is kept
only if, cross-validated over the tune groups, it is better than the cheap logits by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whelm.answer.ablation import cross_validate
from whelm.answer.deep import DeepReader
from whelm.answer.examples import ReadingExample, fold_of
from whelm.answer.joint import JointModel, JointSample
from whelm.answer.judging import DEEP_COLUMNS, deep_asked, deep_rows, worth_reading
from whelm.answer.kinds import question_signals
from whelm.answer.reader import COLUMNS
from whelm.answer.signals import Passage, WordWeights
from whelm.answer.teach_cross import CrossLesson, PreparedExample
from whelm.core.digest import digest
from whelm.train.loop import LoopConfig, run_loop

if TYPE_CHECKING:
    from whelm.answer.teach import Signalled

__all__ = ["teach_deep", "time_of_steps"]

LR = 2e-4  # of the upper layers; 5e-4 learnt nothing about refusing (AUC 0.65 against 0.76 in 205 steps)
LR_HEADS = 2e-3  # heads and marks begin at zero
_MOST_READ = 6
_HEADS = ("mark", "kind", "none", "pool", "residual", "span")


def teach_deep(
    marked: Sequence[Signalled], weights: WordWeights, start: DeepReader | None, *, steps: int, seed: int,
    scratch: Path | None, tune_folds: int,
) -> tuple[DeepReader | None, JointModel | None, dict[str, Any]]:  # fmt: skip
    """The taught reader, the model that joins it with the cheap signals (None: not worth it), and its figures."""
    reader = DeepReader.untaught()
    if reader is None:
        return None, None, {"skipped": "no weights of the encoder on this machine"}
    if start is not None:
        reader.model.load_state_dict(start.model.state_dict())
    columns = COLUMNS["cosine"]
    held = [fold_of(m.example.group, tune_folds, "answer/tune") == 0 for m in marked]
    tune = [m for m, own in zip(marked, held, strict=True) if own]
    taught = [m for m, own in zip(marked, held, strict=True) if not own]
    if not tune or not taught:
        tune = taught = list(marked)  # a handful of groups: better judged by itself than not at all
    cheap = JointModel.fit(columns, [m.sample(columns) for m in taught])
    record: dict[str, Any] = {"steps": steps, "groups_taught": len({m.example.group for m in taught})}
    if steps > 0:
        lesson = CrossLesson(reader.model, reader.tokenizer, [_prepared(m, cheap) for m in taught], weights, seed=seed)
        config = LoopConfig(steps=steps, lr=LR, seed=seed)
        key = digest([config.steps, config.lr, seed, lesson.fingerprint(), start is not None])
        reader.model.train()
        result = run_loop(
            reader.model, lesson.loss, config, lr_of={"encoder": LR, **dict.fromkeys(_HEADS, LR_HEADS)}, scratch=scratch,
            key=key, stage="reader",
        )  # fmt: skip
        reader.model.eval()
        record["losses"] = _thinned(result.losses)
    pairs = [_samples(m, cheap, reader, weights) for m in tune]
    deep_samples, cheap_samples = [d for d, _ in pairs], [c for _, c in pairs]
    record["tune_deep"] = cross_validate(DEEP_COLUMNS, deep_samples)
    record["tune_cheap"] = cross_validate(("cheap",), cheap_samples)
    gain = sum(record["tune_deep"][f] - record["tune_cheap"][f] for f in ("right_passage", "refusal_auc"))
    record["kept"] = bool(gain > 0)
    return reader, JointModel.fit(DEEP_COLUMNS, deep_samples) if gain > 0 else None, record


def time_of_steps(num_steps: int) -> float:
    """Seconds a step takes on this machine, measured on made-up examples of ordinary size."""
    reader = DeepReader.untaught()
    if reader is None:
        return 0.0
    text = "The washing machine fills with water and heats it to the chosen temperature. " * 6
    ends = [(i, i + 76) for i in range(0, len(text), 77)]
    fits = np.linspace(1.0, 0.5, len(ends), dtype=np.float32)
    prepared = [
        PreparedExample(
            ReadingExample(f"How hot does machine number {n} make the water?",
                           tuple(Passage(f"{n}{i} {text}", "Manual") for i in range(3)), ((0, 10, 60),), group=str(n)),
            np.zeros(3), 0.0, [(ends, fits)] * 3,
        )
        for n in range(8)
    ]  # fmt: skip
    lesson = CrossLesson(reader.model, reader.tokenizer, prepared, lambda stem: 3.0)
    run_loop(reader.model, lesson.loss, LoopConfig(steps=1), stage="measure")
    began = time.perf_counter()
    run_loop(reader.model, lesson.loss, LoopConfig(steps=num_steps), stage="measure")
    return (time.perf_counter() - began) / num_steps


def _prepared(marked: Signalled, cheap: JointModel) -> PreparedExample:
    sample = marked.sample(cheap.columns)
    scores, none = cheap.logits(sample.rows)
    return PreparedExample(marked.example, scores, none, marked.sentences)


def _samples(
    marked: Signalled, cheap: JointModel, reader: DeepReader, weights: WordWeights
) -> tuple[JointSample, JointSample]:
    """The deep columns of an example, and the cheap ones alone."""
    e = marked.example
    asked = question_signals(e.question, e.language)
    judged = cheap.judge(marked.sample(cheap.columns).rows, asked)
    chosen = worth_reading(judged.scores, _MOST_READ)
    chosen += sorted(e.golds, key=lambda p: -judged.scores[p])[:1] if not e.golds & set(chosen) else []
    read = reader.read(e.question, [e.passages[p] for p in chosen], [marked.sentences[p] for p in chosen], weights)
    knows = deep_asked(judged, asked)
    rows = deep_rows(judged.scores[chosen], np.array([r.residual for r in read], np.float32))
    golds = frozenset(i for i, p in enumerate(chosen) if p in e.golds)
    return (
        JointSample(rows, knows, golds, e.weight, e.group),
        JointSample(rows[:, :1], knows, golds, e.weight, e.group),
    )


def _thinned(losses: Sequence[float], points: int = 60) -> list[float]:
    """The curve as at most `points` means, for the report."""
    parts = np.array_split(np.array(losses), max(1, min(points, len(losses))))
    return [round(float(part.mean()), 4) for part in parts if len(part)]
