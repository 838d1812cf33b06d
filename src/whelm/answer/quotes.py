"""Which sentences are quoted: the best supported ones, up to three, from one passage or several.

    s = fit (shared and near words, static vectors) + cosine of question and sentence - distance of its passage
        + a bonus for the sentence that opens its passage

The fit and, where there is an encoder, the cosine say how well a sentence answers; the distance of its passage's score
from the best one's keeps to the passages that rank high, yet lets what contradicts stand side by side. What opens a
passage says mostly what it is about (0.4 was best on people's questions about three folders). The first
quotation is of the best passage; where there are fewer than three, what stands beside it is quoted too, for it says
mostly more of the same. Headings and questions (of a list of questions and answers) are never quoted for themselves,
code and output seldom; a sentence that only announces ("do as follows:") takes what follows with it. Spans never overlap.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Quotable", "choose_quotes"]

MOST = 3
_PASSAGE = 0.25  # a point of a passage's score against one of a sentence's
_ENOUGH = 0.7  # of the best sentence, for a further one
_LONGEST = 900
_CODE = 1.2
_OPENS = 0.4
_CODE_LINE = re.compile(
    r"^(?:>>>|\.\.\.|\$ | {4,}\S|\t)|[{};]\s*$|^\w+(?:\.\w+)* ?= |^(?:def|class|import|from|let|fn|use|pub) \w",
    re.MULTILINE,
)
_FENCE = re.compile(r"^ *(?:```|~~~)", re.MULTILINE)
_VALUE = re.compile(r"""\s*[<\[({'"]""")
_PROSE = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,} [^\W\d_]")
_HEADING = re.compile(
    r"^(?:#{1,6}\s|[\d.]+\s+[A-Z][^.]*$|[=\-~^]{3,}$|[\w.]+\([^)]*\)(?: -> .+)?$)"
)  # and bare signatures


@dataclass(frozen=True, slots=True)
class Quotable:
    """A passage that was read: its sentences, how well each fits, and the passage's score in the ranking."""

    text: str
    headings: frozenset[str]
    spans: Sequence[tuple[int, int]]
    fits: NDArray[np.float32]
    score: float


def choose_quotes(passages: Sequence[Quotable]) -> list[tuple[int, int, int]]:
    """(passage, start, end) of each quotation, the best passage's first; passages come best first."""
    scored = [
        (score - _PASSAGE * (passages[0].score - passage.score), place, number)
        for place, passage in enumerate(passages)
        for score, number in _sentence_scores(passage)
    ]
    own = [entry for entry in scored if entry[1] == 0]
    if not own:
        return [(0, *passages[0].spans[0])] if passages and passages[0].spans else []
    first = max(own)
    picked = {(first[1], first[2])}
    for score, place, number in sorted(scored, reverse=True):
        if len(picked) < MOST and score >= _ENOUGH * first[0] and score > 0:
            picked.add((place, number))
    beside = {number for _, place, number in own if not _code(passages[place], number)}
    for number in (first[2] + 1, first[2] - 1, first[2] + 2):
        if len(picked) < MOST and number in beside:
            picked.add((0, number))
    quotes: list[tuple[int, int, int]] = []
    for place in sorted({place for place, _ in picked}):
        numbers = {number for where, number in picked if where == place}
        quotes += [(place, start, end) for start, end in _spans(passages[place], numbers)]
    return quotes


def _sentence_scores(passage: Quotable) -> list[tuple[float, int]]:
    """(score, number) of each sentence that may be quoted."""
    numbers = [number for number in range(len(passage.fits)) if _quotable(passage, number)]
    costs = {number: _code(passage, number) for number in numbers}
    opens = next((number for number in numbers if not costs[number]), -1)
    return [(float(passage.fits[n]) - costs[n] + _OPENS * (n == opens), n) for n in numbers]


def _quotable(passage: Quotable, number: int) -> bool:
    start, end = passage.spans[number]
    sentence = passage.text[start:end].strip()
    if passage.text.rfind("<!--", 0, end) > passage.text.rfind("-->", 0, start):
        return False  # a comment in the source, which no reader of the page sees
    bare = sentence.strip("#*_`= ").casefold()
    return not (
        bare in passage.headings or _HEADING.match(sentence) or sentence.endswith(("?", "？")) or len(sentence) < 12
    )


def _code(passage: Quotable, number: int) -> float:
    """What is code answers seldom by itself: its prose does."""
    start, end = passage.spans[number]
    sentence = passage.text[start:end]
    fences = len(_FENCE.findall(passage.text, 0, start))
    value = sentence.isascii() and _VALUE.match(sentence) and not _PROSE.search(sentence)
    return _CODE if fences % 2 or value or _CODE_LINE.search(sentence) else 0.0


def _spans(passage: Quotable, numbers: set[int]) -> list[tuple[int, int]]:
    """The spans in order, neighbours joined; what only announces takes the next sentence with it."""
    for number in sorted(numbers):
        start, end = passage.spans[number]
        if passage.text[start:end].rstrip().endswith((":", "：")) and number + 1 < len(passage.spans):
            numbers.add(number + 1)
    out: list[tuple[int, int]] = []
    for number in sorted(numbers):
        start, end = passage.spans[number]
        if out and not passage.text[out[-1][1] : start].strip() and end - out[-1][0] <= _LONGEST:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out
