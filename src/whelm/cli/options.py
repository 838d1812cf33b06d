"""Options that several commands share, and the kinds of value that they take.

`common` gives a command `--json` and `--quiet`; `run_option` gives it `--run`, which WHELM_RUN may stand for. Help
texts carry an example each: `example("whelm ask ...")` makes the paragraph that click leaves as it is.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

__all__ = ["Mode", "common", "example", "parse_duration", "parse_limit", "run_option"]

Mode = Literal["auto", "quote", "write"]
Command = TypeVar("Command", bound=Callable[..., Any])


def common(function: Command) -> Command:
    """`--json` and `--quiet`, as `as_json` and `quiet`."""
    function = click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors.")(function)
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")(function)


def run_option(function: Command) -> Command:
    """`--run`, as `run`: the path of a run."""
    return click.option(
        "--run", envvar="WHELM_RUN", metavar="RUN", required=True, type=click.Path(path_type=Path),
        help="The run to use, a folder that `whelm build` made. WHELM_RUN may name it instead.",
    )(function)  # fmt: skip


def example(*lines: str) -> str:
    """The last paragraph of a help text."""
    word = "Example" if len(lines) == 1 else "Examples"
    return "\b\n" + f"{word}:\n" + "\n".join(f"  {line}" for line in lines)


_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?")


def parse_duration(text: str) -> float:
    """A time with its units to seconds: 90s, 5m, 1.5h, 1h30m."""
    match = _DURATION.fullmatch(text.strip().lower())
    if not match or not match[0]:
        raise click.BadParameter(f"expected a time with its unit, such as 90s, 5m or 1h30m, found '{text}'.")
    return sum(float(number or 0) * seconds for number, seconds in zip(match.groups(), (3600, 60, 1), strict=True))


def parse_limit(text: str) -> tuple[str, float]:
    """NAME=NUMBER, such as hit@1=0.7."""
    name, _, number = text.rpartition("=")
    with contextlib.suppress(ValueError):
        if name.strip():
            return name.strip(), float(number)
    raise click.BadParameter(f"expected NAME=NUMBER, such as hit@1=0.7, found '{text}'.")
