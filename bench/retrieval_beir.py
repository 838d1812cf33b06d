"""How well does whelm find documents? nDCG@10 and recall@100 on any folder in BEIR layout.

    corpus.jsonl[.gz]  {"_id", "title", "text"}      queries.jsonl[.gz]  {"_id", "text"}
    qrels/{train,test}.tsv  query-id, corpus-id, score (with a header line)

Compared: BM25, static vectors, MiniLM as published and with whelm's update, BM25 joined with each, alpha chosen on the
train queries and measured on the test queries, and that order ranked anew as an answer does (`reranked`; `--reader`
names the folder of a taught reader, a stage of a run; without it the built-in weights rank). As in BEIR (Thakur et al. 2021), a document is one text, title first, and
one vector, cut at what the encoder reads; whelm itself searches chunks. Vectors are kept in the user's cache, by the
digest of the corpus. Prints one JSON object; progress goes to stderr.

    python bench/retrieval_beir.py ../shared/data/scifact
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from whelm.answer.answerer import Answerer, AnswerSettings
from whelm.answer.reader import Reader
from whelm.answer.untaught import UntaughtReader
from whelm.answer.word_weights import FolderWordWeights
from whelm.core.device import cache_dir
from whelm.core.errors import DataError
from whelm.core.types import Chunk, Document, Embedder, Metric
from whelm.hub.weights import ENCODER, STATIC
from whelm.measure.intervals import mean_interval, paired_difference
from whelm.measure.ranking import ndcg_of, ranks_of, recall_at
from whelm.retrieve.embed import load_embedder
from whelm.retrieve.index import FolderIndex
from whelm.retrieve.search import Candidates, HybridRetriever, SearchConfig, joined
from whelm.retrieve.update import update_index, write_vectors

ALPHAS = [step / 20 for step in range(21)]
DEPTH = 100
Qrels = dict[str, dict[str, float]]
Found = dict[str, Candidates]


def read_jsonl(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Rows of `name`.jsonl or `name`.jsonl.gz."""
    for path in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz"):
        if path.exists():
            with (
                gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file
            ):
                yield from (json.loads(line) for line in file if line.strip())
            return
    raise DataError(f"{folder} has no {name}.jsonl or {name}.jsonl.gz", "give a folder in BEIR layout")


def read_qrels(folder: Path, split: str) -> Qrels:
    """query -> document -> gain, of the relevant ones; empty where the split is not there."""
    path = folder / "qrels" / f"{split}.tsv"
    found: Qrels = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            for query, document, gain in list(csv.reader(file, delimiter="\t"))[1:]:
                if float(gain) > 0:
                    found.setdefault(query, {})[document] = float(gain)
    return found


def documents(folder: Path, language: str) -> Iterator[tuple[Document, list[Chunk]]]:
    """Each row of the corpus as a document of one chunk."""
    for row in read_jsonl(folder, "corpus"):
        document = Document(row["_id"], row["text"] or row.get("title", ""), row.get("title") or "", language)
        yield document, [Chunk(row["_id"], row["_id"], 0, len(document.text))]


def collect(
    index: FolderIndex, embedder: Embedder | None, queries: Mapping[str, str], names: Iterable[str]
) -> tuple[Found, list[float]]:
    """Candidates of each query with both scores, and seconds a query."""
    which = embedder.name if embedder else ""
    retriever = HybridRetriever(
        index, embedder, SearchConfig(which=which, fallback="", candidates=DEPTH, collapse=False)
    )
    found: Found = {}
    seconds = []
    for name in names:
        begin = time.perf_counter()
        found[name] = retriever.candidates(queries[name], DEPTH, both=True)
        seconds.append(time.perf_counter() - begin)
    return found, seconds


def per_query(found: Found, names: Mapping[int, str], qrels: Qrels, alpha: float) -> tuple[list[float], list[float]]:
    """nDCG@10 and recall@100 of each query."""
    gains, recalls = [], []
    for name, right in qrels.items():
        scores = joined(found[name], alpha)
        order = [number for number in np.argsort(-scores, kind="stable")[:DEPTH] if np.isfinite(scores[number])]
        # a query that is itself a document (as in some BEIR sets) does not find itself
        ranked = [document for number in order if (document := names[int(found[name].places[number])]) != name]
        gains.append(ndcg_of(ranked, right, 10))
        recalls.append(recall_at(ranks_of(ranked, right), len(right), DEPTH))
    return gains, recalls


def measured(values: tuple[list[float], list[float]]) -> dict[str, Any]:
    """The two means with their intervals."""
    return {
        name: as_json(mean_interval(column)) for name, column in zip(("ndcg@10", "recall@100"), values, strict=True)
    }


