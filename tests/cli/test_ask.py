"""`ask` and `chat`: questions in, answers out, one each and in order."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from whelm.cli.ask import MAX_QUESTION_BYTES, lines

Whelm = Callable[..., tuple[int, str, str]]


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_one_question_as_json(whelm: Whelm, run: Any) -> None:
    code, out, err = whelm("ask", "How long is leave?", "--run", run.path, "--json", "--mode", "quote")
    (record,) = records(out)
    assert (code, err) == (0, "")
    assert record["schema"] == "whelm.answer/1" and record["supported"] is True
    (citation,) = record["citations"]
    assert run.document("leave.md").text[citation["start"] : citation["end"]] == citation["quote"]
    assert run.fake.asked == [("How long is leave?", None, "quote")]


def test_one_question_as_text(whelm: Whelm, run: Any) -> None:
    code, out, _ = whelm("ask", "How long is leave?", "--run", run.path)
    assert code == 0 and out.startswith("Parental leave lasts 14 weeks.\n") and "[1] leave.md · Leave · page 2" in out


def test_a_refusal_is_an_answer(whelm: Whelm, run: Any) -> None:
    code, out, _ = whelm("ask", "How far is the moon?", "--run", run.path, "--json")
    (record,) = records(out)
    assert code == 0 and record["answer"] == "The documents do not say." and record["citations"] == []
    assert record["hits"], "what was near stays"


def test_the_run_may_stand_in_the_environment(whelm: Whelm, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHELM_RUN", str(run.path))
    assert whelm("ask", "How long?")[0] == 0


@pytest.mark.parametrize(
    ("question", "words"), [("", "is empty"), (" \n", "is empty"), ("x" * 1_000_000, "1,000,000 bytes")]
)
def test_a_question_that_is_none(whelm: Whelm, run: Any, question: str, words: str) -> None:
    code, out, err = whelm("ask", question, "--run", run.path)
    assert (code, out) == (1, "") and words in err and "hint: " in err
    code, out, _ = whelm("ask", question, "--run", run.path, "--json")
    (record,) = records(out)
    assert code == 1 and words in record["error"] and len(out) < 1000
    assert not run.fake.asked


def test_a_line_each_in_order_whatever_goes_wrong(whelm: Whelm, run: Any) -> None:
    given = b"one\n\n" + b"x" * 1_000_000 + b"\nthe remote one\n\xff\xfe two\r\nlast"
    code, out, _ = whelm("ask", "-", "--run", run.path, "--json", stdin=given)
    answers = records(out)
    assert code == 0 and len(answers) == 6
    assert [record["question"][:5] for record in answers] == ["one", "", "xxxxx", "the r", "\ufffd\ufffd tw", "last"]
    errors = [record.get("error", "") for record in answers]
    assert [bool(error) for error in errors] == [False, True, True, True, False, False]
    assert "empty" in errors[1] and "1,000,001 bytes" in errors[2] and "did not answer start it" in errors[3]


def test_a_line_each_as_text(whelm: Whelm, run: Any) -> None:
    _, out, _ = whelm("ask", "-", "--run", run.path, stdin=b"one\x1b[2J\n\n")
    assert "> one\\x1b[2J\n" in out and "error: the question is empty" in out and "\x1b" not in out


def test_long_lines_are_not_held() -> None:
    class Endless(io.RawIOBase):
        """64 MB without a line feed; remembers the most that was asked for at once."""

        def __init__(self) -> None:
            self.left, self.most = 64 << 20, 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None and size > 0, "a line must not be read whole"
            self.most = max(self.most, size)
            part = b"x" * min(size, self.left)
            self.left -= len(part)
            return part

    stream = Endless()
    ((text, error),) = lines(stream)  # type: ignore[arg-type]
    assert "67,108,864 bytes" in error and len(text) <= MAX_QUESTION_BYTES + 1
    assert stream.most <= MAX_QUESTION_BYTES + 1


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_the_longest_question_is_one(end: bytes) -> None:
    ((text, error),) = lines(io.BytesIO(b"x" * MAX_QUESTION_BYTES + end))
    assert (len(text), error) == (MAX_QUESTION_BYTES, "")
    ((_, error),) = lines(io.BytesIO(b"x" * (MAX_QUESTION_BYTES + 1) + end))
    assert error
    assert [e == "" for _, e in lines(io.BytesIO(b"x" * (MAX_QUESTION_BYTES + 1) + b"\nnext\n"))] == [False, True]


def test_chat_remembers_until_told_otherwise(whelm: Whelm, run: Any) -> None:
    code, out, _ = whelm(
        "chat", "--run", run.path, "--json", stdin=b"one\n\ntwo\nthe remote\nthree\n/new\nfour\n/quit\nfive\n"
    )
    assert code == 0
    assert [record["question"] for record in records(out)] == ["one", "two", "the remote", "three", "four"]
    turns = [[turn.question for turn in conversation.turns] for _, conversation, _ in run.fake.asked]
    assert turns == [[], ["one"], ["one", "two"], ["one", "two"], []], "what failed was no turn"
    last = run.fake.asked[3][1].turns[-1]
    assert last.documents == ("leave.md",) and last.answer == "Parental leave lasts 14 weeks."


def test_chat_keeps_the_last_turns_only(whelm: Whelm, run: Any) -> None:
    whelm("chat", "--run", run.path, stdin=b"\n".join(b"q%d" % n for n in range(50)))
    assert len(run.fake.asked) == 50 and len(run.fake.asked[-1][1].turns) == 20
