"""`whelm runs list|show|rm`: the runs that lie in a folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whelm.cli.options import common, example

if TYPE_CHECKING:
    from whelm.build.run import Run

__all__ = ["command"]


@click.group(help=f"List, show and remove runs.\n\n{example('whelm runs list')}", short_help="List, show, remove runs.")
def command() -> None:
    pass


@command.command("list", help=f"List the runs in ROOT.\n\n{example('whelm runs list', 'whelm runs list elsewhere')}")
@click.argument("root", type=click.Path(path_type=Path), default=Path("runs"))
@common
def list_(root: Path, as_json: bool, quiet: bool) -> None:
    from whelm.build.run import list_runs
    from whelm.cli.render import show

    show({"schema": "whelm.runs/1", "runs": [_line(run) for run in list_runs(root)]}, as_json)


@command.command("show", help=f"Show what a run is made of.\n\n{example('whelm runs show runs/demo')}")
@click.argument("run", type=click.Path(path_type=Path))
@common
def show_(run: Path, as_json: bool, quiet: bool) -> None:
    from whelm.build.run import open_run
    from whelm.cli.render import show

    opened = open_run(run)
    show({"schema": "whelm.run/1", **_line(opened), "stages": _stages(opened)}, as_json)


@command.command("rm", help=f"Remove a run with all that it holds.\n\n{example('whelm runs rm runs/old')}")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and stop.")
@common
def remove(run: Path, yes: bool, dry_run: bool, as_json: bool, quiet: bool) -> None:
    from whelm.build.run import open_run, remove_run
    from whelm.cli.render import show
    from whelm.core.errors import ConfigError

    if dry_run:
        open_run(run)  # what is no run is refused here as it would be there
    elif not yes:
        if not sys.stdin.isatty():
            raise ConfigError(
                f"{run} was not removed: nobody is there to be asked", "add --yes if that is what you want"
            )
        click.confirm(f"Remove {run} with its index, taught models and report?", abort=True, err=True)
    if not dry_run:
        remove_run(run)
    show({"schema": "whelm.removal/1", "run": str(run), "removed": not dry_run}, as_json)


def _line(run: Run) -> dict[str, Any]:
    from whelm.core.errors import ArtifactError

    record: dict[str, Any] = {"run": str(run.path)}
    try:
        state = run.state
    except ArtifactError as error:  # a damaged run is listed, too: it can be removed
        return {**record, "damage": error.message}
    record["folder"] = state.folder or "the documents of Python"
    record["stages_done"] = len(state.stages or {})
    record["report"] = (run.path / "report.html").is_file()
    record["edited_since_teaching"] = state.edited_since_teaching
    return record


def _stages(run: Run) -> list[Mapping[str, Any]]:
    from whelm.core.errors import ArtifactError

    state = run.state
    rows: list[Mapping[str, Any]] = []
    for stage in [*(state.stages or {}), *(state.package or {})]:
        row: dict[str, Any] = {"stage": stage}
        try:
            artifact = run.artifact(stage)
            if artifact is None:
                row["damage"] = "is missing"
            else:
                row |= {"key": artifact.key[:12], "seconds": artifact.seconds, "counts": artifact.counts}
        except ArtifactError as error:
            row["damage"] = error.message
        rows.append(row)
    return rows
