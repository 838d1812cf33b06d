"""A small assistant of the tests' own and a live server around it on a free port of loopback."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from whelm.core.errors import MissingError
from whelm.core.types import Answer, Chunk, Citation, Conversation, Document, Hit
from whelm.serve.assistant import Limits
from whelm.serve.server import address_of, make_server

SCRIPT = "<img src=x onerror=\"document.title='harmed'\"><script>document.title='harmed'</script>"
FERRY = (
    "Ferry to Holm 🛳\n\nThe ferry leaves at 7:40 on weekdays. On Sundays there is none.\n\n"
    + "".join(f"Paragraph {number} says nothing of interest to anyone.\n\n" for number in range(120))
    + "A bicycle costs 4.50 euros in August. Cargo bikes cost 9 euros.\n"
)
HARM = f"A page about parking.\n\n{SCRIPT}\n\nParking costs 3 euros a day.\n"


class FakeAssistant:
    """Finds sentences by shared words; remembers what it was asked. `hold` stops answers until it is set."""

    name = "island"

    def __init__(self) -> None:
        documents = [
            Document("trips/ferry & bus.md", FERRY, "Ferry", "en", "/data/trips/ferry & bus.md", "md"),
            Document("parking.html", HARM, SCRIPT, "en", "/data/parking.html", "html"),
            Document("caf\udce9.txt", "Coffee costs 2 euros.", "", "en", "/data/caf\udce9.txt", "txt"),
        ]
        self.documents = {document.id: document for document in documents}
        self.asked: list[tuple[str, Conversation | None, str]] = []
        self.hold: threading.Event | None = None
        self.raises: Exception | None = None

    def answer(self, question: str, conversation: Conversation | None, mode: str) -> Answer:
        self.asked.append((question, conversation, mode))
        if self.hold is not None:
            self.hold.wait(120)
        if self.raises is not None:
            raise self.raises
        hits = tuple(self.search(question, 10))
        if not hits or hits[0].score < 2:
            return Answer(question, hits=hits, seconds=0.01)
        chunk, document = self.chunk(hits[0].chunk), self.document(hits[0].document)
        quote = document.text[chunk.start : chunk.end]
        citation = Citation(document.id, document.source, "Prices", None, chunk.id, quote, chunk.start, chunk.end, 0.9)
        return Answer(question, f"{quote} [1]", True, "quote", (citation,), hits, seconds=0.01)

    def search(self, query: str, k: int) -> list[Hit]:
        words = set(re.findall(r"\w{4,}", query.lower()))
        hits = []
        for document in self.documents.values():
            for number, match in enumerate(re.finditer(r"[^\n]+", document.text)):
                score = len(words & set(re.findall(r"\w{4,}", match[0].lower())))
                if score:
                    hits.append(Hit(document.id, f"{document.id}#{number}", float(score)))
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk))[:k]

    def document(self, document_id: str) -> Document:
        try:
            return self.documents[document_id]
        except KeyError:
            raise MissingError(f"there is no document {document_id!r}", "search for another") from None

    def chunk(self, chunk_id: str) -> Chunk:
        document, _, number = chunk_id.rpartition("#")
        match = list(re.finditer(r"[^\n]+", self.documents[document].text))[int(number)]
        return Chunk(chunk_id, document, match.start(), match.end(), ("Prices",))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.array([[len(text), text.count("e"), 1] for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@contextlib.contextmanager
def running(assistant: Any, **options: Any) -> Iterator[str]:
    """The address of a live server, without the slash at its end."""
    server, listener = make_server(assistant, port=0, **options)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield address_of(listener).rstrip("/")  # it listens already: a request waits in its queue
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture
def assistant() -> FakeAssistant:
    return FakeAssistant()


@pytest.fixture
def address(assistant: FakeAssistant) -> Iterator[str]:
    with running(assistant) as found:
        yield found


@pytest.fixture
def start() -> Iterator[Callable[..., str]]:
    """Starts further servers with other options; they end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda assistant, **options: stack.enter_context(running(assistant, **options))


@pytest.fixture
def small() -> Limits:
    """Bounds that a test reaches quickly."""
    return Limits(
        threads=1,
        waiting=1,
        body_bytes=20_000,
        question_characters=500,
        embedded_texts=3,
        embedded_characters=100,
        document_characters=300,
    )
