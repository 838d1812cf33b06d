"""How well does the reader read? Right passage, refusals and spans on questions of articles that it never saw.

    grounded   the package's sets: taught on the others, measured on the test fold (80 sets), by language and kind
    squad      squad_v2 and xquad (English), split by article: taught within --minutes on the other articles, measured
               on the held out ones: right of three passages, first over the whole article (against BM25 and the
               encoder's cosine), token F1 and exact match of the shortest answer, refusals

Every figure has n and a 95% interval (whole sets or articles are drawn anew). Teaching is measured by wall clock, vectors
and signals included; the number of steps is planned once, from the time of two steps. Prints one JSON object;
progress goes to stderr.

    python bench/grounded_answers.py ../shared/data --minutes 10
    python bench/grounded_answers.py ../shared/data --parts grounded --sets MORE.jsonl
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import sys
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from whelm.answer.examples import ReadingExample, examples_of, examples_of_squad
from whelm.answer.reader import Reader, Reading
from whelm.answer.signals import Passage
from whelm.answer.teach import measured_step_seconds, teach_package_reader, teach_reader, with_cosines
from whelm.core.device import threads
from whelm.core.events import subscribe
from whelm.core.random import fraction, rng
from whelm.core.types import Event, Metric
from whelm.data.grounded import load_everyday_sets, load_grounded_sets, load_teaching_sets
from whelm.hub.weights import ENCODER, STATIC
from whelm.measure.calibration import auc, expected_calibration_error, risk_coverage
from whelm.measure.intervals import mean_interval
from whelm.measure.text import best_over
from whelm.retrieve.embed import load_embedder
from whelm.text.analyzer import analyzer_for

Judged = list[tuple[ReadingExample, list[Reading]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds grounded_answers, squad_v2 and xquad")
    parser.add_argument("--parts", default="grounded,squad")
    parser.add_argument("--minutes", type=float, default=10.0, help="of teaching, for the part squad")
    parser.add_argument("--package-minutes", type=float, default=3.0, help="of teaching, for the part grounded")
    parser.add_argument("--steps", type=int, help="of the cross-encoder, instead of what the minutes allow")
    parser.add_argument("--limit", type=int, default=600, help="test questions a data set, drawn by name")
    parser.add_argument("--sets", type=Path, nargs="*", default=[], help="further files of sets to be measured")
    parser.add_argument("--scratch", type=Path, help="keeps vectors and checkpoints: a killed run continues")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    subscribe(Progress())
    body: dict[str, Any] = {"hardware": {"machine": platform.machine(), "threads": threads()},
                            "versions": {n: version(n) for n in ("torch", "numpy")}, "seed": options.seed}  # fmt: skip
    parts = options.parts.split(",")
    if "grounded" in parts:
        body["grounded_answers"] = grounded(options)
    if "squad" in parts:
        body |= squad(options)
    json.dump(body, sys.stdout, indent=1, ensure_ascii=False)
    print()


# ---------------------------------------------------------------------- grounded_answers


def grounded(options: argparse.Namespace) -> dict[str, Any]:
    """Taught on the package's sets outside the test fold, none of which the encoder has seen."""
    sets = load_teaching_sets()
    static, encoder = load_embedder(STATIC), load_embedder(ENCODER)
    began = time.perf_counter()
    steps = _steps(options, options.package_minutes * 60, reserve_s=70)
    reader = teach_package_reader(sets, static, encoder, steps, options.seed, _scratch(options, "package"))
    taught_s = time.perf_counter() - began
    body: dict[str, Any] = {"taught_seconds": round(taught_s, 1), "steps": steps, "teaching": reader.record}
    held = examples_of([s for s in load_grounded_sets() if s.test])
    everyday = examples_of([s for s in load_everyday_sets() if s.test and s.language == "en"])
    languages = sorted({e.language for e in held})
    for language in [*languages, "other"]:
        own = [e for e in held if e.language == language or (language == "other" and e.language != "en")]
        if own:
            body[language] = measured(reader, own)
    body["everyday"] = measured(reader, everyday)
    body["by_kind"] = by_kind(reader, [e for e in held if e.language == "en"])
    for path in options.sets:
        examples = examples_of(_jsonl(path))
        body[path.name] = {
            "en": measured(reader, [e for e in examples if e.language == "en"]),
            "other": measured(reader, [e for e in examples if e.language != "en"]),
        }
    return body


