"""From sentences that fit a question, and the cross-encoder's spans, to what is quoted.

Without a cross-encoder: the best sentence, joined with a neighbour that fits nearly as well. With it: the sentence
with the most evidence (its fit, plus the probability that the quotation starts in it), and the quoted span where it
reaches on into the next ones. The shortest answer is the cross-encoder's, else the quotation itself. Cost: one pass over the
sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch is loaded only where a cross-encoder was taught
    from whelm.answer.deep import DeepReading

__all__ = ["best_window", "place_answer", "widen"]

MASS_WEIGHT = 1.0  # of the cross-encoder's probability against the fit of words and vectors


def place_answer(
    spans: Sequence[tuple[int, int]], fits: NDArray[np.float32], deep: DeepReading | None
) -> tuple[int, int, int, int]:
    """(start, end) of the sentences to quote and (start, end) of the shortest answer."""
    if deep is None:
        start, end = best_window(spans, fits)
        return start, end, start, end
    if not len(spans):
        return (*deep.quote[:2], *deep.tight[:2])
    start, end = best_window(spans, fits + MASS_WEIGHT * deep.mass)
    from_quote = widen(spans, *deep.quote[:2])
    if from_quote[0] <= start and end <= from_quote[1] and from_quote[1] - from_quote[0] <= 600:
        start, end = from_quote
    return start, end, deep.tight[0], deep.tight[1]


def widen(spans: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int]:
    """A span widened to the sentences that it touches."""
    touched = [(a, b) for a, b in spans if a < end and start < b]
    return (touched[0][0], touched[-1][1]) if touched else (start, end)


def best_window(
    spans: Sequence[tuple[int, int]], fits: NDArray[np.float32], share: float = 0.9, max_length: int = 600
) -> tuple[int, int]:
    """The best sentence, with the neighbour that fits at least `share` as well: (start, end) in the text."""
    if not len(spans):
        return 0, 0
    best = int(np.argmax(fits))
    start, end = spans[best]
    near = [i for i in (best - 1, best + 1) if 0 <= i < len(spans) and fits[i] >= share * fits[best] > 0]
    if near:
        other = max(near, key=lambda i: float(fits[i]))
        joined = min(start, spans[other][0]), max(end, spans[other][1])
        if joined[1] - joined[0] <= max_length:
            return joined
    return start, end
