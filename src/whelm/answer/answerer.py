"""From a question to a grounded, cited answer or a refusal.

    understand (follow-ups) -> search -> read the best candidates -> rank anew -> refuse or quote (or let a writer write)

Every quotation is a span of its document, word for word. The probability that the documents answer is the surest
passage's; below the calibrated threshold nothing is answered, though what was found stays to be seen. Documents that
say the same speak once. Safe for threads: nothing here is changed after the opening.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from whelm.answer.followup import understand
from whelm.answer.quotes import Quotable, choose_quotes
from whelm.answer.ranking import FinalRanking, features, lifted
from whelm.answer.reader import Reader, Reading
from whelm.answer.signals import Passage
from whelm.answer.sureness import sureness
from whelm.answer.write import Writer, write_answer
from whelm.core.errors import DataError, MissingError
from whelm.core.types import NOT_SUPPORTED, Answer, Chunk, Citation, Conversation, Document, Embedder, Evidence, Hit
from whelm.hub.weights import ENCODER
from whelm.retrieve.index import FolderIndex
from whelm.retrieve.search import HybridRetriever
from whelm.text.analyzer import analyzer_for

__all__ = ["Answerer", "AnswerSettings", "Candidate"]

Mode = Literal["auto", "quote", "write"]
MAX_QUESTION_CHARACTERS = 20_000
_SURELY_NEW, _SURELY_FOLLOWS = 0.1, 0.5  # probability that a question follows up the one before
_QUOTED = 3  # passages that sentences are quoted from
_SHORT = 8  # chunks of a document whose opening speaks for all of it; that of a book's chapter does not
_SENTENCES, _SENTENCE = 12, 240  # sentences of a passage, and characters of each, that the encoder compares
_COSINE = 3.0  # weight of the encoder's cosine of a sentence beside its fit


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerSettings:
    """What was calibrated on tune."""

    threshold: float = 0.35
    """Probability below which nothing is answered"""
    candidates: int = 60
    """Chunks of the search that are weighed for one question"""
    read: int = 8
    """The most promising of them, which are read"""
    use: str = "quote"
    """What `auto` does: quote or write"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that was found and read."""

    hit: Hit
    chunk: Chunk
    document: Document
    text: str
    reading: Reading
    score: float


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found for one question, best first; the first `len(readings)` were read."""

    hits: list[Hit]
    documents: dict[str, Document]
    chunks: list[Chunk]
    readings: list[Reading]
    rows: NDArray[np.float64]  # the features of the ranking


class Answerer:
    """Answers from one folder of documents."""

    def __init__(
        self,
        index: FolderIndex,
        retriever: HybridRetriever,
        reader: Reader,
        settings: AnswerSettings,
        *,
        ranking: FinalRanking | None = None,
        prominence: Mapping[str, float] | None = None,
        generator: Writer | None = None,
        language: str = "en",
        name: str = "whelm",
    ) -> None:
        self.index, self.retriever, self.reader, self.settings = index, retriever, reader, settings
        self.ranking = ranking or FinalRanking()
        self.prominence = prominence or {}
        self.generator, self.language, self.name = generator, language, name

    # --- what is asked -----------------------------------------------------------------------------------------

    def answer(
        self,
        question: str,
        conversation: Conversation | None = None,
        mode: Mode = "auto",
        *,
        hidden: Collection[str] = (),
        k: int = 10,
    ) -> Answer:
        """Answer `question`, as part of a conversation where one is given; `hidden` documents are not looked at."""
        began = time.perf_counter()
        if not question.strip():
            raise DataError("the question is empty", 'ask something: whelm ask "How do I ...?" --run RUN')
        if len(question) > MAX_QUESTION_CHARACTERS:
            raise DataError(
                f"the question has {len(question):,} characters", f"at most {MAX_QUESTION_CHARACTERS:,} are read"
            )
        text, candidates = self._understood(question, conversation, hidden)
        hits = tuple(replace(c.hit, score=c.score) for c in _documents_first(candidates)[:k])
        probability = _sure(candidates)
        answer = Answer(question, hits=hits, probability=probability, standalone=text if text != question else "")
        if candidates and probability >= self.settings.threshold:
            answer = self._supported(answer, text, candidates, self._mode(mode))
        return replace(answer, seconds=time.perf_counter() - began)

    def _understood(
        self, question: str, conversation: Conversation | None, hidden: Collection[str]
    ) -> tuple[str, list[Candidate]]:
        """The question in full, and what was found for it; where it may or may not follow up, the surer reading wins."""
        if not conversation or not conversation.turns:
            return question, self.candidates(question, hidden=hidden)
        understood = understand(question, conversation, self.language)
        if understood.probability < _SURELY_NEW:
            return question, self.candidates(question, hidden=hidden)
        followed = self.candidates(understood.standalone, hidden=hidden, search=understood.search)
        if understood.probability >= _SURELY_FOLLOWS:
            return understood.standalone, followed
        plain = self.candidates(question, hidden=hidden)
        surer = _sure(followed) > _sure(plain)
        return (understood.standalone, followed) if surer else (question, plain)

    def ranking_rows(self, question: str) -> tuple[NDArray[np.float64], list[Hit]]:
        """The features of the candidates, float [C, FEATURES], to fit the final ranking."""
        found = self._find(question, ())
        return found.rows, found.hits

    def candidates(self, question: str, *, hidden: Collection[str] = (), search: str = "") -> list[Candidate]:
        """The chunks that were found, best first; `search` is what to search for, if not the question."""
        found = self._find(question, hidden, search)
        scores = lifted(self.ranking.scores(found.rows), [hit.document for hit in found.hits])
        unread = Reading(0.0, 0, 0, 0.0)
        candidates = [
            Candidate(
                hit,
                chunk,
                found.documents[hit.document],
                _text(found.documents, chunk),
                found.readings[place] if place < len(found.readings) else unread,
                float(score),
            )
            for place, (hit, chunk, score) in enumerate(zip(found.hits, found.chunks, scores, strict=True))
        ]
        # what was not read stays behind what was
        read, rest = candidates[: len(found.readings)], candidates[len(found.readings) :]
        return sorted(read, key=lambda c: (-c.score, c.chunk.id)) + rest

    # --- what a server and an evaluation need ------------------------------------------------------------------

    def search(self, query: str, k: int = 10) -> list[Hit]:
        """The chunks found for a query, in the order in which an answer weighs them, then the rest of the search."""
        read = [replace(c.hit, score=c.score) for c in self.candidates(query)]
        seen = {hit.chunk for hit in read}
        rest = [hit for hit in self.retriever.search(query, k) if hit.chunk not in seen] if k > len(read) else []
        return (read + rest)[:k]

    def rankings(self) -> dict[str, Callable[[str], list[Hit]]]:
        """The orders that are compared: text, dense, fused, reranked."""

        def with_alpha(alpha: float) -> HybridRetriever:
            config = replace(self.retriever.config, alpha=alpha)
            return HybridRetriever(self.index, self.retriever.embedders, config)

        found: dict[str, Callable[[str], list[Hit]]] = {"text": lambda q: with_alpha(0.0).search(q, 50)}
        if self.retriever.embedders:
            found["dense"] = lambda q: with_alpha(1.0).search(q, 50)
            found["fused"] = lambda q: self.retriever.search(q, 50)
        found["reranked"] = lambda q: self.search(q, 50)
        return found

    def document(self, document_id: str) -> Document:
        """A document by its name."""
        return self.index.document(document_id)

    def chunk(self, chunk_id: str) -> Chunk:
        """A chunk by its name."""
        return self.index.chunk(chunk_id)

    def twins(self, document_id: str) -> tuple[str, ...]:
        """The documents that say the same."""
        return self.index.twins(document_id)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of texts by the embedder that searches; float32 [n, d]."""
        embedders: dict[str, Embedder] = self.retriever.embedders
        chosen_one = embedders.get(self.retriever.config.which) or next(iter(embedders.values()), None)
        if chosen_one is None:
            raise MissingError(
                "there are no weights that make vectors", "whelm model fetch minilm-l6, then build again"
            )
        return chosen_one.embed(texts)

    # --- inside ------------------------------------------------------------------------------------------------

    def _find(self, question: str, hidden: Collection[str], search: str = "") -> _Found:
        """Search, weigh without reading, then read the most promising."""
        wanted = self.settings.candidates
        ranking = self.retriever.ranking(search or question, wanted + (20 if hidden else 0))
        places = [i for i, hit in enumerate(ranking.hits) if hit.document not in hidden][:wanted]
        hits = [ranking.hits[i] for i in places]
        documents = {hit.document: self.index.document(hit.document) for hit in hits}
        bm25 = ranking.text[places]
        cosines = np.nan_to_num(ranking.dense[places])
        rows = self._features(question, [documents[hit.document] for hit in hits], cosines, bm25)
        order = np.argsort(-lifted(self.ranking.scores(rows), [hit.document for hit in hits]), kind="stable")
        hits, rows = [hits[i] for i in order], rows[order]
        chunks = [self.index.chunk(hit.chunk) for hit in hits]
        of_encoder = self.retriever.embedder_name == ENCODER
        passages = [
            Passage(
                _text(documents, chunk),
                _title(documents[chunk.document], chunk),
                float(bm25[i]),
                float(cosines[i]) if of_encoder else None,
            )
            for i, chunk in zip(order[: self.settings.read], chunks, strict=False)
        ]
        readings = self.reader.read(question, passages, self.language, spans=False)
        if readings:
            rows[:, 0] = min(reading.score for reading in readings)
            rows[: len(readings), 0] = [reading.score for reading in readings]
        return _Found(hits, documents, chunks, readings, rows)

    def _features(
        self, question: str, documents: Sequence[Document], cosines: NDArray[np.float64], bm25: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        analyzer = analyzer_for(self.language)
        return features(
            frozenset(analyzer.tokens(question)),
            cosines,
            bm25,
            self.prominence,
            documents,
            [frozenset(analyzer.tokens(document.title.rsplit(".", 1)[-1])) for document in documents],
        )

    def _mode(self, mode: Mode) -> str:
        if mode == "write" and self.generator is None:
            raise DataError(
                "this run has no writer", "build it with --writer URL --writer-model NAME, or ask with --mode quote"
            )
        return (self.settings.use if self.generator is not None else "quote") if mode == "auto" else mode

    def _supported(self, answer: Answer, question: str, candidates: list[Candidate], mode: str) -> Answer:
        if mode == "write":
            return self._written(answer, question, candidates)
        quotes = self._quotes(question, candidates)
        text = "\n".join(_shown(c.quote) for c in quotes)
        return replace(answer, answer=text, supported=True, mode="quote", citations=tuple(quotes))

    def _quotes(self, question: str, candidates: list[Candidate]) -> list[Citation]:
        """Up to three sentences of the best passages."""
        best = self._with_opening([c for c in candidates[:_QUOTED] if c.reading.end > c.reading.start])
        passages = [Passage(c.text, _title(c.document, c.chunk)) for c in best]
        _, sentences = self.reader.signals.rows_and_sentences(question, passages, self.language)
        quotable = [
            Quotable(
                c.text,
                frozenset(h.casefold() for h in (c.document.title, *c.chunk.headings)),
                spans,
                fits + self._sentence_cosines(question, c.text, spans),
                c.score,
            )
            for c, (spans, fits) in zip(best, sentences, strict=True)
        ]
        quotes = [_citation(best[i], start, end) for i, start, end in choose_quotes(quotable)]
        places = {quote.document: place for place, quote in reversed(list(enumerate(quotes)))}
        return sorted(
            quotes, key=lambda quote: (places[quote.document], quote.start)
        )  # a document's as they stand in it

    def _with_opening(self, best: list[Candidate]) -> list[Candidate]:
        """Among them the opening of the best one's document, if short: a reference says there what the thing is for."""
        chunks = self.index.chunks(best[0].document.id) if best else []
        if not chunks or len(chunks) > _SHORT:
            return best
        opening = chunks[0]
        if any(c.chunk.id == opening.id for c in best):
            return best
        text = _text({best[0].document.id: best[0].document}, opening)
        return [best[0], replace(best[0], chunk=opening, text=text), *best[1 : _QUOTED - 1]]

    def _sentence_cosines(
        self, question: str, text: str, spans: Sequence[tuple[int, int]]
    ) -> NDArray[np.float32] | float:
        """What the encoder says of each sentence, if it searches here: float32 [sentences]."""
        encoder = self.reader.encoder
        if encoder is None or self.retriever.embedder_name != ENCODER or not spans:
            return 0.0
        texts = [question, *(text[start : min(end, start + _SENTENCE)] for start, end in spans[:_SENTENCES])]
        vectors = encoder.embed(texts, "query")
        cosines = np.full(len(spans), -1.0, np.float32)
        cosines[: len(texts) - 1] = vectors[1:] @ vectors[0]
        return _COSINE * cosines

    def _written(self, answer: Answer, question: str, candidates: list[Candidate]) -> Answer:
        assert self.generator is not None
        pieces = [
            Evidence(c.document.id, c.chunk.id, c.chunk.start + start, c.chunk.start + end, c.text[start:end], c.score)
            for c in candidates[:6]
            for start, end in [(c.reading.start, c.reading.end)]
        ]
        labels = {c.document.id: c.document.title for c in candidates}
        written = write_answer(question, pieces, self.generator, labels=labels, language=self.language)
        cut = (*written.evidence_cut, *(f"dropped: {d.reason}" for d in written.dropped))
        if not written.supported:
            return replace(answer, answer=NOT_SUPPORTED, supported=False, mode="write", evidence_cut=cut)
        by_chunk = {c.chunk.id: c for c in candidates}
        cited = [
            _citation(by_chunk[e.chunk], e.start - by_chunk[e.chunk].chunk.start, e.end - by_chunk[e.chunk].chunk.start)
            for e in written.citations
        ]
        return replace(
            answer, answer=written.text, supported=True, mode="write", citations=tuple(cited), evidence_cut=cut
        )


def _documents_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Each document's best candidate, then the others."""
    first: dict[str, str] = {}
    for candidate in candidates:
        first.setdefault(candidate.document.id, candidate.chunk.id)
    return sorted(candidates, key=lambda c: first[c.document.id] != c.chunk.id)


def _sure(candidates: Sequence[Candidate]) -> float:
    return sureness([c.reading for c in candidates if c.reading.end > c.reading.start])


def _title(document: Document, chunk: Chunk) -> str:
    parts = [document.title, *(h for h in chunk.headings if h != document.title)]
    return " > ".join(part for part in parts if part)


def _text(documents: Mapping[str, Document], chunk: Chunk) -> str:
    return documents[chunk.document].text[chunk.start : chunk.end]


def _citation(candidate: Candidate, start: int, end: int) -> Citation:
    chunk, document = candidate.chunk, candidate.document
    at, to = chunk.start + start, chunk.start + end
    page = chunk.page
    if document.page_starts:
        page = int(np.searchsorted(document.page_starts, at, side="right"))
    return Citation(
        document=document.id, source=document.source, heading=" > ".join(chunk.headings), page=page, chunk=chunk.id,
        quote=document.text[at:to], start=at, end=to, score=round(candidate.reading.probability, 6),
    )  # fmt: skip


def _shown(quote: str) -> str:
    """A quotation as running text: its line breaks are the document's layout, unless it is code or a list."""
    lines = quote.splitlines()
    plain = all(not line.startswith(("    ", "\t", ">>>", "-", "*", "|", "`")) for line in lines)
    return " ".join(line.strip() for line in lines) if plain else quote
