"""The code blocks of a Markdown page, and the process that runs those in Python.

    ```python    run, all blocks of one page in one namespace and in an empty folder
    ```text      directly below one: what it prints; words must be equal, numbers nearly (`same_output`)

Called as a program with the path of a page it runs that page and prints what each block printed as a JSON list; a
block that fails ends it with the line of the page at fault. One process a page: pages neither share nor disturb
anything. With `--write` before the path it puts what was printed into the page, to be read before it is kept.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "blocks_of", "run_page", "same_output"]

_FENCE = re.compile(r"(`{3,}|~{3,})\s*([\w+-]*)\s*$")
_NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")
_TOLERANCE = 0.021  # two decimals are shown; another processor may round the last one the other way


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, the line of its first line, and whether `<!-- run -->` stands above it."""

    language: str
    text: str
    line: int
    marked: bool
    follows: bool  # nothing but blank lines between it and the block before it


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page in order; one that is never closed is an error."""
    found: list[Block] = []
    fence = language = ""
    lines: list[str] = []
    start, marked, follows = 0, False, False
    for number, line in enumerate(page.splitlines(), 1):
        match = _FENCE.match(line)
        if fence:
            if line.strip() == fence:
                found.append(Block(language, "".join(f"{each}\n" for each in lines), start, marked, follows))
                fence, marked, follows = "", False, True
            else:
                lines.append(line)
        elif match:
            fence, language, lines, start = match[1], match[2], [], number + 1
        elif line.strip():
            marked, follows = line.strip() == "<!-- run -->", False
    if fence:
        raise ValueError(f"the block that opens above line {start} is never closed")
    return found


def same_output(shown: str, printed: str) -> bool:
    """Equal line by line but for white space at ends and for the last digit of numbers with a decimal point."""
    left, right = (text.rstrip().splitlines() for text in (shown, printed))
    if len(left) != len(right):
        return False
    for one, other in zip(left, right, strict=True):
        if _NUMBER.sub("#", one).split() != _NUMBER.sub("#", other).split():
            return False
        for a, b in zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True):
            if abs(float(a) - float(b)) > _TOLERANCE * max(1.0, abs(float(a))):
                return False
    return True


def run_page(path: Path) -> list[str]:
    """What each Python block of a page prints, in order."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed = []
    for block in blocks_of(path.read_text(encoding="utf-8")):
        if block.language != "python":
            continue
        tree = ast.increment_lineno(ast.parse(block.text), block.line - 1)  # a traceback names lines of the page
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(compile(tree, str(path), "exec"), namespace)
        printed.append(output.getvalue())
    return printed


def write_outputs(path: Path, printed: list[str]) -> None:
    """Put what the blocks printed in place of what the page shows."""
    lines = path.read_text(encoding="utf-8").splitlines()
    outputs = iter(printed)
    changes: list[tuple[int, int, list[str]]] = []
    last: str | None = None
    for block in blocks_of("\n".join(lines)):
        if block.language == "python":
            last = next(outputs)
            continue
        if block.language == "text" and block.follows and last is not None:
            first = block.line - 1
            changes.append((first, first + len(block.text.splitlines()), last.rstrip().splitlines()))
        last = None
    for first, end, new in reversed(changes):
        lines[first:end] = [line.rstrip() for line in new]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        *options, name = sys.argv[1:]
        page = Path(name).resolve()
        with tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty):
            found = run_page(page)
        if options == ["--write"]:
            write_outputs(page, found)
        print(json.dumps(found))
    except Exception:
        traceback.print_exc()
        sys.exit(1)
