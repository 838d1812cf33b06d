"""Ranking metrics: by hand, and against scikit-learn."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whelm.measure.ranking import average_precision, hit_at, ndcg, ndcg_of, ranks_of, recall_at, reciprocal_rank


def test_by_hand() -> None:
    ranks = ranks_of(["a", "b", "c", "d", "b"], {"b", "d", "z"})
    assert ranks == [2, 4]
    assert (hit_at(ranks, 1), hit_at(ranks, 2)) == (0.0, 1.0)
    assert recall_at(ranks, 3, 3) == pytest.approx(1 / 3)
    assert reciprocal_rank(ranks) == 0.5
    assert reciprocal_rank(ranks, k=1) == 0.0
    assert average_precision(ranks, 3) == pytest.approx((1 / 2 + 2 / 4) / 3)
    # gains 0 1 0 1 against the ideal 1 1 1
    expected = (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / math.log2(4))
    assert ndcg([0, 1, 0, 1], [1, 1, 1], 10) == pytest.approx(expected)
    assert ndcg_of(["a", "b", "b", "d"], {"b": 1.0, "z": 1.0}, 3) == pytest.approx(
        1 / math.log2(3) / (1 + 1 / math.log2(3))
    )


def test_nothing_found_is_zero() -> None:
    assert ranks_of([], {"a"}) == []
    assert (
        hit_at([], 5)
        == reciprocal_rank([])
        == average_precision([], 0)
        == ndcg([], [], 10)
        == recall_at([], 0, 1)
        == 0.0
    )
    with pytest.raises(ValueError, match="at least 1"):
        hit_at([1], 0)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=12), st.integers(1, 12))
def test_ndcg_equals_scikit_learn(gains: list[int], k: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores = [-float(place) for place in range(len(gains))]
    assert ndcg(gains, gains, k) == pytest.approx(float(metrics.ndcg_score([gains], [scores], k=k)), abs=1e-12)
