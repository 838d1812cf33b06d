"""Rankings side by side on the same questions: text search, dense search, their fusion, the reranked order.

A ranking is judged by its documents (a document counts at its first chunk; a twin that says the same counts): hit@1,
hit@5, mean reciprocal rank, nDCG@10 (Jaervelin and Kekaelaeinen 2002), each with a 95% interval over the questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from whelm.core.types import Hit, Metric, Question
from whelm.measure.intervals import mean_interval
from whelm.measure.ranking import hit_at, ndcg_of, ranks_of, reciprocal_rank

__all__ = ["RANKING_METRICS", "judge_rankings", "score_ranking"]

RANKING_METRICS = ("hit@1", "hit@5", "mrr", "ndcg@10")


def score_ranking(found: Sequence[Hit], right: Iterable[str]) -> dict[str, float]:
    """The four scores of one ranking; `right` are the names of the one right document and of its twins."""
    names = set(right)
    stands = ["right" if hit.document in names else hit.document for hit in found]
    ranks = ranks_of(list(dict.fromkeys(stands)), {"right"})
    return {
        "hit@1": hit_at(ranks, 1),
        "hit@5": hit_at(ranks, 5),
        "mrr": reciprocal_rank(ranks, 10),
        "ndcg@10": ndcg_of(stands, {"right": 1.0}, 10),
    }


def judge_rankings(
    questions: Sequence[Question],
    rankings: Mapping[str, Callable[[str], Sequence[Hit]]],
    twins: Callable[[str], Iterable[str]] = lambda _: (),
    seed: int = 0,
) -> dict[str, Metric]:
    """Metrics named "<ranking>.<metric>", over the answerable questions."""
    metrics: dict[str, Metric] = {}
    answerable = [question for question in questions if question.answerable]
    for name, search in rankings.items():
        scores = [score_ranking(search(q.question), {q.document, *twins(q.document)}) for q in answerable]
        for metric in RANKING_METRICS:
            if scores:
                metrics[f"{name}.{metric}"] = mean_interval([s[metric] for s in scores], seed)
    return metrics
