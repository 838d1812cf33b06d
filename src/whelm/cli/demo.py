"""`whelm demo`: the main job on documents that every Python carries, and what to try next."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from whelm.cli.options import common, example
from whelm.cli.settings import settings_options

__all__ = ["QUESTIONS", "command"]

QUESTIONS = (
    "How do I copy a whole folder with everything in it?",
    "What is the difference between a shallow and a deep copy?",
    "How do I bake a sourdough bread?",
)

HELP = f"""Build an assistant over Python's own documentation, into runs/demo.

The documents are the language topics and the docstrings of the standard library that come with this Python; nothing is
downloaded.

{example("whelm demo", "whelm demo --budget 1m --out runs/quick")}
"""


@click.command(help=HELP, short_help="Build an assistant over the documents that Python carries.")
@click.option("--out", metavar="RUN", type=click.Path(path_type=Path), default=Path("runs/demo"), show_default=True,
              help="Where the run goes.")  # fmt: skip
@settings_options
@common
def command(out: Path, quiet: bool, **rest: Any) -> None:
    from whelm.build.config import RunOptions
    from whelm.cli.build import build
    from whelm.cli.render import program, say

    run = build(RunOptions(folder=None, out=out), python_library=True, quiet=quiet, **rest)
    if run is not None:
        asked = "\n".join(f"  {program()} ask {shlex.quote(question)} --run {run}" for question in QUESTIONS)
        say(
            f"\nThe report: {run / 'report.html'}\nThree questions to try (the last has no answer there):\n{asked}",
            quiet,
        )
