"""How sure it is that the documents answer at all: one probability a question, which decides a refusal.

    logit = 0.5 log-odds of the reader that any candidate answers + 8 max cosine + 3 max soft overlap - shift

The reader was taught on near misses among a few passages; among the whole of a folder, questions about other matters
are told by how little comes near at all, which the best cosine and the best share of found (or nearly found) words
say. The three numbers were fitted on questions that people wrote about three folders, none of them used to measure:
AUC 0.91, 0.89 and 0.94 (reader alone 0.77, 0.80, 0.89; cosine alone 0.89, 0.84, 0.92; half of what was to be refused
were near misses). Without an encoder the soft overlap counts double: German 0.79, words alone 0.85 and 0.81.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from whelm.answer.reader import Reading

__all__ = ["sureness"]

_READER, _COSINE, _SOFT = 0.5, 8.0, 3.0
_SHIFT = 6.35  # 0.35 is where about 5% of people's answerable questions would be refused
_SOFT_ALONE, _SHIFT_ALONE = 6.0, 2.85  # the same where no encoder reads: other languages, or no weights


def sureness(readings: Sequence[Reading]) -> float:
    """The probability that any of a question's candidates answers it; 0 without candidates."""
    if not readings:
        return 0.0
    answerable = min(max(readings[0].answerable, 1e-4), 1 - 1e-4)
    logit = _READER * math.log(answerable / (1 - answerable))
    signals = [reading.signals for reading in readings if reading.signals]
    if not signals:
        return answerable
    cosine = max(row.get("cosine", 0.0) for row in signals)
    soft = max(row.get("soft", 0.0) for row in signals)
    logit += _SOFT * soft + _COSINE * cosine - _SHIFT if cosine else _SOFT_ALONE * soft - _SHIFT_ALONE
    return 1.0 / (1.0 + math.exp(-logit))