def as_json(metric: Metric) -> dict[str, Any]:
    return {
        "value": round(metric.value, 4),
        "low": metric.low and round(metric.low, 4),
        "high": metric.high and round(metric.high, 4),
        "n": metric.n,
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def cached_vectors(index: FolderIndex, embedder: Embedder) -> Path:
    """The folder of the embedder's vectors for this corpus, made once."""
    folder = cache_dir() / "bench" / "beir" / hashlib.sha256(b"".join(index.keys())).hexdigest()[:16] / embedder.name
    if not (folder / "done").exists():
        begin = time.perf_counter()

        told = begin

        def progress(done: int, total: int) -> None:
            nonlocal told
            if time.perf_counter() - told > 5:
                told = time.perf_counter()
                say(f"  {embedder.name}: {done:,} of {total:,} vectors, {told - begin:.0f} s")

        write_vectors(index, embedder, folder, scratch=folder, progress=progress)
        (folder / f"{embedder.name}.partial").unlink(missing_ok=True)
        (folder / "done").touch()
    return folder


def compare(
    folder: Path, embedders: Sequence[Embedder], language: str, work: Path, reader: Path | None = None
) -> dict[str, Any]:
    """Every way of searching, on the test queries."""
    begin = time.perf_counter()
    update_index(None, work / "index", documents(folder, language))
    say(f"  indexed in {time.perf_counter() - begin:.1f} s")
    queries = {row["_id"]: row["text"] for row in read_jsonl(folder, "queries")}
    train, test = read_qrels(folder, "train"), read_qrels(folder, "test")
    if not test:
        raise DataError(f"{folder} has no qrels/test.tsv", "give a folder in BEIR layout")
    with FolderIndex.open(work / "index") as plain:
        stores = [cached_vectors(plain, embedder) for embedder in embedders]
    body: dict[str, Any] = {"results": {}, "over_bm25_ndcg@10": {}, "alpha_curve_ndcg@10": {}, "search_latency": {}}
    with FolderIndex.open(work / "index", stores) as index:
        say(f"  {index.num_documents:,} documents, {len(train):,} train and {len(test):,} test queries")
        ways: list[Embedder | None] = [*embedders] or [None]
        for embedder in ways:
            found, seconds = collect(index, embedder, queries, dict.fromkeys([*train, *test]))
            every = np.unique(np.concatenate([one.places for one in found.values()]))
            names = {
                place: document for place, (_, document, _) in zip(every.tolist(), index.names(every), strict=True)
            }
            bm25 = per_query(found, names, test, 0.0)
            body["results"]["bm25"] = {**measured(bm25), "alpha": 0.0}
            body["search_latency"][embedder.name if embedder else "bm25"] = latency(seconds)
            if embedder is None:
                continue
            curve = {
                alpha: {
                    split: statistics.fmean(per_query(found, names, qrels, alpha)[0])
                    for split, qrels in (("train", train), ("test", test))
                    if qrels
                }
                for alpha in ALPHAS
            }
            alpha = max(ALPHAS, key=lambda one: curve[one]["train"]) if train else 0.5
            fused = per_query(found, names, test, alpha)
            body["results"][embedder.name] = {**measured(per_query(found, names, test, 1.0)), "alpha": 1.0}
            body["results"][f"fused:{embedder.name}"] = {**measured(fused), "alpha": alpha}
            if embedder.name == ENCODER:
                config = SearchConfig(alpha=alpha, which=ENCODER, candidates=DEPTH, collapse=False)
                anew = reranked(index, embedders, config, reader, test, queries)
                body["results"][f"reranked:{embedder.name}"] = {**measured(anew), "alpha": alpha}
            body["over_bm25_ndcg@10"][embedder.name] = as_json(paired_difference(fused[0], bm25[0]).difference)
            body["alpha_curve_ndcg@10"][embedder.name] = {
                f"{one:.2f}": {split: round(value, 4) for split, value in at.items()} for one, at in curve.items()
            }
        return {
            **body,
            "alpha_tuned_on": "train" if train else "nothing: 0.5",
            "documents": index.num_documents,
            "train_queries": len(train),
            "test_queries": len(test),
        }


def reranked(
    index: FolderIndex, embedders: Sequence[Embedder], config: SearchConfig, reader: Path | None, queries: Qrels,
    texts: Mapping[str, str],
) -> tuple[list[float], list[float]]:  # fmt: skip
    """nDCG@10 and recall@100 of the order in which an answer weighs what the search found."""
    known = {embedder.name: embedder for embedder in embedders}
    static, encoder = known.get(STATIC), known.get(ENCODER)
    taught = Reader.load(reader, static, encoder) if reader else UntaughtReader(static, encoder)
    taught.signals.weights = FolderWordWeights(index, taught.weights)
    answerer = Answerer(index, HybridRetriever(index, known, config), taught, AnswerSettings(candidates=DEPTH))
    gains, recalls = [], []
    for name, right in queries.items():
        ranked = [hit.document for hit in answerer.search(texts[name], DEPTH) if hit.document != name]
        gains.append(ndcg_of(ranked, right, 10))
        recalls.append(recall_at(ranks_of(ranked, right), len(right), DEPTH))
    return gains, recalls


def latency(seconds: Sequence[float]) -> dict[str, Any]:
    low, median, high = (round(1000 * float(value), 2) for value in np.quantile(seconds, (0.1, 0.5, 0.9)))
    return {"median_ms": median, "p10_ms": low, "p90_ms": high, "n": len(seconds), "warm_up": 0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", default="en", help="of the corpus (en)")
    parser.add_argument("--embedders", nargs="+", default=[STATIC, "minilm-l6", ENCODER])
    parser.add_argument("--reader", type=Path, help="the folder of a taught reader")
    options = parser.parse_args()
    embedders = [embedder for name in options.embedders if (embedder := load_embedder(name)) is not None]
    if len(embedders) < len(options.embedders):
        say("  weights of some embedders were not found: `whelm model list` tells where they may come from")
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as work:
        try:
            body = compare(options.folder, embedders, options.language, Path(work), options.reader)
        except DataError as error:
            say(f"error: {error.message}\nhint: {error.hint}")
            return 1
    for name, curve in body["alpha_curve_ndcg@10"].items():
        say(f"  alpha  nDCG@10 with {name}")
        for alpha, values in curve.items():
            say(f"  {alpha}   " + "  ".join(f"{split} {value:.4f}" for split, value in values.items()))
    body = {
        "schema": "whelm.bench.retrieval_beir/1",
        "folder": options.folder.name,
        **body,
        "seconds": round(time.perf_counter() - begin, 1),
        "hardware": {"machine": platform.machine(), "system": platform.system()},
        "versions": {name: version(name) for name in ("tantivy", "numpy", "torch", "PyStemmer", "tokenizers")},
    }
    print(json.dumps(body, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
