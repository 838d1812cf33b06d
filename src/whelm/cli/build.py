"""`whelm build`: a folder of documents to an assistant that has been measured.

What is computed is decided by the settings (`settings.py`), where and how by the other options.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whelm.cli.options import common, example
from whelm.cli.settings import settings_options

if TYPE_CHECKING:
    from whelm.build.config import BuildConfig, RunOptions
    from whelm.core.config import Resolved

__all__ = ["build", "command"]

HELP = f"""Build an assistant that answers from the documents of FOLDER.

Reads md, txt, rst, html, pdf, docx, ipynb, py, jsonl, csv, and .gz of these. The run tells what became of every file,
and holds the index, the taught reader and a report on held-out questions. The same command continues a build that was
interrupted, and does only what has changed; `whelm ask` works from the moment that the index is there.

{example(
    "whelm build notes --out runs/notes --budget 5m",
    'whelm build notes --ignore "drafts/" --set answers.false_refusals=0.1 --dry-run',
    "whelm build notes --writer http://127.0.0.1:8000/v1 --writer-model llama",
)}
"""  # fmt: skip


@click.command(help=HELP, short_help="Build an assistant that answers from a folder of documents.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", metavar="RUN", type=click.Path(path_type=Path), help="Where the run goes.  [default: runs/NAME]")
@click.option(
    "--ignore", metavar="PATTERN", multiple=True, help="Leave out files, as .gitignore does; may be repeated."
)
@settings_options
@common
def command(folder: Path, out: Path | None, ignore: tuple[str, ...], **rest: Any) -> None:
    from whelm.build.config import RunOptions
    from whelm.core.errors import DataError

    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise DataError(f"expected a folder of documents at {folder}, found {found}",
                        "give the folder that holds the documents: whelm build FOLDER")  # fmt: skip
    options = RunOptions(folder=folder, out=out or Path("runs") / (folder.resolve().name or "root"))
    build(options, ignore=ignore, **rest)


def build(
    options: RunOptions, *, as_json: bool, quiet: bool, show_config: bool, dry_run: bool, yes: bool, **flags: Any
) -> Path | None:
    """What `build` and `demo` share; the run's path, or None where only something was to be shown."""
    from whelm.cli.render import say, show
    from whelm.cli.settings import allow_writer, config_record, gather

    resolved: Resolved[BuildConfig] = gather(**flags)
    if show_config:
        show(config_record(resolved), as_json)
        return None
    from whelm.build import assistant
    from whelm.cli.progress import watching
    from whelm.cli.render import plain, program
    from whelm.cli.report import summary
    from whelm.core import stop

    if dry_run:
        stages = plain(assistant.plan(resolved.tree, options))
        show({"schema": "whelm.plan/1", "run": str(options.out), "stages": stages}, as_json)
        return None
    allow_writer(resolved.tree, yes, quiet)
    with stop.listening(), watching(quiet):
        run = assistant.build_assistant(resolved.tree, options)
    show({"schema": "whelm.build/1", **summary(run.path)}, as_json)
    say(f'Ask it: {program()} ask "..." --run {run.path}', quiet)
    return Path(run.path)
