"""`whelm env`: versions, machine and places, for reports of bugs and for comparing measurements."""

from __future__ import annotations

import click

from whelm.cli.options import common, example

__all__ = ["command"]


@click.command(
    help=f"Print versions, what this machine has, and where things are kept.\n\n{example('whelm env --json')}",
    short_help="Print versions, machine and places.",
)
@common
def command(as_json: bool, quiet: bool) -> None:
    from whelm.build.environment import environment
    from whelm.cli.render import plain, show

    show({"schema": "whelm.env/1", **plain(environment())}, as_json)
