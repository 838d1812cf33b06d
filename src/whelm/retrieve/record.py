"""The record of an index: one SQLite file from which all the rest of it can be made again.

    documents   id, digest, text, fields (JSON: title, language, source, format, metadata, page_starts), twin
    chunks      row, id, document, span, headings, page, parent, kind, language, key of its search text
    tokens      row, token lines of body and title: the text index is rebuilt from these without analysis
    meta        format version, layout

Invariant: a record is written whole, from the rows of the previous one that stay and from what is new, and is never
changed afterwards. So readers stay consistent, and a deleted text cannot linger in free pages: there are none.
Cost: copying 100 MB takes about a second; analysis of new text dominates (4 MB a second).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from whelm.core.errors import CorruptError, DataError, IncompatibleError
from whelm.core.types import Chunk, Document
from whelm.retrieve.chunks import search_text, title_text
from whelm.retrieve.text_index import token_line
from whelm.retrieve.vectors import text_key
from whelm.text.analyzer import analyzer_for

__all__ = ["FORMAT", "chunk_from", "document_digest", "document_from", "logical_rows", "open_record", "write_record"]

FORMAT = "whelm.index/1"
CHUNK_COLUMNS = "id, document, start, end, headings, page, parent_start, parent_end, kind"
DOCUMENT_COLUMNS = "id, text, fields"

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, text BLOB NOT NULL, fields TEXT NOT NULL,
    twin_of TEXT, twin_kind TEXT);
CREATE TABLE chunks (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document TEXT NOT NULL, start INTEGER NOT NULL,
    end INTEGER NOT NULL, headings TEXT NOT NULL, page INTEGER, parent_start INTEGER NOT NULL,
    parent_end INTEGER NOT NULL, kind TEXT NOT NULL, language TEXT NOT NULL, key BLOB NOT NULL);
CREATE TABLE tokens (row INTEGER PRIMARY KEY, body TEXT NOT NULL, title TEXT NOT NULL);
"""
# made after the rows: sorting once is faster than keeping them sorted
_INDEXES = """
CREATE INDEX chunks_by_document ON chunks (document, start);
CREATE INDEX documents_by_twin ON documents (twin_of) WHERE twin_of IS NOT NULL;
"""


def document_digest(document: Document) -> str:
    """SHA-256 of everything a document holds; equal digests need no work in an update."""
    text = document.text.encode("utf-8", "surrogatepass")
    head = json.dumps([document.id, _fields(document)], ensure_ascii=True).encode()
    return hashlib.sha256(len(head).to_bytes(8, "big") + head + text).hexdigest()


def write_record(
    path: Path,
    previous: Path | None,
    added: Iterable[tuple[Document, Sequence[Chunk]]],
    removed: Collection[str],
    twins: Mapping[str, tuple[str, str]],
    layout: str,
) -> dict[str, int]:
    """Write the record at `path`: what `previous` holds, without `removed`, with `added` (an id again replaces it).

    Returns counts: added, replaced, removed, kept.
    """
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rwc", uri=True, isolation_level=None)
    try:
        # no journal: this file is published when it is whole, and thrown away when a crash leaves it half written
        for pragma in ("page_size=8192", "journal_mode=OFF", "synchronous=OFF", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_SCHEMA)
        connection.executemany("INSERT INTO meta VALUES (?, ?)", [("format", FORMAT), ("layout", layout)])
        connection.execute("BEGIN")
        first_row = _attach(connection, previous, layout)
        ids = _insert(connection, added, first_row)
        counts = _copy_kept(connection, ids, removed) if previous else {"replaced": 0, "removed": 0, "kept": 0}
        _mark_twins(connection, twins)
        connection.execute("COMMIT")
        connection.executescript(_INDEXES)
    finally:
        connection.close()
    return {"added": len(ids) - counts["replaced"], **counts}


def open_record(path: Path) -> sqlite3.Connection:
    """Open a published record for reading; the file is taken to be unchanging, so no lock is ever written."""
    if not path.is_file():
        raise CorruptError(f"the index has no record: {path} is not a file", "build the index again: whelm build")
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    try:
        found = dict(connection.execute("SELECT name, value FROM meta"))
    except sqlite3.DatabaseError as error:
        connection.close()
        raise CorruptError(
            f"the record {path} cannot be read: {error}", "build the index again: whelm build"
        ) from error
    if found.get("format") != FORMAT:
        connection.close()
        raise IncompatibleError(
            f"the record {path} has format {found.get('format')!r}, this version reads {FORMAT!r}",
            "build the index again with this version: whelm build",
        )
    return connection


