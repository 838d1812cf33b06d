"""`whelm update`: documents and index anew after edits, in seconds; reader and writer are kept as they are."""

from __future__ import annotations

from pathlib import Path

import click

from whelm.cli.options import common, example, run_option

__all__ = ["command"]

HELP = f"""Renew the documents and the index of a run after files were added, edited, renamed or deleted.

What was taught is kept, and marked as older than these edits; `whelm build` teaches anew.

{example("whelm update --run runs/notes")}
"""


@click.command(help=HELP, short_help="Renew documents and index after edits, in seconds.")
@run_option
@common
def command(run: Path, as_json: bool, quiet: bool) -> None:
    from whelm.build import assistant
    from whelm.cli.progress import watching
    from whelm.cli.render import say, show
    from whelm.cli.report import summary
    from whelm.core import stop

    with stop.listening(), watching(quiet):
        updated = assistant.update(run)
    older = updated.state.edited_since_teaching
    show({"schema": "whelm.update/1", **summary(updated.path), "edited_since_teaching": older}, as_json)
    if older:
        say("What was taught and measured is older than these edits: `whelm build` does both anew.", quiet)
