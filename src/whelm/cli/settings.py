"""From the flags of `build` and `demo` to one tree of settings, and leave to send text away.

Later ones win: default, TOML file, flags, `--set`. The origin of each value is kept for `--show-config`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from whelm.cli.options import parse_duration

if TYPE_CHECKING:
    from whelm.build.config import BuildConfig
    from whelm.core.config import Resolved

__all__ = ["allow_writer", "config_record", "gather", "settings_options"]

Command = TypeVar("Command", bound=Callable[..., Any])


def settings_options(function: Command) -> Command:
    """The options that decide what a build computes."""
    options = [
        click.option("--budget", metavar="TIME", type=parse_duration,
                     help="Wall clock of all teaching: 90s, 5m, 1h.  [default: 5m]"),
        click.option("--seed", type=int, help="Names every random choice.  [default: 0]"),
        click.option("--config", "toml", metavar="TOML", type=click.Path(path_type=Path), help="A file of settings."),
        click.option("--set", "sets", metavar="PATH=VALUE", multiple=True,
                     help="One setting, such as answers.false_refusals=0.1; may be repeated."),
        click.option("--show-config", is_flag=True, help="Print every setting, where it came from and why, and stop."),
        click.option("--dry-run", is_flag=True, help="Print the stages, what is done already, and the time, memory and "
                     "disk that the rest will take, and stop."),
        click.option("--writer", metavar="URL", help="An OpenAI-compatible endpoint that writes answers from the "
                     "evidence, such as http://127.0.0.1:8000/v1."),
        click.option("--writer-model", metavar="NAME", help="The model to ask for there."),
        click.option("--writer-key-env", metavar="VAR", help="The environment variable that holds the key."),
        click.option("--yes", is_flag=True, help="Do not ask whether text may leave this machine."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def gather(
    *,
    toml: Path | None = None,
    sets: Sequence[str] = (),
    budget: float | None = None,
    seed: int | None = None,
    ignore: Sequence[str] = (),
    python_library: bool = False,
    writer: str | None = None,
    writer_model: str | None = None,
    writer_key_env: str | None = None,
) -> Resolved[BuildConfig]:
    """The settings with their origins; a wrong name or value is a ConfigError that says where it stands."""
    from whelm.build.config import BuildConfig
    from whelm.core.config import Resolved, resolve

    resolved = resolve(BuildConfig(), toml)
    config, origins = resolved.tree, dict(resolved.origins)
    if budget is not None:
        config = replace(config, budget_s=budget)
        origins["budget_s"] = "--budget"
    if seed is not None:
        config, origins["seed"] = replace(config, seed=seed), "--seed"
    if ignore or python_library:
        sources = config.sources
        config = replace(config, sources=replace(
            sources, ignore=(*sources.ignore, *ignore), python_library=sources.python_library or python_library,
        ))  # fmt: skip
        origins |= {"sources.ignore": "--ignore"} if ignore else {}
        origins |= {"sources.python_library": "whelm demo"} if python_library else {}
    given = {"url": ("--writer", writer), "model": ("--writer-model", writer_model),
             "key_env": ("--writer-key-env", writer_key_env)}  # fmt: skip
    changes = {name: value for name, (_, value) in given.items() if value is not None}
    if changes:
        config = replace(config, writer=replace(config.writer, **changes))
        origins |= {f"writer.{name}": given[name][0] for name in changes}
    last = resolve(config, None, sets)
    return Resolved(last.tree, {**origins, **last.origins})


def config_record(resolved: Resolved[BuildConfig]) -> Mapping[str, Any]:
    """What `--show-config` prints."""
    from whelm.cli.render import plain
    from whelm.core import config

    # tuples of numbers, enumerations and paths as JSON knows them
    settings = [
        {"path": s.path, "value": plain(config.plain(s.value)), "origin": s.origin, "doc": s.doc}
        for s in config.show(resolved)
    ]
    return {"schema": "whelm.config/1", "settings": settings}


def allow_writer(config: BuildConfig, yes: bool, quiet: bool = False) -> None:
    """Let text leave the machine only where the user said so; raises ConfigError otherwise."""
    from urllib.parse import urlsplit

    from whelm.cli.render import say
    from whelm.core.errors import ConfigError

    if not config.writer.url:
        if config.writer.model or config.writer.key_env:
            raise ConfigError("a model or a key for a writer was given, and no endpoint", "give its URL: --writer URL")
        return
    if not config.writer.model:
        raise ConfigError(
            f"expected the name of a model at {config.writer.url}, found none", "give --writer-model NAME"
        )
    from whelm.generate.remote import is_loopback

    if is_loopback(config.writer.url):
        return
    try:
        host = urlsplit(config.writer.url).hostname or config.writer.url
    except ValueError:
        host = config.writer.url
    warning = f"questions and passages of your documents will be sent to {host}, which is not this machine"
    if yes:
        say(f"warning: {warning}", quiet)
    elif not sys.stdin.isatty():
        raise ConfigError(warning, "add --yes if that is what you want")
    elif not click.confirm(f"{warning[0].upper()}{warning[1:]}. Go on?", err=True):
        raise ConfigError(
            f"nothing was sent to {host}", "leave out --writer to have answers quoted, on this machine alone"
        )
