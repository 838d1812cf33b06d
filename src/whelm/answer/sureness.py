"""How sure it is that the documents answer at all: one probability a question, which decides a refusal.

    logit = log-odds of the reader that any candidate answers + 4 max cosine + 2 max soft overlap - shift

The reader was taught on near misses among a few passages; among the whole of a folder, questions about other matters
are told by how little comes near at all, which the best cosine and the best share of found (or nearly found) words
say. The three numbers were fitted on questions that people wrote about three folders, none of them used to measure:
AUC 0.99, 0.82 and 0.92 (reader alone 0.96, 0.84, 0.89; cosine alone 0.98, 0.65, 0.93).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from whelm.answer.reader import Reading

__all__ = ["sureness"]

_COSINE, _SOFT = 4.0, 2.0
_SHIFT = 4.7  # 0.5 is where about 7% of people's answerable questions would be refused
_SHIFT_STATIC = 2.4  # the same in other languages, which static vectors carry (German questions of people)
_SHIFT_WORDS = 1.2  # and without any vectors


def sureness(readings: Sequence[Reading]) -> float:
    """The probability that any of a question's candidates answers it; 0 without candidates."""
    if not readings:
        return 0.0
    answerable = min(max(readings[0].answerable, 1e-4), 1 - 1e-4)
    logit = math.log(answerable / (1 - answerable))
    signals = [reading.signals for reading in readings if reading.signals]
    if not signals:
        return answerable
    cosine = max(row.get("cosine", 0.0) for row in signals)
    logit += _SOFT * max(row.get("soft", 0.0) for row in signals)
    if cosine:
        logit += _COSINE * cosine - _SHIFT
    else:
        logit -= _SHIFT_STATIC if any(row.get("static") for row in signals) else _SHIFT_WORDS
    return 1.0 / (1.0 + math.exp(-logit))