def logical_rows(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every row that counts, sorted, without what depends on the history of edits (row numbers, page layout)."""
    yield from connection.execute("SELECT 'meta', name, value FROM meta ORDER BY name")
    yield from connection.execute(
        "SELECT 'document', id, digest, text, fields, twin_of, twin_kind FROM documents ORDER BY id"
    )
    yield from connection.execute(
        f"SELECT 'chunk', {CHUNK_COLUMNS}, language, key, body, title FROM chunks JOIN tokens USING (row) ORDER BY id"
    )


def document_from(row: Sequence[Any]) -> Document:
    """A row of DOCUMENT_COLUMNS as a document."""
    fields = json.loads(row[2])
    return Document(
        id=row[0],
        text=bytes(row[1]).decode("utf-8", "surrogatepass"),
        title=fields["title"],
        language=fields["language"],
        source=fields["source"],
        format=fields["format"],
        metadata=fields["metadata"],
        page_starts=tuple(fields["page_starts"]),
    )


def chunk_from(row: Sequence[Any]) -> Chunk:
    """A row of CHUNK_COLUMNS as a chunk."""
    return Chunk(
        id=row[0],
        document=row[1],
        start=row[2],
        end=row[3],
        headings=tuple(json.loads(row[4])),
        page=row[5],
        parent_start=row[6],
        parent_end=row[7],
        kind=row[8],
    )


def _attach(connection: sqlite3.Connection, previous: Path | None, layout: str) -> int:
    """Attach the previous record and return the first free row number."""
    if previous is None:
        return 0
    with open_record(previous) as old:
        found = dict(old.execute("SELECT name, value FROM meta")).get("layout", "")
    old.close()
    if found != layout:
        raise IncompatibleError(
            f"the previous index was made with other settings (layout {found!r}, now {layout!r})",
            "give all documents and no previous index",
        )
    connection.execute("COMMIT")  # ATTACH does not work within a transaction
    connection.execute("ATTACH ? AS old", (f"{previous.resolve().as_uri()}?mode=ro&immutable=1",))
    connection.execute("BEGIN")
    return int(connection.execute("SELECT COALESCE(MAX(row) + 1, 0) FROM old.chunks").fetchone()[0])


def _insert(connection: sqlite3.Connection, added: Iterable[tuple[Document, Sequence[Chunk]]], row: int) -> set[str]:
    ids: set[str] = set()
    for document, chunks in added:
        if document.id in ids:
            raise DataError(f"two documents are named {document.id!r}", "give every document a name of its own")
        try:
            document.id.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"the name {document.id!r} is not valid Unicode", "rename the file") from error
        ids.add(document.id)
        connection.execute(
            "INSERT INTO documents (id, digest, text, fields) VALUES (?, ?, ?, ?)",
            (
                document.id,
                document_digest(document),
                document.text.encode("utf-8", "surrogatepass"),
                json.dumps(_fields(document), ensure_ascii=True),
            ),
        )
        tokens = analyzer_for(document.language).tokens
        for chunk in chunks:
            text = search_text(chunk, document)
            connection.execute(
                "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row,
                    chunk.id,
                    chunk.document,
                    chunk.start,
                    chunk.end,
                    json.dumps(chunk.headings),
                    chunk.page,
                    chunk.parent_start,
                    chunk.parent_end,
                    chunk.kind,
                    document.language,
                    text_key(text),
                ),
            )
            connection.execute(
                "INSERT INTO tokens VALUES (?, ?, ?)",
                (row, token_line(tokens(text)), token_line(tokens(title_text(chunk, document)))),
            )
            row += 1
    return ids


def _copy_kept(connection: sqlite3.Connection, added: set[str], removed: Collection[str]) -> dict[str, int]:
    connection.execute("CREATE TEMP TABLE gone (id TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.executemany("INSERT OR IGNORE INTO gone VALUES (?)", ((name,) for name in (*added, *removed)))
    old_ids = {name for (name,) in connection.execute("SELECT id FROM old.documents")}
    connection.execute(
        "INSERT INTO documents SELECT id, digest, text, fields, NULL, NULL FROM old.documents "
        "WHERE id NOT IN (SELECT id FROM gone)"
    )
    connection.execute("INSERT INTO chunks SELECT * FROM old.chunks WHERE document NOT IN (SELECT id FROM gone)")
    connection.execute("INSERT INTO tokens SELECT * FROM old.tokens WHERE row IN (SELECT row FROM main.chunks)")
    return {
        "replaced": len(added & old_ids),
        "removed": len((set(removed) - added) & old_ids),
        "kept": len(old_ids - added - set(removed)),
    }


def _mark_twins(connection: sqlite3.Connection, twins: Mapping[str, tuple[str, str]]) -> None:
    """Duplicates are told anew each time: which of two twins stands for both can change with any edit."""
    connection.executemany(
        "UPDATE documents SET twin_of = ?, twin_kind = ? "
        "WHERE id = ? AND EXISTS (SELECT 1 FROM documents WHERE id = ?)",
        ((twin_of, kind, name, twin_of) for name, (twin_of, kind) in twins.items()),
    )


def _fields(document: Document) -> dict[str, Any]:
    return {
        "title": document.title,
        "language": document.language,
        "source": document.source,
        "format": document.format,
        "metadata": dict(sorted(document.metadata.items())),
        "page_starts": list(document.page_starts),
    }
