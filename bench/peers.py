"""Who finds the right document: whelm, LlamaIndex, txtai or Haystack? Same texts, same MiniLM weights, same questions.

All texts come from whelm's readers, so that extraction is not what is compared; each peer splits them with its own
splitter, sized to the 256 tokens that MiniLM reads, and joins words with vectors in the way that its documentation
shows: LlamaIndex BM25Retriever and VectorIndexRetriever by QueryFusionRetriever (reciprocal ranks, no query is made up
by a model); txtai `hybrid=True` (weighted sum of normalized scores); Haystack InMemoryBM25Retriever and
InMemoryEmbeddingRetriever by DocumentJoiner (reciprocal_rank_fusion). A ranking of documents is that of their first
chunks; a document that says the same as a right one (whelm.data.duplicates) is right, for all systems alike.
Vectors are kept in the user's cache by the digest of the text, with the seconds each took: "seconds to index" has
these added, as if nothing had been kept. Prints one JSON object; progress goes to stderr. Nothing uses the network.

    python bench/peers.py ../shared/data/docs_rust_book_en bench/questions/rust_book.jsonl --whelm runs/rust
    python bench/peers.py --python tests/e2e/questions.jsonl --build --out peers.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from peer_systems import DEPTH, OFFLINE, PEERS, System, minilm, say

from whelm.core.device import cache_dir, threads
from whelm.core.errors import MissingError, WhelmError
from whelm.core.types import Answer, Document, Metric
from whelm.data.duplicates import mark_duplicates
from whelm.data.python_library import python_documents
from whelm.data.reading import read_sources
from whelm.data.sources import scan_folder
from whelm.evaluate.answers import judge_own
from whelm.evaluate.own import OwnQuestion, matches, read_questions
from whelm.measure.intervals import paired_difference, wilson

# --- the texts and their twins ---------------------------------------------------------------------------------------


def read_folder(folder: Path) -> list[Document]:
    """What `whelm build` would read."""
    return [document for _, parsed in read_sources(scan_folder(folder)) for document in parsed.documents]


def twin_groups(documents: Iterable[Document]) -> dict[str, tuple[str, ...]]:
    """Document -> the others that say the same; those without are absent."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, twin in mark_duplicates(documents).items():
        groups[twin.of].append(name)
    return {
        name: tuple(other for other in group if other != name)
        for head, rest in groups.items()
        for group in [[head, *rest]]
        for name in group
    }


PACKAGES = {
    "llama-index": ("llama-index-core", "llama-index-retrievers-bm25", "bm25s", "PyStemmer"),
    "txtai": ("txtai", "faiss-cpu", "chonkie"),
    "haystack": ("haystack-ai",),
    "whelm": ("whelm", "tantivy", "tokenizers"),
}


class Whelm:
    """A run, as `whelm ask` uses it: the order of the documents is that of the passages as the answer weighs them."""

    name = "whelm"

    def __init__(self, run: Path, build_s: float | None = None) -> None:
        from whelm.build.run import open_run

        opened = open_run(run)
        state = opened.state
        made = {name: opened.artifact(name) for name in ("documents", "index", "vectors")}
        self.index_s = sum(artifact.seconds for artifact in made.values() if artifact is not None)
        self.settings = {"build_seconds": build_s, "stages": sorted({*(state.stages or {}), *(state.package or {})})}
        self.answers: dict[str, Answer] = {}
        self.answerer = opened.answerer()

    def index(self, documents: Sequence[Document], language: str) -> None:
        """It is there already: its texts must be those that the peers were given."""
        unknown = next((d.id for d in documents if not self._holds(d)), None)
        if unknown is not None:
            raise MissingError(
                f"the run does not hold {unknown!r} as it is now", "give the run of this folder, or --build"
            )
        if (held := self.answerer.index.num_documents) != len(documents):
            say(f"  note: the run holds {held:,} documents, the peers were given {len(documents):,}")

    def search(self, question: str) -> list[str]:
        self.answers[question] = answer = self.answerer.answer(question, k=DEPTH)
        return [hit.document for hit in answer.hits]

    def _holds(self, document: Document) -> bool:
        try:
            return self.answerer.document(document.id).text == document.text
        except WhelmError:
            return False


