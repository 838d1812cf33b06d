"""Which sentences are quoted: the best supported ones, up to three, from one passage or several.

The surest passage gives its best sentences; another passage joins when it is nearly as sure, so that what contradicts
stands side by side. A sentence that only announces ("do as follows:") takes what follows with it; one that is very
short takes its neighbour. Spans never overlap and come passage by passage, in the order of the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Quotable", "choose_quotes"]

MOST = 3
_SECOND = 0.8  # of the best sentence's fit, for a further one of the same passage
_OTHER = 0.75  # of the surest passage's probability, for another passage
_SHORT = 40
_LONGEST = 900


@dataclass(frozen=True, slots=True)
class Quotable:
    """A passage that was read: its sentences with how well each fits, and how sure the reader is of it."""

    text: str
    spans: Sequence[tuple[int, int]]
    fits: NDArray[np.float32]
    start: int  # the reader's own span
    end: int
    probability: float


def choose_quotes(passages: Sequence[Quotable]) -> list[tuple[int, int, int]]:
    """(passage, start, end) of each quotation, the best passage's first; passages come best first."""
    if not passages:
        return []
    first = passages[0]
    chosen = _of_passage(first, MOST)
    quotes = [(0, start, end) for start, end in chosen]
    for place, passage in enumerate(passages[1:4], start=1):
        if len(quotes) < MOST and passage.probability >= _OTHER * first.probability and passage.probability >= 0.5:
            quotes += [(place, start, end) for start, end in _of_passage(passage, 1)]
    return quotes[:MOST]


def _of_passage(passage: Quotable, most: int) -> list[tuple[int, int]]:
    spans, fits = list(passage.spans), passage.fits
    if not spans:
        return [(passage.start, passage.end)] if passage.end > passage.start else []
    picked = {i for i, (a, b) in enumerate(spans) if a < passage.end and passage.start < b} or {int(np.argmax(fits))}
    best = max(float(fits[i]) for i in picked)
    for i in np.argsort(-fits):
        if len(picked) >= most:
            break
        if fits[i] >= _SECOND * best > 0:
            picked.add(int(i))
    for i in sorted(picked):
        announces = passage.text[spans[i][0] : spans[i][1]].rstrip().endswith((":", "："))
        if (announces or spans[i][1] - spans[i][0] < _SHORT) and i + 1 < len(spans) and len(picked) < most + 1:
            picked.add(i + 1)
    return _joined(passage.text, [spans[i] for i in sorted(picked)])


def _joined(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours become one quotation, as long as it stays readable."""
    out: list[tuple[int, int]] = []
    for start, end in spans:
        if out and not text[out[-1][1] : start].strip() and end - out[-1][0] <= _LONGEST:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out
