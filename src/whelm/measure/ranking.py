"""Ranking metrics: how high do the right documents stand?

For one question, `ranks` are the places (from 1) at which right documents were found.

    hit@k = 1 if some rank <= k                     reciprocal rank = 1 / min(rank)
    DCG@k = sum_{i=1..k} gain_i / log2(i + 1)       nDCG@k = DCG@k / DCG@k of the best order
    AP    = mean over right documents of (right among the first `rank`) / rank

Järvelin and Kekäläinen 2002 (linear gains, as trec_eval and BEIR count them). Everything lies in [0, 1] and is 0
where nothing right was found. Cost: O(k log k).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["average_precision", "dcg", "hit_at", "ndcg", "ndcg_of", "ranks_of", "recall_at", "reciprocal_rank"]


def ranks_of(found: Sequence[str], right: Collection[str]) -> list[int]:
    """The places, from 1, at which a right name stands in `found`; a name counts once, at its first place."""
    places: dict[str, int] = {}
    for place, name in enumerate(found, start=1):
        if name in right:
            places.setdefault(name, place)
    return list(places.values())


def hit_at(ranks: Iterable[int], k: int) -> float:
    """1.0 if anything right stands among the first `k`, else 0.0."""
    _check_k(k)
    return float(any(rank <= k for rank in ranks))


def recall_at(ranks: Iterable[int], num_right: int, k: int) -> float:
    """The share of the right documents that stand among the first `k`; 0.0 where there are none."""
    _check_k(k)
    return sum(rank <= k for rank in ranks) / num_right if num_right else 0.0


def reciprocal_rank(ranks: Iterable[int], k: int | None = None) -> float:
    """1 / the best rank; 0.0 where nothing right was found (within the first `k`, if given)."""
    best = min(ranks, default=0)
    if best <= 0 or (k is not None and best > k):
        return 0.0
    return 1.0 / best


def average_precision(ranks: Iterable[int], num_right: int) -> float:
    """Mean precision at each right document; those never found count as 0."""
    if num_right <= 0:
        return 0.0
    return sum(order / rank for order, rank in enumerate(sorted(ranks), start=1)) / num_right


def dcg(gains: Sequence[float], k: int) -> float:
    """Discounted cumulative gain of the first `k`, gains in ranked order."""
    _check_k(k)
    return math.fsum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:k], start=1))


def ndcg(gains: Sequence[float], ideal: Iterable[float], k: int = 10) -> float:
    """DCG of `gains` (in ranked order) over that of `ideal` (every gain there is for the question, any order)."""
    best = dcg(sorted(ideal, reverse=True), k)
    return dcg(gains, k) / best if best > 0 else 0.0


def ndcg_of(found: Sequence[str], gain_by_name: Mapping[str, float], k: int = 10) -> float:
    """nDCG@k of ranked names; a name found twice gains once."""
    first_seen = dict.fromkeys(found)
    return ndcg([gain_by_name.get(name, 0.0) for name in first_seen], gain_by_name.values(), k)


def _check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be at least 1, found {k}")
