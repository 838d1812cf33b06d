"""The commands that look at runs, weights and the machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from whelm.build.run import Run
from whelm.core.errors import CorruptError, LimitError

Whelm = Callable[..., tuple[int, str, str]]


# --- eval ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def questions(tmp_path: Path, run: Any) -> Path:
    run.fake.twins = lambda name: ()
    path = tmp_path / "mine.jsonl"
    rows = [
        {"question": "How long is leave?", "document": "*.md", "answer": "14 weeks"},
        {"question": "How long is leave, really?", "document": "pay.md", "answer": "14 weeks"},
        {"question": "How far is the moon?"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_eval_prints_metrics_with_n(whelm: Whelm, run: Any, questions: Path) -> None:
    code, out, err = whelm("eval", "--run", run.path, "--questions", questions, "--json")
    record = json.loads(out)
    assert code == 0 and record["unmet"] == []
    assert record["metrics"]["hit@1"]["value"] == 0.5 and record["metrics"]["hit@1"]["n"] == 2
    assert record["metrics"]["refused_rightly"]["value"] == 1.0
    assert "eval: 3 of 3 questions (100%)" in err
    code, out, _ = whelm("eval", "--run", run.path, "--questions", questions)
    assert "hit@1" in out and "0.500" in out


@pytest.mark.parametrize(("least", "code"), [("0.5", 0), ("0.51", 3)])
def test_eval_min(whelm: Whelm, run: Any, questions: Path, least: str, code: int) -> None:
    found, out, _ = whelm("eval", "--run", run.path, "--questions", questions, "--min", f"hit@1={least}")
    assert found == code
    assert ("not met: hit@1: 0.5, wanted at least 0.51" in out) is (code == 3)


def test_eval_min_of_no_such_metric(whelm: Whelm, run: Any, questions: Path) -> None:
    code, _, err = whelm("eval", "--run", run.path, "--questions", questions, "--min", "hits@1=0.5")
    assert code == 2 and "Did you mean 'hit@1'?" in err


def test_eval_of_a_broken_file(whelm: Whelm, run: Any, questions: Path) -> None:
    questions.write_text('{"question": "x"}\n{"question": 3}\n')
    code, _, err = whelm("eval", "--run", run.path, "--questions", questions)
    assert code == 1 and "mine.jsonl:2" in err and not run.fake.asked


# --- show, report, serve -------------------------------------------------------------------------------------------


def test_show(whelm: Whelm, run: Any) -> None:
    assert whelm("show", "leave.md", "--run", run.path)[1] == run.document("leave.md").text
    record = json.loads(whelm("show", "leave.md", "--run", run.path, "--json")[1])
    assert record["schema"] == "whelm.document/1" and record["text"] == run.document("leave.md").text
    code, _, err = whelm("show", "lave.md", "--run", run.path)
    assert code == 1 and "did you mean leave.md?" in err


def test_report(whelm: Whelm, run: Any) -> None:
    code, _, err = whelm("report", "--run", run.path)
    assert code == 1 and "expected a report" in err
    run.path.mkdir()
    body = {"verdict": ["It answers."], "stages": {"eval": {"metrics": {"hit@1": {"value": 0.5, "n": 2}}}}}
    (run.path / "report.json").write_text(json.dumps(body))
    code, out, _ = whelm("report", "--run", run.path)
    assert code == 0 and "It answers." in out and "hit@1" in out and f"{run.path}/report.html" in out
    assert json.loads(whelm("report", "--run", run.path, "--json")[1])["stages"] == body["stages"]


@pytest.mark.parametrize("body", ["{", "[]", "[" * 100_000])
def test_a_damaged_report(whelm: Whelm, run: Any, body: str) -> None:
    run.path.mkdir()
    (run.path / "report.json").write_text(body)
    code, _, err = whelm("report", "--run", run.path)
    assert code == 1 and "expected JSON" in err and "whelm verify" in err


def test_serve_says_where(whelm: Whelm, run: Any, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, dict[str, Any]]] = []

    def serve(assistant: Any, **options: Any) -> None:
        options.pop("on_ready")("http://127.0.0.1:8001/")
        calls.append((assistant, options))

    put("whelm.serve.server", serve=serve)
    monkeypatch.setenv("WHELM_TOKEN", "t" * 20)
    code, out, err = whelm("serve", "--run", run.path, "--port", 8001, "--allow-host", "box")
    assert (code, out) == (0, "") and "http://127.0.0.1:8001/" in err
    assert calls == [(run.fake, {"host": "127.0.0.1", "port": 8001, "token": "t" * 20, "names": ("box",)})]
    assert json.loads(whelm("serve", "--run", run.path, "--json")[1])["address"] == "http://127.0.0.1:8001/"


# --- runs, verify, update ------------------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs as the library writes them: one whole, one edited since, one damaged."""
    root = tmp_path / "runs"
    Run(root / "a").publish(folder="/notes", stages={}, package={}, config={})
    Run(root / "b").publish(folder="", stages={}, package={}, config={}, taught_on="1", documents="2")
    Run(root / "c").publish(folder="/notes", stages={}, package={}, config={})
    (root / "c" / "state.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    return root


def test_runs_list(whelm: Whelm, runs: Path) -> None:
    code, out, _ = whelm("runs", "list", "--json")
    rows = {row["run"]: row for row in json.loads(out)["runs"]}
    assert code == 0 and list(rows) == ["runs/a", "runs/b", "runs/c"]
    assert rows["runs/b"]["edited_since_teaching"] and not rows["runs/a"]["edited_since_teaching"]
    assert "expected JSON" in rows["runs/c"]["damage"], "a damaged run is listed, so that it can be removed"
    assert "runs/b" in whelm("runs", "list")[1]
    assert whelm("runs", "list", "nowhere")[:2] == (0, "no runs\n")


def test_runs_show(whelm: Whelm, runs: Path) -> None:
    code, out, _ = whelm("runs", "show", "runs/a", "--json")
    assert code == 0 and json.loads(out)["folder"] == "/notes" and json.loads(out)["stages"] == []
    code, _, err = whelm("runs", "show", "runs/x")
    assert code == 1 and "there is no run at runs/x" in err


def test_runs_rm_asks_first(whelm: Whelm, runs: Path) -> None:
    code, _, err = whelm("runs", "rm", "runs/a")
    assert code == 1 and "--yes" in err and (runs / "a").exists()
    code, out, _ = whelm("runs", "rm", "runs/a", "--dry-run", "--json")
    assert code == 0 and json.loads(out)["removed"] is False and (runs / "a").exists()
    code, out, _ = whelm("runs", "rm", "runs/a", "--yes", "--json")
    assert code == 0 and json.loads(out)["removed"] is True and not (runs / "a").exists()
    (runs / "mine").mkdir()
    code, _, err = whelm("runs", "rm", "runs/mine", "--yes")
    assert code == 1 and "is not a run" in err and (runs / "mine").exists()


@pytest.mark.parametrize(("damages", "code"), [([], 0), (["index: x is missing", "index: y\x1b"], 3)])
def test_verify(whelm: Whelm, put: Any, damages: list[str], code: int) -> None:
    put("whelm.build.run", verify_run=lambda path: damages)
    found, out, _ = whelm("verify", "r", "--json")
    assert found == code and json.loads(out)["damages"] == damages
    assert whelm("verify", "r")[0] == code


def test_update(whelm: Whelm, put: Any, tmp_path: Path) -> None:
    asked: list[Path] = []

    def update(path: Path) -> Any:
        asked.append(path)
        return SimpleNamespace(path=path, state=SimpleNamespace(edited_since_teaching=True))

    put("whelm.build.assistant", update=update)
    code, out, err = whelm("update", "--run", tmp_path, "--json")
    assert code == 0 and asked == [tmp_path]
    assert json.loads(out) == {"schema": "whelm.update/1", "run": str(tmp_path), "edited_since_teaching": True}
    assert "older than these edits" in err


def test_a_build_at_work_is_named(whelm: Whelm, put: Any, tmp_path: Path) -> None:
    def update(path: Path) -> None:
        raise LimitError("another build is at work: process 42", "wait until it is done")

    put("whelm.build.assistant", update=update)
    code, _, err = whelm("update", "--run", tmp_path)
    assert code == 1 and "process 42" in err and "hint: wait" in err


def test_a_damaged_run_is_an_error_and_no_bug(whelm: Whelm, put: Any) -> None:
    def open_run(path: Path) -> None:
        raise CorruptError("state.json: expected JSON, found something else", "build again")

    put("whelm.build.run", open_run=open_run)
    for arguments in (
        ["ask", "x", "--run", "r"],
        ["chat", "--run", "r"],
        ["serve", "--run", "r"],
        ["runs", "show", "r"],
    ):
        assert whelm(*arguments)[0] == 1


# --- model, env ----------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(put: Any) -> list[str]:
    fetched: list[str] = []

    def row(name: str, found: bool) -> Any:
        found = found or name in fetched
        return SimpleNamespace(
            record=lambda: {
                "name": name, "found": found, "size": 91e6, "license": "MIT", "summary": "vectors", "where": "",
                "hint": "" if found else "whelm model fetch", "problems": [],
            },
            name=name, found=found, size=91e6, license="MIT", summary="vectors",
        )  # fmt: skip

    put("whelm.hub.weights", status=lambda: [row("here", True), row("away", False)], fetch=fetched.append)
    return fetched


def test_model_list(whelm: Whelm, hub: list[str]) -> None:
    code, out, _ = whelm("model", "list")
    assert code == 0 and "MIT" in out and "away: get it with whelm model fetch" in out
    assert [model["found"] for model in json.loads(whelm("model", "list", "--json")[1])["models"]] == [True, False]


def test_model_fetch(whelm: Whelm, hub: list[str]) -> None:
    _, _, err = whelm("model", "fetch", "--dry-run")
    assert "Would fetch away: vectors, 91 MB, MIT" in err and not hub
    code, out, err = whelm("model", "fetch", "--json")
    assert code == 0 and hub == ["away"] and "Fetching away" in err
    assert all(model["found"] for model in json.loads(out)["models"])
    code, _, err = whelm("model", "fetch", "other")
    assert code == 1 and "known: here, away" in err


def test_env(whelm: Whelm, put: Any) -> None:
    put("whelm.build.environment", environment=lambda: {"whelm": "1", "versions": {"torch": "2"}})
    assert json.loads(whelm("env", "--json")[1]) == {"schema": "whelm.env/1", "whelm": "1", "versions": {"torch": "2"}}
    assert whelm("env")[1] == "whelm: 1\nversions:\n  torch: 2\n"
