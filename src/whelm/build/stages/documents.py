"""Sources to documents: every file is read once, its text kept, duplicates marked, and nothing lost silently.

    documents.parquet   a row a document: text, title, language, metadata, pages, digest of its file, twin
    ledger.jsonl        a row a file: what became of it and why
    prominence.json     how often the other documents speak of a document

A file whose path and digest the previous state knows is not read again. The content digest is that of the sorted
rows, so it depends on the files alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from whelm.core.digest import rows_digest
from whelm.core.stage import Context, Outcome, Stage
from whelm.core.types import Document
from whelm.data.duplicates import mark_duplicates
from whelm.data.prominence import prominence
from whelm.data.python_library import python_documents
from whelm.data.python_usage import usage
from whelm.data.reading import Parsed, ledger_row, read_sources
from whelm.data.sources import SourceFile, document_id

__all__ = [
    "DOCUMENTS",
    "DocumentsConfig",
    "DocumentsOptions",
    "Snapshot",
    "read_documents",
    "read_ledger",
    "read_prominence",
    "read_twins",
]

_BATCH = 64
_WORKERS = 2  # children of the sandbox


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentsConfig:
    """What decides the documents: the digest of all (path, format, content) of the files, or Python's own version."""

    snapshot: str
    python_library: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of a folder at one moment, with the digest of each that is to be read."""

    files: tuple[tuple[SourceFile, str], ...]
    digest: str


@dataclass(frozen=True, slots=True)
class DocumentsOptions:
    """Where the files are, and the artifact that already holds some of them."""

    files: Sequence[tuple[SourceFile, str]] = ()
    root: Path | None = None
    previous: Path | None = None


_SCHEMA = pa.schema(
    [
        ("document", pa.string()), ("text", pa.large_string()), ("title", pa.string()), ("language", pa.string()),
        ("source", pa.string()), ("format", pa.string()), ("metadata", pa.string()), ("page_starts", pa.list_(pa.int64())),
        ("file", pa.string()), ("file_digest", pa.string()), ("twin_of", pa.string()), ("twin_kind", pa.string()),
    ]
)  # fmt: skip


def _run(context: Context) -> Outcome:
    options: DocumentsOptions = context.options
    if context.config.python_library:
        parsed = list(_python_rows())
    else:
        parsed = list(_folder_rows(context, options))
    documents = [document for row in parsed for document in row.documents]
    twins = mark_duplicates(documents)
    files = {document.id: row for row in parsed for document in row.documents}
    rows = [
        _row(document, files[document.id], twins.get(document.id)) for document in sorted(documents, key=lambda d: d.id)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), context.out / "documents.parquet", compression="zstd")
    ledger = sorted((row.ledger for row in parsed), key=lambda entry: entry["path"])
    (context.out / "ledger.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in ledger))
    named = usage(documents) if context.config.python_library else prominence(documents)
    (context.out / "prominence.json").write_text(json.dumps(named))
    outcomes = Counter(str(entry["outcome"]) for entry in ledger)
    return Outcome(
        content=rows_digest([*({k: v for k, v in row.items() if k != "source"} for row in rows), *ledger]),
        counts={
            "documents": len(documents), "characters": sum(len(d.text) for d in documents), "duplicates": len(twins),
            **{f"files {name}": count for name, count in sorted(outcomes.items())},
        },
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Read:
    ledger: dict[str, Any]
    documents: list[Document]
    digest: str


def _python_rows() -> Iterator[_Read]:
    documents = sorted(python_documents(), key=lambda d: d.id)
    for document in documents:
        ledger = {"path": document.id, "outcome": "parsed", "reason": "", "documents": 1, "size": len(document.text)}
        yield _Read(ledger, [document], "")


def _folder_rows(context: Context, options: DocumentsOptions) -> Iterator[_Read]:
    known = _known(options.previous)
    fresh: list[tuple[SourceFile, str]] = []
    for file, digest in options.files:
        if file.outcome:
            yield _Read(ledger_row(file, Parsed((), file.outcome, file.reason)).record(), [], digest)
        elif (file.path, digest) in known:
            yield _placed(known[file.path, digest], file)
        else:
            fresh.append((file, digest))
    results = context.each(
        fresh, key=lambda item: [item[0].path, item[1]], batch=_BATCH, unit="files",
        work=lambda items: [_plain(file, parsed) for file, parsed in read_sources([f for f, _ in items], workers=_WORKERS)],
    )  # fmt: skip
    for (_, digest), result in zip(fresh, results, strict=True):
        yield _Read(
            result["ledger"],
            [Document(**{**d, "page_starts": tuple(d["page_starts"])}) for d in result["documents"]],
            digest,
        )


def _placed(read: _Read, file: SourceFile) -> _Read:
    """What was read before, its source where the file lies now."""
    source = document_id(str(file.absolute))
    return _Read(read.ledger, [replace(document, source=source) for document in read.documents], read.digest)


def _plain(file: SourceFile, parsed: Parsed) -> dict[str, Any]:
    return {
        "ledger": ledger_row(file, parsed).record(),
        "documents": [asdict(document) for document in parsed.documents],
    }


def _row(document: Document, read: _Read, twin: tuple[str, str] | None) -> dict[str, Any]:
    return {
        "document": document.id, "text": document.text, "title": document.title, "language": document.language,
        "source": document.source, "format": document.format, "metadata": json.dumps(dict(document.metadata), sort_keys=True),
        "page_starts": list(document.page_starts), "file": read.ledger["path"], "file_digest": read.digest,
        "twin_of": twin[0] if twin else None, "twin_kind": twin[1] if twin else None,
    }  # fmt: skip


def _known(previous: Path | None) -> Mapping[tuple[str, str], _Read]:
    """What an earlier state holds, by path and digest of the file."""
    if previous is None:
        return {}
    documents: dict[str, list[Document]] = {}
    digests: dict[str, str] = {}
    for row in pq.read_table(previous / "documents.parquet").to_pylist():
        documents.setdefault(row["file"], []).append(_document(row))
        digests[row["file"]] = row["file_digest"]
    # a file that gave no document has no digest here: it is read again, which costs little
    return {
        (entry["path"], digests[entry["path"]]): _Read(entry, documents[entry["path"]], digests[entry["path"]])
        for entry in read_ledger(previous)
        if entry["path"] in digests
    }


def _document(row: Mapping[str, Any]) -> Document:
    return Document(
        row["document"], row["text"], row["title"], row["language"], row["source"], row["format"],
        json.loads(row["metadata"]), tuple(row["page_starts"]),
    )  # fmt: skip


DOCUMENTS = Stage("documents", _run)


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of an artifact, in the order of their ids."""
    for batch in pq.ParquetFile(path / "documents.parquet").iter_batches(batch_size=256):
        for row in batch.to_pylist():
            yield _document(row)


def read_twins(path: Path) -> dict[str, tuple[str, str]]:
    """duplicate -> (the document it repeats, "exact" or "near")."""
    rows = pq.read_table(path / "documents.parquet", columns=["document", "twin_of", "twin_kind"]).to_pylist()
    return {row["document"]: (row["twin_of"], row["twin_kind"]) for row in rows if row["twin_of"]}


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """What became of every file."""
    return [json.loads(line) for line in (path / "ledger.jsonl").read_text().splitlines()]


def read_prominence(path: Path) -> dict[str, float]:
    """How often the others speak of a document, in [0, 1]."""
    found: dict[str, float] = json.loads((path / "prominence.json").read_text())
    return found
