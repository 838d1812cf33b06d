"""`whelm show`: the text of a document as whelm reads it, to which all offsets refer."""

from __future__ import annotations

from pathlib import Path

import click

from whelm.cli.options import common, example, run_option

__all__ = ["command"]

HELP = f"""Print a document of a run as whelm reads it.

DOCUMENT is the name that answers cite: the path relative to the folder, with "#..." for a row of a table. "start" and
"end" of a citation count characters of this text. On a terminal and in a pipe alike, control characters are written
out; --json has the text unchanged.

{example("whelm show shutil.copytree --run runs/demo")}
"""


@click.command(help=HELP, short_help="Print a document as whelm reads it.")
@click.argument("document")
@run_option
@common
def command(document: str, run: Path, as_json: bool, quiet: bool) -> None:
    from whelm.build.run import open_run
    from whelm.cli.render import plain, show

    show({"schema": "whelm.document/1", **plain(open_run(run).document(document))}, as_json)
