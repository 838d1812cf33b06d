"""`whelm report`: what a run measured about itself, from `RUN/report.json`; the page is `RUN/report.html`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from whelm.cli.options import common, example, run_option

__all__ = ["command", "read_report", "summary"]

_MAX_BYTES = 64 << 20

HELP = f"""Print what a run measured about itself, and where its page is.

Every number is of the test questions alone, with its 95% interval where there is one.

{example("whelm report --run runs/demo", "whelm report --run runs/demo --json | jq .stages.evaluation.metrics")}
"""


@click.command(help=HELP, short_help="Print what a run measured about itself.")
@run_option
@common
def command(run: Path, as_json: bool, quiet: bool) -> None:
    from whelm.build.run import open_run
    from whelm.cli.render import show

    record = read_report(open_run(run).path)
    show({"schema": "whelm.report/1", **record, "report": str(run / "report.html")}, as_json)


def read_report(run: Path) -> dict[str, Any]:
    """The contents of a run's report.json."""
    from whelm.cli.render import plain
    from whelm.core.errors import CorruptError, MissingError

    path = run / "report.json"
    if not path.is_file():
        raise MissingError(f"expected a report at {path}, found none",
                           "a build writes it at its end: run the same `whelm build` again, it continues")  # fmt: skip
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES:,} bytes")
        record = plain(json.loads(path.read_text(encoding="utf-8")))
        if not isinstance(record, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        raise CorruptError(
            f"expected JSON in {path}, found {error}", f"see what else is damaged: whelm verify {run}"
        ) from error
    return record


def summary(run: Path) -> Mapping[str, Any]:
    """What a build says at its end: where things are, and the verdict."""
    report = read_report(run) if (run / "report.json").is_file() else {}
    record: dict[str, Any] = {"run": str(run)}
    if (run / "report.html").is_file():
        record["report"] = str(run / "report.html")
    if report.get("verdict"):
        record["verdict"] = report["verdict"]
    return record
