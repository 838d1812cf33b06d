"""Questions made from documents: what is asked, where the answer stands, and that nothing depends on neighbours."""

from __future__ import annotations

from whelm.core.types import Document
from whelm.data.everyday import everyday_words
from whelm.data.prominence import prominence
from whelm.data.questions import QuestionConfig, make_questions, people_weight, split_of

GUIDE = """# Backups

A snapshot is a copy of all files at one moment. Snapshots are removed after 30 days because the disk is small.

## Restoring a snapshot

Copy the directory from the archive and restart the service. The restore takes about 20 minutes on this machine.
"""


def _documents(*names: str) -> list[Document]:
    return [
        Document(name, GUIDE.replace("snapshot", f"snapshot{i}"), f"Guide {i}", "en", format="md")
        for i, name in enumerate(names)
    ]


def test_answers_are_spans_of_their_documents() -> None:
    documents = _documents("a.md", "b.md")
    by_id = {d.id: d for d in documents}
    questions = make_questions(documents, QuestionConfig(per_document=20, left_out=0.0))
    assert {"definition", "number", "keyword"} <= {q.kind.removesuffix("+everyday") for q in questions}
    for question in questions:
        assert by_id[question.document].text[question.start : question.end] == question.answer
        assert question.split == split_of(question.document) and question.answerable
    assert "How many minutes" in " ".join(q.question for q in questions if q.kind == "number")
    assert any(q.question.startswith("What is a snapshot") for q in questions if q.kind == "definition")


def test_an_added_document_changes_no_other_question() -> None:
    config = QuestionConfig()
    few = {q.id for q in make_questions(_documents("a.md", "b.md"), config)}
    more = {q.id for q in make_questions(_documents("a.md", "b.md", "c.md"), config)}
    assert few <= more


def test_twins_are_not_asked_about_and_left_out_ones_must_be_refused() -> None:
    documents = _documents("a.md", "b.md")
    assert {q.document for q in make_questions(documents, QuestionConfig(), twins={"b.md": "a.md"})} == {"a.md"}
    hidden = make_questions(documents, QuestionConfig(left_out=1.0))
    assert hidden and not any(q.answerable for q in hidden) and {q.kind for q in hidden} == {"left-out"}


def test_everyday_words() -> None:
    assert everyday_words("en")("remove the directory") == "get rid of the folder"
    assert everyday_words("zh")("目录") == "目录"
    assert people_weight("keyword") < people_weight("keyword+everyday") < people_weight("instruction+everyday")


def test_prominence_counts_those_who_name_a_document() -> None:
    documents = [
        Document("os.mkdir", "make a directory", "os.mkdir"),
        Document("a", "see os.mkdir", "A text"),
        Document("b", "mkdir again, os.mkdir", "B text"),
        Document("c", "nothing", "C text"),
    ]
    found = prominence(documents)
    assert set(found) == {"os.mkdir"} and 0 < found["os.mkdir"] <= 1
