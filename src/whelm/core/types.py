"""Records and protocols that the rooms share.

Records are frozen; every offset counts characters of `Document.text` (a Python `str` index), whose only
normalization is that of newlines. A protocol stands here once two implementations of it exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:  # the command line and the children that parse must start without numpy
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Answer",
    "Chunk",
    "Citation",
    "Conversation",
    "Document",
    "Embedder",
    "Event",
    "Evidence",
    "Hit",
    "Metric",
    "NOT_SUPPORTED",
    "Question",
    "Reranker",
    "Retriever",
    "Turn",
]

NOT_SUPPORTED = "The documents do not say."


@dataclass(frozen=True, slots=True)
class Document:
    """A text with a name: what offsets, citations and splits refer to."""

    id: str  # path relative to the folder, with "/"; a row of a table: "file.csv#7"
    text: str
    title: str = ""
    language: str = ""  # ISO 639-1
    source: str = ""  # the file on disk
    format: str = ""  # md, rst, txt, html, pdf, docx, ipynb, py, jsonl, csv, pydoc
    metadata: Mapping[str, str] = field(default_factory=dict)
    page_starts: tuple[int, ...] = ()  # offset at which each page begins; empty where there are no pages


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a document that search returns; `parent` is the wider passage around it."""

    id: str
    document: str
    start: int
    end: int
    headings: tuple[str, ...] = ()
    page: int | None = None  # counted from 1
    parent_start: int = 0
    parent_end: int = 0
    kind: str = "text"  # text, code, table, list


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the span that answers it, or none."""

    id: str
    kind: str
    question: str
    document: str = ""
    start: int = 0
    end: int = 0
    answer: str = ""
    split: Literal["train", "tune", "test"] = "train"
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a search found; a higher score is better."""

    document: str
    chunk: str
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span of a document that is shown to a reader, a writer or a person."""

    document: str
    chunk: str
    start: int
    end: int
    text: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a part of an answer stands, verbatim: `document.text[start:end] == quote`."""

    document: str
    source: str
    heading: str
    page: int | None
    chunk: str
    quote: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its citations, or a refusal."""

    question: str
    answer: str = NOT_SUPPORTED
    supported: bool = False
    mode: Literal["quote", "write"] = "quote"
    citations: tuple[Citation, ...] = ()
    hits: tuple[Hit, ...] = ()
    evidence_cut: tuple[str, ...] = ()  # what was found but not shown, and why
    seconds: float = 0.0
    probability: float = 0.0  # that the documents answer the question, by the calibrated reader
    standalone: str = ""  # a follow-up as it was understood
    error: str = ""

    def record(self) -> dict[str, Any]:
        """The public JSON form, schema `whelm.answer/1`."""
        if self.error:
            return {"schema": "whelm.answer/1", "question": self.question, "error": self.error}
        body: dict[str, Any] = {
            "schema": "whelm.answer/1",
            "question": self.question,
            "answer": self.answer,
            "supported": self.supported,
            "mode": self.mode,
            "citations": [{name: getattr(c, name) for name in Citation.__slots__} for c in self.citations],
            "hits": [{"document": h.document, "chunk": h.chunk, "score": round(h.score, 6)} for h in self.hits],
            "evidence_cut": list(self.evidence_cut),
            "seconds": round(self.seconds, 4),
            "probability": round(self.probability, 4),
        }
        if self.standalone:
            body["standalone"] = self.standalone
        return body


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation and what was answered."""

    question: str
    answer: str
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said before the present question, oldest first."""

    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured number with its 95% interval; `low` and `high` are None where none can be given."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One measured moment of a stage; progress bars, logs and reports are readers of these."""

    time: float  # seconds since the epoch
    stage: str
    step: int
    name: str
    value: float | str
    unit: str = ""


class Embedder(Protocol):
    """Texts to vectors: `embed(texts) -> float32 [n, dimension]`, rows of length 1."""

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str], kind: Literal["query", "passage"] = "passage") -> NDArray[np.float32]: ...


class Retriever(Protocol):
    """A question to ranked chunks, best first."""

    def search(self, query: str, k: int = 10) -> list[Hit]: ...


class Reranker(Protocol):
    """`score(query, passages) -> float32 [n]`, higher is better."""

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float32]: ...
