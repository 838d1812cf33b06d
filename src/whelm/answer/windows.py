"""The part of a passage that is worth reading with the question: its most promising sentences, in their order.

A chunk is often longer than what the cross-encoder can read within the time of an answer. Sentences are taken by how
well they fit the question, neighbours first, until `max_tokens` are full; what is left keeps the passage's order. The
window remembers where each of its characters stands in the passage. Cost: one pass over the sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Window", "cut_window"]

_CHARACTERS_A_TOKEN = 4.2  # of English in WordPiece, measured on the package's sets; the tokenizer cuts what is over


@dataclass(frozen=True, slots=True)
class Window:
    """text: parts of a passage joined by a blank; parts: (start in text, start in passage, length)."""

    text: str
    parts: tuple[tuple[int, int, int], ...]
    fits: tuple[float, ...]  # of each part: how well its best sentence fits the question

    def to_passage(self, place: int) -> int:
        """Where a character of the window stands in the passage."""
        for own, there, length in reversed(self.parts):
            if place >= own:
                return there + min(place - own, length)
        return self.parts[0][1] if self.parts else 0

    def from_passage(self, place: int) -> int | None:
        """Where a character of the passage stands in the window, or None where it was cut."""
        for own, there, length in self.parts:
            if there <= place < there + length:
                return own + place - there
        return None

    def fit_at(self, place: int) -> float:
        """How well the part fits in which a character of the window stands."""
        for (own, _, _), fit in zip(reversed(self.parts), reversed(self.fits), strict=True):
            if place >= own:
                return fit
        return 0.0


def cut_window(
    text: str, spans: Sequence[tuple[int, int]], fits: NDArray[np.float32], max_tokens: int,
    keep: Sequence[tuple[int, int]] = (),
) -> Window:  # fmt: skip
    """The best sentences of `text` that fit into about `max_tokens`; those that overlap `keep` are taken first."""
    room = int(max_tokens * _CHARACTERS_A_TOKEN)
    if not spans:
        spans, fits = [(0, len(text))], np.zeros(1, np.float32)
    value = np.asarray(fits, np.float64).copy()
    padded = np.concatenate([[0.0], value, [0.0]])
    value += 0.25 * np.maximum(padded[:-2], padded[2:])  # what stands beside a good sentence explains it
    for i, (a, b) in enumerate(spans):
        if any(a < end and start < b for start, end in keep):
            value[i] += 1e6
    chosen: list[int] = []
    used = 0
    for i in np.argsort(-value, kind="stable"):
        length = spans[i][1] - spans[i][0] + 1
        if chosen and used + length > room:
            continue
        chosen.append(int(i))
        used += length
    parts, pieces, best, own = [], [], [], 0
    for i in sorted(chosen):
        start, end = spans[i][0], min(spans[i][1], spans[i][0] + room)
        pieces.append(text[start:end])
        parts.append((own, start, end - start))
        best.append(float(fits[i]))
        own += end - start + 1
    return Window(" ".join(pieces), tuple(parts), tuple(best))