def measured(reader: Reader, examples: Sequence[ReadingExample]) -> dict[str, Any]:
    """Everything that is told of one set of questions."""
    if not examples:
        return {}
    examples = with_cosines(examples, reader.encoder)
    judged, seconds = read_all(reader, examples)
    answerable = [(e, r) for e, r in judged if e.golds]
    groups = [e.group for e, _ in answerable]
    top = [int(np.argmax([x.score for x in r])) for _, r in answerable]
    hits = [float(t in e.golds) for t, (e, _) in zip(top, answerable)]
    cosine = [_best_by(e, lambda p: p.cosine or 0.0) for e, _ in answerable]
    quotes = [_span_f1(e, t, r[t].start, r[t].end, e.spans) for t, (e, r) in zip(top, answerable)]
    tight = [(e, t, r[t]) for t, (e, r) in zip(top, answerable) if e.tight]
    sure = [r[0].answerable for _, r in judged]
    labels = [float(bool(e.golds)) for e, _ in judged]
    correct = [float(bool(e.golds) and int(np.argmax([x.score for x in r])) in e.golds) for e, r in judged]
    return {
        "right_passage": _metric(mean_interval(hits, clusters=groups)),
        "right_passage_by_cosine": _metric(mean_interval(cosine, clusters=groups)),
        "quote_f1": _metric(mean_interval(quotes, clusters=groups)),
        "span_f1": _metric(mean_interval([_span_f1(e, t, r.tight_start, r.tight_end, e.tight) for e, t, r in tight],
                                         clusters=[e.group for e, _, _ in tight])),
        "span_em": _metric(mean_interval([_span_em(e, t, r) for e, t, r in tight],
                                         clusters=[e.group for e, _, _ in tight])),
        "refusal_auc": auc_interval(sure, labels, [e.group for e, _ in judged]),
        "refused_at_10%_false_refusals": refused_at(sure, labels, 0.10),
        "calibration_error": round(expected_calibration_error(sure, labels), 4),
        "risk_coverage": _curve(sure, correct),
        "milliseconds": {"median": round(1e3 * float(np.median(seconds)), 1),
                         "p90": round(1e3 * float(np.quantile(seconds, 0.9)), 1)},
    }  # fmt: skip


def by_kind(reader: Reader, examples: Sequence[ReadingExample]) -> dict[str, Any]:
    """Right passage for each kind of question."""
    judged, _ = read_all(reader, with_cosines(examples, reader.encoder))
    kinds: dict[str, list[float]] = {}
    for e, readings in judged:
        if e.golds:
            kinds.setdefault(e.kind, []).append(float(int(np.argmax([r.score for r in readings])) in e.golds))
    return {kind: _metric(mean_interval(values)) for kind, values in sorted(kinds.items())}


# ---------------------------------------------------------------------- squad_v2 and xquad


