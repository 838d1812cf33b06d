"""The package's own questions: sets of passages with questions, cited answers, refusals and follow-ups.

They teach and calibrate the reader, and their test fold, int(sha256(id), 16) % 5 == 0, is kept for tests: split by set,
never by question. Loading checks every record: quotes stand verbatim in their passages, citations and follow-ups
point at what exists; an error names file, line and id. Read in about 50 ms.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from whelm.core.errors import DataError

__all__ = [
    "GroundedQuestion", "GroundedSet", "Passage", "Quote", "is_test", "load_everyday_sets", "load_grounded_sets",
    "load_teaching_sets", "parse_set",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Passage:
    """A titled text."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Evidence: `sets.passages[passage].text[start:end] == text`; passages count from 0 here, from 1 in the file."""

    passage: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GroundedQuestion:
    """A question about the passages of its set."""

    id: str
    question: str
    answer: str  # empty where the passages do not say; cites as "[2]"
    kind: str = ""
    evidence: tuple[Quote, ...] = ()
    why: str = ""  # the passages do not say
    after: int | None = None  # the question that this one follows
    standalone: str = ""  # a follow-up in full

    @property
    def answerable(self) -> bool:
        return bool(self.answer)


@dataclass(frozen=True, slots=True)
class GroundedSet:
    """Passages near each other in topic, and what is asked about them."""

    id: str
    domain: str
    language: str
    passages: tuple[Passage, ...]
    questions: tuple[GroundedQuestion, ...]

    @property
    def test(self) -> bool:
        return is_test(self.id)

    @property
    def teaches_encoder(self) -> bool:
        """Three folds of five teach the encoder, another the reader: it must not read what its encoder knows by heart."""
        return self.language == "en" and _fold(self.id) >= 2


def is_test(identifier: str) -> bool:
    """Whether a set belongs to the fold that is never used for teaching or tuning."""
    return _fold(identifier) == 0


def _fold(identifier: str) -> int:
    return int(hashlib.sha256(identifier.encode()).hexdigest(), 16) % 5


def load_everyday_sets() -> list[GroundedSet]:
    """The sets of `assets/everyday_questions`: small ones, asked in people's words; the same form, the same test fold."""
    return load_grounded_sets(Path(str(resources.files("whelm").joinpath("assets", "everyday_questions"))))


def load_teaching_sets() -> list[GroundedSet]:
    """What teaches the reader and draws the prior of alpha: no set of a test fold, none that the encoder has seen."""
    return [s for s in (*load_grounded_sets(), *load_everyday_sets()) if not s.test and not s.teaches_encoder]


def load_grounded_sets(folder: Path | None = None) -> list[GroundedSet]:
    """All sets of a folder of JSON Lines (by default the package's), sorted by id."""
    root = folder or resources.files("whelm").joinpath("assets", "grounded_answers")
    sets: dict[str, GroundedSet] = {}
    for file in sorted(root.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".jsonl"):
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
            if not line.strip():
                continue
            where = f"{file.name}, line {number}"
            try:
                record = json.loads(line)
            except ValueError as error:
                raise DataError(
                    f"expected a JSON object in {where}, found something else: {error}", "one set a line"
                ) from error
            parsed = parse_set(record, where)
            if parsed.id in sets:
                raise DataError(f"the id {parsed.id!r} comes twice ({where})", "ids name sets and must be unique")
            sets[parsed.id] = parsed
    if not sets:
        raise DataError(f"no sets were found in {root}", "expected files *.jsonl")
    return [sets[identifier] for identifier in sorted(sets)]


def parse_set(record: Any, where: str = "the record") -> GroundedSet:
    """A checked set; raises DataError that says what does not fit."""
    try:
        identifier = record["id"]
        passages = tuple(Passage(str(p["title"]), str(p["text"])) for p in record["passages"])
        questions = tuple(_question(identifier, number, row, passages) for number, row in enumerate(record["qas"]))
        for number, question in enumerate(questions):
            if question.after is not None and not 0 <= question.after < number:
                raise ValueError(f"question {number} follows question {question.after}, which does not come before it")
        return GroundedSet(identifier, record["domain"], record["language"], passages, questions)
    except (KeyError, TypeError, ValueError) as error:
        name = record.get("id", "?") if isinstance(record, dict) else "?"
        raise DataError(
            f"{where}: set {name!r} is not well formed: {type(error).__name__}: {error}",
            "see the README beside the data for the form of a set",
        ) from error


def _question(identifier: str, number: int, row: dict[str, Any], passages: tuple[Passage, ...]) -> GroundedQuestion:
    evidence = tuple(_quote(number, entry, passages) for entry in row.get("evidence") or ())
    answer = row["answer"] or ""
    if answer and not evidence:
        raise ValueError(f"question {number} has an answer without evidence")
    return GroundedQuestion(
        id=f"{identifier}/{number}",
        question=str(row["question"]),
        answer=answer,
        kind=row.get("kind", ""),
        evidence=evidence,
        why=row.get("why", ""),
        after=row.get("after"),
        standalone=row.get("standalone", ""),
    )


def _quote(number: int, entry: dict[str, Any], passages: tuple[Passage, ...]) -> Quote:
    index = int(entry["passage"]) - 1
    if not 0 <= index < len(passages):
        raise ValueError(f"question {number} cites passage {index + 1} of {len(passages)}")
    quote = entry["quote"]
    start = passages[index].text.find(quote)
    if not quote or start < 0:
        raise ValueError(f"question {number}: the quote {quote[:60]!r} does not stand in passage {index + 1}")
    return Quote(index, quote, start, start + len(quote))
