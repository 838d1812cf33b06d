"""The opening of a short document stands among what is quoted from; that of a long one does not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from whelm.answer.answerer import Answerer, Candidate
from whelm.answer.reader import Reading
from whelm.core.types import Chunk, Document, Hit


def _candidate(document: Document, chunk: Chunk) -> Candidate:
    text = document.text[chunk.start : chunk.end]
    return Candidate(Hit(document.id, chunk.id, 1.0), chunk, document, text, Reading(0.9, 0, len(text), 1.0), 1.0)


@pytest.mark.parametrize(("pieces", "expected"), [(3, ["c2", "c0"]), (20, ["c2"])])
def test_the_opening_of_a_short_document_joins_in(pieces: int, expected: list[str]) -> None:
    document = Document("tool", "Copies a tree. " * pieces, "tool")
    chunks = [Chunk(f"c{i}", "tool", 15 * i, 15 * i + 14) for i in range(pieces)]
    answerer = Answerer.__new__(Answerer)
    answerer.index = SimpleNamespace(chunks=lambda name: chunks)  # type: ignore[assignment]
    best = answerer._with_opening([_candidate(document, chunks[2])])
    assert [c.chunk.id for c in best] == expected
    assert all(c.text == document.text[c.chunk.start : c.chunk.end] for c in best)
    assert answerer._with_opening([]) == []
    assert [c.chunk.id for c in answerer._with_opening([_candidate(document, chunks[0])])] == ["c0"]
