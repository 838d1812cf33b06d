"""The bench reads any folder in BEIR layout; its numbers are checked by hand on three documents."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from whelm.core.errors import DataError


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[2] / "bench" / "retrieval_beir.py"
    spec = importlib.util.spec_from_file_location("retrieval_beir", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def beir_folder(folder: Path, train: bool) -> Path:
    corpus = [
        {"_id": "1", "title": "Copying", "text": "copy a tree of files"},
        {"_id": "2", "title": "", "text": "move a file"},
        {"_id": "3", "title": "Only a title", "text": ""},
    ]
    queries = [
        {"_id": "q1", "text": "copy tree"},
        {"_id": "q2", "text": "title of moves"},
        {"_id": "2", "text": "move"},
    ]
    (folder / "qrels").mkdir(parents=True)
    with gzip.open(folder / "corpus.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in corpus)
    (folder / "queries.jsonl").write_text("\n".join(json.dumps(row) for row in queries) + "\n")
    rows = "query-id\tcorpus-id\tscore\nq1\t1\t1\nq2\t3\t2\nq2\t2\t1\nq1\t2\t0\n"
    (folder / "qrels" / "test.tsv").write_text(rows + "2\t1\t1\n")
    if train:
        (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq1\t1\t1\n")
    return folder


@pytest.mark.parametrize("train", [True, False])
def test_any_folder(bench: ModuleType, tmp_path: Path, embedder, train: bool) -> None:  # type: ignore[no-untyped-def]
    body = bench.compare(beir_folder(tmp_path / "set", train), [embedder], "en", tmp_path)
    assert (body["documents"], body["test_queries"], body["train_queries"]) == (3, 3, int(train))
    assert set(body["results"]) == {"bm25", "words-16", "fused:words-16"}
    bm25 = body["results"]["bm25"]
    # q1 and q2 are right, and query "2" is a document that must not find itself
    assert bm25["ndcg@10"]["value"] == pytest.approx(2 / 3, abs=0.05)
    assert bm25["recall@100"] == {**bm25["recall@100"], "value": pytest.approx(2 / 3, abs=1e-4), "n": 3}
    curve = body["alpha_curve_ndcg@10"]["words-16"]
    assert curve["0.00"]["test"] == bm25["ndcg@10"]["value"]
    assert curve["1.00"]["test"] == body["results"]["words-16"]["ndcg@10"]["value"]
    if train:
        best = max(values["train"] for values in curve.values())
        assert curve[f"{body['results']['fused:words-16']['alpha']:.2f}"]["train"] == best
    json.dumps(body)


def test_without_embedders(bench: ModuleType, tmp_path: Path) -> None:
    body = bench.compare(beir_folder(tmp_path / "set", False), [], "en", tmp_path)
    assert set(body["results"]) == {"bm25"}


def test_other_folders_are_told(bench: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"corpus\.jsonl"):
        bench.compare(tmp_path, [], "en", tmp_path)
