"""Edits in any order lead to the index that a cold build gives, and nothing of a deleted text is left."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whelm.core.errors import DataError, IncompatibleError, LimitError
from whelm.core.types import Chunk, Document
from whelm.retrieve import update
from whelm.retrieve.chunks import ChunkConfig, chunk
from whelm.retrieve.index import FolderIndex
from whelm.retrieve.update import update_index, write_vectors

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
QUERIES = ["copy a folder tree", "delete the index", "number of vectors in a table", "nothing of this"]
SMALL = ChunkConfig(target=60, maximum=90, smallest=10, parent=200)


def some_document(draw: random.Random, name: str) -> Document:
    sentences = [
        " ".join(draw.choices(WORDS, k=draw.randint(2, 9))).capitalize() + "." for _ in range(draw.randint(0, 8))
    ]
    return Document(
        name,
        " ".join(sentences),
        draw.choice(["", "About copying", "Tables"]),
        draw.choice(["en", "de"]),
        f"/folder/{name}",
        "txt",
        {"size": str(draw.randint(1, 3))},
    )


def as_pairs(documents: list[Document]) -> list[tuple[Document, list[Chunk]]]:
    return [(document, chunk(document, SMALL)) for document in documents]


def answers(folder: Path, embedder: object) -> list[object]:
    """Everything that a search can see, scores included."""
    with FolderIndex.open(folder) as index:
        found: list[object] = [index.content_digest(), index.num_documents, index.num_chunks]
        for query in QUERIES:
            vector = embedder.embed([query], "query")[0]  # type: ignore[attr-defined]
            found.append([(hit.chunk, hit.score) for hit in index.text_search(query, 20)])
            found.append([(hit.chunk, round(hit.score, 5)) for hit in index.vector_search(vector, 20, "words-16")])
        return found


@pytest.mark.parametrize("seed", range(6))
def test_any_edits_give_what_a_cold_build_gives(tmp_path: Path, embedder, seed: int) -> None:  # type: ignore[no-untyped-def]
    draw = random.Random(seed)
    present: dict[str, Document] = {}
    previous: Path | None = None
    for step in range(6):
        removed = draw.sample(sorted(present), min(len(present), draw.randint(0, 3)))
        edited = [some_document(draw, f"d{draw.randint(0, 14)}.txt") for _ in range(draw.randint(0, 5))]
        edited = list({document.id: document for document in edited}.values())
        for name in removed:
            del present[name]
        present.update((document.id, document) for document in edited)
        names = sorted(present)
        twins = {names[1]: (names[0], "exact")} if len(names) > 1 else {}
        folder = tmp_path / f"step{step}"
        before = len(embedder.embedded)
        counts = update_index(previous, folder, as_pairs(edited), removed, twins=twins, embedders=[embedder])
        fresh = {c.id for _, chunks in as_pairs(edited) for c in chunks}
        assert len(embedder.embedded) - before <= len(fresh), "only texts of edited documents are embedded"
        assert counts.added + counts.replaced == len(edited)
        assert counts.added + counts.replaced + counts.kept == len(present)
        cold = tmp_path / f"cold{step}"
        shuffled = list(present.values())
        draw.shuffle(shuffled)
        update_index(None, cold, as_pairs(shuffled), twins=twins, embedders=[embedder])
        assert answers(folder, embedder) == answers(cold, embedder)
        previous = folder


def test_only_new_texts_are_embedded(tmp_path: Path, embedder) -> None:  # type: ignore[no-untyped-def]
    first = [Document("a.txt", "Copy the tree."), Document("b.txt", "Move the tree.")]
    update_index(None, tmp_path / "1", as_pairs(first), embedders=[embedder])
    assert len(embedder.embedded) == 2
    embedder.embedded.clear()
    renamed = replace(first[0], id="c.txt", title="a")  # title as before: what is embedded is the same text
    update_index(
        tmp_path / "1",
        tmp_path / "2",
        as_pairs([renamed, Document("d.txt", "New words.")]),
        ["a.txt"],
        embedders=[embedder],
    )
    assert embedder.embedded == ["d\nNew words."]
    with FolderIndex.open(tmp_path / "2") as index:
        assert index.document_ids() == ["b.txt", "c.txt", "d.txt"]
        assert not np.isnan(
            index.vectors("words-16", [c.id for name in "bcd" for c in index.chunks(f"{name}.txt")])
        ).any()


def files_that_hold(folder: Path, *markers: bytes) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and any(m in path.read_bytes() for m in markers)]


@pytest.mark.parametrize("how", ["removed", "edited"])
def test_nothing_of_a_deleted_text_is_left(tmp_path: Path, embedder, how: str) -> None:  # type: ignore[no-untyped-def]
    marker = "xqzvmarker"
    secret = Document(
        "secret-plan.txt", f"The {marker} of the tree is kept. " * 200, "Plan " + marker, "en", "/f/s", "txt"
    )
    others = [some_document(random.Random(n), f"d{n}.txt") for n in range(40)]
    update_index(None, tmp_path / "1", as_pairs([*others, secret]), embedders=[embedder])
    holding = files_that_hold(tmp_path / "1", marker.encode())
    assert holding == ["record.sqlite"]  # the term dictionary shares prefixes, so it is compared below
    with FolderIndex.open(tmp_path / "1") as index:
        rows = index.vectors("words-16", [c.id for c in index.chunks(secret.id)])
    vector_bytes = [row.tobytes() for row in rows]
    assert files_that_hold(tmp_path / "1", *vector_bytes) == ["words-16.vectors.npy"]
    if how == "removed":
        update_index(tmp_path / "1", tmp_path / "2", [], [secret.id], embedders=[embedder])
        assert files_that_hold(tmp_path / "2", b"secret-plan") == []
    else:
        harmless = replace(secret, text="Nothing here.", title="Plan")
        update_index(tmp_path / "1", tmp_path / "2", as_pairs([harmless]), embedders=[embedder])
        others.append(harmless)
    assert files_that_hold(tmp_path / "2", marker.encode(), *vector_bytes) == []
    update_index(None, tmp_path / "cold", as_pairs(others), embedders=[embedder])
    for ending in (".term", ".idx", ".fast", ".store", ".fieldnorm"):
        (left,), (cold,) = (
            [path.read_bytes() for path in (tmp_path / name).rglob("*" + ending)] for name in ("2", "cold")
        )
        assert left == cold, f"{ending} of the text index differs from one that never held it"


def test_an_open_index_does_not_see_the_next_one(tmp_path: Path, embedder) -> None:  # type: ignore[no-untyped-def]
    documents = [some_document(random.Random(n), f"d{n}.txt") for n in range(20)]
    update_index(None, tmp_path / "1", as_pairs(documents), embedders=[embedder])
    before = {path: path.read_bytes() for path in (tmp_path / "1").rglob("*") if path.is_file()}
    with FolderIndex.open(tmp_path / "1") as index:
        found = index.text_search("copy tree", 10)
        update_index(
            tmp_path / "1", tmp_path / "2", [], [document.id for document in documents[:15]], embedders=[embedder]
        )
        assert index.text_search("copy tree", 10) == found
        assert all(index.chunk(hit.chunk).document == hit.document for hit in found)
    assert {path: path.read_bytes() for path in (tmp_path / "1").rglob("*") if path.is_file()} == before


def test_twins_follow_the_edits(tmp_path: Path) -> None:
    documents = [Document(name, "Copy the tree.") for name in ("a", "b", "c")]
    update_index(None, tmp_path / "1", as_pairs(documents), twins={"b": ("a", "exact"), "c": ("a", "exact")})
    with FolderIndex.open(tmp_path / "1") as index:
        assert index.twins("b") == ("a", "c")
        assert index.twins("nobody") == ()
    update_index(tmp_path / "1", tmp_path / "2", [], ["a"], twins={"c": ("b", "exact")})
    with FolderIndex.open(tmp_path / "2") as index:
        assert index.twins("b") == ("c",)


def test_bad_changes_are_told(tmp_path: Path) -> None:
    same = [Document("a", "One."), Document("a", "Two.")]
    with pytest.raises(DataError, match="two documents are named 'a'"):
        update_index(None, tmp_path / "1", as_pairs(same))
    with pytest.raises(DataError, match="not valid Unicode"):
        update_index(None, tmp_path / "2", as_pairs([Document("\udcff.txt", "One.")]))
    update_index(None, tmp_path / "3", as_pairs(same[:1]), layout="one")
    with pytest.raises(IncompatibleError, match="other settings"):
        update_index(tmp_path / "3", tmp_path / "4", [], layout="two")
    with pytest.raises(DataError, match="empty folder"):
        update_index(None, tmp_path / "3", [])


@given(text=st.text(st.characters(exclude_categories=[]), max_size=300), title=st.text(max_size=20))
@settings(max_examples=40)
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str, title: str) -> None:
    folder = tmp_path_factory.mktemp("odd") / "index"
    document = Document("d", text, title, "en", "/f/d", "txt", {"kind": title}, (0, 5))
    update_index(None, folder, as_pairs([document]))
    with FolderIndex.open(folder) as index:
        assert index.document("d") == document
        assert index.chunks("d") == chunk(document, SMALL)
        index.text_search(text, 3)


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        ValueError("Internal error: 'No space left on device (os error 28)'"),
        OSError("1000 requested and 200 written"),
    ],
)
def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(update, "build_text_index", full)
    monkeypatch.setattr(update, "free_bytes", lambda _: 0)
    with pytest.raises(LimitError, match="no space left"):
        update_index(None, tmp_path / "1", [])
    monkeypatch.setattr(update, "free_bytes", lambda _: 1_000_000)
    with pytest.raises(LimitError if "os error 28" in str(error) else type(error)):
        update_index(None, tmp_path / "2", [])


class Stopped(Exception):
    pass


def test_vectors_go_on_after_a_crash(
    tmp_path: Path,
    embedder,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
    build: Callable[..., FolderIndex],
) -> None:
    monkeypatch.setattr("whelm.retrieve.update._BATCH", 4)
    index = build({f"d{n}": f"Text number {n}." for n in range(18)}, embedders=[])
    scratch, whole = tmp_path / "scratch", tmp_path / "whole"
    write_vectors(index, embedder, whole)
    embedder.embedded.clear()

    def crash(done: int, total: int) -> None:
        assert total == 18
        if done >= 8:
            raise Stopped

    with pytest.raises(Stopped):
        write_vectors(index, embedder, tmp_path / "a", scratch=scratch, progress=crash)
    journal = scratch / "words-16.partial"
    with journal.open("ab") as file:
        file.write(b"half a record")
    counts = write_vectors(index, embedder, tmp_path / "b", scratch=scratch, keep_going=lambda embedded: embedded < 4)
    assert (counts.total, counts.embedded, counts.missing) == (18, 12, 6)
    counts = write_vectors(index, embedder, tmp_path / "c", scratch=scratch)
    assert (counts.embedded, counts.missing) == (18, 0)
    assert len(embedder.embedded) == 18, "nothing is embedded twice"
    assert (tmp_path / "c/words-16.vectors.npy").read_bytes() == (whole / "words-16.vectors.npy").read_bytes()
    index.close()


def test_openings_are_embedded_first(
    tmp_path: Path,
    embedder,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
    build: Callable[..., FolderIndex],
) -> None:
    monkeypatch.setattr("whelm.retrieve.update._BATCH", 2)
    long = " ".join(f"Sentence {n} says something of its own." for n in range(6))
    with build({"a": long, "b": long + " And b."}, embedders=[]) as index:
        assert len(index.chunks("a")) > 2
        counts = write_vectors(index, embedder, tmp_path / "v", keep_going=lambda embedded: False)
        assert counts.missing > 0
        with FolderIndex.open(index.folder, [tmp_path / "v"]) as both:
            firsts = [both.chunks(name)[0].id for name in "ab"]
            assert not np.isnan(both.vectors("words-16", firsts)).any()
            assert 0 < both.coverage("words-16") < 1


def test_vectors_of_other_dimension_are_not_reused(
    tmp_path: Path,
    embedder,
    build: Callable[..., FolderIndex],  # type: ignore[no-untyped-def]
) -> None:
    with build({"a": "One text."}) as index:
        wider = type(embedder)("words-16", 24)
        counts = write_vectors(index, wider, tmp_path / "v", reuse=[index.folder])
        assert (counts.reused, counts.embedded) == (0, 1)
