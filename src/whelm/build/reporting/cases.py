"""The questions that were asked, one by one: what became of each, ten to look at, and where the assistant is weakest.

    outcome     right, wrong, refused wrongly | refused rightly, answered without ground

Examples are chosen for variety, by fixed shares and the questions' ids, so that the same run shows the same ones.
Evidence is cut from the documents as they are now; where a quotation is no longer found there, it stands alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from whelm.build.reporting.material import Material
from whelm.core.errors import WhelmError
from whelm.core.types import Document

__all__ = ["OUTCOMES", "examples", "outcome_of", "weakest"]

OUTCOMES: dict[str, str] = {
    "right": "the quotation answers the question",
    "wrong": "another place was quoted than the one that the question was made from",
    "refused wrongly": "the documents hold the answer, and none was given",
    "refused rightly": "the documents do not hold the answer, and none was given",
    "answered without ground": "the documents do not hold the answer, and one was given",
}
# of ten examples; what a kind lacks is filled up from the others
_SHARES = {"right": 4, "wrong": 2, "refused wrongly": 1, "refused rightly": 2, "answered without ground": 1}
_NUM_EXAMPLES = 10
_CONTEXT = 180  # characters on either side of a quotation
_LONGEST = 900  # characters of one quotation that are shown
_NUM_WEAKEST = 8

Lookup = Callable[[str], Document | None]
Twins = Callable[[str], Sequence[str]]


def outcome_of(case: Mapping[str, Any]) -> str:
    """A key of `OUTCOMES`."""
    answerable, supported = case["question"]["answerable"], bool(case["answer"].get("supported"))
    if not answerable:
        return "answered without ground" if supported else "refused rightly"
    if not supported:
        return "refused wrongly"
    return "right" if case["right"] else "wrong"


def examples(material: Material) -> list[dict[str, Any]]:
    """Ten questions of all outcomes with the evidence of their answers."""
    with _documents(material) as (lookup, _):
        return [_example(case, lookup) for case in _chosen(material.cases)]


def weakest(material: Material) -> dict[str, list[dict[str, Any]]]:
    """Documents whose questions fare worst, and the questions that went most wrong."""
    with _documents(material) as (_, twins):
        rows = [_placed(case, twins) for case in material.cases]
    return {"documents": _weak_documents(rows), "questions": _weak_questions(rows)}


def _chosen(cases: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    by_outcome: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for case in sorted(cases, key=lambda c: str(c["question"]["id"])):
        by_outcome[outcome_of(case)].append(case)
    chosen, rest = [], []
    for name, share in _SHARES.items():
        # documents that were not shown yet first; the ids, being digests, are an even sample
        seen: set[str] = set()
        fresh: list[Any] = []
        again: list[Any] = []
        for case in by_outcome[name]:
            document = case["question"]["document"]
            (again if document and document in seen else fresh).append(case)
            seen.add(document)
        ordered = fresh + again
        chosen += ordered[:share]
        rest += ordered[share:]
    chosen += rest[: _NUM_EXAMPLES - len(chosen)]
    places = list(_SHARES)
    return sorted(chosen, key=lambda c: places.index(outcome_of(c)))


def _example(case: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    question, answer = case["question"], case["answer"]
    outcome = outcome_of(case)
    expected = None
    if question["answerable"] and outcome != "right" and question["end"] > question["start"]:
        expected = _cut(lookup(question["document"]), question["start"], question["end"])
        expected |= {"document": question["document"]} if expected else {}
    return {
        "question": question["question"], "kind": question["kind"], "outcome": outcome,
        "answer": answer.get("answer", ""), "mode": answer.get("mode", ""),
        "probability": answer.get("probability"), "seconds": answer.get("seconds"),
        "document": question["document"] if question["answerable"] else "",
        "evidence": [
            {"document": c["document"], "heading": c["heading"], "page": c["page"], "score": c["score"],
             **(_cut(lookup(c["document"]), c["start"], c["end"], c["quote"]) or _alone(c["quote"]))}
            for c in answer.get("citations", ())
        ],
        "expected": expected,
    }  # fmt: skip


def _cut(document: Document | None, start: int, end: int, quote: str | None = None) -> dict[str, Any]:
    """before, quote, after: a span with some of the text around it; empty where it is not there (any more)."""
    if document is None or not 0 <= start < end <= len(document.text):
        return {}
    text = document.text
    if quote is not None and text[start:end] != quote:
        return {}
    before, after = text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT]
    if start > _CONTEXT:
        before = "…" + (before.partition(" ")[2] or before)
    if end + _CONTEXT < len(text):
        after = (after.rpartition(" ")[0] or after) + "…"
    return {"before": before.lstrip("\n"), **_shortened(text[start:end]), "after": after.rstrip("\n")}


def _alone(quote: str) -> dict[str, Any]:
    return {"before": "", **_shortened(quote), "after": ""}


def _shortened(quote: str) -> dict[str, Any]:
    return {"quote": quote if len(quote) <= _LONGEST else quote[:_LONGEST] + "…"}


def _placed(case: Mapping[str, Any], twins: Twins) -> dict[str, Any]:
    """A case as one flat row, with the place of the right document among those found (None: not among them)."""
    question, answer = case["question"], case["answer"]
    found = list(dict.fromkeys(hit["document"] for hit in answer.get("hits", ())))
    right = {question["document"], *twins(question["document"])} if question["answerable"] else set()
    return {
        "question": question["question"], "kind": question["kind"], "outcome": outcome_of(case),
        "document": question["document"] if question["answerable"] else "",
        "rank": next((place for place, name in enumerate(found, start=1) if name in right), None),
        "first": found[0] if found else "", "probability": answer.get("probability") or 0.0, "id": question["id"],
    }  # fmt: skip


def _weak_documents(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    asked: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["document"]:
            asked[row["document"]].append(row)
    counted = [
        {"document": name, "asked": len(of), "right": sum(r["outcome"] == "right" for r in of),
         "refused": sum(r["outcome"] == "refused wrongly" for r in of), "first": sum(r["rank"] == 1 for r in of)}
        for name, of in asked.items()
    ]  # fmt: skip
    weak = [row for row in counted if row["right"] < row["asked"]]
    # most failures first: a document that failed once of once says less than one that failed five times of six
    weak.sort(key=lambda row: (row["right"] - row["asked"], row["right"], row["first"], row["document"]))
    return weak[:_NUM_WEAKEST]


def _weak_questions(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Answers without ground, the surest first; then questions whose document was found latest or not at all."""
    loud = sorted(
        (r for r in rows if r["outcome"] == "answered without ground"), key=lambda r: (-r["probability"], r["id"])
    )
    lost = sorted(
        (r for r in rows if r["outcome"] in ("wrong", "refused wrongly")),
        key=lambda r: (-(r["rank"] or 99), r["outcome"] != "wrong", r["probability"], r["id"]),
    )
    half = _NUM_WEAKEST // 2
    shown = [*loud[: max(half, _NUM_WEAKEST - len(lost))], *lost][:_NUM_WEAKEST]
    return [{name: value for name, value in row.items() if name != "id"} for row in shown]


@contextmanager
def _documents(material: Material) -> Iterator[tuple[Lookup, Twins]]:
    """Documents and twins by name, from the index; without one nothing is found."""
    if "index" not in material.artifacts or not material.cases:
        yield (lambda _: None), (lambda _: ())
        return
    from whelm.retrieve.index import FolderIndex

    with FolderIndex.open(material.artifacts["index"].path) as index:

        def lookup(name: str) -> Document | None:
            try:
                return index.document(name)
            except WhelmError:
                return None

        def twins(name: str) -> Sequence[str]:
            try:
                return index.twins(name)
            except WhelmError:
                return ()

        yield lookup, twins