def squad(options: argparse.Namespace) -> dict[str, Any]:
    """Taught on some articles, measured on the others; an article of both sets is on one side only."""
    articles = {name: _squad_articles(options.data, name) for name in ("squad_v2", "xquad")}
    held = {name: [a for a in rows if _held_out(a["title"])] for name, rows in articles.items()}
    taught = [a for rows in articles.values() for a in rows if not _held_out(a["title"])]
    static, encoder = load_embedder(STATIC), load_embedder(ENCODER)
    began = time.perf_counter()
    steps = _steps(options, options.minutes * 60, reserve_s=100)
    reader = teach_reader(_untitled(examples_of_squad(taught)), static, encoder, steps=steps, seed=options.seed,
                          scratch=_scratch(options, "squad"), report=False)  # fmt: skip
    body: dict[str, Any] = {"squad_teaching": {
        "taught_seconds": round(time.perf_counter() - began, 1), "steps": steps, "articles": len(taught),
        "teaching": reader.record,
    }}  # fmt: skip
    for name, rows in held.items():
        three = _drawn(_untitled(examples_of_squad(rows)), options.limit)
        body[name] = {"articles": [a["title"] for a in rows], "of_three": measured(reader, three)}
        whole = _drawn(_untitled(examples_of_squad(rows, whole_article=True)), options.limit)
        body[name]["whole_article"] = over_articles(reader, [e for e in whole if e.golds])
    return body


def over_articles(reader: Reader, examples: Sequence[ReadingExample]) -> dict[str, Any]:
    """The right passage first among all of its article, by the reader, by BM25 and by the encoder."""
    judged, seconds = read_all(reader, with_cosines(examples, reader.encoder))
    groups: list[Hashable] = [e.passages[min(e.golds)].text for e, _ in judged]
    ours = [float(int(np.argmax([r.score for r in readings])) in e.golds) for e, readings in judged]
    words = [float(int(np.argmax(_bm25(e))) in e.golds) for e, _ in judged]
    vectors = [_best_by(e, lambda p: p.cosine or 0.0) for e, _ in judged]
    return {
        "hit@1": _metric(mean_interval(ours, clusters=groups)),
        "bm25_hit@1": _metric(mean_interval(words, clusters=groups)),
        "cosine_hit@1": _metric(mean_interval(vectors, clusters=groups)),
        "above_bm25": _metric(mean_interval([a - b for a, b in zip(ours, words)], clusters=groups)),
        "passages": float(np.mean([len(e.passages) for e, _ in judged])),
        "milliseconds": {"median": round(1e3 * float(np.median(seconds)), 1)},
    }


def _bm25(example: ReadingExample, k1: float = 0.9, b: float = 0.4) -> list[float]:
    """BM25 over the passages of an example (Robertson and Zaragoza 2009)."""
    analyzer = analyzer_for(example.language)
    bags = [_tokens(p.text, example.language) for p in example.passages]
    mean = sum(map(len, bags)) / len(bags)
    scores = [0.0] * len(bags)
    for token in set(analyzer.tokens(example.question)):
        counts = [bag.count(token) for bag in bags]
        df = sum(c > 0 for c in counts)
        idf = np.log(1 + (len(bags) - df + 0.5) / (df + 0.5))
        for i, (count, bag) in enumerate(zip(counts, bags)):
            scores[i] += idf * count * (k1 + 1) / (count + k1 * (1 - b + b * len(bag) / mean))
    return scores


_bags: dict[str, list[str]] = {}


def _tokens(text: str, language: str) -> list[str]:
    if text not in _bags:
        _bags[text] = analyzer_for(language).tokens(text)
    return _bags[text]


def _held_out(title: str) -> bool:
    return fraction("bench/grounded_answers", title) < 0.27


def _untitled(examples: Sequence[ReadingExample]) -> list[ReadingExample]:
    # the article's title is the same for all its passages: it tells nothing and costs tokens
    return [replace(e, passages=tuple(replace(p, title="") for p in e.passages)) for e in examples]


