"""BM25 over search tokens, kept by tantivy.

    score(q, d) = sum over terms t of  w_t * log(1 + (N - n_t + 0.5) / (n_t + 0.5)) * f * (k1 + 1)
                                       / (f + k1 * (1 - b + b * |d| / avg|d|)),    k1 = 1.2, b = 0.75

(Robertson and Zaragoza 2009, as Lucene and tantivy write it; |d| is kept in one byte, so scores differ from the
exact ones by a few percent.) Tokens come analyzed from `text/analyzer.py` and are indexed as they come; queries
are built from terms and never parsed, so no syntax in a question has a meaning. Titles and headings are a second
field, whose score counts `title_weight` times on top of the body, which holds their words too.

Invariant: the folder is built whole and never changed, so no deleted text or stale statistic can stay in it, and
equal lines give equal scores and order. Cost: 0.04 s a thousand chunks to build, a millisecond to ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tantivy
from numpy.typing import NDArray

from whelm.core.errors import CorruptError

__all__ = ["MAX_TERMS", "TextIndex", "build_text_index", "token_line"]

MAX_TERMS = 128  # of a query: more are a pasted page, not a question
_MAX_TOKEN = 128  # as in the analyzer; tantivy refuses very long terms
_HEAP_BYTES = 256_000_000


def token_line(tokens: Iterable[str]) -> str:
    """Tokens as the one string that is kept and indexed; `token_line` of it split again is itself."""
    return _valid(" ".join(part[:_MAX_TOKEN] for token in tokens for part in token.split()))


def build_text_index(folder: Path, lines: Iterable[tuple[str, str]]) -> None:
    """Write the index of `lines`: (token line of the body, token line of title and headings) of each chunk.

    A chunk goes by its place in `lines`, from 0; chunks with equal scores come back in this order.
    """
    folder.mkdir(parents=True)
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("place", indexed=True, fast=True)
    builder.add_text_field("body", tokenizer_name="whitespace_only", index_option="freq")
    builder.add_text_field("title", tokenizer_name="whitespace_only", index_option="freq")
    index = tantivy.Index(builder.build(), str(folder))
    _register(index)
    writer = index.writer(_HEAP_BYTES, 1)  # one thread: lines keep their order
    for place, (body, title) in enumerate(lines):
        record = tantivy.Document()
        record.add_unsigned("place", place)
        record.add_text("body", body)
        record.add_text("title", title)
        writer.add_document(record)
    writer.commit()
    writer.wait_merging_threads()


class TextIndex:
    """A built text index, open for reading."""

    def __init__(self, folder: Path) -> None:
        try:
            self._index = tantivy.Index.open(str(folder))
            _register(self._index)
            self._searcher = self._index.searcher()
        except (ValueError, OSError) as error:
            raise CorruptError(
                f"the text index {folder} cannot be opened: {error}",
                "build the index again: whelm build or whelm update",
            ) from error
        self._schema = self._index.schema

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def search(
        self, terms: Mapping[str, float], k: int, title_weight: float, among: Sequence[int] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The best `k` places for weighted terms: (places [n], scores [n]), best first, equal ones in order of place.

        With `among`, only these places; those that hold no term are left out.
        """
        wanted = dict(list(terms.items())[:MAX_TERMS])
        if not wanted or k < 1 or (among is not None and not among):
            return np.empty(0, np.int64), np.empty(0, np.float64)
        query = self._query(wanted, title_weight)
        if among is not None:
            # a filter that adds nothing to the score
            chosen = tantivy.Query.term_set_query(self._schema, "place", [int(place) for place in among])
            query = tantivy.Query.boolean_query(
                [(tantivy.Occur.Must, tantivy.Query.const_score_query(chosen, 0.0)), (tantivy.Occur.Must, query)]
            )
        hits = self._searcher.search(query, min(k, max(len(self), 1)), count=False).hits
        found = self._searcher.fast_field_values("place", [address for _, address in hits])
        return np.array(found, np.int64), np.array([score for score, _ in hits], np.float64)

    def document_frequency(self, term: str) -> int:
        """How many chunks hold `term` in their body."""
        return int(self._searcher.doc_freq("body", term))

    def _query(self, terms: Mapping[str, float], title_weight: float) -> tantivy.Query:
        fields = [("body", 1.0)] + ([("title", title_weight)] if title_weight > 0 else [])
        return tantivy.Query.boolean_query(
            [
                (
                    tantivy.Occur.Should,
                    tantivy.Query.boost_query(
                        tantivy.Query.term_query(self._schema, field, _valid(term[:_MAX_TOKEN]), "freq"), weight * boost
                    ),
                )
                for term, weight in terms.items()
                for field, boost in fields
            ]
        )


def _valid(text: str) -> str:
    # half of a surrogate pair, as a JSON file may hold it, is no character that can be searched for
    return text if text.isascii() else text.encode("utf-8", "ignore").decode()


def _register(index: tantivy.Index) -> None:
    # tokenizers are not kept in the folder: each opening names them again
    analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
    index.register_tokenizer("whitespace_only", analyzer)
