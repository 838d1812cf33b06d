"""People's own questions: a JSON Lines file, one question a line, checked before anything is asked.

    {"question": "...", "document": "guide/*.md", "answer": "30 days"}        the answer must contain this text
    {"question": "...", "document": ["a.md", "b.md"], "answer_regex": "30 ?d"}   ... or match this expression
    {"question": "..."}                                                       no document: must be refused

`document` is a glob over document names (`*` crosses "/"), or a list of such; where several are named, any of them
is right. The first wrong line stops the reading with its number and what is wrong with it.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whelm.core.errors import DataError, MissingError
from whelm.measure.text import answer_tokens, normalize_answer

__all__ = ["OwnQuestion", "answer_is_right", "matches", "read_questions"]

_KNOWN = {"id", "question", "document", "answer", "answer_regex", "kind", "language", "why"}
_MAX_LINE = 1_000_000


@dataclass(frozen=True, slots=True)
class OwnQuestion:
    """A question by a person; without documents it must be refused."""

    question: str
    documents: tuple[str, ...] = ()
    answer: str = ""
    answer_regex: str = ""
    kind: str = "own"

    @property
    def answerable(self) -> bool:
        return bool(self.documents)


def read_questions(path: Path) -> list[OwnQuestion]:
    """All questions of a file."""
    if not path.is_file():
        raise MissingError(
            f"there is no file of questions at {path}",
            'one JSON object a line: {"question": "...", "document": "*.md"}',
        )
    questions = []
    with path.open(encoding="utf-8", errors="strict") as file:
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    questions.append(_question(line, f"{path}:{number}"))
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 text: {error}", "save it as UTF-8") from error
    if not questions:
        raise DataError(f"{path} holds no questions", 'one JSON object a line: {"question": "...", "document": "*.md"}')
    return questions


def _question(line: str, where: str) -> OwnQuestion:
    if len(line) > _MAX_LINE:
        raise DataError(f"{where}: a line of {len(line):,} characters", f"at most {_MAX_LINE:,}")
    try:
        row: Any = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{where}: not JSON: {error}", "one JSON object a line") from error
    if not isinstance(row, dict) or not isinstance(row.get("question"), str) or not row["question"].strip():
        raise DataError(
            f'{where}: expected an object with a "question" of text', 'such as {"question": "How long is leave?"}'
        )
    if unknown := set(row) - _KNOWN:
        raise DataError(f"{where}: unknown key {sorted(unknown)[0]!r}", f"known are {', '.join(sorted(_KNOWN))}")
    documents = row.get("document") or []
    documents = [documents] if isinstance(documents, str) else documents
    if not isinstance(documents, list) or not all(isinstance(name, str) for name in documents):
        raise DataError(f'{where}: "document" must be a pattern or a list of patterns, found {row["document"]!r}')
    pattern = row.get("answer_regex") or ""
    answer = row.get("answer") or ""
    if not isinstance(pattern, str) or not isinstance(answer, str):
        raise DataError(f'{where}: "answer" and "answer_regex" must be text')
    try:
        re.compile(pattern)
    except re.error as error:
        raise DataError(f'{where}: "answer_regex" is not a regular expression: {error}') from error
    return OwnQuestion(row["question"], tuple(documents), answer, pattern, str(row.get("kind") or "own"))


def matches(document: str, patterns: Sequence[str], twins: Iterable[str] = ()) -> bool:
    """Is the document, or one that says the same, among those named?"""
    return any(name == p or fnmatch.fnmatchcase(name, p) for name in (document, *twins) for p in patterns)


def answer_is_right(question: OwnQuestion, answer: str) -> bool:
    """Does the answer say what was asked for? Without an expected text, any answer is taken as right.

    An expected text is there if it is contained after normalization, or if 80% of its words are.
    """
    if question.answer_regex:
        return re.search(question.answer_regex, answer, re.IGNORECASE | re.DOTALL) is not None
    if not question.answer:
        return True
    if normalize_answer(question.answer) in normalize_answer(answer):
        return True
    wanted, said = answer_tokens(question.answer), set(answer_tokens(answer))
    return bool(wanted) and sum(token in said for token in wanted) >= 0.8 * len(wanted)
