"""Sureness rises with each of its signals, and is 0 without candidates."""

from __future__ import annotations

from whelm.answer.reader import Reading
from whelm.answer.sureness import sureness


def _reading(answerable: float, cosine: float, soft: float) -> Reading:
    return Reading(answerable, 0, 1, 0.0, 0, 1, answerable, {"cosine": cosine, "soft": soft})


def test_each_signal_counts() -> None:
    base = sureness([_reading(0.5, 0.4, 0.5)])
    assert sureness([_reading(0.8, 0.4, 0.5)]) > base
    assert sureness([_reading(0.5, 0.6, 0.5)]) > base
    assert sureness([_reading(0.5, 0.4, 0.8)]) > base
    assert sureness([_reading(0.5, 0.1, 0.1), _reading(0.5, 0.4, 0.5)]) == base
    assert 0.0 < sureness([_reading(0.0, 0.0, 0.0)]) < 0.1 and sureness([_reading(1.0, 1.0, 1.0)]) < 1.0


def test_no_candidates() -> None:
    assert sureness([]) == 0.0
