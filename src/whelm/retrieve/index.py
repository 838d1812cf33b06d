"""The index of a folder, open for reading: record, text index and vectors of one published state.

    FOLDER/record.sqlite           documents, chunks, tokens (record.py)
    FOLDER/text/                   BM25 by tantivy (text_index.py)
    FOLDER/<embedder>.vectors.npy  exact vectors (vectors.py); further tables may be attached from other folders

Inside, a chunk goes by its place in the order of chunk ids, in the text index and in `dense_scores` alike. Equal
scores are ordered by place, so results depend on the documents alone, not on the edits that led to them. Invariant:
nothing here writes, and files of a published folder never change, so an opened index stays consistent while a new
state is published beside it. Safe for threads.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whelm.core.errors import MissingError
from whelm.core.types import Chunk, Document, Hit
from whelm.retrieve.chunks import search_text
from whelm.retrieve.record import (
    CHUNK_COLUMNS,
    DOCUMENT_COLUMNS,
    chunk_from,
    document_from,
    logical_rows,
    open_record,
)
from whelm.retrieve.text_index import TextIndex
from whelm.retrieve.vectors import VectorTable, table_names
from whelm.text.analyzer import analyzer_for
from whelm.text.rewording import reword

__all__ = ["FolderIndex"]

_TITLE_WEIGHT = 0.3  # BM25 of title and headings on top of the body's: best on scifact's train queries
_MAX_LANGUAGES = 3  # a question is analyzed in the languages of the documents, the commonest first
_LANGUAGE_SHARE = 0.05  # of the chunks, below which a language is taken for a wrong guess


class FolderIndex:
    """One published state of an index."""

    def __init__(self, folder: Path, vectors_from: Sequence[Path] = ()) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise MissingError(f"there is no index at {self.folder}", "build it first: whelm build FOLDER --out RUN")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._rows_of: dict[str, NDArray[np.int64]] = {}
        self._vector_folders = {name: place for place in (*vectors_from, self.folder) for name in table_names(place)}
        self._tables: dict[str, VectorTable] = {}
        self._record()  # a damaged record is told at opening, not at the first question

    @classmethod
    def open(cls, folder: Path, vectors_from: Sequence[Path] = ()) -> FolderIndex:
        """Open the index in `folder`; `vectors_from` are folders with further vector tables for its chunks."""
        return cls(folder, vectors_from)

    def close(self) -> None:
        """Let the record go; the index is not used afterwards."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def __enter__(self) -> FolderIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # documents and chunks

    @property
    def num_chunks(self) -> int:
        """Chunks in the index."""
        return len(self._rows)

    @property
    def num_documents(self) -> int:
        """Documents in the index, those without any text among them."""
        return int(self._record().execute("SELECT COUNT(*) FROM documents").fetchone()[0])

    def document_ids(self) -> list[str]:
        """The ids of all documents, sorted."""
        return [name for (name,) in self._record().execute("SELECT id FROM documents ORDER BY id")]

    def document_digests(self) -> dict[str, str]:
        """id -> digest of each document (`record.document_digest`), to see which files an update must touch."""
        return dict(self._record().execute("SELECT id, digest FROM documents"))

    def document(self, name: str) -> Document:
        """The document called `name`."""
        row = self._record().execute(f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE id = ?", (name,)).fetchone()
        if row is None:
            raise MissingError(f"the index has no document {name!r}", "`whelm show` without a name lists the documents")
        return document_from(row)

    def documents(self) -> Iterator[Document]:
        """All documents in the order of their ids."""
        for row in self._record().execute(f"SELECT {DOCUMENT_COLUMNS} FROM documents ORDER BY id"):
            yield document_from(row)

    def chunk(self, name: str) -> Chunk:
        """The chunk called `name`."""
        row = self._record().execute(f"SELECT {CHUNK_COLUMNS} FROM chunks WHERE id = ?", (name,)).fetchone()
        if row is None:
            raise MissingError(f"the index has no chunk {name!r}", "search again: the documents have changed")
        return chunk_from(row)

    def chunks(self, document: str) -> list[Chunk]:
        """The chunks of a document in order."""
        rows = self._record().execute(
            f"SELECT {CHUNK_COLUMNS} FROM chunks WHERE document = ? ORDER BY start, id", (document,)
        )
        return [chunk_from(row) for row in rows]

    def twins(self, document: str) -> tuple[str, ...]:
        """The other documents that say the same, sorted."""
        record = self._record()
        row = record.execute("SELECT COALESCE(twin_of, id) FROM documents WHERE id = ?", (document,)).fetchone()
        if row is None:
            return ()
        group = record.execute("SELECT id FROM documents WHERE twin_of = ?1 OR id = ?1 ORDER BY id", row)
        return tuple(name for (name,) in group if name != document)

    @cached_property
    def languages(self) -> dict[str, int]:
        """Language -> number of chunks, the commonest first."""
        counted = self._record().execute(
            "SELECT language, COUNT(*) AS n FROM chunks GROUP BY language ORDER BY n DESC, language"
        )
        return dict(counted.fetchall())

    def keys(self) -> list[bytes]:
        """The names of all different search texts, sorted: what vectors are needed for."""
        return [key for (key,) in self._record().execute("SELECT DISTINCT key FROM chunks ORDER BY key")]

    def search_texts(self, skip: Container[bytes] = ()) -> Iterator[tuple[bytes, str]]:
        """(key, search text) of every chunk whose key is not in `skip`, the openings of all documents first."""
        rows = self._record().execute(
            f"SELECT key, {CHUNK_COLUMNS} FROM chunks "
            "ORDER BY ROW_NUMBER() OVER (PARTITION BY document ORDER BY start, id) > 1, document, start, id"
        )
        held: Document | None = None
        for key, *fields in rows:
            if key in skip:
                continue
            chunk = chunk_from(fields)
            if held is None or held.id != chunk.document:
                held = self.document(chunk.document)
            yield key, search_text(chunk, held)

    def content_digest(self) -> str:
        """SHA-256 of the logical rows: equal for equal documents, whatever edits led to them."""
        state = hashlib.sha256()
        for row in logical_rows(self._record()):
            for value in row:
                part = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
                state.update(type(value).__name__.encode() + len(part).to_bytes(8, "big") + part)
        for name in table_names(self.folder):
            state.update(name.encode() + b"".join(VectorTable.open(self.folder, name).keys))
        return state.hexdigest()

    # text

    def query_terms(self, query: str, language: str = "") -> dict[str, float]:
        """The search tokens of a question with their weights (how often each is said).

        Without a language the question is analyzed as each common language of the documents would be: a term
        stemmed in one way matches only chunks stemmed so.
        """
        terms: dict[str, float] = {}
        for code in [language] if language else self._query_languages:
            counts: dict[str, float] = {}
            for token in analyzer_for(code).tokens(query):
                counts[token] = counts.get(token, 0.0) + 1.0
            for token, count in counts.items():
                terms[token] = max(terms.get(token, 0.0), count)
        return terms

    def text_search(
        self, query: str, k: int = 10, language: str = "", title_weight: float = _TITLE_WEIGHT
    ) -> list[Hit]:
        """The best `k` chunks by BM25."""
        return self.hits(*self.text_places(self.query_terms(query, language), k, title_weight=title_weight))

    def text_places(
        self,
        terms: Mapping[str, float],
        k: int,
        among: Sequence[int] | None = None,
        title_weight: float = _TITLE_WEIGHT,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Places and BM25 scores of the best `k` chunks, of those `among` where given."""
        return self._text.search(terms, k, title_weight, among)

    def document_frequency(self, term: str) -> int:
        """How many chunks hold a search token."""
        return self._text.document_frequency(term)

    def reworded(self, query: str) -> str:
        """An English question in the words that these documents use more; itself where there are none."""
        if self._query_languages[0] != "en":
            return query
        analyzer = analyzer_for("en")

        def prefers(technical: str, everyday: str) -> bool:
            most = max((self.document_frequency(token) for token in analyzer.tokens(technical)), default=0)
            least = min((self.document_frequency(token) for token in analyzer.tokens(everyday)), default=0)
            return most > least

        return reword(query, prefers)

    # vectors

    @property
    def embedders(self) -> list[str]:
        """Names of the embedders whose vectors are at hand."""
        return sorted(self._vector_folders)

    def coverage(self, which: str) -> float:
        """The share of chunks that have a vector of `which`."""
        found = self._vector_rows(which)
        return float((found >= 0).mean()) if len(found) else 1.0

    def vector_search(self, vector_D: NDArray[np.float32], k: int, which: str) -> list[Hit]:
        """The best `k` chunks by the product of their vector with `vector_D`."""
        return self.hits(*self.dense_places(self.dense_scores(vector_D, which), k))

    def dense_scores(self, vector_D: NDArray[np.float32], which: str) -> NDArray[np.float32]:
        """The cosine of every chunk, float32 [chunks] by place; NaN where it has no vector."""
        table, vector_rows = self._table(which), self._vector_rows(which)
        scores = np.full(len(vector_rows), np.nan, np.float32)
        present = vector_rows >= 0
        scores[present] = table.scores(vector_D)[vector_rows[present]]
        return scores

    def dense_places(self, scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Places and scores of the best `k` of `dense_scores`."""
        filled = np.where(np.isnan(scores), -np.inf, scores)
        k = min(k, int(np.isfinite(filled).sum()))
        if k < 1:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        least = np.partition(filled, len(filled) - k)[len(filled) - k]
        candidates = np.flatnonzero(filled >= least)  # with all ties of the last one: of these the first places
        best = candidates[np.argsort(-filled[candidates], kind="stable")[:k]]
        return best, filled[best].astype(np.float64)

    def vectors(self, which: str, chunk_ids: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of chunks, float32 [n, d]; a row of NaN where a chunk has none."""
        table = self._table(which)
        out_ND = np.full((len(chunk_ids), table.dimension), np.nan, np.float32)
        for number, name in enumerate(chunk_ids):
            row = self._record().execute("SELECT key FROM chunks WHERE id = ?", (name,)).fetchone()
            if row is None:
                raise MissingError(f"the index has no chunk {name!r}", "search again: the documents have changed")
            found = table.position.get(row[0])
            if found is not None:
                out_ND[number] = table.matrix_ND[found]
        return out_ND

    def hits(self, places: NDArray[np.int64], scores: NDArray[np.float64]) -> list[Hit]:
        """Places and scores as hits, in the order given."""
        names = self.names(places)
        return [Hit(document, chunk, float(score)) for (chunk, document, _), score in zip(names, scores, strict=True)]

    def names(self, places: NDArray[np.int64]) -> list[tuple[str, str, str]]:
        """For each place: chunk id, document id, and the id that stands for the document and its twins."""
        rows = self._rows[places].tolist()
        listed = ",".join(map(str, rows))
        found = {
            row: (chunk, document, stands)
            for row, chunk, document, stands in self._record().execute(
                "SELECT row, chunks.id, document, COALESCE(twin_of, document) FROM chunks "
                f"JOIN documents ON documents.id = document WHERE row IN ({listed})"
            )
        }
        return [found[row] for row in rows]

    # inside

    def _record(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_record(self.folder / "record.sqlite")
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection

    @cached_property
    def _text(self) -> TextIndex:
        return TextIndex(self.folder / "text")

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        return np.array([row for (row,) in self._record().execute("SELECT row FROM chunks ORDER BY id")], np.int64)

    @cached_property
    def _query_languages(self) -> list[str]:
        total = sum(self.languages.values())
        common = [code for code, n in self.languages.items() if n >= _LANGUAGE_SHARE * total]
        return common[:_MAX_LANGUAGES] or ["en"]

    def _table(self, which: str) -> VectorTable:
        if which not in self._vector_folders:
            raise MissingError(
                f"the index has no vectors of {which!r}; it has {self.embedders or 'none'}",
                "build again with this embedder's weights at hand: whelm model list",
            )
        with self._lock:
            if which not in self._tables:
                self._tables[which] = VectorTable.open(self._vector_folders[which], which)
            return self._tables[which]

    def _vector_rows(self, which: str) -> NDArray[np.int64]:
        """For each place, the row of its vector in the table; -1 for none."""
        table = self._table(which)
        if which not in self._rows_of:
            keys = self._record().execute("SELECT key FROM chunks ORDER BY id")
            self._rows_of[which] = np.array([table.position.get(key, -1) for (key,) in keys], np.int64)
        return self._rows_of[which]
