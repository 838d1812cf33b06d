"""People's question files: what is read, what is refused with its line, and when an answer is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from whelm.core.errors import DataError, MissingError
from whelm.evaluate.own import OwnQuestion, answer_is_right, matches, read_questions


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_reads_every_kind(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        '{"question": "How long is leave?", "document": "rules/*.md", "answer": "30 days"}',
        "",
        '{"question": "Which port?", "document": ["a.md", "b.md"], "answer_regex": "80{2}"}',
        '{"question": "Who won?"}',
    )
    first, second, third = read_questions(path)
    assert first.documents == ("rules/*.md",) and first.answerable
    assert second.documents == ("a.md", "b.md")
    assert not third.answerable


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json", "not JSON"),
        ("[1]", "an object"),
        ('{"document": "a"}', "question"),
        ('{"question": "  "}', "question"),
        ('{"question": "a", "documents": "b"}', "unknown key 'documents'"),
        ('{"question": "a", "document": 3}', "pattern"),
        ('{"question": "a", "answer": 3}', "must be text"),
        ('{"question": "a", "answer_regex": "("}', "regular expression"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read_questions(_file(tmp_path, '{"question": "fine?"}', line))
    assert ":2:" in caught.value.message and said in caught.value.message


def test_missing_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        read_questions(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="no questions"):
        read_questions(_file(tmp_path, ""))
    (tmp_path / "latin.jsonl").write_bytes('{"question": "Größe"}'.encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        read_questions(tmp_path / "latin.jsonl")


def test_globs_cross_folders_and_twins_count() -> None:
    assert matches("a/b/c.md", ["a/*"])
    assert not matches("b.md", ["a/*"])
    assert matches("copy.md", ["right.md"], twins=["right.md"])
    assert not matches("a.md", [])


def test_right_answers() -> None:
    contains = OwnQuestion("?", ("a",), answer="30 days")
    assert answer_is_right(contains, "Leave is 30 days, a year.")
    assert not answer_is_right(contains, "Leave is 31 days.")
    by_words = OwnQuestion("?", ("a",), answer="raise the limit in plugin settings first")
    assert answer_is_right(by_words, "First raise the limit; it is in the plugin settings.")
    regex = OwnQuestion("?", ("a",), answer_regex=r"port\s+80\d\d")
    assert answer_is_right(regex, "Listens on PORT\n8080")
    assert not answer_is_right(regex, "Listens on 8080")
