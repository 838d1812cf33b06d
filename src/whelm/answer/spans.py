"""From sentences that fit a question to the span that is quoted.

The best sentence, joined with a neighbour that fits nearly as well: a quotation of one or two whole sentences. Cost:
one pass over the sentences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_window"]


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
