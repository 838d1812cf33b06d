"""The folder's own questions, with spans and splits; see `whelm.data.questions` for how they are made.

    questions.jsonl   a row a question: id, kind, question, document, start, end, answer, split, answerable

Unanswerable ones: questions about documents that are left out while they are asked, and questions of the package
about other matters (firms, households, knowledge), none of its test fold.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from whelm.build.stages.documents import read_documents, read_prominence, read_twins
from whelm.core.random import fraction
from whelm.core.stage import Context, Outcome, Stage
from whelm.core.types import Question
from whelm.data.grounded import is_test, load_grounded_sets
from whelm.data.questions import QuestionConfig, make_questions

__all__ = ["QUESTIONS", "QuestionsConfig", "read_questions"]

_FOREIGN = 120  # questions about other matters: enough for a 95% interval of 5 points


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionsConfig:
    """What is asked."""

    questions: QuestionConfig


def _run(context: Context) -> Outcome:
    config: QuestionConfig = context.config.questions
    source = context.inputs["documents"].path
    twins = {name: twin for name, (twin, _) in read_twins(source).items()}
    own = make_questions(read_documents(source), config, twins=twins, prominence=read_prominence(source))
    languages = Counter(document.language for document in read_documents(source))
    language = languages.most_common(1)[0][0] if languages else "en"
    rows = own + (_foreign(language, config.seed) if own else [])
    with (context.out / "questions.jsonl").open("w", encoding="utf-8", errors="surrogatepass") as file:
        for question in rows:
            file.write(json.dumps(asdict(question), ensure_ascii=False) + "\n")
    kinds = Counter(q.kind for q in rows)
    splits = Counter(f"{q.split} {'answerable' if q.answerable else 'unanswerable'}" for q in rows)
    return Outcome(
        counts={
            "questions": len(rows),
            **{f"kind {k}": n for k, n in sorted(kinds.items())},
            **dict(sorted(splits.items())),
        }
    )


def _foreign(language: str, seed: int) -> list[Question]:
    """Questions of the package that a folder about other things cannot answer, in the folder's language where there are some."""
    asked = [
        (f"foreign/{qa.id}", qa.question)
        for group in load_grounded_sets()
        if not is_test(group.id) and group.language == language
        for qa in group.questions
        if qa.after is None and qa.answer
    ]
    chosen = sorted(asked, key=lambda pair: fraction(seed, "data/foreign", pair[0]))[:_FOREIGN]
    return [
        Question(
            name,
            "foreign",
            question,
            split="train" if share < 0.3 else "tune" if share < 0.65 else "test",
            answerable=False,
        )
        for name, question in chosen
        for share in [fraction(seed, "data/split", name)]
    ]


QUESTIONS = Stage("questions", _run)


def read_questions(path: Path, split: str = "") -> list[Question]:
    """The questions of an artifact, of one split or all."""
    with (path / "questions.jsonl").open(encoding="utf-8", errors="surrogatepass") as file:
        rows = [Question(**json.loads(line)) for line in file]
    return [question for question in rows if not split or question.split == split]