def _squad_articles(data: Path, name: str) -> list[dict[str, Any]]:
    path = data / name / ("squad_v2.json.gz" if name == "squad_v2" else "xquad.en.json.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows: list[dict[str, Any]] = json.load(file)["data"]
    return rows


# ---------------------------------------------------------------------- measuring


def read_all(reader: Reader, examples: Sequence[ReadingExample]) -> tuple[Judged, list[float]]:
    """Readings of all examples, and seconds a question once the passages are known."""
    judged, seconds = [], []
    for e in examples:
        began = time.perf_counter()
        readings = reader.read(e.question, e.passages, e.language)
        seconds.append(time.perf_counter() - began)
        judged.append((e, readings))
    return judged, seconds


def auc_interval(scores: Sequence[float], labels: Sequence[float], groups: Sequence[str]) -> dict[str, Any]:
    """AUC with a bootstrap interval over whole groups."""
    names = sorted(set(groups))
    members = [np.array([i for i, g in enumerate(groups) if g == name]) for name in names]
    s, y = np.array(scores), np.array(labels)
    draws = []
    chance = rng(0, "bench/auc")
    for _ in range(1000):
        chosen = np.concatenate([members[i] for i in chance.integers(len(names), size=len(names))])
        draws.append(auc(s[chosen], y[chosen]))
    low, high = np.quantile(draws, [0.025, 0.975])
    return _metric(Metric(auc(s, y), float(low), float(high), len(y)))


def refused_at(scores: Sequence[float], labels: Sequence[float], rate: float) -> dict[str, Any]:
    """The share of unanswerable questions that is refused when this share of the answerable ones is."""
    s, y = np.array(scores), np.array(labels)
    if not (y == 0).any() or not (y == 1).any():
        return {}
    threshold = float(np.quantile(s[y == 1], rate))
    return _metric(mean_interval((s[y == 0] < threshold).astype(float)))


def _curve(sure: Sequence[float], correct: Sequence[float]) -> list[dict[str, float]]:
    """Risk at coverages of a tenth to all: the surest are answered first."""
    coverage, risk, threshold = risk_coverage(sure, correct)
    points = []
    for wanted in np.arange(0.1, 1.01, 0.1):
        i = min(int(np.searchsorted(coverage, wanted - 1e-9)), len(coverage) - 1)
        points.append({"coverage": round(float(coverage[i]), 3), "risk": round(float(risk[i]), 4),
                       "threshold": round(float(threshold[i]), 4)})  # fmt: skip
    return points


def _span_f1(e: ReadingExample, place: int, start: int, end: int, spans: Sequence[tuple[int, int, int]]) -> float:
    references = [e.passages[p].text[a:b] for p, a, b in spans]
    return best_over(e.passages[place].text[start:end], references, e.language)[1]


def _span_em(e: ReadingExample, place: int, reading: Reading) -> float:
    references = [e.passages[p].text[a:b] for p, a, b in e.tight]
    return best_over(e.passages[place].text[reading.tight_start : reading.tight_end], references, e.language)[0]


def _best_by(e: ReadingExample, key: Callable[[Passage], float]) -> float:
    return float(max(range(len(e.passages)), key=lambda i: key(e.passages[i])) in e.golds)


def _drawn(examples: list[ReadingExample], limit: int) -> list[ReadingExample]:
    return sorted(examples, key=lambda e: fraction("bench/drawn", e.question, e.group))[:limit]


def _metric(metric: Metric) -> dict[str, Any]:
    rounded = {n: None if (v := getattr(metric, n)) is None else round(v, 4) for n in ("value", "low", "high")}
    return {**rounded, "n": metric.n}


def _steps(options: argparse.Namespace, seconds: float, reserve_s: float) -> int:
    """Steps that fit into the time, less what vectors, signals and the joint models take."""
    if options.steps is not None:
        return int(options.steps)
    step_s = measured_step_seconds()
    return max(0, int((seconds - reserve_s) / step_s)) if step_s else 0


def _scratch(options: argparse.Namespace, name: str) -> Path | None:
    return options.scratch / name if options.scratch else None


def _jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


class Progress:
    """A line on stderr every ten seconds."""

    def __init__(self) -> None:
        self.last = 0.0
        self.latest: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event.value, float):
            self.latest[f"{event.stage} {event.name}"] = event.value
        if event.time - self.last > 10:
            self.last = event.time
            print("  ".join(f"{n} {v:.4g}" for n, v in self.latest.items()), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
