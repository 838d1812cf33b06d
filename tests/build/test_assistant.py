"""The main job on a small folder: built, asked, resumed, updated, damaged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.build.small import write_small_folder
from tests.endpoint import Endpoint

from whelm.build.assistant import build_assistant, plan, update
from whelm.build.config import BuildConfig, RunOptions, WriterConfig
from whelm.build.run import list_runs, open_run, remove_run, verify_run
from whelm.build.stages.documents import read_documents
from whelm.core.errors import CorruptError, DataError, IncompatibleError, LimitError, MissingError, RemoteError

REPOSITORY = Path(__file__).resolve().parents[2]


def _build(root: Path) -> None:
    build_assistant(BuildConfig(budget_s=0), RunOptions(out=root / "run", folder=root / "documents"))


def _contents(root: Path) -> dict[str, str]:
    run = open_run(root / "run")
    return {name: run.need(name).content for name in run.state.stages or {}}


def test_it_answers_with_a_verbatim_citation(built: Path) -> None:
    answerer = open_run(built / "run").answerer()
    answer = answerer.answer("How long are backups kept?")
    assert answer.supported and "14 days" in answer.answer
    citation = answer.citations[0]
    assert citation.document == "software/backup.md"
    assert answerer.document(citation.document).text[citation.start : citation.end] == citation.quote
    assert Path(citation.source).samefile(built / "documents/software/backup.md") or citation.source.endswith(
        "backup.md"
    )
    record = answer.record()
    assert record["schema"] == "whelm.answer/1" and record["hits"]


def test_what_the_documents_do_not_say_is_refused(built: Path) -> None:
    answer = open_run(built / "run").answerer().answer("Who painted the ceiling of the Sistine Chapel?")
    assert not answer.supported and answer.answer == "The documents do not say." and not answer.citations


def test_every_stage_left_its_artifact_and_the_run_verifies(built: Path) -> None:
    run = open_run(built / "run")
    assert {"documents", "index", "plan", "questions", "retriever", "reader", "answers", "evaluation"} <= set(
        run.state.stages or {}
    )
    assert (run.path / "documents.parquet").is_file() and (run.path / "report.json").is_file()
    assert verify_run(run.path) == []


def test_a_second_build_makes_nothing_anew(built: Path) -> None:
    before = open_run(built / "run").state.stages
    manifests = {p: p.stat().st_mtime_ns for p in (built / "run/store").rglob("manifest.json")}
    _build(built)
    assert open_run(built / "run").state.stages == before
    assert {p: p.stat().st_mtime_ns for p in (built / "run/store").rglob("manifest.json")} == manifests


def test_a_plan_names_what_an_edit_makes_necessary(built: Path) -> None:
    options = RunOptions(out=built / "run", folder=built / "documents")
    assert all(stage.done for stage in plan(BuildConfig(budget_s=0), options))
    (built / "documents/new.md").write_text("# New\n\nSomething new.\n")
    stages = {stage.stage: stage for stage in plan(BuildConfig(budget_s=0), options)}
    assert not stages["documents"].done and not stages["index"].done and stages["index"].seconds > 0
    assert not (built / "run/store/work").exists() or not list((built / "run/store/work").iterdir())


@pytest.mark.parametrize("stage", ["documents", "index", "retriever", "answers"])
def test_killed_at_any_stage_it_resumes_to_the_same_contents(built: Path, tmp_path: Path, stage: str) -> None:
    root = tmp_path / "killed"
    write_small_folder(root / "documents")
    command = [sys.executable, "-m", "tests.build.small", str(root / "documents"), str(root / "run"), stage]
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}/src:{REPOSITORY}"}
    killed = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, check=False, timeout=300)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    _build(root)
    mine, undisturbed = _contents(root), _contents(built)
    assert mine["documents"] == undisturbed["documents"]
    assert set(mine) == set(undisturbed)
    assert mine["questions"] == undisturbed["questions"]
    assert verify_run(root / "run") == []


def test_updates_equal_a_cold_rebuild(built: Path, tmp_path: Path) -> None:
    documents = built / "documents"
    (documents / "notes/garden.rst").unlink()
    (documents / "rules/leave.md").rename(documents / "rules/holidays.md")
    (documents / "software/backup.md").write_text("# Backup\n\nBackups are kept for 21 days.\n")
    (documents / "new.md").write_text("# Parking\n\nVisitors park behind the house.\n")
    run = update(built / "run")
    answer = run.answerer().answer("How long are backups kept?")
    assert "21 days" in answer.answer
    assert run.state.edited_since_teaching
    cold = build_assistant(BuildConfig(budget_s=0), RunOptions(out=tmp_path / "cold", folder=documents))
    assert run.need("index").content == cold.need("index").content
    assert run.need("documents").content == cold.need("documents").content


def test_nothing_of_a_deleted_document_is_left(built: Path) -> None:
    marker = "Brunnwart"
    (built / "documents/notes/heating.txt").unlink()
    update(built / "run")
    holding = [p for p in (built / "run").rglob("*") if p.is_file() and _holds(p, marker)]
    assert holding == []


def _holds(path: Path, marker: str) -> bool:
    data = path.read_bytes().lower()
    return marker.lower().encode() in data or marker.lower().encode("utf-16-le") in data


def test_the_marker_would_have_been_found(built: Path) -> None:
    # zstd hides it in the Parquet file; the record of the index holds it as it stands
    assert any(_holds(p, "Brunnwart") for p in (built / "run/store").rglob("*") if p.is_file())


def test_two_builds_in_one_run_are_refused(built: Path) -> None:
    with open_run(built / "run").lock(), pytest.raises(LimitError, match=str(os.getpid())):
        _build(built)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "no such|nothing readable|not"),
        (lambda folder: folder.mkdir(), "empty"),
        (lambda folder: (folder.mkdir(), (folder / "zeros.txt").write_bytes(b"\0" * 4096)), "zeros.txt"),
        (lambda folder: (folder.mkdir(), (folder / "picture.png").write_bytes(b"\x89PNG")), "picture.png"),
    ],
)
def test_a_folder_with_nothing_to_read_is_told(tmp_path: Path, make: object, said: str) -> None:
    folder = tmp_path / "documents"
    make(folder)  # type: ignore[operator]
    with pytest.raises(DataError, match=said):
        build_assistant(BuildConfig(budget_s=0), RunOptions(out=tmp_path / "run", folder=folder))


def test_damage_is_found_and_mended(built: Path) -> None:
    run = open_run(built / "run")
    victim = next(run.need("questions").path.glob("questions.jsonl"))
    victim.write_bytes(victim.read_bytes()[:-10])
    assert any("questions" in damage for damage in verify_run(run.path))
    _build(built)
    assert verify_run(run.path) == []


def test_a_state_of_another_version_or_none_at_all(built: Path, tmp_path: Path) -> None:
    state = built / "run/state.json"
    body = json.loads(state.read_text())
    state.write_text(json.dumps({**body, "format": 99}))
    with pytest.raises(IncompatibleError, match="99"):
        open_run(built / "run")
    state.write_text("{")
    with pytest.raises(CorruptError):
        open_run(built / "run")
    with pytest.raises(MissingError, match="no run"):
        open_run(tmp_path / "nothing")


def test_runs_are_listed_and_removed(built: Path) -> None:
    assert [run.path for run in list_runs(built)] == [built / "run"]
    (built / "run/mine.txt").write_text("not the run's")
    with pytest.raises(DataError, match=r"mine\.txt"):
        remove_run(built / "run")
    (built / "run/mine.txt").unlink()
    remove_run(built / "run")
    assert not (built / "run").exists() and list_runs(built) == []
    with pytest.raises(MissingError):
        remove_run(built / "documents")
    assert (built / "documents/rules/leave.md").is_file()


def test_asking_works_before_anything_was_taught(small_folder: Path, tmp_path: Path) -> None:
    from whelm.build.assistant import _Recipe
    from whelm.build.run import Run

    run = Run(tmp_path / "run")
    _Recipe(run, BuildConfig(budget_s=0), small_folder).to_index()
    answer = open_run(tmp_path / "run").answerer().answer("How long are backups kept?")
    assert answer.supported and answer.citations[0].document == "software/backup.md"


def test_a_run_inside_its_folder_is_not_read_as_documents(built: Path) -> None:
    documents = built / "documents"
    options = RunOptions(out=documents / "runs/mine", folder=documents)
    run = build_assistant(BuildConfig(budget_s=0), options)
    names = {document.id for document in read_documents(run.need("documents").path)}
    assert names and not any(name.startswith("runs/") for name in names)
    before = run.state.stages
    assert build_assistant(BuildConfig(budget_s=0), options).state.stages == before


def test_a_dead_writer_is_told_before_anything_is_taught(small_folder: Path, tmp_path: Path) -> None:
    with Endpoint("dead") as endpoint:
        writer = WriterConfig(url=endpoint.url, model="any")
        with pytest.raises(RemoteError):
            build_assistant(
                BuildConfig(budget_s=0, writer=writer), RunOptions(out=tmp_path / "run", folder=small_folder)
            )
    run = open_run(tmp_path / "run")
    assert set(run.state.stages or {}) == {"documents", "index"}
    assert "14 days" in run.answerer().answer("How long are backups kept?").answer


def test_an_endpoint_writes_from_the_evidence_in_a_whole_build(built: Path) -> None:
    with Endpoint("right") as endpoint:
        config = BuildConfig(budget_s=0, writer=WriterConfig(url=endpoint.url, model="any"))
        run = build_assistant(config, RunOptions(out=built / "run", folder=built / "documents"))
        metrics = run.need("evaluation").metrics
        assert any(name.startswith("write.") for name in metrics) and any(name.startswith("quote.") for name in metrics)
        answer = run.answerer().answer("How long are backups kept?", mode="write")
        assert answer.mode == "write" and answer.supported and answer.citations
        for citation in answer.citations:
            assert run.document(citation.document).text[citation.start : citation.end] == citation.quote
