"""How the program starts and how it ends."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whelm import __version__
from whelm.cli import main as program
from whelm.core import stop

Whelm = Callable[..., tuple[int, str, str]]
HEAVY = ("torch", "numpy", "tokenizers", "rich", "httpx", "fastapi", "pyarrow", "whelm.build")


def child(code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, **options
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["ask", "--help"], ["build", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = child(
        f"import sys; from whelm.cli.main import main; code = main(sys.argv[1:])\n"
        f"print(code, [name for name in {HEAVY} if name in sys.modules])",
        *arguments,
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stdout + done.stderr


def test_help_and_version_are_fast() -> None:
    # time on a processor, the best of three: what else the machine does is no fault of ours
    def seconds(argument: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "whelm", argument], check=True, capture_output=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    for argument in ("--help", "--version"):
        assert min(seconds(argument) for _ in range(3)) < 0.3


def test_version(whelm: Whelm) -> None:
    assert whelm("--version") == (0, f"whelm {__version__}\n", "")


def test_every_command_has_help_with_an_example_and_the_common_options(whelm: Whelm) -> None:
    names = [name for names in program._COMMANDS.values() for name in names]
    modules = {path.stem for path in Path(program.__file__).parent.glob("*.py")}
    assert set(names) <= modules
    pages = [[name] for name in names if name not in {"runs", "model"}]
    pages += [["runs", "list"], ["runs", "show"], ["runs", "rm"], ["model", "list"], ["model", "fetch"]]
    for page in pages:
        code, out, _ = whelm(*page, "--help")
        assert code == 0 and "--json" in out and "--quiet" in out and "Example" in out, page
        assert f"whelm {' '.join(page)}" in out.partition("Example")[2], page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["aks"], "Did you mean 'ask'?"),
        (["ask"], "Missing argument 'QUESTION'"),
        (["ask", "x"], "Missing option '--run'"),
        (["ask", "x", "--runn", "r"], "No such option"),
        (["ask", "x", "--run", "r", "--mode", "guess"], "'guess' is not one of"),
        (["build", "x", "--budget", "5"], "such as 90s, 5m or 1h30m"),
        (["serve", "--run", "r", "--port", "70000"], "70000"),
        (["eval", "--run", "r", "--questions", "q", "--min", "hit@1"], "such as hit@1=0.7"),
    ],
)
def test_usage(whelm: Whelm, arguments: list[str], words: str) -> None:
    code, out, err = whelm(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and words in err and "\nhint: " in err
    assert len(err.splitlines()) == 2


def test_no_command_shows_the_help(whelm: Whelm) -> None:
    code, out, err = whelm()
    assert (code, out) == (2, "") and err.startswith("Usage: whelm")


def test_an_error_is_two_lines_and_exit_code_1(whelm: Whelm, run: Any, tmp_path: Path) -> None:
    code, out, err = whelm("ask", "How long?", "--run", tmp_path / "other\n\x1b[2J\u202e")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        f"error: there is no run at {tmp_path}/other\\n\\x1b[2J\\u202e",
        "hint: make one: whelm build FOLDER",
    ]


def test_a_bug_is_saved_to_a_file(whelm: Whelm, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHELM_CACHE", str(tmp_path / "cache"))
    code, out, err = whelm("ask", "a bug", "--run", run.path)
    assert (code, out) == (70, "")
    assert "AssertionError: a thing\\nthat cannot be" in err and "Traceback" not in err
    (saved,) = (tmp_path / "cache" / "crashes").iterdir()
    assert str(saved) in err
    text = saved.read_text()
    assert "Traceback" in text and f"whelm {__version__}" in text and "'a bug'" in text
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600, "it may quote a document"


def test_a_bug_is_told_where_nothing_can_be_saved(
    whelm: Whelm, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("WHELM_CACHE", str(blocked))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(blocked))
    code, _, err = whelm("ask", "a bug", "--run", run.path)
    assert code == 70 and "could not be saved" in err


def test_the_saved_file_holds_no_token() -> None:
    line = ["serve", "--token", "s3cret", "--token=s3cret", "--run", "r"]
    assert "s3cret" not in " ".join(program._without_secrets(line))


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(28, "No space left on device"), 1, "hint: free some space"),
        (PermissionError(13, "Permission denied", "/x"), 1, "error: permission denied: /x"),
        (MemoryError(), 1, "not enough memory"),
        (OSError(5, "Input/output error"), 70, "this is a bug"),
    ],
)
def test_errors_of_the_system(whelm: Whelm, put: Any, error: Exception, code: int, words: str) -> None:
    def open_run(path: Path) -> None:
        raise error

    put("whelm.build.run", open_run=open_run)
    found, _, err = whelm("ask", "x", "--run", "r")
    assert found == code and words in err


def test_interrupted(whelm: Whelm, run: Any) -> None:
    assert whelm("ask", "interrupt", "--run", run.path)[0] == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_build_says_how_to_go_on(whelm: Whelm, put: Any, tmp_path: Path, number: int) -> None:
    def build_assistant(config: object, options: object) -> None:
        signal.raise_signal(number)
        stop.check()

    put("whelm.build.assistant", build_assistant=build_assistant)
    before = signal.getsignal(number)
    try:
        code, out, err = whelm("build", tmp_path, "--out", tmp_path / "a run", "--budget", "1m")
    finally:
        stop.clear()
    assert (code, out) == (130, "")
    assert err.splitlines()[-1].endswith(f" build {tmp_path} --out '{tmp_path}/a run' --budget 1m")
    assert signal.getsignal(number) == before


def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    code = """
import sys, types
run = types.ModuleType("whelm.build.run")
run.list_runs = lambda root: [types.SimpleNamespace(path="x" * 1000, state=None)] * 10_000
sys.modules["whelm.build.run"] = run
import whelm.cli.runs
whelm.cli.runs._line = lambda run: {"run": run.path}
from whelm.cli.main import main
sys.exit(main(["runs", "list"]))
"""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # it hides EPIPE
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        os.close(writing)
        os.read(reading, 10)
        os.close(reading)
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(60)) == ("", 0)


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_any_text_goes_through_a_pipe_as_utf_8(as_json: list[str]) -> None:
    code = """
import sys, types
run = types.ModuleType("whelm.build.run")
run.verify_run = lambda path: ["Gr\\u00fc\\u00dfe \\u6587 \\udce9"]
sys.modules["whelm.build.run"] = run
from whelm.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    environment.pop("PYTHONIOENCODING", None)
    done = subprocess.run(
        [sys.executable, "-c", code, "verify", "r", *as_json], capture_output=True, timeout=60, env=environment
    )
    assert done.returncode == 3, done.stderr
    assert "Grüße 文 \\udce9" in done.stdout.decode("utf-8")
