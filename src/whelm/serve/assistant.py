"""What the server needs of an assistant, and the bounds that it keeps for it.

`Assistant` is a protocol: what a run gives after a build has these methods, and so has the twenty-line fake of the
tests. Its methods are called in worker threads, several at once: an implementation must allow that. What is not
there is said by MissingError (or KeyError), what cannot be done by another WhelmError; both reach the client with
their hint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from whelm.core.errors import ConfigError
from whelm.core.types import Answer, Chunk, Conversation, Document, Hit

__all__ = ["Assistant", "Limits", "Mode"]

Mode = Literal["auto", "quote", "write"]


class Assistant(Protocol):
    """Answers from one folder of documents."""

    @property
    def name(self) -> str:
        """The name under which clients find it in the list of models."""
        ...

    def answer(self, question: str, conversation: Conversation | None, mode: Mode) -> Answer: ...

    def search(self, query: str, k: int) -> list[Hit]: ...

    def document(self, document_id: str) -> Document: ...

    def chunk(self, chunk_id: str) -> Chunk: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one server spends on those who ask."""

    threads: int = 2
    """Questions worked on at the same time; more than there are cores makes each slower."""
    waiting: int = 16
    """Questions that may wait for a thread; the next is told to come back later (503)."""
    connections: int = 64
    """Open connections, whether they ask or not."""
    body_bytes: int = 1 << 20
    """Size of a request's body; a longer one is refused with 413."""
    body_seconds: float = 10.0
    """Time that a client has to send its request."""
    answer_seconds: float = 60.0
    """Time after which a client is told that the answer takes too long (504)."""
    question_characters: int = 8_000
    """Length of a question or of a text to search for."""
    embedded_texts: int = 256
    """Texts in one request for embeddings."""
    embedded_characters: int = 32_000
    """Length of each of them."""
    document_characters: int = 400_000
    """How much of a document is sent at once; the rest is asked for by offset."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value < (0 if name == "waiting" else 1e-9):
                raise ConfigError(f"expected serve.{name} above 0, found {value}", "leave it at its default")
