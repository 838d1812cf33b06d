"""What a question and a passage have in common, as a short row of numbers.

Each signal is cheap (words, numbers, names, static vectors: about a millisecond a passage) and has a reason that
a person can check: which share of the question's weight (inverse document frequency, Sparck Jones 1972) stands in
the passage, in its best sentences and in its title; whether the numbers and names asked about are there; whether
the kind of thing asked for (a date, a number, a name, an instruction) stands near the shared words; how near the
vectors of passage and sentence are. `relative` adds how a passage compares with the best of its rivals, which is
what tells a near miss from an answer. Rows depend on the question's own candidates alone, not on their order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from whelm.answer.kinds import answer_kinds, kinds_in
from whelm.core.types import Embedder
from whelm.text.analyzer import analyzer_for
from whelm.text.sentences import sentences

__all__ = ["SIGNALS", "Passage", "SignalReader", "WordWeights", "relative"]

SIGNALS = (
    "words",  # weighted share of the question's words in title and passage
    "words_sentence",  # ... in the best sentence
    "words_two",  # ... in the best two neighbouring sentences
    "words_title",
    "words_local",  # the same share, weighted by rarity among the candidates
    "bm25",
    "missing",  # weight of the rarest question word that is absent, softened by near words
    "missing_exact",
    "soft",  # share of weight found as the same or a near word (static vectors)
    "soft_sentence",
    "pairs",  # neighbouring question words that are neighbours in the passage too
    "typos",  # share of weight found by letters (for misspellings and compounds)
    "numbers",
    "names",
    "kind",  # the kind of answer asked for stands in the best sentences
    "unit",  # "how many minutes": a number stands near "minutes"
    "static",
    "static_sentence",
    "cosine",
    "score",
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A candidate to be read: its text, what stands above it, and what search already knows of it."""

    text: str
    title: str = ""  # title and headings
    score: float = 0.0  # of text search; compared among the candidates of one question only
    cosine: float | None = None  # of the encoder's vectors of question and passage, where there are such

    @property
    def shown(self) -> str:
        """What of it the encoder embeds."""
        return f"{self.title}. {self.text}" if self.title else self.text


class WordWeights:
    """Inverse document frequency of stems over known passages; an unknown word weighs most."""

    def __init__(self, counts: Mapping[str, int], num_passages: int) -> None:
        self.counts = dict(counts)
        self.num_passages = num_passages

    @classmethod
    def of(cls, passages: Sequence[tuple[str, str]]) -> WordWeights:
        """Counts over (text, language) pairs."""
        counts: dict[str, int] = {}
        for text, language in passages:
            for stem in set(analyzer_for(language).tokens(text)):
                counts[stem] = counts.get(stem, 0) + 1
        return cls(counts, len(passages))

    def __call__(self, stem: str) -> float:
        return math.log(1.0 + (self.num_passages + 0.5) / (self.counts.get(stem, 0) + 0.5))


@dataclass(slots=True)
class PreparedPassage:
    """A passage cut into words and sentences once, however many questions are asked of it."""

    text: str
    words: list[tuple[str, int, int]]
    stems: dict[str, int]
    title_stems: frozenset[str]
    spans: list[tuple[int, int]]
    sentence_stems: list[frozenset[str]]
    surfaces: list[str] = field(default_factory=list)
    surface_vectors: NDArray[np.float32] | None = None
    surface_sentence: NDArray[np.int64] | None = None
    sentence_vectors: NDArray[np.float32] | None = None
    vector: NDArray[np.float32] | None = None


