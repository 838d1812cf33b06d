"""Examples that teach the reader: a question, the passages put before it, which of them answer and where.

They come from the package's own sets (grounded_answers: `examples_of`), from files in SQuAD's form
(`examples_of_squad`) and from a folder's own questions (made in `build/`). Whoever makes examples keeps the `group`
(a set, an article, a document): folds are cut by group, never by question, so that nothing leaks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whelm.answer.signals import Passage
from whelm.core.errors import DataError
from whelm.core.random import fraction
from whelm.data.grounded import GroundedSet

__all__ = ["ReadingExample", "examples_of", "examples_of_squad", "fold_of", "in_test_fold", "record_of", "tight_answer"]


@dataclass(frozen=True, slots=True)
class ReadingExample:
    """A question over passages. `spans` holds (passage, start, end) in the passage's text; none: nothing answers."""

    question: str
    passages: tuple[Passage, ...]
    spans: tuple[tuple[int, int, int], ...] = ()
    tight: tuple[tuple[int, int, int], ...] = ()  # the shortest answers, where they are known
    language: str = "en"
    group: str = ""
    kind: str = ""
    weight: float = 1.0  # in the joint models: kinds that are closer to people's questions count more

    @property
    def golds(self) -> frozenset[int]:
        """The passages that answer."""
        return frozenset(p for p, _, _ in self.spans)


def in_test_fold(set_id: str) -> bool:
    """The sets of grounded_answers that are never used to teach, tune or choose."""
    return int(hashlib.sha256(set_id.encode()).hexdigest(), 16) % 5 == 0


def fold_of(group: str, num_folds: int = 5, purpose: str = "answer/fold") -> int:
    """A fold by group. Folds within folds need a purpose of their own, or the inner ones would be empty."""
    return int(fraction(purpose, group) * num_folds)


def examples_of(sets: Iterable[GroundedSet | Mapping[str, Any]], follow_ups: bool = True) -> list[ReadingExample]:
    """Examples of sets, loaded or in the form of their file; a follow-up is asked in its standalone wording."""
    out = []
    for one in sets:
        one = record_of(one)
        try:
            passages = tuple(Passage(p["text"], p["title"]) for p in one["passages"])
            for qa in one["qas"]:
                if "after" in qa and not follow_ups:
                    continue
                out.append(_example(one, passages, qa))
        except (KeyError, TypeError, IndexError) as error:
            raise DataError(
                f"set {one.get('id', '?')!r} lacks {error}", "the form is that of grounded_answers/README.md"
            ) from error
    return out


def record_of(one: GroundedSet | Mapping[str, Any]) -> Mapping[str, Any]:
    """A set in the form of its file, in which passages count from 1."""
    if not isinstance(one, GroundedSet):
        return one
    questions = []
    for q in one.questions:
        record: dict[str, Any] = {"question": q.question, "answer": q.answer or None, "kind": q.kind or "unanswerable"}
        record["evidence"] = [{"passage": e.passage + 1, "quote": e.text} for e in q.evidence]
        if q.after is not None:
            record |= {"after": q.after, "standalone": q.standalone}
        questions.append(record)
    passages = [{"title": p.title, "text": p.text} for p in one.passages]
    return {"id": one.id, "language": one.language, "passages": passages, "qas": questions}


def _example(one: Mapping[str, Any], passages: tuple[Passage, ...], qa: Mapping[str, Any]) -> ReadingExample:
    spans, tight = [], []
    for evidence in qa.get("evidence", ()):
        place = evidence["passage"] - 1
        start = passages[place].text.find(evidence["quote"])
        if start < 0:
            raise DataError(
                f"set {one['id']!r}: the quote {evidence['quote'][:60]!r} does not stand in passage {place + 1}",
                "quotes are verbatim, passages count from 1",
            )
        spans.append((place, start, start + len(evidence["quote"])))
        short = tight_answer(qa["question"], qa["answer"], evidence["quote"])
        if short:
            tight.append((place, start + short[0], start + short[1]))
    question = qa.get("standalone") or qa["question"]
    return ReadingExample(
        question, passages, tuple(spans), tuple(tight), one["language"], one["id"], qa.get("kind", "unanswerable")
    )


def tight_answer(question: str, answer: str, quote: str) -> tuple[int, int] | None:
    """The part of the quote that the answer repeats and the question does not hold; None where it is unclear.

    The words of the quote that stand in the answer and not in the question, from the first to the last of the
    longest run (gaps of up to two small words are bridged).
    """
    words = [(m.group().casefold(), m.start(), m.end()) for m in re.finditer(r"\w+(?:[.,:/-]\w+)*", quote)]
    said = set(re.findall(r"\w+(?:[.,:/-]\w+)*", re.sub(r"\[\d+\]", "", answer).casefold()))
    asked = set(re.findall(r"\w+(?:[.,:/-]\w+)*", question.casefold()))
    new = [w in said and w not in asked for w, _, _ in words]
    runs: list[tuple[int, int]] = []
    for i, is_new in enumerate(new):
        if not is_new:
            continue
        if runs and i - runs[-1][1] <= 2:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    if not runs:
        return None
    first, last = max(runs, key=lambda run: run[1] - run[0])
    return words[first][1], words[last][2]


def examples_of_squad(
    articles: Sequence[Mapping[str, Any]], num_others: int = 2, language: str = "en", whole_article: bool = False
) -> list[ReadingExample]:
    """Examples of files in SQuAD's form: the question's passage among others of the same article.

    num_others: passages beside the right one, drawn by name; `whole_article` takes all of them
    """
    out = []
    for article in articles:
        texts = [p["context"] for p in article["paragraphs"]]
        title = article.get("title", "").replace("_", " ")
        for place, paragraph in enumerate(article["paragraphs"]):
            for qa in paragraph["qas"]:
                others = sorted(
                    (i for i in range(len(texts)) if texts[i] != texts[place]),
                    key=lambda i: fraction("answer/others", qa["id"], str(i)),
                )
                chosen = [place, *(others if whole_article else others[:num_others])]
                # the right one must not always be the first: order by name
                chosen.sort(key=lambda i: fraction("answer/order", qa["id"], str(i)))
                spans = tuple(
                    dict.fromkeys(
                        (chosen.index(place), a["answer_start"], a["answer_start"] + len(a["text"]))
                        for a in qa.get("answers", ())
                    )
                )
                passages = tuple(Passage(texts[i], title) for i in chosen)
                out.append(
                    ReadingExample(qa["question"], passages, spans, spans, language, title, "span" if spans else "none")
                )
    return out
