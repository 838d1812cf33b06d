"""Fusion: its ends, its fairness to candidates that one side missed, duplicates, and vectors that come late."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from whelm.core.errors import ConfigError
from whelm.core.types import Hit
from whelm.retrieve.index import FolderIndex
from whelm.retrieve.search import Candidates, HybridRetriever, SearchConfig, fuse, joined, scaled
from whelm.retrieve.update import write_vectors

Build = Callable[..., FolderIndex]
WORDS = [
    "copy",
    "tree",
    "file",
    "folder",
    "move",
    "delete",
    "index",
    "vector",
    "query",
    "answer",
    "passage",
    "number",
    "table",
    "list",
    "code",
]
QUERIES = ["copy a folder tree", "delete index", "number of the vector table", "zebra", "copy copy move"]


def config(**changes: object) -> SearchConfig:
    return SearchConfig(**{"which": "words-16", "fallback": "", **changes})  # type: ignore[arg-type]


@pytest.fixture
def index(build: Build) -> FolderIndex:
    draw = random.Random(3)
    return build({f"d{n:03}": " ".join(draw.choices(WORDS, k=draw.randint(3, 12))) for n in range(120)})


def test_ends_are_the_single_searches(index: FolderIndex, embedder) -> None:  # type: ignore[no-untyped-def]
    for query in QUERIES:
        text = HybridRetriever(index, embedder, config(alpha=0.0)).search(query, 30)
        assert text == index.text_search(query, 30)
        dense = HybridRetriever(index, embedder, config(alpha=1.0)).search(query, 30)
        wanted = index.vector_search(embedder.embed([query], "query")[0], 30, "words-16")
        assert [hit.chunk for hit in dense] == [hit.chunk for hit in wanted]
        np.testing.assert_allclose([hit.score for hit in dense], [hit.score for hit in wanted], rtol=1e-6)


def test_dense_search_is_brute_force(index: FolderIndex, embedder) -> None:  # type: ignore[no-untyped-def]
    names = [chunk.id for name in index.document_ids() for chunk in index.chunks(name)]
    matrix = index.vectors("words-16", names)
    for query in QUERIES:
        vector = embedder.embed([query], "query")[0]
        exact = sorted(((-float(row @ vector), name) for name, row in zip(names, matrix, strict=True)))[:25]
        found = index.vector_search(vector, 25, "words-16")
        np.testing.assert_allclose([hit.score for hit in found], [-score for score, _ in exact], rtol=1e-5)
        assert {hit.chunk for hit in found} == {name for _, name in exact}


def test_every_candidate_has_both_scores(index: FolderIndex, embedder) -> None:  # type: ignore[no-untyped-def]
    retriever = HybridRetriever(index, embedder, config(alpha=0.5, candidates=10))
    for query in QUERIES:
        found = retriever.candidates(query)
        bm25 = dict(
            zip(*[column.tolist() for column in index.text_places(index.query_terms(query), 1000)], strict=True)
        )
        cosine = index.dense_scores(embedder.embed([query], "query")[0], "words-16")
        np.testing.assert_allclose(found.text, [bm25.get(row, 0.0) for row in found.places.tolist()], rtol=1e-6)
        np.testing.assert_allclose(found.dense, cosine[found.places], rtol=1e-6)
        ranking = retriever.ranking(query, 5)
        by_row = {row: (t, d) for row, t, d in zip(found.places.tolist(), found.text, found.dense, strict=True)}
        assert set(zip(ranking.text.tolist(), ranking.dense.tolist(), strict=True)) <= set(by_row.values())


def test_joined_by_hand() -> None:
    found = Candidates(np.arange(3), np.array([8.0, 4.0, 0.0]), np.array([0.2, 0.6, 0.4]))
    np.testing.assert_allclose(joined(found, 0.25), [0.75, 0.75 * 0.5 + 0.25, 0.125])
    assert joined(found, 0.0).tolist() == [8.0, 4.0, -np.inf]
    unknown = Candidates(found.places, found.text, np.array([0.2, np.nan, 0.4]))
    assert joined(unknown, 1.0).tolist() == [0.2, -np.inf, 0.4]
    np.testing.assert_allclose(joined(unknown, 0.5), [0.5, 0.25, 0.5])


def test_scaling_of_equal_or_no_scores() -> None:
    assert scaled(np.empty(0)).tolist() == []
    assert scaled(np.array([2.0, 2.0])).tolist() == [0.0, 0.0]
    assert scaled(np.array([2.0, 4.0, 3.0])).tolist() == [0.0, 1.0, 0.5]


def test_fuse_joins_rankings_from_elsewhere() -> None:
    text = [Hit("a", "a1", 9.0), Hit("b", "b1", 3.0)]
    dense = [Hit("b", "b1", 0.9), Hit("c", "c1", 0.5)]
    assert fuse(text, dense, 0.0) == text
    assert fuse(text, dense, 1.0) == dense
    assert [hit.chunk for hit in fuse(text, dense, 0.6)] == ["b1", "a1", "c1"]
    assert [hit.chunk for hit in fuse(text, dense, 0.6, k=1)] == ["b1"]
    assert fuse([], [], 0.5) == []


def test_ties_are_ordered_by_chunk_id(build: Build, embedder) -> None:  # type: ignore[no-untyped-def]
    index = build({f"d{n:02}": "copy the tree" for n in (5, 3, 11, 7)})
    for alpha in (0.0, 0.5, 1.0):
        hits = HybridRetriever(index, embedder, config(alpha=alpha)).search("copy tree", 3)
        assert [hit.document for hit in hits] == ["d03", "d05", "d07"]


def test_duplicates_collapse_into_the_best(build: Build, embedder) -> None:  # type: ignore[no-untyped-def]
    texts = {"a": "copy the tree now", "b": "copy the tree now", "c": "copy a file", "d": "something else"}
    index = build(texts, twins={"b": ("a", "exact")})
    ranking = HybridRetriever(index, embedder, config()).ranking("copy the tree now", 3)
    assert [hit.document for hit in ranking.hits][:2] == ["a", "c"]
    assert {index.chunk(chunk).document for chunk in ranking.also[ranking.hits[0].chunk]} == {"b"}
    open_hits = HybridRetriever(index, embedder, config(collapse=False)).search("copy the tree now", 3)
    assert [hit.document for hit in open_hits][:2] == ["a", "b"]


def test_text_alone_without_vectors(build: Build, embedder) -> None:  # type: ignore[no-untyped-def]
    index = build({"a": "copy the tree", "b": "move"}, embedders=[])
    for retriever in (HybridRetriever(index), HybridRetriever(index, embedder)):
        assert retriever.embedder_name is None
        assert [hit.document for hit in retriever.search("copy tree")] == ["a"]


def test_odd_questions(index: FolderIndex, embedder) -> None:  # type: ignore[no-untyped-def]
    retriever = HybridRetriever(index, embedder, config())
    for query in ("", "   ", "\n", "\ud800", "\x00", '"(AND OR', "w " * 2_000):
        assert len(retriever.search(query, 5)) <= 5
    assert retriever.search("", 5) == []


def test_empty_index(build: Build, embedder) -> None:  # type: ignore[no-untyped-def]
    assert HybridRetriever(build({}), embedder, config()).search("copy", 5) == []


def test_late_vectors_are_as_good_as_early_ones(
    build: Build,
    embedder,
    other_embedder,
    tmp_path: Path,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("whelm.retrieve.update._BATCH", 4)
    draw = random.Random(5)
    texts = {f"d{n:02}": " ".join(draw.choices(WORDS, k=6)) for n in range(30)}
    plain = build(texts, embedders=[other_embedder])
    write_vectors(plain, embedder, tmp_path / "part", keep_going=lambda embedded: embedded < 12)
    write_vectors(plain, embedder, tmp_path / "whole")
    both = {embedder.name: embedder, other_embedder.name: other_embedder}
    part = FolderIndex.open(plain.folder, [tmp_path / "part"])
    whole = FolderIndex.open(plain.folder, [tmp_path / "whole"])
    assert part.coverage("words-16") == pytest.approx(0.4)
    embedder.embedded.clear()
    settings = config(fallback="other-8", late=30)
    for query in QUERIES:
        late = HybridRetriever(part, both, settings).search(query, 10)
        early = HybridRetriever(whole, both, settings).search(query, 10)
        assert [hit.chunk for hit in late] == [hit.chunk for hit in early]
    retriever = HybridRetriever(part, both, config(fallback="other-8", late=5))
    embedder.embedded.clear()
    first = retriever.candidates(QUERIES[0])
    assert len(embedder.embedded) == 5
    retriever.candidates(QUERIES[0])
    assert len(embedder.embedded) == 10, "the next question embeds the next ones, none twice"
    assert np.isnan(first.dense).any()
    assert retriever.search(QUERIES[0], 3)


def test_only_the_fallback_has_vectors(build: Build, embedder, other_embedder) -> None:  # type: ignore[no-untyped-def]
    index = build({"a": "copy the tree", "b": "move"}, embedders=[other_embedder])
    both = {embedder.name: embedder, other_embedder.name: other_embedder}
    assert HybridRetriever(index, both, config(fallback="other-8")).embedder_name == "other-8"


def test_titles_are_found(tmp_path: Path, pairs) -> None:  # type: ignore[no-untyped-def]
    from whelm.core.types import Document
    from whelm.retrieve.update import update_index

    documents = [
        Document("1", "Recursively copy an entire tree to dst and return it.", "shutil.copytree", "en", "", "pydoc"),
        Document("2", "A tree of copies: how to copy a tree, a copied tree.", "turtle.Shape", "en", "", "pydoc"),
    ]
    update_index(None, tmp_path / "i", pairs(documents))
    with FolderIndex.open(tmp_path / "i") as index:
        assert index.text_search("shutil.copytree", 2)[0].document == "1"
        assert index.text_search("copytree", 2)[0].document == "1"
        assert len(index.text_search("copy tree", 5)) == 2


def test_questions_are_analyzed_in_the_documents_languages(tmp_path: Path, pairs) -> None:  # type: ignore[no-untyped-def]
    from whelm.core.types import Document
    from whelm.retrieve.update import update_index

    documents = [
        Document("de", "Die Häuser stehen am Fluss.", "", "de"),
        Document("en", "The houses stand by the river.", "", "en"),
        Document("zh", "数据库的索引很快。", "", "zh"),
    ]
    update_index(None, tmp_path / "i", pairs(documents))
    with FolderIndex.open(tmp_path / "i") as index:
        assert sorted(index.languages) == ["de", "en", "zh"]
        assert index.text_search("Haus am Fluss", 1)[0].document == "de"
        assert index.text_search("house near rivers", 1)[0].document == "en"
        assert index.text_search("数据库", 1)[0].document == "zh"
        assert index.query_terms("houses", "en") == {"hous": 1.0}


@pytest.mark.parametrize(
    "bad", [{"alpha": 1.5}, {"alpha": -0.1}, {"candidates": 0}, {"title_weight": -1}, {"late": -1}]
)
def test_wrong_settings_are_told(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        SearchConfig(**bad)  # type: ignore[arg-type]
