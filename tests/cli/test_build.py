"""`build` and `demo`: from flags to settings, and leave to send text away."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from whelm.build.config import BuildConfig, RunOptions
from whelm.cli.settings import gather
from whelm.core.errors import ConfigError

Whelm = Callable[..., tuple[int, str, str]]


class FakeBuild:
    """In place of `whelm.build.assistant`: remembers what it was asked for, and leaves a report behind."""

    def __init__(self) -> None:
        self.calls: list[tuple[BuildConfig, RunOptions]] = []
        self.planned: list[tuple[BuildConfig, RunOptions]] = []

    def build_assistant(self, config: BuildConfig, options: RunOptions) -> Any:
        self.calls.append((config, options))
        options.out.mkdir(parents=True)
        (options.out / "report.json").write_text(json.dumps({"verdict": ["It answers."], "stages": {}}))
        (options.out / "report.html").write_text("<p>")
        return SimpleNamespace(path=options.out)

    def plan(self, config: BuildConfig, options: RunOptions) -> list[Any]:
        self.planned.append((config, options))
        return [
            {
                "stage": "index",
                "done": False,
                "why": ("never built",),
                "seconds": 3.0,
                "memory_bytes": 4e8,
                "disk_bytes": 0,
            }
        ]


@pytest.fixture
def builder(put: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeBuild:
    fake = FakeBuild()
    put("whelm.build.assistant", build_assistant=fake.build_assistant, plan=fake.plan)
    (tmp_path / "notes").mkdir()
    monkeypatch.chdir(tmp_path)
    return fake


def test_a_build_says_where_things_are(whelm: Whelm, builder: FakeBuild) -> None:
    code, out, err = whelm("build", "notes", "--budget", "1m30s", "--ignore", "a", "--ignore", "b/", "--seed", 7)
    ((config, options),) = builder.calls
    assert code == 0
    assert (config.budget_s, config.seed, config.sources.ignore) == (90.0, 7, ("a", "b/"))
    assert (options.folder, options.out) == (Path("notes"), Path("runs/notes"))
    assert "It answers." in out and "runs/notes/report.html" in out
    assert "--run runs/notes" in err and "--run" not in out, "talk goes to stderr"


def test_json_and_quiet(whelm: Whelm, builder: FakeBuild) -> None:
    code, out, err = whelm("build", "notes", "--out", "x", "--json", "--quiet")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "schema": "whelm.build/1", "run": "x", "report": "x/report.html", "verdict": ["It answers."],
    }  # fmt: skip


@pytest.mark.parametrize(("name", "words"), [("missing", "found nothing"), ("file", "found a file")])
def test_a_folder_that_is_none(whelm: Whelm, builder: FakeBuild, name: str, words: str) -> None:
    Path("file").touch()
    code, out, err = whelm("build", name)
    assert (code, out) == (1, "") and words in err and "hint: " in err and not builder.calls


def test_a_folder_called_dot_gives_the_run_its_name(
    whelm: Whelm, builder: FakeBuild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("notes")
    whelm("build", ".")
    assert builder.calls[0][1].out == Path("runs/notes")


def test_dry_run_builds_nothing(whelm: Whelm, builder: FakeBuild) -> None:
    code, out, _ = whelm("build", "notes", "--dry-run", "--writer", "http://example.org", "--writer-model", "m")
    assert code == 0 and "never built" in out and "About 3 s in all" in out
    assert builder.planned and not builder.calls and not Path("runs").exists()
    record = json.loads(whelm("build", "notes", "--dry-run", "--json")[1])
    assert record["schema"] == "whelm.plan/1" and record["stages"][0]["why"] == ["never built"]


def test_show_config_names_every_origin(whelm: Whelm, builder: FakeBuild) -> None:
    Path("my.toml").write_text("seed = 3\nbudget_s = 10.0\n[answers]\ncandidates = 7\n[sources]\nignore = ['x']\n")
    flags = [
        "--config",
        "my.toml",
        "--budget",
        "2m",
        "--ignore",
        "y",
        "--set",
        "budget_s=30",
        "--set",
        "writer.model=a",
    ]
    code, out, _ = whelm("build", "notes", *flags, "--show-config", "--json")
    settings = {s["path"]: s for s in json.loads(out)["settings"]}
    assert code == 0 and not builder.calls
    found = {path: (settings[path]["value"], settings[path]["origin"]) for path in settings}
    assert found["seed"] == (3, "my.toml")
    assert found["answers.candidates"] == (7, "my.toml")
    assert found["budget_s"] == (30.0, "--set"), "the last word"
    assert found["sources.ignore"] == (["x", "y"], "--ignore"), "patterns add up"
    assert found["writer.model"] == ("a", "--set")
    assert found["answers.false_refusals"][1] == "default" and settings["answers.false_refusals"]["doc"]
    code, out, _ = whelm("build", "notes", *flags, "--show-config")
    assert "budget_s = 30.0    # --set\n    Wall clock" in out


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--set", "answers.candidats=3"], "did you mean answers.candidates?"),
        (["--set", "answers.candidates=many"], "answers.candidates"),
        (["--set", "answers"], "expected path.to.field=value"),
        (["--config", "missing.toml"], "missing.toml"),
        (["--writer-model", "m"], "--writer URL"),
        (["--writer", "http://127.0.0.1:1/v1"], "--writer-model NAME"),
    ],
)
def test_wrong_settings(whelm: Whelm, builder: FakeBuild, flags: list[str], words: str) -> None:
    code, out, err = whelm("build", "notes", *flags)
    assert (code, out) == (1, "") and words in err and "hint: " in err and not builder.calls


def test_flags_are_checked_as_settings_are() -> None:
    with pytest.raises(ConfigError, match="budget"):
        gather(budget=1e9)


REMOTE = ["--writer", "https://api.example.org/v1", "--writer-model", "m", "--writer-key-env", "KEY"]


def test_text_leaves_the_machine_only_with_leave(whelm: Whelm, builder: FakeBuild) -> None:
    code, out, err = whelm("build", "notes", *REMOTE)
    assert (code, out) == (1, "") and "sent to api.example.org" in err and "--yes" in err and not builder.calls
    code, _, err = whelm("build", "notes", *REMOTE, "--yes")
    assert code == 0 and "warning: " in err and "sent to api.example.org" in err
    writer = builder.calls[0][0].writer
    assert (writer.url, writer.model, writer.key_env) == ("https://api.example.org/v1", "m", "KEY")


def test_a_writer_in_the_settings_is_asked_about_too(whelm: Whelm, builder: FakeBuild) -> None:
    sets = ["--set", "writer.url=http://10.0.0.1/v1", "--set", "writer.model=m"]
    code, _, err = whelm("build", "notes", *sets)
    assert code == 1 and "sent to 10.0.0.1" in err and not builder.calls


@pytest.mark.parametrize(("typed", "builds"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_it_is_asked(
    whelm: Whelm, builder: FakeBuild, monkeypatch: pytest.MonkeyPatch, typed: str, builds: bool
) -> None:
    monkeypatch.setattr("whelm.cli.settings.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    code, _, err = whelm("build", "notes", *REMOTE, stdin=typed.encode())
    assert bool(builder.calls) is builds and code == (0 if builds else 1)
    assert "api.example.org" in err


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:1/v1"])
def test_on_this_machine_nobody_is_asked(whelm: Whelm, builder: FakeBuild, url: str) -> None:
    code, _, err = whelm("build", "notes", "--writer", url, "--writer-model", "m")
    assert code == 0 and "sent to" not in err


def test_demo_reads_python_and_says_what_to_try(whelm: Whelm, builder: FakeBuild) -> None:
    code, _, err = whelm("demo", "--budget", "0s")
    ((config, options),) = builder.calls
    assert code == 0 and config.sources.python_library and config.budget_s == 0
    assert (options.folder, options.out) == (None, Path("runs/demo"))
    assert "runs/demo/report.html" in err
    assert sum(" ask " in line and line.endswith("--run runs/demo") for line in err.splitlines()) == 4
