"""Text and JSON of one record, by one function."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from whelm.cli.render import plain, show, table
from whelm.core.types import Answer, Citation, Metric


def shown(capsys: pytest.CaptureFixture[str], record: dict[str, object], as_json: bool = False) -> str:
    show(record, as_json)
    out = capsys.readouterr().out
    assert out.endswith("\n") and not out.endswith("\n\n")
    return out


def test_plain_values() -> None:
    assert plain(Metric(0.5, None, math.nan, 3)) == {"value": 0.5, "low": None, "high": None, "n": 3, "unit": ""}
    assert plain({"a": Path("x") / "y", 1: (np.float32(0.5), np.arange(2))}) == {"a": "x/y", "1": [0.5, [0, 1]]}
    assert plain(Answer(question="?"))["schema"] == "whelm.answer/1"  # its own public form


def test_an_answer_names_document_heading_and_page(capsys: pytest.CaptureFixture[str]) -> None:
    one = Citation("a.pdf", "/in/a.pdf", "Leave", 2, "c", "It lasts 14 weeks.", 0, 18, 0.9)
    answer = Answer("?", "It lasts 14 weeks.", True, citations=(one,))
    text = shown(capsys, plain(answer))
    assert text.splitlines() == ["It lasts 14 weeks.", "", "[1] a.pdf · Leave · page 2", "    /in/a.pdf"]
    written = Answer("?", "Fourteen weeks.", True, "write", citations=(one,))
    assert "    > It lasts 14 weeks." in shown(capsys, plain(written)), "what it rests on, where it was not quoted"


def test_a_refusal_names_what_was_near(capsys: pytest.CaptureFixture[str]) -> None:
    record = plain(Answer("?")) | {"hits": [{"document": d, "chunk": "", "score": 0} for d in ("b", "b", "a")]}
    assert shown(capsys, record) == "The documents do not say.\n\nNearest: b, a\n"


def test_text_from_documents_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]52;c;eA==\x07\u202e"
    citation = Citation(f"{evil}.md", evil, f"a\n{evil}", None, "c", evil, 0, 1, 0.5)
    answer = Answer(evil, f"{evil}\nsecond line", True, "write", citations=(citation,), standalone=evil)
    records = [
        plain(answer),
        plain(Answer("?", error=evil)),
        {"schema": "whelm.document/1", "text": evil},
        {"schema": "whelm.runs/1", "runs": [{"run": evil, evil: 1}]},
        {"schema": "whelm.verify/1", "run": evil, "damages": [evil]},
        {"schema": "whelm.report/1", "verdict": [evil],
         "stages": {evil: {"metrics": {evil: {"value": 1.0, "unit": evil}}}}},
        {"schema": "anything", evil: {evil: [evil, evil]}, "rows": [{evil: evil}]},
    ]  # fmt: skip
    for record in records:
        for as_json in (False, True):
            text = shown(capsys, record, as_json)
            assert not set(text) & set("\x1b\x07\u202e"), record


@pytest.mark.parametrize("damages", [[], ["store/x: expected 3 bytes, found 2"]])
def test_verify(capsys: pytest.CaptureFixture[str], damages: list[str]) -> None:
    record = {"schema": "whelm.verify/1", "run": "r", "damages": damages}
    text = shown(capsys, record)
    assert (damages[0] if damages else "every file") in text
    assert json.loads(shown(capsys, record, True)) == record


def test_table_aligns_numbers_right_and_drops_empty_columns() -> None:
    rows = [{"name": "a", "n": 5, "x": None, "y": ""}, {"name": "longer", "n": 1200}]
    assert table(rows) == "name        n\na           5\nlonger  1,200"


def test_report_shows_verdict_metrics_and_what_was_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    metric = {"value": 0.8, "low": 0.7, "high": 0.9, "n": 40, "unit": ""}
    record = {
        "schema": "whelm.report/1",
        "verdict": ["It answers.", "It refuses."],
        "stages": {"eval": {"seconds": 2.0, "metrics": {"hit@1": metric}}, "reader": {"skipped": "too small"}},
        "report": "r/report.html",
    }
    text = shown(capsys, record)
    assert text.startswith("It answers. It refuses.\n")
    assert "hit@1" in text and "0.700 to 0.900" in text and "skipped: too small" in text and "r/report.html" in text


def test_plan_says_what_is_done_and_why_the_rest_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    stage = {"seconds": 0.0, "memory_bytes": 0, "disk_bytes": 0}
    rows = [
        {"stage": "documents", "done": True, "why": [], **stage},
        {"stage": "index", "done": False, "why": ["config chunks.target: 900, was 600"], **stage, "seconds": 12.0},
    ]
    text = shown(capsys, {"schema": "whelm.plan/1", "run": "runs/x", "stages": rows})
    assert (
        "documents  done" in text
        and "to do" in text
        and "was 600" in text
        and "About 12 s in all, into runs/x." in text
    )
