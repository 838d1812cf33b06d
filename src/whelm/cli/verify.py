"""`whelm verify`: every file of a run against its manifest; exit code 3 where something is damaged."""

from __future__ import annotations

from pathlib import Path

import click

from whelm.cli.options import common, example

__all__ = ["command"]

HELP = f"""Check every file of RUN against the manifest that describes it.

{example("whelm verify runs/demo    # exit code 3 if something is damaged")}
"""


@click.command(help=HELP, short_help="Check the files of a run against its manifests.")
@click.argument("run", type=click.Path(path_type=Path))
@common
def command(run: Path, as_json: bool, quiet: bool) -> int:
    from whelm.build.run import verify_run
    from whelm.cli.progress import watching
    from whelm.cli.render import plain, show

    with watching(quiet):
        damages = plain(list(verify_run(run)))
    show({"schema": "whelm.verify/1", "run": str(run), "damages": damages}, as_json)
    return 3 if damages else 0