class SignalReader:
    """Computes the row of signals for each candidate of a question; keeps prepared passages while they are warm."""

    def __init__(self, weights: WordWeights, static: Embedder | None, cache_size: int = 4096) -> None:
        self.weights = weights
        self.static = static
        self._prepare = lru_cache(maxsize=cache_size)(self._prepare_passage)
        self._word_vectors: dict[str, NDArray[np.float32]] = {}

    def rows(self, question: str, passages: Sequence[Passage], language: str = "en") -> NDArray[np.float32]:
        """The signals of each passage, float32 [passages, len(SIGNALS)]."""
        return self.rows_and_sentences(question, passages, language)[0]

    def rows_and_sentences(
        self, question: str, passages: Sequence[Passage], language: str = "en"
    ) -> tuple[NDArray[np.float32], list[tuple[list[tuple[int, int]], NDArray[np.float32]]]]:
        """The signals, and for each passage its sentences with a score of how well each fits the question."""
        prepared = [self._prepare(p.text, p.title, language) for p in passages]
        asked = self._question(question, language, prepared)
        rows = np.zeros((len(passages), len(SIGNALS)), np.float32)
        scored = []
        for i, (passage, ready) in enumerate(zip(passages, prepared, strict=True)):
            rows[i], sentence_scores = self._row(asked, passage, ready)
            scored.append((ready.spans, sentence_scores))
        return rows, scored

    # ------------------------------------------------------------------ preparation

    def _prepare_passage(self, text: str, title: str, language: str) -> PreparedPassage:
        analyzer = analyzer_for(language)
        words = analyzer.words(text)
        spans = sentences(text, language) or [(0, len(text))]
        sentence_of = np.searchsorted([end for _, end in spans], [start for _, start, _ in words], side="right")
        groups: list[set[str]] = [set() for _ in spans]
        stems: dict[str, int] = {}
        for (stem, _, _), s in zip(words, sentence_of, strict=True):
            stems[stem] = stems.get(stem, 0) + 1
            groups[min(int(s), len(spans) - 1)].add(stem)
        ready = PreparedPassage(
            text, words, stems, frozenset(analyzer.tokens(title)), spans, [frozenset(g) for g in groups]
        )
        if self.static is not None:
            place: dict[tuple[str, int], None] = {}
            for (_, start, end), s in zip(words, sentence_of, strict=True):
                place[text[start:end].casefold(), min(int(s), len(spans) - 1)] = None
            ready.surfaces = [surface for surface, _ in place]
            ready.surface_sentence = np.array([s for _, s in place], np.int64)
            ready.surface_vectors = self._vectors_of_words(ready.surfaces)
            vectors = self.static.embed([text[a:b] for a, b in spans] + [f"{title} {text}"])
            ready.sentence_vectors, ready.vector = vectors[:-1], vectors[-1]
        return ready

    def _vectors_of_words(self, surfaces: Sequence[str]) -> NDArray[np.float32]:
        assert self.static is not None
        unknown = sorted({s for s in surfaces if s not in self._word_vectors})
        if unknown:
            if len(self._word_vectors) > 200_000:  # bounds memory at about 200 MB
                self._word_vectors.clear()
                unknown = sorted(set(surfaces))
            for surface, vector in zip(unknown, self.static.embed(unknown), strict=True):
                self._word_vectors[surface] = vector
        if not surfaces:
            return np.zeros((0, self.static.dimension), np.float32)
        return np.stack([self._word_vectors[s] for s in surfaces])

    def _question(self, question: str, language: str, prepared: Sequence[PreparedPassage]) -> AskedQuestion:
        words = analyzer_for(language).words(question)
        stems = list(dict.fromkeys(stem for stem, _, _ in words))
        surfaces = {stem: question[a:b].casefold() for stem, a, b in words}
        weights = np.array([self.weights(s) for s in stems], np.float32)
        present = np.array([sum(s in p.stems or s in p.title_stems for p in prepared) for s in stems], np.float32)
        local = weights * np.log(1.0 + (len(prepared) + 0.5) / (present + 0.5)).astype(np.float32)
        vectors = sentence = None
        if self.static is not None:
            vectors = self._vectors_of_words([surfaces[s] for s in stems])
            sentence = self.static.embed([question], kind="query")[0]
        # a name in a question: a capital letter inside it, or a sign that prose does not use
        names = [
            stem
            for n, (stem, a, b) in enumerate(words)
            if (a > 0 and question[a].isupper()) or re.search(r"[\d_.]|[a-z][A-Z]", question[a:b])
        ]
        numbers = re.findall(r"\d+(?:[.,:]\d+)*", question)
        length = float(np.mean([sum(p.stems.values()) for p in prepared])) if prepared else 1.0
        return AskedQuestion(
            question, stems, weights, local, vectors, sentence, frozenset(names), frozenset(numbers),
            [(a, b) for (a, _, _), (b, _, _) in zip(words, words[1:])], answer_kinds(question, language),
            _unit(question, language), max(length, 1.0),
        )  # fmt: skip

    # ------------------------------------------------------------------ one row

    def _row(
        self, asked: AskedQuestion, passage: Passage, ready: PreparedPassage
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        total = float(asked.weights.sum()) or 1.0
        in_passage = np.array([s in ready.stems for s in asked.stems], np.float32)
        in_title = np.array([s in ready.title_stems for s in asked.stems], np.float32)
        anywhere = np.maximum(in_passage, in_title)
        hits_SW = np.array([[s in group for s in asked.stems] for group in ready.sentence_stems], np.float32)
        hits_SW = hits_SW.reshape(len(ready.spans), len(asked.stems))
        soft, soft_SW, soft_words = float(anywhere @ asked.weights) / total, hits_SW, anywhere
        static = static_sentences = None
        if asked.vectors is not None and asked.vector is not None and ready.sentence_vectors is not None:
            assert ready.vector is not None
            soft_SW, soft_words = _soft_hits(asked, ready, hits_SW, anywhere)
            soft = float(soft_words @ asked.weights) / total
            static = float(asked.vector @ ready.vector)
            static_sentences = ready.sentence_vectors @ asked.vector
        share_S = hits_SW @ asked.weights / total
        soft_S = soft_SW @ asked.weights / total
        two = np.maximum(hits_SW[:-1], hits_SW[1:]) @ asked.weights / total if len(ready.spans) > 1 else share_S
        scores = 0.5 * share_S + 0.5 * soft_S + (static_sentences if static_sentences is not None else 0.0)
        best = int(np.argmax(scores)) if len(ready.spans) else 0
        tf = np.array([ready.stems.get(s, 0) + 2 * (s in ready.title_stems) for s in asked.stems], np.float32)
        norm = 0.9 * (0.6 + 0.4 * sum(ready.stems.values()) / asked.mean_length)
        missing = asked.weights * (1.0 - soft_words)
        values = {
            "words": float(anywhere @ asked.weights) / total,
            "words_sentence": float(share_S.max(initial=0.0)),
            "words_two": float(two.max(initial=0.0)),
            "words_title": float(in_title @ asked.weights) / total,
            "words_local": float(anywhere @ asked.local) / (float(asked.local.sum()) or 1.0),
            "bm25": float((asked.weights * tf * 1.9 / (tf + norm)).sum()) / total,
            "missing": float(missing.max(initial=0.0)) / 5.0,
            "missing_exact": float((asked.weights * (1.0 - anywhere)).max(initial=0.0)) / 5.0,
            "soft": float(soft),
            "soft_sentence": float(soft_S.max(initial=0.0)),
            "pairs": _pairs(asked, ready),
            "typos": _typos(asked, ready, anywhere, total),
            "numbers": _share(asked.numbers, lambda n: n in ready.text or n in passage.title),
            "names": _share(asked.names, lambda n: n in ready.stems or n in ready.title_stems),
            "kind": _kind(asked, ready, best),
            "unit": _unit_signal(asked, ready),
            "static": static if static is not None else 0.0,
            "static_sentence": float(static_sentences.max()) if static_sentences is not None else 0.0,
            "cosine": passage.cosine if passage.cosine is not None else 0.0,
            "score": passage.score,
        }
        return np.array([values[name] for name in SIGNALS], np.float32), scores.astype(np.float32)


@dataclass(slots=True)
class AskedQuestion:
    """A question cut into words once for all its candidates."""

    text: str
    stems: list[str]
    weights: NDArray[np.float32]
    local: NDArray[np.float32]
    vectors: NDArray[np.float32] | None
    vector: NDArray[np.float32] | None
    names: frozenset[str]
    numbers: frozenset[str]
    pairs: list[tuple[str, str]]
    kinds: frozenset[str]
    unit: frozenset[str]
    mean_length: float


def relative(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each signal less that of the best rival: float32 [passages, signals]; of a lone passage, zeros."""
    if len(rows) < 2:
        return np.zeros_like(rows)
    ordered = np.sort(rows, axis=0)
    best, second = ordered[-1], ordered[-2]
    rival = np.where(rows >= best, second, best)
    return (rows - rival).astype(np.float32)


def _soft_hits(
    asked: AskedQuestion, ready: PreparedPassage, hits_SW: NDArray[np.float32], anywhere: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """As exact hits, but a near word counts by its cosine above 0.3: words unlike each other are about 0.1 apart."""
    if asked.vectors is None or ready.surface_vectors is None or not len(ready.surfaces) or not asked.stems:
        return hits_SW, anywhere
    near_WV = np.clip((asked.vectors @ ready.surface_vectors.T - 0.3) / 0.7, 0.0, 1.0)
    soft_SW = np.zeros_like(hits_SW)
    assert ready.surface_sentence is not None
    np.maximum.at(soft_SW, ready.surface_sentence, near_WV.T)
    soft_SW = np.maximum(soft_SW, hits_SW)
    return soft_SW, np.maximum(near_WV.max(axis=1), anywhere)


def _pairs(asked: AskedQuestion, ready: PreparedPassage) -> float:
    if not asked.pairs:
        return 0.0
    stems = [w for w, _, _ in ready.words]
    neighbours = set(zip(stems, stems[1:])) | set(zip(stems, stems[2:]))
    return sum(p in neighbours for p in asked.pairs) / len(asked.pairs)


def _typos(asked: AskedQuestion, ready: PreparedPassage, anywhere: NDArray[np.float32], total: float) -> float:
    found = anywhere.copy()
    grams = [(s, _trigrams(s)) for s in ready.stems if len(s) > 3]
    for i, stem in enumerate(asked.stems):
        if found[i] or len(stem) < 4:
            continue
        mine = _trigrams(stem)
        best = max((2 * len(mine & g) / (len(mine) + len(g)) for _, g in grams), default=0.0)
        inside = any(stem in s or (s in stem and len(s) > 4) for s, _ in grams)
        found[i] = max(best if best > 0.45 else 0.0, 0.8 * inside)
    return float(found @ asked.weights) / total


@lru_cache(maxsize=65_536)
def _trigrams(word: str) -> frozenset[str]:
    padded = f" {word} "
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2))


def _share(wanted: frozenset[str], found) -> float:  # type: ignore[no-untyped-def]
    """Share of what was asked about that is there, less one: 0 where nothing was asked about or all is found."""
    return sum(bool(found(w)) for w in wanted) / len(wanted) - 1.0 if wanted else 0.0


def _kind(asked: AskedQuestion, ready: PreparedPassage, best: int) -> float:
    """+1: a wanted kind of thing stands in or next to the best sentence; -1: it does not; 0: no kind is wanted."""
    if not asked.kinds:
        return 0.0
    spans = ready.spans[max(0, best - 1) : best + 2]
    near = ready.text[spans[0][0] : spans[-1][1]] if spans else ready.text
    return 1.0 if asked.kinds & kinds_in(near) else -1.0


def _unit(question: str, language: str) -> frozenset[str]:
    match = re.search(r"\bhow (?:many|much|long)\s+((?:[\w-]+\s+){0,2}[\w-]+)", question, re.IGNORECASE)
    if language != "en" or match is None:
        return frozenset()
    return frozenset(analyzer_for(language).tokens(match.group(1))[:2])


def _unit_signal(asked: AskedQuestion, ready: PreparedPassage) -> float:
    if not asked.unit:
        return 0.0
    digits = [i for i, (_, a, b) in enumerate(ready.words) if re.search(r"\d", ready.text[a:b])]
    places = [i for i, (stem, _, _) in enumerate(ready.words) if stem in asked.unit]
    return 1.0 if any(abs(i - j) <= 3 for i in digits for j in places) else -1.0
