"""Every block of the documents does what it says: Python runs and prints what is shown, commands exist as written."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from whelm.cli.main import whelm
from whelm.hub.weights import NAMED, find_weights

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
SHELLS = ("sh", "bash", "console", "shell")
PICTURE_BYTES = 60_000


def _load_pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_pages", Path(__file__).with_name("pages.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


pages = _load_pages()


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _with(*languages: str) -> list[Path]:
    return [p for p in PAGES if any(b.language in languages for b in pages.blocks_of(p.read_text(encoding="utf-8")))]


def _environment() -> dict[str, str]:
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "COLUMNS": "100"}


# --- Python ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", _with("python"), ids=_name)
def test_python_runs_and_prints_what_is_shown(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [name for name in NAMED if f'"{name}"' in text and find_weights(name) is None]
    if missing:
        pytest.skip(f"needs weights that are not on this machine: {', '.join(missing)} (scripts/install brings them)")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(Path(__file__).with_name("pages.py")), str(page)],
        cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = iter(json.loads(done.stdout))
    last = None
    for block in pages.blocks_of(text):
        if block.language == "python":
            last = next(printed)
        elif block.language == "text" and block.follows and last is not None:
            assert pages.same_output(block.text, last), f"{_name(page)}:{block.line} shows another output than\n{last}"
            last = None
        else:
            last = None


def test_shown_output_is_compared_by_words_and_nearly_by_numbers() -> None:
    same = pages.same_output
    assert same("a 0.53\nb", "a  0.54 \nb\n")
    assert not same("a 0.53", "a 0.58")
    assert not same("a 0.53", "b 0.53")
    assert not same("a 12", "a 13")  # what is counted is exact
    assert not same("a\nb", "a")


# --- commands ----------------------------------------------------------------------------------------------------


def _commands(page: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, arguments) of each call of whelm in a page's shell blocks."""
    for block in pages.blocks_of(page.read_text(encoding="utf-8")):
        if block.language in SHELLS and not block.marked:  # those that are marked run, wrong commands among them
            for number, line in _shell_lines(block):
                for call in _calls(line):
                    yield number, call


def _shell_lines(block: object) -> Iterator[tuple[int, str]]:
    """Whole command lines: in a console only what follows the prompt, a backslash joins lines."""
    held, first = "", 0
    for number, line in enumerate(block.text.splitlines(), block.line):  # type: ignore[attr-defined]
        if block.language == "console" and not held:  # type: ignore[attr-defined]
            if not line.startswith("$ "):
                continue
            line = line[2:]
        first = first if held else number
        held += line
        if held.endswith("\\"):
            held = held[:-1]
            continue
        yield first, held
        held = ""


def _calls(line: str) -> Iterator[list[str]]:
    """The arguments of each whelm in one line of shell, without redirections and assignments before it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    call: list[str] | None = None
    skip = False
    begins = True
    for word in lexer:
        if skip:
            skip = False
        elif set(word) <= set("|&;()"):
            if call is not None:
                yield call
            call, begins = None, True
        elif set(word) <= set("<>"):
            skip = True
        elif begins and re.fullmatch(r"[A-Za-z_]\w*=.*", word, re.DOTALL):
            continue
        elif begins:
            call, begins = ([] if word == "whelm" or word.endswith("/whelm") else None), False
        elif call is not None:
            call.append(word)
    if call is not None:
        yield call


def check_command(arguments: list[str]) -> None:
    """Parse the arguments as whelm would, without doing anything; raises click.ClickException."""
    try:
        context = whelm.make_context("whelm", list(arguments))
        command: click.Command = whelm
        while isinstance(command, click.Group):
            rest = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None
            context = found.make_context(name, rest, parent=context)
            command = found
    except click.exceptions.Exit:
        pass  # --help and --version end here


@pytest.mark.parametrize("page", _with(*SHELLS), ids=_name)
def test_commands_exist_with_these_options(page: Path) -> None:
    for line, arguments in _commands(page):
        try:
            check_command(arguments)
        except click.ClickException as error:
            pytest.fail(f"{_name(page)}:{line}: whelm {shlex.join(arguments)}: {error.format_message()}")


@pytest.mark.parametrize(
    "wrong",
    ["whelm bild notes", "whelm build notes --ouut runs/x", "whelm build notes --budget soon", "whelm runs drop runs/x",
     "x | whelm ask - --mode guess", "whelm eval --run runs/x --min hit=1", "A=b whelm ask --run runs/x < questions"],
)  # fmt: skip
def test_a_wrong_command_is_seen(wrong: str) -> None:
    calls = list(_calls(wrong))
    assert len(calls) == 1
    with pytest.raises(click.ClickException):
        check_command(calls[0])


def test_calls_are_found_in_a_line_of_shell() -> None:
    line = "WHELM_RUN=runs/a whelm ask - --json < q.txt | jq .answer && .venv/bin/whelm env  # and why"
    assert list(_calls(line)) == [["ask", "-", "--json"], ["env"]]
    assert list(_calls("pip install whelm")) == []


def _marked() -> list[tuple[Path, int]]:
    return [
        (page, block.line)
        for page in PAGES
        for block in pages.blocks_of(page.read_text(encoding="utf-8"))
        if block.language in SHELLS and block.marked
    ]


@pytest.mark.parametrize(
    ("page", "line"), _marked(), ids=lambda value: _name(value) if isinstance(value, Path) else str(value)
)
def test_marked_blocks_run_on_a_tiny_folder(page: Path, line: int, tmp_path: Path) -> None:
    block = next(b for b in pages.blocks_of(page.read_text(encoding="utf-8")) if b.line == line)
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "leave.md").write_text("# Leave\n\nParental leave lasts 14 weeks.\n", encoding="utf-8")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "whelm"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m whelm "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = "\n".join(text for _, text in _shell_lines(block))
    environment = _environment()
    environment["PATH"] = f"{tmp_path / 'bin'}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # in the order in which a terminal shows them
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    if block.language == "console":
        shown = "\n".join(text for text in block.text.splitlines() if not text.startswith("$ "))
        assert pages.same_output(shown, done.stdout), done.stdout


# --- pictures and words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").rglob("*.svg")), ids=_name)
def test_pictures_are_small_and_their_words_are_text(picture: Path) -> None:
    assert picture.stat().st_size < PICTURE_BYTES
    root = ElementTree.parse(picture).getroot()
    assert root.tag.endswith("svg")
    assert any(element.tag.endswith("}text") for element in root.iter())
    uses = [page for page in PAGES if picture.name in page.read_text(encoding="utf-8")]
    assert uses, f"no page shows {_name(picture)}"


def test_every_page_can_be_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"\]\(([^)#]+\.md)", index))
    expected = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES if page.parent != ROOT}
    assert expected - {"README.md"} <= targets
