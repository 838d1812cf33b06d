"""The reader: does a passage answer the question, and where in it?

    candidates -> signals (words, numbers, names, vectors; `signals.py`)
               -> the most promising are read together with the question (`cross_encoder.py`), where it was taught
               -> one calibrated joint model over the passages and "none" (`joint.py`)
               -> Reading(probability, span of sentences, tight span) for each candidate

Which of the joint models judges depends on what is there: no static vectors (words alone), another language than
English (words and static vectors), English with the encoder's cosine, English with the cross-encoder. A reading's
probability does not depend on the order of the candidates. Cost: about a millisecond a candidate, and 15 to 25 ms
for each that is read deeply (at most `max_deep`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from whelm.answer.joint import JointModel
from whelm.answer.judging import judge_deeply, worth_reading
from whelm.answer.kinds import question_signals
from whelm.answer.signals import SIGNALS, Passage, SignalReader, WordWeights
from whelm.answer.spans import place_answer
from whelm.core.errors import CorruptError, IncompatibleError
from whelm.core.files import write_atomic
from whelm.core.types import Embedder

if TYPE_CHECKING:  # torch is loaded only where a cross-encoder was taught
    from whelm.answer.deep import DeepReader, DeepReading

__all__ = ["COLUMNS", "Passage", "Reader", "Reading"]

_VERSION = 1
_WORDS = tuple(s for s in SIGNALS if s not in ("static", "static_sentence", "soft", "soft_sentence", "cosine", "score"))
COLUMNS: dict[str, tuple[str, ...]] = {
    "words": (*_WORDS, "soft"),
    "static": tuple(s for s in SIGNALS if s not in ("cosine", "score")),
    "cosine": tuple(s for s in SIGNALS if s != "score"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader says of one candidate; offsets count characters of the candidate's text."""

    probability: float  # that this passage answers the question, calibrated
    start: int  # whole sentences, to be quoted
    end: int
    score: float  # orders the candidates of one question
    tight_start: int = 0  # the shortest answer inside them
    tight_end: int = 0
    answerable: float = 0.0  # that any of the candidates answers; the same for all of them
    signals: Mapping[str, float] | None = None


class Reader:
    """Reads candidates; made by `teach.py`, kept as a folder of JSON and safetensors."""

    def __init__(
        self, weights: WordWeights, joints: Mapping[str, JointModel], static: Embedder | None = None,
        encoder: Embedder | None = None, record: Mapping[str, Any] | None = None, deep: DeepReader | None = None,
        max_deep: int = 6,
    ) -> None:  # fmt: skip
        self.joints = dict(joints)
        self.signals = SignalReader(weights, static)
        self.static = static
        self.encoder = encoder  # for questions whose candidates bring no cosine
        self.record = dict(record or {})  # how it was taught and what each signal adds: goes into the report
        self.deep = deep
        self.max_deep = max_deep  # candidates that the cross-encoder reads: bounds the time of an answer

    @property
    def weights(self) -> WordWeights:
        return self.signals.weights

    def read(
        self, question: str, candidates: Sequence[Passage], language: str = "en", spans: bool = True
    ) -> list[Reading]:
        """One reading for each candidate, in their order; without `spans` the cross-encoder reads only if it judges."""
        if not candidates:
            return []
        candidates = self._with_cosines(question, candidates, language)
        rows, sentences = self.signals.rows_and_sentences(question, candidates, language)
        which = self._which(candidates, language)
        model = self.joints[which]
        asked = question_signals(question, language)
        judged = model.judge(rows[:, [SIGNALS.index(name) for name in model.columns]], asked)
        deep: dict[int, DeepReading] = {}
        if which == "cosine" and self.deep is not None and (spans or "deep" in self.joints):
            chosen = worth_reading(judged.scores, self.max_deep)
            read = self.deep.read(
                question, [candidates[i] for i in chosen], [sentences[i] for i in chosen], self.weights
            )
            deep = dict(zip(chosen, read, strict=True))
            if "deep" in self.joints:
                judged = judge_deeply(self.joints["deep"], judged, deep, asked)
        readings = []
        for i, (units, fits) in enumerate(sentences):
            start, end, tight_start, tight_end = place_answer(units, fits, deep.get(i))
            readings.append(
                Reading(
                    float(judged.probabilities[i]), start, end, float(judged.scores[i]), tight_start, tight_end,
                    judged.answerable, dict(zip(SIGNALS, map(float, rows[i]), strict=True)),
                )
            )  # fmt: skip
        return readings

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """The `Reranker` protocol: the joint model's logits."""
        return np.array([r.score for r in self.read(query, [Passage(p) for p in passages])], np.float32)

    def save(self, folder: Path) -> None:
        """Write the reader into a folder (made if needed)."""
        folder.mkdir(parents=True, exist_ok=True)
        body = {
            "version": _VERSION,
            "joints": {name: model.record() for name, model in self.joints.items()},
            "words": self.weights.counts,
            "num_passages": self.weights.num_passages,
            "record": self.record,
        }
        if self.deep is not None:
            self.deep.save(folder / "cross_encoder.safetensors")
        write_atomic(folder / "reader.json", json.dumps(body, sort_keys=True, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path, static: Embedder | None = None, encoder: Embedder | None = None) -> Reader:
        """Read what `save` wrote; the embedders are those that it was taught with, or None where they are missing."""
        try:
            body = json.loads((folder / "reader.json").read_text(encoding="utf-8"))
            if body["version"] != _VERSION:
                raise IncompatibleError(f"{folder}: reader version {_VERSION} expected, found {body['version']}",
                                        "build again")  # fmt: skip
            joints = {name: JointModel.of(record) for name, record in body["joints"].items()}
            weights = WordWeights(body["words"], body["num_passages"])
            cross = folder / "cross_encoder.safetensors"
            # without its encoder nothing can be compared in English beyond words and static vectors
            deep = _load_deep(cross) if encoder is not None and cross.exists() else None
            return cls(weights, joints, static, encoder, body["record"], deep)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CorruptError(f"{folder}: no readable reader there ({error})", "build again") from error

    def _which(self, candidates: Sequence[Passage], language: str) -> str:
        if self.static is None:
            return "words"
        if language == "en" and "cosine" in self.joints and all(c.cosine is not None for c in candidates):
            return "cosine"
        return "static"

    def _with_cosines(self, question: str, candidates: Sequence[Passage], language: str) -> Sequence[Passage]:
        if language != "en" or self.encoder is None or all(c.cosine is not None for c in candidates):
            return candidates
        asked = self.encoder.embed([question], kind="query")[0]
        vectors = self.encoder.embed([c.shown for c in candidates])
        return [Passage(c.text, c.title, c.score, float(v @ asked)) for c, v in zip(candidates, vectors, strict=True)]


def _load_deep(path: Path) -> DeepReader | None:
    from whelm.answer.deep import DeepReader

    return DeepReader.load(path)
