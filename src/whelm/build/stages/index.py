"""Documents to the index: chunks, search tokens, and the static vectors of everything; made first, within seconds.

What the previous index holds of unchanged documents is copied; the content digest equals that of a cold rebuild.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whelm.build.stages.documents import read_documents, read_twins
from whelm.core import stop
from whelm.core.digest import digest
from whelm.core.stage import Context, Outcome, Stage
from whelm.core.types import Metric
from whelm.hub.weights import STATIC
from whelm.retrieve.chunks import ChunkConfig, chunk
from whelm.retrieve.embed import load_embedder
from whelm.retrieve.index import FolderIndex
from whelm.retrieve.record import document_digest
from whelm.retrieve.update import update_index

__all__ = ["INDEX", "IndexConfig", "IndexOptions"]


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexConfig:
    """How documents become chunks, and whose static vectors they get (name and digest of the weights)."""

    chunks: ChunkConfig
    static: str = ""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """The index before the edits, if it was made in the same way."""

    previous: Path | None = None


def _run(context: Context) -> Outcome:
    config: IndexConfig = context.config
    documents = context.inputs["documents"]
    previous = context.options.previous if context.options else None
    known = {}
    if previous is not None:
        with FolderIndex.open(previous) as index:
            known = index.document_digests()
    total = documents.counts.get("documents", 0)
    seen: set[str] = set()

    def changed():  # type: ignore[no-untyped-def]
        for number, document in enumerate(read_documents(documents.path)):
            stop.check()
            seen.add(document.id)
            if known.get(document.id) != document_digest(document):
                yield document, chunk(document, config.chunks)
            if number % 50 == 0:
                context.progress(number, total, "documents")

    # the ids must be known before anything is removed: a first pass over names alone
    names = {document.id for document in read_documents(documents.path)}
    static = load_embedder(STATIC) if config.static else None
    counts = update_index(
        previous, context.out, changed(), sorted(set(known) - names), twins=read_twins(documents.path),
        embedders=[static] if static else [], layout=digest(config.chunks),
    )  # fmt: skip
    context.progress(total, total, "documents")
    with FolderIndex.open(context.out) as index:
        content = index.content_digest()
        languages = index.languages
    return Outcome(
        content=content,
        counts={"chunks": counts.chunks, "documents": total, **{f"language {k}": v for k, v in languages.items()}},
        metrics={"chunks a document": Metric(counts.chunks / max(total, 1), n=total)},
    )


INDEX = Stage("index", _run)