def build_whelm(folder: Path | None, out: Path, more: Sequence[str]) -> float:
    """`whelm build` (or `whelm demo`) as anybody would call it; seconds."""
    begin = time.perf_counter()
    command = ["build", str(folder)] if folder else ["demo"]
    subprocess.run([sys.executable, "-m", "whelm", *command, "--out", str(out), "--json", *more], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return time.perf_counter() - begin


# --- the comparison -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What one system did: the rank of the first right document (None: not found), per question."""

    name: str
    ranks: tuple[int | None, ...]
    index_s: float
    question_s: tuple[float, ...]
    found: tuple[tuple[str, ...], ...]
    details: dict[str, Any] = field(default_factory=dict)

    def hits(self, k: int) -> list[float]:
        return [float(rank is not None and rank <= k) for rank in self.ranks]

    def record(self) -> dict[str, Any]:
        low, median, high = (round(1000 * float(s), 2) for s in np.quantile(self.question_s, (0.1, 0.5, 0.9)))
        n = len(self.ranks)
        return {
            "first": as_json(wilson(sum(self.hits(1)), n)),
            "among_five": as_json(wilson(sum(self.hits(5)), n)),
            "index_seconds": round(self.index_s, 2),
            "seconds_a_question": {"median_ms": median, "p10_ms": low, "p90_ms": high, "n": n, "warm_up": 1},
            **self.details,
        }


def first_right(names: Sequence[str], patterns: Sequence[str], twins: Mapping[str, tuple[str, ...]]) -> int | None:
    """Rank, from 1, of the first document that is right, each document counted once."""
    for rank, name in enumerate(dict.fromkeys(names), start=1):
        if matches(name, patterns, twins.get(name, ())):
            return rank
    return None


def measure(
    system: System,
    documents: Sequence[Document],
    questions: Sequence[OwnQuestion],
    twins: Mapping[str, tuple[str, ...]],
    language: str,
    remembered: Callable[[], float] = lambda: 0.0,
) -> Result:
    """Index, ask every question, rank."""
    say(f"  {system.name}: indexing {len(documents):,} documents")
    before, begin = remembered(), time.perf_counter()
    system.index(documents, language)
    index_s = time.perf_counter() - begin + remembered() - before
    say(f"  {system.name}: {len(questions)} questions")
    system.search("warm up")
    found, seconds = [], []
    for question in questions:
        begin = time.perf_counter()
        names = system.search(question.question)
        seconds.append(time.perf_counter() - begin)
        found.append(tuple(dict.fromkeys(names)))
    ranks = tuple(first_right(names, q.documents, twins) for names, q in zip(found, questions, strict=True))
    details = {"settings": dict(system.settings), "versions": versions(PACKAGES.get(system.name, ()))}
    return Result(system.name, ranks, index_s, tuple(seconds), tuple(found), details)


def differences(ours: Result, peers: Sequence[Result]) -> dict[str, Any]:
    """Ours minus the peer that is best at that depth (first place, then median time, breaks ties), question by question."""
    body = {}
    for name, k in (("first", 1), ("among_five", 5)):
        best = max(peers, key=lambda peer: (sum(peer.hits(k)), sum(peer.hits(1)), -statistics.median(peer.question_s)))
        found = paired_difference(ours.hits(k), best.hits(k))
        body[name] = {"best_peer": best.name, **as_json(found.difference), "p_value": round(found.p_value, 4)}
    return body


def answers_of(whelm: Whelm, questions: Sequence[OwnQuestion], twins: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """What peers without a reader cannot be asked: cited first, right answers, refusals."""

    def ask(question: str) -> Answer:
        return whelm.answers.get(question) or whelm.answerer.answer(question)

    report = judge_own(questions, ask, lambda name: twins.get(name, ()))
    return {name: as_json(metric) for name, metric in report.metrics.items() if name not in ("hit@1", "hit@5")}


def compare(
    documents: Sequence[Document],
    asked: Sequence[OwnQuestion],
    peers: Sequence[str],
    whelm: Whelm | None,
    cache: Path,
) -> dict[str, Any]:
    """The whole comparison over one folder."""
    questions = [question for question in asked if question.answerable]
    if not documents or not questions:
        raise MissingError("there is nothing to compare", "a folder with documents, and questions that they answer")
    language = Counter(document.language or "en" for document in documents).most_common(1)[0][0]
    twins = twin_groups(documents)
    body: dict[str, Any] = {"documents": len(documents), "twins": len(twins), "language": language,
                            "questions": len(questions), "systems": {}}  # fmt: skip
    results: list[Result] = []
    if peers:
        with minilm(cache) as (vectors, tokenize):
            vectors.query("warm up")
            for name in peers:
                system = PEERS[name](vectors, tokenize)
                results.append(measure(system, documents, questions, twins, language, lambda: vectors.remembered_s))
    every = list(results)
    if whelm is not None:
        ours = measure(whelm, documents, questions, twins, language)
        ours = Result(ours.name, ours.ranks, whelm.index_s, ours.question_s, ours.found,
                      {**ours.details, "answers": answers_of(whelm, asked, twins)})  # fmt: skip
        every.insert(0, ours)
        if results:
            body["whelm_minus_best_peer"] = differences(ours, results)
    body["systems"] = {result.name: result.record() for result in every}
    body["cases"] = [
        {"question": question.question, "right": list(question.documents),
         "ranks": {result.name: result.ranks[i] for result in every},
         "first": {result.name: next(iter(result.found[i]), None) for result in every}}
        for i, question in enumerate(questions)
    ]  # fmt: skip
    return body


# --- small things ---------------------------------------------------------------------------------------------------


def as_json(metric: Metric) -> dict[str, Any]:
    def short(value: float | None) -> float | None:
        return None if value is None else round(value, 4)

    return {"value": short(metric.value), "low": short(metric.low), "high": short(metric.high), "n": metric.n}


def versions(packages: Iterable[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def table(body: Mapping[str, Any]) -> str:
    lines = [f"  {'':12} {'first':>18} {'among five':>18} {'index s':>9} {'ms/question':>12}"]
    for name, row in body["systems"].items():
        shares = ("{value:.2f} [{low:.2f} {high:.2f}]".format(**row[at]) for at in ("first", "among_five"))
        first, five = shares
        lines.append(f"  {name:12} {first:>18} {five:>18} {row['index_seconds']:>9} "
                     f"{row['seconds_a_question']['median_ms']:>12}")  # fmt: skip
    for at, row in body.get("whelm_minus_best_peer", {}).items():
        lines.append(f"  {at}: whelm - {row['best_peer']} = {row['value']:+.3f} [{row['low']:+.3f} {row['high']:+.3f}]")
    return "\n".join(lines)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="FOLDER QUESTIONS", help="with --python: QUESTIONS only")
    parser.add_argument("--python", action="store_true", help="the documents that every Python carries, for a folder")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS), help="which (all)")
    ours = parser.add_mutually_exclusive_group()
    ours.add_argument("--whelm", metavar="RUN", type=Path, help="a run over the same documents")
    ours.add_argument("--build", action="store_true", help="build one first, into a temporary folder")
    parser.add_argument("--budget", default="5m", help="of --build (5m)")
    parser.add_argument("--out", metavar="JSON", type=Path, help="write there instead of printing")
    options = parser.parse_args(arguments)
    if len(options.paths) != (1 if options.python else 2):
        parser.error("give FOLDER and QUESTIONS, or --python and QUESTIONS")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    os.environ.update(OFFLINE)
    folder = None if options.python else options.paths[0]
    begin = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="peers-") as work:
            asked = read_questions(options.paths[-1])
            documents = list(python_documents()) if folder is None else read_folder(folder)
            run, build_s = options.whelm, None
            if options.build:
                run = Path(work) / "run"
                build_s = build_whelm(folder, run, ["--budget", options.budget])
            whelm = Whelm(run, build_s) if run else None
            body = compare(documents, asked, options.peers, whelm, cache_dir() / "bench" / "peers")
    except WhelmError as error:
        say(f"error: {error.message}\nhint: {error.hint}")
        return 1
    except subprocess.CalledProcessError as error:
        say(f"error: `whelm build` ended with code {error.returncode}\nhint: what it said stands above")
        return 1
    except ModuleNotFoundError as error:
        say(f"error: {error}\nhint: bench/README.md tells how to install the peers")
        return 1
    body = {
        "schema": "whelm.bench.peers/1",
        "folder": folder.resolve().name if folder else "python",
        "questions_file": options.paths[-1].name,
        **body,
        "text": "from whelm's readers, for all systems",
        "seconds": round(time.perf_counter() - begin, 1),
        "hardware": {"machine": platform.machine(), "system": platform.system(), "threads": threads()},
        "versions": versions(("numpy", "torch", "transformers", "sentence-transformers")),
    }
    say(table(body))
    text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
