"""The planner of the whole: what a budget buys, decided once, and what a build is predicted to take.

A few seconds of measurement (passages embedded a second, steps of teaching a second) turn the budget into numbers:
texts to embed, steps for the package's part and for the folder's. The numbers are an artifact: an interrupted build
goes on by the same ones, and no clock decides anything later. Predictions are linear in measured rates and stand in
the report beside what was measured.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from whelm.core.artifact import Artifact
from whelm.core.device import cache_dir
from whelm.core.files import write_atomic
from whelm.core.stage import Context, Outcome, Stage
from whelm.core.types import Metric

__all__ = [
    "PLAN",
    "PlanConfig",
    "PlanNumbers",
    "PlanOptions",
    "Prediction",
    "Rates",
    "measured_rates",
    "planned",
    "predict",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanConfig:
    """What the numbers follow from, the machine apart."""

    budget_s: float
    language: str


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Counts of the index and of the documents."""

    index: Mapping[str, int]
    documents: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanNumbers:
    """What the budget buys."""

    vector_texts: int
    """Texts that get the encoder's vector before questions are asked"""
    package_steps: int
    """Steps of teaching the reader on the package's questions"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """What this machine does in a second."""

    tokens_embedded: float
    """Tokens that the encoder reads a second"""
    steps_taught: float
    """Steps of the reader's teaching a second"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What a stage is expected to take."""

    seconds: float
    memory_bytes: int
    disk_bytes: int


_CHARACTERS_PER_TOKEN = 4.2  # English text in WordPiece tokens
_PACKAGE_SHARE = 0.6  # of the budget, for the part that is made once a machine
_MOST_PACKAGE_S = 180.0  # more does not help: the package's questions are learnt by then
_MEASURING_TEXTS = 24
_PACKAGE_CHARACTERS = 705_000  # of the package's English passages and questions, without its test fold


def measured_rates() -> Rates:
    """Measured once a machine, kept in the user's cache; takes about three seconds."""
    place = cache_dir() / "rates.json"
    try:
        return Rates(**json.loads(place.read_text()))
    except (OSError, ValueError, TypeError):
        pass
    rates = Rates(tokens_embedded=_embedding_rate(), steps_taught=_teaching_rate())
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, json.dumps(asdict(rates)))
    return rates


def _embedding_rate() -> float:
    from whelm.hub.weights import ENCODER
    from whelm.retrieve.embed import load_embedder

    embedder = load_embedder(ENCODER)
    if embedder is None:
        return 0.0
    text = "The planner measures how many tokens the encoder reads in a second, on text of ordinary length. " * 8
    embedder.embed([text] * 4)
    began = time.perf_counter()
    embedder.embed([text] * _MEASURING_TEXTS)
    return _MEASURING_TEXTS * len(text) / _CHARACTERS_PER_TOKEN / (time.perf_counter() - began)


def _teaching_rate() -> float:
    from whelm.answer.teach import measured_step_seconds

    seconds = measured_step_seconds()
    return 1.0 / seconds if seconds else 0.0


def _run(context: Context) -> Outcome:
    config: PlanConfig = context.config
    rates = measured_rates()
    characters, chunks = context.options.documents.get("characters", 0), context.options.index.get("chunks", 0)
    tokens_a_text = max(8.0, characters / _CHARACTERS_PER_TOKEN / max(chunks, 1)) + 8  # title and headings
    texts = int(max(config.budget_s, 60.0) * rates.tokens_embedded / tokens_a_text)
    package_s = _package_seconds(config.budget_s) if config.language == "en" else 0.0
    numbers = PlanNumbers(vector_texts=texts, package_steps=int(package_s * rates.steps_taught))
    guesses = predict(characters, context.options.documents.get("documents", 0), config.budget_s, chunks)
    (context.out / "plan.json").write_text(json.dumps({
        "numbers": asdict(numbers), "rates": asdict(rates), "predictions": {n: asdict(p) for n, p in guesses.items()},
    }))  # fmt: skip
    return Outcome(metrics={
        "passages embedded": Metric(float(min(texts, chunks)), n=chunks),
        "steps for the package": Metric(float(numbers.package_steps)),
    })  # fmt: skip


PLAN = Stage("plan", _run)


def planned(artifact: Artifact) -> PlanNumbers:
    """The numbers of a plan."""
    return PlanNumbers(**json.loads(artifact.file("plan.json").read_text())["numbers"])


def predict(characters: int, num_documents: int, budget_s: float, num_chunks: int = 0) -> dict[str, Prediction]:
    """Seconds, memory and disk of each stage."""
    rates = measured_rates()
    chunks = num_chunks or max(num_documents, characters // 600)
    megabytes = characters / 1e6
    base = 400 << 20  # the interpreter with torch and the weights
    embed_s = characters / _CHARACTERS_PER_TOKEN / rates.tokens_embedded if rates.tokens_embedded else 0.0
    package_embed_s = (
        _PACKAGE_CHARACTERS / _CHARACTERS_PER_TOKEN / rates.tokens_embedded if rates.tokens_embedded else 0.0
    )
    vectors_s = min(embed_s, max(budget_s, 60.0))
    asked = min(900.0, 3.0 * num_documents)

    def prediction(seconds: float, memory: float = 0.0, disk: float = 0.0) -> Prediction:
        return Prediction(seconds=round(seconds, 1), memory_bytes=int(base + memory), disk_bytes=int(disk))

    return {
        "documents": prediction(1 + 2.0 * megabytes + 0.002 * num_documents, 6 * characters, 0.5 * characters),
        "index": prediction(1 + 4.0 * megabytes, 6 * characters, 3 * characters + 1024 * chunks),
        "plan": prediction(3),
        "vectors": prediction(vectors_s, 4 * 384 * chunks, 4 * 384 * chunks),
        "questions": prediction(1 + 2.0 * megabytes, 4 * characters, 400 * asked),
        "retriever": prediction(2 + 0.06 * asked / 4),
        "retriever-prior": prediction(8 + package_embed_s, 700 << 20),
        "package-reader": prediction(25 + package_embed_s + _package_seconds(budget_s), 1500 << 20, 100 << 20),
        "reader": prediction(3 + 0.2 * min(asked, 120), 1400 << 20, 100 << 20),
        "answers": prediction(5 + 0.25 * asked / 3, 1400 << 20),
        "evaluation": prediction(5 + 0.35 * asked / 4, 1500 << 20),
    }


def _package_seconds(budget_s: float) -> float:
    """Of the budget, for teaching on the package's questions."""
    return min(_PACKAGE_SHARE * budget_s, _MOST_PACKAGE_S)
