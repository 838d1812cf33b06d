"""What an opened index gives back, and how it tells of damage."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from whelm.core.errors import CorruptError, IncompatibleError, MissingError
from whelm.core.types import Document
from whelm.retrieve.chunks import search_text
from whelm.retrieve.index import FolderIndex
from whelm.retrieve.record import document_digest
from whelm.retrieve.vectors import text_key

Build = Callable[..., FolderIndex]


def test_documents_and_chunks_come_back(build: Build) -> None:
    texts = {"b": "Move the tree. " * 20, "a": "Copy the tree.", "empty": ""}
    with build(texts) as index:
        assert index.document_ids() == ["a", "b", "empty"]
        assert (index.num_documents, index.languages) == (3, {"en": index.num_chunks})
        assert [document.id for document in index.documents()] == ["a", "b", "empty"]
        assert index.document("b").text == texts["b"]
        assert index.chunks("empty") == []
        chunks = index.chunks("b")
        assert len(chunks) > 1
        assert index.chunk(chunks[1].id) == chunks[1]
        assert index.embedders == ["words-16"]
        assert index.coverage("words-16") == 1.0


def test_digests_tell_what_changed(build: Build) -> None:
    with build({"a": "Copy.", "b": "Move."}) as index:
        assert index.document_digests()["a"] == document_digest(index.document("a"))
    document = Document("a", "Copy.", "T", "en", "/s", "txt", {"x": "1"}, (0,))
    others = [
        Document("b", "Copy.", "T", "en", "/s", "txt", {"x": "1"}, (0,)),
        Document("a", "Copy!", "T", "en", "/s", "txt", {"x": "1"}, (0,)),
        Document("a", "Copy.", "U", "en", "/s", "txt", {"x": "1"}, (0,)),
        Document("a", "Copy.", "T", "de", "/s", "txt", {"x": "1"}, (0,)),
        Document("a", "Copy.", "T", "en", "/s", "txt", {"x": "2"}, (0,)),
        Document("a", "Copy.", "T", "en", "/s", "txt", {"x": "1"}, (1,)),
    ]
    assert len({document_digest(one) for one in [document, *others]}) == 7


def test_search_texts_open_every_document_first(build: Build) -> None:
    with build({"a": "One sentence here. " * 12, "b": "Other words there. " * 12}) as index:
        found = list(index.search_texts())
        firsts = [search_text(index.chunks(name)[0], index.document(name)) for name in "ab"]
        assert [text for _, text in found[:2]] == firsts
        assert all(key == text_key(text) for key, text in found)
        assert {key for key, _ in found} == set(index.keys())
        assert [key for key, _ in index.search_texts(skip={found[0][0]})] == [
            key for key, _ in found if key != found[0][0]
        ]


def test_threads_share_an_index(build: Build) -> None:
    with build({f"d{n}": f"Copy the tree number {n}." for n in range(30)}) as index:
        wanted = index.text_search("tree 17", 5)
        found: list[object] = []

        def ask() -> None:
            for _ in range(5):
                found.append(index.text_search("tree 17", 5))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [wanted] * 20


def test_what_is_not_there_is_told(build: Build, tmp_path: Path, embedder) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(MissingError, match="no index"):
        FolderIndex.open(tmp_path / "nowhere")
    with build({"a": "Copy."}) as index:
        with pytest.raises(MissingError, match="no document 'b'"):
            index.document("b")
        with pytest.raises(MissingError, match="no chunk"):
            index.chunk("a@0-1")
        with pytest.raises(MissingError, match="no vectors of 'other'"):
            index.coverage("other")


def test_damage_is_told(build: Build, tmp_path: Path) -> None:
    build({"a": "Copy the tree."}).close()
    record = tmp_path / "index" / "record.sqlite"
    whole = record.read_bytes()
    for content in (b"", b"not a database at all" * 100, whole[:3000]):
        record.write_bytes(content)
        with pytest.raises(CorruptError, match="cannot be read"):
            FolderIndex.open(tmp_path / "index")
    record.write_bytes(whole)
    with sqlite3.connect(record) as connection:
        connection.execute("UPDATE meta SET value = 'whelm.index/99' WHERE name = 'format'")
    connection.close()
    with pytest.raises(IncompatibleError, match=r"whelm.index/99"):
        FolderIndex.open(tmp_path / "index")
    record.write_bytes(whole)
    shutil.rmtree(tmp_path / "index" / "text")
    with FolderIndex.open(tmp_path / "index") as index, pytest.raises(CorruptError, match="text index"):
        index.text_search("copy", 1)


def test_reading_writes_nothing(build: Build, tmp_path: Path, embedder) -> None:  # type: ignore[no-untyped-def]
    build({"a": "Copy the tree."}).close()
    before = {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()}
    with FolderIndex.open(tmp_path / "index") as index:
        index.text_search("copy", 3)
        index.vector_search(embedder.embed(["copy"], "query")[0], 3, "words-16")
        index.content_digest()
    assert {path: path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file()} == before
