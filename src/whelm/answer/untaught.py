"""The reader of a run's first minutes, before any was taught: shared words and vectors, no calibration.

    probability = weighted share of the question's words (or near words) that stand in the passage

It orders by the search alone and quotes the sentence that shares most; the taught reader takes its place as soon as
it is made.
"""

from __future__ import annotations

from collections.abc import Sequence

from whelm.answer.reader import Reader, Reading
from whelm.answer.signals import SIGNALS, Passage, WordWeights
from whelm.answer.spans import best_window
from whelm.core.types import Embedder

__all__ = ["UntaughtReader"]

_SOFT = SIGNALS.index("soft")


class UntaughtReader(Reader):
    """A `Reader` without models."""

    def __init__(self, static: Embedder | None, encoder: Embedder | None) -> None:
        super().__init__(WordWeights({}, 0), {}, static, encoder)

    def read(
        self, question: str, candidates: Sequence[Passage], language: str = "en", spans: bool = True
    ) -> list[Reading]:
        if not candidates:
            return []
        rows, sentences = self.signals.rows_and_sentences(question, candidates, language)
        readings = []
        for row, (units, fits) in zip(rows, sentences, strict=True):
            start, end = best_window(units, fits)
            share = float(row[_SOFT])
            readings.append(Reading(share, start, end, 0.0, start, end, float(rows[:, _SOFT].max())))
        return readings
